"""A checked program: declarations, statements and queries in core expressions.

A statement stands alone: its `context` lists the loops, filters and gates around it, outermost
first, so that the grounding runs each statement once over all its instances.
"""

from dataclasses import dataclass
from typing import ClassVar

from gmlang.core.ast import (
    Activation,
    AttributeRef,
    Bind,
    Constant,
    Context,
    Distribution,
    Domain,
    Enum,
    Expression,
    Function,
    Reference,
    Thing,
    Type,
    VariableRef,
    Where,
)
from gmlang.core.concepts import LearnModel
from gmlang.core.learned_defs import LearnDef
from gmlang.core.parameters import Learn, RowsSymbol
from gmlang.core.records.covering import Cover, ThingSymbol
from gmlang.core.records.data_symbols import DataSymbol as DataSymbol
from gmlang.core.records.data_symbols import Derived as Derived
from gmlang.core.records.decisions import Knows, Maximize
from gmlang.core.records.doing import Intervention
from gmlang.core.records.given import DoGiven as DoGiven
from gmlang.core.records.given import EventGiven as EventGiven
from gmlang.core.records.given import FollowGiven as FollowGiven
from gmlang.core.records.given import Given as Given
from gmlang.core.records.given import ObservedGiven as ObservedGiven
from gmlang.core.records.given import VariableGiven as VariableGiven
from gmlang.core.records.members import NamedMember
from gmlang.core.records.reals import JointStatement, RealStatement, RealSymbol
from gmlang.diagnostics import Span

# --- Declarations ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VariableSymbol:
    """A random variable, or an attribute of an entity.

    Attributes:
        base: a distribution, or None for uniform.
        axes: the enum that indexes each axis; None for numbers from 0.
        is_choice: whether it is set rather than drawn.
    """

    span: Span
    name: str
    shape: tuple[Expression, ...]
    domain: Domain
    base: Expression | None
    axes: tuple[Enum | None, ...] = ()
    is_choice: bool = False


@dataclass(frozen=True, slots=True)
class EntitySymbol:
    """An entity and its attributes, those that are real numbers apart."""

    span: Span
    name: str
    attributes: tuple[VariableSymbol, ...]
    reals: tuple[RealSymbol, ...] = ()

    def names(self) -> tuple[str, ...]:
        """Return the names of all attributes, in the order in which they are declared."""
        declared = sorted((*self.attributes, *self.reals), key=lambda one: one.span.start)
        return tuple(one.name for one in declared)


@dataclass(frozen=True, slots=True)
class ParameterSymbol:
    """A model's parameter: `key` is that of its `Local` or `Thing`.

    Attributes:
        entity, domain: of a thing, "" for a value; of a value, None for a thing.
    """

    span: Span
    key: str
    name: str
    entity: str
    domain: Domain | None


@dataclass(frozen=True, slots=True)
class ModelSymbol:
    """A model: a predicate with predictions.

    Attributes:
        prior: P(active); None means 0.5, and for a conjunction that it has none of its own; the
            constant 0 that it is active only where another calls it.
        body: the statements that apply while it is active. Their contexts do not repeat that.
        parts: of a composite, the activations it is the conjunction of; () for others.
        soft, is_open: a composite may contradict itself; its parts are still to be learned.
        depth: of what it covers, the nearest lowest; None means 0.
        is_process: its body is what a process was lowered to, which asks itself whether it is
            active.
    """

    span: Span
    name: str
    parameters: tuple[ParameterSymbol, ...]
    prior: Expression | None
    body: tuple["Statement", ...]
    parts: tuple[Activation, ...] = ()
    soft: bool = False
    is_open: bool = False
    depth: Expression | None = None
    is_process: bool = False

    @property
    def is_called(self) -> bool:
        """Say whether it is active only where another model calls it: `prior 0` is written."""
        return isinstance(self.prior, Constant) and self.prior.value == 0


# --- Statements --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Draw:
    """`target ~ distribution`."""

    span: Span
    context: Context
    target: VariableRef | AttributeRef
    distribution: Expression


@dataclass(frozen=True, slots=True)
class Define:
    """`target := value`."""

    span: Span
    context: Context
    target: VariableRef | AttributeRef
    value: Expression


@dataclass(frozen=True, slots=True)
class LogFactor:
    """`factor value`; `prefer c weight w` is Apply("if", (c, w, 0))."""

    span: Span
    context: Context
    value: Expression
    label: str


@dataclass(frozen=True, slots=True)
class Require:
    """`constraint condition`, or `observe condition` (is_observation)."""

    span: Span
    context: Context
    condition: Expression
    label: str
    is_observation: bool = False


@dataclass(frozen=True, slots=True)
class ObserveValue:
    """`observe target = value`; both may be arrays of one shape."""

    span: Span
    context: Context
    target: Reference
    value: Expression


@dataclass(frozen=True, slots=True)
class ObserveLike:
    """`observe target like {value: likelihood, ...}`; `weights` has family Weights."""

    span: Span
    context: Context
    target: Reference
    weights: Distribution


@dataclass(frozen=True, slots=True)
class Predict:
    """`predict target ~ distribution @ confidence`; `= v` is a Point; without @, None."""

    span: Span
    context: Context
    target: VariableRef | AttributeRef
    distribution: Expression
    confidence: Expression | None
    label: str


@dataclass(frozen=True, slots=True)
class PredictActive:
    """`predict m(args) @ c` (positive) or `predict not m(args) @ c`."""

    span: Span
    context: Context
    target: Activation
    is_positive: bool
    confidence: Expression | None
    label: str


@dataclass(frozen=True, slots=True)
class Use:
    """`use m(args) except e, ...`."""

    span: Span
    context: Context
    target: Activation
    exceptions: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Consider:
    """`consider m(args)`: the instance exists; of `all about it` it may sleep."""

    span: Span
    context: Context
    target: Activation
    may_sleep: bool = False


Statement = (
    Draw
    | Define
    | LogFactor
    | Require
    | ObserveValue
    | ObserveLike
    | Predict
    | PredictActive
    | Cover
    | RealStatement
    | JointStatement
    | Use
    | Consider
    | Knows
    | Maximize
)

# --- Queries -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing asked for: a reference (its distribution), or an event (its probability).

    Attributes:
        context: loops of `[P(digit(img, d)) for d in 0..9]`; () otherwise.
    """

    span: Span
    value: Expression
    context: tuple[Bind | Where, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A model named in compat or blame, or several; `arguments` bind the last parameters."""

    span: Span
    models: tuple[str, ...]
    arguments: tuple[tuple[Expression, ...], ...]


@dataclass(frozen=True, slots=True)
class Query:
    """What every question has; each kind is a class of its own in `gmlang.queries.questions`.

    Attributes:
        kind: by name, as answers say it.
        is_listed: whether several may stand in brackets, to be asked as one.
        asks_marginals: whether the distribution of each of `asked`, on its own, is all it needs.
        takes_reals: whether it understands what is asked for of reals, which have densities.
        takes_joint: whether it understands programs with reals that depend on each other.
        relates_reals: whether it asks how the reals that it asks for depend on each other.
        moment: of what is asked for it needs this one: 1 a mean, 2 a variance, 0 others.
        names_states: whether it speaks of states or compares assignments: nodes of reals are none.
        summarises: whether it shows a mean and a deviation without being asked for them.
        decides: whether it asks what is best to choose.
        may_imagine: whether it can be asked of what would have been: `had`.
        frees_choices: whether a choice that it asks for is as free as any variable.
        text: as written.
        asked: the variables and events that are asked for; () for all, or something else.
        given: what stands behind the bar.
        imagined: what stands behind `had`: what would have been done.
        within_s: the query's own budget, or None.
        method: of `using`, such as "bp", with its options as constants; "" for none.
        name: given by `as`, or "".
    """

    kind: ClassVar[str] = ""
    is_listed: ClassVar[bool] = False
    asks_marginals: ClassVar[bool] = False
    takes_reals: ClassVar[bool] = False
    takes_joint: ClassVar[bool] = False
    relates_reals: ClassVar[bool] = False
    moment: ClassVar[int] = 0
    names_states: ClassVar[bool] = False
    summarises: ClassVar[bool] = False
    decides: ClassVar[bool] = False
    may_imagine: ClassVar[bool] = False
    frees_choices: ClassVar[bool] = False

    span: Span
    text: str
    asked: tuple[Asked, ...] = ()
    given: tuple[Given, ...] = ()
    within_s: float | None = None
    method: str = ""
    method_options: tuple[tuple[str, bool | int | float], ...] = ()
    name: str = ""
    imagined: tuple[Intervention, ...] = ()

    def things(self) -> tuple[Thing, ...]:
        """List the things that are asked about as such."""
        return ()

    def about(self) -> str:
        """Say what is asked about, where that is more than `asked`, as the core is printed."""
        return ""

    def inner(self) -> "tuple[Query, ...]":
        """List the queries that it is made of; () for one that is asked as it is."""
        return ()

    def as_number(self) -> "tuple[Query, Type] | None":
        """Return what to ask where the answer stands for a number, and the number's type.

        None where the answer is no single number.
        """
        return None


@dataclass(frozen=True, slots=True)
class Assert:
    """`assert condition`: a chain of comparisons, in_range, and, or, not of numbered `queries`."""

    span: Span
    text: str
    condition: Expression
    queries: tuple[Query, ...]


# --- Programs ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Program:
    """A checked program. Symbols are in the order of declaration, dependencies first.

    Attributes:
        members, held: names for members of families; families whose member that holds is mentioned.
        functions: the defs that call themselves, one for each of their uses by types.
        sizes: the names of sizes in scope (`H`), which are known once data is bound.
        rows, learns, concepts, defs: tables of cases, and what is learned; `position` says when.
        documentation: text by the declared name it documents; "" is the module's own.
        done: what was done to its variables, whatever their mechanisms say.
    """

    span: Span
    data: tuple[DataSymbol, ...]
    variables: tuple[VariableSymbol, ...]
    things: tuple[ThingSymbol, ...]
    entities: tuple[EntitySymbol, ...]
    functions: tuple[Function, ...]
    models: tuple[ModelSymbol, ...]
    statements: tuple[Statement, ...]
    questions: tuple[Query | Assert, ...]
    sizes: tuple[str, ...]
    documentation: tuple[tuple[str, str], ...]
    rows: tuple[RowsSymbol, ...] = ()
    learns: tuple[Learn, ...] = ()
    concepts: tuple[LearnModel, ...] = ()
    defs: tuple[LearnDef, ...] = ()
    members: tuple[NamedMember, ...] = ()
    held: tuple[str, ...] = ()
    done: tuple[Intervention, ...] = ()
