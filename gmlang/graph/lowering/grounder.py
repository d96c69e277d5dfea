"""What every way of lowering a term works with: the graph that grows, and the job that is done."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from gmlang.core.ast import (
    Apply,
    Array,
    Bool,
    DataRef,
    Expression,
    Integer,
    Local,
    Real,
    VariableRef,
    Whole,
)
from gmlang.core.walk import replace_part, walk
from gmlang.diagnostics import GmError, Span
from gmlang.errors import grounding as errors
from gmlang.graph.builder import Builder, Origin, add_tables
from gmlang.graph.functions.unrolling import unrolled
from gmlang.graph.lowering import table_sizes
from gmlang.graph.values import terms
from gmlang.graph.values.environment import Env, Slots, whole
from gmlang.graph.values.terms import Term
from gmlang.graph.world.states import States
from gmlang.graph.world.world import MEMORY_BYTES_MAX, Frame, HiddenArray, World
from gmruntime.arrays import Int64
from gmruntime.graph import FactorBlock


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """What variables are defined to be: one for each instance of a frame."""

    term: terms.Defined
    frame: Frame
    variables: np.ndarray
    states: States
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Circle:
    """Variables that need each other, and a feedback set: those without which none goes round.

    Attributes:
        members: ascending.
        feedback: a mask over the members.
    """

    members: np.ndarray
    feedback: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """Calls of a model that is active only where it is called, by one statement.

    Attributes:
        targets: the activations called.
        causes: the variables that say whether the calls are made; -1 where they always are.
        log_fails: log of the probability that a call that is made leaves its target inactive.
    """

    model: str
    targets: np.ndarray
    causes: np.ndarray
    log_fails: np.ndarray
    span: Span


@dataclass(slots=True, eq=False)
class Grounder:
    """The world, the graph that grows, and the names of loop variables for messages.

    Attributes:
        definitions: those of the program, once they are met.
        circles: of definitions that go round; they are known when a program is grounded again.
        lowering: how a term becomes factors, `gmlang.graph.lowering.lower`: ways of lowering one
            term come back to it with others, and do not import it.
        learned: which params are learned, and where; None where nothing is.
        unknown: which functions are learned, and where they are called; None where none is.
        covers: the statements that cover something, until all are known.
        calls: of models that are active only where they are called, until all are known.
    """

    world: World
    builder: Builder
    lowering: "Callable[[Grounder, Frame, Job], None]"
    names: dict[str, str] = field(default_factory=dict[str, str])
    num_hidden: int = 0
    definitions: list[Definition] = field(default_factory=list[Definition])
    circles: list[Circle] = field(default_factory=list[Circle])
    learned: "Learned | None" = None
    unknown: "Unknown | None" = None
    covers: "list[tuple[Frame, Job]]" = field(default_factory=lambda: [])
    calls: list[Call] = field(default_factory=list[Call])

    def lower(self, frame: Frame, job: "Job") -> None:
        """Add the factors of a term for every instance of a frame; see `lower`."""
        self.lowering(self, frame, job)


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
        return self.num_entries > table_sizes.PLAIN_ENTRIES

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


@dataclass(frozen=True, slots=True, eq=False)
class LearnedBlock:
    """A block of tables, and how it was made.

    Attributes:
        factors: as it stands in the graph, for the params' values of then.
        job: the term and its gates.
        env: where they are evaluated: the instances and their slots.
        holds: where all gates hold, shaped like values of `env`.
        rows: the instances of `env` that the block's factors are; where all share one table, [0].
        entries: for each entry of the block's table, which one it is of the table over all slots.
    """

    factors: FactorBlock
    job: Job
    env: Env
    holds: np.ndarray
    rows: Int64[np.ndarray, " tables"]
    entries: Int64[np.ndarray, "..."]

    def chosen(self, values: np.ndarray) -> np.ndarray:
        """Return the block's entries of what was worked out for all instances and slots.

        The first axis is the tables; it has length 1 where they are all alike.
        """
        sizes = [slot.states.count for slot in self.env.slots.items]
        values = whole(np.asarray(values), self.env)
        flat = np.broadcast_to(values, (len(values), *sizes)).reshape(len(values), -1)
        own = flat if len(flat) == 1 else flat[self.rows]
        return own[:, self.entries.reshape(-1)].reshape(len(own), *self.entries.shape)


@dataclass(slots=True, eq=False)
class Learned:
    """Which params are learned, and the blocks found so far that depend on them.

    Blocks that the graph forgot again are among them.
    """

    names: frozenset[str]
    blocks: list[LearnedBlock] = field(default_factory=list[LearnedBlock])

    def concerns(self, expressions: tuple[Expression, ...]) -> bool:
        """Say whether some expressions mention a learned param."""
        return any(
            isinstance(part, DataRef) and part.name in self.names
            for expression in expressions
            for part in walk(expression)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """Calls of an unknown function: a variable is what the function gives, in each instance.

    Attributes:
        name: of the function, in the core program.
        factors: as it stands in the graph, where it allows everything.
        cells: for each entry of each table (one where all are alike) which combination of
            arguments it is about, numbered in C order; -1 where nobody asks for the value.
        values: what the function must give there, for the entry to be possible.
        span: of the call.
        frame: the instances, of the block's factors in their order.
    """

    name: str
    factors: FactorBlock
    cells: Int64[np.ndarray, "..."]
    values: Int64[np.ndarray, "..."]
    span: Span
    frame: Frame


@dataclass(slots=True, eq=False)
class Unknown:
    """Which functions are learned, by the first and the number of their values, and their calls.

    Calls that the graph forgot again are among them.
    """

    states: Mapping[str, States]
    links: list[Link] = field(default_factory=list[Link])


def environment(grounder: Grounder, frame: Frame) -> Env:
    """Return an environment without slots for a frame."""
    return Env(grounder.world, frame, Slots(), (), grounder.names)


def together(conditions: tuple[Expression, ...], span: Span | None = None) -> Expression:
    """Return the conjunction of conditions, of one itself; its place is a span, or the first's."""
    if len(conditions) == 1:
        return conditions[0]
    return Apply(span or conditions[0].span, "and", conditions, Bool())


def unrolled_jobs(grounder: Grounder, frame: Frame, job: Job) -> list[tuple[np.ndarray, Job]]:
    """Return a job with the calls written out that mention random variables.

    It is the job itself, for all instances, where there are none; else one for each group of rows.
    """
    before = job.expressions()
    num_terms = len(before) - len(job.gates)
    found: list[tuple[np.ndarray, Job]] = []
    for rows, parts in unrolled(grounder.world, frame, grounder.names, before):
        if all(a is b for a, b in zip(parts, before, strict=True)):
            found.append((rows, job))
            continue
        term = terms.with_expressions(job.term, parts[:num_terms])
        found.append((rows, replace(job, term=term, gates=parts[num_terms:])))
    return found


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


def check_memory(world: World, span: Span, tables: int, entries: int) -> None:
    """Refuse tables that would not fit into the memory allowed, before they are made.

    Raises:
        GmError: naming their statement.
    """
    needed = 8 * tables * entries
    if needed > world.memory_bytes:
        is_allowable = needed <= MEMORY_BYTES_MAX
        raise GmError([errors.too_much_memory(span, span.text, tables, needed, is_allowable)])


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


def hidden_entry(grounder: Grounder, values: np.ndarray, index: Expression, span: Span) -> DataRef:
    """Give numbers a hidden name, and return the one that an index picks."""
    grounder.num_hidden += 1
    name = f"#{grounder.num_hidden}"
    grounder.world.data[name] = values
    return DataRef(span, name, (index,), Real())


def hidden_row(grounder: Grounder, values: np.ndarray, span: Span) -> DataRef:
    """Give a row of numbers, the same for all instances, a hidden name."""
    grounder.num_hidden += 1
    name = f"#{grounder.num_hidden}"
    grounder.world.data[name] = values
    return DataRef(span, name, (Whole(span),), Array(Real(), 1))


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
    grounder.lower(frame, Job(terms.Defined(reference, value), (), origin, guards))
    return frame, reference
