"""Predictions of one form are worked out together, and each is what it is alone."""

import numpy as np
import pytest

import gmlang
from gmlang.diagnostics import GmError
from gmlang.graph import alike, gathering
from gmlang.graph.from_core import Grounding
from gmlang.queries.session import base_grounding
from gmruntime.graph import FactorGraph, log_score

HEAD = """
domain Color = {red, green, blue}
entity Thing:
    color : Color base {red: 0.5, green: 0.3, blue: 0.2}
    size : -2..3
    part[2] : bool
    big : bool
var a : Thing
var b[2] : Thing
"""


def society(seed: int, count: int = 24) -> str:
    """Write models that predict the same things with other numbers, and some that differ more."""
    rng = np.random.default_rng(seed)
    lines = [HEAD]
    colours = ("red", "green", "blue")
    for m in range(count):
        c = round(float(rng.uniform(0.5, 0.99)), 3)
        lines.append(f"model m{m}(x: Thing) prior {round(float(rng.uniform(0.01, 0.3)), 3)}:")
        lines.append(f"    predict x.color = {colours[rng.integers(3)]} @ {c}")
        if rng.random() < 0.7:
            lines.append(f"    predict x.size = {rng.integers(-2, 4)}")
        if rng.random() < 0.7:
            lines.append(f"    predict x.part[{rng.integers(2)}] ~ Bernoulli({c})")
        if rng.random() < 0.4:
            lines.append(
                f"    predict x.big = {('true', 'false')[rng.integers(2)]} @ 0.5 + {c} / 3"
            )
    lines.append("model over(x: Thing, k: -2..3) prior 0.1:\n    predict x.size = k @ 0.6")
    for m in range(10):
        value = int(rng.integers(-2, 4))
        lines.append(
            f"model two{m}(x: Thing, y: Thing) prior 0.1:\n    predict y.size = {value} @ 0.7"
        )
        lines.append(f"    predict x.size = {value} @ 0.8")
        lines.append(f"model one{m}(y: Thing) prior 0.1:\n    predict y.size = {value} @ 0.6")
        lines.append(f"consider two{m}(a, b[1]), one{m}(b[1])")
    lines += [
        f"model pair{m}(x: Thing, y: Thing) prior 0.{m + 1}:\n    predict x.color = red @ 0.{m + 6}"
        for m in range(3)
    ]
    lines.append("model whole(x: Thing) prior 0.2:\n    use m0(x) except x.color\n    use m1(x)")
    lines.append("consider " + ", ".join(f"m{m}(a)" for m in range(count)))
    lines.append("consider " + ", ".join(f"m{m}(b[0])" for m in range(0, count, 3)))
    lines.append("consider over(a, k) for k in -2..3\nconsider whole(a)")
    lines.append("consider " + ", ".join(f"pair{m}(a, b[1])" for m in range(3)))
    return "\n".join(lines)


def grounded(text: str) -> Grounding:
    return base_grounding(gmlang.compile(text).session())


def written(grounding: Grounding) -> list[tuple[object, ...]]:
    """List all factors, in an order of their own."""
    found: list[tuple[object, ...]] = []
    for block, origin in zip(grounding.builder.factors, grounding.builder.origins, strict=True):
        for f, scope in enumerate(block.scopes):
            target = -1 if origin.targets is None else int(np.asarray(origin.targets)[f])
            keep = np.arange(len(block.scopes)) == f
            values = _numbers_of(block.some(keep).kind)
            place = (origin.kind, origin.model, origin.span.start)
            found.append((*place, tuple(map(int, scope)), target, values))
    return sorted(found, key=lambda factor: str(factor[:5]))


def _numbers_of(kind: object) -> list[object]:
    fields = getattr(kind, "__dataclass_fields__", {})
    return [type(kind).__name__, *(np.asarray(getattr(kind, name)).tolist() for name in fields)]


@pytest.mark.parametrize("seed", range(6))
def test_each_is_what_it_is_alone(seed: int, monkeypatch: pytest.MonkeyPatch):
    text = society(seed)
    together = written(grounded(text))
    monkeypatch.setattr(alike, "_FEW", 10**6)
    assert together == written(grounded(text))


@pytest.mark.parametrize("seed", range(6))
def test_gathered_blocks_say_the_same(seed: int):
    builder = grounded(society(seed)).builder
    own = builder.graph()
    fewer = FactorGraph(own.variables, gathering.gathered(builder.factors))
    assert len(fewer.factors) < len(own.factors)
    rng = np.random.default_rng(seed)
    sizes = np.concatenate([np.full(v.size, v.num_states) for v in own.variables])
    states = rng.integers(0, sizes, (50, len(sizes))).astype(np.int32)
    np.testing.assert_allclose(log_score(fewer, states), log_score(own, states), atol=1e-9)


@pytest.mark.parametrize("line", ["predict x.color = red @ 1.2", "predict x.size = 7 @ 0.9"])
def test_what_is_wrong_is_told_at_its_place(line: str):
    text = society(0) + f"\nmodel wrong(x: Thing) prior 0.1:\n    {line}\nconsider wrong(a)\n"
    with pytest.raises(GmError) as raised:
        grounded(text)
    (found,) = raised.value.diagnostics
    assert found.span is not None
    assert found.span.text in line


@pytest.mark.parametrize("least", [2**63, 2**63 - 6])
def test_integers_beyond_64_bits_are_told_where_they_stand(least: int):
    text = HEAD + "".join(
        f"model m{m}(x: Thing, k: 0..1):\n    predict x.size = {least + m} % (k + 3)\n"
        f"consider m{m}(a, 0)\n"
        for m in range(12)
    )
    with pytest.raises(GmError) as raised:
        gmlang.compile(text).query("P(a.size)")
    told = [found.span.text for found in raised.value.diagnostics if found.span is not None]
    assert told == [str(least + m) for m in range(12) if least + m >= 2**63]


QUESTIONS = ("blame(m2, m5)", "why(m2(a))", "compat(m1, m3)", "active(a)", "P(a.size)", "MAP()")


def test_questions_are_answered_as_of_statements_alone(monkeypatch: pytest.MonkeyPatch):
    text = society(2) + "\nobserve a.color = red, a.size = 1, b[0].big\n"

    def answers() -> list[object]:
        model = gmlang.compile(text)
        found = [model.query(question, budget_s=300) for question in QUESTIONS]
        return [answer.to_dict()["answer"] for answer in found]

    together = answers()
    monkeypatch.setattr(alike, "_FEW", 10**6)
    for ours, theirs in zip(together, answers(), strict=True):
        assert _rounded(ours) == _rounded(theirs)


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return round(value, 9) + 0.0 if isinstance(value, float) else value


def about_reals(seed: int, count: int = 300) -> str:
    """Write models that predict hidden and observed reals with other numbers."""
    rng = np.random.default_rng(seed)
    lines = [
        "entity Thing:",
        "    height : real base Normal(0, 1)",
        "    width[2] : real[0, 4]",
        "var a : Thing",
        "var b[2] : Thing",
        "observe a.width = [1.5, 2.5]",
        "observe b[0].height = 0.25",
    ]
    for m in range(count):
        mean, sd, c = (round(float(v), 3) for v in rng.uniform([-1, 0.2, 0.5], [1, 0.9, 0.99]))
        lines.append(f"model m{m}(x: Thing) prior {c / 3:.3f}:")
        lines.append(f"    predict x.height ~ Normal({mean}, {sd}) @ {c}")
        if rng.random() < 0.3:
            lines.append(f"    predict x.width[{rng.integers(2)}] ~ Normal({mean} + 2, {sd})")
        lines.append(f"consider m{m}(a), m{m}(b[{m % 2}])")
    for m in range(10):
        lines.append(f"model n{m}(x: Thing, k: 0..3) prior 0.1:")
        lines.append(f"    predict x.height ~ Normal(k / 3 - {m / 10}, 0.5) @ 0.7")
        lines.append(f"consider n{m}(a, k) for k in 0..3")
    lines += ["model whole(x: Thing) prior 0.2:", "    use m0(x) except x.height"]
    lines.append("consider whole(a)")
    return "\n".join(lines)


@pytest.mark.parametrize("seed", range(3))
def test_each_prediction_of_a_real_is_what_it_is_alone(seed: int, monkeypatch: pytest.MonkeyPatch):
    text = about_reals(seed)
    took = list[bool]()
    ground = alike._ground  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(alike, "_ground", lambda *given: took.append(ground(*given)) or took[-1])
    together = written(grounded(text))
    assert any(took)
    assert not all(took)
    monkeypatch.setattr(alike, "_FEW", 10**6)
    assert together == written(grounded(text))


def test_a_mean_that_is_no_number_is_told_at_its_place():
    wrong = "\nmodel wrong(x: Thing) prior 0.1:\n    predict x.height ~ Normal(0.1, 0.0) @ 0.9\n"
    with pytest.raises(GmError) as raised:
        grounded(about_reals(0, 40) + wrong + "consider wrong(a)\n")
    (found,) = raised.value.diagnostics
    assert found.span is not None
    assert found.span.text in wrong
