"""Which rules explain what is seen: all combinations that may matter, the likeliest first.

One function after another is fixed, the others left open: leaving open can only raise log Z, so
that what is impossible then is impossible, and what is far below the best stays there. A score is
exact once all functions are fixed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from gmlang.learning.functions.pieces import Piece, Side, pieces_of, side_of
from gmlang.learning.functions.scoring import (
    Codes,
    allowed_apart,
    bounded,
    possible_candidates,
    scored,
)
from gmlang.learning.functions.stage import Stage
from gmruntime.arrays import Float64, Int64
from gmruntime.budget import Budget

_CUTOFF = 14.0
"""Combinations that are less likely than the best by so many nats are not worked out."""

_NODES = 64
"""So many partial choices are extended together."""

_FIRST = 256
"""So many combinations are scored first."""

_SHORTEST_S = 0.25
"""So long the shortest may take to score where no time is left."""

_BATCH = 1 << 13
"""So many combinations are scored together."""

_PATTERNS_MAX = 1 << 16
"""Where rules differ in more ways than this, one value at a time is looked at instead."""

_COMBOS_MAX = 1 << 20
"""So many combinations are scored at most."""


@dataclass(slots=True, eq=False)
class Found:
    """What has been scored.

    Attributes:
        combos: the candidate of each function, the best first once the search is over.
        totals: log prior and log-likelihood of each, nats.
        first: the best of the shortest, which were looked at before everything else; perhaps not
            among the others yet.
        left: log of how much all that was not scored may weigh together; -inf for nothing.
        is_over: whether the time was.
    """

    combos: Int64[np.ndarray, "combos functions"]
    totals: Float64[np.ndarray, " combos"]
    first: tuple[np.ndarray, float] | None = None
    left: float = -np.inf
    is_over: bool = False

    @property
    def best(self) -> float:
        """The highest total so far."""
        best = float(self.totals.max(initial=-np.inf))
        return best if self.first is None else max(best, self.first[1])


@dataclass(slots=True, eq=False)
class Search:
    """Everything that scores combinations of rules.

    Attributes:
        seen: the graph with what was observed left out.
        rest: the graph without observations, where its log Z depends on the rules.
        cut: the pieces of each, by the functions that are linked.
    """

    stage: Stage
    budget: Budget
    seed: int
    seen: Side
    rest: Side | None
    cut: dict[tuple[bool, tuple[int, ...]], tuple[Piece, ...]] = field(
        default_factory=dict[tuple[bool, tuple[int, ...]], tuple[Piece, ...]]
    )

    @property
    def codes(self) -> Codes:
        """The states that each candidate of each function gives."""
        return [function.codes for function in self.stage.functions]

    def pieces(self, functions: Sequence[int], *, is_seen: bool = True) -> tuple[Piece, ...]:
        """Return what links are to, nothing said of functions that are not among these."""
        key = is_seen, tuple(sorted(functions))
        if key not in self.cut:
            side = self.seen if is_seen else self.rest
            assert side is not None
            self.cut[key] = pieces_of(self.stage, side, functions, self.budget)
        return self.cut[key]

    def likelihoods(
        self, functions: Sequence[int], combos: np.ndarray, failing: np.ndarray | None = None
    ) -> np.ndarray:
        """Find log Z of what is seen, for some functions fixed."""
        span, codes = self.stage.whats.span, self.codes
        pieces = self.pieces(functions)
        return scored(pieces, codes, combos, self.budget, self.seed, span, failing)

    def finals(self, combos: np.ndarray) -> np.ndarray:
        """Find the totals of combinations of all functions."""
        functions = range(len(self.stage.functions))
        found = self.priors(functions, combos) + self.likelihoods(functions, combos)
        able = found > -np.inf
        if self.rest is not None and able.any():
            pieces = self.pieces(functions, is_seen=False)
            span = self.stage.whats.span
            found[able] -= scored(pieces, self.codes, combos[able], self.budget, self.seed, span)
        return found

    def priors(self, functions: Sequence[int], combos: np.ndarray) -> np.ndarray:
        """Return the log prior of the functions that are fixed."""
        total = np.zeros(len(combos))
        for function in functions:
            total += self.stage.functions[function].log_prior[combos[:, function]]
        return total


def begin_search(stage: Stage, budget: Budget, seed: int) -> Search:
    """Prepare to score rules.

    Raises:
        GraphError: where a statement is too large for tables.
    """
    seen = side_of(stage, is_seen=True)
    rest = side_of(stage, is_seen=False) if stage.normaliser else None
    return Search(stage, budget, seed, seen, rest)


def search(search: Search) -> Found:
    """Score all combinations that may matter, or as many as the time allows."""
    count = len(search.stage.functions)
    found = Found(np.zeros((0, count), np.int64), np.zeros(0))
    try:
        found.first = _shortest_of(search)
        order, screens = _screened(search)
        if any(not len(search_screen.candidates) for search_screen in screens.values()):
            return found
        start = np.zeros((1, count), np.int64)
        _descend(search, found, order, screens, 0, start, np.full(1, np.inf))
    except TimeoutError:
        found.is_over = True
        found.left = np.inf
        if found.first is not None and not (found.combos == found.first[0]).all(axis=1).any():
            found.combos = np.concatenate([found.combos, found.first[0][None]])
            found.totals = np.append(found.totals, found.first[1])
    ranking = np.argsort(-np.round(found.totals, 9), kind="stable")
    ranking = ranking[found.totals[ranking] > -np.inf]
    found.combos, found.totals = found.combos[ranking], found.totals[ranking]
    return found


def _shortest_of(search: Search) -> tuple[np.ndarray, float] | None:
    """Score the shortest rules, for a moment even where listing them took all the time.

    Whoever interrupts that is given what there is.
    """
    budget = search.budget
    search.budget = replace(budget.at_least(_SHORTEST_S), ends=())
    try:
        return _shortest(search)
    finally:
        search.budget = budget


def _shortest(search: Search) -> tuple[np.ndarray, float] | None:
    """Score the shortest rules, so that there is something to compare with; return the best."""
    functions = search.stage.functions
    each = max(2, round(_FIRST ** (1 / len(functions))))
    sizes = [min(each, len(function.codes)) for function in functions]
    combos = np.indices(sizes).reshape(len(sizes), -1).T.astype(np.int64)
    totals = search.finals(combos)
    best = int(totals.argmax())
    return (combos[best], float(totals[best])) if totals[best] > -np.inf else None


# --- One function alone --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Screen:
    """The candidates of a function that are possible with all others left open.

    Attributes:
        candidates: their numbers.
        bounds: log Z of each, the others open.
    """

    candidates: np.ndarray
    bounds: np.ndarray


def _screened(search: Search) -> tuple[list[int], dict[int, _Screen]]:
    """Look at each function alone; return the order in which they are best fixed."""
    screens: dict[int, _Screen] = {}
    openness: dict[int, float] = {}
    for number in range(len(search.stage.functions)):
        screens[number] = _screen(search, number)
        function = search.stage.functions[number]
        weights = screens[number].bounds + function.log_prior[screens[number].candidates]
        if len(weights):
            shares = np.exp(weights - weights.max())
            shares /= shares.sum()
            positive = shares[shares > 0]
            openness[number] = float(-(positive * np.log(positive)).sum()) + 1e-9 * len(weights)
        else:
            openness[number] = 0.0
    return sorted(screens, key=lambda number: openness[number]), screens


def _screen(search: Search, number: int) -> _Screen:
    pieces = search.pieces([number])
    codes = search.codes[number]
    count = len(search.stage.functions)
    root = np.zeros((1, count), np.int64)
    span = search.stage.whats.span
    apart, (beside,) = allowed_apart(
        pieces, search.codes, number, root, (), search.budget, search.seed, span
    )
    if all(one.is_flat for one in apart):
        # Nothing alone speaks against any: what it is decides only together with the others.
        bound = beside + sum(one.weight * float(one.bounds.flat[0]) for one in apart)
        return _Screen(np.arange(len(codes)), np.full(len(codes), bound))
    chosen = possible_candidates(apart, 0, codes)
    bounds = beside + bounded(apart, 0, codes, chosen)
    if count == 1 or _num_patterns(pieces, chosen) > _PATTERNS_MAX:
        return _Screen(chosen, bounds)
    combos = np.zeros((len(chosen), count), np.int64)
    combos[:, number] = chosen
    bounds = np.minimum(bounds, search.likelihoods([number], combos))
    able = bounds > -np.inf
    return _Screen(chosen[able], bounds[able])


def _num_patterns(pieces: Sequence[Piece], chosen: np.ndarray) -> float:
    """Bound how many ways there are in which candidates differ at places."""
    total = 0.0
    for piece in pieces:
        most = float(np.prod(piece.free.astype(np.float64)))
        total += min(most, float(len(chosen)) * len(piece.cells))
    return total


# --- All together --------------------------------------------------------------------------


def _descend(
    search: Search,
    found: Found,
    order: list[int],
    screens: dict[int, _Screen],
    depth: int,
    nodes: np.ndarray,
    bounds: np.ndarray,
) -> None:
    """Fix one more function of some partial choices, the likeliest first, and go on from there.

    Args:
        search: what scores.
        found: grows.
        order: of the functions.
        screens: what each may be alone.
        depth: how many functions are fixed.
        nodes: the partial choices, the likeliest first.
        bounds: log Z of each with the others open.
    """
    if depth == len(order):
        return
    fixed, number = order[:depth], order[depth]
    rest = sum(_log_mass(search, other) for other in order[depth:])
    ahead = sum(
        float(search.stage.functions[other].log_prior[screens[other].candidates].max())
        for other in order[depth:]
    )
    priors = search.priors(fixed, nodes)
    done = 0
    while done < len(nodes):
        hopes = priors[done:] + bounds[done:] + ahead
        if search.rest is None and hopes.max() < found.best - _CUTOFF:
            break
        some = slice(done, done + _NODES)
        combos, levels = _extended(
            search, screens, fixed, number, nodes[some], bounds[some], found, ahead
        )
        done = min(len(nodes), done + _NODES)
        if depth + 1 == len(order):
            _settle(search, found, combos, levels)
        else:
            inner = search.priors([*fixed, number], combos) + levels
            ranking = np.argsort(-inner, kind="stable")
            _descend(search, found, order, screens, depth + 1, combos[ranking], levels[ranking])
    if done < len(nodes):
        _leave(found, priors[done:] + bounds[done:] + rest)


def _log_mass(search: Search, number: int) -> float:
    """Return the log of all the prior of a function together."""
    prior = search.stage.functions[number].log_prior
    return float(np.logaddexp.reduce(prior))


def _leave(found: Found, weights: np.ndarray) -> None:
    """Note what is not scored, by what it may weigh at most."""
    if len(weights):
        found.left = float(np.logaddexp(found.left, np.logaddexp.reduce(weights)))


def _extended(
    search: Search,
    screens: dict[int, _Screen],
    fixed: list[int],
    number: int,
    nodes: np.ndarray,
    bounds: np.ndarray,
    found: Found,
    ahead: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return partial choices with one more function fixed, and bounds on their log Z."""
    screen, function = screens[number], search.stage.functions[number]
    if not fixed:
        combos = np.repeat(nodes, len(screen.candidates), axis=0)
        combos[:, number] = screen.candidates
        levels = screen.bounds.copy()
        ranking = np.argsort(-(function.log_prior[screen.candidates] + levels), kind="stable")
        return combos[ranking], levels[ranking]
    pieces = search.pieces([*fixed, number])
    codes = function.codes[screen.candidates]
    span = search.stage.whats.span
    apart, beside = allowed_apart(
        pieces, search.codes, number, nodes, fixed, search.budget, search.seed, span
    )
    priors = search.priors(fixed, nodes)
    later = ahead - float(function.log_prior[screen.candidates].max())
    others = set(screens) - {*fixed, number}
    mass = sum(_log_mass(search, other) for other in others)
    made: list[np.ndarray] = [np.zeros((0, nodes.shape[1]), np.int64)]
    levels_made: list[np.ndarray] = [np.zeros(0)]
    for node in range(len(nodes)):
        search.budget.check()
        chosen = possible_candidates(apart, node, codes)
        levels = np.minimum(beside[node] + bounded(apart, node, codes, chosen), bounds[node])
        own = function.log_prior[screen.candidates[chosen]]
        hopes = priors[node] + own + levels + later
        keep = hopes >= found.best - _CUTOFF
        if search.rest is None and not keep.all():
            _leave(found, hopes[~keep] - later + mass)
            chosen, levels = chosen[keep], levels[keep]
        combos = np.repeat(nodes[node : node + 1], len(chosen), axis=0)
        combos[:, number] = screen.candidates[chosen]
        made.append(combos)
        levels_made.append(levels)
    return np.concatenate(made), np.concatenate(levels_made)


def _settle(search: Search, found: Found, combos: np.ndarray, levels: np.ndarray) -> None:
    """Score combinations of all functions, the likeliest first."""
    functions = range(len(search.stage.functions))
    hopes = search.priors(functions, combos) + levels
    ranking = np.argsort(-hopes, kind="stable")
    combos, hopes = combos[ranking], hopes[ranking]
    step = _FIRST
    first = 0
    while first < len(combos):
        is_far = search.rest is None and hopes[first] < found.best - _CUTOFF
        if is_far or len(found.totals) >= _COMBOS_MAX:
            # With a second term, which is not known, nothing bounds what is left.
            _leave(found, hopes[first:] if search.rest is None else np.array([np.inf]))
            return
        some = combos[first : first + step]
        totals = search.finals(some)
        able = totals > -np.inf
        found.combos = np.concatenate([found.combos, some[able]])
        found.totals = np.concatenate([found.totals, totals[able]])
        first += step
        step = min(_BATCH, step * 2)
