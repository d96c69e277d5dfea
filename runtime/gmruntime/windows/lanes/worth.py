"""What components of places are worth in rows of data, some rows side by side."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from gmruntime.arrays import Bool, Float64, Int64
from gmruntime.budget import Budget
from gmruntime.factors.kinds import Lookup
from gmruntime.graph import FactorGraph
from gmruntime.windows.lanes.looked import Looked
from gmruntime.windows.pairs import Pairs, pairs_of, some_of
from gmruntime.windows.passes import hung, upward
from gmruntime.windows.records import WINDOW
from gmruntime.windows.rest import METHOD, configurations
from gmruntime.workspace import Workspace, digest_of

_LANES = 16
"""Rows side by side: their numbers of one state fill two lines of the cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Worth:
    """What components are worth.

    Attributes:
        values: for each component, in each state of its context, in each row that was asked about.
        is_lost: of each of these rows, whether digits may have been lost.
    """

    values: Float64[np.ndarray, "configurations components rows"]
    is_lost: Bool[np.ndarray, " rows"]


def worth_of(
    graph: FactorGraph, looked: Looked, states: np.ndarray, budget: Budget, workspace: Workspace
) -> Worth | None:
    """Work out what components are worth, or return what was for the same graph and rows.

    Args:
        graph: validated.
        looked: what its places look up.
        states: the rows of data, ascending.
        budget: ends it.
        workspace: keeps it.

    Returns:
        None where windows go round in circles, or are none.

    Raises:
        TimeoutError: when the budget is spent.
        TooLargeError: where factors of two places are too large as tables.
    """
    try:
        digest = digest_of((*_made_of(graph, states), METHOD))
    except TypeError:
        return _worth(looked, states, budget)
    known = workspace.find(Worth, digest)
    if known is None:
        known = _worth(looked, states, budget)
        if known is not None:
            workspace.keep(digest, known)
    return known


def _made_of(graph: FactorGraph, states: np.ndarray) -> Iterator[object]:
    """List what the worth of components depends on."""
    yield graph.variables
    for block in graph.factors:
        kind = block.kind
        if isinstance(kind, Lookup):
            # Larger arrays than others look at: what hundreds of templates look up.
            arrays = kind.seen[states], kind.site, kind.log_if_true, kind.log_if_false
            yield (
                kind.is_gated,
                *(blake2b(np.ascontiguousarray(one).data).digest() for one in arrays),
            )
            yield kind.site.shape, kind.seen.shape
        else:
            yield kind
        yield block.scopes


def _worth(looked: Looked, states: np.ndarray, budget: Budget) -> Worth | None:
    """Go through the states of all contexts; None where windows go round in circles."""
    found = looked.found
    count, counts = found.num_components, np.array(found.num_configurations())
    values = np.zeros((int(counts.max()), count, len(states)))
    is_lost = np.zeros(len(states), np.bool_)
    for c, own in enumerate(configurations(found)):
        pairs = pairs_of(found, own, budget)
        forest = hung(pairs)
        if forest.num_left or (pairs.edges.code != WINDOW).any():
            return None
        places = np.array(sorted(looked.site), np.int64)
        gates = np.array([looked.gate[v] for v in places.tolist()], np.int64)
        component = found.component[places]
        is_on = gates < 0
        is_on[~is_on] = own[component[~is_on], gates[~is_on]] > 0
        does_look = np.zeros(count, np.bool_)
        does_look[component[is_on]] = True
        # A component of few states has begun again meanwhile.
        is_asked = c < counts
        plain, looks = (is_asked & mask for mask in (~does_look, does_look))
        if plain.any():
            keep = plain[found.component]
            some = some_of(pairs, keep)
            top = upward(some, hung(some).tree, False, budget).top
            total = np.bincount(found.component[keep], top, minlength=count)
            values[c, plain] = total[plain, None]
        if looks.any():
            keep = looks[found.component]
            chosen = places[is_on & looks[component]]
            _by_lanes(looked, some_of(pairs, keep), (keep, chosen), states, (values[c], is_lost))
        budget.check()
    values[:, :, is_lost] = 0.0
    return Worth(values, is_lost)


def _by_lanes(
    looked: Looked,
    pairs: Pairs,
    places: tuple[Bool[np.ndarray, " places"], Int64[np.ndarray, " looking"]],
    states: np.ndarray,
    out: tuple[Float64[np.ndarray, "components rows"], Bool[np.ndarray, " rows"]],
) -> None:
    """Add up components some of whose places look something up, for all rows.

    Args:
        looked: the graph.
        pairs: of these components alone.
        places: which places of the graph these are, and which of them look.
        states: the rows.
        out: filled; and rows for which digits were lost become true.
    """
    from gmruntime.windows.lanes.compiled import Grids, Room, climb_lanes, pieces_needed

    keep, looking = places
    values, is_lost = out
    component = looked.found.component[keep]
    start, tree, edges = pairs.start, hung(pairs).tree, pairs.edges
    site = np.zeros(len(pairs.unary), np.int64)
    if_true, if_false = pairs.unary.copy(), pairs.unary.copy()
    own = (np.cumsum(keep) - 1)[looking]
    for v, k in zip(looking.tolist(), own.tolist(), strict=True):
        here = slice(start[k], start[k + 1])
        site[here] = looked.site[v]
        if_true[here] += looked.if_true[v]
        if_false[here] += looked.if_false[v]
    highest = np.maximum.reduceat(np.maximum(if_true, if_false), start[:-1])
    highest[np.isneginf(highest)] = 0.0
    sizes, is_root = np.diff(start), tree.parent < 0
    if_true, if_false = (np.exp(one - np.repeat(highest, sizes)) for one in (if_true, if_false))
    # One component after the other: what waits for its children then takes less room.
    order = tree.order[np.argsort(component[tree.order], kind="stable")]
    ints = (
        edges.ints[np.maximum(tree.edge, 0)] if len(edges.ints) else np.ones((len(sizes), 4), int)
    )
    ints = np.ascontiguousarray(np.where(is_root[:, None], 1, ints).T)
    roots = np.flatnonzero(is_root)
    number = np.full(len(sizes), -1, np.int64)
    number[roots] = np.arange(len(roots))
    scale = np.zeros(len(sizes))
    np.add.at(scale, tree.root, highest)
    rows, columns, down, aside = ints
    grids = Grids(
        *(order, tree.parent, number, start, rows, columns, down, aside),
        *(site, if_true, if_false, scale),
    )
    pieces = pieces_needed(order, tree.parent, np.zeros(len(sizes), np.bool_))
    for first in range(0, len(states), _LANES):
        some = states[first : first + _LANES]
        seen = np.ascontiguousarray(looked.seen[some].T).view(np.uint8)
        width = int(sizes.max()) * len(some)
        room = Room(
            np.empty((pieces, width)),
            np.ones(pieces, np.bool_),
            np.full(len(sizes), -1, np.int64),
            np.empty((2, width)),
            np.empty(len(some)),
            np.zeros((len(sizes), len(some))),
        )
        sums, lost = np.zeros((len(roots), len(some))), np.zeros(len(some), np.bool_)
        climb_lanes(grids, seen, room, sums, lost)
        its = slice(first, first + len(some))
        values[np.unique(component), its] = 0.0
        for k, own in zip(component[roots].tolist(), sums, strict=True):
            values[k, its] += own
        is_lost[its] |= lost
