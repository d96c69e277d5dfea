"""From a term and a frame to blocks of factors: tables where they fit, structure where not."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from gmlang.core.ast import Aggregate, Apply, DataRef, Expression, Local, Reference, VariableRef
from gmlang.core.types import Bool, Integer, Real
from gmlang.core.walk import replace_part
from gmlang.diagnostics import Diagnostic, GmError, Span
from gmlang.errors import grounding as errors
from gmlang.graph.builder import Builder, Origin, add_tables
from gmlang.graph.lowering import folding, narrowing, structure
from gmlang.graph.lowering.splitting import (
    outside_items,
    split_on_condition,
    split_on_guard,
    split_on_switch,
    uniform_groups,
)
from gmlang.graph.lowering.sums.linear import linear_form
from gmlang.graph.lowering.undefined import add_partial_tables, lower_undefined
from gmlang.graph.values import terms
from gmlang.graph.values.environment import Env, NoValue, Slots
from gmlang.graph.values.evaluate import RaggedItems, conditions
from gmlang.graph.values.ranges import num_entries
from gmlang.graph.values.terms import Term
from gmlang.graph.world.names import variable_name
from gmlang.graph.world.places import collect
from gmlang.graph.world.states import BOOL, States
from gmlang.graph.world.world import Frame, HiddenArray, World, select_rows

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
        gates: what the term says holds only where all these do; each is asked for only where the
            earlier ones hold.
        guards: of an auxiliary variable: its value matters only where all these hold.
        num_entries: of the table that it would be in one instance; known once it is looked at.
    """

    term: Term
    gates: tuple[Expression, ...]
    origin: Origin
    guards: tuple[Expression, ...] = ()
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

    def gated(self, gate: Expression) -> "Job":
        """Return the job with one more gate, asked for before the others."""
        return replace(self, gates=(gate, *self.gates))


def lower(grounder: Grounder, frame: Frame, job: Job) -> None:
    """Add the factors of a term for every instance of a frame.

    Raises:
        GmError: when an expression is too wide for a table and has no structure to exploit, or
            when it has no value in some instance, which no gate or guard can exclude.
    """
    if frame.count == 0:
        return
    mark = grounder.builder.mark()
    try:
        _lower(grounder, frame, job)
    except NoValue as error:
        if not (job.gates or job.guards) or len(error.rows) not in (1, frame.count):
            raise
        grounder.builder.reset(mark)
        rows = np.broadcast_to(error.rows, (frame.count,))
        lower_undefined(grounder, select_rows(frame, rows), job, error.diagnostics[0])
        lower(grounder, select_rows(frame, ~rows), job)


def _lower(grounder: Grounder, frame: Frame, job: Job) -> None:
    parts = outside_items(job.expressions())
    if split_on_condition(grounder, frame, job, parts):
        return
    if split_on_switch(grounder, frame, job, parts):
        return
    try:
        groups = uniform_groups(grounder, frame, parts)
    except NoValue:
        if split_on_guard(grounder, frame, job):
            return
        raise
    for part in groups:
        _lower_uniform(grounder, part, job)


def environment(grounder: Grounder, frame: Frame) -> Env:
    """Return an environment without slots for a frame."""
    return Env(grounder.world, frame, Slots(), (), grounder.names)


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
    except NoValue:
        if split_on_guard(grounder, frame, job):
            return
        raise
    if env.slots.strays and split_on_guard(grounder, frame, job):
        return
    _note_edges(grounder, env, job)
    job = replace(job, num_entries=num_entries(env.slots))
    few = len(env.slots.items) <= 3
    if job.num_entries <= SMALL_ENTRIES:
        add_table(grounder, env, job)
    elif structure.lower_structured(grounder, frame, job):
        return
    elif isinstance(job.term, terms.Needed) and job.is_wide and len(job.gates) > 1:
        frame, together = auxiliary(grounder, frame, _all_of(job.gates), BOOL)
        lower(grounder, frame, replace(job, gates=(together,)))
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
    sums = [
        p
        for p in outside_items(job.expressions())
        if isinstance(p, Aggregate) and p.operator == "sum"
    ]
    return any(linear_form(part, env, parts=True) is None for part in sums)


def _all_of(gates: tuple[Expression, ...]) -> Expression:
    return Apply(gates[0].span, "and", gates, Bool())


def _note_edges(grounder: Grounder, env: Env, job: Job) -> None:
    if job.origin.kind not in ("draw", "define"):
        return
    assert isinstance(job.term, terms.Drawn | terms.Defined)
    axis = env.slots.of[(id(job.term.target), env.path)]
    assert axis is not None
    child = env.slots.items[axis].variables
    for number, slot in enumerate(env.slots.items):
        if number != axis:
            parents, children = np.broadcast_arrays(slot.variables, child)
            unreal = env.slots.unreal.get(number)
            if unreal is not None:
                parents, children = parents[~unreal], children[~unreal]
            grounder.builder.edges.append((parents, children))


def add_table(grounder: Grounder, env: Env, job: Job) -> None:
    """Evaluate a job in all states of its slots, and add the tables."""
    sizes = [slot.states.count for slot in env.slots.items]
    inner = env.gathering()
    gates: list[np.ndarray] = []
    for gate in job.gates:
        gates.append(conditions(gate, inner))
        inner = inner.guarded(gates[-1], wanted=True)
    values = np.asarray(terms.log_values(job.term, inner))
    if inner.holes:
        add_partial_tables(grounder, inner, job, values, gates)
        return
    gate_axis = _plain_gate(env, job, values)
    if gate_axis is None:
        for gate in gates:
            values = np.where(gate, values, 0.0)
    values = values.reshape(*([1] * (1 + len(sizes) - values.ndim)), *values.shape)
    check_memory(job.origin.span, values.shape[0], math.prod(sizes))
    tables = np.broadcast_to(values, (values.shape[0], *sizes))
    if gate_axis is None:
        # A copy only where several factors would share an entry: tables may be large.
        own = values if tables.shape == values.shape else np.array(tables)
        add_wide(grounder.builder, env, np.ascontiguousarray(own), job.origin)
        return
    order = [gate_axis, *(k for k in range(len(sizes)) if k != gate_axis)]
    inside = np.array(np.moveaxis(tables, 1 + gate_axis, 1)[:, 0])
    add_tables(grounder.builder, inside, scopes_of(env, order), job.origin, gated=True)


def add_wide(builder: Builder, env: Env, tables: np.ndarray, origin: Origin) -> None:
    """Add tables over the slots that have more than one state."""
    sizes = tables.shape[1:]
    wide = [k for k, size in enumerate(sizes) if size > 1] or [0][: len(sizes)]
    tables = tables.reshape(len(tables), *(sizes[k] for k in wide))
    add_tables(builder, tables, scopes_of(env, wide), origin, gated=False)


def scopes_of(env: Env, chosen: Sequence[int] | None = None) -> np.ndarray:
    """Return the variable in each slot of each instance, or in the chosen slots in their order."""
    slots = env.slots.items if chosen is None else [env.slots.items[k] for k in chosen]
    # Written in the order in which the graph holds them: a copy of millions costs more than them.
    scopes = np.empty((env.frame.count, len(slots)), np.int32)
    for column, slot in enumerate(slots):
        scopes[:, column] = slot.variables
    return scopes


def _plain_gate(env: Env, job: Job, values: np.ndarray) -> int | None:
    """Find the slot of the only gate, when it is a variable that the term itself ignores."""
    if len(job.gates) != 1 or not isinstance(job.gates[0], Reference) or len(env.slots.items) < 2:
        return None
    axis = env.slots.of[(id(job.gates[0]), env.path)]
    if axis is None or env.slots.strays:
        return None
    position = values.ndim - len(env.slots.items) + axis
    return axis if position < 0 or values.shape[position] == 1 else None


def check_memory(span: Span, tables: int, entries: int) -> None:
    """Refuse tables that would not fit into memory.

    Raises:
        GmError: naming their statement.
    """
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


def hidden_numbers(
    grounder: Grounder, frame: Frame, values: np.ndarray, span: Span
) -> tuple[Frame, DataRef]:
    """Give numbers, one for each instance, a hidden name."""
    grounder.num_hidden += 1
    name = f"#{grounder.num_hidden}"
    grounder.world.data[name] = np.broadcast_to(values, (frame.count,))
    rows: np.ndarray = np.arange(frame.count, dtype=np.int64)
    frame = Frame(frame.count, {**frame.locals, name: rows})
    return frame, DataRef(span, name, (Local(span, name, Integer()),), Real())


def auxiliary(
    grounder: Grounder,
    frame: Frame,
    value: Expression,
    states: States,
    guards: tuple[Expression, ...] = (),
) -> tuple[Frame, VariableRef]:
    """Add a variable that equals an expression in every instance.

    Args:
        grounder: grows.
        frame: the instances.
        value: the expression.
        states: of the variable.
        guards: conditions without which nobody asks for the value; where it has none, and one of
            them fails, the variable is in its first state.
    """
    start = grounder.builder.add_variables(f"#{grounder.num_hidden + 1}", (frame.count,), states)
    variables: np.ndarray = np.arange(start, start + frame.count, dtype=np.int64)
    frame, reference = hidden_reference(grounder, frame, variables, states, value.span)
    origin = Origin("auxiliary", value.span)
    lower(grounder, frame, Job(terms.Defined(reference, value), (), origin, guards))
    return frame, reference
