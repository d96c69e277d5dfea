"""`learn def` against scores and shares worked out apart: by log Z, by plain Python."""

import os
import signal
import sys
import time
from itertools import product
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gmlang
from gmlang.cli import main
from gmlang.diagnostics import GmError
from gmlang.learning.functions import rules
from gmlang.learning.functions import stage as stages
from gmlang.learning.functions.stage import Stage
from gmlang.learning.functions.writing import written
from gmlang.repl.entries import feed
from gmlang.repl.session import ReplSession
from gmruntime.budget import Budget

ADDITION = """
data a[N, T] : 0..9
data b[N, T] : 0..9
data s[N, T] : 0..9
var x[N, T] : 0..9
var y[N, T] : 0..9
var z[N, T] : 0..9
var c[N, T + 1] : 0..1
for n in 0..<N: c[n, 0] := 0
for n in 0..<N, t in 0..<T:
    z[n, t] := digit(x[n, t], y[n, t], c[n, t])
    c[n, t + 1] := carry(x[n, t], y[n, t], c[n, t])
observe x = a, y = b, z = s
learn def digit(x: 0..9, y: 0..9, c: 0..1) : 0..9 using +, -, %, >=, 0, 1, 9, 10 size 7
learn def carry(x: 0..9, y: 0..9, c: 0..1) : 0..1 using +, -, %, >=, 0, 1, 9, 10 size 7
"""


def _digits(number: int, width: int) -> list[int]:
    return [int(digit) for digit in str(number).zfill(width)][::-1]


def _sums(pairs: list[tuple[int, int]], width: int) -> dict[str, Any]:
    return {
        "a": [_digits(x, width) for x, _ in pairs],
        "b": [_digits(y, width) for _, y in pairs],
        "s": [_digits(x + y, width) for x, y in pairs],
    }


# --- Scores --------------------------------------------------------------------------------

NOISY = """
data x[N] : 0..5 = [0, 1, 2, 3, 4, 5, 2, 3]
data y[N] : 0..3 = [1, 2, 3, 0, 1, 2, 2, 0]
var u[N] : 0..3
var v[N] : 0..3
var wrong : bool ~ Bernoulli(0.3)
for n in 0..<N:
    u[n] ~ {f(x[n]): 0.8, rest: 0.2 / 3}
    v[n] ~ {(u[n] + wrong) % 4: 0.9, rest: 0.1 / 3}
observe v = y
"""
CHAIN = """
data seen[T] : 0..6 = [0, _, 4, 6, _, 3]
var x[T] : 0..6
for t in 1..<T: x[t] := f(x[t - 1], 1 if t >= 3 else 0)
observe x = seen
"""
NARROW = """
data seen[N] : 1..12 = [4, 8, 12]
var x[N] : 1..12
var mood : bool
for n in 0..<N:
    constraint f(x[n])
    prefer f(13 - x[n]) == mood weight 0.7
observe x = seen
"""
GUARDED = """
var x[6] : 0..5
var hit[6] : bool
for i in 0..5:
    x[i] ~ {rest: 1 / 6} if i == 0 else {f(x[i - 1], x[i - 1]): 0.7, rest: 0.06}
    hit[i] := (f(x[i] - 1, 2) >= 2 if x[i] > 0 else false)
observe hit[1] = true, hit[2] = false, x[3] = 4, x[4] = 1
"""
NESTED = """
data y[N] : 0..4 = [3, 4, 0, 1, 2]
for n in 0..<N: constraint y[n] == f(f(n))
prefer f(0) == 4 weight 1.5
"""


def _log_weight(text: str, head: str, rule: str, *, is_divided: bool) -> float:
    """Find what a program with a rule written in says of what it observes, by `logZ` alone."""
    program = f"def f({head}) = {rule}\n{text}"
    if not is_divided:
        return _log_z(program)
    lines = [line for line in program.splitlines() if not line.startswith("observe")]
    return _log_z(program) - _log_z("\n".join(lines))


def _log_z(program: str) -> float:
    found = gmlang.compile(program).query("logZ()").value
    assert isinstance(found, float)
    return found


@pytest.mark.parametrize(
    ("text", "typed", "value", "operators"),
    [
        (NOISY, "a: 0..5", "0..3", "+, %, -, 0..4"),
        (CHAIN, "a: 0..6, b: 0..1", "0..6", "+, %, *, 1..7"),
        (NARROW, "a: 1..12", "bool", "%, ==, >=, 0..6"),
        (GUARDED, "a: 0..5, b: 0..5", "0..5", "-, min, max, 0..5"),
        (NESTED, "a: 0..4", "0..4", "+, -, %, 1..5"),
    ],
    ids=["noisy", "chain", "narrow", "guarded", "nested"],
)
def test_scores_are_log_z_with_the_rule_written_in(
    text: str, typed: str, value: str, operators: str
):
    learned = gmlang.compile(
        f"{text}learn def f({typed}) : {value} using {operators} size 5\n"
    ).learn_def("f")
    head = ", ".join(part.partition(":")[0].strip() for part in typed.split(","))
    some = learned.alternatives[:: max(1, len(learned.alternatives) // 6)]
    observes = "observe" in text
    oracle = [
        one.log_prior + _log_weight(text, head, one.rules[0], is_divided=observes) for one in some
    ]
    scores = [one.score for one in some]
    assert np.diff(scores) == pytest.approx(np.diff(oracle), abs=1e-9)
    shares = [one.share for one in learned.alternatives]
    weights = np.exp([one.score - learned.best.score for one in learned.alternatives])
    assert np.array(shares) / shares[0] == pytest.approx(weights, rel=1e-9)
    assert learned.status in ("exact", "bounded")


def test_shares_of_two_functions_are_those_of_all_pairs():
    xs, ys = [0, 1, 2, 3], [4, 3, 2, 1]
    learned = gmlang.compile(f"""
data x[N] : 0..4 = {xs}
data y[N] : 0..4 = {ys}
for n in 0..<N: constraint y[n] == g(f(x[n]))
learn def f(a: 0..4) : 0..4 using +, -, %, 1..5 size 3
learn def g(a: 0..4) : 0..4 using +, -, %, 1..5 size 3
""").learn_def()
    (f, _) = learned.functions
    cost = log(6 + 3)
    weights: dict[tuple[str, str], float] = {}
    texts = [written(f.rules, int(k), f.wanted) for k in f.numbers]
    for i, j in product(range(len(f.codes)), repeat=2):
        if [int(f.codes[j][f.codes[i][x]]) for x in xs] == ys:
            weights[texts[i], texts[j]] = np.exp(-cost * (f.size(i) + f.size(j)))
    total = sum(weights.values())
    assert learned.num_scored == len(weights)
    for one in learned.alternatives:
        assert one.share == pytest.approx(weights[one.rules[0], one.rules[1]] / total, rel=1e-9)
    assert learned.status == "exact"


@pytest.mark.parametrize("count", [1, 2])
def test_what_raises_log_z_leaves_no_rule_out(count: int):
    text = "var free[2] : 0..5\n"
    for name, right in (("f", "i"), ("g", "3 - i"))[:count]:
        text += f"for i in 0..3: prefer {name}(i) == {right} weight 3\n"
        text += f"for i in 0..1: prefer {name}(i) != 3 or free[i] >= 4 weight 1.5\n"
    heads = [f"learn def {k}(a: 0..3) : 0..3 using +, -, 0..3 size 3" for k in "fg"[:count]]
    learned = gmlang.compile("\n".join([text, *heads])).learn_def()
    (f, *_) = learned.functions
    texts = [written(f.rules, int(k), f.wanted) for k in f.numbers]
    weights: dict[tuple[str, ...], float] = {}
    for combo in product(range(len(texts)), repeat=count):
        rules = tuple(texts[k] for k in combo)
        defs = "\n".join(f"def {k}(a) = {r}" for k, r in zip("fg", rules, strict=False))
        prior = float(sum(f.log_prior[k] for k in combo))
        weights[rules] = np.exp(prior + _log_z(f"{defs}\n{text}"))
    total = sum(weights.values())
    assert learned.best.rules == max(weights, key=lambda rules: weights[rules])
    said = {one.rules: one.share for one in learned.alternatives}
    missed = sum(weight for rules, weight in weights.items() if rules not in said) / total
    assert missed <= learned.left + 1e-12
    for rules, share in said.items():
        assert share * (1 - missed) == pytest.approx(weights[rules] / total, rel=1e-9)


def test_what_is_left_out_weighs_no_more_than_is_said(monkeypatch: pytest.MonkeyPatch):
    program = f"{NOISY}learn def f(a: 0..5) : 0..3 using +, %, -, 0..4 size 5\n"
    whole = gmlang.compile(program).learn_def()
    monkeypatch.setattr("gmlang.learning.functions.search._CUTOFF", 2.0)
    monkeypatch.setattr("gmlang.learning.functions.search._FIRST", 4)
    part = gmlang.compile(program).learn_def()
    assert part.best.rules == whole.best.rules
    assert part.num_scored < whole.num_scored
    assert part.status == "bounded"
    missed = 1 - whole.best.share / part.best.share
    assert 0 < missed <= part.left


# --- Addition ------------------------------------------------------------------------------


def test_addition_is_learned_and_used_forwards_and_backwards():
    rng = np.random.default_rng(5)
    pairs = [(int(x), int(y)) for x, y in rng.integers(0, 1000, (40, 2))]
    learned = gmlang.compile(ADDITION).learn_def("carry", **_sums(pairs, 4))
    cells = np.indices((10, 10, 2)).sum(axis=0)
    assert np.array_equal(learned.values()["digit"], cells % 10)
    assert np.array_equal(learned.values()["carry"], cells >= 10)
    x, y = (int("".join(map(str, rng.integers(0, 10, 100)))) for _ in range(2))
    told = _sums([(x, y)], 101)
    nothing = [[None] * 101]
    model = learned.model
    forwards = model.bind(**{**told, "s": nothing}).query("MAP(z)")
    backwards = model.bind(**{**told, "b": nothing}).query("MAP(y)")
    assert np.asarray(forwards.array).tolist() == told["s"]
    assert np.asarray(backwards.array).tolist() == told["b"]
    assert (forwards.status, backwards.status) == ("exact", "exact")
    assert "given learned digit, carry" in forwards.note


def test_asking_finds_the_example_that_tells():
    model = gmlang.compile(ADDITION)
    pairs = [(0, 0), (1, 1)]
    pool = [(12, 7), (5, 5), (90, 90), (58, 67), (9, 99), (46, 46)]
    learned = model.learn_def(**_sums(pairs, 3))
    assert learned.question is not None
    assert sum(share for _, share in learned.question.outcomes) == pytest.approx(1)
    before = len(learned.alternatives)
    told: dict[str, Any] = {**_sums(pool, 3), "s": [[None] * 3] * len(pool)}
    asked = learned.ask("z", **told)
    assert asked is not None
    assert len(asked.sides) > 1
    assert sum(share for _, share in asked.sides) == pytest.approx(1)
    learned = model.learn_def(**_sums([*pairs, pool[asked.number]], 3))
    assert len(learned.alternatives) <= before
    told = {**_sums([pool[asked.number]], 3), "s": [[None] * 3]}
    assert learned.ask("z", **told) is None


# --- What becomes of it --------------------------------------------------------------------

NINE = {str(k): float(k == 9) for k in range(10)}
STEPS = """
data y[N] : 0..9 = [1, 3, 5, 7]
for n in 0..<N: constraint y[n] == twice(n)
var z : 0..9 := twice(4)
learn def twice(a: 0..4) : 0..9 using +, *, 0..3 size 5
query P(z)
"""


def _command(*arguments: object) -> object:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


def test_a_learned_function_answers_what_follows_and_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    first, second = gmlang.compile(STEPS).run()
    assert str(first.value).startswith("def twice(a) = ")
    assert second.probabilities == NINE
    program, out = tmp_path / "steps.gm", tmp_path / "learned.gm"
    program.write_text(STEPS, "utf-8")
    assert _command("learn", program, "-o", out) == 0
    assert "twice(a) = " in capsys.readouterr().out
    assert "learn def" not in out.read_text("utf-8")
    (answer,) = gmlang.load(out).run()
    assert answer.probabilities == NINE


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_an_interrupt_before_anything_is_found_ends_as_an_interrupt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def interrupted(stage: Stage, budget: Budget, seed: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        while budget.left_s():
            time.sleep(0.01)
        budget.check()

    monkeypatch.setattr("gmlang.learning.functions.learn.begin_search", interrupted)
    program = tmp_path / "steps.gm"
    program.write_text(STEPS, "utf-8")
    assert _command("learn", program) == 128 + signal.SIGINT
    assert "GM754" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_an_interrupt_while_expressions_are_listed_gives_what_there_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def interrupted(pool: Any, operator: str, size: int) -> Any:
        if size > 3 and not told:
            told.append(True)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
        yield from made(pool, operator, size)

    made, told = rules._made, list[bool]()  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(rules, "_made", interrupted)
    monkeypatch.setattr(stages, "_LISTED", {})
    program = tmp_path / "steps.gm"
    program.write_text(STEPS.replace("[1, 3, 5, 7]", "[0, 2, 4, 6]"), "utf-8")
    assert _command("learn", program) == 128 + signal.SIGINT
    said = capsys.readouterr()
    assert "twice(a) = a + a" in said.out
    assert "stopped: at least one rule explains what is seen, of all up to size" in said.out


def test_a_library_keeps_a_function_once(tmp_path: Path):
    program, library = tmp_path / "steps.gm", tmp_path / "mine.gm"
    program.write_text(STEPS, "utf-8")
    library.write_text("def half(a) = a // 2\n", "utf-8")
    for _ in range(2):
        assert _command("learn", program, "--library", library) == 0
    text = library.read_text("utf-8")
    assert text.startswith("def half(a) = a // 2\n")
    assert text.count("def twice(a) = ") == 1
    assert "Learned from steps.gm" in text
    library.write_text("def twice(a) = a\n", "utf-8")
    assert _command("learn", program, "--library", library) == 1
    assert library.read_text("utf-8") == "def twice(a) = a\n"


def test_what_there_was_no_time_for_is_not_called_impossible():
    program = ADDITION.replace("size 7", "size 15")
    with pytest.raises(GmError) as caught:
        gmlang.compile(program).learn_def(budget_s=1e-3, **_sums([(58, 67), (904, 96)], 4))
    assert [found.code for found in caught.value.diagnostics] == ["GM754"]


def test_the_best_so_far_is_called_so():
    program = f"{NOISY}learn def f(a: 0..5) : 0..3 using +, -, *, %, //, 0..9 size 15\n"
    learned = gmlang.compile(program).learn_def(budget_s=2.0)
    assert learned.status == "stopped"
    assert np.isfinite(learned.best.score)
    assert any("size" in note or "time" in note for note in learned.notes)


def test_a_session_learns_what_is_called_by_then():
    session, define = ReplSession(), "learn def f(a: 0..4) : 0..9 using +, *, 0..3 size 5"
    said: list[str] = []
    for entry in (
        "data y[N] : 0..9 = [1, 3, 5]",
        define,
        "for n in 0..<N: constraint y[n] == f(n)",
        define,
        "var z : 0..9 := f(4)",
        "P(z == 9)",
    ):
        session, reply = feed(session, entry)
        said.append(reply.text)
    assert "GM749" in said[1]
    assert "f(a) = " in said[3]
    assert said[5].startswith("1\n")
