"""Reals that are set to numbers: observed from then on, and drawn from nothing."""

import numpy as np

from gmlang.core.ast import AttributeRef
from gmlang.core.check.joint.routes import key_of
from gmlang.core.program import Program
from gmlang.core.records.doing import Intervention
from gmlang.core.records.reals import ObserveReal
from gmlang.core.walk import is_real_reference
from gmlang.diagnostics import GmError
from gmlang.errors import later
from gmlang.errors.acting import doing as errors
from gmlang.graph.lowering.grounder import Grounder, environment
from gmlang.graph.observations import array_value, fitted
from gmlang.graph.reals.observed import observe_real
from gmlang.graph.values.evaluate import expand
from gmlang.graph.world.places import locate_reals
from gmlang.graph.world.world import ONE_INSTANCE, Frame, select_rows


def observations(program: Program) -> tuple[ObserveReal, ...]:
    """Return what is done to reals as observations, which say what they are from then on."""
    return tuple(
        ObserveReal(change.span, change.context, change.target, change.value)
        for change in program.done
        if isinstance(change.target, AttributeRef) and is_real_reference(change.target)
    )


def set_real(grounder: Grounder, change: Intervention) -> None:
    """Set reals to numbers; NaN leaves one as it is.

    Raises:
        GmError: where one is set twice, is a parameter of others' laws, or outside its range.
    """
    target, world, span = change.target, grounder.world, change.span
    assert isinstance(target, AttributeRef)
    key = key_of(target)
    if key in world.outer_reals:
        raise GmError([later.set_parameter(span, target.span.text)])
    frame, _ = expand(environment(grounder, ONE_INSTANCE), change.context)
    if frame.count == 0:
        return
    env = environment(grounder, frame)
    places = locate_reals(target, env)
    values = fitted(array_value(change.value, env, places.ndim), places.shape, span)
    own = places[~np.isnan(values)].reshape(-1)
    known = world.changed_reals.get(key, np.zeros(0, np.int64))
    both = np.union1d(known, own)
    if len(both) < len(known) + len(own):
        raise GmError([errors.done_twice(span, target.span.text)])
    world.changed_reals[key] = both
    observe_real(grounder, frame, ObserveReal(span, (), target, change.value))
    if key in world.joint_reals:
        grounder.builder.real_mechanisms.append((world.joint_reals[key] + own, span))


def unset_instances(grounder: Grounder, frame: Frame, target: AttributeRef) -> Frame:
    """Return the instances in which a real is not set to a number.

    Raises:
        GmError: where some of an array is, and others are not.
    """
    set_places = grounder.world.changed_reals.get(key_of(target))
    if set_places is None or not frame.count:
        return frame
    places = locate_reals(target, environment(grounder, frame))
    are_set = np.isin(places, set_places).reshape(len(places), -1)
    is_set = np.broadcast_to(are_set.any(axis=1), (frame.count,))
    if (are_set.any(axis=1) != are_set.all(axis=1)).any():
        raise GmError([later.partly_set(target.span, target.span.text)])
    return select_rows(frame, ~is_set)
