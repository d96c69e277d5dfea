"""How wide two tables would be if a part of a term were cut off, for all its parts at once.

The part's own table ranges over the variables it mentions, the other one over those that are
mentioned outside it: those that some way down from the whole reaches without passing the part. So
ways are counted, modulo a prime: from the whole to each part, and from each part to each variable.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from gmlang.core.ast import Aggregate, Distribution, Expression, Reference
from gmlang.core.walk import parts
from gmlang.graph.values.environment import Env, Slots, add_slot
from gmlang.graph.world.places import collect

_WAYS_PRIME = 2_147_483_629
"""Ways are counted modulo this, so that products of two counts fit into 64 bits; where a count is
wrong by a multiple of it, a cut is judged wrongly, and is as right as any other."""

_COUNTS_MAX = 1 << 22
"""More counts than this are not made."""


@dataclass(frozen=True, slots=True, eq=False)
class Widths:
    """The widths of a term's parts.

    Attributes:
        bits: of each variable, the logarithm to base 2 of its number of states.
        ways_to: from the whole to each part, by the part's identity.
        ways_from: from each part to each variable.
        total: from the whole to each variable.
    """

    bits: np.ndarray
    ways_to: dict[int, int]
    ways_from: dict[int, np.ndarray]
    total: np.ndarray

    def has(self, part: Expression) -> bool:
        """Say whether a part was measured: those of indices and of repeated items are not."""
        return id(part) in self.ways_from

    def inside(self, part: Expression) -> float:
        """Return the bits of the variables that a part mentions."""
        return float(self.bits @ (self.ways_from[id(part)] != 0))

    def of_both(self, part: Expression) -> float:
        """Return the logarithm to base 2 of how many entries both tables have, without the cut.

        Infinite where the part was not measured.
        """
        if not self.has(part):
            return math.inf
        through = self.ways_from[id(part)] * self.ways_to[id(part)] % _WAYS_PRIME
        sides = self.inside(part), float(self.bits @ (self.total != through))
        return max(sides) + math.log2(1 + 2 ** (min(sides) - max(sides)))


def widths_of(wholes: Sequence[Expression], env: Env) -> Widths | None:
    """Measure all the parts of some expressions together; None where that takes too long.

    Args:
        wholes: the expressions of a term.
        env: their instances, without slots.
    """
    order = list(_children_first(wholes))
    slots = _Leaves(env)
    leaves = {id(part): slots.of(part) for part in order if _is_leaf(part)}
    num_variables = len(slots.slots.items)
    if num_variables * len(order) > _COUNTS_MAX:
        return None
    ways_from: dict[int, np.ndarray] = {}
    for part in order:
        ways = np.zeros(num_variables, np.int64)
        if id(part) in leaves:
            ways[leaves[id(part)]] = 1
        else:
            for inner in parts(part):
                ways += ways_from[id(inner)]
        ways_from[id(part)] = ways % _WAYS_PRIME
    ways_to = {id(part): 0 for part in order}
    for whole in wholes:
        ways_to[id(whole)] += 1
    for part in reversed(order):
        if id(part) not in leaves:
            for inner in parts(part):
                ways_to[id(inner)] = (ways_to[id(inner)] + ways_to[id(part)]) % _WAYS_PRIME
    total = np.zeros(num_variables, np.int64)
    for whole in wholes:
        total = (total + ways_from[id(whole)]) % _WAYS_PRIME
    bits = np.array([math.log2(slot.states.count) for slot in slots.slots.items])
    return Widths(bits, ways_to, ways_from, total)


@dataclass(slots=True, eq=False)
class _Leaves:
    """The variables of what is not looked into, numbered as they are met."""

    env: Env
    slots: Slots = field(default_factory=Slots)

    def of(self, leaf: Expression) -> list[int]:
        inner = replace(self.env, slots=Slots(), path=())
        collect(leaf, inner)
        return [add_slot(self.slots, slot) for slot in inner.slots.items]


def _is_leaf(part: Expression) -> bool:
    """Say whether a part counts as a whole: repeated items are not the same in each repetition."""
    if isinstance(part, Distribution):
        return any(item.context for item in part.items)
    return isinstance(part, Reference | Aggregate)


def _children_first(wholes: Sequence[Expression]) -> Iterator[Expression]:
    seen: set[int] = set()
    pending = [(whole, False) for whole in wholes]
    while pending:
        part, is_done = pending.pop()
        if is_done:
            yield part
        elif id(part) not in seen:
            seen.add(id(part))
            pending.append((part, True))
            if not _is_leaf(part):
                pending.extend((inner, False) for inner in parts(part))
