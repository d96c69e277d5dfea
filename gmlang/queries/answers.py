"""An answer in the author's words: states by name, arrays shaped like the variables.

Here is what all answers have, and kinds of answers that several questions share.
"""

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast

import numpy as np

from gmlang.core.ast import Type
from gmlang.digits import Precision, at_least, at_most, interval
from gmlang.graph.world.axes import Part
from gmlang.graph.world.states import States
from gmruntime.answer import Quality, Status

NO_TIME = "no answer within the budget"
"""What an answer notes that says nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a question returned, and how good it is; each kind of question has a class of its own.

    Attributes:
        kind: of the question, by name.
        text: the query as written.
        status: "exact", "bounded" (certified), "estimate" or "impossible".
        value: plain data: numbers, text, lists and dicts; None when impossible.
        seconds: taken by the whole question; `dispatch` measures it.
        array: probabilities or states as an array shaped like the variables, where it can be:
            for a marginal (*shape, states); for a MAP of one variable the values.
        labels: names of the states along the array's last axis, where that has states.
        log_lower: certified lower bound of a log value, nats; None without one.
        log_upper: certified upper bound, likewise.
        method: the engine.
        error: of an estimate; `error_kind` says what it is.
        note: a sentence about the answer, or "".
        workers: how many took part in finding it, the process that was asked among them.
        name: given by `as`, or "".
        parts: what it speaks of, each with its shape and states by name; () where it does not say.

    A class says in `limits` between which numbers that lies which an answer is worth.
    """

    kind: ClassVar[str] = ""
    limits: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    needs_ends: ClassVar[bool] = True
    """Whether one that says no ends is an estimate, whatever is proven of what it is made of."""

    text: str
    status: str = ""
    value: object = None
    seconds: float = 0.0
    array: np.ndarray | None = None
    labels: tuple[str, ...] = ()
    log_lower: float | None = None
    log_upper: float | None = None
    method: str = ""
    error: float | None = None
    error_kind: str = ""
    note: str = ""
    workers: int = 1
    name: str = ""
    parts: tuple[Part, ...] = ()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            """Write the value, where it was left for whoever looks at it first: `left_open`."""
            if name != "value":
                raise AttributeError(f"{type(self).__name__} has no {name}")
            object.__setattr__(self, "value", _maps_of(self.array, self.labels))
            return self.value

    # --- What only some kinds have ---

    @property
    def probabilities(self) -> object:
        """The probabilities of a marginal or joint: by state, or nested lists of such maps.

        Raises:
            AttributeError: for another kind of answer.
        """
        raise AttributeError(f"a {self.kind} answer has no probabilities; see .value")

    @property
    def log_score(self) -> float | None:
        """Of the best assignment, nats; None where none was asked for or found."""
        return None

    @property
    def held(self) -> bool | None:
        """Whether an assertion holds; None for a query."""
        return None

    @property
    def details(self) -> dict[str, object]:
        """What a kind says beside its value, as `to_dict` has it."""
        return {}

    def number(self, domain: Type) -> float | int | None:
        """Return what the answer is worth in an expression; NaN when it is not known.

        None when it is no single number. `domain` is the type of what was asked for.
        """
        del domain
        if self.value is None and self.status in ("impossible", "estimate"):
            return float("nan")
        if isinstance(self.value, bool | float):
            return float(self.value)
        return self.value if isinstance(self.value, int) else None

    def number_bounds(self) -> tuple[float, float] | None:
        """Return what is proven of the number that it is worth; None where nothing is."""
        proven = self.details
        ends: list[float] = []
        for end in (proven.get("lower"), proven.get("upper")):
            if isinstance(end, dict):
                end = cast("dict[str, object]", end).get("true")
            if not isinstance(end, float):
                return None
            ends.append(end)
        return ends[0], ends[1]

    def shown_number(self, number: float) -> str:
        """Write what it is worth in an expression for people."""
        return str(number) if isinstance(number, int) else f"{number:.10g}"

    def lines(self) -> list[str] | None:
        """Write the value; None where any value of its form is written so."""
        return None

    def remarks(self) -> list[str]:
        """Write what follows the value, in lines: of bounded arrays how far they may be off."""
        lower, upper = getattr(self, "lower", None), getattr(self, "upper", None)
        if self.status != Status.BOUNDED.value or not isinstance(lower, list):
            return []
        furthest = at_most(_furthest(self.value, lower, upper))
        return [f"each, with all its digits, is off by at most {furthest}"]

    def as_it_says(self) -> Self:
        """Return the answer, as an estimate where it is called bounded and says no bound."""
        if self.status != Status.BOUNDED.value or not self.needs_ends:
            return self
        ends = (self.log_lower, self.log_upper, self.details.get("lower"))
        is_open = all(end is None for end in ends)
        return replace(self, status=Status.ESTIMATE.value) if is_open else self

    # --- Forms that other tools take ---

    def to_dict(self) -> dict[str, object]:
        """Return the answer as plain data, as `gmlang run --json` prints it."""
        plain: dict[str, object] = {
            "query": self.text,
            "kind": self.kind,
            "status": self.status,
            "answer": self.value,
            "log_lower": self.log_lower,
            "log_upper": self.log_upper,
            "seconds": round(self.seconds, 6),
        }
        optional: dict[str, object] = {
            "log_score": self.log_score,
            "method": self.method or None,
            "error": self.error,
            "error_kind": self.error_kind or None,
            "note": self.note or None,
            "name": self.name or None,
            "held": self.held,
            "workers": self.workers if self.workers > 1 else None,
        }
        plain.update({key: value for key, value in optional.items() if value is not None})
        plain.update(self.details)
        return {key: plain_json(value) for key, value in plain.items()}

    def to_json(self) -> str:
        """Return the answer as one line of JSON."""
        import json

        return json.dumps(self.to_dict(), allow_nan=False)

    def to_numpy(self) -> np.ndarray:
        """Return the answer as an array.

        Raises:
            ValueError: when the answer has no array form.
        """
        if self.array is not None:
            return self.array
        if isinstance(self.value, int | float | bool):
            return np.asarray(self.value)
        raise ValueError(f"a {self.kind} answer has no array form")

    def to_pandas(self):  # noqa: ANN201
        """Return a pandas Series or DataFrame; needs pandas."""
        return VIEWS["pandas"](self)

    def to_xarray(self):  # noqa: ANN201
        """Return an xarray DataArray; needs xarray."""
        return VIEWS["xarray"](self)

    def __repr__(self) -> str:
        return str(VIEWS["text"](self))

    def _repr_html_(self) -> str:
        return str(VIEWS["html"](self))


class AssertAnswer(Answer):
    """Whether an assertion holds: its value; the note has what its queries answered."""

    __slots__ = ()
    kind = "assert"
    needs_ends = False

    @property
    def held(self) -> bool | None:
        """Whether it holds; what is not known does not."""
        return bool(self.value)


class DistributionAnswer(Answer):
    """Probabilities by the names of states: a map, or nested lists of maps."""

    __slots__ = ()

    @property
    def probabilities(self) -> object:
        """The probabilities: by state, or nested lists of such maps."""
        return self.value


class NatsAnswer(Answer):
    """A log value, nats; -inf where nothing is possible."""

    __slots__ = ()

    def number(self, domain: Type) -> float | int | None:
        """Return the nats; -inf where nothing is possible, NaN when they are not known."""
        is_none = self.status == "impossible" or (self.value is None and self.status != "estimate")
        return float("-inf") if is_none else Answer.number(self, domain)

    def number_bounds(self) -> tuple[float, float] | None:
        """Return the proven nats."""
        if self.log_lower is None and self.log_upper is None:
            return None
        low = -math.inf if self.log_lower is None else self.log_lower
        return low, math.inf if self.log_upper is None else self.log_upper

    def lines(self) -> list[str] | None:
        """Write the nats."""
        if not isinstance(self.value, float):
            return None
        apart = "" if math.isfinite(self.value) else ": impossible together"
        return [f"{self._shown_nats(self.value)} nats{apart}"]

    def _shown_nats(self, nats: float) -> str:
        lower, upper = self.log_lower, self.log_upper
        if self.status == "bounded" and lower is not None and upper is not None:
            return interval(lower, upper)
        if self.status == "bounded" and lower is not None:
            return f"at least {at_least(lower)}"
        if self.status == "bounded" and upper is not None:
            return f"at most {at_most(upper)}"
        return Precision(self.status, self.error, self.error_kind).nats(nats)


VALUES_MAX = 1 << 16
"""The value of an array of more numbers is written when somebody looks at it."""


def left_open(answer: "_A") -> "_A":
    """Leave the value of a distribution, which its array and labels say, to be written later.

    A million maps by name take several times the memory of their array, and most of the time.
    """
    object.__delattr__(answer, "value")
    return answer


def changed(answer: "_A", **others: object) -> "_A":
    """Return an answer with other fields, as `replace` does; a value left open stays so."""
    twin = object.__new__(type(answer))
    for one in fields(answer):
        if one.name in others:
            object.__setattr__(twin, one.name, others[one.name])
            continue
        with contextlib.suppress(AttributeError):
            object.__setattr__(twin, one.name, object.__getattribute__(answer, one.name))
    return twin


VIEWS: dict[str, Callable[[Answer], Any]] = {}
"""How an answer is shown: as text, html, pandas, xarray. `gmlang.views`, above, fills it in."""


_A = TypeVar("_A", bound=Answer)


def with_quality(answer: _A, quality: Quality) -> _A:
    """Return an answer with what the runtime says of how good it is."""
    is_estimate = quality.status is Status.ESTIMATE
    return changed(
        answer,
        status=quality.status.value,
        method=quality.method,
        error=quality.error if is_estimate and not np.isnan(quality.error) else None,
        error_kind=quality.error_kind if is_estimate else "",
        note=quality.note,
        workers=quality.workers,
    )


def plain_json(value: object) -> object:
    """Return a value as JSON can hold it: infinities are the texts "inf" and "-inf", NaN is null.

    >>> plain_json({"nats": [float("-inf"), 1.5, float("nan")]})
    {'nats': ['-inf', 1.5, None]}
    """
    match value:
        case dict():
            return {str(k): plain_json(v) for k, v in cast("dict[object, object]", value).items()}
        case list() | tuple():
            return [plain_json(v) for v in cast("list[object]", value)]
        case np.generic():
            return plain_json(value.item())
        case float() if np.isnan(value):
            return None
        case float() if np.isinf(value):
            return "inf" if value > 0 else "-inf"
        case _:
            return value


def finite(value: float) -> float | None:
    """Return the value, or None when it is infinite: JSON has no infinity."""
    return float(value) if np.isfinite(value) else None


def nested_maps(probabilities: np.ndarray, states: States) -> object:
    """Write an array of marginals as nested lists of maps; of no axis, one map."""
    return _maps_of(probabilities, states.all_labels())


def _maps_of(probabilities: np.ndarray, labels: Sequence[str]) -> object:
    """Do the same for states that are called so."""
    flat = probabilities.reshape(-1, len(labels))
    # By columns: a list for each row would be as many lists more, which all take their time.
    rows = zip(*(column.tolist() for column in flat.T), strict=True)
    maps: list[object] = [dict(zip(labels, row, strict=True)) for row in rows]
    return _nested(maps, probabilities.shape[:-1])


def nested_labels(states_of: np.ndarray, states: States) -> object:
    """Write an array of states by name, as nested lists."""
    numbers: list[int] = states_of.reshape(-1).tolist()
    if states.count > len(numbers):
        names: list[object] = [states.label(number) for number in numbers]
    else:
        labels = states.all_labels()
        names = [labels[number] for number in numbers]
    return _nested(names, states_of.shape)


def _nested(items: list[object], shape: tuple[int, ...]) -> object:
    """Arrange items as nested lists of a shape; of no axis there is one."""
    if not shape:
        return items[0]
    if len(shape) == 1:
        return items
    step = math.prod(shape[1:])
    return [_nested(items[k * step : (k + 1) * step], shape[1:]) for k in range(shape[0])]


def _furthest(value: object, lower: object, upper: object) -> float:
    """Return how far numbers may be from proven ends of the same form."""
    if isinstance(value, float):
        return max(value - cast("float", lower), cast("float", upper) - value)
    keys = list(cast("Any", value)) if isinstance(value, dict) else range(len(cast("Any", value)))
    all_of = cast("tuple[Any, Any, Any]", (value, lower, upper))
    return max((_furthest(*(one[key] for one in all_of)) for key in keys), default=0.0)


def nested_values(states_of: np.ndarray, states: States) -> np.ndarray:
    """Return an array of states as the values they stand for: bool, int, or text for an enum.

    Places are rows and columns, along an axis of two behind the others.
    """
    if states.grid is not None:
        down, aside = np.divmod(states_of.astype(np.int64), states.grid.columns)
        return np.stack([down + states.grid.row, aside + states.grid.column], axis=-1)
    if states.labels:
        return np.array(states.labels)[states_of]
    return (
        states_of.astype(np.bool_) if states.is_bool else states_of.astype(np.int64) + states.first
    )
