"""The answers to one query about many rows: a line for each row, where what it says fits on one."""

from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np

from gmlang.queries.answers import Answer, DistributionAnswer
from gmlang.queries.composed.listed import ListAnswer
from gmlang.queries.questions.map import MapAnswer
from gmlang.queries.questions.mmap import MarginalMapAnswer
from gmlang.views.arrays import BOOL
from gmlang.views.assignments import state_cell
from gmlang.views.distributions import SHORT_MAX, ranked, writer
from gmlang.views.layout import WIDTH_MAX, aligned, cut, total_width
from gmlang.views.show import body, number_text, precision_of
from gmruntime.printable import printable, printable_line

_Cells = list[tuple[str, str]]
"""What stands in a row: each with the head of its column."""

_COLUMNS_MAX = 24
"""More elements of an array are not put side by side."""

_RANKED = ("first", "second", "third")
"""Of a distribution over many values, so many are shown."""

_GAP = "  "


def rows_lines(text: str, answers: Sequence[Answer]) -> Iterator[str]:
    """Write the answers to a query about rows 1, 2, 3, ..., and how good they are together.

    Args:
        text: of the query.
        answers: to it, in the order of the rows.
    """
    yield printable(text)
    lines = _table(answers)
    for line in _blocks(answers) if lines is None else lines:
        yield f"  {printable_line(line)}"
    yield f"  {printable(_quality(answers))}"


def _table(answers: Sequence[Answer]) -> list[str] | None:
    """Write a line for each row; None where some answer takes more, or lines were too wide."""
    heads: list[str] | None = None
    found: list[list[str]] = []
    for answer in answers:
        cells = _cells(answer)
        if cells is None:
            return None
        own = [head for head, _ in cells]
        if cells and heads is None:
            heads = own
        if cells and own != heads:
            return None
        found.append([cell for _, cell in cells])
    heads = heads or []
    shared = _shared_notes(answers)
    remarks = [_remark(answer, shared) for answer in answers]
    is_remarked = any(remarks)
    rows = [["row", *heads, *([""] if is_remarked else [])]]
    for number, (cells, remark) in enumerate(zip(found, remarks, strict=True)):
        own = cells or [""] * len(heads)
        rows.append([str(number + 1), *own, *([remark] if is_remarked else [])])
    # What is remarked of a single row may be long, and stands last.
    is_wide = total_width([row[: 1 + len(heads)] for row in rows], _GAP) > WIDTH_MAX
    return None if is_wide else aligned(rows, _GAP, right=[0])


def _remark(answer: Answer, shared: Sequence[str]) -> str:
    """Say of an answer in a table what its numbers do not, and the notes not all others have."""
    status = _counted(answer)
    if status in ("exact", "impossible"):
        return "" if status == "exact" else status
    own = [note for note in _notes(answer) if note not in shared]
    return f"{status}: {'; '.join(own)}" if own else status


def _notes(answer: Answer) -> list[str]:
    return answer.note.split("; ") if answer.note else []


def _shared_notes(answers: Sequence[Answer]) -> list[str]:
    """List what all answers note that say anything."""
    first, *others = [answer for answer in answers if answer.value is not None] or [Answer("")]
    return [note for note in _notes(first) if all(note in _notes(one) for one in others)]


def _blocks(answers: Sequence[Answer]) -> Iterator[str]:
    """Write each answer below the number of its row."""
    for number, answer in enumerate(answers):
        quality = "" if answer.status == "exact" else f"   ({answer.status})"
        yield f"row {number + 1}{quality}"
        yield from (f"  {line}" for line in body(answer))


def _quality(answers: Sequence[Answer]) -> str:
    """Say how good the answers are together, and how they were found."""
    statuses = [_counted(answer) for answer in answers]
    counts = {status: statuses.count(status) for status in dict.fromkeys(statuses)}
    said = ", ".join(f"{count} {status}" for status, count in counts.items())
    rows = f"{len(answers)} row{'' if len(answers) == 1 else 's'}"
    parts = [f"{rows}: {said}" if said else rows]
    parts += dict.fromkeys(answer.method for answer in answers if answer.method)
    workers = max((answer.workers for answer in answers), default=1)
    if workers > 1:
        parts.append(f"{workers} workers")
    seconds = max((answer.seconds for answer in answers), default=0.0)
    parts += [*_shared_notes(answers), f"{seconds * 1e3:.1f} ms"]
    return " · ".join(parts)


def _counted(answer: Answer) -> str:
    is_nothing = answer.value is None and answer.status not in ("impossible", "exact")
    return "not known" if is_nothing else answer.status


# --- What stands in a line -------------------------------------------------------------------


def _cells(answer: Answer) -> _Cells | None:
    """Write an answer as cells: none where it says nothing; None where they do not hold it."""
    value = answer.value
    if value is None:
        return []
    match answer:
        case DistributionAnswer():
            return _chances(answer)
        case MapAnswer() | MarginalMapAnswer() if answer.parts and isinstance(value, dict):
            states = cast("dict[str, object]", value)
            if any(len(part.axes) > 1 for part in answer.parts):
                return None
            cells = [(cut(one.name), state_cell(one, states[one.name])) for one in answer.parts]
            score = answer.log_score
            return [*cells, *([] if score is None else [("log score", f"{score:.6g}")])]
        case ListAnswer():
            return _items(answer)
        case _ if isinstance(value, bool):
            return [("value", "true" if value else "false")]
        case _ if isinstance(value, float | int):
            lines = answer.lines() if isinstance(value, float) else None
            text = number_text(answer, value) if lines is None else lines[0]
            return [("value", str(value) if isinstance(value, int) else text)]
        case _:
            return None


def _chances(answer: DistributionAnswer) -> _Cells | None:
    precision, value = precision_of(answer), answer.value
    others: np.ndarray | None = getattr(answer, "others", None)
    if isinstance(value, float):
        return [("value", precision.chance(value, None if others is None else float(others)))]
    if isinstance(value, dict):
        return _distribution(answer, cast("dict[str, float]", value))
    if isinstance(value, list) and len(answer.parts) > 1:
        several = cast("list[object]", value)
        pairs = zip(answer.parts, several, strict=True)
        found = [(cut(part.name), p) for part, p in pairs if isinstance(p, float)]
        is_even = len(found) == len(several)
        return [(name, precision.chance(p)) for name, p in found] if is_even else None
    if answer.array is None or len(answer.parts) != 1 or len(answer.parts[0].axes) != 1:
        return None
    part, array = answer.parts[0], answer.array
    if answer.labels == BOOL:
        array, others = array[:, 1], array[:, 0]
    elif answer.labels:
        return None
    if len(array) > _COLUMNS_MAX:
        return None
    left = [None] * len(array) if others is None else others.tolist()
    pairs = zip(array.tolist(), left, strict=True)
    return [(cut(part.label((k,))), precision.chance(*pair)) for k, pair in enumerate(pairs)]


def _distribution(answer: Answer, table: dict[str, float]) -> _Cells:
    labels = list(table)
    p = np.fromiter(table.values(), np.float64, len(table))
    write = writer(labels, p, precision_of(answer), _bounds(answer))
    if len(labels) <= SHORT_MAX:
        return [(cut(label), write(k)) for k, label in enumerate(labels)]
    best = [f"{cut(labels[k])} {write(k)}" for k, _ in ranked(p).entries[: len(_RANKED)]]
    return list(zip(_RANKED, [*best, *[""] * len(_RANKED)], strict=False))


def _bounds(answer: Answer) -> tuple[dict[str, float], dict[str, float]] | None:
    ends = [getattr(answer, "lower", None), getattr(answer, "upper", None)]
    if not all(isinstance(end, dict) for end in ends):
        return None
    lower, upper = (cast("dict[str, float]", end) for end in ends)
    return lower, upper


def _items(answer: ListAnswer) -> _Cells | None:
    found: _Cells = []
    for item in answer.items:
        cells = _cells(item)
        if not cells:
            return None
        text = cut(item.text)
        found += [(text if head == "value" else f"{text} {head}", cell) for head, cell in cells]
    return found
