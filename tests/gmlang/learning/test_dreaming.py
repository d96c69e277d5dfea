"""Recognisers: made from draws of a program, they say where searches begin, and nothing more."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import gmlang
from gmlang.cli import group
from gmlang.graph.builder import evidence_of
from gmlang.learning.dreams.recogniser import Recogniser
from gmruntime.answer import Map
from gmruntime.graph import log_score
from gmruntime.inference import search


def _program(diseases: int = 8, findings: int = 12, seed: int = 0) -> str:
    rng = np.random.default_rng(seed)
    lines = [f"data seen[{findings}] : bool"]
    lines += [f"var d[{diseases}] : bool", f"var f[{findings}] : bool"]
    lines += [f"d[{i}] ~ Bernoulli({rng.uniform(0.1, 0.4):.3f})" for i in range(diseases)]
    for j in range(findings):
        causes = rng.choice(diseases, 3, replace=False)
        given = ", ".join(f"d[{i}]: {rng.uniform(0.4, 0.95):.3f}" for i in causes)
        lines.append(f"f[{j}] ~ NoisyOr({given}, leak=0.02)")
    lines += ["var ill : bool := any(d[i] for i in 0..2)", "observe f = seen", "query MAP(d)"]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def model() -> gmlang.Model:
    return gmlang.compile(_program()).bind(seen=[k % 3 == 0 for k in range(12)])


@pytest.fixture(scope="module")
def recogniser(model: gmlang.Model) -> Recogniser:
    return gmlang.dream(model, count=4000)


def test_it_tells_more_than_the_commonest_states(recogniser: Recogniser):
    own, common = recogniser.right
    assert len(recogniser.observed) == 12
    assert own > common + 0.05


def test_the_same_seed_makes_the_same(model: gmlang.Model):
    one, other = (gmlang.dream(model, count=200, seed=3) for _ in range(2))
    assert np.array_equal(one.weights, other.weights)
    assert not np.array_equal(one.weights, gmlang.dream(model, count=200, seed=4).weights)


def test_it_changes_no_answer(recogniser: Recogniser):
    rng = np.random.default_rng(0)
    for _ in range(5):
        plain = gmlang.compile(_program()).bind(seen=rng.random(12) < 0.4)
        guided = gmlang.guided(plain, recogniser)
        for asked in ("MAP(d)", "MAP()", "P(d)", "logZ()", "MAP(d | ill = true)", "best(3)"):
            one, other = (m.query(asked, remember=False) for m in (plain, guided))
            assert one.status == other.status
            assert one.to_dict() | {"seconds": 0} == other.to_dict() | {"seconds": 0}


def test_a_search_begins_there_however_wrong_it_is(model: gmlang.Model, recogniser: Recogniser):
    """What it says is made whole: what is observed stays, and what follows is worked out."""
    grounding = gmlang.guided(model, recogniser).grounding()
    graph, (evidence, _) = model.graph(), evidence_of(grounding.builder)
    best = list(search(graph, Map(), evidence=evidence, budget_s=20))[-1]
    rng = np.random.default_rng(1)
    for start in (recogniser.start(graph, evidence), rng.integers(0, 2, graph.num_variables)):
        steps = list(search(graph, Map(), evidence=evidence, budget_s=20, start=start))
        scores = [step.log_score for step in steps if step.is_found]
        assert scores == sorted(scores)
        assert steps[-1].log_score == pytest.approx(best.log_score)
        for step in steps:
            if step.is_found:
                assert step.log_score == pytest.approx(float(log_score(graph, step.assignment)))


def test_it_is_kept_in_a_file(tmp_path: Path, model: gmlang.Model, recogniser: Recogniser):
    recogniser.save(tmp_path / "d.rec.npz")
    again = gmlang.load_recogniser(tmp_path / "d.rec.npz")
    graph, (evidence, _) = model.graph(), evidence_of(model.grounding().builder)
    assert np.array_equal(again.start(graph, evidence), recogniser.start(graph, evidence))
    assert (again.program, again.right) == (recogniser.program, recogniser.right)


def test_that_of_another_program_is_refused(recogniser: Recogniser):
    text = _program()
    for other in (text.replace("0.02", "0.03"), text.replace("ill", "sick"), _program(seed=1)):
        with pytest.raises(gmlang.GmError, match="GM759"):
            gmlang.guided(gmlang.compile(other).bind(seen=[False] * 12), recogniser)


def test_what_queries_observe_counts_too():
    text = "var a : bool ~ Bernoulli(0.3)\nvar b : bool ~ Bernoulli(0.9 if a else 0.1)\n"
    with pytest.raises(gmlang.GmError, match="GM757"):
        gmlang.dream(gmlang.compile(text))
    model = gmlang.compile(text + "query MAP(a | b = true)\n")
    recogniser = gmlang.dream(model, count=2000)
    graph = model.graph()
    assert recogniser.start(graph, np.array([-1, 1])).tolist() == [1, -1]
    assert recogniser.start(graph, np.array([-1, 0])).tolist() == [0, -1]
    assert recogniser.start(graph, np.array([-1, -1])).tolist() == [0, -1]


def test_random_fields_are_dreamed_of_as_well():
    text = """data seen[6] : bool = [1, 1, 0, 0, 1, 1]
var x[6] : bool
var y[6] : bool
for i in 0..4: prefer x[i] == x[i + 1] weight 1.5
for i in 0..5: y[i] ~ Bernoulli(0.9 if x[i] else 0.2)
observe y = seen
query MAP(x)
"""
    recogniser = gmlang.dream(gmlang.compile(text), count=2000)
    assert recogniser.right[0] > 0.75 > recogniser.right[1]


def test_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    seen = "[12] : bool = [" + "1, 0, " * 6 + "]"
    Path("d.gm").write_text(_program().replace("[12] : bool", seen, 1), "utf-8")
    run = CliRunner().invoke
    assert run(group, ["dream", "d.gm", "-o", "d.rec.npz", "--samples", "500"]).exit_code == 0
    found = run(group, ["run", "d.gm", "--recogniser", "d.rec.npz"], standalone_mode=False)
    plain = run(group, ["run", "d.gm"], standalone_mode=False)
    assert found.exception is None
    assert found.output.splitlines()[:2] == plain.output.splitlines()[:2]
    Path("broken.npz").write_bytes(b"nothing")
    failed = run(group, ["run", "d.gm", "--recogniser", "broken.npz"], standalone_mode=False)
    assert "GM760" in str(failed.exception)
    for command in (
        ["dream", "d.gm", "-o", "d.txt"],
        ["run", "d.gm", "--recogniser", "d.rec.npz", "--each", "d.gm"],
    ):
        assert run(group, command).exit_code == 2
