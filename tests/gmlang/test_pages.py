"""A page of a run: from a trace alone, whole, well-formed, and safe whatever the trace says."""

import json
import random
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import gmlang
from gmlang.cli import main
from gmlang.views.pages.page import page_of
from gmlang.views.pages.reading import read_run

NOISY = """data noisy[H, W] : bool
var x[H, W] : bool
for i in 0..<H, j in 0..<W: prefer x[i, j] == noisy[i, j] weight 1.1
for i in 0..<H - 1, j in 0..<W: prefer x[i, j] == x[i + 1, j] weight 0.9
query MAP(x), P(x)
"""

JARS = """domain Shape = {jar, box, ball}
entity Thing:
    shape : Shape
    lid : bool
model jar(x: Thing) prior 0.1:
    predict x.shape = jar @ 0.9
    predict x.lid = true @ 0.6
model ball(x: Thing) prior 0.1:
    predict x.shape = ball @ 0.95
    predict x.lid = false @ 0.99
var it : Thing
consider jar(it), ball(it)
observe it.shape = jar
query active(it), blame(ball, jar), P(it.lid), MAP(it.lid)
"""

EVIL = '</script><img src=x onerror="alert(1)">\x00\x1b[0m]]>'

EVENTS: list[dict[str, Any]] = [
    {"seconds": 0.01, "event": "wake", "model": "jar(it)", "by": "it.shape", "eps": 0.01},
    {"seconds": 0.02, "event": "wake", "model": "ball(it)", "by": "jar(it)", "ceiling": 2.5},
    {"seconds": 0.03, "event": "probe", "model": "box(it)", "by": "", "evidence": -1.5},
    {"seconds": 0.05, "event": "retire", "model": "ball(it)", "by": "jar(it)", "eps": 0.002},
]


def call(*arguments: object) -> int:
    """Run the command; return its exit status."""
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def _tree(html: str) -> ElementTree.Element:
    return ElementTree.fromstring(html.removeprefix("<!DOCTYPE html>\n"))


def _headings(html: str) -> list[str]:
    return [str(found.text) for found in _tree(html).iter("h2")]


def _written(tmp_path: Path, records: list[dict[str, Any]]) -> Path:
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in records), "utf-8")
    return path


def _traced(tmp_path: Path, text: str, *options: str) -> Path:
    (tmp_path / "p.gm").write_text(text, "utf-8")
    trace = tmp_path / "run.jsonl"
    command = ("run", tmp_path / "p.gm", "--budget", "2", "--trace", trace, *options)
    assert call(*command) == 0
    return trace


def _noisy(tmp_path: Path) -> Path:
    np.save(tmp_path / "k.npy", np.random.default_rng(0).random((6, 9)) < 0.5)
    return _traced(tmp_path, NOISY, "--data", f"noisy={tmp_path / 'k.npy'}")


class _References(HTMLParser):
    """Gathers what a page would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        fetches = {n for n in names if n in ("src", "href", "srcset", "data", "action")}
        runs = {n for n in names if n.startswith("on")}
        if tag in ("script", "link", "iframe", "object", "img") or fetches or runs:
            self.found.append(tag)


def _assert_whole(html: str) -> None:
    _tree(html)
    references = _References()
    references.feed(html)
    assert references.found == []
    assert "url(" not in html
    assert "@import" not in html


# --- What is shown -----------------------------------------------------------------------


def test_answers_tell_who_woke_as_a_trace_does():
    model = gmlang.compile(JARS)
    page = gmlang.show(model.query("woke(it) using wake(eps=0.1)"))
    assert "Activity" in _headings(page.html)
    assert "jar(it)" in page.html


@pytest.mark.parametrize("far", [5e-324, 1e308])
def test_numbers_at_the_ends_of_floats_are_drawn(tmp_path: Path, far: float):
    models = [
        {"model": f"m{k}(it)", "probability": 0.5, "evidence_nats": nats}
        for k, nats in enumerate((0.0, far, -far))
    ]
    answer = {"query": "active(it)", "kind": "active", "answer": {"models": models}}
    page = gmlang.show(_written(tmp_path, [{"seconds": 0.01, "answer": answer}]))
    assert "The fight" in _headings(page.html)


def test_states_of_a_question_with_a_graph_of_its_own_are_not_told_by_other_names(tmp_path: Path):
    trace = _traced(
        tmp_path,
        "entity T:\n    a : bool\nmodel m(x: T) prior 0.2: predict x.a = true @ 0.9\n"
        "model n(x: T) prior 0.99: predict x.a = true @ 0.99\nvar it : T\nconsider n(it)\n"
        "query P(it.a), MAP(n(it)), MAP(m(it), n(it))\n",
    )
    states = [
        one["state"]
        for one in map(json.loads, trace.read_text("utf-8").splitlines())
        if "state" in one
    ]
    assert states[0] == {"it.a": True, "n(it)": True}
    assert not states[-1]


def test_of_very_many_pictures_and_searches_some_are_drawn(tmp_path: Path):
    program = {"seen": {f"x{k}": [[0, 1], [1, 0]] for k in range(30)}}
    steps = [{"query": f"MAP(y | x = {k})", "log_score": -1.0, "search": "s"} for k in range(60)]
    records = [{"seconds": 0.01, "program": program}, *({"seconds": 0.01, **one} for one in steps)]
    html = gmlang.show(_written(tmp_path, records)).html
    assert "6 further pictures are not drawn." in html
    assert "10 further searches are not drawn." in html


def test_a_page_shows_the_picture_its_beliefs_and_the_search(tmp_path: Path):
    trace = _noisy(tmp_path)
    assert call("show", trace) == 0
    html = trace.with_suffix(".html").read_text("utf-8")
    _assert_whole(html)
    shown = _headings(html)
    assert {"The picture and its parse", "Belief images", "The snap", "Answers"} <= set(shown)
    labels = [str(found.text) for found in _tree(html).iter("label")]
    assert {"seen", "decoded", "residual"} <= set(labels)


def test_a_page_shows_who_is_active_and_what_composites_cost(tmp_path: Path):
    html = gmlang.show(_traced(tmp_path, JARS)).html
    _assert_whole(html)
    assert {"Activity", "The fight", "What composites are made of"} <= set(_headings(html))
    drawings = " ".join("".join(found.itertext()) for found in _tree(html).iter("svg"))
    assert "jar(it)" in drawings
    assert "lid" in drawings


def test_residuals_are_where_the_seen_and_the_decoded_differ(tmp_path: Path):
    seen, decoded = [[1, 0, 1], [0, 0, 1]], [["true", "true", "false"], ["false"] * 2 + ["true"]]
    answer = {"query": "MAP(x)", "kind": "map", "status": "exact", "answer": {"x": decoded}}
    line = {"query": "MAP(x)", "seconds": 0, "program": {"seen": {"x": seen}}, "answer": answer}
    tree = _tree(gmlang.show(_written(tmp_path, [line])).html)
    classes = [r.get("class") for r in tree.iter("rect")]
    assert classes.count("wrong") == 1
    assert classes.count("extra") == 1


def test_waking_is_a_row_for_each_model_with_an_arrow_from_its_waker(tmp_path: Path):
    html = gmlang.show(_written(tmp_path, EVENTS)).html
    _assert_whole(html)
    tree = _tree(html)
    marks = [m for m in tree.iter("text") if (m.get("class") or "").startswith("mark")]
    assert [m.get("class") for m in marks] == [f"mark {e['event']}" for e in EVENTS]
    arrows = [p for p in tree.iter("path") if p.get("class") == "arrow"]
    assert ["".join(a.itertext()) for a in arrows] == ["jar(it) woke ball(it)"]
    assert any(p.get("class") == "asleep" for p in tree.iter("path"))
    awake = [r for r in tree.iter("rect") if r.get("class") == "awake"]
    assert len(awake) == 2


def test_beliefs_in_time_are_a_fight(tmp_path: Path):
    lines = [{"seconds": k / 10, "beliefs": {"a": 0.1 * k, "b": 1 - 0.1 * k}} for k in range(1, 9)]
    tree = _tree(gmlang.show(_written(tmp_path, lines)).html)
    curves = [p for p in tree.iter("path") if (p.get("class") or "").startswith("curve line")]
    assert len(curves) == 2


def test_what_is_missing_is_said(tmp_path: Path):
    html = gmlang.show(_written(tmp_path, [{"seconds": 0}])).html
    assert _headings(html) == ["Not on this page"]
    assert len(list(_tree(html).iter("li"))) == 7


def test_answers_show_themselves_as_a_page():
    model = gmlang.compile(JARS)
    page = gmlang.show([model.query("active(it)"), model.query("P(it.lid)")])
    _assert_whole(page.html)
    assert "Activity" in _headings(page.html)
    framed = page._repr_html_()  # pyright: ignore[reportPrivateUsage]
    assert framed.startswith("<iframe srcdoc=")
    assert "<main>" not in framed
    assert gmlang.show(model.query("P(it.lid)")).html.count("<section>") == 2


# --- What is safe ------------------------------------------------------------------------


def test_nothing_in_a_trace_breaks_out_of_the_page(tmp_path: Path):
    grid = [[0, 1], [1, 0]]
    lines = [
        *({**e, "model": EVIL, "by": f"{EVIL} too"} for e in EVENTS),
        {"seconds": 1, "query": EVIL, "search": EVIL, "log_score": -2.0, "log_bound": 1.0},
        {"seconds": 2, "query": EVIL, "search": EVIL, "log_score": -1.0, "state": {EVIL: grid}},
        {"seconds": 1, "beliefs": {EVIL: 0.5}, "program": {"file": EVIL, "seen": {EVIL: grid}}},
        {"seconds": 2, "beliefs": {EVIL: 0.7}},
        {
            "seconds": 2,
            "picture": {"name": EVIL, "image": grid, "parts": [{"name": EVIL, "row": 0}]},
        },
    ]
    for kind, value in (
        ("active", {"models": [{"model": EVIL, "probability": 0.5, "evidence_nats": 1}]}),
        ("blame", {EVIL: -1.0}),
        ("marginal", {EVIL: 0.5, "b": 0.5}),
        ("map", {EVIL: grid}),
        (EVIL, EVIL),
    ):
        answer = {"query": f"blame({EVIL}, b)", "kind": kind, "status": EVIL, "answer": value}
        lines.append({"seconds": 1, "query": EVIL, "answer": {**answer, "note": EVIL}})
    html = gmlang.show(_written(tmp_path, lines)).html
    _assert_whole(html)
    assert "<img" not in html
    assert "\x1b" not in html


@pytest.mark.parametrize("seed", range(40))
def test_any_values_of_a_trace_are_shown_or_refused(seed: int, tmp_path: Path):
    rng = random.Random(seed)
    odd: list[Any] = [None, True, "x", EVIL, -1, 1e308, 5, [], {}, [[1, 2]], [[]], [["a"]], "inf"]
    odd += [{"a": 1}, [{"model": "m", "probability": 2}], 10**400, [[1, 2], [3]], 0.5]

    def some(depth: int) -> object:
        if depth and rng.random() < 0.4:
            return [some(depth - 1) for _ in range(rng.randint(0, 3))]
        if depth and rng.random() < 0.4:
            return {rng.choice(["models", "a", EVIL, "unexplained"]): some(depth - 1)}
        return rng.choice(odd)

    fields = ["query", "log_score", "log_bound", "search", "answer", "state", "program", "beliefs"]
    fields += ["picture", "entropy", "event", "model", "by", "eps"]
    inner = [
        "kind",
        "status",
        "answer",
        "query",
        "items",
        "image",
        "decoded",
        "parts",
        "file",
        "seen",
    ]
    lines: list[dict[str, Any]] = []
    for _ in range(12):
        line: dict[str, Any] = {f: some(2) for f in rng.sample(fields, rng.randint(1, 8))}
        for name in ("answer", "picture", "program"):
            if name in line:
                line[name] = {f: some(3) for f in rng.sample(inner, 5)}
        if "answer" in line:
            kinds = ["map", "active", "blame", "marginal", "event", "list", "joint"]
            line["answer"]["kind"] = rng.choice(kinds)
        if "event" in line:
            line["event"], line["model"] = rng.choice(["wake", "probe", "retire"]), "m"
        line["seconds"] = rng.choice([0, 0.5, 1e-9, 1e9])
        lines.append(line)
    try:
        page = gmlang.show(_written(tmp_path, lines))
    except ValueError:
        return
    _assert_whole(page.html)


# --- Mistakes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the trace is empty"),
        ('{"seconds": 1}\n{"secon', "line 2 is no record of a trace"),
        ('{"seconds": "soon"}\n', "line 1: `seconds` is no number of at least 0"),
        ('{"seconds": -1}\n', "line 1: `seconds` is no number of at least 0"),
        ('{"seconds": 1, "event": "sleep"}\n', "line 1: `event` is none of wake, probe, retire"),
        ('{"seconds": 1, "event": "wake"}\n', "line 1: an event needs the name of its `model`"),
        ("var x : bool\n", "line 1 is no record of a trace"),
    ],
)
def test_what_is_no_trace_is_told(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "t.jsonl"
    path.write_text(text, "utf-8")
    assert call("show", path) == 1
    assert said in capsys.readouterr().err
    with pytest.raises(ValueError, match=said.partition("`")[0]):
        gmlang.show(path)


def test_a_page_needs_a_trace_that_is_there_and_a_place_to_stand(tmp_path: Path):
    assert call("show", tmp_path / "none.jsonl") == 2
    with pytest.raises(OSError, match="none"):
        gmlang.show(tmp_path / "none.jsonl")
    path = _written(tmp_path, [{"seconds": 0}])
    assert call("show", path, "-o", tmp_path / "no" / "page.html") == 1
    with pytest.raises(ValueError, match="no answer"):
        gmlang.show([])
    with pytest.raises(TypeError, match="not int"):
        gmlang.show(3)  # type: ignore[arg-type]


# --- The trace ---------------------------------------------------------------------------


def test_a_trace_ends_each_question_with_its_answer(tmp_path: Path):
    trace = _noisy(tmp_path)
    lines = [json.loads(line) for line in trace.read_text("utf-8").splitlines()]
    needed = {"query", "seconds", "log_score", "log_bound", "search"}
    assert all(needed <= set(line) for line in lines)
    assert [line["answer"]["kind"] for line in lines if "answer" in line] == ["map", "marginal"]
    assert "answer" not in lines[0]
    assert lines[0]["program"]["file"].endswith("p.gm")
    assert np.array(lines[0]["state"]["x"]).shape == (6, 9)


def test_a_trace_that_cannot_be_written_is_a_wrong_option(tmp_path: Path):
    (tmp_path / "p.gm").write_text("var x : bool\nquery P(x)\n", "utf-8")
    assert call("run", tmp_path / "p.gm", "--trace", tmp_path / "no" / "t.jsonl") == 2


def test_a_trace_holds_what_was_learned_and_asked_afterwards(tmp_path: Path):
    text = (
        "data seen[N] : bool = [true, true, false]\nparam p : probability ~ Beta(1, 1)\n"
        "var x[N] : bool\nfor n in 0..<N: x[n] ~ Bernoulli(p)\nobserve x = seen\n"
        "var y : bool ~ Bernoulli(0.3)\nlearn p\nquery MAP(y), P(y)\n"
    )
    trace = _traced(tmp_path, text)
    lines = [json.loads(line) for line in trace.read_text("utf-8").splitlines()]
    kinds = [line["answer"]["kind"] for line in lines if "answer" in line]
    assert kinds == ["learn", "map", "marginal"]
    _assert_whole(gmlang.show(trace).html)


# --- A browser ---------------------------------------------------------------------------

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no browser is installed")
def test_a_browser_shows_the_page(tmp_path: Path):
    assert CHROMIUM is not None
    path = tmp_path / "page.html"
    page_of(read_run(_written(tmp_path, EVENTS)), "waking").save(path)
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", "--timeout=5000"]
    command = [CHROMIUM, *options, f"--user-data-dir={tmp_path / 'profile'}"]

    def shown(address: str) -> subprocess.CompletedProcess[str]:
        said = [*command, address]
        return subprocess.run(said, capture_output=True, text=True, timeout=120, check=False)

    if shown("about:blank").returncode:
        pytest.skip("the browser does not start here")
    done = shown(path.as_uri())
    assert not done.returncode
    assert "<h2>Activity</h2>" in done.stdout
    assert done.stdout.count('class="mark') == len(EVENTS)
