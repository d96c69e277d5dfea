"""Twin networks: what would have happened, beside what did.

Whatever follows from what is imagined has a copy, which comes about as it does, from the copies of
its parents; all else is shared, chance included (Balke and Pearl 1994, "Probabilistic evaluation
of counterfactual queries"). Where a mechanism leaves something to chance, its copy is drawn given
both worlds' parents and what happened: r(n' | n, pa, pa') = q(n, n' | pa, pa') / P(n | pa), with a
coupling q.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmlang.core.asking.options import COUPLING
from gmlang.core.ast import AttributeRef
from gmlang.core.program import Program, Query
from gmlang.core.records.doing import Intervention
from gmlang.core.walk import is_real_reference
from gmlang.diagnostics import GmError
from gmlang.errors import later
from gmlang.errors.acting import doing as errors
from gmlang.graph.builder import Builder, Origin, add_tables
from gmlang.graph.doing.changing import ancestors, descendants, each_once, hidden_mask, read
from gmlang.graph.lowering.grounder import Grounder, environment
from gmlang.graph.observations import seen_of
from gmlang.graph.values.evaluate import expand
from gmlang.graph.world.names import variable_name
from gmlang.graph.world.states import States
from gmlang.graph.world.world import ONE_INSTANCE
from gmlang.queries.worlds.couplings import COUPLINGS
from gmlang.queries.worlds.mechanisms import ENTRIES_MAX, Mechanism, mechanisms_of

_SEEN = ("draw", "define", "auxiliary", "observe")
"""What may speak of a variable that has a copy; anything else is no mechanism of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A variable whose mechanism leaves something to chance, and its copy.

    Attributes:
        mechanism: of the variable.
        child: its copy.
        parents: what the copy depends on: copies, or parents that both share.
        block: the number of the factor block that couples the two.
    """

    mechanism: Mechanism
    child: int
    parents: tuple[int, ...]
    block: int


@dataclass(frozen=True, slots=True, eq=False)
class Twin:
    """What was added to a graph for a world that is imagined.

    Attributes:
        pairs: parents before children.
        num_factors, num_variables: how many there were before: all later ones are of that world.
        is_named: whether the question says which coupling holds.
    """

    pairs: tuple[Pair, ...]
    num_factors: int
    num_variables: int
    is_named: bool


def imagine(grounder: Grounder, program: Program, query: Query) -> Twin:
    """Add copies of what would have been otherwise to a graph; names mean these from then on.

    Args:
        grounder: of the graph of what happened; it grows.
        program: that is asked about.
        query: says what would have been done, and what is asked for: copies are made of that, and
            of what it depends on. Without a coupling's name the monotone one is taken.

    Raises:
        GmError: where what follows from what is imagined comes about in no mechanism of its own.
    """
    builder, world = grounder.builder, grounder.world
    imagined = query.imagined
    coupling = query.method_options[0][0] if query.method == COUPLING else ""
    if any(world.reals.values()):
        raise GmError([later.imagined_reals(imagined[0].span)])
    fixed = _fixed(grounder, imagined)
    span = imagined[0].span
    after = descendants(builder, np.array(sorted(fixed), np.int64))
    _check_directed(grounder, after, fixed, imagined)
    mechanisms = _needed(grounder, program, after, fixed, query)
    redirect = np.arange(builder.num_variables)
    before = len(builder.factors), builder.num_variables
    for variable, state in fixed.items():
        redirect[variable] = _copy(builder, world_states(builder, variable))
        seen = np.array([redirect[variable]], np.int32), np.array([state], np.int32), span
        builder.observed.append(seen)
    pairs: list[Pair] = []
    for one in mechanisms:
        parents = tuple(int(redirect[p]) for p in one.parents)
        if parents == one.parents:
            continue
        redirect[one.child] = child = _copy(builder, one.table.shape[-1])
        copied = np.full(len(parents), child, np.int64)
        builder.edges.append((np.array(parents, np.int64), copied))
        origin = Origin("define", one.span)
        if one.is_deterministic:
            _add(builder, one.table, (*parents, child), origin)
            continue
        pairs.append(Pair(one, child, parents, len(builder.factors)))
        _add_coupled(builder, pairs[-1], coupling or "monotone", origin)
    world.redirect = redirect
    return Twin(tuple(pairs), *before, bool(coupling))


def world_states(builder: Builder, variable: int) -> int:
    """Return how many states a variable has."""
    return builder.variables[builder.block_of(variable)].num_states


def _copy(builder: Builder, count: int) -> int:
    return builder.add_variables(f"#imagined {builder.num_variables}", (1,), States(0, count))


def _fixed(grounder: Grounder, imagined: Sequence[Intervention]) -> dict[int, int]:
    """Return the state that each variable would have been set to."""
    found: dict[int, int] = {}
    sites: list[tuple[Intervention, np.ndarray]] = []
    for change in imagined:
        target, span = change.target, change.span
        if isinstance(target, AttributeRef) and is_real_reference(target):
            raise GmError([later.imagined_reals(span)])
        if change.operator != "=":
            raise GmError([later.imagined_law(span, span.text)])
        frame, _ = expand(environment(grounder, ONE_INSTANCE), change.context)
        if not frame.count:
            continue
        variables, _, states, seen = seen_of(grounder, frame, target, change.value, span)
        sites.append((change, variables[seen].reshape(-1)))
        found |= dict(zip(variables[seen].tolist(), states[seen].tolist(), strict=True))
    each_once(grounder, [(change.span, own) for change, own in sites])
    return found


def _check_directed(
    grounder: Grounder,
    after: np.ndarray,
    fixed: dict[int, int],
    imagined: Sequence[Intervention],
) -> None:
    """Refuse what speaks of something that has a copy, and is no mechanism."""
    builder, world = grounder.builder, grounder.world
    # Of definitions that go round every round has variables that nobody named.
    hidden = hidden_mask(builder)
    if any(hidden[np.intersect1d(children, after)].any() for _, children in builder.edges):
        raise GmError([later.imagined_circle(imagined[0].span)])
    inner = np.setdiff1d(after, np.array(sorted(fixed), np.int64))
    inner = inner[~hidden[inner]]
    touched = np.zeros(builder.num_variables, np.bool_)
    touched[after] = True
    for block, origin in zip(builder.factors, builder.origins, strict=True):
        if origin.kind in ("factor", "constraint"):
            found = block.scopes[touched[block.scopes]]
        elif origin.kind in _SEEN:
            continue
        else:
            found = block.scopes[np.isin(block.scopes, inner)]
        if not found.size:
            continue
        name = variable_name(world, int(found.flat[0]))
        if origin.kind in ("factor", "constraint"):
            word, (line, _) = origin.span.text.split(maxsplit=1)[0], origin.span.line_column()
            raise GmError([errors.no_unique_meaning(imagined[0].span, name, word, line)])
        raise GmError([later.imagined_prediction(imagined[0].span, name)])


def _needed(
    grounder: Grounder,
    program: Program,
    after: np.ndarray,
    fixed: dict[int, int],
    query: Query,
) -> list[Mechanism]:
    """Return the mechanisms of copies that what is asked depends on, parents first."""
    wanted: set[int] = set()
    for one in query.asked:
        frame, _ = expand(environment(grounder, ONE_INSTANCE), one.context)
        wanted.update(read(grounder, frame, one.value).tolist())
    # What nobody named stands for parts of mechanisms, which copies have whole.
    named = after[~hidden_mask(grounder.builder)[after]]
    inner = np.setdiff1d(named, np.array(sorted(fixed), np.int64))
    inner = np.intersect1d(inner, ancestors(grounder.builder, np.array(sorted(wanted), np.int64)))
    span = query.imagined[0].span
    known = {one.child: one for one in mechanisms_of(grounder, program, inner, span)}
    found: list[Mechanism] = []
    done: dict[int, bool] = {}

    def visit(variable: int) -> None:
        if variable not in known or done.get(variable):
            return
        if variable in done:
            raise GmError([later.imagined_circle(span)])
        done[variable] = False
        for parent in known[variable].parents:
            visit(parent)
        done[variable] = True
        found.append(known[variable])

    for variable in sorted(wanted):
        visit(variable)
    return found


def _add(builder: Builder, table: np.ndarray, scope: tuple[int, ...], origin: Origin) -> None:
    with np.errstate(divide="ignore"):
        logs = np.log(np.ascontiguousarray(table))[None]
    add_tables(builder, logs, np.array([scope], np.int32), origin, gated=False)


def _add_coupled(builder: Builder, pair: Pair, coupling: str, origin: Origin) -> None:
    """Add how a copy comes about, given both worlds' parents and what happened."""
    own = pair.mechanism
    *sizes, count = own.table.shape
    copied = [s for s, a, b in zip(sizes, own.parents, pair.parents, strict=True) if a != b]
    entries = int(np.prod([*sizes, *copied], dtype=np.float64)) * count**2
    if entries > ENTRIES_MAX:
        raise GmError([errors.too_wide(own.span, own.span.text, ENTRIES_MAX)])
    rows = own.table.reshape(-1, count)
    scope = tuple(dict.fromkeys((*own.parents, *pair.parents, own.child, pair.child)))
    table = _by_pairs(own, pair, rows, scope, coupling)
    _add(builder, table, scope, origin)


def _by_pairs(
    own: Mechanism, pair: Pair, rows: np.ndarray, scope: tuple[int, ...], coupling: str
) -> np.ndarray:
    """Return r over a scope, working out each pair of rows that both worlds may have once."""
    sizes, count = own.table.shape[:-1], own.table.shape[-1]
    states = dict(zip(own.parents, sizes, strict=True))
    states |= dict(zip(pair.parents, sizes, strict=True))
    outer = scope[:-2]
    shape = [states[v] for v in outer]
    places = np.indices(shape).reshape(len(outer), -1)
    row_of = [
        np.ravel_multi_index(tuple(places[outer.index(p)] for p in parents), sizes)
        for parents in (own.parents, pair.parents)
    ]
    number = row_of[0] * len(rows) + row_of[1]
    values, which = np.unique(number, return_inverse=True)
    made = np.empty((len(values), count, count))
    for k, value in enumerate(values.tolist()):
        a, b = divmod(value, len(rows))
        joint = np.diag(rows[a]) if a == b else COUPLINGS[coupling](rows[[a, b]])[0, 1]
        sums = joint.sum(axis=1, keepdims=True)
        made[k] = np.divide(joint, sums, out=np.zeros_like(joint), where=sums > 0.0)
        # What never happens says nothing of the other world.
        made[k][sums[:, 0] <= 0.0] = rows[b]
    return made[which.reshape(-1)].reshape(*shape, count, count)
