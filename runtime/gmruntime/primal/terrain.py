"""What the primal engines of one piece share: built when the first of them runs."""

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from gmruntime.flat import FlatGraph
from gmruntime.primal.landscape import Landscape, landscape_of

if TYPE_CHECKING:
    from gmruntime.primal.compiled import Arrays


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """A measured piece, and its arrays for compiled loops."""

    landscape: Landscape
    arrays: "Arrays"


@dataclass(slots=True, eq=False)
class Terrain:
    """A piece whose measuring, which needs numba, waits until an engine asks."""

    flat: FlatGraph
    ground: Ground | None = None
    lock: Lock = field(default_factory=Lock)


def terrain_of(terrain: Terrain) -> Ground:
    """Measure the piece, once."""
    with terrain.lock:
        if terrain.ground is None:
            from gmruntime.primal.compiled import arrays_of

            landscape = landscape_of(terrain.flat)
            terrain.ground = Ground(landscape, arrays_of(terrain.flat, landscape.log_potentials))
        return terrain.ground
