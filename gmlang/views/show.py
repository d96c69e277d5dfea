"""An answer on one screen, as text for a terminal."""

from typing import cast

import numpy as np

from gmlang.digits import Precision, at_least, at_most, interval
from gmlang.queries.answers import Answer, AssertAnswer, DistributionAnswer, NatsAnswer
from gmlang.queries.composed.listed import ListAnswer
from gmlang.queries.questions.best import BestAnswer
from gmlang.queries.questions.expectation import ExpectationAnswer
from gmlang.queries.questions.map import MapAnswer
from gmlang.queries.questions.mmap import MarginalMapAnswer
from gmlang.queries.questions.probability import JointAnswer
from gmlang.queries.questions.sample import SampleAnswer
from gmlang.queries.questions.variance import VarianceAnswer
from gmlang.views.arrays import event_lines, marginal_lines
from gmlang.views.assignments import assignment_lines, many_lines
from gmlang.views.distributions import distribution_lines, writer
from gmlang.views.layout import LINES_MAX, WIDTH_MAX, aligned, bounded, cut, width_of
from gmlang.views.records import ITEMS_MAX, value_lines
from gmruntime.printable import printable

IMPOSSIBLE = "impossible: no assignment agrees with the evidence"
"""What is said of evidence that contradicts itself."""


def show(answer: Answer) -> str:
    """Write an answer as text."""
    return printable(_shown(answer))


def _shown(answer: Answer) -> str:
    head = f"{answer.text}"
    if isinstance(answer, AssertAnswer):
        verdict = "holds" if answer.held else "FAILS"
        note = f"   ({answer.note})" if answer.note else ""
        return f"{head}: {verdict}{note}"
    lines = [head, *("  " + line for line in body(answer)), f"  {quality_line(answer)}"]
    return "\n".join(lines)


def precision_of(answer: Answer) -> Precision:
    """Return how good an answer's numbers are."""
    return Precision(answer.status, answer.error, answer.error_kind)


def quality_line(answer: Answer) -> str:
    """Say how good an answer is."""
    parts = [answer.status]
    if answer.error is not None and answer.error_kind:
        parts.append(f"{answer.error_kind} {answer.error:.2g}")
    is_said = isinstance(answer, NatsAnswer)
    if answer.status == "bounded" and answer.log_upper is not None and not is_said:
        low = at_least(answer.log_lower) if answer.log_lower is not None else "-inf"
        parts.append(f"between {low} and {at_most(answer.log_upper)} nats")
    if answer.method:
        parts.append(answer.method)
    if answer.workers > 1:
        parts.append(f"{answer.workers} workers")
    parts.append(f"{answer.seconds * 1e3:.1f} ms")
    if answer.note:
        parts.append(answer.note)
    return " · ".join(parts)


def body(answer: Answer) -> list[str]:
    """Write an answer's value, in at most LINES_MAX lines, and what follows it."""
    if answer.status == "impossible" and answer.value is None:
        return [IMPOSSIBLE]
    if answer.value is None:
        return ["not known"]
    lines = bounded(_item_lines(answer)) if isinstance(answer, ListAnswer) else answer.lines()
    if lines is None:
        lines = bounded(_value_lines(answer))
    return [*lines, *answer.remarks()]


def _value_lines(answer: Answer) -> list[str]:
    value = answer.value
    match answer:
        case DistributionAnswer():
            return _chance_lines(answer)
        case MapAnswer() | MarginalMapAnswer() if answer.parts and isinstance(value, dict):
            return assignment_lines(cast("dict[str, object]", value), answer.parts)
        case BestAnswer() if answer.parts:
            found = cast("list[dict[str, object]]", value)
            maps = [cast("dict[str, object]", one["assignment"]) for one in found]
            scores = [f"{cast('float', one['log_score']):.6g}" for one in found]
            return many_lines(maps, scores, answer.parts)
        case SampleAnswer() if answer.parts:
            return many_lines(cast("list[dict[str, object]]", value), (), answer.parts)
        case _ if isinstance(value, float) or (type(value) is int and answer.status != "exact"):
            return [number_text(answer, value)]
        case ExpectationAnswer() | VarianceAnswer():
            return value_lines(_written(value, precision_of(answer)))
        case _:
            return value_lines(value)


def _written(value: object, precision: Precision) -> object:
    """Write numbers in lists with the digits that are known; their error stands below."""
    if isinstance(value, list):
        shown = cast("list[object]", value)[:ITEMS_MAX]
        return [_written(inner, precision) for inner in shown]
    return precision.nats(cast("float", value)).split(" ± ")[0]


def _item_lines(answer: ListAnswer) -> list[str]:
    """Write each item of a list behind what it asks, and how good it is where they differ."""
    lines: list[str] = []
    is_wide = False
    for item in answer.items:
        quality = "" if item.status == answer.status == "exact" else f"   ({item.status})"
        first, *rest = body(item)
        line = f"{item.text}   {first}{quality}"
        is_wide |= not rest and width_of(line) > WIDTH_MAX
        if rest or width_of(line) > WIDTH_MAX:
            lines += [f"{item.text}{quality}", *("  " + line for line in (first, *rest))]
        else:
            lines.append(line)
    return (_chance_table(answer) if is_wide else None) or lines or ["none"]


def _chance_table(answer: ListAnswer) -> list[str] | None:
    """Write distributions over the same values below each other, where that fits."""
    rows: list[list[str]] = []
    for item in answer.items[:LINES_MAX]:
        if not isinstance(item, DistributionAnswer) or item.labels != answer.items[0].labels:
            return None
        if item.array is None or item.array.shape != (len(item.labels),):
            return None
        write = writer(item.labels, item.array, precision_of(item), None)
        quality = "" if item.status == answer.status == "exact" else f"({item.status})"
        rows.append([cut(item.text), *(write(k) for k in range(len(item.labels))), quality])
    lines = aligned([["", *answer.items[0].labels, ""], *rows])
    return None if any(width_of(line) > WIDTH_MAX for line in lines) else lines


def number_text(answer: Answer, value: float) -> str:
    """Write a number that is no probability, with what is known of it."""
    lower, upper = ends(answer)
    if answer.status == "bounded" and isinstance(lower, float) and isinstance(upper, float):
        return interval(lower, upper)
    return precision_of(answer).nats(value)


def ends(answer: Answer) -> tuple[object, object]:
    """Return what is proven of an answer's value: the least and the most; None where nothing is."""
    return getattr(answer, "lower", None), getattr(answer, "upper", None)


def _chance_lines(answer: DistributionAnswer) -> list[str]:
    """Write probabilities: of an event, of states, of arrays, or of several things."""
    precision, value, parts = precision_of(answer), answer.value, answer.parts
    lower, upper = ends(answer)
    others: np.ndarray | None = getattr(answer, "others", None)
    if isinstance(value, float):
        is_bounded = answer.status == "bounded" and isinstance(lower, float)
        if is_bounded and isinstance(upper, float):
            return [interval(cast("float", lower), upper)]
        return [precision.chance(value, None if others is None else float(others))]
    if isinstance(value, dict):
        table = cast("dict[str, float]", value)
        bounds = None
        if isinstance(lower, dict) and isinstance(upper, dict):
            bounds = cast("dict[str, float]", lower), cast("dict[str, float]", upper)
        p = np.fromiter(table.values(), np.float64, len(table))
        is_joint = isinstance(answer, JointAnswer) and len(parts) != 1
        return distribution_lines(list(table), p, precision, bounds, is_joint=is_joint)
    if answer.array is not None and len(parts) == 1:
        if answer.labels:
            return marginal_lines(parts[0], answer.array, answer.labels, precision)
        return event_lines(parts[0], answer.array, others, precision)
    if isinstance(value, list) and len(parts) == len(cast("list[object]", value)):
        pairs = zip(parts, cast("list[object]", value), strict=True)
        return _several([(part.name, one) for part, one in pairs], precision)
    return value_lines(value)


def _several(items: list[tuple[str, object]], precision: Precision) -> list[str]:
    """Write the probabilities of several things, each after its name."""
    if all(isinstance(one, float) for _, one in items):
        rows = [[cut(name), precision.chance(cast("float", one))] for name, one in items]
        return aligned(rows[:LINES_MAX], "   ") + [""] * (len(rows) - LINES_MAX)
    lines: list[str] = []
    for name, one in items:
        if isinstance(one, dict):
            table = cast("dict[str, float]", one)
            p = np.fromiter(table.values(), np.float64, len(table))
            inner = distribution_lines(list(table), p, precision)
        else:
            inner = value_lines(one)
        if len(inner) == 1:
            lines.append(f"{cut(name)}   {inner[0]}")
        else:
            lines += [cut(name), *("  " + line for line in inner)]
    return lines
