"""What is observed has one state, and takes no room in a table."""

from dataclasses import replace

import numpy as np

from gmlang.core.ast import Reference
from gmlang.graph.lowering.grounder import Grounder, Job
from gmlang.graph.lowering.tables import add_table
from gmlang.graph.values import terms
from gmlang.graph.values.environment import Env, Slot, Slots
from gmlang.graph.values.ranges import num_entries
from gmlang.graph.world.states import States
from gmlang.graph.world.world import select_rows


def add_folded(grounder: Grounder, env: Env, job: Job, num_entries_max: float) -> bool:
    """Add tables over the variables that are not observed; False when these are too large.

    The tables hold only as long as the observations do, which is noted for `why`. Models are
    compared without observations, so nothing is folded in them.
    """
    if job.origin.model or env.slots.strays:
        return False
    known = known_states(grounder)
    fixed = _fixed_axes(env, job)
    axes: list[int] = []
    for axis, slot in enumerate(env.slots.items):
        if axis not in fixed and (known[slot.variables] >= 0).all():
            axes.append(axis)
    if len(axes) == len(env.slots.items):
        # A factor has at least one variable.
        axes.pop()
    left = [slot for axis, slot in enumerate(env.slots.items) if axis not in axes]
    if not axes or num_entries(Slots(left)) > num_entries_max:
        return False
    columns = [
        np.broadcast_to(known[env.slots.items[axis].variables], (env.frame.count,)) for axis in axes
    ]
    patterns, pattern_of = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        rows = np.flatnonzero(pattern_of.reshape(-1) == number)
        add_table(grounder, _folded(env, rows, dict(zip(axes, pattern, strict=True))), job)
    for axis in axes:
        grounder.builder.folded.append(env.slots.items[axis].variables)
    return True


def known_states(grounder: Grounder) -> np.ndarray:
    """Return the state in which each variable has been observed, -1 where it has not."""
    known = np.full(grounder.builder.num_variables, -1, np.int64)
    for variables, states, _ in grounder.builder.observed:
        known[variables] = states
    return known


def _fixed_axes(env: Env, job: Job) -> set[int | None]:
    """List the slots that keep their states: what a distribution is about, and plain gates."""
    kept = [gate for gate in job.gates if isinstance(gate, Reference)]
    if isinstance(job.term, terms.Drawn | terms.Defined | terms.Likely):
        kept.append(job.term.target)
    return {env.slots.of[(id(reference), env.path)] for reference in kept}


def _folded(env: Env, rows: np.ndarray, states: dict[int, int]) -> Env:
    """Return the environment of some instances, in which some slots have one state."""
    slots: list[Slot] = []
    for axis, slot in enumerate(env.slots.items):
        variables = np.broadcast_to(slot.variables, (env.frame.count,))[rows]
        kept = slot.states
        if axis in states:
            state = int(states[axis])
            labels = kept.labels[state : state + 1]
            kept = States(kept.first + state, 1, kept.is_bool, labels, kept.name)
        slots.append(Slot(variables, kept))
    frame = select_rows(env.frame, rows)
    return replace(env, frame=frame, slots=replace(env.slots, items=slots, known={}))
