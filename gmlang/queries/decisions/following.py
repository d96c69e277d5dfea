"""What follows from a choice, and what then has no meaning."""

import heapq
from collections import defaultdict
from typing import Any

import numpy as np

from gmlang.core.program import Program
from gmlang.core.records.decisions import Knows
from gmlang.diagnostics import GmError, Span
from gmlang.errors import decisions as errors
from gmlang.graph.builder import Builder, Origin
from gmlang.graph.world.names import variable_name
from gmlang.graph.world.world import World
from gmlang.queries.decisions.said import Knowledge
from gmruntime.arrays import Bool

_WEIGHS = "factor", "prefer", "constraint", "predict", "use", "cover"
"""What a statement that says how probable something is begins with."""

Edges = tuple[np.ndarray, np.ndarray]


def edges_of(builder: Builder, world: World, knowledge: Knowledge) -> Edges:
    """Return all parents and children: of mechanisms, of auxiliary variables, and of policies."""
    parents = [np.zeros(0, np.int64)]
    children = [np.zeros(0, np.int64)]
    for one, other in builder.edges:
        parents.append(one.reshape(-1).astype(np.int64))
        children.append(other.reshape(-1).astype(np.int64))
    hidden = np.zeros(builder.num_variables, np.bool_)
    for array in world.hidden.values():
        hidden[array.variables.reshape(-1)] = True
    for block, origin in zip(builder.factors, builder.origins, strict=True):
        if origin.kind == "auxiliary":
            for column in range(block.scopes.shape[1]):
                child = block.scopes[:, column]
                chosen = hidden[child]
                for other in range(block.scopes.shape[1]):
                    if other != column:
                        parents.append(block.scopes[chosen, other].astype(np.int64))
                        children.append(child[chosen].astype(np.int64))
    for choice, known in knowledge.items():
        parents.append(np.array(known, np.int64))
        children.append(np.full(len(known), choice, np.int64))
    return np.concatenate(parents), np.concatenate(children)


def descendants(edges: Edges, starts: np.ndarray, count: int) -> Bool[np.ndarray, " variables"]:
    """Say of each variable whether it is one of some, or depends on one of them."""
    found = np.zeros(count, np.bool_)
    found[starts] = True
    if not len(starts) or not len(edges[0]):
        return found
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order

    source = np.full(len(starts), count, np.int64)
    rows, columns = np.append(edges[0], source), np.append(edges[1], starts)
    links = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(count + 1, count + 1))
    reached: Any = breadth_first_order(links.tocsr(), count, return_predecessors=False)
    found[reached[reached < count]] = True
    return found


def in_order(
    program: Program, world: World, edges: Edges, choices: np.ndarray, count: int
) -> np.ndarray:
    """Sort choices so that whatever one knows does not depend on a later one.

    Raises:
        GmError: where that is impossible.
    """
    waiting = np.bincount(edges[1], minlength=count)
    after: dict[int, list[int]] = defaultdict(list)
    for parent, child in zip(edges[0].tolist(), edges[1].tolist(), strict=True):
        after[parent].append(child)
    ready = np.flatnonzero(waiting == 0).tolist()
    wanted, found = set(choices.tolist()), list[int]()
    while ready:
        v = heapq.heappop(ready)
        if v in wanted:
            found.append(v)
        for child in after[v]:
            waiting[child] -= 1
            if waiting[child] == 0:
                heapq.heappush(ready, child)
    if len(found) < len(wanted):
        raise GmError([_circle(program, world, edges, wanted - set(found), count)])
    return np.array(found, np.int64)


def _circle(program: Program, world: World, edges: Edges, left: set[int], count: int) -> Any:  # noqa: ANN401 - a diagnostic
    """Say which choice knows what depends on it, or on another that knows what depends on it."""
    for choice in sorted(left):
        mine = edges[1] != choice
        plain = edges[0][mine], edges[1][mine]
        known = edges[0][~mine]
        reached = descendants(plain, np.array([choice]), count)
        late = known[reached[known]]
        if not len(late):
            continue
        name, seen = variable_name(world, choice), variable_name(world, int(late[0]))
        span = _knows(program, name)
        others = sorted(left - {choice})
        chosen_between = [
            other
            for other in others
            if reached[other]
            and not descendants(_without(plain, other), np.array([choice]), count)[late[0]]
        ]
        if chosen_between:
            other = variable_name(world, chosen_between[0])
            return errors.decided_in_a_circle(span, name, other)
        return errors.knows_what_follows(span, name, seen)
    raise AssertionError


def _without(edges: Edges, choice: int) -> Edges:
    keep = edges[1] != choice
    return edges[0][keep], edges[1][keep]


def _knows(program: Program, name: str) -> Span:
    own = name.partition("[")[0]
    spans = [s.span for s in program.statements if isinstance(s, Knows) and s.target.name == own]
    return spans[0] if spans else program.span


def check_evidence(
    builder: Builder, world: World, after: np.ndarray, free: np.ndarray, seen: np.ndarray
) -> None:
    """Refuse evidence that depends on choices still to be made, and factors that weigh such.

    Args:
        builder: of the graph that is asked.
        world: with names.
        after: which variables depend on them, themselves included.
        free: the choices.
        seen: the state of each observed variable, -1 for the others.

    Raises:
        GmError: naming what is seen, or the factor, and a choice.
    """
    choice = variable_name(world, int(free[0])) if len(free) else ""
    for variables, _, span in builder.observed:
        late = variables.reshape(-1)[after[variables.reshape(-1)]]
        if len(late):
            name = variable_name(world, int(late[0]))
            raise GmError([errors.decided_after(span, name, choice)])
    for block, origin in zip(builder.factors, builder.origins, strict=True):
        is_weighed = _weighs(origin)
        if is_weighed and (after & (seen < 0))[block.scopes].any():
            if origin.kind == "observe":
                raise GmError([errors.decided_after(origin.span, origin.span.text, choice)])
            raise GmError([errors.weighs_a_choice(origin.span, origin.span.text, choice)])


def _weighs(origin: Origin) -> bool:
    """Say whether a block is no mechanism: internal ones are constraints too."""
    return origin.kind == "observe" or origin.span.text.startswith(_WEIGHS)
