"""Predictions about what a random index picks among observed sites: exemplars matched to places.

`predict f.dot[f.row + i, f.column + j] ~ Bernoulli(mask[f.exemplar, i, j])` says for each exemplar
and each place how likely the picture under it is. Once all sites are observed that is a table,

    score[exemplar, place] = sum over p of w[exemplar, p, seen[site(p, place)]],

which is added up for all of them by a product of matrices: of what each pixel p of each exemplar
says of a state, and of which state is seen under it at each place. No pixel of any exemplar at any
place is grounded. Where sites lie is whatever the indices say: shifts, other frames, or tables.
"""

import math
from dataclasses import dataclass, replace
from typing import TypeGuard

import numpy as np

from gmlang.core.ast import (
    Activation,
    AttributeRef,
    Call,
    Expression,
    Local,
    Reference,
    Thing,
    VariableRef,
    Whole,
)
from gmlang.core.walk import is_random, walk
from gmlang.diagnostics import Diagnostic
from gmlang.errors import grounding as errors
from gmlang.graph.builder import add_tables
from gmlang.graph.lowering import table_sizes
from gmlang.graph.lowering.folding import known_states
from gmlang.graph.lowering.grounder import Grounder, Job, environment, hidden_reference
from gmlang.graph.values import terms
from gmlang.graph.values.environment import Env, Slot
from gmlang.graph.values.evaluate import conditions, integers
from gmlang.graph.values.ranges import num_entries
from gmlang.graph.world.places import collect, locate, thing_numbers
from gmlang.graph.world.states import States
from gmlang.graph.world.world import Frame, select_rows
from gmruntime.arrays import row_starts, rows_by
from gmruntime.budget import UNLIMITED
from gmruntime.simplify.memories.attention import sums_by_products

_ENTRIES_AT_ONCE = 1 << 22
"""Of what pixels say, and of the states seen under them, that are held at once: 32 MiB each."""

_GROUPS_MAX = 1 << 12
"""So many sets of variables are gone through one by one."""


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


def match(grounder: Grounder, frame: Frame, job: Job) -> bool:
    """Add predictions about what random indices pick, or leave them out where they sum to one.

    False where neither is known: something that may be picked is not observed.
    """
    if _add_matches(grounder, frame, job):
        return True
    return grounder.world.unspoken is not None and _leave_out(grounder, frame, job)


def _add_matches(grounder: Grounder, frame: Frame, job: Job) -> bool:
    """Add predictions about sites that random indices pick; False where they are not all observed.

    Args:
        grounder: grows.
        frame: the instances, one for each pixel of each prediction.
        job: of what is drawn, with its base, under one gate at most.
    """
    term = job.term
    assert isinstance(term, terms.Drawn)
    groups = _groups(grounder, frame, job)
    if groups is None:
        return False
    mark, known = grounder.builder.mark(), known_states(grounder)
    is_gated, depended = len(_plain_gates(job)) > 0, _depended(frame, job)
    # Members of a family that say the same, each under its own gate, share a table.
    tables: dict[tuple[bytes, ...], np.ndarray] = {}
    for scope, part in groups:
        inner = scope[1:] if is_gated else scope
        alike = inner.tobytes(), *(part.locals[key].tobytes() for key in depended)
        if alike not in tables:
            table = _table(grounder, part, job, known, scope)
            if table is None:
                grounder.builder.reset(mark)
                return False
            tables[alike] = table.reshape(1, *table.shape)
        add_tables(grounder.builder, tables[alike], scope[None], job.origin, gated=is_gated)
    return True


def _depended(frame: Frame, job: Job) -> list[str]:
    """List the loop variables and parameters that what is said, or of which site, depends on."""
    found: set[str] = set()
    for expression in (*terms.expressions(job.term), *_conditions(job)):
        for part in walk(expression):
            match part:
                case Local():
                    found.add(part.key)
                case AttributeRef():
                    found.add(part.thing.key)
                case Activation() | Call():
                    found |= {one.key for one in part.arguments if isinstance(one, Thing)}
                case _:
                    pass
    return [key for key in frame.locals if key in found]


def _leave_out(grounder: Grounder, frame: Frame, job: Job) -> bool:
    """Leave predictions out that sum to one, whatever the place and the exemplar are.

    They do where each pixel is about another site. That nothing else speaks of these sites is known
    once all is grounded (`contested`). False where they do not.
    """
    term = job.term
    assert isinstance(term, terms.Drawn)
    assert term.log_base is not None
    groups = _groups(grounder, frame, job)
    if groups is None or not np.isfinite(term.log_base).all():
        return False
    found: list[np.ndarray] = []
    for _, part in groups:
        sites = _sites(grounder, part, job)
        if sites is None:
            return False
        ordered = np.sort(sites[2], axis=0)
        if ((ordered[1:] == ordered[:-1]) & (ordered[1:] >= 0)).any():
            return False
        found.append(np.unique(ordered[ordered >= 0]))
    assert grounder.world.unspoken is not None
    grounder.world.unspoken += [(own, term.target.span) for own in found]
    return True


def contested(grounder: Grounder) -> Diagnostic | None:
    """Say which prediction was left out although something else speaks of its sites; None: none.

    What is summed without it is no sum then; what is impossible without it is so with it.
    """
    unspoken = grounder.world.unspoken or []
    times = np.zeros(grounder.builder.num_variables, np.int64)
    for sites, _ in unspoken:
        times[sites] += 1
    for block in grounder.builder.factors if unspoken else ():
        np.add.at(times, np.unique(block.scopes), 1)
    for sites, span in unspoken:
        if (times[sites] > 1).any():
            return errors.random_target(span, span.text)
    return None


def _groups(grounder: Grounder, frame: Frame, job: Job) -> list[tuple[np.ndarray, Frame]] | None:
    """Return the instances about the same variables, with these: gate, exemplar, place.

    None where what is said has no such form.
    """
    term = job.term
    assert isinstance(term, terms.Drawn)
    if job.guards or _is_learned(grounder, job):
        return None
    places, said = environment(grounder, frame), environment(grounder, frame)
    for part in (*_indices(term.target), *_conditions(job)):
        collect(part, places)
    for expression in terms.expressions(term)[:-1]:
        collect(expression, said)
    if not _is_plain(places) or not _is_plain(said):
        return None
    gates = [locate(gate, environment(grounder, frame)) for gate in _plain_gates(job)]
    columns = [slot.variables for slot in (*gates, *said.slots.items, *places.slots.items)]
    scopes = np.stack([np.broadcast_to(c.reshape(-1), (frame.count,)) for c in columns], axis=1)
    each, which = np.unique(scopes, axis=0, return_inverse=True)
    entries = num_entries(said.slots) * num_entries(places.slots)
    if len(each) > _GROUPS_MAX or entries > table_sizes.ENTRIES_MAX or _repeats(each):
        return None
    _, order = rows_by(which.reshape(-1), len(each))
    starts = row_starts(np.bincount(which.reshape(-1), minlength=len(each)))
    return [
        (scope, select_rows(frame, np.sort(order[first:end])))
        for scope, first, end in zip(each, starts[:-1], starts[1:], strict=True)
    ]


def _plain_gates(job: Job) -> list[Reference]:
    """Return the first gate that is a variable, such as the model's own activation, if any is."""
    return [gate for gate in job.gates if _names(gate)][:1]


def _conditions(job: Job) -> list[Expression]:
    """List the other gates: where a place is such that something is said of a pixel at all."""
    plain = _plain_gates(job)
    return [gate for gate in job.gates if not any(gate is one for one in plain)]


def _indices(target: Reference) -> list[Expression]:
    assert isinstance(target, VariableRef | AttributeRef)
    return [index for index in target.indices if not isinstance(index, Whole)]


def _is_learned(grounder: Grounder, job: Job) -> bool:
    learned = grounder.learned
    return learned is not None and learned.concerns(job.expressions())


def _is_plain(env: Env) -> bool:
    """Say whether every reference names a variable, the same in all states."""
    return not env.slots.strays and not env.slots.choices and not env.slots.unreal


def _names(gate: Expression) -> TypeGuard[Reference]:
    return isinstance(gate, Reference) and not any(
        is_random(part) for part in getattr(gate, "indices", ()) if not isinstance(part, Whole)
    )


def _repeats(scopes: np.ndarray) -> bool:
    """Say whether places and exemplars, or the gate, are the same variable anywhere."""
    ordered = np.sort(scopes, axis=1)
    return bool((ordered[:, 1:] == ordered[:, :-1]).any())


def _table(
    grounder: Grounder, frame: Frame, job: Job, known: np.ndarray, scope: np.ndarray
) -> np.ndarray | None:
    """Add up what all pixels say; None where a site is not observed, or is none.

    Args:
        grounder: grows.
        frame: the instances about the same variables.
        job: as in `match`.
        known: the state in which each variable is observed.
        scope: these variables.

    Returns:
        one axis for each variable of the exemplar, then one for each of the place.
    """
    term = job.term
    assert isinstance(term, terms.Drawn)
    sites = _sites(grounder, frame, job)
    if sites is None:
        return None
    array, places, variables = sites
    is_said = variables >= 0
    if (known[variables[is_said]] < 0).any():
        return None
    # Where nothing is said there is one more state, of which nothing is said.
    states = np.where(is_said, known[variables], array.states.count)
    others = np.setdiff1d(array.variables(), scope)
    if not len(others):
        return None
    grounder.builder.folded.append(np.unique(variables[is_said]))
    # The target is a stand-in: what is said of a state depends on the pixel, not on the site. What
    # the exemplar is made of may be a site as well, and keeps an axis of its own.
    frame, stand_in = hidden_reference(
        grounder, frame, np.full(frame.count, others[0]), array.states, term.target.span
    )
    drawn = replace(term, target=stand_in)
    probe = _collected(grounder, select_rows(frame, np.zeros(1, np.int64)), drawn)
    sizes = [slot.states.count for slot in probe.slots.items]
    total = np.zeros((math.prod(sizes[:-1]), states.shape[1]))
    step = max(1, _ENTRIES_AT_ONCE // max(1, math.prod(sizes), states.shape[1]))
    budget = grounder.world.budget or UNLIMITED
    for first in range(0, frame.count, step):
        grounder.world.check_time()
        rows = np.arange(first, min(first + step, frame.count))
        env = _collected(grounder, select_rows(frame, rows), drawn)
        logs = np.broadcast_to(terms.log_values(drawn, env), (len(rows), *sizes))
        told = np.moveaxis(logs.reshape(len(rows), -1, sizes[-1]), 2, 0)
        told = np.concatenate([told, np.zeros((1, *told.shape[1:]))]).transpose(0, 2, 1)
        some = told if not is_said[rows].all() else told[:-1]
        total += sums_by_products(some, states[rows].T, budget)
    return total.reshape(*sizes[:-1], *(slot.states.count for slot in places))


def _collected(grounder: Grounder, frame: Frame, term: terms.Drawn) -> Env:
    """Return the surroundings of what is said, with a slot for the target behind the others."""
    env = environment(grounder, frame)
    for expression in terms.expressions(term):
        collect(expression, env)
    return env


def _sites(
    grounder: Grounder, frame: Frame, job: Job
) -> tuple[Sites, list[Slot], np.ndarray] | None:
    """Return the variable that each pixel is about at each place: (pixels, places).

    It is -1 where a gate says that there is none, or a place lies outside; None where another index
    misses the array.
    """
    env = environment(grounder, frame)
    target = job.expressions()[len(terms.expressions(job.term)) - 1]
    assert isinstance(target, Reference)
    indices = _indices(target)
    for part in (*indices, *_conditions(job)):
        collect(part, env)
    array = sites_of(grounder, frame, target)
    sizes = [slot.states.count for slot in env.slots.items]
    shape = (frame.count, *sizes)
    inner = env.gathering()
    is_said = np.ones(shape, np.bool_)
    for gate in _conditions(job):
        holds = np.broadcast_to(conditions(gate, inner), shape)
        inner = inner.guarded(holds, wanted=True)
        is_said &= holds
    variables = np.zeros(shape, np.int64)
    for axis, index in enumerate(indices):
        values = integers(index, inner)
        misses = (values < 0) | (values >= array.shape[axis])
        if inner.holes or ((misses & is_said).any() and not _is_place(indices)):
            return None
        # A pair of a place and a shift that lies outside is no place: nothing is said of it.
        is_said &= ~misses
        variables += values * math.prod(array.shape[axis + 1 :])
    variables += array.starts.reshape(-1, *([1] * len(sizes)))
    found = np.where(is_said, variables, -1).reshape(frame.count, -1)
    redirect = grounder.world.redirect
    if redirect is not None:
        found = np.where(found < 0, -1, redirect[np.maximum(found, 0)])
    return array, env.slots.items, found


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
