"""A graph cut into the places that windows join and what they depend on besides.

Places are the variables that some window joins, with others or with what is observed. They fall
into components; all other variables that a component's factors mention are its context. Once its
context is known, a component has factors of one place and of two.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from gmruntime.arrays import Bool, Int32, Int64
from gmruntime.factors.kinds.window import PlacePair
from gmruntime.graph import Assignment, FactorBlock, FactorGraph, num_states, table_indices

_NUM_CONFIGURATIONS_MAX = 4096
"""Contexts with more joint states are not gone through."""


@dataclass(frozen=True, slots=True, eq=False)
class Touching:
    """The factors of a block that mention places.

    Attributes:
        block: these factors alone.
        tables: for each, which table of the kind applies.
        component: of each factor.
        seen: the states of observed variables, -1 for others.
        is_place: whether the variable at each position is a place.
        digit: for variables of the context, which of its component's it is; else -1.
    """

    block: FactorBlock
    tables: Int64[np.ndarray, " factors"]
    component: Int64[np.ndarray, " factors"]
    seen: Int32[np.ndarray, "factors arity"]
    is_place: Bool[np.ndarray, "factors arity"]
    digit: Int64[np.ndarray, "factors arity"]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """A graph in components of places, and the rest.

    Attributes:
        graph: that was cut.
        evidence: of its variables.
        places: the variables that are places, ascending.
        component: of each place.
        contexts: for each component, the variables that it depends on besides.
        touching: the factors of components, by block.
        rest: all other factors.
    """

    graph: FactorGraph
    evidence: Assignment
    places: Int64[np.ndarray, " places"]
    component: Int64[np.ndarray, " places"]
    contexts: tuple[Int64[np.ndarray, " _context"], ...]
    touching: tuple[Touching, ...]
    rest: tuple[FactorBlock, ...]

    @property
    def num_components(self) -> int:
        """How many components there are."""
        return len(self.contexts)

    def num_configurations(self) -> list[int]:
        """Count the joint states of each component's context."""
        sizes = num_states(self.graph)
        return [math.prod(sizes[context].tolist()) for context in self.contexts]


def split(graph: FactorGraph, evidence: Assignment) -> Split | None:
    """Cut a graph; None where there are no places, or where factors join too many of them."""
    states = num_states(graph)
    is_free = (evidence < 0) & (states > 1)
    is_place = np.zeros(len(states), np.bool_)
    for block in graph.factors:
        if isinstance(block.kind, PlacePair):
            is_place[block.scopes[:, -2:].reshape(-1)] = True
    is_place &= is_free
    if not is_place.any():
        return None
    places = np.flatnonzero(is_place)
    number = np.full(len(states), -1, np.int64)
    number[places] = np.arange(len(places))
    ends: list[np.ndarray] = []
    touched: list[tuple[FactorBlock, np.ndarray]] = []
    rest: list[FactorBlock] = []
    for block in graph.factors:
        mentioned = is_place[block.scopes]
        count = mentioned.sum(axis=1)
        if (count > 2).any():
            return None
        if (count < 1).any():
            rest.append(block.some(count < 1))
        if (count > 0).any():
            touched.append((block, count > 0))
        both = count == 2
        if both.any():
            ends.append(block.scopes[both][mentioned[both]].reshape(-1, 2))
    joined = number[np.concatenate([np.zeros((0, 2), np.int64), *ends])]
    component = _components(len(places), joined)
    found = tuple(
        _touching(*one, (is_place, is_free), number, component, evidence) for one in touched
    )
    contexts = _contexts(found, int(component.max()) + 1)
    if any(math.prod(states[c].tolist()) > _NUM_CONFIGURATIONS_MAX for c in contexts):
        return None
    digits = tuple(_with_digits(one, contexts) for one in found)
    return Split(graph, evidence, places, component, contexts, digits, tuple(rest))


def _components(count: int, pairs: Int64[np.ndarray, "pairs two"]) -> Int64[np.ndarray, " nodes"]:
    """Number the connected parts of a graph of nodes."""
    from gmruntime.windows.compiled import join_all

    leads = np.arange(count)
    join_all(leads, np.ascontiguousarray(pairs))
    numbers = np.cumsum(leads == np.arange(count)) - 1
    return numbers[leads]


def _touching(
    block: FactorBlock,
    keep: Bool[np.ndarray, " factors"],
    flags: tuple[Bool[np.ndarray, " variables"], Bool[np.ndarray, " variables"]],
    number: Int64[np.ndarray, " variables"],
    component: Int64[np.ndarray, " places"],
    evidence: Assignment,
) -> Touching:
    is_place, is_free = flags
    own = block.some(keep)
    scopes = own.scopes
    mentioned = is_place[scopes]
    first = scopes[np.arange(len(scopes)), mentioned.argmax(axis=1)]
    # A variable of one state is as good as observed.
    seen = np.where(is_free[scopes], -1, np.maximum(evidence[scopes], 0)).astype(np.int32)
    digit = np.where(mentioned | (seen >= 0), -1, 0)
    return Touching(
        own, table_indices(own), component[number[first]], seen, mentioned, digit.astype(np.int64)
    )


def _contexts(touching: tuple[Touching, ...], count: int) -> tuple[np.ndarray, ...]:
    """List, for each component, the variables that are neither places nor observed."""
    pairs: list[np.ndarray] = [np.zeros((0, 2), np.int64)]
    for one in touching:
        rows, positions = np.nonzero(one.digit >= 0)
        found = one.component[rows], one.block.scopes[rows, positions].astype(np.int64)
        pairs.append(np.stack(found, axis=1))
    every = np.concatenate(pairs)
    if not len(every):
        return (np.zeros(0, np.int64),) * count
    every = np.unique(every, axis=0)
    starts = np.searchsorted(every[:, 0], np.arange(count + 1))
    return tuple(every[a:b, 1] for a, b in pairwise(starts))


def _with_digits(one: Touching, contexts: tuple[np.ndarray, ...]) -> Touching:
    rows, positions = np.nonzero(one.digit >= 0)
    if not len(rows):
        return one
    sizes = np.array([len(context) for context in contexts])
    starts = np.cumsum(sizes) - sizes
    above = 1 + max(int(context.max(initial=0)) for context in contexts)
    listed = np.repeat(np.arange(len(sizes)), sizes) * above + np.concatenate(contexts)
    component = one.component[rows]
    wanted = component * above + one.block.scopes[rows, positions]
    digit = one.digit.copy()
    digit[rows, positions] = np.searchsorted(listed, wanted) - starts[component]
    return replace(one, digit=digit)
