"""Hard constraints by propagation and complete search.

Source: maintaining consistency with the dom/wdeg ordering, Boussemart, Hemery, Lecoutre and Sais
(2004); restarts after Luby, Sinclair and Zuckerman (1993).
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np

from gmruntime.arrays import num_entries
from gmruntime.budget import Budget, within
from gmruntime.constraints.matching import Matched, Shared
from gmruntime.constraints.rules import (
    Allowed,
    Counted,
    Different,
    Disjunction,
    Pair,
    Rule,
    Sum,
    states_of,
)
from gmruntime.constraints.sharing import matching_rules
from gmruntime.factors.kinds import (
    AllDifferent,
    Count,
    LinearSum,
    Or,
    Xor,
)
from gmruntime.graph import Assignment, FactorBlock, FactorGraph, num_states
from gmruntime.simplify.definitions import definitions

_TABLE_ENTRIES_MAX = 1 << 18
_FIRST_RESTART = 200
"""Dead ends before the first restart."""

_EASY_FAILURES = 20
"""Dead ends before matchings are sought in every node: most puzzles never need them."""


@dataclass(slots=True, eq=False)
class Problem:
    """The hard side of a graph.

    Attributes:
        domains: what evidence and constraints leave of each variable.
        rules: the constraints.
        is_pure: whether every assignment that keeps the rules has the same score.
        is_complete: whether the rules say everything that is forbidden.
        touching: the rules about each variable.
        follows: whether each variable is a function of others, so that it need not be guessed.
    """

    domains: list[int]
    rules: list[Rule]
    is_pure: bool
    is_complete: bool
    touching: list[list[int]] = field(default_factory=list[list[int]])
    follows: list[bool] = field(default_factory=list[bool])


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What the search found.

    Attributes:
        assignment: one that keeps every rule, or None.
        is_impossible: it is proved that there is none.
    """

    assignment: Assignment | None
    is_impossible: bool


def pose(graph: FactorGraph, evidence: Assignment, budget: Budget) -> Problem:
    """Read the hard constraints off a graph.

    Raises:
        TimeoutError: when the budget ended first.
    """
    states = num_states(graph)
    domains = [
        (1 << int(k)) - 1 if e < 0 else 1 << int(e) for k, e in zip(states, evidence, strict=True)
    ]
    problem = Problem(domains, [], is_pure=True, is_complete=True)
    for block in graph.factors:
        if block.scopes.shape[0]:
            _add_rules(problem, block, [int(k) for k in states[block.scopes[0]]], budget)
    problem.rules.extend(matching_rules(problem.rules))
    problem.touching = [[] for _ in domains]
    problem.follows = [False] * len(domains)
    for definition in definitions(graph, budget):
        problem.follows[definition.variable] = True
    for number, rule in enumerate(problem.rules):
        for v in rule.scope:
            problem.touching[v].append(number)
    return problem


def _add_rules(problem: Problem, block: FactorBlock, sizes: list[int], budget: Budget) -> None:
    budget.check()
    kind = block.kind
    match kind:
        case _ if not sizes:
            _add_tables(problem, block, kind.log_tables(sizes), budget)
        case AllDifferent():
            permutation = len(sizes) == sizes[0]
            for scope in within(block.scopes.tolist(), budget):
                problem.rules.append(Different(tuple(scope), permutation))
        case LinearSum():
            _add_sums(problem, block, kind, sizes, budget)
        case Count():
            _add_counts(problem, block, kind, budget)
        case Xor():
            for f, scope in enumerate(within(block.scopes.tolist(), budget)):
                parity = bool(kind.parities[f if len(kind.parities) > 1 else 0])
                allowed = tuple((n % 2 == 1) == parity for n in range(len(scope) + 1))
                problem.rules.append(Counted(tuple(scope), (False,) * len(scope), allowed))
        case Or():
            for f, scope in enumerate(within(block.scopes.tolist(), budget)):
                negated = kind.negated[f if len(kind.negated) > 1 else 0]
                problem.rules.append(Disjunction(tuple(scope), tuple(map(bool, negated))))
        case _:
            _add_others(problem, block, sizes, budget)


def _add_others(problem: Problem, block: FactorBlock, sizes: list[int], budget: Budget) -> None:
    """Add rules for a kind that has none here: by its support, or by its tables."""
    kind = block.kind
    is_small = num_entries(sizes) <= _TABLE_ENTRIES_MAX
    parts = kind.support(sizes) if kind.forbids(sizes) else ()
    if parts is not None and not any(isinstance(part, type(kind)) for part in parts):
        most, least = kind.largest_entries(sizes), kind.least_entries(sizes)
        problem.is_pure &= bool((most == least).all())
        for part in parts:
            _add_rules(problem, replace(block, kind=part), sizes, budget)
    elif is_small:
        _add_tables(problem, block, kind.log_tables(sizes), budget)
    else:
        problem.is_pure = problem.is_complete = False


def _constant(values: np.ndarray) -> bool:
    finite = values[np.isfinite(values)]
    return finite.size == 0 or bool((finite == finite.reshape(-1)[0]).all())


def _add_sums(
    problem: Problem, block: FactorBlock, kind: LinearSum, sizes: list[int], budget: Budget
) -> None:
    shared = kind.num_tables == 1
    coefficients, allowed, low, high = (), frozenset[int](), 1, 0
    counts: tuple[bool, ...] = ()
    for f, scope in enumerate(within(block.scopes.tolist(), budget)):
        if f == 0 or not shared:
            values = kind.log_potentials[f]
            problem.is_pure &= _constant(values)
            sums = np.flatnonzero(values > -np.inf) + int(kind.lowest[f])
            coefficients = tuple(kind.coefficients[f].tolist())
            low, high = (int(sums[0]), int(sums[-1])) if sums.size else (1, 0)
            allowed = frozenset(sums.tolist())
            # Booleans that weigh alike are counted.
            alike = max(sizes) <= 2 and len(set(coefficients)) == 1
            reached = kind.coefficients[f, 0] * np.arange(len(scope) + 1)
            counts = tuple(np.isin(reached, sums).tolist()) if alike else ()
        if counts:
            problem.rules.append(Counted(tuple(scope), (False,) * len(scope), counts))
            continue
        problem.rules.append(Sum(tuple(scope), coefficients, allowed, low, high))


def _add_counts(problem: Problem, block: FactorBlock, kind: Count, budget: Budget) -> None:
    shared = kind.num_tables == 1
    for f, scope in enumerate(within(block.scopes.tolist(), budget)):
        t = 0 if shared else f
        values = kind.log_potentials[t]
        problem.is_pure &= _constant(values)
        if np.isfinite(values).all():
            continue
        allowed = tuple(bool(v > -np.inf) for v in values)
        problem.rules.append(Counted(tuple(scope), tuple(map(bool, kind.negated[t])), allowed))


def _add_tables(problem: Problem, block: FactorBlock, tables: np.ndarray, budget: Budget) -> None:
    shared = tables.shape[0] == 1
    problem.is_pure = problem.is_pure and all(_constant(t) for t in within(tables, budget))
    if np.isfinite(tables).all():
        return
    cache: dict[int, tuple[tuple[int, ...], tuple[int, ...]]] = {}
    known: dict[tuple[int, ...], tuple[int, ...]] = {}
    allowed = tables[0] > -np.inf
    for f, scope in enumerate(within(block.scopes.tolist(), budget)):
        t = 0 if shared else f
        if t:
            allowed = tables[t] > -np.inf
        if allowed.all():
            continue
        if len(scope) == 1:
            mask = sum(1 << k for k in np.flatnonzero(allowed).tolist())
            problem.domains[scope[0]] &= mask
        elif len(scope) == 2:
            if t not in cache:
                cache[t] = (_masks(allowed), _masks(allowed.T))
            problem.rules.append(Pair(tuple(scope), cache[t]))
        elif len(scope) > 2:
            problem.rules.append(Allowed(tuple(scope), allowed, t, known))
        elif not bool(allowed):
            problem.domains[:1] = [0]


def _masks(allowed: np.ndarray) -> tuple[int, ...]:
    weights = [1 << k for k in range(allowed.shape[1])]
    return tuple(sum(w for w, a in zip(weights, row, strict=True) if a) for row in allowed.tolist())


def propagate(
    problem: Problem,
    domains: list[int],
    start: list[int] | None,
    budget: Budget,
    *,
    is_thorough: bool = True,
) -> int | None:
    """Narrow domains until nothing changes; None, or the number of the rule that failed.

    Args:
        problem: its rules.
        domains: narrowed in place.
        start: variables that have just been narrowed; None runs every rule.
        budget: ends it.
        is_thorough: whether rules that need a matching run as well, after all others.

    Raises:
        TimeoutError: when the budget ended first.
    """
    numbers = range(len(problem.rules)) if start is None else _rules_of(problem, start)
    queue: deque[int] = deque()
    late: deque[int] = deque()

    def lane(number: int) -> deque[int]:
        return late if isinstance(problem.rules[number], Matched | Shared) else queue

    for number in numbers:
        lane(number).append(number)
    waiting = set(numbers)
    for _ in within(count(), budget):
        if not queue and not (is_thorough and late):
            break
        number = queue.popleft() if queue else late.popleft()
        waiting.discard(number)
        narrowed = problem.rules[number].narrow(domains)
        if narrowed is None:
            return number
        for v in narrowed:
            for other in problem.touching[v]:
                if other not in waiting and other != number:
                    waiting.add(other)
                    lane(other).append(other)
        if narrowed and isinstance(problem.rules[number], Different | Sum):
            queue.append(number)
            waiting.add(number)
    return None


def _rules_of(problem: Problem, variables: list[int]) -> list[int]:
    return list(dict.fromkeys(n for v in variables for n in problem.touching[v]))


def solve(
    problem: Problem, budget: Budget, rng: np.random.Generator, favoured: np.ndarray | None = None
) -> Outcome:
    """Look for an assignment that keeps every rule until there is one, a proof, or no time.

    Args:
        problem: from `pose`.
        budget: ends the search.
        rng: breaks ties.
        favoured: log weights of states, tried in descending order; None takes them as they come.
    """
    if not all(problem.domains):
        return Outcome(None, is_impossible=True)
    try:
        return _search(problem, budget, rng, favoured)
    except TimeoutError:
        return Outcome(None, is_impossible=False)


def _search(
    problem: Problem, budget: Budget, rng: np.random.Generator, favoured: np.ndarray | None
) -> Outcome:
    domains = list(problem.domains)
    if propagate(problem, domains, None, budget) is not None:
        return Outcome(None, is_impossible=True)
    weights = [1.0] * len(problem.rules)
    failures = 0
    for limit in _luby():
        allowed = limit * _FIRST_RESTART
        found = _dive(problem, domains, weights, failures, allowed, budget, rng, favoured)
        if found is not None:
            return found
        failures += allowed
    raise AssertionError("restarts never end")


def _luby() -> Iterator[int]:
    u, v = 1, 1
    while True:
        yield v
        u, v = (u + 1, 1) if u & -u == v else (u, 2 * v)


def _dive(
    problem: Problem,
    root: list[int],
    weights: list[float],
    failures_before: int,
    failures_max: int,
    budget: Budget,
    rng: np.random.Generator,
    favoured: np.ndarray | None,
) -> Outcome | None:
    """Search depth first; None when the dead ends are spent."""
    failures = 0
    stack: list[tuple[list[int], int, list[int]]] = []
    domains = root
    while True:
        v = _choose(problem, domains, weights, rng)
        if v is None:
            states = np.array([mask.bit_length() - 1 for mask in domains], np.int32)
            return Outcome(states, is_impossible=False)
        stack.append((domains, v, _ordered(domains[v], v, favoured)))
        while stack:
            before, variable, choices = stack[-1]
            if not choices:
                stack.pop()
                continue
            trial = list(before)
            trial[variable] = 1 << choices.pop()
            is_thorough = failures_before + failures >= _EASY_FAILURES
            failed = propagate(problem, trial, [variable], budget, is_thorough=is_thorough)
            if failed is None:
                domains = trial
                break
            weights[failed] += 1.0
            failures += 1
            if failures > failures_max:
                return None
        else:
            return Outcome(None, is_impossible=True)


def _choose(
    problem: Problem, domains: list[int], weights: list[float], rng: np.random.Generator
) -> int | None:
    """Choose what to branch on: what follows from other variables only when nothing else is."""
    best, best_score = None, (True, float("inf"))
    start = int(rng.integers(len(domains))) if domains else 0
    for offset in range(len(domains)):
        v = (start + offset) % len(domains)
        size = domains[v].bit_count()
        if size <= 1 or (problem.follows[v] and not best_score[0]):
            continue
        weight = sum(weights[n] for n in problem.touching[v])
        score = problem.follows[v], size / (1.0 + weight)
        if score < best_score:
            best, best_score = v, score
    return best


def _ordered(mask: int, variable: int, favoured: np.ndarray | None) -> list[int]:
    """List the states so that the one to try first is last."""
    states = states_of(mask)
    if favoured is None:
        return states[::-1]
    return sorted(states, key=lambda s: float(favoured[variable, s]))
