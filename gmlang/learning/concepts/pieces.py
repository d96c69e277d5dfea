"""What of a graph concerns each example; examples that look alike share one piece.

What the program observes of anything but examples is given throughout. What is left is cut into
components: what no example is part of is the same in both terms of a score.
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from gmlang.learning.concepts.stage import Cast, Stage
from gmruntime.arrays import Bool, Int32, Int64
from gmruntime.budget import Budget
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, num_states
from gmruntime.rows.cutting.tables import as_tables, log_potentials


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A graph about one example, and all the examples that have the same.

    Attributes:
        seen: all that is said of it.
        plain: without what was observed of it.
        active: the activation of each part.
        alike: activations of parts about other examples that hang together with it, and of which
            part each is.
        given: the state of what was observed of anything but examples, else -1.
        members: the numbers of the examples.
        evidence: the state of what was observed of each, else -1.
    """

    seen: FactorGraph
    plain: FactorGraph
    active: Int64[np.ndarray, " parts"]
    alike: Int64[np.ndarray, "activations 2"]
    given: Int32[np.ndarray, " variables"]
    members: Int64[np.ndarray, " members"]
    evidence: Int32[np.ndarray, "members variables"]


@dataclass(frozen=True, slots=True, eq=False)
class _Whole:
    """A graph as tables, cut into components.

    Attributes:
        evidence: of all variables, those that tables have added included.
        is_about: whether a variable is an example's, or was added.
        is_given: whether it was observed of something else.
        labels: of each variable its component.
        factors: the factors, ordered by component.
        start: where those of each component begin.
        block_start: the number of each block's first factor.
        is_seen: of each block, whether it is something observed.
    """

    graph: FactorGraph
    evidence: np.ndarray
    is_about: np.ndarray
    is_given: np.ndarray
    labels: np.ndarray
    factors: np.ndarray
    start: np.ndarray
    block_start: np.ndarray
    is_seen: np.ndarray
    states: np.ndarray


def pieces_of(stage: Stage, cast: Cast, budget: Budget) -> tuple[Piece, ...]:
    """Cut out what concerns each example of a cast.

    Raises:
        GraphError: where a statement is too large for tables.
        TimeoutError: when the budget ended before that was done.
    """
    if not cast.things.size:
        return ()
    whole = _whole(stage)
    members: dict[bytes, list[tuple[int, np.ndarray]]] = {}
    found: dict[bytes, tuple[FactorGraph, FactorGraph, np.ndarray, np.ndarray, np.ndarray]] = {}
    meeting = _meeting(whole, cast) if cast is stage.examples else {}
    for number, own in enumerate(cast.own):
        if not budget.left_s():
            raise TimeoutError
        variables, blocks = _concerning(whole, np.union1d(own, cast.active[number]))
        evidence = np.full(len(variables), -1, np.int32)
        mine = np.isin(variables, own)
        evidence[mine] = whole.evidence[variables[mine]]
        active = np.searchsorted(variables, cast.active[number])
        given = np.where(whole.is_given[variables], whole.evidence[variables], -1)
        about = whole.is_about[variables]
        alike = _alike(whole, cast, number, variables, meeting)
        key = _key((whole.states[variables], active, alike, given, about), blocks)
        if key not in found:
            seen, plain = _graphs(whole, variables, blocks)
            found[key] = seen, plain, active, alike, given.astype(np.int32)
        members.setdefault(key, []).append((number, evidence))
    return tuple(
        Piece(
            *parts,
            np.array([number for number, _ in members[key]], np.int64),
            np.stack([evidence for _, evidence in members[key]]),
        )
        for key, parts in found.items()
    )


def _meeting(whole: _Whole, cast: Cast) -> dict[int, list[int]]:
    """List the examples of each component."""
    found: dict[int, list[int]] = {}
    for number, labels in enumerate(whole.labels[cast.active]):
        for label in np.unique(labels).tolist():
            found.setdefault(label, []).append(number)
    return found


def _alike(
    whole: _Whole, cast: Cast, number: int, variables: np.ndarray, meeting: dict[int, list[int]]
) -> Int64[np.ndarray, "activations 2"]:
    """List the activations about other examples among some variables."""
    labels = np.unique(whole.labels[variables]).tolist()
    others = {one for label in labels for one in meeting.get(label, ())} - {number}
    pairs = [np.zeros((0, 2), np.int64)]
    for other in sorted(others):
        parts = np.flatnonzero(np.isin(cast.active[other], variables))
        places = np.searchsorted(variables, cast.active[other][parts])
        pairs.append(np.stack([places, parts], axis=1).astype(np.int64))
    return np.concatenate(pairs)


def _whole(stage: Stage) -> _Whole:
    # Compiled graphs are not needed before anything is learned.
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    builder = stage.grounding.builder
    tables = as_tables(builder.graph())
    graph, count = tables.graph, tables.graph.num_variables
    evidence = np.full(count, -1, np.int32)
    evidence[: builder.num_variables] = stage.evidence
    is_about = np.zeros(count, np.bool_)
    is_about[builder.num_variables :] = True
    for own in (*stage.examples.own, *stage.others.own):
        is_about[own] = True
    for hidden in stage.grounding.world.hidden.values():
        is_about[hidden.variables] |= evidence[hidden.variables] < 0
    is_given = (evidence >= 0) & ~is_about
    block_start = np.cumsum([0, *(len(block.scopes) for block in graph.factors)])
    nothing = np.zeros(0, np.int64)
    ends = [nothing, *(b.scopes.reshape(-1).astype(np.int64) for b in graph.factors)]
    numbers = [
        nothing,
        *(
            np.repeat(first + np.arange(len(b.scopes)), b.scopes.shape[1])
            for first, b in zip(block_start, graph.factors, strict=False)
        ),
    ]
    variables, factors = np.concatenate(ends), np.concatenate(numbers)
    linked = ~is_given[variables]
    variables, factors = variables[linked], factors[linked]
    size = count + int(block_start[-1])
    ones = np.ones(len(variables), np.int8)
    links = coo_matrix((ones, (variables, count + factors)), (size, size))
    labels = np.asarray(connected_components(links.tocsr(), directed=False)[1])
    own = labels[count:]
    order = np.argsort(own, kind="stable")
    start = np.searchsorted(own[order], np.arange(int(labels.max(initial=-1)) + 2))
    is_seen = np.array([builder.origins[s].kind == "observe" for s in tables.sources], np.bool_)
    return _Whole(
        *(graph, evidence, is_about, is_given, labels[:count], order, start, block_start),
        *(is_seen, num_states(graph)),
    )


def _concerning(whole: _Whole, own: np.ndarray) -> tuple[np.ndarray, list[tuple[int, FactorBlock]]]:
    """Return the variables and factors of the components that some variables are in."""
    labels = np.unique(whole.labels[own])
    pieces = [whole.factors[whole.start[k] : whole.start[k + 1]] for k in labels]
    factors = np.sort(np.concatenate([np.zeros(0, np.int64), *pieces]))
    blocks = np.searchsorted(whole.block_start, factors, side="right") - 1
    found: list[tuple[int, FactorBlock]] = []
    for block in np.unique(blocks).tolist():
        rows = factors[blocks == block] - whole.block_start[block]
        whole_block = whole.graph.factors[block]
        keep = np.zeros(len(whole_block.scopes), np.bool_)
        keep[rows] = True
        found.append((block, whole_block.some(keep)))
    scopes = [block.scopes.reshape(-1).astype(np.int64) for _, block in found]
    variables = np.unique(np.concatenate([own, *scopes]))
    local: list[tuple[int, FactorBlock]] = []
    for number, block in found:
        scope = np.searchsorted(variables, block.scopes).astype(np.int32)
        local.append((number, FactorBlock(block.kind, scope, block.label)))
    return variables, local


def _key(arrays: tuple[np.ndarray, ...], blocks: list[tuple[int, FactorBlock]]) -> bytes:
    """Return what tells pieces apart: equal digests are equal graphs."""
    digest = blake2b(digest_size=16)
    for array in arrays:
        digest.update(np.ascontiguousarray(array, np.int64).tobytes())
        digest.update(b"|")
    for number, block in blocks:
        table = log_potentials(block)
        digest.update(f"{number}:{table.shape}:{block.scopes.shape}".encode())
        digest.update(np.ascontiguousarray(table).tobytes())
        digest.update(np.ascontiguousarray(block.scopes).tobytes())
    return digest.digest()


def _graphs(
    whole: _Whole, variables: np.ndarray, blocks: list[tuple[int, FactorBlock]]
) -> tuple[FactorGraph, FactorGraph]:
    """Return a piece with and without what was observed of examples."""
    states = whole.states[variables].tolist()
    names = tuple(VariableBlock(f"v{k}", (), int(count)) for k, count in enumerate(states))
    about: Bool[np.ndarray, " variables"] = whole.is_about[variables]
    kept: list[FactorBlock] = []
    for number, block in blocks:
        if not whole.is_seen[number]:
            kept.append(block)
            continue
        others = np.asarray(~about[block.scopes].any(axis=1))
        if others.any():
            kept.append(block.some(others))
    seen = FactorGraph(names, tuple(block for _, block in blocks))
    if len(kept) == len(blocks) and all(a is b for a, (_, b) in zip(kept, blocks, strict=True)):
        return seen, seen
    return seen, FactorGraph(names, tuple(kept))
