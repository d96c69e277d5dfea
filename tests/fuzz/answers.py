"""Whether an answer is what the list of a program's worlds says it is."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import numpy as np

import gmlang
from gmlang.api import Answer, Model
from gmlang.diagnostics import GmError
from gmlang.syntax import ast
from gmruntime.quality import tolerance
from tests.fuzz.dependence import dependence
from tests.fuzz.programs import ProgramCase, Question
from tests.fuzz.societies import Stage, sites
from tests.support.numbers import Undefined, log_sum
from tests.support.worlds import (
    Given,
    Plain,
    by_states,
    given,
    is_variable,
    lines,
    log_odds,
    place_name,
    without,
)
from tests.support.worlds import states as states_of

UNDEFINED = {"GM314", "GM327", "GM406", "GM414", "GM417", "GM422", "GM425", "GM428"}
"""The codes of what has no value in some state, or is a constant where none fits."""

PROBABILITY_TOLERANCE = 1e-9
LINES_WEIGHED = 3
"""So many reasons of a `why` are held against a listing of their own."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """An answer beside what it should be.

    Attributes:
        answer: given.
        worlds: that agree with what is given.
        everything: of the program.
        program: its text.
    """

    answer: Answer
    worlds: Given
    everything: Plain
    program: str

    @property
    def is_exact(self) -> bool:
        """Whether the answer calls itself exact."""
        return self.answer.status == "exact"

    @property
    def slack(self) -> float:
        """What scores may be off by: rounding of the largest numbers, and what proves a maximum."""
        top = float(np.abs(self.worlds.scores).max(initial=1.0))
        return max(1e-9, tolerance(self.worlds.best)) + 1e-12 * top

    def near(self, left: float, right: float) -> bool:
        """Say whether two numbers of nats are equal but for rounding."""
        return left == right or abs(left - right) <= self.slack


def faults(case: ProgramCase) -> Iterator[str]:
    """Ask a program its questions; yield what is wrong."""
    try:
        model = gmlang.compile(case.program)
    except GmError as error:
        has_value = case.plain is not None and any(s is not None for s in case.plain.scores)
        if has_value or not {d.code for d in error.diagnostics} <= UNDEFINED:
            yield f"refused: {error}"
        return
    for question in case.questions:
        for fault in _of_question(model, case, question):
            yield f"{question}: {fault}"


def _of_question(model: Model, case: ProgramCase, question: Question) -> Iterator[str]:
    try:
        worlds = None if case.plain is None else given(case.plain, question.text)
        is_known = worlds is not None and _has_value(worlds)
    except Undefined:
        worlds, is_known = None, False
    try:
        answer = model.query(
            question.text + question.using,
            budget_s=question.budget_s,
            memory_bytes=question.memory_bytes,
        )
        repr(answer)
        json.loads(answer.to_json())
    except GmError as error:
        codes = {d.code for d in error.diagnostics}
        is_possible = worlds is not None and worlds.best > -math.inf
        if not codes <= UNDEFINED or (is_known and is_possible):
            yield f"refused: {error}"
        return
    if worlds is None or not is_known:
        if answer.status != "impossible" and answer.kind not in ("compat", "blame"):
            yield f"answered {answer.value}, though it has no value"
        return
    assert case.plain is not None
    asked = Asked(answer, worlds, case.plain, case.program)
    yield from _status(asked)
    if answer.value is not None:
        yield from CHECKS[answer.kind](asked)


def _has_value(worlds: Given) -> bool:
    """Say whether what is asked about has a value wherever it is needed.

    Raises:
        Undefined: where it has none.
    """
    name = worlds.call.function.span.text
    if name in ("P", "why"):
        for argument in worlds.call.arguments:
            states_of(worlds, [cast(ast.Expression, argument)])
    return True


def _status(asked: Asked) -> Iterator[str]:
    if asked.answer.kind in ("compat", "blame"):
        return
    impossible = asked.worlds.best == -math.inf
    is_count = asked.answer.kind == "count" and asked.answer.value == 0
    match asked.answer.status:
        case "impossible" if not impossible:
            yield "called impossible"
        case "exact" if impossible and not is_count and asked.answer.kind != "active":
            yield f"called exact {asked.answer.value}; it is impossible"
        case _:
            return


def _expressions(asked: Asked) -> list[ast.Expression]:
    arguments = [a for a in asked.worlds.call.arguments if not isinstance(a, ast.Number)]
    return [cast(ast.Expression, a) for a in arguments]


def _distribution(asked: Asked, expressions: list[ast.Expression]) -> dict[str, float]:
    found = by_states(asked.worlds, expressions)
    total = asked.worlds.log_sum
    return {", ".join(key): math.exp(log_sum(scores) - total) for key, scores in found.items()}


def _probability(asked: Asked) -> Iterator[str]:
    """P of a variable, of several, or of an event."""
    value: Any = asked.answer.value
    truth = _distribution(asked, _expressions(asked))
    if asked.answer.kind == "event":
        said = {"true": float(value)}
    else:
        said = {key: float(p) for key, p in value.items()}
        if abs(sum(said.values()) - 1.0) > 1e-6:
            yield f"sums to {sum(said.values())}"
        if not truth.keys() <= said.keys():
            yield f"lacks {truth.keys() - said.keys()}"
    details: Any = asked.answer.details
    for key, p in said.items():
        really = truth.get(key, 0.0)
        if not -1e-9 <= p <= 1 + 1e-9:
            yield f"{key}: {p} is no probability"
        if asked.is_exact and abs(p - really) > PROBABILITY_TOLERANCE + asked.slack:
            yield f"{key}: exact {p}, but it is {really}"
        if "lower" in details:
            is_event = asked.answer.kind == "event"
            low = details["lower"] if is_event else details["lower"][key]
            high = details["upper"] if is_event else details["upper"][key]
            if not low - 1e-7 <= really <= high + 1e-7:
                yield f"{key}: {really} is outside {low} .. {high}"


def _bounds(asked: Asked, truth: float) -> Iterator[str]:
    low, high = asked.answer.log_lower, asked.answer.log_upper
    slack = asked.slack
    if low is not None and truth < low - slack:
        yield f"{truth} is below the lower bound {low}"
    if high is not None and truth > high + slack:
        yield f"{truth} is above the upper bound {high}"


def _log_partition(asked: Asked) -> Iterator[str]:
    truth = asked.worlds.log_sum
    yield from _bounds(asked, truth)
    if asked.is_exact and not asked.near(cast(float, asked.answer.value), truth):
        yield f"exact {asked.answer.value}, but it is {truth}"


def _count(asked: Asked) -> Iterator[str]:
    if asked.is_exact and asked.answer.value != len(asked.worlds.worlds):
        yield f"exact {asked.answer.value}, but there are {len(asked.worlds.worlds)}"


def _tops(asked: Asked) -> dict[tuple[str, ...], float]:
    groups = by_states(asked.worlds, _expressions(asked))
    return {key: float(scores.max()) for key, scores in groups.items()}


def _map(asked: Asked) -> Iterator[str]:
    """The most probable states: possible, and as good as said."""
    best = asked.worlds.best
    score = asked.answer.log_score
    assert score is not None
    high = asked.answer.log_upper
    if high is not None and best > high + asked.slack:
        yield f"{best} is above the upper bound {high}"
    if asked.is_exact and not asked.near(score, best):
        yield f"exact score {score}, but it is {best}"
    if score > best + asked.slack:
        yield f"score {score} is above the best, {best}"
    if asked.worlds.call.arguments:
        value: Any = asked.answer.value
        really = _tops(asked).get(tuple(value.values()), -math.inf)
        if really < score - asked.slack:
            yield f"{value} is said to score {score}, but scores {really} at most"


def _marginal_map(asked: Asked) -> Iterator[str]:
    """The most probable states of some variables, the rest summed out."""
    groups = by_states(asked.worlds, _expressions(asked))
    sums = {key: log_sum(scores) for key, scores in groups.items()}
    best = max(sums.values(), default=-math.inf)
    yield from _bounds(asked, best)
    value: Any = asked.answer.value
    really = sums.get(tuple(value.values()), -math.inf)
    if really == -math.inf:
        yield f"{value} is impossible"
    if asked.is_exact and not asked.near(really, best):
        yield f"exact {value} is worth {really}; the best is {best}"
    if asked.is_exact and not asked.near(cast(float, asked.answer.log_score), best):
        yield f"exact {asked.answer.log_score}, but it is {best}"


def _best(asked: Asked) -> Iterator[str]:
    """The best few: different, in order, as good as said, and none better left out."""
    value: Any = asked.answer.value
    tops = _tops(asked)
    (number, *_) = asked.worlds.call.arguments
    assert isinstance(number, ast.Number)
    wanted = sorted(tops.values(), reverse=True)[: int(number.value)]
    keys = [tuple(entry["assignment"].values()) for entry in value]
    scores = [float(entry["log_score"]) for entry in value]
    if len(set(keys)) != len(keys):
        yield "an answer stands twice"
    for key, score in zip(keys, scores, strict=True):
        if score > tops.get(key, -math.inf) + asked.slack:
            yield f"{key} is said to score {score}, but scores {tops.get(key)} at most"
    if any(b > a + asked.slack for a, b in pairwise(scores)):
        yield f"out of order: {scores}"
    same = len(wanted) == len(scores) and all(map(asked.near, scores, wanted))
    if asked.is_exact and not same:
        yield f"exact {scores[:5]} ({len(scores)}), but {wanted[:5]} ({len(wanted)})"


def _sample(asked: Asked) -> Iterator[str]:
    value: Any = asked.answer.value
    tops = _tops(asked)
    for drawn in value if asked.is_exact else []:
        if tuple(drawn.values()) not in tops:
            yield f"drew {drawn}, which is impossible"


def _why(asked: Asked) -> Iterator[str]:
    """The log-odds, and what they would be without a line."""
    if not asked.is_exact:
        return
    value: Any = asked.answer.value
    expressions = _expressions(asked)
    states = states_of(asked.worlds, expressions)
    supposed = value["of"].rsplit(" = ", 1)[-1] if " = " in value["of"] else "true"
    holds = np.array([key == (supposed,) for key in states], bool)
    truth = log_odds(asked.worlds, holds)
    if not asked.near(value["log_odds"], truth):
        yield f"log-odds of {value['of']} are {truth}, not {value['log_odds']}"
    standing = set(lines(asked.everything.meaning))
    for reason in value["reasons"][:LINES_WEIGHED]:
        line = _line(asked, reason["because"])
        if line in standing:
            yield from _reason(asked, line, supposed, truth, reason["nats"])


def _line(asked: Asked, because: str) -> int:
    """Return the program's line that a reason names; -1 where it is a line of the query."""
    statement, found, line = because.rpartition(" (line ")
    number = int(line.rstrip(")")) if found else -1
    written = asked.program.split("\n")
    is_here = 0 < number <= len(written) and written[number - 1].strip() == statement
    return number if is_here else -1


def _reason(asked: Asked, line: int, supposed: str, whole: float, nats: float) -> Iterator[str]:
    try:
        less = given(without(asked.everything, line), asked.worlds.call.span.text)
        states = states_of(less, _expressions(asked))
    except Undefined:
        return
    holds = np.array([key == (supposed,) for key in states], bool)
    truth = whole - log_odds(less, holds)
    if not asked.near(nats, truth) and not math.isnan(truth):
        yield f"line {line} is worth {truth}, not {nats}"


def _independent(asked: Asked) -> Iterator[str]:
    """Whether two variables are, where it is no matter of rounding."""
    if not asked.is_exact:
        return
    one, two = _expressions(asked)
    given_too = [cast(ast.Expression, e) for e in asked.worlds.call.given or () if is_variable(e)]
    joint = by_states(asked.worlds, [one, two, *given_too])
    differences = list(dependence(joint))
    largest = max((d for d in differences if d is not None), default=0.0)
    # A dependence among what is all but impossible may have been found, or not.
    is_clear = largest >= 1e-7 or (largest <= 1e-12 and None not in differences)
    if is_clear and asked.answer.value != (largest < 1e-9):
        yield f"exact {asked.answer.value}, but the largest difference is {largest}"


def _compatibility(asked: Asked) -> Iterator[str]:
    """How well models go together, and what is to blame for it."""
    first, second = (cast(ast.Expression, a).span.text for a in asked.worlds.call.arguments)
    names, stage = (first, second), Stage(asked.program.split("var it : ", 1)[0])
    if not asked.is_exact:
        return
    truth = stage.compatibility(names, frozenset())
    value: Any = asked.answer.value
    if asked.answer.kind == "compat":
        if not asked.near(value, truth):
            yield f"exact {value}, but it is {truth}"
        return
    total: Any = asked.answer.details["total"]
    if not asked.near(total, truth):
        yield f"exact {total}, but it is {truth}"
    places = sites(stage.read(names))
    hidden = {places[name] for name in value if name in places}
    before = stage.compatibility(names, frozenset(hidden))
    if not asked.near(value.get("other statements", 0.0), before):
        yield f"other statements are worth {before}, not {value.get('other statements', 0.0)}"
    for name, nats in value.items():
        if name == "other statements":
            continue
        if name not in places:
            yield f"{name} is nothing that is predicted"
            return
        hidden.discard(places[name])
        after = stage.compatibility(names, frozenset(hidden))
        if not asked.near(nats, after - before):
            yield f"{name} is worth {after - before}, not {nats}"
        before = after


def _active(asked: Asked) -> Iterator[str]:
    """How probable each model is."""
    if not asked.is_exact:
        return
    value: Any = asked.answer.value
    worlds = asked.worlds
    for entry in value["models"]:
        holds = [w[p] for w in worlds.worlds for p in w if place_name(p) == entry["model"]]
        truth = math.exp(log_sum(worlds.scores[np.array(holds, bool)]) - worlds.log_sum)
        if abs(entry["probability"] - truth) > PROBABILITY_TOLERANCE:
            yield f"{entry['model']}: {entry['probability']}, but it is {truth}"


CHECKS: dict[str, Callable[[Asked], Iterator[str]]] = {
    "marginal": _probability,
    "joint": _probability,
    "event": _probability,
    "logz": _log_partition,
    "count": _count,
    "map": _map,
    "mmap": _marginal_map,
    "best": _best,
    "sample": _sample,
    "why": _why,
    "indep": _independent,
    "compat": _compatibility,
    "blame": _compatibility,
    "active": _active,
}
