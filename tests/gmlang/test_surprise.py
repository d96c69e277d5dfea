"""surprise: what it says of an explanation, against worlds that are enumerated here."""

import itertools
import json
import random
from dataclasses import dataclass

import numpy as np
import pytest

import gmlang
from gmlang.diagnostics import GmError
from gmlang.queries.answers import Answer
from gmlang.queries.explained import confusion, explanations
from gmlang.queries.questions import surprise
from gmruntime.answer import Status

NUM_STATES = 3
BASE = (0.2, 0.3, 0.5)


@dataclass(frozen=True)
class Drawn:
    """A society: its text, and the numbers that it was written from."""

    text: str
    priors: list[float]
    predictions: list[list[tuple[int, int, float]]]
    has_base: list[bool]
    seen: dict[int, int]
    is_family: bool

    def experts(self, active: tuple[int, ...], attribute: int) -> np.ndarray:
        """Return log of the product of experts about an attribute, its base included."""
        base = np.array(BASE) if self.has_base[attribute] else np.full(NUM_STATES, 1 / NUM_STATES)
        logs = np.log(base)
        for model in active:
            for about, value, c in self.predictions[model]:
                if about == attribute:
                    said = (1 - c) * base / (1 - base[value])
                    said[value] = c
                    logs = logs + np.log(said) - np.log(base)
        return logs

    def societies(self) -> list[tuple[int, ...]]:
        count = len(self.priors)
        if self.is_family:
            return [(k,) for k in range(count)]
        sizes = range(count + 1)
        return [s for n in sizes for s in itertools.combinations(range(count), n)]

    def log_weight(self, active: tuple[int, ...], is_max: bool) -> float:
        """Weigh a society with what was seen, what is hidden summed out or at its best."""
        total = 0.0
        for k, prior in enumerate(self.priors):
            total += np.log(prior if k in active else 1 - prior)
        for attribute in range(len(self.has_base)):
            logs = self.experts(active, attribute)
            if attribute in self.seen:
                total += logs[self.seen[attribute]]
            else:
                total += logs.max() if is_max else np.logaddexp.reduce(logs)
        return float(total)

    def nats(self, active: tuple[int, ...]) -> dict[str, float]:
        """Return what a society gives to each site, less what its base does."""
        found: dict[str, float] = {}
        for attribute, state in self.seen.items():
            logs = self.experts(active, attribute)
            alone = self.experts((), attribute)
            found[f"a{attribute}"] = float(logs[state] - np.logaddexp.reduce(logs) - alone[state])
        return found


def drawn(seed: int, *, is_family: bool = False) -> Drawn:
    rng = random.Random(seed)
    count, num_attributes = rng.randint(2, 5), 4
    priors = [round(rng.uniform(0.05, 0.6), 3) for _ in range(count)]
    predictions = [
        [
            (attribute, rng.randrange(NUM_STATES), round(rng.uniform(0.4, 0.95), 3))
            for attribute in range(num_attributes)
            if rng.random() < 0.7
        ]
        for _ in range(count)
    ]
    has_base = [rng.random() < 0.5 for _ in range(num_attributes)]
    shown = rng.sample(range(num_attributes), rng.randint(1, num_attributes))
    seen = {attribute: rng.randrange(NUM_STATES) for attribute in sorted(shown)}
    weights = ", ".join(f"{k}: {p}" for k, p in enumerate(BASE))
    lines = ["entity Thing:"]
    for attribute in range(num_attributes):
        base = f" base {{{weights}}}" if has_base[attribute] else ""
        lines.append(f"    a{attribute} : 0..{NUM_STATES - 1}{base}")
    for k, (prior, mine) in enumerate(zip(priors, predictions, strict=True)):
        lines.append(f"model m{k}(x: Thing) prior {prior}:")
        lines += [f"    predict x.a{a} = {v} @ {c}" for a, v, c in mine] or ["    factor 0"]
    names = ", ".join(f"m{k}(it)" for k in range(count))
    lines += ["var it : Thing", f"consider {names}"]
    if is_family:
        lines.append(f"constraint exactly_one({names})")
    lines += [f"observe it.a{a} = {v}" for a, v in seen.items()]
    return Drawn("\n".join(lines) + "\n", priors, predictions, has_base, seen, is_family)


def asked(text: str, query: str = "surprise(it)") -> dict[str, object]:
    answer = gmlang.compile(text).query(query, budget_s=60.0)
    assert answer.status == "exact"
    assert isinstance(answer.value, dict)
    return answer.value


@pytest.mark.parametrize("is_family", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_an_explanation_is_what_enumeration_finds(seed: int, is_family: bool):
    case = drawn(seed, is_family=is_family)
    value = asked(case.text, "surprise(it) using confusion(margin=0.5)")
    weights = {s: case.log_weight(s, is_max=not is_family) for s in case.societies()}
    order = sorted(weights, key=lambda s: -weights[s])
    assert value["best"] == [f"m{k}(it)" for k in order[0]]
    margin = weights[order[0]] - weights[order[1]]
    assert value["margin"] == pytest.approx(margin, abs=1e-9)
    if margin > 1e-9 and weights[order[1]] > weights[order[-1]] + 1e-9:
        seconds = [s for s in order[1:] if weights[s] > weights[order[1]] - 1e-9]
        assert value["second"] in [[f"m{k}(it)" for k in s] for s in seconds]
    nats = case.nats(order[0])
    assert value["total"] == pytest.approx(sum(nats.values()), abs=1e-9)
    sites = value["sites"]
    assert isinstance(sites, list)
    assert {one["site"]: one["nats"] for one in sites} == pytest.approx(nats, abs=1e-9)
    assert [one["nats"] for one in sites] == sorted(one["nats"] for one in sites)
    assert value["confused"] is (margin < 0.5)


CHAIN = """
entity Agent:
    pose[4] : 0..2
    music : bool base {true: 0.3, false: 0.7}
model still(x: Agent) prior 0.4:
    predict x.music = true @ 0.8
    for t in 1..<4: predict x.pose[t] = x.pose[t-1] @ 0.97
var it : Agent
consider still(it)
observe it.pose[0] = 0, it.pose[1] = 0, it.pose[3] = 2, it.music
"""


def test_sites_that_depend_on_each_other_are_told_of_those_before():
    value = asked(CHAIN)
    sites = {one["site"]: one["nats"] for one in value["sites"]}  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType]
    assert value["best"] == []
    assert value["total"] == pytest.approx(0.0, abs=1e-12)
    active = asked(CHAIN + "observe still(it)\n")
    sites = {one["site"]: one["nats"] for one in active["sites"]}  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType]
    kept = np.full((3, 3), 0.015) + np.eye(3) * 0.955
    assert sites["pose[0]"] == pytest.approx(0.0, abs=1e-12)
    assert sites["pose[1]"] == pytest.approx(np.log(3 * 0.97), abs=1e-9)
    assert sites["pose[3]"] == pytest.approx(np.log(3 * (kept @ kept)[0, 2]), abs=1e-9)
    assert sites["music"] == pytest.approx(np.log(0.8 / 0.3), abs=1e-9)
    assert active["total"] == pytest.approx(sum(sites.values()), abs=1e-9)
    assert active["best"] == ["still(it)"]
    assert active["second"] is None
    assert active["margin"] == float("inf")
    assert active["confused"] is None


FAMILY = """
data p[D, K, N] : real
data pixels[N] : bool
entity Image:
    ink[N] : bool
model drawn(x: Image, d: 0..<D, k: 0..<K) prior 1 / (D * K):
    for i in 0..<N: predict x.ink[i] ~ Bernoulli(p[d, k, i])
var img : Image
consider drawn(img, d, k) for d in 0..<D, k in 0..<K
constraint exactly_one(drawn(img, d, k) for d in 0..<D for k in 0..<K)
observe img.ink = pixels
"""


def pictures(count: int, width: int = 40) -> tuple[gmlang.Model, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    p = rng.uniform(0.1, 0.9, (3, 2, width))
    seen = rng.random((count, width)) < p[0, 0]
    return gmlang.compile(FAMILY).bind(p=p), p, seen


def test_explanations_may_be_groups_of_a_family():
    model, p, seen = pictures(1)
    logs = (np.log(p) * seen[0] + np.log1p(-p) * ~seen[0]).sum(axis=2)
    digits = np.sort(np.logaddexp.reduce(logs, axis=1))
    for by, expected in ((1, digits), (2, np.sort(logs.reshape(-1)))):
        answer = model.bind(pixels=seen[0]).query(f"surprise(img) using confusion(by={by})")
        assert isinstance(answer.value, dict)
        assert answer.value["margin"] == pytest.approx(expected[-1] - expected[-2], abs=1e-9)
    none = model.bind(pixels=seen[0]).query("surprise(img) using confusion(by=0, gain=-3)")
    assert isinstance(none.value, dict)
    assert none.value["second"] is None


@pytest.mark.parametrize("by", [1, 2])
def test_margins_beyond_what_probabilities_hold_are_told_of_rows_too(by: int):
    width = 700
    p = np.full((3, 2, width), 0.1)
    p[0], p[1, 1, :200] = 0.9, 0.9
    p[0, 1, 0] = 0.8
    seen = np.ones((2, width), bool)
    seen[1, 7:10] = False
    model = gmlang.compile(FAMILY).bind(p=p, pixels=np.ma.masked_all(width))
    query = f"surprise(img) using confusion(by={by}, margin=1)"
    for row, answer in zip(seen, model.query(query, rows={"img.ink": seen}), strict=True):
        logs = (np.log(p) * row + np.log1p(-p) * ~row).sum(axis=2)
        each = np.sort(np.logaddexp.reduce(logs, axis=1) if by == 1 else logs.reshape(-1))
        assert answer.status == "exact"
        assert isinstance(answer.value, dict)
        assert answer.value["margin"] == pytest.approx(each[-1] - each[-2], rel=1e-12, abs=1e-9)


def without_seconds(answer: Answer) -> object:
    return json.loads(json.dumps({**answer.to_dict(), "seconds": 0}))


def test_rows_are_explained_like_each_alone():
    model, _, seen = pictures(4)
    seen = np.concatenate([seen, seen[:1]])
    hidden = np.ma.masked_array(seen, np.zeros(seen.shape, bool))
    hidden[2, ::5] = np.ma.masked
    open_ = model.bind(pixels=np.ma.masked_all(seen.shape[1], bool))
    together = open_.query("surprise(img)", rows={"img.ink": hidden}, budget_s=60.0)
    for row, mine in zip(hidden, together, strict=True):
        alone = model.bind(pixels=row).query("surprise(img)", budget_s=60.0)
        assert_alike(without_seconds(mine), without_seconds(alone))


def test_rows_that_had_their_time_keep_their_answers(monkeypatch: pytest.MonkeyPatch):
    model, _, seen = pictures(3)
    hidden = np.arange(seen.shape[1]) < np.array([0, 1, 0])[:, None]
    explain, calls = surprise.explain, list[int]()

    def once(*arguments: object) -> object:
        calls.append(1)
        if len(calls) > 1:
            raise TimeoutError
        return explain(*arguments)  # pyright: ignore

    monkeypatch.setattr(surprise, "explain", once)
    answers = model.bind(pixels=np.ma.masked_all(seen.shape[1])).query(
        "surprise(img) using confusion(margin=1)",
        rows={"img.ink": np.ma.masked_array(seen, hidden)},
    )
    assert [answer.status for answer in answers] == ["exact", "estimate", "exact"]
    assert answers[1].value is None
    assert answers[1].note == "no answer within the budget"


def assert_alike(mine: object, other: object) -> None:
    if isinstance(mine, dict) and isinstance(other, dict):
        assert set(mine) == set(other)  # pyright: ignore[reportUnknownArgumentType]
        for key in mine:  # pyright: ignore[reportUnknownVariableType]
            if key == "sites":
                nats = [{s["site"]: s["nats"] for s in one[key]} for one in (mine, other)]  # pyright: ignore[reportUnknownVariableType]
                assert nats[0] == pytest.approx(nats[1], abs=1e-9)
            else:
                assert_alike(mine[key], other[key])
    else:
        assert mine == (pytest.approx(other, abs=1e-9) if isinstance(other, float) else other)


def test_about_so_many_samples_as_are_said_are_confused():
    model, p, _ = pictures(1)
    rng = np.random.default_rng(11)
    which = rng.integers(6, size=400)
    seen = rng.random((400, p.shape[2])) < p.reshape(6, -1)[which]
    open_ = model.bind(pixels=np.ma.masked_all(seen.shape[1], bool))
    answers = open_.query("surprise(img)", rows={"img.ink": seen}, budget_s=60.0)
    values = [one.value for one in answers]
    its = values[0]["thresholds"]  # pyright: ignore[reportIndexIssue, reportOptionalSubscript, reportUnknownVariableType]
    for part, bound in (("margin", "margin"), ("total", "gain")):
        below = np.mean([v[part] < its[bound] for v in values])  # pyright: ignore[reportIndexIssue, reportOptionalSubscript, reportUnknownVariableType]
        # Two draws of the part, 200 and 400 samples: four standard deviations.
        assert abs(below - 0.15) < 4 * np.sqrt(0.15 * 0.85 * (1 / 200 + 1 / 400))


def test_thresholds_are_kept_for_the_program_whatever_it_sees(monkeypatch: pytest.MonkeyPatch):
    model, _, seen = pictures(2)
    first = asked_of(model.bind(pixels=seen[0]))
    monkeypatch.setattr(confusion, "_SAMPLES", 0)
    second = asked_of(model.bind(pixels=seen[1]))
    assert first["thresholds"] == second["thresholds"]
    fresh = pictures(1)[0].bind(pixels=seen[1])
    assert asked_of(fresh)["confused"] is None


def asked_of(model: gmlang.Model) -> dict[str, object]:
    value = model.query("surprise(img)", budget_s=60.0).value
    assert isinstance(value, dict)
    return value


HEAD = drawn(0).text.split("observe")[0]


def test_without_observations_nothing_is_surprising():
    answer = gmlang.compile(HEAD).query("surprise(it)")
    assert isinstance(answer.value, dict)
    assert answer.value["sites"] == []
    assert answer.value["total"] == pytest.approx(0.0, abs=1e-12)
    assert answer.value["confused"] is None
    assert "nothing is observed" in answer.note


def test_impossible_observations_are_impossible():
    text = "entity Thing:\n    a : bool\nvar it : Thing\nobserve it.a, not it.a\n"
    assert gmlang.compile(text).query("surprise(it)").status == "impossible"
    text = "entity Thing:\n    a : bool\nvar it : Thing\nobserve it.a\nconstraint not it.a\n"
    assert gmlang.compile(text).query("surprise(it)").status == "impossible"


@pytest.mark.parametrize("option", ["depth=3", "margin=true", "by=0.5", "by=-1"])
def test_other_options_are_refused(option: str):
    with pytest.raises(GmError) as caught:
        gmlang.compile(HEAD).query(f"surprise(it) using confusion({option})")
    assert [d.code for d in caught.value.diagnostics] == ["GM501"]


def test_a_confused_estimate_is_searched_on(monkeypatch: pytest.MonkeyPatch):
    text = drawn(0).text
    query = "surprise(it) using confusion(margin=1000)"
    exact = gmlang.compile(text).query(query)
    assert "searched on" not in exact.note

    def doubted(statuses: object) -> Status:
        del statuses
        return Status.ESTIMATE

    monkeypatch.setattr(explanations, "worst", doubted)
    answer = gmlang.compile(text).query(query)
    assert answer.status == "estimate"
    assert "confused at first: searched on for" in answer.note
    by_samples = gmlang.compile(text).query("surprise(it)")
    assert "how they are explained, are estimates" in by_samples.note


def test_it_is_written_in_words():
    model, _, seen = pictures(1)
    text = repr(model.bind(pixels=seen[0]).query("surprise(img)", budget_s=60.0))
    assert "nats behind" in text
    assert "nats more than the background" in text
    assert "15% each of 200 samples" in text
    assert "35 more, each explained better" in text


def test_what_a_random_index_picks_is_left_out_or_refused():
    model = gmlang.compile(
        "data seen[3] : bool = [0, 1, 0]\nentity F:\n    dot[3] : bool\n    at : 0..2\n"
        "model hidden(f: F) prior 0.5: predict f.dot[f.at] = true @ 0.9\n"
        "var s : F\nconsider hidden(s)\nobserve s.dot = seen\n"
    )
    with pytest.raises(GmError, match="that a random index picks: not yet") as raised:
        model.query("surprise(s)")
    assert "predict x.dot[i]" in str(raised.value)
    assert "`MMAP`" in str(raised.value)
    active = model.query("active(s)").value
    assert isinstance(active, dict)
    assert active["unexplained"] == []


def test_templates_of_parts_that_move_are_explained_as_a_family():
    """Windows stay windows: the margin is that of the members' probabilities, and is exact."""
    text = """
domain Shift = shift(5)
data seen[13] : bool = [0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0]
data home[T, K] : 0..12 = [[3, 6, 8], [5, 6, 7], [4, 8, 9]]
entity Drawing:
    at[T, K] : Shift
model figure(x: Drawing, t: 0..<T) prior 1 / T:
    for k in 0..<K:
        factor 2 if seen[max(0, min(12, home[t, k] + x.at[t, k].column))] else -1
    for k in 1..<K:
        constraint within(x.at[t, k], x.at[t, k - 1], 2)
var it : Drawing
consider figure(it, t) for t in 0..<T
constraint exactly_one(figure(it, t) for t in 0..<T)
"""
    model = gmlang.compile(text)
    answer = model.query("surprise(it)" + " using confusion(margin=1, gain=0)", budget_s=30.0)
    value = answer.value
    assert isinstance(value, dict)
    assert answer.status == "exact"
    chances = [model.query(f"P(figure(it, {t}))").value["true"] for t in range(3)]  # pyright: ignore
    order = np.argsort(chances)[::-1].tolist()
    assert value["best"] == [f"figure(it, {order[0]})"]
    assert value["second"] == [f"figure(it, {order[1]})"]
    assert value["margin"] == pytest.approx(np.log(chances[order[0]] / chances[order[1]]))
