"""Terms written out as tables, with the states in which they have no value left out."""

import math

import numpy as np

from gmlang.core.ast import Expression, Local, Reference
from gmlang.core.walk import parts, walk
from gmlang.graph.builder import add_tables
from gmlang.graph.lowering.forms.memories import add_memory
from gmlang.graph.lowering.grounder import (
    Grounder,
    Job,
    add_wide,
    check_memory,
    scopes_of,
)
from gmlang.graph.lowering.undefined import add_partial_tables
from gmlang.graph.values import terms
from gmlang.graph.values.environment import Env
from gmlang.graph.values.evaluate import conditions
from gmlang.graph.world.world import select_rows


def add_table(grounder: Grounder, env: Env, job: Job) -> None:
    """Evaluate a job in all states of its slots, and add the tables."""
    sizes = [slot.states.count for slot in env.slots.items]
    one = _one_of_all(env, job)
    # Before anything is worked out: what is refused should take no time.
    num_tables = env.frame.count if one is env else 1
    check_memory(grounder.world, job.origin.span, num_tables, math.prod(sizes))
    inner, gates, values = _worked_out(one, job)
    if inner.holes and one is not env:
        inner, gates, values = _worked_out(env, job)
    if inner.holes:
        add_partial_tables(grounder, inner, job, values, gates)
        return
    gate_axis = _plain_gate(env, job, values)
    if gate_axis is None:
        for gate in gates:
            values = np.where(gate, values, 0.0)
    values = values.reshape(*([1] * (1 + len(sizes) - values.ndim)), *values.shape)
    check_memory(grounder.world, job.origin.span, values.shape[0], math.prod(sizes))
    tables = np.broadcast_to(values, (values.shape[0], *sizes))
    if gate_axis is None:
        # A copy only where several factors would share an entry: tables may be large.
        own = values if tables.shape == values.shape else np.array(tables)
        is_known = grounder.learned is None
        if is_known and add_memory(grounder.builder, own, scopes_of(env), job.origin):
            return
        add_wide(grounder.builder, env, np.ascontiguousarray(own), job.origin)
        return
    order = [gate_axis, *(k for k in range(len(sizes)) if k != gate_axis)]
    inside = np.array(np.moveaxis(tables, 1 + gate_axis, 1)[:, 0])
    add_tables(grounder.builder, inside, scopes_of(env, order), job.origin, gated=True)


def _worked_out(env: Env, job: Job) -> tuple[Env, list[np.ndarray], np.ndarray]:
    """Evaluate the gates and then the term: the surroundings with holes, the gates, log values."""
    inner = env.gathering()
    gates: list[np.ndarray] = []
    for gate in job.gates:
        gates.append(conditions(gate, inner))
        inner = inner.guarded(gates[-1], wanted=True)
    return inner, gates, np.asarray(terms.log_values(job.term, inner))


def _one_of_all(env: Env, job: Job) -> Env:
    """Return the surroundings of one instance where the table is the same for all."""
    if env.frame.count < 2 or env.slots.strays:
        return env
    if any(_differs(part, env) for part in job.expressions()):
        return env
    first = select_rows(env.frame, np.zeros(1, np.int64))
    return Env(env.world, first, env.slots, env.path, env.names, env.guards)


def _differs(expression: Expression, env: Env) -> bool:
    """Say whether a value speaks of a frame's variables otherwise than to name random variables."""
    pending = [expression]
    while pending:
        part = pending.pop()
        if isinstance(part, Local) and part.key in env.frame.locals:
            return True
        if isinstance(part, Reference) and not any(_is_random(inner) for inner in parts(part)):
            # Which variable stands in the slot does not matter, but where an index is random.
            continue
        pending.extend(parts(part))
    return False


def _is_random(expression: Expression) -> bool:
    return any(isinstance(part, Reference) for part in walk(expression))


def _plain_gate(env: Env, job: Job, values: np.ndarray) -> int | None:
    """Find the slot of the only gate, when it is a variable that the term itself ignores."""
    if len(job.gates) != 1 or not isinstance(job.gates[0], Reference) or len(env.slots.items) < 2:
        return None
    axis = env.slots.of[(id(job.gates[0]), env.path)]
    if axis is None or env.slots.strays:
        return None
    position = values.ndim - len(env.slots.items) + axis
    return axis if position < 0 or values.shape[position] == 1 else None
