"""What became of models that may sleep, by their names, as plain data."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import isfinite
from typing import NamedTuple

import numpy as np

from gmlang.graph.world.names import instance_name, named_in
from gmlang.graph.world.world import World
from gmruntime.waking.log import Event


class Row(NamedTuple):
    """What happened to a model: of `Event`, by names; what is infinite or not known is None."""

    seconds: float
    event: str
    model: str
    by: str
    ceiling: float | None
    evidence: float | None
    eps: float
    why: str


def rows_of(world: World, events: Sequence[Event]) -> list[dict[str, object]]:
    """Write what happened to models by their names, as plain data: a `Row` each."""
    name = _namer(world)

    def finite(value: float) -> float | None:
        return value if isfinite(value) else None

    return [
        Row(
            round(event.seconds, 6),
            event.what.value,
            name(event.variable),
            "prior" if event.by < 0 else name(event.by),
            finite(event.ceiling),
            finite(event.evidence),
            event.eps,
            event.why,
        )._asdict()
        for event in events
    ]


def _namer(world: World) -> Callable[[int], str]:
    """Return what names a variable: an activation, or whatever else."""
    starts = {table.start: table for table in world.models.values() if len(table.keys)}
    order = np.array(sorted(starts), np.int64)
    known: dict[int, str] = {}

    def name(variable: int) -> str:
        if variable not in known:
            place = int(np.searchsorted(order, variable, side="right")) - 1
            if place >= 0:
                table = starts[int(order[place])]
                if variable - table.start < len(table.keys):
                    known[variable] = instance_name(world, table, variable - table.start)
            if variable not in known:
                known.update(_others(world))
        return known.get(variable, f"#{variable}")

    return name


def _others(world: World) -> dict[int, str]:
    """Name all variables but activations."""
    found: dict[int, str] = {}
    for named in named_in(replace(world, models={})):
        flat = named.variables.reshape(-1)
        shape = named.variables.shape
        for number, variable in enumerate(flat.tolist()):
            place = ", ".join(str(int(k)) for k in np.unravel_index(number, shape)) if shape else ""
            found[variable] = f"{named.name}[{place}]" if place else named.name
    return found
