"""A program, its cases and what is to be learned from them, made ready to be climbed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from gmlang.core.check.learned.params import without_value
from gmlang.core.parameters import Learn
from gmlang.core.program import Program
from gmlang.data.cases import Cases, read_cases
from gmlang.data.names import shown
from gmlang.diagnostics import GmError
from gmlang.errors.learning import cases as case_errors
from gmlang.errors.learning import course as errors
from gmlang.errors.learning import written as written_errors
from gmlang.graph.builder import NORMALISED, evidence_of
from gmlang.graph.from_core import Grounding, begin_grounding
from gmlang.graph.lowering.grounder import Learned
from gmlang.graph.values.environment import Env, Slots
from gmlang.graph.world.bindings import bind
from gmlang.graph.world.names import Named, named_in
from gmlang.graph.world.places import locate_array
from gmlang.graph.world.world import ONE_INSTANCE, World
from gmlang.learning.dependence.forms import General, numbers_of
from gmlang.learning.dependence.occurrences import Deriver, has_kink
from gmlang.learning.dependence.tables import Tables, tables_of
from gmlang.learning.numbers.coordinates import Layout, ParameterArray
from gmlang.learning.numbers.priors import Priors, read_priors
from gmlang.learning.numbers.starts import moved_inside
from gmlang.learning.rows import Rows, read_rows
from gmlang.learning.telling.barren import Telling, without_barren
from gmlang.queries.session import check_defined
from gmruntime.arrays import Bool
from gmruntime.budget import Budget
from gmruntime.rows.batches import Programs


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What is to be learned.

    Attributes:
        learn: as the program says.
        grounding: of the program, with placeholders for what has no value.
        telling: the tables, without what no row says anything about.
        rows: what was seen, all of it; variables that were left out are in some state.
        targets: the variables that are to be predicted; empty for all.
        started: of each number, whether the program or the caller says where it starts.
        start: where.
        normaliser: a statement for which log Z without evidence depends on what is learned; ""
            where mechanisms are all there is.
        heard: of each number, whether a row may say anything about it.
        programs: that were written to compile some of the rows: others that look alike share them.
    """

    learn: Learn
    program: Program
    grounding: Grounding
    telling: Telling
    priors: Priors
    rows: Rows
    targets: np.ndarray
    started: np.ndarray
    start: np.ndarray
    normaliser: str
    cases: Cases | None
    heard: np.ndarray
    programs: Programs = field(default_factory=Programs)

    @property
    def tables(self) -> Tables:
        """All tables that rows say anything about, as functions of what is learned."""
        return self.telling.tables

    @property
    def layout(self) -> Layout:
        """What is learned."""
        return self.tables.layout

    @property
    def has_latent(self) -> bool:
        """Whether a variable that learned tables speak of was not seen in some row."""
        mentioned = self._mentioned()
        return bool((self.rows.evidence[:, mentioned] < 0).any())

    @property
    def is_folded(self) -> bool:
        """Whether tables leave out what is needed of variables whose states are not only seen.

        Tables that hold for observed states alone say nothing of others.
        """
        folded = [one.reshape(-1) for one in self.grounding.builder.folded]
        if not folded or not self.targets.size:
            return bool(folded)
        return bool(np.isin(self.targets, np.concatenate(folded)).any())

    def is_complete(self, rows: Rows) -> bool:
        """Say whether some rows leave nothing open that a factor mentions."""
        scopes = (np.unique(block.scopes) for block in self.tables.graph.factors)
        return all((rows.evidence[:, scope] >= 0).all() for scope in scopes)

    def unseen(self) -> list[Named]:
        """List the variables that learned tables speak of and no row says anything about."""
        is_unseen = np.zeros(self.rows.evidence.shape[1], np.bool_)
        mentioned = self._mentioned()
        is_unseen[mentioned] = (self.rows.evidence[:, mentioned] < 0).all(axis=0)
        named = named_in(self.grounding.world)
        return [n for n in named if n.variables.size and is_unseen[n.variables].all()]

    def _mentioned(self) -> np.ndarray:
        found = np.zeros(self.rows.evidence.shape[1], np.bool_)
        for block, _ in self.tables.forms:
            found[self.tables.graph.factors[block].scopes] = True
        return np.flatnonzero(found)

    def is_rough(self) -> np.ndarray:
        """Say of each number whether it speaks of a variable that is latent in every row."""
        found = np.zeros(self.layout.size, np.bool_)
        unseen = np.asarray((self.rows.evidence < 0).all(axis=0))
        for block, form in self.tables.forms:
            if unseen[self.tables.graph.factors[block].scopes].any():
                found[numbers_of(form, self.layout)] = True
        # The states of one distribution start together.
        for array in self.layout.arrays:
            rows = array.rows(found)
            found[array.part] = np.broadcast_to(
                rows.any(axis=1, keepdims=True), rows.shape
            ).reshape(-1)
        return found & self.heard


def pose(
    program: Program,
    values: Mapping[str, object],
    learn: Learn,
    weight: str | None,
    rng: np.random.Generator,
    budget: Budget,
) -> Problem:
    """Bind, ground and read all that a `learn` needs.

    Args:
        program: checked.
        values: data, by core name; cases among them.
        learn: what is learned.
        weight: the column of weights.
        rng: of checks.
        budget: that has begun; its memory is a cap on the rows.

    Raises:
        GmError: for whatever is wrong with the data or the cases.
        TimeoutError: when the budget ended before it was known how tables depend on numbers.
    """
    _need_values(program, values, learn)
    world = bind(program, values, frozenset(learn.names))
    layout, started, start = _layout(program, values, learn, world)
    learned = Learned(frozenset(learn.names))
    grounding = begin_grounding(program, world, (), learned).finish(None, budget.memory_bytes)
    check_defined(grounding)
    own, clash = evidence_of(grounding.builder)
    if clash:
        raise GmError([case_errors.clashing_observations(learn.span)])
    known = {symbol.name: symbol.parameter for symbol in program.data}
    written = {name: p.prior for name in learn.names if (p := known[name]) is not None}
    priors = read_priors(layout, written, world)
    tables = tables_of(grounding, learned, layout, rng, budget)
    cases = _cases(program, values, learn)
    rows = Rows(own[None, :], np.ones(1), np.zeros(1, np.int64))
    if cases is not None:
        need_room(learn, cases.num_rows, len(own), budget.memory_bytes)
        rows = read_rows(grounding.world, cases, own, weight)
    targets = _targets(grounding, learn, rows)
    unseen = rows.evidence.max(axis=0, initial=-1) < 0
    for block, source in zip(tables.graph.factors, tables.sources, strict=True):
        if grounding.builder.origins[source].kind == "observe":
            unseen[block.scopes] = False
    unseen &= ~_at_kinks(grounding, tables)
    telling = without_barren(tables, unseen, rng.spawn(1)[0], budget)
    rows.evidence[:, telling.is_dropped] = 0
    normaliser = _normaliser(grounding)
    return Problem(
        *(learn, program, grounding, telling, priors, rows, targets, started, start),
        *(normaliser, cases, np.ones(layout.size, np.bool_)),
    )


def _at_kinks(grounding: Grounding, tables: Tables) -> Bool[np.ndarray, " variables"]:
    """Say of each variable whether a table with kinks may sum to a constant over it by chance.

    Not where it is drawn from that table, nor where it is alone in it.
    """
    deriver = Deriver(tables.layout)
    is_drawn = np.zeros(tables.graph.num_variables, np.bool_)
    for variables, _ in grounding.builder.mechanisms:
        is_drawn[variables] = True
    found = np.zeros(tables.graph.num_variables, np.bool_)
    for block, form in tables.forms:
        scopes = tables.graph.factors[block].scopes
        if not isinstance(form, General) or scopes.shape[1] < 2:
            continue
        if has_kink(deriver, form.made.job.term):
            is_mechanism = grounding.builder.origins[tables.sources[block]].kind in NORMALISED
            found[scopes[~is_drawn[scopes]] if is_mechanism else scopes] = True
    return found


def _need_values(program: Program, values: Mapping[str, object], learn: Learn) -> None:
    """Refuse params without a value that are not learned with the others."""
    symbols = {symbol.name: symbol for symbol in program.data}
    left = [
        name
        for name in without_value(program.data)
        if learn.names and name not in learn.names and name not in values
    ]
    if left:
        others = [shown(symbols[name]) for name in learn.names]
        raise GmError(
            [errors.learned_apart(symbols[n].span, shown(symbols[n]), others) for n in left]
        )


_ROW_BYTES = 16
"""What each cell of the evidence takes: the rows, those without targets, and what is merged."""


def need_room(learn: Learn, num_rows: int, num_variables: int, memory_bytes: int) -> None:
    """Refuse more rows than fit into memory.

    Raises:
        GmError: naming what is learned.
    """
    needed = _ROW_BYTES * num_rows * num_variables
    if needed > memory_bytes:
        raise GmError([errors.rows_too_large(learn.span, num_rows, num_variables, needed)])


def _layout(
    program: Program, values: Mapping[str, object], learn: Learn, world: World
) -> tuple[Layout, np.ndarray, np.ndarray]:
    symbols = {symbol.name: symbol for symbol in program.data}
    arrays: list[ParameterArray] = []
    started: list[np.ndarray] = [np.zeros(0, np.bool_)]
    start: list[np.ndarray] = [np.zeros(0)]
    position = 0
    for name in learn.names:
        symbol, value = symbols[name], world.data[name]
        assert symbol.parameter is not None
        kind = symbol.parameter.kind
        array = ParameterArray(name, shown(symbol), kind, value.shape, position)
        has_value = name in values or symbol.value is not None or symbol.literal is not None
        arrays.append(array)
        started.append(np.full(array.size, has_value))
        start.append(value.astype(np.float64).reshape(-1))
        position += array.size
    layout = Layout(tuple(arrays))
    return layout, np.concatenate(started), moved_inside(layout, np.concatenate(start))


def _cases(program: Program, values: Mapping[str, object], learn: Learn) -> Cases | None:
    if not learn.source:
        return None
    symbol = next(table for table in program.rows if table.name == learn.source)
    if symbol.name not in values:
        raise GmError([case_errors.rows_missing(learn.span, shown(symbol))])
    cases = read_cases(symbol, values[symbol.name])
    if not cases.num_rows:
        raise GmError([case_errors.no_rows(cases.span, cases.name)])
    return cases


def _targets(grounding: Grounding, learn: Learn, rows: Rows) -> np.ndarray:
    found: list[np.ndarray] = [np.zeros(0, np.int64)]
    for target in learn.targets:
        env = Env(grounding.world, ONE_INSTANCE, Slots(), (), grounding.names)
        variables, _ = locate_array(target, env)
        flat = variables.reshape(-1)
        if not (rows.evidence[:, flat] >= 0).any():
            raise GmError([written_errors.never_seen(target.span, target.span.text)])
        found.append(flat)
    return np.unique(np.concatenate(found))


def _normaliser(grounding: Grounding) -> str:
    for origin in grounding.builder.origins:
        if origin.kind not in NORMALISED:
            return " ".join(origin.span.text.split())
    return ""
