"""What may be asked of a factor graph, and what an answer to it says about itself.

Every answer carries a `Quality`: exact, bounded (proven), or an estimate with its error.
A bound is a theorem; a number that is not proven is never called one.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from gmruntime.arrays import Float64, Int32

LOG_TEN = math.log(10.0)

DIGITS_SHOWN_MAX = 1000
"""A count with more digits than this is not written out."""


class Status(StrEnum):
    """How good an answer is."""

    EXACT = "exact"
    BOUNDED = "bounded"
    ESTIMATE = "estimate"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, slots=True)
class Quality:
    """How good an answer is, and how it was found.

    Attributes:
        status: impossible means that no assignment agrees with the evidence (Z = 0).
        method: the engine in words, such as "elimination" or "belief propagation".
        error: for an estimate its error measure: the largest change of a message in the last
            sweep, or a standard error; nats. 0 when exact. NaN when none is known.
        error_kind: what `error` is, such as "residual" or "standard error"; "" when exact.
        seconds: wall-clock time spent.
        note: a sentence for the user, such as "not converged after 200 sweeps"; may be empty.
        workers: how many took part in finding it, the process that was asked among them.
    """

    status: Status
    method: str
    seconds: float
    error: float = 0.0
    error_kind: str = ""
    note: str = ""
    workers: int = 1


# --- Questions ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Marginals:
    """P(x_i) of the variables listed, or of every variable when `variables` is None."""

    variables: Int32[np.ndarray, " asked"] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """P(x_1, ..., x_k) of a few variables together."""

    variables: Int32[np.ndarray, " asked"]


@dataclass(frozen=True, slots=True)
class LogPartition:
    """log Z: the log of the sum of all scores that agree with the evidence."""


@dataclass(frozen=True, slots=True)
class Map:
    """The assignment with the highest score (MPE)."""


@dataclass(frozen=True, slots=True, eq=False)
class MarginalMap:
    """The most probable states of `variables`, the rest summed out."""

    variables: Int32[np.ndarray, " asked"]


@dataclass(frozen=True, slots=True, eq=False)
class Best:
    """The `count` best assignments of `variables` (of everything when None), the rest maximised.

    Two answers differ in at least one of `variables`.
    """

    count: int
    variables: Int32[np.ndarray, " asked"] | None = None


@dataclass(frozen=True, slots=True)
class Samples:
    """`count` independent draws from the posterior."""

    count: int


@dataclass(frozen=True, slots=True)
class Solutions:
    """The number of assignments with a score above zero."""


Query = Marginals | Joint | LogPartition | Map | MarginalMap | Best | Samples | Solutions


# --- Answers -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class MarginalsAnswer:
    """Answers `Marginals`.

    Attributes:
        probabilities: one array for each block of the graph, shaped (*shape, num_states); rows of
            variables that were not asked are NaN. Observed variables have a 0/1 row.
        lower: certified lower bounds in the same shapes; None when there are none.
        upper: certified upper bounds, likewise.
        log_partition: log Z when it came along, else NaN.
    """

    quality: Quality
    probabilities: tuple[Float64[np.ndarray, "*shape states"], ...]
    lower: tuple[Float64[np.ndarray, "*shape states"], ...] | None = None
    upper: tuple[Float64[np.ndarray, "*shape states"], ...] | None = None
    log_partition: float = float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class JointAnswer:
    """Answers `Joint`: one axis for each variable asked, in the order asked; sums to 1."""

    quality: Quality
    probabilities: Float64[np.ndarray, "*states"]


@dataclass(frozen=True, slots=True)
class LogPartitionAnswer:
    """Answers `LogPartition`, nats; the bounds are certified, and infinite when there are none."""

    quality: Quality
    log_value: float
    log_lower: float = float("-inf")
    log_upper: float = float("inf")


@dataclass(frozen=True, slots=True, eq=False)
class AssignmentsAnswer:
    """Answers `Map`, `Best` and `Samples`.

    Attributes:
        assignments: best first for `Map` (one row) and `Best`; no row when impossible.
        log_scores: of each row on the graph that was asked, float64.
        log_upper: certified: no assignment scores higher; +inf when nothing is proven.
    """

    quality: Quality
    assignments: Int32[np.ndarray, "rows variables"]
    log_scores: Float64[np.ndarray, " rows"]
    log_upper: float = float("inf")


@dataclass(frozen=True, slots=True, eq=False)
class MarginalMapAnswer:
    """Answers `MarginalMap`.

    Attributes:
        states: of the variables asked, in the order asked; empty when impossible.
        log_value: log of the sum of all scores that agree with `states`, nats, or its estimate.
        log_lower: certified lower bound on the best value there is; -inf when none.
        log_upper: certified upper bound on the best value there is; +inf when none.
    """

    quality: Quality
    states: Int32[np.ndarray, " asked"]
    log_value: float
    log_lower: float = float("-inf")
    log_upper: float = float("inf")


@dataclass(frozen=True, slots=True, repr=False)
class SolutionsAnswer:
    """Answers `Solutions`; `log_count` is its natural log, `count` the integer when it is exact.

    The bounds are of `log_count`: certified, and infinite when there are none.
    """

    quality: Quality
    log_count: float
    count: int | None
    log_lower: float = float("-inf")
    log_upper: float = float("inf")

    def __repr__(self) -> str:
        """Write out the count, or how many digits it has: Python refuses to write thousands."""
        digits = self.log_count / LOG_TEN
        is_long = self.count is not None and digits > DIGITS_SHOWN_MAX
        count = f"<{math.floor(digits) + 1:,} digits>" if is_long else repr(self.count)
        bounds = f"log_lower={self.log_lower!r}, log_upper={self.log_upper!r}"
        logs = f"log_count={self.log_count!r}, {bounds}"
        return f"SolutionsAnswer({self.quality!r}, count={count}, {logs})"


Answer = (
    MarginalsAnswer
    | JointAnswer
    | LogPartitionAnswer
    | AssignmentsAnswer
    | MarginalMapAnswer
    | SolutionsAnswer
)


@dataclass(frozen=True, slots=True, eq=False)
class Improvement:
    """One step of an anytime search: a better assignment, a tighter bound, or both.

    Attributes:
        seconds: since the search began.
        assignment: the incumbent; empty while there is none.
        log_score: its score on the graph that was asked, float64; -inf while there is none.
        log_bound: certified: no assignment scores higher; +inf while nothing is proven.
        engine: the engine that found it, in words.
        workers: how many have taken part so far, the process that was asked among them.
        note: what became of those who did not; may be empty.
    """

    seconds: float
    assignment: Int32[np.ndarray, " variables"]
    log_score: float
    log_bound: float
    engine: str
    workers: int = 1
    note: str = ""

    @property
    def is_found(self) -> bool:
        """Whether there is an incumbent; of a graph without variables it is empty."""
        return bool(self.assignment.size) or self.log_score > float("-inf")


def at_seconds(answer: Answer, seconds: float) -> Answer:
    """Say how many seconds after the question an answer came."""
    return replace(answer, quality=replace(answer.quality, seconds=seconds))


def with_note(answer: Answer, note: str) -> Answer:
    """Add a remark to what an answer says of itself."""
    if not note:
        return answer
    joined = "; ".join(part for part in (answer.quality.note, note) if part)
    return replace(answer, quality=replace(answer.quality, note=joined))
