"""Pictures of answers: every kind is drawn, and no label lies on another."""

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import gmlang
from gmlang.cli import main
from gmlang.graph.world.axes import Axis, Part
from gmlang.queries.questions.map import MapAnswer
from gmlang.queries.questions.probability import JointAnswer, MarginalAnswer
from gmlang.views.plots.charts import BARS_MAX, panels_of
from gmlang.views.plots.page import plot_answers
from gmlang.views.plots.style import NEEDED, drawing, thin

pytest.importorskip("matplotlib")

Captured = pytest.CaptureFixture[str]

PROGRAM = """
domain Person = {anna, bernd, carla}
domain Color = {red, green, blue}
var n : 5..9
var c : Color
var h[4] : Color
var x[3, 4] : bool
var m[2, Person] : 0..9
var w[2, 2, 2] : bool
var z[500] : 0..3
query P(n), P(c), P(c, n), P(c, n, h[0]), P(h), P(x), P(m), P(w), P(z), P(x[0, 0])
query P(c == red), [P(h[t] == red) for t in 0..3], MAP(h), MAP(x), MAP(m), MAP(w), MAP(z), MAP()
query MMAP(h), logZ(), count(), best(2, c), sample(2, h)
"""

PICTURED = {"marginal", "joint", "event", "map", "mmap"}


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_every_kind_of_probability_and_state_has_a_picture():
    for answer in gmlang.compile(PROGRAM).run():
        found = panels_of(answer)
        assert bool(found) == (answer.kind in PICTURED), answer.text
        with drawing() as pyplot:
            for panel in found:
                figure: Any = pyplot.figure(figsize=(6, panel.height), layout="constrained")
                axes = figure.add_subplot()
                panel.draw(axes)
                figure.canvas.draw()
                assert axes.get_xlabel(), answer.text
                assert axes.get_ylabel() or answer.kind in ("event", "joint"), answer.text
                pyplot.close(figure)


def _overlaps(axes: Any, figure: Any) -> list[str]:
    """List the labels of ticks that lie on the one before them."""
    figure.canvas.draw()
    found: list[str] = []
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        shown = [label for label in labels if label.get_text() and label.get_visible()]
        boxes = [label.get_window_extent() for label in shown]
        for (one, first), (_, second) in pairwise(zip(shown, boxes, strict=True)):
            if first.overlaps(second):
                found.append(one.get_text())
    return found


NAMES = tuple(f"state_{k}_of_sixty" for k in range(60))


@pytest.mark.parametrize("kind", ["bars", "numbers", "rows", "joint", "states", "picture"])
def test_sixty_names_do_not_overlap(kind: str):
    states, p = Axis(60, names=NAMES), np.full(60, 1 / 60)
    table = dict(zip(NAMES, p.tolist(), strict=True))
    square = np.outer(p, p)
    named: dict[str, Any] = {"labels": NAMES, "parts": (Part("x", (states,), states),)}
    answer = {
        "bars": MarginalAnswer("P(x)", "exact", table, parts=(Part("x", (), states),)),
        "numbers": MarginalAnswer("P(x)", "exact", table, parts=(Part("x", (), Axis(60)),)),
        "rows": MarginalAnswer("P(x)", "exact", [table], array=square, **named),
        "joint": JointAnswer(
            "P(x, y)",
            "exact",
            {"a": 1.0},
            array=square,
            parts=(Part("x", (), states), Part("y", (), states)),
        ),
        "states": MapAnswer("MAP(x)", "exact", {"x": list(NAMES)}, parts=named["parts"]),
        "picture": MapAnswer(
            "MAP(x)",
            "exact",
            {"x": [["true"] * 60] * 60},
            parts=(Part("x", (states, states), Axis(2, names=("false", "true"))),),
        ),
    }[kind]
    (panel,) = panels_of(answer)
    with drawing() as pyplot:
        figure: Any = pyplot.figure(figsize=(6.4, panel.height), layout="constrained")
        axes = figure.add_subplot()
        panel.draw(axes)
        thin(figure)
        assert _overlaps(axes, figure) == []
        if kind == "bars":
            widths = [bar.get_width() for bar in axes.patches]
            assert len(widths) == BARS_MAX
            assert sum(widths) == pytest.approx(1.0)
        pyplot.close(figure)


def test_names_may_hold_anything(tmp_path: Path):
    names = ("$x^{$", "茶", "<b>", "a" * 500)
    table = dict(zip(names, (0.1, 0.2, 0.3, 0.4), strict=True))
    part = Part("$\\frac", (), Axis(4, names=names))
    answer = MarginalAnswer("P($\\frac)", "exact", table, parts=(part,))
    out = tmp_path / "p.svg"
    assert plot_answers([answer], out) == ""
    ElementTree.fromstring(out.read_text("utf-8"))
    first = out.read_bytes()
    plot_answers([answer], out)
    assert out.read_bytes() == first


def test_run_and_plot_write_the_same_picture(tmp_path: Path, capsys: Captured):
    program = tmp_path / "p.gm"
    program.write_text("var a : 0..4\nvar b[3] : bool\nquery P(a), MAP(b), logZ()\n", "utf-8")
    one, two = tmp_path / "one.svg", tmp_path / "two.svg"
    assert call("run", program, "--plot", one) == 0
    assert "P(a)" in capsys.readouterr().out
    assert call("plot", program, "-o", two) == 0
    assert one.read_bytes() == two.read_bytes()
    assert call("plot", program, "-o", tmp_path / "p.png", "-q", "P(a)") == 0
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    capsys.readouterr()
    assert call("run", program, "-q", "logZ()", "--plot", tmp_path / "none.png") == 0
    assert "nothing here has a picture" in capsys.readouterr().err
    assert not (tmp_path / "none.png").exists()


def test_what_cannot_be_drawn_is_refused_before_anything_runs(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
):
    program = tmp_path / "p.gm"
    program.write_text("var a : 0..4\nquery P(a)\n", "utf-8")
    assert call("run", program, "--plot", tmp_path / "p.doc") == 2
    assert ".png" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert call("run", program, "--plot", tmp_path / "p.png") == 1
    printed = capsys.readouterr()
    assert NEEDED in printed.err
    assert not printed.out
