"""A trace, or answers, as what a page shows of them."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from gmlang.queries.answers import Answer
from gmlang.views.plots.trace import read_trace

Record = Mapping[str, Any]

EVENTS = ("wake", "probe", "retire")
"""What may happen to a model that is asleep or awake."""

_PICTURES_MAX = 1 << 16
"""Places of a picture that is drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What is known of a run.

    Attributes:
        file: of the program; "" where that is not told.
        searches: the steps of each question that was searched for, by its text.
        answers: as `--json` has them, in order.
        events: of models that woke, were probed or retired, in the order of time.
        beliefs: seconds, and the probabilities that were held then, by name.
        rivals: likewise of the likeliest states, while a question about states was answered.
        pictures: what the trace has of pictures beside what is seen: template, parts.
        seen: arrays of what was observed, by name; NaN where nothing was.
    """

    file: str = ""
    searches: dict[str, list[Record]] = field(default_factory=dict[str, list[Record]])
    answers: list[Record] = field(default_factory=list[Record])
    events: list[Record] = field(default_factory=list[Record])
    beliefs: list[tuple[float, dict[str, float]]] = field(
        default_factory=list[tuple[float, dict[str, float]]]
    )
    rivals: list[tuple[float, dict[str, float]]] = field(
        default_factory=list[tuple[float, dict[str, float]]]
    )
    pictures: list[Record] = field(default_factory=list[Record])
    seen: dict[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])


# --- Plain values ------------------------------------------------------------------------


def number(value: object) -> float | None:
    """Return a finite number; None for anything else.

    >>> number(2), number("inf"), number(True)
    (2.0, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def text(value: object) -> str:
    """Return a text; "" for what is none."""
    return value if isinstance(value, str) else ""


def record(value: object) -> Record:
    """Return a map; an empty one for anything else."""
    return cast("Record", value) if isinstance(value, dict) else {}


def records(value: object) -> list[Record]:
    """Return the maps of a list."""
    found: list[object] = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("Record", one) for one in found if isinstance(one, dict)]


def grid(value: object) -> np.ndarray | None:
    """Return a rectangle of numbers, NaN where there is none; None for anything else.

    >>> grid([[0, True], ["true", None]]).tolist()
    [[0.0, 1.0], [1.0, nan]]
    """
    written = cast("list[object]", value) if isinstance(value, list) else []
    rows = [cast("list[object]", row) for row in written if isinstance(row, list)]
    if not rows or len(rows) != len(written):
        return None
    width = len(rows[0])
    if not width or any(len(row) != width for row in rows) or len(rows) * width > _PICTURES_MAX:
        return None
    entries = [_entry(one) for row in rows for one in row]
    flat = [one for row in rows for one in row]
    if any(one is None for one in entries) and all(isinstance(one, str) for one in flat):
        # Names are numbered in order of first occurrence, from 1: 0 is nobody.
        names = dict.fromkeys(flat)
        numbers = {name: float(k) for k, name in enumerate(names, 1)}
        entries = [numbers[one] for one in flat]
    if any(one is None for one in entries):
        return None
    return np.array(entries, np.float64).reshape(len(rows), width)


def _entry(value: object) -> float | None:
    if value is None:
        return math.nan
    if isinstance(value, bool) or value in ("true", "false"):
        return float(value in (True, "true"))
    if isinstance(value, str):
        try:
            return number(float(value))
        except ValueError:
            return None
    return number(value)


# --- Traces ------------------------------------------------------------------------------


def read_run(path: Path) -> Run:
    """Read a trace.

    Raises:
        OSError: when there is no such file.
        ValueError: naming the line that is no record of a trace.
    """
    lines = read_trace(path)
    for place, line in enumerate(lines, 1):
        seconds = number(line["seconds"])
        if seconds is None or seconds < 0:
            raise ValueError(f"line {place}: `seconds` is no number of at least 0")
        event = line.get("event")
        if event is not None and event not in EVENTS:
            raise ValueError(f"line {place}: `event` is none of {', '.join(EVENTS)}")
        if event is not None and not text(line.get("model")):
            raise ValueError(f"line {place}: an event needs the name of its `model`")
    return _run(lines)


def run_of(answers: Iterable[Answer]) -> Run:
    """Return what answers say of the run that they come from."""
    return _run([{"seconds": one.seconds, "answer": one.to_dict()} for one in answers])


def _run(lines: list[dict[str, Any]]) -> Run:
    files = (text(record(line.get("program")).get("file")) for line in lines)
    run = Run(file=next(filter(None, files), ""))
    for line in lines:
        run.seen.update(_pictures(record(line.get("program"))))
        if line.get("event") is not None:
            run.events.append(line)
        elif "answer" in line:
            answer = record(line["answer"])
            run.answers.append(answer if answer else {"query": line.get("query")})
            # What is left open is told by the answers to `woke` as well.
            known = {(e.get("seconds"), e.get("model"), e.get("event")) for e in run.events}
            for told in _told(answer):
                event = {"query": text(answer.get("query")), **told}
                if (event.get("seconds"), event.get("model"), event.get("event")) not in known:
                    run.events.append(event)
        elif "search" in line and ("log_score" in line or "log_bound" in line):
            run.searches.setdefault(text(line.get("query")), []).append(line)
        for key, listed in (("beliefs", run.beliefs), ("rivals", run.rivals)):
            held = {k: p for k, v in record(line.get(key)).items() if (p := number(v)) is not None}
            if held:
                listed.append((float(line["seconds"]), held))
        if record(line.get("picture")):
            run.pictures.append(record(line["picture"]))
    run.events.sort(key=lambda event: number(event.get("seconds")) or 0.0)
    run.beliefs.sort(key=lambda one: one[0])
    return run


def _pictures(program: Record) -> dict[str, np.ndarray]:
    """Return arrays that were bound, and those observed; what was observed as bound only once."""
    bound, seen = (
        {
            str(n): v
            for n, value in record(program.get(kind)).items()
            if (v := grid(value)) is not None
        }
        for kind in ("data", "seen")
    )
    told = {values.tobytes() for values in seen.values()}
    return {n: v for n, v in bound.items() if v.tobytes() not in told} | seen


def _told(answer: Record) -> list[Record]:
    """List the events that an answer has, as `woke` has them."""
    value = answer.get("answer")
    listed = records(value) or records(record(value).get("log"))
    return [
        one
        for one in listed
        if one.get("event") in EVENTS
        and text(one.get("model"))
        and number(one.get("seconds")) is not None
    ]
