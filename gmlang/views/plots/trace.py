"""A trace as a picture: value and certified bound against time, on a log axis."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from gmlang.views.layout import cut
from gmlang.views.plots.style import BLUE, ORANGE, drawing, save
from gmruntime.formats.text import read_text

_LEAST_S = 1e-3
"""What was found sooner is drawn there."""

_MANY_DECADES = 1e4


def read_trace(path: Path) -> list[dict[str, Any]]:
    """Read a trace.

    Raises:
        ValueError: naming the line that is no record of a trace.
    """
    records: list[dict[str, Any]] = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        record = _record(line)
        if record is None:
            raise ValueError(f"line {number} is no record of a trace")
        records.append(record)
    if not records:
        raise ValueError("the trace is empty")
    return records


def _record(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or "seconds" not in record:
        return None
    return cast("dict[str, Any]", record)


def is_trace(path: Path) -> bool:
    """Say whether a file begins like a trace, or calls itself one."""
    if path.suffix == ".jsonl":
        return True
    try:
        with path.open(encoding="utf-8") as lines:
            return _record(lines.readline(1 << 16)) is not None
    except (OSError, UnicodeDecodeError):
        return False


def plot_trace(path: Path, out: Path) -> None:
    """Plot a trace into a picture; the ending of `out` chooses the format.

    Raises:
        ImportError: when matplotlib is not installed.
        ValueError: when the file is no trace.
    """
    searches: dict[str, list[dict[str, Any]]] = {}
    for record in read_trace(path):
        # Answers and events are in a trace as well.
        if "answer" in record or "search" not in record:
            continue
        searches.setdefault(str(record.get("query", "")), []).append(record)
    if not searches:
        raise ValueError("nothing was searched for in this trace")
    with drawing() as pyplot:
        size = (7, 3.6 * len(searches))
        figure, grid = pyplot.subplots(len(searches), figsize=size, layout="constrained")
        all_axes = grid.flat if len(searches) > 1 else [grid]
        for axes, (query, records) in zip(all_axes, searches.items(), strict=True):
            _curve(axes, records)
            axes.set_title(cut(query, 90), loc="left")
        save(pyplot, figure, out)


def _curve(axes: Any, records: list[dict[str, Any]]) -> None:  # noqa: ANN401 - no types there
    """Draw the best value and the bound of one search, each until its last record."""
    last = max(max(float(r["seconds"]), _LEAST_S) for r in records)
    for key, label, colour in (
        ("log_bound", "proven bound", ORANGE),
        ("log_score", "best found", BLUE),
    ):
        points = [
            (max(float(r["seconds"]), _LEAST_S), float(r[key]))
            for r in records
            if r.get(key) is not None
        ]
        if not points:
            continue
        times, values = zip(*points, strict=True)
        axes.step((*times, last), (*values, values[-1]), where="post", label=label, color=colour)
        axes.plot(times, values, ".", color=colour)
    _on_a_log_axis(axes)
    axes.set_xlabel("seconds")
    axes.set_ylabel("log score, nats")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)


def _on_a_log_axis(axes: Any) -> None:  # noqa: ANN401
    """Write seconds as plain numbers: formulas are not read in labels."""
    ticker: Any = import_module("matplotlib.ticker")
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    parts = (1.0,) if high / low > _MANY_DECADES else (1.0, 2.0, 5.0)
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=parts))
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(ticker.NullFormatter())
