"""From a checked program and its data to a factor graph.

Every statement is grounded once, over all its instances, by array arithmetic.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from gmlang.core.ast import (
    Activation,
    Context,
    Expression,
    IntRange,
)
from gmlang.core.check.joint.routes import grid_keys, joint_keys
from gmlang.core.program import (
    Define,
    Draw,
    ModelSymbol,
    ObserveValue,
    Program,
    Statement,
    VariableSymbol,
)
from gmlang.core.records.covering import is_existence
from gmlang.core.records.reals import DrawReal, ObserveReal
from gmlang.core.walk import is_real_reference, walk
from gmlang.diagnostics import Diagnostic, GmError
from gmlang.errors import grounding as errors
from gmlang.errors import later
from gmlang.errors.learning import concepts as learning_errors
from gmlang.errors.probabilities import rows_normalised
from gmlang.graph.alike import Alike, Said
from gmlang.graph.alternatives import ground_alternatives, is_gated
from gmlang.graph.builder import Builder, Origin
from gmlang.graph.cycles import check_mechanisms, find_round
from gmlang.graph.declarations import declare
from gmlang.graph.doing.changing import check_changes, ground_changes
from gmlang.graph.fixpoints import circles_of, ground_rounds
from gmlang.graph.gathering import Gathered
from gmlang.graph.holders import add_holders, leave_out_implied
from gmlang.graph.lowering.forms.matches import contested
from gmlang.graph.lowering.grounder import Grounder, Learned, Unknown, environment
from gmlang.graph.lowering.lower import lower
from gmlang.graph.reals.hidden import add_bases_of_hidden, declare_hidden
from gmlang.graph.reals.observed import add_bases_of_reals, forget_reals
from gmlang.graph.rows.alternatives import draw_alternatives
from gmlang.graph.rows.joint import JointReals, finish_rows
from gmlang.graph.rows.routes import declare_joint
from gmlang.graph.society.calls import ground_calls, refuse_calls_around
from gmlang.graph.society.covering import ground_covers
from gmlang.graph.society.existence import (
    existing_keys,
)
from gmlang.graph.society.priors import add_parts, add_prior
from gmlang.graph.society.scene import Scene
from gmlang.graph.statements import (
    find_silences,
    ground_statement,
)
from gmlang.graph.world.bindings import collected
from gmlang.graph.world.instances import (
    discover,
    empty_table,
    mentioned,
    model_frame,
    name_members,
    own_activation,
)
from gmlang.graph.world.states import BOOL
from gmlang.graph.world.world import (
    ONE_INSTANCE,
    World,
)
from gmlang.process.collecting import nothing_collected
from gmruntime.budget import Budget
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorGraph


@dataclass(frozen=True, slots=True, eq=False)
class Grounding:
    """A program as a factor graph, and the way back from indices to names.

    Attributes:
        joint: reals that depend on each other, and what is said of them; None where there are none.
        unsummed: of a prediction that was left out although its sum is not one, where only sums
            are asked for: what is not impossible is not known then. None where there is none.
    """

    program: Program
    world: World
    builder: Builder
    names: dict[str, str]
    gathered: Gathered = field(default_factory=Gathered)
    joint: JointReals | None = None
    unsummed: Diagnostic | None = None

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What looks like a mistake in the data, or in what the program makes of it."""
        uneven = self.world.uneven
        return (*self.world.warnings, *([rows_normalised(uneven)] if uneven else []))


def finite_graph(grounding: Grounding) -> FactorGraph:
    """Return the graph of a program, observations aside.

    Raises:
        GmError: where reals depend on each other: they are no variables of it.
    """
    world = grounding.world
    for entity, name in world.joint_reals:
        raise GmError([later.graph_of_reals(world.reals[entity][name].span, name)])
    return grounding.builder.graph()


def ground(
    program: Program,
    world: World,
    extra: Iterable[tuple[Context, Expression]] = (),
    budget: Budget | None = None,
    memory_bytes: int | None = None,
    *,
    sums_only: bool = False,
) -> Grounding:
    """Ground a program.

    Args:
        program: checked.
        world: sizes and data, from `gmlang.graph.world.bindings.bind`; it is not changed.
        extra: expressions of a query, whose model instances then exist as well.
        budget: of that query; None takes the time it needs.
        memory_bytes: cap on the tables of a statement; None takes that of the budget, or any.
        sums_only: only sums over all variables will be asked for: what sums to one may be left out.

    Raises:
        GmError: with all the mistakes that the data brings to light.
        TimeoutError: when the query has no time left.
    """
    begun = begin_grounding(program, world, extra)
    if sums_only:
        begun.grounder.world.unspoken = []
    return begun.finish(budget, memory_bytes)


@dataclass(frozen=True, slots=True, eq=False)
class Begun:
    """A program of which it is known what exists, and nothing else yet.

    Attributes:
        is_own: whether a query's expressions bring nothing into being: the graph is the program's.
        asked: those expressions.
        relates: whether the query asks how all the reals that these mention depend on each other.
    """

    program: Program
    grounder: Grounder
    keys: dict[str, np.ndarray]
    is_own: bool
    asked: tuple[tuple[Context, Expression], ...] = ()
    relates: bool = False

    @nothing_collected()
    def finish(self, budget: Budget | None = None, memory_bytes: int | None = None) -> Grounding:
        """Ground what the program says, within a question's budget, or within memory alone; once.

        Raises:
            GmError: with all the mistakes that the data brings to light.
            TimeoutError: when the question has no time left.
        """
        world = self.grounder.world
        world.allow(budget, memory_bytes if budget is None else budget.memory_bytes)
        joint = joint_keys(self.program, self.asked, relates=self.relates)
        declare_joint(self.grounder, self.program, joint)
        world.grids = grid_keys(self.program)
        found = _finish(self.program, self.grounder, self.keys, self.asked)
        world.allow(None, None)
        return found


@nothing_collected()
def begin_grounding(
    program: Program,
    world: World,
    extra: Iterable[tuple[Context, Expression]],
    learned: Learned | None = None,
    unknown: Unknown | None = None,
    *,
    relates: bool = False,
) -> Begun:
    """Find out what exists; the arguments are those of `ground` and the parts of the result.

    `learned` and `unknown` gather what depends on params and functions that are learned.
    """
    world = World(
        dict(world.sizes), dict(world.data), set(world.missing), quadrature=world.quadrature
    )
    world.has_functions = bool(program.functions)
    grounder = Grounder(world, Builder(), lower, learned=learned, unknown=unknown)
    declare(grounder, program)
    for symbol in program.models:
        world.models[symbol.name] = empty_table(world, symbol, environment(grounder, ONE_INSTANCE))
    name_members(world, program.members, environment(grounder, ONE_INSTANCE))
    extra = list(extra)
    done = [(c.context, e) for c in program.done for e in (c.target, c.value)]
    keys, is_own = discover(world, program.statements, done, extra, grounder.names)
    for symbol in program.models:
        keys[symbol.name] = existing_keys(world, symbol, keys[symbol.name])
        if symbol.is_open and len(keys[symbol.name]):
            raise GmError([_not_learned_yet(program, symbol, extra)])
    is_own = is_own and not any(is_real_reference(p) for _, e in extra for p in walk(e))
    return Begun(program, grounder, keys, is_own, tuple(extra), relates)


def _not_learned_yet(
    program: Program, symbol: ModelSymbol, extra: Iterable[tuple[Context, Expression]]
) -> Diagnostic:
    """Say where a model is needed that is still to be learned."""
    expressions = [expression for _, expression in extra]
    expressions += [e for statement in program.statements for e in mentioned(statement)]
    for expression in expressions:
        for part in walk(expression):
            if isinstance(part, Activation) and part.model == symbol.name:
                return learning_errors.not_learned_yet(part.span, symbol.name, symbol.span)
    return learning_errors.not_learned_yet(symbol.span, symbol.name, symbol.span)


def _finish(
    program: Program,
    grounder: Grounder,
    keys: dict[str, np.ndarray],
    asked: Sequence[tuple[Context, Expression]],
) -> Grounding:
    world, builder = grounder.world, grounder.builder
    for symbol in program.models:
        _add_instances(grounder, symbol, keys[symbol.name])
    held = [(symbol.name, symbol.span) for symbol in program.models if symbol.name in program.held]
    add_holders(grounder, program.statements, held)
    declare_hidden(grounder, program, asked)
    mark = builder.mark()
    _ground_statements(grounder, program)
    found = find_round(builder)
    if found is not None:
        refuse_calls_around(grounder, found)
        grounder.circles = circles_of(grounder, found)
        builder.reset(mark)
        world.uneven.clear()
        world.warnings.clear()
        world.unspoken = None if world.unspoken is None else []
        _ground_statements(grounder, program)
        ground_rounds(grounder)
    unsummed = contested(grounder)
    _add_bases(grounder, program)
    leave_out_implied(grounder)
    joint = finish_rows(grounder)
    return Grounding(program, world, builder, grounder.names, joint=joint, unsummed=unsummed)


def _ground_statements(grounder: Grounder, program: Program) -> None:
    diagnostics: list[Diagnostic] = []
    grounder.definitions.clear()
    grounder.covers.clear()
    grounder.calls.clear()
    forget_reals(grounder.world)
    scene = Scene(grounder)
    for step in _steps(scene, program):
        grounder.world.check_time()
        try:
            step()
        except GmError as error:
            diagnostics.extend(error.diagnostics)
    diagnostics.extend(_unheard(scene))
    collected(diagnostics)
    check_mechanisms(grounder.builder)
    check_changes(grounder, program)


def _add_bases(grounder: Grounder, program: Program) -> None:
    add_bases_of_reals(grounder)
    add_bases_of_hidden(grounder)
    drawn = np.zeros(grounder.builder.num_variables, np.bool_)
    for variables, _ in grounder.builder.mechanisms:
        drawn[variables] = True
    world = grounder.world
    arrays: list[tuple[np.ndarray, np.ndarray | None, VariableSymbol]] = []
    for symbol in program.variables:
        array = world.variables[symbol.name]
        size = int(np.prod(array.shape, dtype=np.int64))
        arrays.append((array.start + np.arange(size), array.log_base, symbol))
    for entity in program.entities:
        for symbol in entity.attributes:
            attribute = world.attributes[entity.name].get(symbol.name)
            if attribute is not None:
                size = int(np.prod(attribute.shape, dtype=np.int64))
                places = attribute.starts[:, None] + np.arange(size)[None, :]
                arrays.append((places.reshape(-1), attribute.log_base, symbol))
    for variables, log_base, symbol in arrays:
        free = variables[~drawn[variables]]
        if log_base is not None and len(free):
            origin = Origin("base", symbol.span)
            grounder.builder.add_factors(Table(log_base[None, :]), free[:, None], origin)


# --- Models ------------------------------------------------------------------------------


def _add_instances(grounder: Grounder, symbol: ModelSymbol, keys: np.ndarray) -> None:
    world = grounder.world
    table = world.models[symbol.name]
    rows = np.zeros((len(keys), len(table.sizes)), np.int64)
    rest = keys.copy()
    for position in range(len(table.sizes) - 1, -1, -1):
        rest, digit = np.divmod(rest, table.sizes[position])
        rows[:, position] = digit + table.firsts[position]
    start = grounder.builder.num_variables
    if len(keys):
        start = grounder.builder.add_variables(symbol.name, (len(keys),), BOOL)
    # Messages name an instance by its numbers; things have names of their own.
    numbers = [p for p in symbol.parameters if isinstance(p.domain, IntRange)]
    grounder.names |= {p.key: p.name for p in numbers}
    world.models[symbol.name] = replace(table, keys=keys, rows=rows, start=start)


def _steps(scene: Scene, program: Program) -> Iterator[Callable[[], None]]:
    """Yield what is to be done, one statement at a time, so that mistakes can be collected."""
    grounder = scene.grounder
    yield lambda: ground_changes(grounder, program)
    tables = [grounder.world.models[symbol.name] for symbol in program.models]
    present = [table for table in tables if len(table.keys)]
    for table in present:
        yield lambda table=table: add_prior(scene, program, table)
    for table in present:
        inside = Scene(
            grounder, scene.silences, scene.heard, table.symbol.name, own_activation(table.symbol)
        )
        frame = model_frame(table.symbol, table.rows)
        for statement in table.symbol.body:
            yield lambda i=inside, f=frame, s=statement: find_silences(i, f, s)
    ordered = sorted(program.statements, key=_turn)
    gated = [s for s in ordered if isinstance(s, Draw | Define) and is_gated(s)]
    if gated:
        yield lambda: ground_alternatives(grounder, gated)
    drawn = [s for s in ordered if isinstance(s, DrawReal) and is_gated(s)]
    if drawn:
        yield lambda: draw_alternatives(grounder, drawn)
    for statement in ordered:
        if not is_gated(statement):
            yield lambda s=statement: ground_statement(scene, ONE_INSTANCE, s)
    alike = Alike()
    for table in present:
        inside = Scene(
            grounder, scene.silences, scene.heard, table.symbol.name, own_activation(table.symbol)
        )
        frame = model_frame(table.symbol, table.rows)
        yield lambda i=inside, t=table: add_parts(i, t)
        for statement in table.symbol.body:
            if not alike.takes(inside, table, statement):
                yield lambda i=inside, f=frame, s=statement: ground_statement(i, f, s)
    yield from alike.steps(grounder, _ground_alone)
    for table in present:
        if table.symbol.is_called:
            yield lambda table=table: ground_calls(grounder, table)
    yield lambda: ground_covers(scene, program.statements)


def _turn(statement: Statement) -> int:
    """Say when a statement is grounded.

    What is observed is known before the size of any table is judged, and which things exist before
    what is observed of them.
    """
    match statement:
        case ObserveValue(target=Activation(model=model)) if is_existence(model):
            return 0
        case ObserveValue() | ObserveReal():
            return 1
        case _:
            return 2


def _ground_alone(said: Said) -> None:
    frame = model_frame(said.table.symbol, said.table.rows)
    ground_statement(said.scene, frame, said.statement)


def _unheard(scene: Scene) -> list[Diagnostic]:
    return [
        errors.no_such_prediction(silence.span, silence.model, silence.text)
        for silence in scene.silences
        if id(silence) not in scene.heard and not _another_heard(scene, silence.span)
    ]


def _another_heard(scene: Scene, span: object) -> bool:
    return any(s.span == span and id(s) in scene.heard for s in scene.silences)
