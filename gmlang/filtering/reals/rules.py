"""The rule of a step: its rows, and how they depend on the data that enters linearly."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gmlang.diagnostics import GmError
from gmlang.filtering.places import Known
from gmlang.filtering.reals.asked import AskedOfReals, Line
from gmlang.filtering.reals.taking import Numbers, RealStep
from gmruntime.continuous.chains.following import ByData, FollowedStep, StepRule, followed


class NotLinearError(Exception):
    """Data enters a step otherwise than linearly.

    Attributes:
        name: of the data.
    """

    def __init__(self, name: str) -> None:
        """Name it."""
        super().__init__(name)
        self.name = name


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """The numbers that come with each step and enter linearly, one after another.

    Attributes:
        names: of the data.
        shapes: of a step's values of each.
        lags: how many steps back each is spoken of.
        exact: names of data that reals are observed to be: where it is missing the rule differs.
        num_now: how many come with a step.
        num_back: how many steps back the data of a step reaches.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    lags: tuple[int, ...]
    exact: frozenset[str]
    num_now: int = field(init=False)
    num_back: int = field(init=False)

    def __post_init__(self) -> None:
        """Count them."""
        sizes = [int(np.prod(shape, dtype=np.int64)) for shape in self.shapes]
        object.__setattr__(self, "num_now", sum(sizes))
        object.__setattr__(self, "num_back", max(self.lags, default=0))

    def places(self) -> list[tuple[str, int, int]]:
        """List the name, the element and how many steps ago of each number of a step's data."""
        found: list[tuple[str, int, int]] = []
        for back in range(self.num_back + 1):
            for name, shape in zip(self.names, self.shapes, strict=True):
                found += [(name, k, back) for k in range(int(np.prod(shape, dtype=np.int64)))]
        return found


@dataclass(slots=True, eq=False)
class RealRule:
    """What a step says of reals.

    Attributes:
        rule: of the runtime.
        left: what it hands on.
        knowns: of each of its reals what it is known as; None for noise that nobody named.
        asked: what is asked of reals, by query.
        parts: the places in what is found of the numbers that each of these needs.
        needed: which numbers of its data may not be missing.
        width: how many numbers are found after it.
        is_whole: whether all its new reals are drawn, so that nothing is said unless it was seen.
    """

    rule: StepRule
    left: tuple[Known, ...]
    knowns: tuple[Known | None, ...]
    asked: tuple[AskedOfReals | None, ...]
    parts: tuple[np.ndarray, ...]
    needed: np.ndarray
    is_whole: bool
    width: int = field(init=False)
    _steps: list[tuple[np.ndarray, FollowedStep]] = field(
        default_factory=list[tuple[np.ndarray, FollowedStep]]
    )

    def __post_init__(self) -> None:
        """Say how many numbers are found after it."""
        self.width = self.rule.width

    def after(self, spread: np.ndarray) -> FollowedStep:
        """Return the step after a belief of some spread."""
        for known, step in self._steps:
            if known is spread:
                return step
        step = followed(self.rule, spread)
        if len(self._steps) >= _STEPS_KEPT:
            self._steps.pop(0)
        self._steps.append((spread, step))
        return step


_STEPS_KEPT = 8
"""Spreads that a rule is written for, before the oldest is forgotten."""


def real_rule(
    ground: Callable[[Mapping[tuple[str, int, int], float]], RealStep],
    base: RealStep,
    left: Sequence[Known],
    asked: Sequence[AskedOfReals | None],
    entries: Entries,
    missing: frozenset[tuple[str, int]],
) -> RealRule:
    """Take the rule of a window's last step.

    Args:
        ground: grounds the window where some numbers of its data are others than 0.
        base: where all are 0.
        left: what is handed on.
        asked: of each query.
        entries: the data.
        missing: exact data that is missing in this step.

    Raises:
        NotLinearError: where the step is not linear in some data.
        GmError: where the step cannot be followed.
    """
    lines = [line for one in asked if one is not None for line in one.lines]
    numbers = list(dict.fromkeys(n for line in lines for n in line.reals.tolist()))
    first = base.numbers(left, numbers)
    places = entries.places()
    changed = [_zeros(first) for _ in places]
    needed = np.zeros(len(places), np.bool_)
    for j, (name, element, back) in enumerate(places):
        lag = entries.lags[entries.names.index(name)]
        is_there = back <= lag and back < base.num_steps
        if not is_there or (back == 0 and (name, element) in missing):
            continue
        one = _probed(lambda value, at=places[j]: ground({at: value}), left, numbers)
        changed[j] = _difference(first, one(1.0), name)
        if name not in entries.exact and any(array.any() for array in changed[j]):
            needed[j] = _is_needed(one)
    return _made(base, first, changed, needed, left, asked, lines, numbers)


def _probed(
    ground: Callable[[float], RealStep], left: Sequence[Known], numbers: Sequence[int]
) -> Callable[[float], Numbers]:
    return lambda value: ground(value).numbers(left, numbers)


def _is_needed(probe: Callable[[float], Numbers]) -> bool:
    """Say whether data may not be missing: what was seen may, and then it says nothing."""
    try:
        found = probe(np.nan)
    except GmError:
        return True
    return bool(np.isnan(found.constants).any() or np.isnan(found.coefficients).any())


_Changes = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Of coefficients, constants, known reals and constants of forms."""


def _parts(numbers: Numbers) -> _Changes:
    known = np.where(numbers.is_free, 0.0, numbers.known)
    return numbers.coefficients, numbers.constants, known, numbers.form_constants


def _zeros(numbers: Numbers) -> _Changes:
    coefficients, constants, known, forms = _parts(numbers)
    return tuple(np.zeros(one.shape) for one in (coefficients, constants, known, forms))  # pyright: ignore[reportReturnType]


def _difference(first: Numbers, other: Numbers, name: str) -> _Changes:
    """Return how numbers change with some data.

    Raises:
        NotLinearError: where something changes that may not.
    """
    fixed = [
        (one.reals, one.is_free, one.weights, one.log_scales, one.forms) for one in (first, other)
    ]
    for one, two in zip(*fixed, strict=True):
        if not np.array_equal(one, two, equal_nan=True):
            raise NotLinearError(name)
    pairs = zip(_parts(first), _parts(other), strict=True)
    return tuple(two - one for one, two in pairs)  # pyright: ignore[reportReturnType]


def _made(
    base: RealStep,
    first: Numbers,
    changed: Sequence[_Changes],
    needed: np.ndarray,
    left: Sequence[Known],
    asked: Sequence[AskedOfReals | None],
    lines: Sequence[Line],
    numbers: Sequence[int],
) -> RealRule:
    by_data = [
        np.stack([one[k] for one in changed], axis=-1)
        if changed
        else np.zeros((*_parts(first)[k].shape, 0))
        for k in range(4)
    ]
    coefficients, constants, known, forms = (
        ByData(value, change) for value, change in zip(_parts(first), by_data, strict=True)
    )
    wanted = np.zeros((len(lines), len(first.forms)))
    column = {number: len(left) + k for k, number in enumerate(numbers)}
    for row, line in zip(wanted, lines, strict=True):
        for number, by in zip(line.reals.tolist(), line.coefficients.tolist(), strict=True):
            row[column[number]] += by
    own = [one for one in asked if one is not None]
    parts, is_joint = _laid_out(own)
    rule = StepRule(
        len(base.before),
        coefficients,
        constants,
        first.weights,
        first.log_scales,
        first.is_free,
        known,
        first.forms,
        forms,
        len(left),
        wanted,
        np.array([line.constant for line in lines]),
        is_joint,
    )
    each = iter(parts)
    placed = tuple(next(each) if one is not None else np.zeros(0, np.int64) for one in asked)
    numbering = base.numbering()
    knowns = tuple(
        numbering.known(n) if n < len(numbering.array) else None for n in first.reals.tolist()
    )
    is_whole = bool((first.is_drawn | ~first.is_free).all())
    return RealRule(rule, tuple(left), knowns, tuple(asked), placed, needed, is_whole)


def _laid_out(asked: Sequence[AskedOfReals]) -> tuple[list[np.ndarray], np.ndarray]:
    """Say where the numbers of each question lie, and which lines need covariances."""
    count = sum(len(one.lines) for one in asked)
    is_joint = np.array([one.is_joint for one in asked for _ in one.lines], np.bool_)
    starts = count + np.concatenate([[0], np.cumsum(np.where(is_joint, count, 1))])
    found: list[np.ndarray] = []
    first = 0
    for one in asked:
        own = np.arange(first, first + len(one.lines))
        rows = starts[own].astype(np.int64)
        spread = (rows[:, None] + own if one.is_joint else rows).reshape(-1)
        found.append(np.concatenate([own, spread]))
        first += len(one.lines)
    return found, is_joint
