"""The k best assignments in one pass: messages that hold the k best of each state, not the best.

A clique joins the lists of its children, best with best first, and keeps for each state of its
separator the k best over its own variable. Of two sorted lists only pairs (i, j) with i * j <= k,
counted from one, can be among the k best sums.

Source: Seroussi and Golmard (1994), "An algorithm directly finding the K most probable
configurations in Bayesian networks".
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int, Int32, Int64
from gmruntime.budget import Budget
from gmruntime.elimination.passes.reference import Tree, align, clique_sum

# Pairs of list entries that NumPy adds, chooses from and sorts in a second.
_PAIRS_PER_SECOND = 1e7

# What NumPy takes for a clique, whatever its size.
_SECONDS_PER_CLIQUE = 2e-4

# Pairs held at once, and looked at between two looks at the clock.
_NUM_PAIRS_AT_ONCE = 1 << 19


@dataclass(frozen=True, slots=True, eq=False)
class _Lists:
    """What a clique tells its parent: sorted lists, padded with -inf.

    Attributes:
        scores: of each state of the separator, the best first.
        own: the state of the clique's own variable in each.
        ranks: for each child, which entry of its list each was made of.
    """

    scores: Float64[np.ndarray, "separator ranks"]
    own: Int32[np.ndarray, "separator ranks"]
    ranks: list[Int32[np.ndarray, "separator ranks"]]


def lists_cost(
    cliques: Sequence[tuple[int, ...]], num_states: Int[np.ndarray, " variables"], count: int
) -> tuple[float, float]:
    """Predict the seconds and bytes that a pass with lists takes.

    Args:
        cliques: in the order of elimination, the clique's own variable first.
        num_states: of every variable.
        count: how many assignments are wanted.
    """
    place = {scope[0]: k for k, scope in enumerate(cliques)}
    lengths = [1.0] * len(cliques)
    children: list[list[float]] = [[] for _ in cliques]
    seconds, held = 0.0, 0.0
    together, pairs_max = 1.0, 0.0
    most_pairs = count * (1.0 + math.log(count))
    for k, scope in enumerate(cliques):
        own = float(num_states[scope[0]])
        separator = math.prod(float(num_states[v]) for v in scope[1:])
        length = 1.0
        for below in children[k]:
            pairs = min(length * below, most_pairs)
            pairs_max = max(pairs_max, pairs)
            seconds += own * separator * pairs / _PAIRS_PER_SECOND
            length = min(float(count), length * below)
        seconds += own * separator * length / _PAIRS_PER_SECOND + _SECONDS_PER_CLIQUE
        lengths[k] = min(float(count), own * length)
        held += separator * lengths[k] * (12.0 + 4.0 * len(children[k]))
        if len(scope) > 1:
            children[min(place[v] for v in scope[1:])].append(lengths[k])
            continue
        pairs = min(together * lengths[k], most_pairs)
        pairs_max = max(pairs_max, pairs)
        seconds += pairs / _PAIRS_PER_SECOND
        together = min(float(count), together * lengths[k])
    # Beside the lists, the pairs at hand, those of one row at least; the assignments in the end.
    held += 64.0 * max(_NUM_PAIRS_AT_ONCE, pairs_max) + 16.0 * count * len(cliques)
    return seconds, held


def k_best(
    tree: Tree, count: int, blank: Int64[np.ndarray, " variables"], budget: Budget
) -> tuple[Int64[np.ndarray, "found variables"], Float64[np.ndarray, " found"]]:
    """Find up to `count` best assignments, best first; fewer only where no others are possible.

    Args:
        tree: of cliques.
        count: how many are wanted.
        blank: an assignment with what is observed filled in.
        budget: asked for time.

    Returns:
        The assignments, and what each scores, up to a constant of the network.

    Raises:
        TimeoutError: when the budget is spent.
    """
    lists: list[_Lists] = []
    for clique in range(len(tree.scopes)):
        lists.append(_clique_lists(tree, clique, lists, count, budget))
    roots = [k for k, parent in enumerate(tree.parents) if parent < 0]
    scores = np.zeros((1, 1))
    joins: list[tuple[np.ndarray, np.ndarray]] = []
    places = [np.zeros((1, 1), np.int32)]
    for root in roots:
        # Of each join it is kept what it was made of: roots may be many.
        scores, (before, own) = _joined(scores, places, lists[root].scores, count, budget)
        joins.append((before[0], own[0]))
        places = [np.arange(scores.shape[1], dtype=np.int32)[None]]
    possible = scores[0] > -np.inf
    chosen: dict[int, np.ndarray] = {}
    place = np.flatnonzero(possible)
    for root, (before, own) in zip(reversed(roots), reversed(joins), strict=True):
        chosen[root], place = own[place], before[place]
    found = np.tile(blank, (int(possible.sum()), 1))
    for clique in range(len(tree.scopes) - 1, -1, -1):
        budget.check()
        own, *separator = tree.scopes[clique]
        states = np.zeros(len(found), np.int64)
        for v in separator:
            states = states * int(tree.num_states[v]) + found[:, v]
        rank = chosen.pop(clique)
        found[:, own] = lists[clique].own[states, rank]
        for child, of_child in zip(tree.children[clique], lists[clique].ranks, strict=True):
            chosen[child] = of_child[states, rank]
    return found, scores[0][possible]


def _clique_lists(
    tree: Tree, clique: int, lists: list[_Lists], count: int, budget: Budget
) -> _Lists:
    """Join what the children of a clique tell it, and keep the best over its own variable."""
    scope = tree.scopes[clique]
    shape = tuple(int(tree.num_states[v]) for v in scope)
    table = clique_sum(tree, clique, tree.potentials[clique]).reshape(-1)
    scores, ranks = table[:, None], list[np.ndarray]()
    for child in tree.children[clique]:
        inner = tree.scopes[child][1:]
        sizes = [int(tree.num_states[v]) for v in inner]
        numbers = np.arange(math.prod(sizes)).reshape(sizes)
        rows = np.broadcast_to(align(numbers, inner, scope), shape).reshape(-1)
        scores, ranks = _joined(scores, ranks, lists[child].scores, count, budget, rows)
    length = scores.shape[1]
    budget.check()
    wide = scores.reshape(shape[0], -1, length).transpose(1, 0, 2).reshape(-1, shape[0] * length)
    kept = _largest(wide, min(count, wide.shape[1]))
    own, rank = np.divmod(kept, length)
    rows = own * (len(table) // shape[0]) + np.arange(len(wide))[:, None]
    chosen = [of_child[rows, rank] for of_child in ranks]
    return _Lists(np.take_along_axis(wide, kept, axis=1), own.astype(np.int32), chosen)


def _joined(
    scores: np.ndarray,
    ranks: list[np.ndarray],
    others: np.ndarray,
    count: int,
    budget: Budget,
    rows: np.ndarray | None = None,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Add two lists in each row, and keep the best sums; `rows` says which of the others."""
    rows = np.zeros(len(scores), np.int64) if rows is None else rows
    first, second = _pairs(scores.shape[1], others.shape[1], count)
    length = min(count, len(first))
    found = np.empty((len(scores), length))
    new = [np.empty((len(scores), length), np.int32) for _ in range(len(ranks) + 1)]
    step = max(1, _NUM_PAIRS_AT_ONCE // len(first))
    for start in range(0, len(scores), step):
        budget.check()
        piece = slice(start, start + step)
        sums = scores[piece][:, first] + others[rows[piece]][:, second]
        kept = _largest(sums, length)
        found[piece] = np.take_along_axis(sums, kept, axis=1)
        for out, old in zip(new, ranks, strict=False):
            out[piece] = np.take_along_axis(old[piece], first[kept], axis=1)
        new[-1][piece] = second[kept]
    return found, new


def _pairs(num_first: int, num_second: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """List the pairs of places in two sorted lists that may be among the `count` best."""
    most = [min(num_second, count // (i + 1)) for i in range(min(num_first, count))]
    first = np.repeat(np.arange(len(most)), most)
    starts = np.cumsum(most) - most
    return first, np.arange(len(first)) - np.repeat(starts, most)


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Return the places of the `count` largest of each row, the largest first."""
    if count < values.shape[1]:
        places = np.argpartition(-values, count - 1, axis=1)[:, :count]
    else:
        places = np.broadcast_to(np.arange(count), (len(values), count))
    order = np.argsort(-np.take_along_axis(values, places, axis=1), axis=1, kind="stable")
    return np.take_along_axis(places, order, axis=1)
