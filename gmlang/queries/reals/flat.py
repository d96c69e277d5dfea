"""Reals without a base and without two ends: log Z is relative to them, or is none."""

from collections.abc import Iterator

import numpy as np

from gmlang.diagnostics import GmError
from gmlang.errors import probabilities as errors
from gmlang.graph.from_core import Grounding
from gmlang.graph.rows.joint import real_name
from gmlang.graph.world.world import RealArray, World


def flat_priors(grounding: Grounding) -> str:
    """Say relative to which flat priors log Z is, or "" where to none.

    Raises:
        GmError: where nothing holds one in place, not even an observation: there is no log Z.
    """
    world = grounding.world
    names: list[str] = []
    for entity, array in _flat(world):
        if (entity, array.name) in world.joint_reals:
            names += _flat_joint(grounding, array, world.joint_reals[entity, array.name])
            continue
        draws = grounding.builder.grid_draws
        drawn = [places for key, places, _ in draws if key == (entity, array.name)]
        is_flat = np.ones(array.values.size, np.bool_)
        is_flat[np.concatenate([np.zeros(0, np.int64), *drawn])] = False
        is_open = np.isnan(array.values) & is_flat
        hidden = world.hidden_reals.get((entity, array.name))
        if hidden is not None:
            is_open &= hidden.variables < 0
        if is_open.any():
            raise GmError([errors.improper(array.span, array.name, is_vague=False)])
        if is_flat.any():
            names.append(f"`{array.name}`")
    return f"relative to a flat prior of {', '.join(names)}" if names else ""


def _flat_joint(grounding: Grounding, array: RealArray, start: int) -> list[str]:
    """Do the same for reals that depend on each other: those that are drawn are not flat."""
    joint = grounding.joint
    assert joint is not None
    own = start + np.arange(array.values.size)
    flat = own[joint.flat[own]]
    loose = flat[(joint.places[flat] < 0) & np.isnan(array.values[flat - start])]
    if len(loose):
        name = real_name(grounding.world, int(loose[0]))
        raise GmError([errors.nowhere(array.span, name)])
    return [f"`{array.name}`"] if len(flat) else []


def _flat(world: World) -> Iterator[tuple[str, RealArray]]:
    for entity, arrays in world.reals.items():
        for array in arrays.values():
            if array.log_base is None and not np.isfinite([array.low, array.high]).all():
                yield entity, array
