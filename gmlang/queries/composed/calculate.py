"""The value of an expression over answers, and what is certain of it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import (
    Bool,
    Constant,
    Expression,
    Integer,
    IntRange,
    Local,
    QueryValue,
    Real,
    Type,
)
from gmlang.core.walk import parts, type_of, walk, with_parts
from gmlang.diagnostics import GmError
from gmlang.errors import asking as errors
from gmlang.graph.values.environment import Env, NoValue, Slots
from gmlang.graph.values.evaluate import evaluate
from gmlang.graph.world.world import ONE_INSTANCE, Frame, World
from gmlang.queries.answers import Answer
from gmlang.queries.composed.intervals import Interval, interval_of
from gmruntime.answer import Status
from gmruntime.quality import worst

FLIPS = "within the errors of its parts it may be otherwise"
"""What a comparison of estimates notes."""


@dataclass(frozen=True, slots=True)
class Calculated:
    """What a calculation with answers came to.

    Attributes:
        value: None where it is not known.
        lower: what it is at least, proven; None without a proof.
        upper: what it is at most.
        error: of an estimate; None where none is known.
        error_kind: what that is.
    """

    value: bool | int | float | None
    status: Status
    lower: float | None = None
    upper: float | None = None
    error: float | None = None
    error_kind: str = ""
    note: str = ""


def numbers_of(expression: Expression, answers: Sequence[Answer]) -> dict[int, float | int]:
    """Return what each answer in an expression is worth, by its number; NaN where not known.

    Raises:
        GmError: when one is no single number.
    """
    return {
        part.number: _number(part, answers[part.number])
        for part in walk(expression)
        if isinstance(part, QueryValue)
    }


def value_of(world: World, expression: Expression, numbers: Mapping[int, float | int]) -> object:
    """Evaluate an expression over numbers that are known.

    Raises:
        NoValue: where it has none, such as a division by zero.
    """

    def constant(part: QueryValue) -> Expression:
        number = numbers[part.number]
        return Constant(part.span, number, Integer() if isinstance(number, int) else Real())

    return _evaluated(world, _replaced(expression, constant))


def calculate(world: World, expression: Expression, answers: Sequence[Answer]) -> Calculated:
    """Put answers together.

    Raises:
        GmError: when one is no single number, or there is no value although all are exact.
    """
    numbers = numbers_of(expression, answers)
    status = worst(Status(answers[number].status) for number in numbers)
    if any(math.isnan(number) for number in numbers.values()):
        return Calculated(None, status)
    try:
        value = _typed(value_of(world, expression, numbers), type_of(expression))
    except NoValue as error:
        if status is Status.EXACT:
            raise
        kept = status if status is Status.IMPOSSIBLE else Status.ESTIMATE
        return Calculated(None, kept, note=error.diagnostics[0].message)
    if status is Status.BOUNDED:
        found = _bounds(world, expression, answers, numbers)
        if found is not None:
            return Calculated(value, status, lower=found[0], upper=found[1])
        status = Status.ESTIMATE
    if status is not Status.ESTIMATE:
        return Calculated(value, status)
    return _estimated(world, expression, answers, numbers, value)


def _number(part: QueryValue, answer: Answer) -> float | int:
    number = answer.number(type_of(part))
    if number is None:
        raise GmError([errors.answered_no_number(part.span, answer.text)])
    return _whole(part, answer, number) if isinstance(number, int) else number


def _whole(part: QueryValue, answer: Answer, value: int) -> float | int:
    """Return a count as an integer while one fits, else as a float while one holds it exactly."""
    if value < 1 << 63:
        return value
    if value.bit_length() < 1024 and int(float(value)) == value:
        return float(value)
    raise GmError([errors.beyond_numbers(part.span, answer.text, math.log(value))])


def _typed(value: object, type_: Type) -> bool | int | float:
    number = np.asarray(value).reshape(-1)[0].item()
    if isinstance(type_, Bool):
        return bool(number)
    is_whole = isinstance(type_, Integer | IntRange) and float(number).is_integer()
    return int(number) if is_whole else float(number)


# --- Bounds ------------------------------------------------------------------------------


def _bounds(
    world: World,
    expression: Expression,
    answers: Sequence[Answer],
    numbers: Mapping[int, float | int],
) -> Interval | None:
    ends: dict[int, Interval] = {}
    for number, value in numbers.items():
        answer = answers[number]
        proven = answer.number_bounds()
        if answer.status == Status.EXACT.value:
            ends[number] = float(value), float(value)
        elif proven is not None:
            ends[number] = proven

    def known(part: Expression) -> float:
        return float(np.asarray(_evaluated(world, part)).reshape(-1)[0])

    found = interval_of(expression, ends, known)
    if found is None or (found[0] == -math.inf and found[1] == math.inf):
        return None
    # A comparison that may go either way is not proven.
    if isinstance(type_of(expression), Bool) and found[0] != found[1]:
        return None
    return found


# --- Errors ------------------------------------------------------------------------------


def _estimated(
    world: World,
    expression: Expression,
    answers: Sequence[Answer],
    numbers: Mapping[int, float | int],
    value: bool | int | float,
) -> Calculated:
    """Say how far off the value may be: the sum of what each part's error changes."""
    plain = Calculated(value, Status.ESTIMATE)
    moved: list[tuple[int, float]] = []
    kinds: set[str] = set()
    for number, at in numbers.items():
        ends = _ends(answers[number], float(at))
        if ends is None:
            return plain
        if ends[0] == ends[1]:
            continue
        moved += [(number, end) for end in ends]
        kinds.add(answers[number].error_kind or "error")
    changes = _changes(world, expression, numbers, moved, float(value))
    if not np.isfinite(changes).all():
        return plain
    if isinstance(value, bool):
        return replace(plain, note=FLIPS if changes.any() else "")
    error = float(changes.reshape(-1, 2).max(axis=1).sum())
    return replace(plain, error=error, error_kind=kinds.pop() if len(kinds) == 1 else "error")


def _ends(answer: Answer, at: float) -> Interval | None:
    """Return where a number may move within its error; None where no error is known."""
    if answer.status == Status.EXACT.value:
        return at, at
    if answer.status == Status.BOUNDED.value:
        return answer.number_bounds()
    if answer.error is None or answer.error_kind == "residual":
        return None
    lowest, highest = answer.limits
    return max(lowest, at - answer.error), min(highest, at + answer.error)


def _changes(
    world: World,
    expression: Expression,
    numbers: Mapping[int, float | int],
    moved: Sequence[tuple[int, float]],
    value: float,
) -> np.ndarray:
    """Return by how much the value changes where one number is moved, for each move.

    All moves are evaluated at once: the answers become columns of a frame, a move each row.
    """
    columns = {f"answer#{number}": np.full(len(moved), float(at)) for number, at in numbers.items()}
    for row, (number, end) in enumerate(moved):
        columns[f"answer#{number}"][row] = end

    def local(part: QueryValue) -> Expression:
        return Local(part.span, f"answer#{part.number}", Real())

    env = Env(world, Frame(len(moved), columns), Slots()).gathering()
    with np.errstate(all="ignore"):
        found = np.asarray(evaluate(_replaced(expression, local), env), np.float64)
    found = np.broadcast_to(found.reshape(-1), (len(moved),)).copy()
    for hole in env.holes or ():
        found[np.broadcast_to(np.asarray(hole.mask).reshape(-1), found.shape)] = math.nan
    return np.abs(found - value)


# --- Expressions -------------------------------------------------------------------------


def _evaluated(world: World, expression: Expression) -> object:
    return evaluate(expression, Env(world, ONE_INSTANCE, Slots()))


def _replaced(expression: Expression, made: Callable[[QueryValue], Expression]) -> Expression:
    """Put something in place of each answer; what is shared stays shared."""
    done: dict[int, Expression] = {}

    def replaced(whole: Expression) -> Expression:
        if isinstance(whole, QueryValue):
            return made(whole)
        if id(whole) not in done:
            before = parts(whole)
            after = [replaced(part) for part in before]
            same = all(a is b for a, b in zip(after, before, strict=True))
            done[id(whole)] = whole if same else with_parts(whole, after)
        return done[id(whole)]

    return replaced(expression)
