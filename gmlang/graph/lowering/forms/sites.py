"""What a random index may pick: the sites of a picture that a prediction is about."""

import math
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np

from gmlang.core.ast import AttributeRef, Expression, Reference, VariableRef, Whole
from gmlang.core.walk import is_random
from gmlang.diagnostics import Diagnostic
from gmlang.errors import shapes as errors
from gmlang.graph.lowering.folding import known_states
from gmlang.graph.lowering.grounder import Grounder, Job, environment
from gmlang.graph.values import terms
from gmlang.graph.values.environment import Env, Slot
from gmlang.graph.values.evaluate import conditions, integers
from gmlang.graph.values.offending import offending
from gmlang.graph.world.names import variable_name
from gmlang.graph.world.places import collect, thing_numbers
from gmlang.graph.world.states import States
from gmlang.graph.world.world import Frame


@dataclass(frozen=True, slots=True, eq=False)
class Sites:
    """The variables that a target may mean: an array of them in each instance."""

    starts: np.ndarray
    shape: tuple[int, ...]
    states: States

    def variables(self) -> np.ndarray:
        """List them all, each once."""
        inner = np.arange(math.prod(self.shape))
        return (np.unique(self.starts)[:, None] + inner).reshape(-1)


def is_moving(target: Reference) -> bool:
    """Say whether a random index picks what a prediction is about."""
    if not isinstance(target, VariableRef | AttributeRef):
        return False
    return any(is_random(index) for index in target.indices if not isinstance(index, Whole))


def plain_gates(job: Job) -> list[Reference]:
    """Return the first gate that is a variable, such as the model's own activation, if any is."""
    return [gate for gate in job.gates if _names(gate)][:1]


def other_gates(job: Job) -> list[Expression]:
    """List the other gates: where a place is such that something is said of a pixel at all."""
    plain = plain_gates(job)
    return [gate for gate in job.gates if not any(gate is one for one in plain)]


def indices_of(target: Reference) -> list[Expression]:
    """List the indices of a target; axes that it takes whole have none."""
    assert isinstance(target, VariableRef | AttributeRef)
    return [index for index in target.indices if not isinstance(index, Whole)]


def _names(gate: Expression) -> TypeGuard[Reference]:
    return isinstance(gate, Reference) and not any(
        is_random(part) for part in getattr(gate, "indices", ()) if not isinstance(part, Whole)
    )


def sites_at(
    grounder: Grounder, frame: Frame, job: Job
) -> tuple[Sites, list[Slot], np.ndarray] | None:
    """Return the variable that each pixel is about at each place: (pixels, places).

    It is -1 where a gate says that there is none, or a place lies outside; None where another index
    misses the array.
    """
    env = environment(grounder, frame)
    indices, array = _collected(grounder, frame, job, env)
    is_said, inner = _said(job, env)
    variables = np.zeros(is_said.shape, np.int64)
    for axis, index in enumerate(indices):
        values = integers(index, inner)
        misses = (values < 0) | (values >= array.shape[axis])
        if inner.holes or ((misses & is_said).any() and not _is_place(indices)):
            return None
        # A pair of a place and a shift that lies outside is no place: nothing is said of it.
        is_said &= ~misses
        variables += values * math.prod(array.shape[axis + 1 :])
    variables += array.starts.reshape(-1, *([1] * (variables.ndim - 1)))
    found = np.where(is_said, variables, -1).reshape(frame.count, -1)
    redirect = grounder.world.redirect
    if redirect is not None:
        found = np.where(found < 0, -1, redirect[np.maximum(found, 0)])
    return array, env.slots.items, found


def _target_of(job: Job) -> Reference:
    target = job.expressions()[len(terms.expressions(job.term)) - 1]
    assert isinstance(target, Reference)
    return target


def _collected(
    grounder: Grounder, frame: Frame, job: Job, env: Env
) -> tuple[list[Expression], Sites]:
    """Give what places depend on slots; return the indices, and what they may pick from."""
    indices = indices_of(_target_of(job))
    for part in (*indices, *other_gates(job)):
        collect(part, env)
    return indices, sites_of(grounder, frame, _target_of(job))


def _said(job: Job, env: Env) -> tuple[np.ndarray, Env]:
    """Say where gates hold, and return the surroundings of what is only asked for there."""
    shape = (env.frame.count, *(slot.states.count for slot in env.slots.items))
    inner, is_said = env.gathering(), np.ones(shape, np.bool_)
    for gate in other_gates(job):
        holds = np.broadcast_to(conditions(gate, inner), shape)
        inner = inner.guarded(holds, wanted=True)
        is_said &= holds
    return is_said, inner


def why_unmatched(grounder: Grounder, frame: Frame, job: Job) -> Diagnostic | None:
    """Say which index may miss the array, or what is not observed that may be picked; or None."""
    env = environment(grounder, frame)
    indices, array = _collected(grounder, frame, job, env)
    is_said, inner = _said(job, env)
    for axis, index in enumerate([] if _is_place(indices) else indices):
        values = np.broadcast_to(integers(index, inner), is_said.shape)
        misses = is_said & ((values < 0) | (values >= array.shape[axis]))
        if misses.any() and is_random(index):
            where, value = offending(misses, env), int(values[misses][0])
            last = array.shape[axis] - 1
            return errors.may_miss(index.span, index.span.text, value, last, where)
    found = sites_at(grounder, frame, job)
    if found is None:
        return None
    own = np.unique(found[2][found[2] >= 0])
    unseen = own[known_states(grounder)[own] < 0]
    if not len(unseen):
        return None
    name = variable_name(grounder.world, int(unseen[0]))
    span = next(index.span for index in indices if is_random(index))
    return errors.may_pick_unseen(span, span.text, name)


def _is_place(indices: list[Expression]) -> bool:
    """Say whether one written index stands for a row and a column."""
    return len(indices) == 2 and indices[0].span == indices[1].span


def sites_of(grounder: Grounder, frame: Frame, target: Reference) -> Sites:
    """Return what a target may be about, whatever its indices are."""
    world, still = grounder.world, environment(grounder, frame)
    assert isinstance(target, VariableRef | AttributeRef)
    if isinstance(target, VariableRef):
        own = world.variables[target.name]
        return Sites(np.full(1, own.start), own.shape, own.states)
    attribute = world.attributes[target.thing.entity][target.attribute]
    starts = attribute.starts[thing_numbers(target.thing, still)]
    return Sites(np.broadcast_to(starts, (frame.count,)), attribute.shape, attribute.states)
