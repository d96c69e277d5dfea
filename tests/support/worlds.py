"""A program's worlds with their scores, listed once, and whatever is asked of it read off the list.

The naive interpreter gives the scores; sums are of logs, so that 700 nats are nothing special.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import cast

import numpy as np

from gmlang.diagnostics import Source
from gmlang.syntax import ast
from gmlang.syntax.parse import parse_query
from tests.support import interpreter as naive
from tests.support import oracle, reading
from tests.support.interpreter import Meaning, Place, World
from tests.support.numbers import Undefined, log_sum


@dataclass(frozen=True, slots=True, eq=False)
class Plain:
    """Every world of a program that nothing forbids.

    Attributes:
        meaning: the program taken apart.
        worlds: them all.
        scores: of each, nats; None where some statement has no value there.
    """

    meaning: Meaning
    worlds: list[World]
    scores: list[float | None]


def listed(meaning: Meaning) -> Plain:
    """List the worlds of a program."""
    found: list[World] = []
    scores: list[float | None] = []
    for world in oracle.worlds(meaning):
        try:
            score: float | None = oracle.log_score(meaning, world)
        except Undefined:
            score = None
        if score != -math.inf:
            found.append(world)
            scores.append(score)
    return Plain(meaning, found, scores)


def without(of: Plain, line: int) -> Plain:
    """List the worlds of the same program when one line of it counts nothing."""
    return listed(replace(of.meaning, skipped=frozenset([line])))


def place_name(place: Place) -> str:
    """Write a place as the language does."""
    match place:
        case ("var", name, index):
            return f"{name}{_index(index)}"
        case ("attr", thing, name, index):
            return f"{thing}.{name}{_index(index)}"
        case (_, name, arguments):
            assert isinstance(arguments, tuple)
            return f"{name}({', '.join(map(str, arguments))})"
        case _:
            raise AssertionError(place)


def _index(index: object) -> str:
    assert isinstance(index, tuple)
    return f"[{', '.join(map(str, index))}]" if index else ""


def label(value: object) -> str:
    """Write a state as answers do."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """The worlds that agree with what is given, and their scores.

    Attributes:
        call: the query.
        meaning: the program.
        worlds: that are left.
        scores: of each, nats.
    """

    call: ast.Call
    meaning: Meaning
    worlds: list[World]
    scores: np.ndarray

    @property
    def log_sum(self) -> float:
        """The log of the sum of all scores."""
        return log_sum(self.scores)

    @property
    def best(self) -> float:
        """The highest score."""
        return float(self.scores.max(initial=-math.inf))


def call_of(query: str) -> ast.Call:
    """Parse a text that is one call."""
    (asked,) = parse_query(Source("query", query))
    call = asked.items[0]
    assert isinstance(call, ast.Call)
    return call


def given(of: Plain, query: str) -> Given:
    """Take the worlds that agree with a query's conditions.

    Raises:
        Undefined: where something has no value in a world that nothing else forbids.
    """
    call = call_of(query)
    if not conditions_of(call) and None not in of.scores:
        return Given(call, of.meaning, of.worlds, np.array(of.scores, float))
    kept: list[World] = []
    scores: list[float] = []
    for world, score in zip(of.worlds, of.scores, strict=True):
        conditions = [partial(oracle.log_holds, of.meaning, e, world) for e in conditions_of(call)]
        together = oracle.together([partial(_known, score), *conditions])
        if together > -math.inf:
            kept.append(world)
            scores.append(together)
    return Given(call, of.meaning, kept, np.array(scores))


def is_variable(expression: object) -> bool:
    """Say whether an expression is nothing but a variable, an attribute or an activation."""
    return isinstance(expression, ast.Name | ast.Index | ast.Attribute | ast.Call)


def conditions_of(call: ast.Call) -> list[object]:
    """List what a query holds to be true; `indep` is for every value of a variable given."""
    assert isinstance(call.function, ast.Name)
    every = call.function.text == "indep"
    return [e for e in call.given or () if not (every and is_variable(e))]


def _known(score: float | None) -> float:
    if score is None:
        raise Undefined
    return score


def states(of: Given, expressions: list[ast.Expression]) -> list[tuple[str, ...]]:
    """Return the states of some variables in each world."""
    return [
        tuple(label(naive.evaluate(of.meaning, e, {}, world)) for e in expressions)
        for world in of.worlds
    ]


def by_states(of: Given, expressions: list[ast.Expression]) -> dict[tuple[str, ...], np.ndarray]:
    """Return the scores of the worlds, by the states of some variables."""
    found: dict[tuple[str, ...], list[float]] = {}
    for key, score in zip(states(of, expressions), of.scores, strict=True):
        found.setdefault(key, []).append(float(score))
    return {key: np.array(scores) for key, scores in found.items()}


def log_odds(of: Given, holds: np.ndarray) -> float:
    """Return the log-odds of an event; NaN where nothing is possible."""
    yes, no = log_sum(of.scores[holds]), log_sum(of.scores[~holds])
    return math.nan if yes == no == -math.inf else yes - no


def lines(meaning: Meaning) -> Iterator[int]:
    """List the lines on which statements stand that may be taken away."""
    bodies = [m.body for m in meaning.models.values() if isinstance(m, ast.Model)]
    for statement in (*meaning.statements, *(s for body in bodies for s in body)):
        yield statement.span.line_column()[0]


# --- Answers to a text --------------------------------------------------------------------


def probability(text: str, query: str) -> float:
    """Return P(event | condition) of a query `P(e | c, ...)` by enumeration; nan if impossible."""
    return _probability(given(_asked(text, query), query))


def answers(text: str, queries: Sequence[str]) -> tuple[list[float], float, int, float]:
    """Enumerate once: P of each event, log Z, the number of assignments, and the best score.

    Raises:
        Undefined: where a statement has no value in a world that nothing forbids.
    """
    of = _listed(text)
    scores = np.array([_known(score) for score in of.scores], float)
    events = [_probability(given(of, query)) for query in queries]
    return events, log_sum(scores), len(scores), float(scores.max(initial=-math.inf))


def scores(text: str, query: str) -> dict[tuple[str, ...], np.ndarray]:
    """List the scores of all worlds that fit a query's condition, by the states of what is asked.

    Args:
        text: a program.
        query: `MAP(a, b | c)` or any other whose arguments are variables.
    """
    of = given(_asked(text, query), query)
    return by_states(of, [a for a in _expressions(of.call) if not isinstance(a, ast.Number)])


def log_partition(text: str) -> float:
    """Return log Z by enumeration."""
    return answers(text, ())[1]


def count(text: str) -> int:
    """Count the assignments that nothing forbids."""
    return answers(text, ())[2]


def _asked(text: str, query: str) -> Plain:
    """List the worlds of a program in which what a query mentions exists."""
    meaning, call = _read(text), call_of(query)
    mentioned = (
        place
        for expression in (*call.arguments, *(call.given or ()))
        if not isinstance(expression, ast.Number)
        for place in reading.mentioned(meaning, expression, {})
    )
    return _listed(text, *(place for place in mentioned if place not in meaning.instances))


@lru_cache(maxsize=4)
def _read(text: str) -> Meaning:
    return reading.read_text(text)


@lru_cache(maxsize=4)
def _listed(text: str, *mentioned: Place) -> Plain:
    """List the worlds of a program in which some models exist that it does not mention itself."""
    meaning = reading.read_text(text)
    for place in mentioned:
        reading.exist(meaning, place)
    return listed(meaning)


def _expressions(call: ast.Call) -> list[ast.Expression]:
    return [cast(ast.Expression, argument) for argument in call.arguments]


def _probability(of: Given) -> float:
    events = of.call.arguments
    holds = [all(oracle.holds(of.meaning, e, world) for e in events) for world in of.worlds]
    if of.log_sum == -math.inf:
        return math.nan
    return math.exp(log_sum(of.scores[np.array(holds, np.bool_)]) - of.log_sum)
