"""From a term and a frame to blocks of factors: tables where they fit, structure where not."""

import math
from dataclasses import dataclass, field, replace

import numpy as np

from gmlang.core.ast import (
    Activation,
    Aggregate,
    Apply,
    AttributeRef,
    Constant,
    Distribution,
    Expression,
    Local,
    Thing,
    VariableRef,
    Whole,
)
from gmlang.core.types import Bool, Integer
from gmlang.core.walk import is_random, parts, replace_part
from gmlang.diagnostics import Diagnostic, GmError, Span
from gmlang.errors import grounding as errors
from gmlang.graph import folding, narrowing, structure, terms
from gmlang.graph.builder import Builder, Origin, add_tables
from gmlang.graph.chances import EVERYWHERE, Needed
from gmlang.graph.evaluate import Env, RaggedItems, Slots, evaluate, expand
from gmlang.graph.linear import linear_form
from gmlang.graph.names import variable_name
from gmlang.graph.places import Reference, collect
from gmlang.graph.ranges import num_entries
from gmlang.graph.states import States
from gmlang.graph.terms import Term
from gmlang.graph.world import Frame, HiddenArray, World, select_rows

SMALL_ENTRIES = 512
"""A table up to this size is preferred to a structured factor: it is exact and quick anywhere."""

PLAIN_ENTRIES = 1 << 14
"""A table up to this size is preferred to auxiliary variables for parts of an expression."""

ENTRIES_MAX = 1 << 24
"""A table of more entries is refused: 2^24 numbers are 128 MiB."""


@dataclass(slots=True, eq=False)
class Grounder:
    """The world, the graph that grows, and the names of loop variables for messages."""

    world: World
    builder: Builder
    names: dict[str, str] = field(default_factory=dict[str, str])
    num_hidden: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A term to be turned into factors, with the conditions under which it applies.

    Attributes:
        num_entries: of the table that it would be in one instance; known once it is looked at.
    """

    term: Term
    gates: tuple[Expression, ...]
    origin: Origin
    num_entries: float = 0.0

    @property
    def is_wide(self) -> bool:
        """Say whether auxiliary variables are better than a table."""
        return self.num_entries > PLAIN_ENTRIES

    def expressions(self) -> tuple[Expression, ...]:
        """List all the expressions: the term's, then the gates."""
        return (*terms.expressions(self.term), *self.gates)

    def replaced(self, old: Expression, new: Expression) -> "Job":
        """Return the job with one part replaced everywhere."""
        parts = tuple(replace_part(part, old, new) for part in terms.expressions(self.term))
        gates = tuple(replace_part(gate, old, new) for gate in self.gates)
        return replace(self, term=terms.with_expressions(self.term, parts), gates=gates)


def lower(grounder: Grounder, frame: Frame, job: Job) -> None:
    """Add the factors of a term for every instance of a frame.

    Raises:
        GmError: when an expression is too wide for a table and has no structure to exploit, or
            when a value is not legal.
    """
    if frame.count == 0:
        return
    if _split_on_condition(grounder, frame, job) or _split_on_switch(grounder, frame, job):
        return
    for part in _uniform_groups(grounder, frame, job):
        _lower_uniform(grounder, part, job)


def environment(grounder: Grounder, frame: Frame) -> Env:
    """Return an environment without slots for a frame."""
    return Env(grounder.world, frame, Slots(), (), grounder.names)


# --- Splitting frames --------------------------------------------------------------------


def _split_on_condition(grounder: Grounder, frame: Frame, job: Job) -> bool:
    """Resolve a conditional on compile-time values by splitting the instances."""
    for part in _outside_items(job):
        if not isinstance(part, Apply) or part.operator != "if":
            continue
        condition = part.arguments[0]
        if is_random(condition):
            continue
        value = np.asarray(evaluate(condition, environment(grounder, frame)), np.bool_)
        holds = np.broadcast_to(value, (frame.count,))
        for branch, keep in ((part.arguments[1], holds), (part.arguments[2], ~holds)):
            rows = frame if keep.all() else select_rows(frame, keep)
            lower(grounder, rows, job.replaced(part, branch))
        return True
    return False


def _outside_items(job: Job) -> list[Expression]:
    """List the parts of a job that are not repeated by an aggregate."""
    found: list[Expression] = []
    stack = list(job.expressions())
    while stack:
        part = stack.pop()
        found.append(part)
        if not isinstance(part, Aggregate | Distribution):
            stack.extend(parts(part))
            continue
        for item in part.items:
            if not item.context:
                stack.append(item.value)
                stack.extend(() if item.key is None else (item.key,))
        if isinstance(part, Distribution):
            stack.extend(part.arguments)
    return found


def _split_on_switch(grounder: Grounder, frame: Frame, job: Job) -> bool:
    """Resolve an index that is random, x[z], into one gated instance for each value of z."""
    for part in _outside_items(job):
        found = _random_index(grounder.world, part)
        if found is None:
            continue
        index, first, size = found
        for value in range(first, first + size):
            constant = Constant(index.span, value, Integer())
            gate = Apply(index.span, "==", (index, constant), Bool())
            chosen = job.replaced(part, replace_part(part, index, constant))
            lower(grounder, frame, replace(chosen, gates=(*chosen.gates, gate)))
        return True
    return False


def _random_index(world: World, part: Expression) -> tuple[Expression, int, int] | None:
    """Find a random index of a reference: the index, its first legal value, and how many."""
    match part:
        case VariableRef() if part.name not in world.hidden:
            shape = world.variables[part.name].shape
            pairs = [(index, 0, shape[axis]) for axis, index in enumerate(part.indices)]
        case AttributeRef():
            shape = world.attributes[part.thing.entity][part.attribute].shape
            pairs = [(index, 0, shape[axis]) for axis, index in enumerate(part.indices)]
        case Activation():
            table = world.models[part.model]
            pairs = list(zip(part.arguments, table.firsts, table.sizes, strict=True))
        case _:
            return None
    for index, first, size in pairs:
        if not isinstance(index, Whole | Thing) and is_random(index):
            return index, first, size
    return None


def _uniform_groups(grounder: Grounder, frame: Frame, job: Job) -> list[Frame]:
    """Split a frame so that every aggregate has one number of items throughout each part."""
    env = environment(grounder, frame)
    counts: list[np.ndarray] = []
    for part in _outside_items(job):
        if not isinstance(part, Aggregate | Distribution):
            continue
        for item in part.items:
            if item.context:
                _, parents = expand(env, item.context)
                counts.append(np.bincount(parents, minlength=frame.count))
    if not counts:
        return [frame]
    signature = np.stack(counts, axis=1)
    if (signature == signature[:1]).all():
        return [frame]
    groups, group_of = np.unique(signature, axis=0, return_inverse=True)
    return [
        select_rows(frame, np.flatnonzero(group_of.reshape(-1) == g)) for g in range(len(groups))
    ]


# --- Tables ------------------------------------------------------------------------------


def _lower_uniform(grounder: Grounder, frame: Frame, job: Job) -> None:
    env = environment(grounder, frame)
    try:
        for expression in job.expressions():
            collect(expression, env)
    except RaggedItems:
        for row in range(frame.count):
            _lower_uniform(grounder, select_rows(frame, np.array([row])), job)
        return
    _note_edges(grounder, env, job)
    job = replace(job, num_entries=num_entries(env.slots))
    few = len(env.slots.items) <= 3
    if job.num_entries <= SMALL_ENTRIES:
        add_table(grounder, env, job)
    elif structure.lower_structured(grounder, frame, job):
        return
    elif job.num_entries <= (ENTRIES_MAX if few else PLAIN_ENTRIES):
        add_table(grounder, env, job)
    elif not folding.add_folded(grounder, env, job, PLAIN_ENTRIES):
        if narrowing.lower_narrowed(grounder, frame, job):
            return
        if job.num_entries <= ENTRIES_MAX:
            add_table(grounder, env, job)
        elif not folding.add_folded(grounder, env, job, ENTRIES_MAX):
            raise GmError([_too_wide(env, job)])


def _too_wide(env: Env, job: Job) -> Diagnostic:
    span = job.origin.span
    slots = env.slots.items
    count = math.prod(slot.states.count for slot in slots)
    shown = str(count) if count < 10**9 else f"2^{math.log2(count):.0f}"
    variables = [
        (variable_name(env.world, int(slot.variables.flat[0])), slot.states.count) for slot in slots
    ]
    named = [(name, size) for name, size in variables if not name.startswith("#")]
    return errors.too_wide(span, span.text, named or variables, shown, _adds_reals(env, job))


def _adds_reals(env: Env, job: Job) -> bool:
    sums = [p for p in _outside_items(job) if isinstance(p, Aggregate) and p.operator == "sum"]
    return any(linear_form(part, env, parts=True) is None for part in sums)


def _note_edges(grounder: Grounder, env: Env, job: Job) -> None:
    if job.origin.kind not in ("draw", "define"):
        return
    assert isinstance(job.term, terms.Drawn | terms.Defined)
    axis = env.slots.of[(id(job.term.target), env.path)]
    child = env.slots.items[axis].variables
    for number, slot in enumerate(env.slots.items):
        if number != axis:
            both = np.broadcast_arrays(slot.variables, child)
            grounder.builder.edges.append((both[0], both[1]))


def add_table(grounder: Grounder, env: Env, job: Job) -> None:
    """Evaluate a job in all states of its slots, and add the tables."""
    sizes = [slot.states.count for slot in env.slots.items]
    gates = [np.asarray(evaluate(gate, env), np.bool_) for gate in job.gates]
    values = np.asarray(terms.log_values(job.term, env, _all(gates)))
    gate_axis = _plain_gate(env, job, values)
    if gate_axis is None:
        for holds in gates:
            values = np.where(holds, values, 0.0)
    values = values.reshape(*([1] * (1 + len(sizes) - values.ndim)), *values.shape)
    _check_memory(job.origin.span, values.shape[0], math.prod(sizes))
    scopes = np.empty((env.frame.count, len(sizes)), np.int32)
    for column, slot in enumerate(env.slots.items):
        scopes[:, column] = slot.variables
    tables = np.broadcast_to(values, (values.shape[0], *sizes))
    if gate_axis is None:
        # A copy only where several factors would share an entry: tables may be large.
        own = values if tables.shape == values.shape else np.array(tables)
        wide = [k for k, size in enumerate(sizes) if size > 1] or [0][: len(sizes)]
        own = np.ascontiguousarray(own).reshape(len(own), *(sizes[k] for k in wide))
        add_tables(grounder.builder, own, scopes[:, wide], job.origin, gated=False)
        return
    order = [gate_axis, *(k for k in range(len(sizes)) if k != gate_axis)]
    inner = np.array(np.moveaxis(tables, 1 + gate_axis, 1)[:, 0])
    add_tables(grounder.builder, inner, scopes[:, order], job.origin, gated=True)


def _all(gates: list[np.ndarray]) -> Needed:
    """Say where all the gates are open."""
    result: Needed = EVERYWHERE
    for holds in gates:
        result = result & holds
    return result


def _plain_gate(env: Env, job: Job, values: np.ndarray) -> int | None:
    """Find the slot of the only gate, when it is a variable that the term itself ignores."""
    if len(job.gates) != 1 or not isinstance(job.gates[0], Reference) or len(env.slots.items) < 2:
        return None
    axis = env.slots.of[(id(job.gates[0]), env.path)]
    position = values.ndim - len(env.slots.items) + axis
    return axis if position < 0 or values.shape[position] == 1 else None


def _check_memory(span: Span, tables: int, entries: int) -> None:
    if tables * entries > 1 << 28:
        gibibytes = tables * entries * 8 / 2**30
        raise GmError([errors.too_much_memory(span, span.text, tables, gibibytes)])


# --- Auxiliary variables -----------------------------------------------------------------


def hidden_reference(
    grounder: Grounder, frame: Frame, variables: np.ndarray, states: States, span: Span
) -> tuple[Frame, VariableRef]:
    """Give variables a hidden name, and the frame a column that finds each instance's."""
    grounder.num_hidden += 1
    name = f"#{grounder.num_hidden}"
    grounder.world.hidden[name] = HiddenArray(variables, states)
    rows: np.ndarray = np.arange(frame.count, dtype=np.int64)
    frame = Frame(frame.count, {**frame.locals, name: rows})
    kind = Bool() if states.is_bool else Integer()
    return frame, VariableRef(span, name, (Local(span, name, Integer()),), kind)


def auxiliary(
    grounder: Grounder, frame: Frame, value: Expression, states: States
) -> tuple[Frame, VariableRef]:
    """Add a variable that equals an expression in every instance."""
    start = grounder.builder.add_variables(f"#{grounder.num_hidden + 1}", (frame.count,), states)
    variables: np.ndarray = np.arange(start, start + frame.count, dtype=np.int64)
    frame, reference = hidden_reference(grounder, frame, variables, states, value.span)
    origin = Origin("auxiliary", value.span)
    lower(grounder, frame, Job(terms.Defined(reference, value), (), origin))
    return frame, reference
