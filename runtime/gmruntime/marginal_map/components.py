"""The parts of a marginal MAP that share no factor: each is searched and bounded on its own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from gmruntime.arrays import component_of
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock
from gmruntime.quality import is_proved
from gmruntime.simplify.network import Factor, Network

NUM_APART_MAX = 16
"""More components than this are not searched one by one: the smallest are one together."""


@dataclass(frozen=True, slots=True, eq=False)
class Component:
    """Variables that hang together, their factors, and which of them are maximised.

    Attributes:
        network: of its variables alone; the constant is 0.
        asked: the variables that are maximised, ascending.
        summed: all others, ascending.
    """

    network: Network
    asked: tuple[int, ...]
    summed: tuple[int, ...]


class Worth(NamedTuple):
    """A certified lower bound on what states sum to, and its part that is rounding, nats.

    `is_exact` says that nothing but rounding keeps it from the sum.
    """

    log_lower: float
    spare: float = 0.0
    is_exact: bool = False


@dataclass(slots=True, eq=False)
class Standing:
    """What is known of a component.

    Attributes:
        component: it.
        states: the best known of what is asked, in that order; empty while none is known.
        log_lower: certified: what `states` sum to is no less, nats; -inf while none is known.
        log_upper: certified: no states sum to more.
        found_by: who found the states, in words.
        spare: what rounding took from the lower bound, and added to the upper one, nats.
        is_proved: whether nothing is better than the states.
    """

    component: Component
    states: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    log_lower: float = float("-inf")
    log_upper: float = float("inf")
    found_by: str = ""
    spare: tuple[float, float] = (0.0, 0.0)
    is_proved: bool = False

    def offer(self, states: np.ndarray, worth: "Worth", found_by: str) -> None:
        """Take states that are better than the best known."""
        if worth.log_lower > self.log_lower:
            self.states, self.log_lower, self.found_by = states.copy(), worth.log_lower, found_by
            self.spare = worth.spare, self.spare[1]
            self._settle()

    def bound(self, log_upper: float, spare: float = 0.0) -> None:
        """Take an upper bound that is lower than the one known, and its part that is rounding."""
        if log_upper < self.log_upper:
            self.log_upper, self.spare = log_upper, (self.spare[0], spare)
            self._settle()

    def _settle(self) -> None:
        """Note when the bound has met the states, but for rounding."""
        if self.log_lower > -np.inf:
            gap = self.log_upper - self.log_lower
            self.is_proved |= is_proved(0.0, gap - sum(self.spare))


def components_of(network: Network, asked: frozenset[int]) -> tuple[list[Component], float]:
    """Split a network into connected components, the largest first.

    Returns:
        the components with factors, and what the constant and the variables of no factor add.
    """
    index = {v: k for k, v in enumerate(network.free)}
    ends = [(index[f.scope[0]], index[v]) for f in network.factors for v in f.scope]
    labels = component_of(np.array(ends, np.int64).reshape(-1, 2), len(index))
    log_constant = network.log_constant
    members: dict[int, tuple[list[int], list[Factor]]] = {}
    for factor in network.factors:
        label = int(labels[index[factor.scope[0]]])
        members.setdefault(label, ([], []))[1].append(factor)
    for v in network.free:
        held = members.get(int(labels[index[v]]))
        if held is not None:
            held[0].append(v)
        elif v not in asked:
            log_constant += float(np.log(network.num_states[v]))
    parts = sorted(members.values(), key=lambda part: -len(part[0]))
    return [_component(network, *part, asked) for part in parts], log_constant


def _component(
    network: Network, free: list[int], factors: list[Factor], asked: frozenset[int]
) -> Component:
    own = Network(tuple(free), network.num_states, factors, 0.0)
    return Component(
        own,
        tuple(v for v in free if v in asked),
        tuple(v for v in free if v not in asked),
    )


def joined(components: Sequence[Component]) -> Component:
    """Return several components as one."""
    free = sorted(v for one in components for v in one.network.free)
    asked = frozenset(v for one in components for v in one.asked)
    factors = [f for one in components for f in one.network.factors]
    return _component(components[0].network, free, factors, asked)


def graph_of(
    factors: Iterable[Factor], variables: Sequence[int], num_states: np.ndarray
) -> tuple[FactorGraph, np.ndarray]:
    """Write factors over some variables as a graph of tables, a block for each shape.

    Returns:
        the graph, and for each of its variables the place among those given.
    """
    sizes = np.array([int(num_states[v]) for v in variables], np.int64)
    order = np.argsort(sizes, kind="stable")
    number = {variables[place]: k for k, place in enumerate(order.tolist())}
    found, counts = np.unique(sizes, return_counts=True)
    blocks = tuple(
        VariableBlock(f"x{size}", (count,), size)
        for size, count in zip(found.tolist(), counts.tolist(), strict=True)
    )
    groups: dict[tuple[int, ...], list[Factor]] = {}
    for factor in factors:
        groups.setdefault(factor.table.shape, []).append(factor)
    tables = tuple(
        FactorBlock(
            Table(np.stack([f.table for f in alike])),
            np.array([[number[v] for v in f.scope] for f in alike], np.int32),
        )
        for alike in groups.values()
    )
    return FactorGraph(blocks, tables), order
