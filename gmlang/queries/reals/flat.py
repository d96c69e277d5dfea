"""Reals without a base and without two ends: log Z is relative to them, or is none."""

from collections.abc import Iterator

import numpy as np

from gmlang.diagnostics import GmError
from gmlang.errors import probabilities as errors
from gmlang.graph.world.world import RealArray, World


def flat_priors(world: World) -> str:
    """Say relative to which flat priors log Z is, or "" where to none.

    Raises:
        GmError: where nothing holds one in place, not even an observation: there is no log Z.
    """
    names: list[str] = []
    for entity, array in _flat(world):
        is_open = np.isnan(array.values)
        hidden = world.hidden_reals.get((entity, array.name))
        if hidden is not None:
            is_open &= hidden.variables < 0
        if is_open.any():
            raise GmError([errors.improper(array.span, array.name, is_vague=False)])
        if array.values.size:
            names.append(f"`{array.name}`")
    return f"relative to a flat prior of {', '.join(names)}" if names else ""


def _flat(world: World) -> Iterator[tuple[str, RealArray]]:
    for entity, arrays in world.reals.items():
        for array in arrays.values():
            # What joint reals are relative to is said where they are integrated.
            if (entity, array.name) in world.joint_reals:
                continue
            if array.log_base is None and not np.isfinite([array.low, array.high]).all():
                yield entity, array
