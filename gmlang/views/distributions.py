"""One distribution as lines: short ones in the order of their domain, long ones sorted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gmlang.digits import Precision, interval
from gmlang.views.layout import GAP, LINE_WIDTH, aligned, cut, width_of

SHORT_MAX = 12
"""A distribution with more values is sorted."""

ENTRIES_MAX = 22
"""So many values are shown of a long one."""

ENTRIES_MIN = 8
"""So many are shown in any case."""

_REST_MAX = 0.005
"""What is less likely together need not be shown one by one."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """The most probable values, and what is said of the others together.

    Attributes:
        entries: number and probability of each, the most probable first.
        num_rest: values above zero that are not among them.
        rest: their probability together.
        num_zero: values that have none.
    """

    entries: tuple[tuple[int, float], ...]
    num_rest: int
    rest: float
    num_zero: int


def ranked(p: np.ndarray, entries_max: int = ENTRIES_MAX) -> Ranked:
    """Sort a distribution; values that are as probable keep their order.

    >>> ranked(np.array([0.0, 0.25, 0.75]))
    Ranked(entries=((2, 0.75), (1, 0.25)), num_rest=0, rest=0.0, num_zero=1)
    """
    order = np.argsort(-p, kind="stable")
    sorted_p = p[order]
    num_positive = int(np.count_nonzero(sorted_p))
    after = np.append(np.cumsum(sorted_p[::-1])[::-1], 0.0)
    enough = int(np.argmax(after <= _REST_MAX))
    count = min(max(enough, ENTRIES_MIN), entries_max, num_positive)
    if num_positive - count == 1 and count < entries_max:
        # A line that says of one value that it is left out could show it.
        count += 1
    entries = [(int(k), float(p[k])) for k in order[:count]]
    rest = float(after[count]) if count < num_positive else 0.0
    return Ranked(tuple(entries), num_positive - count, rest, len(p) - num_positive)


def distribution_lines(
    labels: Sequence[str],
    p: np.ndarray,
    precision: Precision,
    bounds: tuple[Mapping[str, float], Mapping[str, float]] | None = None,
    *,
    is_joint: bool = False,
) -> list[str]:
    """Write a distribution.

    Args:
        labels: of its values.
        p: their probabilities.
        precision: of these.
        bounds: what each is at least and at most, by label.
        is_joint: whether its values are of several variables.
    """
    write = writer(labels, p, precision, bounds)
    if len(p) <= SHORT_MAX and not is_joint:
        line = GAP.join(f"{cut(labels[k])} {write(k)}" for k in range(len(p)))
        if width_of(line) <= LINE_WIDTH:
            return [line]
    found = ranked(p)
    rows = [[cut(labels[k]), write(k)] for k, _ in found.entries]
    return [*aligned(rows, " "), *rest_lines(found, precision)]


def rest_lines(found: Ranked, precision: Precision) -> list[str]:
    """Say what is not shown one by one."""
    lines: list[str] = []
    if found.num_rest:
        together = Precision(precision.status).chance(found.rest, digits=4)
        lines.append(f"… {found.num_rest} more, together {together}")
    if found.num_zero:
        lines.append(f"zero: {found.num_zero} value{'s' if found.num_zero > 1 else ''}")
    return lines


def writer(
    labels: Sequence[str],
    p: np.ndarray,
    precision: Precision,
    bounds: tuple[Mapping[str, float], Mapping[str, float]] | None,
) -> Callable[[int], str]:
    """Return what writes the probability of a value by its number."""

    def write(k: int) -> str:
        if bounds is not None and precision.status == "bounded":
            return interval(bounds[0][labels[k]], bounds[1][labels[k]])
        # What the others have says how far a probability is from 1 where the float cannot.
        others = float(np.delete(p, k).sum()) if len(p) > 1 and p[k] > 0.99 else None
        return precision.chance(float(p[k]), others)

    return write
