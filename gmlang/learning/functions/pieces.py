"""What of a graph depends on unknown functions, cut into pieces; those that look alike are one.

What was observed is left out, so that the graph falls apart there. In a piece each combination of
arguments that it can meet is a variable, the value there, which every rule fixes; its last state
allows every value.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from gmlang.diagnostics import GmError
from gmlang.errors.learning import functions as errors
from gmlang.graph.world.world import where_text
from gmlang.learning.functions.eliminating import Plan, plan_of
from gmlang.learning.functions.stage import Stage
from gmruntime.arrays import Float64, Int64
from gmruntime.budget import Budget
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, num_states
from gmruntime.rows.cutting.tables import as_tables, log_potentials

_ENTRIES_MAX = 1 << 24
"""The tables of a piece may have so many entries."""

_UNASKED = -1


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A part of the graph, and all places where there is the same.

    Attributes:
        graph: its own variables, and then one for each combination of arguments.
        num_own: how many its own are.
        functions: for each combination, of which function it is.
        free: the state of each that allows every value.
        cells: for each place and combination, the number of the arguments among all.
        weights: how often each place is there.
        places: the number of the first link of each, to name it; -1 where it has none, which is
            never so with all functions chosen.
        owners: whose each is; -1 for nobody's.
        known: log Z by the states of the combinations, as far as it was needed.
        plan: how it is worked out.
    """

    graph: FactorGraph
    num_own: int
    functions: Int64[np.ndarray, " combinations"]
    free: Int64[np.ndarray, " combinations"]
    cells: Int64[np.ndarray, "places combinations"]
    weights: Float64[np.ndarray, " places"]
    places: tuple[tuple[int, int, int], ...]
    owners: tuple[int, ...]
    plan: Plan
    known: dict[bytes, float] = field(default_factory=dict[bytes, float], repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """A graph in which what was observed is left out: factors, and links of each function.

    Attributes:
        is_linked: whether a link of any function is to a variable; each such has a factor.
    """

    states: np.ndarray
    factors: tuple["_Group", ...]
    links: tuple[tuple["_Group", ...], ...]
    is_linked: np.ndarray
    is_possible: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Factors with equally many open variables.

    Attributes:
        scopes: the open variables.
        tables: the factors' tables, or the cells of links.
        values: of links, what the function is to give; () for factors.
        content: which tables are equal, by number.
        places: of links, the number of the link and the instance.
    """

    scopes: np.ndarray
    tables: np.ndarray
    values: np.ndarray
    content: np.ndarray
    places: np.ndarray


def side_of(stage: Stage, *, is_seen: bool) -> Side:
    """Leave out what was observed; or, where nothing is seen, what observes.

    Raises:
        GraphError: where a statement is too large for tables.
    """
    builder = stage.grounding.builder
    linked = {id(link.factors) for links in stage.links for link in links}
    blocks = [
        block
        for block, origin in zip(builder.factors, builder.origins, strict=True)
        if id(block) not in linked and (is_seen or origin.kind != "observe")
    ]
    tables = as_tables(FactorGraph(tuple(builder.variables), tuple(blocks)))
    evidence = np.full(tables.graph.num_variables, -1, np.int64)
    if is_seen:
        evidence[: len(stage.evidence)] = stage.evidence
    known: dict[bytes, int] = {}
    factors: list[_Group] = []
    is_possible = True
    for block in tables.graph.factors:
        for _, scopes, (own,) in _open(block.scopes, (log_potentials(block),), evidence):
            if scopes.shape[1]:
                nothing = np.zeros((len(own), 0), np.int64)
                factors.append(_Group(scopes, own, nothing, _contents((own,), known), nothing))
            else:
                is_possible &= bool((own > -np.inf).all())
    links = tuple(
        tuple(
            _Group(scopes, cells, wanted, _contents((cells * 0, wanted), known), places)
            for number, link in enumerate(own_links)
            for rows, scopes, (cells, wanted) in _open(
                link.factors.scopes, (link.cells, link.values), evidence
            )
            for places in (np.stack([np.full(len(rows), number), rows], axis=1),)
        )
        for own_links in stage.links
    )
    states = num_states(tables.graph)
    is_linked = np.zeros(len(states), np.bool_)
    for group in (group for own_links in links for group in own_links):
        is_linked[group.scopes.reshape(-1)] = True
    is_bare = is_linked.copy()
    for group in factors:
        is_bare[group.scopes.reshape(-1)] = False
    factors += _anything(states, np.flatnonzero(is_bare), known)
    return Side(states, tuple(factors), links, is_linked, is_possible)


def _anything(
    states: np.ndarray, variables: np.ndarray, known: dict[bytes, int]
) -> Iterator[_Group]:
    """Yield factors that allow everything."""
    for size in np.unique(states[variables]).tolist():
        scopes = variables[states[variables] == size][:, None]
        tables, nothing = np.zeros((len(scopes), size)), np.zeros((len(scopes), 0), np.int64)
        yield _Group(scopes, tables, nothing, _contents((tables,), known), nothing)


def _open(
    scopes: np.ndarray, arrays: tuple[np.ndarray, ...], evidence: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, tuple[np.ndarray, ...]]]:
    """Yield the rows of a block with the same axes observed: their rows, open variables, tables."""
    seen = evidence[scopes]
    patterns, which = np.unique(seen >= 0, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        rows = np.flatnonzero(which.reshape(-1) == number)
        found: list[np.ndarray] = []
        for array in arrays:
            first = rows if len(array) > 1 else np.zeros(len(rows), np.int64)
            index: list[np.ndarray | slice] = [first]
            index += [seen[rows, k] if pattern[k] else slice(None) for k in range(len(pattern))]
            found.append(array[tuple(index)])
        yield rows, scopes[rows][:, ~pattern], tuple(found)


def _contents(arrays: tuple[np.ndarray, ...], known: dict[bytes, int]) -> np.ndarray:
    """Number tables by what stands in them."""
    flat = [np.ascontiguousarray(a.reshape(len(a), -1), np.float64) for a in arrays]
    both = np.concatenate([np.tile(flat[0].shape[1:], (len(flat[0]), 1)), *flat], axis=1)
    _, first, which = np.unique(both, axis=0, return_index=True, return_inverse=True)
    shape = str(arrays[0].shape[1:]).encode()
    own = [known.setdefault(shape + both[k].tobytes(), len(known)) for k in first]
    return np.array(own, np.int64)[which.reshape(-1)]


# --- Components ----------------------------------------------------------------------------


def weighted(side: Side, scopes: np.ndarray, tables: np.ndarray) -> Side:
    """Return a graph with a table for each of some open variables, the same in each row of them.

    Args:
        side: the graph.
        scopes: variables, the rows of which are alike.
        tables: for each column of them.
    """
    count, width = scopes.shape
    # Numbers that no other table has.
    content = -1 - np.tile(np.arange(width), count)
    nothing = np.zeros((scopes.size, 0), np.int64)
    group = _Group(scopes.reshape(-1, 1), np.tile(tables, (count, 1)), nothing, content, nothing)
    return replace(side, factors=(*side.factors, group))


def pieces_of(
    stage: Stage,
    side: Side,
    chosen: Iterable[int],
    budget: Budget,
    owners: np.ndarray | None = None,
) -> tuple[Piece, ...]:
    """Cut out what links are to; of functions that are not chosen nothing is said.

    What no chosen function has to do with, but another has, is there too: so log Z of all pieces
    together only falls when more functions are chosen.

    Args:
        stage: the program.
        side: its graph.
        chosen: the functions.
        budget: that has begun.
        owners: of each variable, for places of different owners to be told apart.

    Raises:
        GmError: where a piece is too large.
        TimeoutError: when the budget ended before that was done.
    """
    groups = [(-1, group) for group in side.factors]
    groups += [(f, group) for f in sorted(chosen) for group in side.links[f]]
    labels, is_wanted = _labels(side, groups)
    members: dict[int, list[tuple[int, int]]] = {}
    for number, own in enumerate(labels):
        for row, label in enumerate(own.tolist()):
            members.setdefault(label, []).append((number, row))
    found: dict[object, _Alike] = {}
    for count, (label, parts) in enumerate(members.items()):
        if not is_wanted[label] and all(groups[number][0] < 0 for number, _ in parts):
            continue
        if count % 64 == 0 and not budget.left_s():
            raise TimeoutError
        component = _component(side, groups, parts)
        alike = found.setdefault(component.key, _Alike(component))
        cells = tuple(component.cells)
        owner = -1 if owners is None else int(owners[component.variables].max(initial=-1))
        alike.add(cells, _place(groups, component), owner)
    return tuple(_piece(stage, side, groups, alike) for alike in found.values())


def _labels(side: Side, groups: list[tuple[int, _Group]]) -> tuple[list[np.ndarray], np.ndarray]:
    """Say for each factor which component it is in, and which components links are to."""
    # Compiled graphs are not needed before anything is learned.
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    count = len(side.states)
    starts = np.cumsum([count, *(len(group.scopes) for _, group in groups)])
    ends = [group.scopes.reshape(-1).astype(np.int64) for _, group in groups]
    nodes = [
        np.repeat(first + np.arange(len(group.scopes)), group.scopes.shape[1])
        for first, (_, group) in zip(starts, groups, strict=False)
    ]
    nothing = np.zeros(0, np.int64)
    variables, factors = np.concatenate([nothing, *ends]), np.concatenate([nothing, *nodes])
    size = int(starts[-1])
    ones = np.ones(len(variables), np.int8)
    links = coo_matrix((ones, (variables, factors)), (size, size))
    labels = np.asarray(connected_components(links.tocsr(), directed=False)[1])
    is_wanted = np.zeros(size, np.bool_)
    is_wanted[labels[:count][side.is_linked]] = True
    return np.split(labels[count:], starts[1:-1] - count) if groups else [], is_wanted


@dataclass(frozen=True, slots=True, eq=False)
class _Component:
    """Factors that hang together, and what tells them from others.

    Attributes:
        variables: of the graph, ascending.
        cells: function and number of each combination of arguments, in the order of their finding.
        first: the first link; None where none of a chosen function is there.
    """

    parts: list[tuple[int, int]]
    variables: np.ndarray
    cells: list[tuple[int, int]]
    first: tuple[int, int] | None
    key: object


def _component(
    side: Side, groups: list[tuple[int, _Group]], parts: list[tuple[int, int]]
) -> _Component:
    scopes = [groups[number][1].scopes[row] for number, row in parts]
    variables = np.unique(np.concatenate([np.zeros(0, np.int64), *scopes])).astype(np.int64)
    cells: dict[tuple[int, int], int] = {}
    key: list[object] = [tuple(side.states[variables].tolist())]
    first: tuple[int, int] | None = None
    for (number, row), scope in zip(parts, scopes, strict=True):
        function, group = groups[number]
        own: list[object] = [
            *(function, int(group.content[row])),
            tuple(np.searchsorted(variables, scope).tolist()),
        ]
        if function >= 0:
            first = first or (number, row)
            distinct, which = np.unique(group.tables[row], return_inverse=True)
            local = [
                _UNASKED if cell < 0 else cells.setdefault((function, cell), len(cells))
                for cell in distinct.tolist()
            ]
            own.append(np.array(local)[which.reshape(-1)].tobytes())
        key.append(tuple(own))
    return _Component(parts, variables, list(cells), first, tuple(key))


def _place(groups: list[tuple[int, _Group]], component: _Component) -> tuple[int, int, int]:
    """Return the number of a component's first link."""
    if component.first is None:
        return (-1, -1, -1)
    number, row = component.first
    function, group = groups[number]
    link, instance = group.places[row].tolist()
    return (function, link, instance)


@dataclass(slots=True, eq=False)
class _Alike:
    """A component and the places where there is the same."""

    component: _Component
    cells: dict[tuple[tuple[tuple[int, int], ...], int], int] = field(
        default_factory=dict[tuple[tuple[tuple[int, int], ...], int], int]
    )
    counts: list[float] = field(default_factory=list[float])
    places: list[tuple[int, int, int]] = field(default_factory=list[tuple[int, int, int]])
    owners: list[int] = field(default_factory=list[int])

    def add(
        self, cells: tuple[tuple[int, int], ...], place: tuple[int, int, int], owner: int
    ) -> None:
        """Count a place; an owner's with the same combinations of arguments are one."""
        number = self.cells.setdefault((cells, owner), len(self.cells))
        if number == len(self.counts):
            self.counts.append(0.0)
            self.places.append(place)
            self.owners.append(owner)
        self.counts[number] += 1.0


def _piece(stage: Stage, side: Side, groups: list[tuple[int, _Group]], alike: _Alike) -> Piece:
    component = alike.component
    functions = np.array([function for function, _ in component.cells], np.int64)
    free = np.array([stage.functions[f].states.count for f in functions], np.int64)
    own = side.states[component.variables].tolist()
    sizes = [int(size) for size in (*own, *(free + 1))]
    names = tuple(VariableBlock(f"v{k}", (), size) for k, size in enumerate(sizes))
    number = {cell: len(own) + k for k, cell in enumerate(component.cells)}
    blocks: list[FactorBlock] = []
    entries = 0
    for place, row in component.parts:
        function, group = groups[place]
        scope = np.searchsorted(component.variables, group.scopes[row]).astype(np.int32)
        if function < 0:
            blocks.append(FactorBlock(Table(group.tables[row][None]), scope[None]))
            continue
        cells, wanted = group.tables[row], group.values[row]
        states = stage.functions[function].states
        distinct = np.unique(cells)
        entries += distinct.size * cells.size * (states.count + 1)
        if entries > _ENTRIES_MAX:
            span = stage.links[function][int(group.places[row, 0])].span
            raise GmError([errors.too_open(span, span.text)])
        for cell in distinct.tolist():
            if cell < 0:
                table = np.where((cells >= 0) | (wanted == states.first), 0.0, -np.inf)
                blocks.append(FactorBlock(Table(table[None]), scope[None]))
                continue
            given = states.first + np.arange(states.count + 1)
            allowed = (cells != cell)[..., None] | (wanted[..., None] == given)
            allowed[..., -1] = True
            table = np.where(allowed, 0.0, -np.inf)
            whole = np.append(scope, number[function, cell]).astype(np.int32)
            blocks.append(FactorBlock(Table(table[None]), whole[None]))
    cells = np.array([[cell for _, cell in one] for one, _ in alike.cells], np.int64)
    graph = FactorGraph(names, tuple(blocks))
    return Piece(
        graph,
        len(own),
        functions,
        free,
        cells.reshape(len(alike.cells), len(functions)),
        np.array(alike.counts),
        tuple(alike.places),
        tuple(alike.owners),
        plan_of(graph, len(own)),
    )


def place_text(stage: Stage, place: tuple[int, int, int]) -> str:
    """Name a call and its instance: "`digit(a[n], b[n])` (n = 3)"."""
    function, number, row = place
    link = stage.links[function][number]
    text = " ".join(link.span.text.split())
    return f"`{text}`{where_text(link.frame, row, stage.grounding.names)}"
