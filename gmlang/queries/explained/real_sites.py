"""Observed reals of a thing as sites: what each model says of them is a number."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmlang.graph.world.world import RealArray, SaidOfReals, World


@dataclass(frozen=True, slots=True, eq=False)
class RealSite:
    """An observed real, or an array of them that is predicted whole.

    Attributes:
        name: such as `colour`, `height[3]`.
        value: as it was observed.
        nats: of each activation that says something of it, relative to the base.
        is_gated: whether what is said depends on other variables as well.
    """

    name: str
    value: str
    nats: dict[int, float]
    is_gated: bool

    def gain(self, active: Sequence[int]) -> float:
        """Return what the active ones say together, nats."""
        return sum(self.nats[v] for v in active if v in self.nats)

    def is_known(self, active: Sequence[int]) -> bool:
        """Say whether that is the log of a density relative to the base.

        A product of several is, but for its integral, which is not worked out here.
        """
        return not self.is_gated and sum(v in self.nats for v in active) <= 1


def real_sites(world: World, entity: str, number: int) -> tuple[RealSite, ...]:
    """List what models say of the observed reals of a thing.

    Args:
        world: grounded.
        entity: of the thing.
        number: of the thing within its entity.
    """
    found: dict[tuple[str, int, int], RealSite] = {}
    for said in world.said_of_reals:
        if said.entity != entity:
            continue
        array = world.reals[entity][said.attribute]
        size = int(np.prod(array.shape, dtype=np.int64))
        mine = np.flatnonzero(said.places // max(1, size) == number)
        for row in mine.tolist():
            place = int(said.places[row])
            key = said.attribute, place, said.sizes
            if key not in found:
                name, value = _name(array, said, place - number * size), _value(array, said, place)
                found[key] = RealSite(name, value, {}, said.is_gated)
            site, gate = found[key], int(said.gates[row])
            site.nats[gate] = site.nats.get(gate, 0.0) + float(said.log_ratios[row])
            if said.is_gated and not site.is_gated:
                found[key] = RealSite(site.name, site.value, site.nats, True)
    return tuple(found.values())


def _name(array: RealArray, said: SaidOfReals, offset: int) -> str:
    size = int(np.prod(array.shape, dtype=np.int64))
    if said.sizes == size:
        return array.name
    index = np.unravel_index(offset, array.shape)
    rest = size
    parts: list[str] = []
    for k, length in zip(index, array.shape, strict=True):
        parts.append(":" if rest <= said.sizes else str(int(k)))
        rest //= length
    return f"{array.name}[{', '.join(parts)}]"


def _value(array: RealArray, said: SaidOfReals, place: int) -> str:
    values = array.values[place : place + said.sizes]
    shown = ", ".join(f"{v:.6g}" for v in values[:4])
    shown += ", ..." if len(values) > 4 else ""
    return shown if len(values) == 1 else f"[{shown}]"
