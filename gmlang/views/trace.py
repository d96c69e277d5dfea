"""A trace as a picture: value and certified bound against time, on a log axis."""

import json
from pathlib import Path
from typing import Any, cast

from gmruntime.formats.text import read_text


def read_trace(path: Path) -> list[dict[str, Any]]:
    """Read a trace.

    Raises:
        ValueError: naming the line that is no record of a trace.
    """
    records: list[dict[str, Any]] = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict) or "seconds" not in record:
            raise ValueError(f"line {number} is no record of a trace")
        records.append(cast("dict[str, Any]", record))
    if not records:
        raise ValueError("the trace is empty")
    return records


def plot_trace(path: Path, out: Path) -> None:
    """Plot a trace into a picture; the ending of `out` chooses the format.

    Raises:
        ImportError: when matplotlib is not installed.
        ValueError: when the file is no trace.
    """
    records = read_trace(path)
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    pyplot = cast("Any", plt)
    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    scores = [(max(r["seconds"], 1e-3), r["log_score"]) for r in records if _known(r, "log_score")]
    bounds = [(max(r["seconds"], 1e-3), r["log_bound"]) for r in records if _known(r, "log_bound")]
    if scores:
        times, values = zip(*scores, strict=True)
        axes.step(times, values, where="post", label="best found", color="#2f6f9f")
        axes.plot(times, values, ".", color="#2f6f9f")
    if bounds:
        times, values = zip(*bounds, strict=True)
        axes.step(times, values, where="post", label="proven bound", color="#c0504d")
    axes.set_xscale("log")
    axes.set_xlabel("seconds")
    axes.set_ylabel("log score, nats")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(out, dpi=150)
    pyplot.close(figure)


def _known(record: dict[str, Any], key: str) -> bool:
    return record.get(key) is not None
