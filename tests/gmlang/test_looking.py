"""Traces and pages of questions whose exemplars are looked at step by step."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gmlang
from gmlang.cli import main
from gmlang.graph.lowering.forms import matches


def _shown(folder: Path, lines: list[dict[str, Any]]) -> str:
    path = folder / "run.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return gmlang.show(path).html


def test_what_is_undecided_is_drawn_without_scores(tmp_path: Path):
    step = {"query": "P(x)", "search": "", "log_score": None, "log_bound": None}
    lines: list[dict[str, Any]] = [
        {**step, "seconds": 1.0, "entropy": 1.5, "rivals": {"a": 0.4, "b": 0.6}},
        {**step, "seconds": 2.0, "entropy": 0.1, "rivals": {"a": 0.99, "b": 0.01}},
    ]
    html = _shown(tmp_path, lines)
    assert all(f"<h2>{title}</h2>" in html for title in ("The fight", "The snap"))
    assert "<h2>Activity</h2>" not in html
    assert html.count('class="curve entropy"') == 1
    assert html.count('class="curve line') == 2


def test_a_trace_tells_what_is_believed_while_exemplars_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(matches, "_WORK_MIN", 1)
    rng = np.random.default_rng(1)
    masks = rng.random((2000, 6)) < 0.5
    text = f"""data seen[9] : bool = {(rng.random(9) < 0.5).astype(int).tolist()}
data mask[E, 6] : bool
data kind[E] : 0..4
entity Line:
    dot[9] : bool
    exemplar : 0..<E
    at : 0..3
model hidden(f: Line) prior 0.5:
    for i in 0..5: predict f.dot[f.at + i] ~ Bernoulli(0.9 if mask[f.exemplar, i] else 0.1)
var line : Line
consider hidden(line)
observe line.dot = seen
query MMAP(kind[line.exemplar]), MMAP(line.at)
"""
    (tmp_path / "lines.gm").write_text(text, "utf-8")
    np.savez(tmp_path / "given.npz", mask=masks, kind=rng.integers(0, 5, 2000))
    given = [f"--data={name}={tmp_path / 'given.npz'}" for name in ("mask", "kind")]
    trace = tmp_path / "run.jsonl"
    with pytest.raises(SystemExit) as stopped:
        main(["run", str(tmp_path / "lines.gm"), *given, f"--trace={trace}", "--budget=5"])
    assert stopped.value.code == 0
    lines = [json.loads(line) for line in trace.read_text("utf-8").splitlines()]
    steps = [line for line in lines if "entropy" in line]
    first = [line for line in steps if line["query"] == "MMAP(kind[line.exemplar])"]
    # The clock may have left no time between two looks, but there was a first and it was exact.
    assert first
    assert all(0.0 <= line["entropy"] <= np.log(5) + 1e-9 for line in first)
    assert all(set(line["rivals"]) <= set("01234") for line in first)
    answers = [line["answer"] for line in lines if "answer" in line]
    assert [answer["status"] for answer in answers] == ["exact", "exact"]


def test_data_that_was_observed_is_drawn_once(tmp_path: Path):
    picture = [[0, 1], [1, 1]]
    program = {"data": {"dots": picture}, "seen": {"field.dot": picture, "other": [[1, 0], [0, 0]]}}
    html = _shown(tmp_path, [{"seconds": 1, "program": program}])
    assert html.count("field.dot: seen") == 1
    assert "dots: seen" not in html.replace("field.dot: seen", "")
    assert "other: seen" in html
