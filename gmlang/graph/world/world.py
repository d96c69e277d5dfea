"""What the grounding knows of a program whose sizes are fixed: where each variable is.

Statements are grounded over frames: tables of loop variables, one row for each instance.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from gmlang.core.ast import Function
from gmlang.core.program import ModelSymbol
from gmlang.diagnostics import Diagnostic, Span
from gmlang.errors.probabilities import UnevenRow
from gmlang.graph.world.states import States
from gmruntime.arrays import Float64, Int64
from gmruntime.budget import Budget


@dataclass(frozen=True, slots=True)
class Absent:
    """What an argument is that has no value; whoever mentions it has none either.

    Attributes:
        tell: makes the error, for a text that says which instance it is.
    """

    tell: Callable[[str], Diagnostic] = field(compare=False)


Given = tuple[int | float | Absent, ...]
"""The arguments of a call, those that are things aside."""

Found = tuple[bool | int | float, Callable[[str], Diagnostic] | None]
"""What a function is for some arguments: a value, or else what tells why it has none."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """The instances of a statement.

    Attributes:
        count: how many instances there are.
        locals: for each loop variable or model parameter its value in every instance. A parameter
            that is a thing holds the thing's number within its entity.
    """

    count: int
    locals: Mapping[str, Int64[np.ndarray, " count"] | Float64[np.ndarray, " count"]]


ONE_INSTANCE = Frame(1, {})


@dataclass(frozen=True, slots=True, eq=False)
class VariableArray:
    """A declared array of random variables, laid out in C order from `start`.

    Attributes:
        log_base: log of the declared base distribution, None when it is uniform.
    """

    name: str
    start: int
    shape: tuple[int, ...]
    states: States
    log_base: Float64[np.ndarray, " states"] | None
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class AttributeArray:
    """One attribute of all the things of an entity.

    Attributes:
        starts: for each thing, the index of its first variable of this attribute.
    """

    name: str
    starts: Int64[np.ndarray, " things"]
    shape: tuple[int, ...]
    states: States
    log_base: Float64[np.ndarray, " states"] | None
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class RealArray:
    """One real attribute of all the things of an entity; NaN where it is not observed.

    Attributes:
        starts: for each thing, the place of its first value of this attribute.
        values: what was observed; filled in while a program is grounded.
        low, high: the ends of its range, -inf and inf where there are none; within those of a
            uniform base.
        normal: mean and standard deviation of a normal base; None for uniform.
        log_base: the log density of its base at each of some values; None for uniform.
        prior: the family of its base and its numbers; None where it has none.
    """

    name: str
    starts: Int64[np.ndarray, " things"]
    shape: tuple[int, ...]
    values: Float64[np.ndarray, " places"]
    low: float
    high: float
    normal: tuple[float, float] | None
    log_base: Callable[[np.ndarray], np.ndarray] | None
    span: Span
    prior: tuple[str, tuple[float, ...]] | None = None

    def log_length(self) -> float:
        """Return the log of the length of its range; 0 where it has no end, and no base either."""
        length = self.high - self.low
        return float(np.log(length)) if np.isfinite(length) else 0.0

    def log_background(self, values: np.ndarray) -> np.ndarray:
        """Return the log density of each value where no model speaks; 0 where it is flat."""
        if self.log_base is not None:
            return self.log_base(values)
        return np.full(values.shape, -self.log_length())


@dataclass(frozen=True, slots=True, eq=False)
class HiddenReals:
    """The places of a real attribute that are not observed, as variables.

    Attributes:
        variables: of each place, -1 where it is observed.
        states: the nodes where it is looked at.
        log_weights: of each node: what sums over states are integrals by.
    """

    variables: Int64[np.ndarray, " places"]
    states: States
    log_weights: Float64[np.ndarray, " states"]


class _Marks(threading.local):
    """What is marked while a question is answered: each thread answers one of its own."""

    is_used = False

    def __reduce__(self) -> tuple[type["_Marks"], tuple[()]]:
        """Go to another process without marks."""
        return _Marks, ()


@dataclass(slots=True, eq=False)
class Quadrature:
    """How hidden reals are looked at, in all graphs of a session.

    Attributes:
        is_coarse: with fewer nodes, to see what more of them are off by.
        misplaced: relative to densities, by how much these are off since floats are apart.
        panels: where those end that were needed before, by all that was said of a real.
        edges: where panels of reals end that laws depend on, by attribute; None before anybody
            has looked where these are best, when they are the first ones.
        is_rough: whether such panels are too wide for the difference of two rules to say all.
        moments: how many moments such a real has, of two, as far as can be seen.
    """

    is_coarse: bool = False
    misplaced: float = 0.0
    panels: dict[tuple[object, ...], np.ndarray] = field(
        default_factory=dict[tuple[object, ...], np.ndarray]
    )
    edges: dict[tuple[str, str], np.ndarray] | None = None
    is_rough: bool = False
    moments: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    _marks: _Marks = field(default_factory=_Marks, repr=False)

    @property
    def is_used(self) -> bool:
        """Whether an answer of this thread, since it was last unset, depends on any."""
        return self._marks.is_used

    @is_used.setter
    def is_used(self, is_used: bool) -> None:
        self._marks.is_used = is_used


@dataclass(frozen=True, slots=True, eq=False)
class SaidOfReals:
    """What models say of what was observed of a real attribute.

    Attributes:
        places: the first place of what each says something of.
        sizes: how many values follow there, in C order.
        gates: the activation that it depends on.
        log_ratios: log of the density relative to the base, nats.
        is_gated: whether it depends on other variables as well.
    """

    entity: str
    attribute: str
    places: Int64[np.ndarray, " said"]
    sizes: int
    gates: Int64[np.ndarray, " said"]
    log_ratios: Float64[np.ndarray, " said"]
    is_gated: bool


@dataclass(frozen=True, slots=True, eq=False)
class ThingArray:
    """A declared array of things, numbered from `first` within their entity."""

    name: str
    entity: str
    first: int
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ModelTable:
    """The instances of one model, and their activations.

    Attributes:
        sizes: for each parameter, how many values it may take.
        firsts: for each parameter, its smallest value.
        keys: each instance's parameters as one number, ascending.
        rows: the parameters of each instance, in the order of `keys`.
        start: the index of the first instance's activation; they follow each other.
    """

    symbol: ModelSymbol
    sizes: tuple[int, ...]
    firsts: tuple[int, ...]
    keys: Int64[np.ndarray, " instances"]
    rows: Int64[np.ndarray, "instances parameters"]
    start: int


@dataclass(frozen=True, slots=True, eq=False)
class HiddenArray:
    """Variables that no author named: auxiliary ones, and activations that silence a prediction.

    A hidden name begins with `#`; its reference has one index, into `variables`.
    """

    variables: Int64[np.ndarray, " rows"]
    states: States


MEMORY_BYTES_MAX = 1 << 31
"""A statement whose tables would take more is refused, whatever is allowed."""

_MEMORY_BYTES_MIN = 1 << 16
"""Tables of so few bytes are made, whatever is allowed."""


@dataclass(frozen=True, slots=True, eq=False)
class HolderArray:
    """Which member of a family holds: a variable for each thing of which exactly one must.

    Attributes:
        variables: for each thing, and each combination of the fixed arguments; -1 where there may
            be none that holds, or several.
        fixed: the positions of those arguments.
        num_members: how many members are considered there.
        said: of how many of them a constraint says that exactly one holds; 0 where none does,
            below 0 where it says so of others together with them.
    """

    variables: Int64[np.ndarray, "..."]
    states: States
    fixed: tuple[int, ...]
    num_members: Int64[np.ndarray, "..."]
    said: Int64[np.ndarray, "..."]


@dataclass(slots=True, eq=False)
class World:
    """Everything that has a name, with its size and place; grows while a program is grounded.

    Attributes:
        missing: the names of data some of whose entries are missing (NaN).
        attributes: by entity, then attribute; `reals` those that are real numbers, of which models
            say what is in `said_of_reals`; `hidden_reals` those that are variables.
        quadrature: of the session that it belongs to.
        joint_reals: attributes that depend on each other, with the number of the first of each;
            there are `num_joint_reals` in all. `outer_reals` are the parameters of their rows,
            likewise, of which `outer_values` (settings, parameters) are tried.
        grids: attributes that laws depend on otherwise than linearly, all looked at in panels, and
            how many reals are together in a law of theirs.
        num_things: by entity.
        before: of entities some things of which may not exist, for each thing: the one without
            which it does not exist, itself where it needs none, -1 where it always exists.
        uneven: rows of probabilities that were divided by their sums.
        warnings: what else looks like a mistake.
        calls: what functions were found to be, by their arguments.
        is_calling: whether the body of one is being evaluated.
        absent: the parameters of that one whose arguments have no value.
        has_functions: whether what is grounded may call one.
        holders: by the family, of those that are mentioned.
        members: by the family and its last arguments, the names that its members have.
        redirect: what stands for each variable that an author names; None: itself.
        changed: variables that come about otherwise than the program says, ascending; None: none.
        changed_reals: places of real attributes that are set to numbers, ascending.
        unspoken: sites of predictions that were left out since they sum to one, and where these
            are; None where they may not be.
        budget: of the question that is grounded; None for the program, which is no question.
        memory_bytes: cap on the tables of one statement, and on what its loops take.
    """

    sizes: dict[str, int] = field(default_factory=dict[str, int])
    data: dict[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    missing: set[str] = field(default_factory=set[str])
    variables: dict[str, VariableArray] = field(default_factory=dict[str, VariableArray])
    things: dict[str, ThingArray] = field(default_factory=dict[str, ThingArray])
    num_things: dict[str, int] = field(default_factory=dict[str, int])
    before: dict[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    attributes: dict[str, dict[str, AttributeArray]] = field(
        default_factory=dict[str, dict[str, AttributeArray]]
    )
    reals: dict[str, dict[str, RealArray]] = field(default_factory=dict[str, dict[str, RealArray]])
    said_of_reals: list[SaidOfReals] = field(default_factory=list[SaidOfReals])
    hidden_reals: dict[tuple[str, str], HiddenReals] = field(
        default_factory=dict[tuple[str, str], HiddenReals]
    )
    quadrature: Quadrature = field(default_factory=Quadrature)
    joint_reals: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    num_joint_reals: int = 0
    outer_reals: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    num_outer_reals: int = 0
    outer_values: np.ndarray = field(default_factory=lambda: np.zeros((1, 0)))
    grids: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    models: dict[str, ModelTable] = field(default_factory=dict[str, ModelTable])
    hidden: dict[str, HiddenArray] = field(default_factory=dict[str, HiddenArray])
    holders: dict[str, HolderArray] = field(default_factory=dict[str, HolderArray])
    members: dict[str, dict[tuple[int, ...], str]] = field(
        default_factory=dict[str, dict[tuple[int, ...], str]]
    )
    priors: dict[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    uneven: list[UnevenRow] = field(default_factory=list[UnevenRow])
    warnings: list[Diagnostic] = field(default_factory=list[Diagnostic])
    redirect: np.ndarray | None = None
    changed: np.ndarray | None = None
    changed_reals: dict[tuple[str, str], np.ndarray] = field(
        default_factory=dict[tuple[str, str], np.ndarray]
    )
    calls: dict[Function, dict[Given, Found]] = field(
        default_factory=dict[Function, dict[Given, Found]]
    )
    is_calling: bool = False
    absent: dict[str, Absent] = field(default_factory=dict[str, Absent])
    has_functions: bool = False
    budget: Budget | None = None
    unspoken: list[tuple[np.ndarray, Span]] | None = None
    memory_bytes: int = MEMORY_BYTES_MAX

    def allow(self, budget: Budget | None, memory_bytes: int | None) -> None:
        """Say what grounding may take from now on: a question's time, and bytes; None: any."""
        self.budget = budget
        allowed = MEMORY_BYTES_MAX if memory_bytes is None else memory_bytes
        self.memory_bytes = min(max(allowed, _MEMORY_BYTES_MIN), MEMORY_BYTES_MAX)

    def check_time(self) -> None:
        """Give up, with a TimeoutError, when a question has no time left to be grounded."""
        if self.budget is not None:
            self.budget.check()


def select_rows(frame: Frame, keep: np.ndarray) -> Frame:
    """Return the frame's rows where `keep` (a mask or indices) says so."""
    locals_ = {key: values[keep] for key, values in frame.locals.items()}
    count = int(keep.sum()) if keep.dtype == np.bool_ else len(keep)
    return Frame(count, locals_)


def where_text(frame: Frame, row: int, names: Mapping[str, str]) -> str:
    """Say which instance a row is, such as " (i = 3, j = 7)"; "" outside loops."""
    parts = [
        f"{names[key]} = {int(values[row])}" for key, values in frame.locals.items() if key in names
    ]
    return f" ({', '.join(parts)})" if parts else ""
