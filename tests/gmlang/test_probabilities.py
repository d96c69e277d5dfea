"""Distributions keep their digits far out, and refuse what has no meaning, with the state."""

import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gmlang
from gmlang.cli import main
from gmlang.diagnostics import GmError
from tests.support import worlds


def _row(program: str, query: str = "P(x)") -> dict[str, float]:
    answer = gmlang.compile(program).query(query)
    assert answer.status == "exact"
    assert isinstance(answer.value, dict)
    return answer.value


def _assert_row(program: str, logs: list[float]) -> None:
    """Compare with exp(logs), normalised; every entry relatively, however small."""
    largest = max(logs)
    weights = [math.exp(log - largest) for log in logs]
    for found, weight in zip(_row(program).values(), weights, strict=True):
        assert found == pytest.approx(weight / math.fsum(weights), rel=1e-10, abs=1e-300)


def _refusal(program: str, query: str = "P(x)") -> str:
    with pytest.raises(GmError) as caught:
        gmlang.compile(program).query(query)
    return str(caught.value)


# --- Families ----------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(0, 3000),
    odds=st.fractions(Fraction(1, 1000), Fraction(1000)),
    low=st.integers(-3, 3000),
)
def test_a_binomial_is_the_ratio_of_exact_rationals(n: int, odds: Fraction, low: int):
    p = float(odds / (1 + odds))
    exact = Fraction(p)
    ratio = exact / (1 - exact)
    weights: list[Fraction] = []
    for k in range(low, low + 4):
        inside = 0 <= k <= n
        weights.append(math.comb(n, k) * ratio ** (k - low) if inside else Fraction(0))
    program = f"var x : {low}..{low + 3} ~ Binomial({n}, {p!r})"
    if not any(weights):
        assert "gives no value" in _refusal(program)
        return
    for found, weight in zip(_row(program).values(), weights, strict=True):
        assert found == pytest.approx(float(weight / sum(weights)), rel=1e-9, abs=1e-250)


def test_the_binomial_of_a_billion_trials_keeps_its_digits():
    # P(k + 1) / P(k) = (n - k) / (k + 1) at p = 1/2.
    n, k = 10**9, 5 * 10**8
    row = _row(f"var x : {k}..{k + 1} ~ Binomial({n}, 0.5)")
    assert row[str(k + 1)] / row[str(k)] == pytest.approx((n - k) / (k + 1), rel=1e-14)


@pytest.mark.parametrize("mean", [1e-300, 1e-5, 3.5, 1e5, 1e300])
def test_a_poisson_is_right_on_a_domain_far_from_its_mean(mean: float):
    logs = [k * math.log(mean) - math.lgamma(k + 1) for k in range(5)]
    _assert_row(f"var x : 0..4 ~ Poisson({mean!r})", logs)


@pytest.mark.parametrize("p", [1e-300, 0.3, 1 - 1e-12])
def test_a_geometric_falls_by_the_same_factor(p: float):
    _assert_row(f"var x : 0..3 ~ Geometric({p!r})", [k * math.log1p(-p) for k in range(4)])


@pytest.mark.parametrize(
    ("centre", "width"),
    [("45", "1"), ("-1e300", "1"), ("1e300", "1"), ("1.5", "1e-300"), ("1", "1e300"), ("2", "0.4")],
)
def test_around_is_a_gaussian_wherever_its_centre_lies(centre: str, width: str):
    c, w = Fraction(centre), Fraction(width)
    best = min(range(4), key=lambda x: abs(x - c))
    exponents = [((x - c) ** 2 - (best - c) ** 2) / (2 * w * w) for x in range(4)]
    _assert_row(
        f"var x : 0..3 ~ Around({centre}, {width})",
        [-float(min(e, Fraction(10) ** 300)) for e in exponents],
    )


def test_parameters_at_their_limits_give_the_limit():
    assert _row("var x : 1..3 ~ Poisson(0)")["1"] == 1.0
    assert _row("var x : 0..9 ~ Binomial(4, 1)")["4"] == 1.0
    assert _row("var x : 0..3 ~ Binomial(4, 1)")["3"] == 1.0
    assert _row("var x : -2..3 ~ Binomial(4, 0)")["0"] == 1.0
    assert _row("var x : 0..3 ~ Geometric(1)")["0"] == 1.0


@pytest.mark.parametrize(
    ("distribution", "words"),
    [
        ("Around(2, y - 1)", "the width of Around is -1 (y = 0); it must be above 0"),
        ("Around(2, 1 - y)", "the width of Around is 0 (y = 1)"),
        ("Poisson(1 - y)", "the mean of Poisson is -1 (y = 2)"),
        ("Geometric(1 - y / 2)", "the p of Geometric is 0 (y = 2)"),
        ("Binomial(1.5 - y, 0.5)", "the n of Binomial is 1.5 (y = 0)"),
        ("Binomial(1 - y, 0.5)", "the n of Binomial is -1 (y = 2)"),
        ("Bernoulli(y)", "`y` is 2 (y = 2)"),
    ],
)
def test_a_parameter_without_meaning_is_refused_with_the_state(distribution: str, words: str):
    domain = "bool" if "Bern" in distribution else "0..3"
    assert words in _refusal(f"var y : 0..2\nvar x : {domain} ~ {distribution}")


def test_what_a_guard_or_gate_excludes_may_be_anything():
    guarded = "var y : 0..2\nvar x : 0..3 ~ Around(1, y) if y > 0 else Uniform()"
    assert _row(guarded, "P(x | y = 0)")["1"] == pytest.approx(0.25)
    cases = (
        "var y : 0..2\nvar x : 0..3\nx ~ match y:\n    0 -> Uniform()\n    _ -> Geometric(y / 2)"
    )
    assert _row(cases, "P(x | y = 2)")["0"] == 1.0
    instances = "var x[3] : 0..3\nfor i in 0..2 if i > 0: x[i] ~ Poisson(1 / i)"
    assert gmlang.compile(instances).query("P(x[1])").status == "exact"
    assert "(i = 2)" in _refusal("var x[3] : 0..3\nfor i in 0..2: x[i] ~ Poisson(1 - i)", "P(x[0])")


# --- Rounding ----------------------------------------------------------------------------


def test_rounding_just_outside_zero_and_one_is_forgiven_everywhere():
    above, below = "(0.1 * 3 + 0.7 + 0.1 * y)", "(0.3 - 0.1 * y - 0.2)"
    assert 0.1 * 3 + 0.7 > 1 - 1e-16
    for p in (f"1 + 1e-10 * {above}", f"-1e-10 * {below}"):
        base = "data y = 0\nvar a : bool ~ Bernoulli(0.5)\n"
        for text in (f"Bernoulli({p})", f"NoisyOr(a: {p}, leak={p})"):
            assert gmlang.compile(f"{base}var x : bool ~ {text}").query("P(x)").status == "exact"
    model = (
        "entity T:\n    c : bool\nmodel m(t: T) prior 1 + 1e-12:\n    predict t.c @ 1.0000000001\n"
    )
    found = gmlang.compile(f"{model}var t : T").query("P(t.c | m(t))")
    assert isinstance(found.value, dict)
    assert found.value["true"] == 1.0


def test_a_wide_noisy_or_checks_its_strengths():
    program = (
        "data q[20] : real\nvar a[20] : bool\nvar x : bool ~ NoisyOr(a[i]: q[i] for i in 0..<20)"
    )
    strengths = np.full(20, 0.5)
    strengths[3] = 1.0 + 1e-12
    found = gmlang.compile(program, q=strengths).query("P(x | a[3] = true)")
    assert isinstance(found.value, dict)
    assert found.value["true"] == 1.0
    strengths[7] = 1.5
    with pytest.raises(GmError, match=r"is 1\.5"):
        gmlang.compile(program, q=strengths).query("P(x)")


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_rows_of_few_digits_are_normalised_with_one_warning(kind: type[np.floating]):
    rows = np.random.default_rng(0).dirichlet(np.ones(30), size=300).astype(kind)
    program = "data p[N, 30] : real\nvar z : 0..<N\nvar x : 0..29 ~ Categorical(p[z])"
    model = gmlang.compile(program, p=rows.astype(np.float64))
    row = _row_of(model, "P(x | z = 7)")
    exact = rows[7].astype(np.float64)
    np.testing.assert_allclose(list(row.values()), exact / exact.sum(), rtol=1e-12)
    if kind is np.float16:
        (warning,) = [w for w in model.warnings if w.code == "GM432"]
        assert "z = " in warning.message


def _row_of(model: gmlang.Model, query: str) -> dict[str, float]:
    answer = model.query(query)
    assert isinstance(answer.value, dict)
    return answer.value


def test_rows_further_off_are_refused():
    assert "sum to 0.99" in _refusal("var x : 0..2 ~ {0: 0.33, 1: 0.33, 2: 0.33}")
    warned = gmlang.compile("var x : 0..2 ~ {0: 0.3333, 1: 0.3333, 2: 0.3333}")
    assert [w.code for w in warned.warnings] == ["GM432"]
    assert _row_of(warned, "P(x)")["0"] == pytest.approx(1 / 3, rel=1e-14)
    assert len(warned.warnings) == 1


def test_weights_may_have_any_scale():
    program = (
        "var x : 0..2 base {0: 1e308, 1: 1e308, 2: 1e-308}\nobserve x like {0: 1e-300, 1: 3e-300}"
    )
    row = _row(program)
    assert row["1"] == pytest.approx(0.75)
    assert _row("var x : bool\nobserve x like {true: exp(800) if true else 1, false: exp(799)}")[
        "true"
    ] == pytest.approx(math.e / (1 + math.e))
    nothing = gmlang.compile("var x : bool\nobserve x like {true: 0, false: 0}").query("P(x)")
    assert nothing.status == "impossible"


def test_a_prediction_of_what_the_base_forbids_is_warned_of():
    program = (
        "entity T:\n    c : 0..2 base {0: 0, 1: 1, 2: 1}\n"
        "model m(t: T):\n    predict t.c = 0 @ 0.9\nvar t : T\n"
    )
    model = gmlang.compile(program)
    model.query("P(t.c | m(t))")
    assert [w.code for w in model.warnings] == ["GM434"]


def test_a_tiny_confidence_keeps_its_digits():
    program = (
        "entity T:\n    c : bool\nmodel m(t: T):\n    predict t.c @ 1e-320\n"
        "var t : T\nconsider m(t)\nobserve t.c\n"
    )
    found = gmlang.compile(program).query("logZ()")
    # P(m) = 1/2; active, c has 1e-320 where the base has 1/2.
    assert found.value == pytest.approx(math.log(0.5 * (1e-320 * 2 + 1)), rel=1e-12)
    odds = gmlang.compile(program).query("why(m(t))").value
    assert isinstance(odds, dict)
    assert odds["log_odds"] == pytest.approx(math.log(1e-320) + math.log(2), rel=1e-4)


# --- Log-odds and counts -----------------------------------------------------------------


@pytest.mark.parametrize("nats", [1e-3, 30.0, 40.0, 700.0, 1e4, 1e300])
def test_log_odds_keep_their_digits_at_any_strength(nats: float):
    model = gmlang.compile(f"var a : bool\nprefer a weight {nats!r}")
    value = model.query("why(a)").value
    assert isinstance(value, dict)
    assert value["log_odds"] == pytest.approx(nats, rel=1e-12)
    assert value["reasons"][0]["nats"] == pytest.approx(nats, rel=1e-12)


def test_log_odds_of_several_states_and_of_certainty():
    model = gmlang.compile("var a : 0..2\nfactor 800 * a\nvar b : bool := a == 2")
    value = model.query("why(a)").value
    assert isinstance(value, dict)
    assert value["log_odds"] == pytest.approx(800.0, rel=1e-12)
    certain = gmlang.compile("var a : bool\nconstraint a").query("why(a)")
    assert json.loads(certain.to_json())["answer"]["log_odds"] == "inf"


@pytest.mark.parametrize("given", ["x = 0", "x = 1, x = 2"])
def test_why_under_impossible_evidence_is_impossible(given: str):
    answer = gmlang.compile("var x : 0..2\nconstraint x > 0").query(f"why(x | {given})")
    assert answer.status == "impossible"
    assert answer.value is None


def test_counts_have_all_their_digits():
    model = gmlang.compile("var x[4000] : 0..9")
    answer = model.query("count()")
    assert answer.value == 10**4000
    plain = json.loads(answer.to_json())
    assert plain["answer"] == pytest.approx(4000 * math.log(10))
    assert plain["answer_is"] == "log"
    assert plain["count"] == "1" + "0" * 4000
    small = json.loads(gmlang.compile("var x[60] : bool").query("count()").to_json())
    assert small["answer"] == 2**60
    assert small["count"] == str(2**60)


def test_models_that_exclude_one_another_have_minus_infinite_compatibility():
    program = (
        "entity T:\n    c : 0..2\nmodel m(t: T):\n    predict t.c = 0\n"
        "model n(t: T):\n    predict t.c = 1\n"
    )
    model = gmlang.compile(program)
    assert model.query("compat(m, n)").value == -math.inf
    plain = json.loads(model.query("compat(m, n)").to_json())
    assert plain["answer"] == "-inf"
    assert json.loads(model.query("blame(m, n)").to_json())["total"] == "-inf"


def test_a_question_that_fails_stands_in_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "m.gm"
    file.write_text("data n = 0\nvar x : 0..3\nquery P(x), best(n, x), logZ()\n", "utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["run", str(file), "--json"])
    assert ended.value.code == 1
    out, err = capsys.readouterr()
    queries = json.loads(out)["queries"]
    assert [q["status"] for q in queries] == ["exact", "error", "exact"]
    assert "at least 1" in queries[1]["message"]
    assert "at least 1" in err


def test_counts_are_compared_with_all_their_digits():
    near = "var x[60] : bool\nvar y : 0..2\nconstraint y == 0\n"
    assert next(iter(gmlang.compile(f"{near}assert count() == 2**60").run())).held
    assert not next(iter(gmlang.compile(f"{near}assert count() == 2**60 + 1").run())).held
    assert next(
        iter(
            gmlang.compile(
                "var a : bool\nassert count() == 0\nconstraint a\nconstraint not a"
            ).run()
        )
    ).held
    with pytest.raises(GmError, match="which no number here holds"):
        list(gmlang.compile("var x[900] : 0..9\nassert count() > 1").run())


def test_a_model_whose_prior_is_0_is_compatible_with_nothing(recwarn: pytest.WarningsRecorder):
    program = (
        "data none = 0.0\nentity T:\n    a : bool\nmodel m(t: T) prior none:\n    predict t.a\n"
        "model n(t: T):\n    predict t.a\n"
    )
    assert gmlang.compile(program).query("compat(m, n)").status == "impossible"
    assert not recwarn.list


def test_the_nats_of_active_and_blame_keep_their_digits():
    program = (
        "entity T:\n    a : bool\nmodel m(t: T):\n    predict t.a @ 1e-300\n"
        "model n(t: T):\n    predict t.a\nvar t : T\nconsider m(t)\nobserve t.a\n"
    )
    model = gmlang.compile(program)
    expected = math.log(1e-300) - math.log(0.5)
    assert model.query("blame(m, n)").value == {"a": pytest.approx(expected, rel=1e-12)}
    found = model.query("active(t)").value
    assert isinstance(found, dict)
    assert found["models"][0]["evidence_nats"] == pytest.approx(expected, rel=1e-12)


def test_the_evidence_of_active_is_what_moved_a_model_from_its_prior():
    model = gmlang.compile(
        "entity T:\n    a : 0..3\n    b : bool\n"
        "model m(t: T) prior 0.2:\n    predict t.a = 1 @ 0.9\n"
        "model n(t: T) prior 0.3:\n    predict t.a = 2 @ 0.8\n    predict t.b @ 0.7\n"
        "model both = m n soft\nvar t : T\nconsider m(t), n(t), both(t)\nobserve t.a = 1, t.b\n"
    )
    found = model.query("active(t)")
    assert found.status == "exact"
    priors = {"m(t)": 0.2, "n(t)": 0.3, "both(t)": 0.2 * 0.3}
    value = found.value
    assert isinstance(value, dict)
    for entry in value["models"]:
        p, prior = entry["probability"], priors[entry["model"]]
        alone = model.query(f"P({entry['model']})").value
        assert isinstance(alone, dict)
        assert p == pytest.approx(alone["true"])
        moved = math.log(p / (1 - p)) - math.log(prior / (1 - prior))
        assert entry["evidence_nats"] == pytest.approx(moved)


def test_what_the_parts_of_a_conjunction_share_counts_once_in_its_prior():
    model = gmlang.compile(
        "entity T:\n    a : bool\n    b : bool\n    c : bool\n"
        "model m(t: T) prior 0.3:\n    predict t.a @ 0.5\n"
        "model n(t: T) prior 0.4:\n    predict t.b @ 0.5\n"
        "model o(t: T) prior 0.45:\n    predict t.c @ 0.5\n"
        "model left(t: T) = m(t) & n(t)\nmodel right(t: T) = m(t) & o(t)\n"
        "model both(t: T) = left(t) & right(t)\n"
        "model told(t: T):\n    predict both(t) @ 0.7\n"
        "var t : T\nvar u : T\nconsider both(t), told(u)\n"
    )
    found = model.query("active(t)").value
    assert isinstance(found, dict)
    assert [entry["evidence_nats"] for entry in found["models"]] == pytest.approx([0.0] * 6)
    for query, p in (("P(both(t))", 0.3 * 0.4 * 0.45), ("P(both(u) | told(u))", 0.7)):
        table = model.query(query).value
        assert isinstance(table, dict)
        assert table["true"] == pytest.approx(p)


def test_a_likelihood_makes_the_models_exist_that_it_mentions():
    text = (
        "entity E:\n    hat : 0..2\nvar e : E\nvar x : bool\n"
        "model m(y: E, k: 0..2) prior 0.3: factor 0.2 * y.hat\n"
        "observe x like {true: logistic(m(e, 2)), false: 0.3}\n"
    )
    model = gmlang.compile(text)
    assert model.query("logZ()").value == pytest.approx(worlds.log_partition(text))
    found = model.query("P(m(e, 2))").value
    assert isinstance(found, dict)
    assert found["true"] == pytest.approx(worlds.probability(text, "P(m(e, 2))"))


def test_a_variable_twice_in_what_has_no_value_is_a_mistake_of_the_program():
    text = (
        "data pic[3, 3] : real = [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.7, 0.8, _]]\n"
        "var s[3] : shift(1)\nfor t in 0..2: factor pic[s[t] - s[0]]\n"
    )
    with pytest.raises(GmError, match=r"is outside 0\.\.2"):
        gmlang.compile(text).query("logZ()")
