"""What was learned, how sure it is, and how it was found."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Generic, TypeVar

import numpy as np
from scipy.special import expit, logit, ndtri

from gmlang.core.parameters import ParameterKind
from gmlang.learning.methods.climbing import GAIN_MAX
from gmlang.learning.numbers.coordinates import Layout
from gmlang.learning.results.adding import Counted, Pace
from gmlang.learning.results.posterior import Posterior
from gmruntime.arrays import Float64

M = TypeVar("M")

LINES_MAX = 40
"""So many lines of numbers are shown."""

WIDTH = 88

REACHED_NATS = 0.5
"""A start has reached the best place where it ends within so many nats of it."""


@dataclass(frozen=True, slots=True)
class Score:
    """Log-likelihood of cases that nothing was learned from, nats a case.

    Attributes:
        error: its standard error.
        count: of cases.
    """

    mean: float
    error: float
    count: int


@dataclass(frozen=True, slots=True)
class Restarts:
    """How the climbs from all starts ended.

    Attributes:
        values: F of each, the best first.
        apart: the largest difference between a number of the best and of another that reached it,
            latent states that nobody names in the same order; NaN where there was no time to look.
    """

    values: tuple[float, ...]
    apart: float = 0.0

    @property
    def num_reached(self) -> int:
        """How many ended within `REACHED_NATS` of the best."""
        return sum(self.values[0] - value <= REACHED_NATS for value in self.values)

    @property
    def spread(self) -> float:
        """Nats between the best and the worst."""
        return self.values[0] - self.values[-1]


@dataclass(frozen=True, slots=True, eq=False)
class Learned(Generic[M]):
    """Params that were learned from cases.

    Attributes:
        text: the `learn` as written.
        values: the params by name.
        bindings: the same by core name, as models have them.
        errors: standard errors, shaped like the values; NaN where what was seen does not tell, and
            everywhere where there are too many numbers to say.
        counts: of how many cases each number speaks: how often it was used, imaginary cases left
            out; NaN where a param does not stand in tables as it is.
        objective: what was maximised, nats: log-likelihood and log prior together, the bound, or
            the pseudo-likelihood and log prior; NaN where chains never know it.
        log_likelihood: of all cases, nats; NaN where it was not worked out.
        log_prior: of the values, nats, up to a constant.
        posterior: of the values, and a bound on the log evidence, where they were learned as
            distributions; None else.
        held_out: of cases that nothing was learned from; None where none were kept apart.
        status: "converged" (at most `GAIN_MAX` nats are left to gain), "stopped", or "estimate"
            where chains stand for log Z.
        noise: how far chains may have put the number that is known least off; None where there are
            none, or nobody can say.
        gain_left: nats that are expected to be left.
        method: "em", "gradient", "variational", "pseudo", or "cd(k)".
        rounds: evaluations of F in the climb that ended highest.
        restarts: how all climbs ended.
        notes: sentences about what to be careful with.
        num_rows: how many cases, and `total_weight` their weights together.
        empty: the part of the cells that said nothing.
        model: with the values bound.
        seed: of everything random.
        counted: what more cases are added to; None where counts alone do not say what is best.
        adding: what adds them.
    """

    text: str
    values: Mapping[str, np.ndarray]
    bindings: Mapping[str, np.ndarray]
    errors: Mapping[str, np.ndarray]
    counts: Mapping[str, np.ndarray]
    objective: float
    log_likelihood: float
    log_prior: float
    posterior: Posterior | None
    held_out: Score | None
    status: str
    noise: float | None
    gain_left: float
    method: str
    rounds: int
    restarts: Restarts
    notes: tuple[str, ...]
    num_rows: int
    total_weight: float
    empty: float
    seconds: float
    seed: int
    model: M
    layout: Layout
    link_errors: Float64[np.ndarray, " numbers"]
    counted: Counted | None = field(default=None, repr=False)
    adding: "Callable[[Learned[M], Pace, Mapping[str, object]], Learned[M]] | None" = None

    @property
    def bound(self) -> float | None:
        """Nats that the log evidence is not below; None where no distributions were learned."""
        return None if self.posterior is None else self.posterior.bound

    def interval(self, name: str, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """Return the lower and upper ends of intervals for a param, shaped like it.

        They are symmetric in log-odds for probabilities, in logs for positive numbers; of what was
        learned as a distribution as much lies below them as above.

        Raises:
            GmError: when nothing of that name was learned.
            ValueError: when the level is not between 0 and 1.
        """
        if not isinstance(level, Real) or not 0 < level < 1:
            raise ValueError(f"level must lie between 0 and 1, not {level!r}")
        x = np.asarray(self.values[name], np.float64).reshape(-1)
        array = next(a for a in self.layout.arrays if a.shown == name)
        if self.posterior is not None:
            ends = (0.5 - 0.5 * level, 0.5 + 0.5 * level)
            low, high = (self.posterior.quantile(array.part, end) for end in ends)
            return low.reshape(array.shape), high.reshape(array.shape)
        width = float(ndtri(0.5 + 0.5 * level)) * self.link_errors[array.part]
        match array.kind:
            case ParameterKind.PROBABILITY | ParameterKind.SIMPLEX:
                middle = logit(x)
                low, high = expit(middle - width), expit(middle + width)
            case ParameterKind.POSITIVE:
                low, high = x * np.exp(-width), x * np.exp(width)
            case ParameterKind.REAL:
                low, high = x - width, x + width
        return low.reshape(array.shape), high.reshape(array.shape)

    def add(
        self,
        *,
        batch: int = 100,
        half_life: float | None = None,
        skip_impossible: bool = False,
        budget_s: float = 60.0,
        memory_bytes: int | None = None,
        **data: object,
    ) -> "Learned[M]":
        """Learn from more cases, in one pass: their counts are added to those that there are.

        What comes of it is best for complete cases; where cells are empty it depends on the order
        of the rows, and is about as good as learning from all of them together. There are no
        standard errors.

        Args:
            batch: so many rows are counted by the same numbers.
            half_life: after so many more cases, earlier ones count half; None forgets nothing.
            skip_impossible: leave out rows that the program gives no probability.
            budget_s: wall-clock seconds; what was added so far comes when they are over.
            memory_bytes: cap on tables; None takes half of what is free.
            data: the table of cases, by its name.

        Raises:
            GmError: when the rows have mistakes, or counts alone do not say what is best.
        """
        assert self.adding is not None
        pace = Pace(batch, half_life, skip_impossible, budget_s, memory_bytes)
        return self.adding(self, pace, data)

    def to_dict(self) -> dict[str, object]:
        """Return all that was found as plain data; what is not known is None."""
        held_out = self.held_out
        plain: dict[str, object] = {
            "query": self.text,
            "kind": "learn",
            "status": self.status,
            "values": {name: value.tolist() for name, value in self.values.items()},
            "errors": {name: _known(value) for name, value in self.errors.items()},
            "counts": {name: _known(value) for name, value in self.counts.items()},
            "objective": _finite(self.objective),
            "log_likelihood": _finite(self.log_likelihood),
            "log_prior": _finite(self.log_prior),
            "gain_left": _finite(self.gain_left),
            "method": self.method,
            "rounds": self.rounds,
            "restarts": [_finite(value) for value in self.restarts.values],
            "apart": _finite(self.restarts.apart),
            "rows": self.num_rows,
            "empty": self.empty,
            "notes": list(self.notes),
            "seconds": round(self.seconds, 6),
            "seed": self.seed,
        }
        if np.isnan(self.objective):
            plain["noise"] = self.noise
        if self.posterior is not None:
            plain["bound"] = self.posterior.bound
            plain["bound_is_log_evidence"] = self.posterior.is_exact
        if held_out is not None:
            plain["held_out"] = {
                "mean": _finite(held_out.mean),
                "error": _finite(held_out.error),
                "rows": held_out.count,
            }
        return plain

    def to_json(self) -> str:
        """Return all that was found as one line of JSON."""
        return json.dumps(self.to_dict(), allow_nan=False)

    def __repr__(self) -> str:
        return _show_learned(self)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _known(values: np.ndarray) -> object:
    """Return nested lists of numbers, None where one is not known."""
    found = values.astype(object)
    found[~np.isfinite(values)] = None
    return found.tolist()


# --- As text -----------------------------------------------------------------------------


def _show_learned(learned: Learned[Any]) -> str:
    """Write what was learned."""
    lines = [f"{learned.text}{_about_rows(learned)}"]
    lines += ["  " + line for line in (*number_lines(learned), score_line(learned))]
    lines.append("  " + _quality(learned))
    lines += [f"  note: {note}" for note in learned.notes]
    return "\n".join(lines)


def score_line(learned: Learned[Any]) -> str:
    """Say how well the cases are told, and those kept apart."""
    score = ""
    if learned.posterior is not None:
        relation = "" if learned.posterior.is_exact else "at least "
        score = f"log evidence {relation}{learned.posterior.bound:.4f} nats · "
    mean = learned.log_likelihood / max(learned.total_weight, 1e-300)
    if np.isfinite(mean):
        score += f"{mean:.4f} nats a case"
    elif np.isfinite(learned.objective):
        own = (learned.objective - learned.log_prior) / max(learned.total_weight, 1e-300)
        score += f"pseudo-likelihood {own:.4f} nats a case"
    else:
        score += "log-likelihood not worked out"
    if learned.held_out is not None:
        held = learned.held_out
        error = f" ± {held.error:.2g}" if np.isfinite(held.error) else ""
        rows = "1 row" if held.count == 1 else f"{held.count} rows"
        score += f" · held out {held.mean:.4f}{error} ({rows})"
    return score


def _about_rows(learned: Learned[Any]) -> str:
    if learned.num_rows == 1 and not learned.empty:
        return ""
    rows = "1 row" if learned.num_rows == 1 else f"{learned.num_rows:,} rows".replace(",", " ")
    parts = [rows]
    if learned.empty:
        percent = 100 * learned.empty
        parts.append(f"{percent:{'.2g' if percent < 99.5 else '.3g'}} % of cells empty")
    return f" ({', '.join(parts)})"


def _quality(learned: Learned[Any]) -> str:
    if learned.status == "estimate":
        off = "of unknown error" if learned.noise is None else f"± {learned.noise:.2g} by chance"
        left = f", about {learned.gain_left:.2g} nats left" if learned.gain_left < np.inf else ""
        parts = [f"estimate {off}{left}"]
    elif learned.status == "converged":
        parts = [f"converged: at most {GAIN_MAX:g} nats left"]
        if learned.posterior is not None and learned.posterior.is_exact:
            parts = ["exact: nothing is latent"]
    else:
        left = f"about {learned.gain_left:.2g} nats left" if learned.gain_left < np.inf else ""
        which = "the mean so far" if np.isnan(learned.objective) else "the best so far"
        parts = [f"stopped: {which}" + (f", {left}" if left else "")]
    if learned.method == "pseudo":
        parts[0] = f"pseudo-likelihood, {parts[0]}"
    if learned.posterior is not None and not learned.posterior.is_exact:
        parts[0] = f"variational estimate, {parts[0]}"
    rounds = "1 round" if learned.rounds == 1 else f"{learned.rounds} rounds"
    parts.append(f"{learned.method}, {rounds}")
    restarts = learned.restarts
    if len(restarts.values) > 1:
        reached = f"{restarts.num_reached} of {len(restarts.values)} starts reached it"
        is_near = restarts.num_reached > 1 and np.isfinite(restarts.apart)
        near = f", numbers within {restarts.apart:.2g}" if is_near else ""
        parts.append(f"{reached}{near}, spread {restarts.spread:.3g} nats")
    parts.append(f"{learned.seconds:.1f} s")
    return " · ".join(parts)


def number_text(value: float, error: float) -> str:
    """Write a number with the digits that are known of it.

    >>> number_text(0.09871, 0.0031)
    '0.0987 ± 0.0031'
    """
    if not np.isfinite(error) or error <= 0.0:
        return f"{value:.4g}"
    places = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{value:.{places}f} ± {error:.{places}f}"


def number_lines(learned: Learned[Any]) -> list[str]:
    """Write each number with its error: several on a line, rows of a simplex together."""
    lines: list[str] = []
    for array in learned.layout.arrays:
        values = np.asarray(learned.values[array.shown]).reshape(-1, max(1, array.row))
        errors = np.asarray(learned.errors[array.shown]).reshape(values.shape)
        cells = [
            f"{array.distribution(k)} "
            + " ".join(number_text(float(v), float(e)) for v, e in zip(row, error, strict=True))
            for k, (row, error) in enumerate(zip(values, errors, strict=True))
        ]
        lines += _packed(cells)
    left = len(lines) - LINES_MAX
    return lines if left <= 0 else [*lines[:LINES_MAX], f"... {left} lines more"]


def _packed(cells: list[str]) -> list[str]:
    lines: list[str] = []
    for cell in cells:
        if lines and len(lines[-1]) + len(cell) + 4 <= WIDTH:
            lines[-1] += "    " + cell
        else:
            lines.append(cell)
    return lines
