"""Everything that may be asked of a graph, held against the list of its assignments."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gmruntime import answer as a
from gmruntime.inference import infer, search
from tests.fuzz.graphs import Case
from tests.fuzz.rounds import told
from tests.fuzz.worth import Worth, worth_of

Settings = dict[str, Any]

SETTINGS: tuple[Settings, ...] = (
    {},
    {"memory_bytes": 300},
    {"memory_bytes": 100_000},
    {"budget_s": 1e-9},
    {"budget_s": 1e-3, "memory_bytes": 2000},
    {"budget_s": 0.05},
    {"method": "exact"},
    {"method": "bp", "budget_s": 0.3},
    {"method": "search", "budget_s": 0.2},
)
"""Ways to be asked: freely, with little memory, in no time, and by one engine only."""

PROBABILITY_TOLERANCE = 1e-7


@dataclass(frozen=True, slots=True, eq=False)
class Asking:
    """A case with its enumeration, and how it is asked."""

    case: Case
    worth: Worth
    settings: Settings
    rng: np.random.Generator

    def ask(self, question: a.Query) -> Any:
        """Put a question to the runtime."""
        seed = int(self.rng.integers(1 << 30))
        case = self.case
        return infer(case.graph, question, evidence=case.evidence, seed=seed, **self.settings)

    def near(self, left: float, right: float) -> bool:
        """Say whether two log scores are equal but for rounding."""
        return left == right or abs(left - right) <= self.worth.tolerance

    @property
    def slack(self) -> float:
        """What a probability may be off by."""
        return PROBABILITY_TOLERANCE + self.worth.tolerance


def faults(case: Case) -> list[str]:
    """Ask a case everything; return what is wrong, each with its question."""
    settings = SETTINGS[case.seed % len(SETTINGS)]
    asking = Asking(case, worth_of(case.graph, case.evidence), settings, case.rng)
    found: list[str] = []
    for name, check in CHECKS.items():
        if settings.get("method") == "search" and name not in ("map", "mmap", "best"):
            continue
        try:
            found += [f"{name}, {settings}: {fault}" for fault in check(asking)]
        except Exception as error:
            found.append(f"{name}, {settings}: {told(error)}")
    return found


def _status(asking: Asking, quality: a.Quality) -> Iterator[str]:
    """Impossible is said of what is impossible only, and nothing proven is said of that."""
    impossible = asking.worth.best == -np.inf
    match quality.status:
        case a.Status.IMPOSSIBLE if not impossible:
            yield f"called impossible; the best score is {asking.worth.best}"
        case a.Status.EXACT if impossible:
            yield "called exact; it is impossible"
        case _:
            return


def _within(asking: Asking, low: float, value: float, high: float) -> Iterator[str]:
    slack = asking.worth.tolerance
    if not low - slack <= value <= high + slack:
        yield f"{value} is outside its bounds {low} .. {high}"


def log_partition(asking: Asking) -> Iterator[str]:
    """log Z, its bounds, and its place between them."""
    got = asking.ask(a.LogPartition())
    truth = asking.worth.log_sum()
    yield from _status(asking, got.quality)
    yield from _within(asking, got.log_lower, truth, got.log_upper)
    if got.quality.status is a.Status.EXACT and not asking.near(got.log_value, truth):
        yield f"exact {got.log_value}, but it is {truth}"
    if np.isnan(got.log_value):
        yield "not a number"
    elif got.quality.status is not a.Status.IMPOSSIBLE:
        yield from _within(asking, got.log_lower, got.log_value, got.log_upper)


def marginals(asking: Asking) -> Iterator[str]:
    """Each variable's distribution, and its bounds."""
    got = asking.ask(a.Marginals())
    yield from _status(asking, got.quality)
    if asking.worth.best == -np.inf or got.quality.status is a.Status.IMPOSSIBLE:
        return
    shares = np.exp(asking.worth.scores - asking.worth.log_sum())
    variable = 0
    for number, block in enumerate(asking.case.graph.variables):
        shape = (block.size, block.num_states)
        rows = got.probabilities[number].reshape(shape)
        lower = got.lower[number].reshape(shape) if got.lower else np.zeros(shape)
        upper = got.upper[number].reshape(shape) if got.upper else np.ones(shape)
        for row in range(block.size):
            column = asking.worth.states[:, variable]
            truth = np.bincount(column, weights=shares, minlength=block.num_states)
            variable += 1
            if not np.isclose(rows[row].sum(), 1.0, atol=1e-6):
                yield f"v{variable - 1} sums to {rows[row].sum()}"
            is_exact = got.quality.status is a.Status.EXACT
            if is_exact and not np.allclose(rows[row], truth, rtol=0, atol=asking.slack):
                yield f"v{variable - 1} exact {rows[row]}, but it is {truth}"
            crossed = (lower[row] > truth + asking.slack) | (upper[row] < truth - asking.slack)
            if crossed.any():
                yield f"v{variable - 1}: {truth} is outside {lower[row]} .. {upper[row]}"


def joint(asking: Asking) -> Iterator[str]:
    """The distribution of up to three variables together, perhaps of one of them twice."""
    num_variables = asking.worth.states.shape[1]
    if not num_variables:
        return
    chosen = int(asking.rng.integers(1, min(num_variables, 3) + 1))
    replace = bool(asking.rng.random() < 0.15)
    asked = asking.rng.choice(num_variables, chosen, replace).astype(np.int32)
    got = asking.ask(a.Joint(asked))
    yield from _status(asking, got.quality)
    if asking.worth.best == -np.inf or got.quality.status is a.Status.IMPOSSIBLE:
        return
    truth = np.zeros(got.probabilities.shape)
    shares = np.exp(asking.worth.scores - asking.worth.log_sum())
    np.add.at(truth, tuple(asking.worth.states[:, v] for v in asked), shares)
    if not np.isclose(got.probabilities.sum(), 1.0, atol=1e-6):
        yield f"{asked} sums to {got.probabilities.sum()}"
    is_exact = got.quality.status is a.Status.EXACT
    if is_exact and not np.allclose(got.probabilities, truth, rtol=0, atol=asking.slack):
        yield f"{asked} exact {got.probabilities.ravel()}, but it is {truth.ravel()}"


def _score_of(asking: Asking, assignment: np.ndarray) -> float | None:
    """Return what an assignment is worth, None where it breaks the evidence."""
    row = np.flatnonzero((asking.worth.states == assignment).all(axis=1))
    return float(asking.worth.scores[row[0]]) if len(row) else None


def _assignment(asking: Asking, assignment: np.ndarray, said: float) -> Iterator[str]:
    really = _score_of(asking, assignment)
    if really is None:
        yield f"{assignment} breaks the evidence"
    elif not asking.near(really, said):
        yield f"scored {said}, but it is worth {really}"


def most_probable(asking: Asking) -> Iterator[str]:
    """The best assignment, its score, and the bound on all others."""
    got = asking.ask(a.Map())
    best = asking.worth.best
    yield from _status(asking, got.quality)
    if got.log_upper < best - asking.worth.tolerance:
        yield f"bound {got.log_upper} is below the best score {best}"
    for row, score in zip(got.assignments, got.log_scores, strict=True):
        yield from _assignment(asking, row, float(score))
    if got.quality.status is a.Status.EXACT:
        if not len(got.log_scores):
            yield "exact, without an assignment"
        elif not asking.near(float(got.log_scores[0]), best):
            yield f"exact {got.log_scores[0]}, but the best is {best}"
    elif len(got.log_scores) and got.log_scores[0] == -np.inf < best:
        yield "an assignment that is forbidden"


def marginal_map(asking: Asking) -> Iterator[str]:
    """The most probable states of some variables, the rest summed out."""
    num_variables = asking.worth.states.shape[1]
    if not num_variables:
        return
    count = int(asking.rng.integers(1, num_variables + 1))
    asked = np.sort(asking.rng.choice(num_variables, count, replace=False)).astype(np.int32)
    got = asking.ask(a.MarginalMap(asked))
    kept, sums, _ = asking.worth.by_states(asked)
    best = float(sums.max(initial=-np.inf))
    yield from _status(asking, got.quality)
    yield from _within(asking, got.log_lower, best, got.log_upper)
    if got.quality.status is a.Status.IMPOSSIBLE or not len(got.states):
        return
    row = np.flatnonzero((kept == got.states).all(axis=1))
    really = float(sums[row[0]]) if len(row) else -np.inf
    if really == -np.inf and best > -np.inf:
        yield f"{asked} = {got.states} is impossible"
    if got.quality.status is a.Status.EXACT:
        if not asking.near(really, best):
            yield f"exact {got.states} of {asked} is worth {really}; the best is {best}"
        if not asking.near(float(got.log_value), best):
            yield f"exact value {got.log_value}, but it is {best}"


def best_few(asking: Asking) -> Iterator[str]:
    """The best few assignments of some variables: distinct, in order, and no better ones left."""
    num_variables = asking.worth.states.shape[1]
    count = int(asking.rng.choice([1, 2, 5, 50]))
    asked = None
    if num_variables and asking.rng.random() < 0.5:
        width = int(asking.rng.integers(1, num_variables + 1))
        asked = np.sort(asking.rng.choice(num_variables, width, replace=False)).astype(np.int32)
    got = asking.ask(a.Best(count, asked))
    yield from _status(asking, got.quality)
    chosen = np.arange(num_variables) if asked is None else asked
    _, _, tops = asking.worth.by_states(chosen)
    wanted = np.sort(tops[tops > -np.inf])[::-1][:count]
    rows = got.assignments[:, chosen] if len(got.assignments) else got.assignments
    if len(np.unique(rows, axis=0)) != len(rows):
        yield "an answer stands twice"
    if (np.diff(got.log_scores) > asking.worth.tolerance).any():
        yield f"out of order: {got.log_scores}"
    for row, score in zip(got.assignments, got.log_scores, strict=True):
        yield from _assignment(asking, row, float(score))
    if got.log_upper < asking.worth.best - asking.worth.tolerance:
        yield f"bound {got.log_upper} is below the best score {asking.worth.best}"
    if got.quality.status is a.Status.EXACT:
        same = len(wanted) == len(rows)
        if not (same and all(map(asking.near, got.log_scores, wanted))):
            yield f"exact {got.log_scores[:5]} ({len(rows)}), but {wanted[:5]} ({len(wanted)})"


def samples(asking: Asking) -> Iterator[str]:
    """Draws: possible ones, as often as they should come (six standard errors)."""
    count = 400
    got = asking.ask(a.Samples(count))
    yield from _status(asking, got.quality)
    if got.quality.status is not a.Status.EXACT or asking.worth.best == -np.inf:
        return
    if len(got.assignments) != count:
        yield f"{len(got.assignments)} draws instead of {count}"
    for row, score in zip(got.assignments[:20], got.log_scores[:20], strict=True):
        yield from _assignment(asking, row, float(score))
        if score == -np.inf:
            yield f"drew the impossible {row}"
    shares = np.exp(asking.worth.scores - asking.worth.log_sum())
    for variable in range(asking.worth.states.shape[1]):
        truth = np.bincount(asking.worth.states[:, variable], weights=shares)
        drawn = np.bincount(got.assignments[:, variable], minlength=len(truth)) / count
        error = np.sqrt(truth * (1 - truth) / count + 1e-6)
        if len(drawn) > len(truth) or (np.abs(drawn - truth) > 6 * error).any():
            yield f"v{variable} drawn {drawn}, but {truth}"


def solutions(asking: Asking) -> Iterator[str]:
    """How many assignments nothing forbids."""
    got = asking.ask(a.Solutions())
    truth = int((asking.worth.scores > -np.inf).sum())
    yield from _status(asking, got.quality)
    if got.quality.status is a.Status.EXACT and got.count != truth:
        yield f"exact {got.count}, but there are {truth}"


def improvements(asking: Asking) -> Iterator[str]:
    """Every step of a search: a score that is so, and a bound that holds."""
    seconds = min(0.2, asking.settings.get("budget_s", 0.2))
    memory = asking.settings.get("memory_bytes")
    case = asking.case
    last = -np.inf
    for step in search(
        case.graph, a.Map(), evidence=case.evidence, budget_s=seconds, memory_bytes=memory
    ):
        if step.log_bound < asking.worth.best - asking.worth.tolerance:
            yield f"{step.engine}: bound {step.log_bound} is below {asking.worth.best}"
        if step.assignment.size:
            yield from _assignment(asking, step.assignment, step.log_score)
            if step.log_score < last:
                yield f"{step.engine}: fell from {last} to {step.log_score}"
            last = step.log_score


CHECKS: dict[str, Callable[[Asking], Iterator[str]]] = {
    "logz": log_partition,
    "marginals": marginals,
    "joint": joint,
    "map": most_probable,
    "mmap": marginal_map,
    "best": best_few,
    "samples": samples,
    "count": solutions,
    "search": improvements,
}
