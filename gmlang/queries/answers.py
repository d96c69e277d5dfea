"""An answer in the author's words: states by name, arrays shaped like the variables."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from gmlang.graph.world.states import States
from gmlang.queries.counts import count_fields
from gmruntime.answer import Quality, Status


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a query returned, and how good it is.

    Attributes:
        text: the query as written.
        kind: marginal joint event map mmap best sample logz count compat blame why active indep.
        status: "exact", "bounded" (certified), "estimate" or "impossible".
        seconds: taken by the whole question; `dispatch` measures it.
        value: plain data: numbers, text, lists and dicts; None when impossible.
        array: probabilities or states as an array shaped like the variables, where it can be:
            for a marginal (*shape, states); for a MAP of one variable the values.
        log_lower: certified lower bound of a log value, nats; None without one.
        log_upper: certified upper bound, likewise.
        log_score: of a MAP, nats.
        method: the engine.
        error: of an estimate; `error_kind` says what it is.
        note: a sentence about the answer, or "".
        workers: how many took part in finding it, the process that was asked among them.
        labels: names of the states along the last axis of a marginal's array.
    """

    text: str
    kind: str
    status: str
    value: object
    seconds: float = 0.0
    array: np.ndarray | None = None
    log_lower: float | None = None
    log_upper: float | None = None
    log_score: float | None = None
    method: str = ""
    error: float | None = None
    error_kind: str = ""
    note: str = ""
    labels: tuple[str, ...] = ()
    name: str = ""
    held: bool | None = None
    workers: int = 1
    details: dict[str, object] = field(default_factory=dict[str, object])

    @property
    def probabilities(self) -> object:
        """The probabilities of a marginal or joint: by state, or nested lists of such maps.

        Raises:
            AttributeError: for another kind of answer.
        """
        if self.kind not in ("marginal", "joint", "event"):
            raise AttributeError(f"a {self.kind} answer has no probabilities; see .value")
        return self.value

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
        if self.kind == "count" and isinstance(self.value, int):
            plain.update(count_fields(self.value))
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


VIEWS: dict[str, Callable[[Answer], Any]] = {}
"""How an answer is shown: as text, html, pandas, xarray. `gmlang.views`, above, fills it in."""


def quality_fields(quality: Quality) -> dict[str, object]:
    """Return the fields of an `Answer` that its runtime quality fills."""
    estimate = quality.status is Status.ESTIMATE
    error = quality.error if estimate and not np.isnan(quality.error) else None
    return {
        "status": quality.status.value,
        "method": quality.method,
        "error": error,
        "error_kind": quality.error_kind if estimate else "",
        "note": quality.note,
        "workers": quality.workers,
    }


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


def distribution_map(probabilities: np.ndarray, states: States) -> dict[str, float]:
    """Write one marginal by the names of its states."""
    return dict(zip(states.all_labels(), probabilities.tolist(), strict=True))


def nested_maps(probabilities: np.ndarray, states: States) -> object:
    """Write an array of marginals as nested lists of maps."""
    if probabilities.ndim == 1:
        return distribution_map(probabilities, states)
    return [nested_maps(row, states) for row in probabilities]


def nested_labels(states_of: np.ndarray, states: States) -> object:
    """Write an array of states by name, as nested lists."""
    if states_of.ndim == 0:
        return states.label(int(states_of))
    return [nested_labels(row, states) for row in states_of]


def nested_values(states_of: np.ndarray, states: States) -> np.ndarray:
    """Return an array of states as the values they stand for (bool, int, or text for an enum)."""
    if states.labels:
        return np.array(states.labels)[states_of]
    return (
        states_of.astype(np.bool_) if states.is_bool else states_of.astype(np.int64) + states.first
    )
