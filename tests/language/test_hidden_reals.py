"""Reals that are not observed: finite answers are integrals, and say how far off they may be."""

# pyright: reportIndexIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false
# pyright: reportGeneralTypeIssues=false, reportOptionalOperand=false, reportOperatorIssue=false, reportCallIssue=false, reportReturnType=false

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import gmlang
from gmlang.diagnostics import GmError
from gmlang.formats.convert import read_named

PEOPLE = """
entity Person:
    height : real base Normal(1.7, 0.2)
    glad : bool
model tall(x: Person) prior 0.1:
    predict x.height ~ Normal(1.9, 0.08) @ 0.9
    predict x.glad = true @ 0.8
model short(x: Person) prior 0.2:
    predict x.height ~ Normal(1.5, 0.08) @ 0.9
model adult(x: Person) prior 0.3:
    predict x.height ~ Normal(1.75, 0.1) @ 0.9
model high(x: Person) prior 0.1:
    predict x.height ~ Normal(1.9, 0.08) @ 0.9
var it : Person
consider tall(it), short(it), adult(it)
"""


@dataclass(frozen=True)
class Line:
    """A society about one real, for an oracle: priors, predictions, looks, base and range."""

    base: tuple[float, float] | None
    low: float
    high: float
    models: tuple[tuple[float, float, float, float], ...]
    look: tuple[float, float] | None

    def text(self) -> str:
        base = "" if self.base is None else f" base Normal{self.base}"
        ends = [f"{end:.6g}" for end in (self.low, self.high)]
        lines = [f"entity T:\n    h : real[{', '.join(ends)}]{base}"]
        for k, (prior, mean, sd, c) in enumerate(self.models):
            said = f"predict x.h ~ Normal({mean}, {sd}) @ {c}"
            lines.append(f"model m{k}(x: T) prior {prior}:\n    {said}")
        lines.append("var it : T")
        lines.append("consider " + ", ".join(f"m{k}(it)" for k in range(len(self.models))))
        if self.look is not None:
            lines.append(f"observe it.h like Normal{self.look}")
        return "\n".join(lines) + "\n"

    def background(self, x: np.ndarray) -> np.ndarray:
        if self.base is None:
            return np.full_like(x, 1 / (self.high - self.low))
        return self.truncated(x, *self.base)

    def truncated(self, x: np.ndarray, mean: float, sd: float) -> np.ndarray:
        # Mirrored where the tail is above the mean: 1 - 1 would be nothing.
        ends = self.low, self.high
        low, high = ends if mean >= self.low else (2 * mean - self.high, 2 * mean - self.low)
        mass = stats.norm.cdf(high, mean, sd) - stats.norm.cdf(low, mean, sd)
        return normal(x, mean, sd) / mass

    def weight(self, x: np.ndarray, given: int = -1) -> np.ndarray:
        """Return what is integrated, with one model active where one is given."""
        base = self.background(x)
        found = np.ones_like(x) if self.base is None else base
        for k, (prior, mean, sd, c) in enumerate(self.models):
            on = prior * (c * self.truncated(x, mean, sd) / base + 1 - c)
            found = found * (on if k == given else 1 - prior + on)
        return found if self.look is None else found * normal(x, *self.look)

    def integral(self, given: int = -1, low: float = -np.inf) -> float:
        """Integrate over many short pieces that know nothing of the program."""
        ends = np.linspace(max(self.low, low), self.high, 400)
        x, w = np.polynomial.legendre.leggauss(16)
        half = np.diff(ends)[:, None] / 2
        return float((half * w * self.weight(ends[:-1, None] + half * (1 + x), given)).sum())


def normal(x: np.ndarray, mean: float, sd: float) -> np.ndarray:
    return np.exp(-0.5 * ((x - mean) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))


def rounded(low: float, high: float):
    return st.floats(low, high).map(lambda x: round(x, 2))


LINES = st.builds(
    Line,
    base=st.none() | st.tuples(rounded(-1, 1), rounded(0.8, 2)),
    low=rounded(-4, -2),
    high=rounded(2, 4),
    models=st.lists(
        st.tuples(rounded(0.05, 0.9), rounded(-3, 3), rounded(0.05, 0.8), rounded(0, 1)),
        min_size=1,
        max_size=3,
    ).map(tuple),
    look=st.none() | st.tuples(rounded(-2, 2), rounded(0.05, 1)),
)


@settings(max_examples=12, deadline=None)
@given(LINES, rounded(-1.5, 1.5))
def test_answers_are_integrals(line: Line, at: float):
    model = gmlang.compile(line.text())
    total = line.integral()
    found = model.query("logZ()")
    assert found.status == "estimate"
    assert found.value == pytest.approx(np.log(total), abs=1e-8)
    answer = model.query("P(m0(it))")
    assert answer.status == "estimate"
    expected = line.integral(0) / total
    assert answer.value["true"] == pytest.approx(expected, abs=1e-8)
    assert abs(answer.value["true"] - expected) < answer.error + 1e-9
    above = model.query(f"P(it.h > {at})")
    assert above.value == pytest.approx(line.integral(low=at) / total, abs=1e-8)


def test_compatibility_is_the_integral_of_the_product_over_the_base():
    """The numbers of the design: a normal base, and pairs of normal predictions."""
    model = gmlang.compile(PEOPLE)
    for pair, nats in (
        ("tall, short", -1.645678),
        ("tall, adult", 0.072147),
        ("tall, high", 1.015472),
    ):
        answer = model.query(f"compat({pair})")
        assert answer.status == "estimate"
        assert answer.value == pytest.approx(nats, abs=1e-6)
    blamed = model.query("blame(tall, short)")
    assert blamed.status == "estimate"
    assert blamed.value["height"] == pytest.approx(-1.645678, abs=1e-6)


@pytest.mark.parametrize("query", ["compat(tall, short)", "P(tall(it))"])
def test_units_do_not_matter(query: str):
    """Metres or centimetres: no compatibility changes, and no probability."""
    centimetres = PEOPLE.replace("Normal(1.7, 0.2)", "Normal(170, 20)")
    for mean, sd in ((1.9, 0.08), (1.5, 0.08), (1.75, 0.1)):
        said = f"Normal({mean}, {sd})", f"Normal({mean * 100:g}, {sd * 100:g})"
        centimetres = centimetres.replace(*said)
    seen = "observe it.height like Normal(1.8, 0.1)\n", "observe it.height like Normal(180, 10)\n"
    found = [
        gmlang.compile(text + look).query(query).value
        for text, look in zip((PEOPLE, centimetres), seen, strict=True)
    ]
    assert found[0] == pytest.approx(found[1], abs=1e-11)


def test_a_number_behind_the_bar_is_an_observation():
    """P(tall | h) is the odds of the density to the base there, whatever the others say."""
    model = gmlang.compile(PEOPLE)
    answer = model.query("P(tall(it) | it.height = 1.95)")
    ratio = 0.9 * stats.norm(1.9, 0.08).pdf(1.95) / stats.norm(1.7, 0.2).pdf(1.95) + 0.1
    assert answer.status == "exact"
    assert answer.value["true"] == pytest.approx(0.1 * ratio / (0.1 * ratio + 0.9), abs=1e-12)
    near = gmlang.compile(PEOPLE + "observe it.height like Normal(1.95, 0.0001)\n")
    assert near.query("P(tall(it))").value["true"] == pytest.approx(answer.value["true"], abs=1e-5)


def test_a_real_that_nobody_speaks_of_is_no_variable():
    text = "entity T:\n    h : real\n    a : bool\nmodel m(x: T) prior 0.2:\n"
    text += "    predict x.a = true @ 0.9\nvar it : T\nconsider m(it)\n"
    answer = gmlang.compile(text).query("P(m(it) | it.a = true)")
    assert answer.status == "exact"


def test_an_integer_in_an_interval_is_exact():
    text = "entity T:\n    n : 0..9\nmodel m(x: T) prior 0.4:\n    predict x.n in 3..5 @ 0.9\n"
    text += "var it : T\nconsider m(it)\n"
    model = gmlang.compile(text)
    answer = model.query("P(it.n in 3..5 | m(it))")
    assert (answer.status, answer.value) == ("exact", pytest.approx(0.9, abs=1e-12))
    assert model.query("P(it.n = 4 | m(it))").value == pytest.approx(0.3, abs=1e-12)
    below = gmlang.compile(text.replace("in 3..5", "< 2"))
    assert below.query("P(it.n = 1 | m(it))").value == pytest.approx(0.45, abs=1e-12)


@pytest.mark.parametrize(
    "query", ["MAP()", "best(2, tall(it))", "sample(3)", "count()", "surprise(it)"]
)
def test_no_answer_names_nodes(query: str):
    with pytest.raises(GmError, match="GM601"):
        gmlang.compile(PEOPLE).query(query)


def test_rows_learning_and_other_tools_are_refused(tmp_path: Path):
    model = gmlang.compile(PEOPLE)
    with pytest.raises(GmError, match="GM601"):
        model.query("P(tall(it))", rows={"it.glad": [True, False]})
    learned = PEOPLE.replace("prior 0.3", "prior p").replace(
        "entity Person", "data cases : rows\nparam p : probability\nentity Person"
    )
    with pytest.raises(GmError, match="GM601"):
        gmlang.compile(learned + "learn p from cases\n").learn(cases={"it.glad": [True]})
    path = tmp_path / "people.gm"
    path.write_text(PEOPLE, "utf-8")
    with pytest.raises(GmError, match="GM601"):
        read_named(str(path), None, {}, print)


def test_the_distribution_of_a_real():
    """Of base times look it is normal, by the usual formula."""
    text = "entity T:\n    h : real base Normal(2, 3)\nvar it : T\n"
    answer = gmlang.compile(text + "observe it.h like Normal(5, 4)\n").query("P(it.h)")
    true = stats.norm((2 / 9 + 5 / 16) / (1 / 9 + 1 / 16), (1 / 9 + 1 / 16) ** -0.5)
    assert answer.status == "estimate"
    assert answer.value["mean"] == pytest.approx(true.mean(), abs=1e-9)
    assert answer.value["sd"] == pytest.approx(true.std(), abs=1e-9)
    for share, value in answer.value["quantiles"].items():
        assert abs(value - true.ppf(float(share))) < answer.error < 1e-3
    assert answer.density(3.3) == pytest.approx(true.pdf(3.3), abs=1e-6)
    assert answer.cdf(3.3) == pytest.approx(true.cdf(3.3), abs=1e-7)
    assert (answer.density(1e6), answer.cdf(-1e6), answer.cdf(1e6)) == (0.0, 0.0, 1.0)


def test_expectations_of_expressions():
    text = "entity T:\n    h : real base Normal(2, 3)\nvar it : T\n"
    model = gmlang.compile(text)
    for query, value in (("E(it.h)", 2), ("Var(it.h)", 9), ("E(2 * it.h ** 2 + 1)", 27)):
        assert model.query(query).value == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize(
    ("asked", "is_known"),
    [
        ("E(h ** 3 - 2 * h / 3)", True),
        ("Var(h if h > 1.8 else 2 * 1.8 - h)", True),
        ("E((h > 1.8) * z * h)", True),
        ("E(abs(z) + h)", True),
        ("E(abs(h - 1.6))", False),
        ("Var(max(h, z))", False),
        ("E(exp(40 * h))", False),
        ("E(exp(-10000 * (h - 1.37) ** 2))", False),
        ("E(1 / h)", False),
        ("2 * E(h ** 40) + E(h)", False),
    ],
)
def test_rules_that_agree_say_nothing_of_what_may_bend_between_nodes(asked: str, is_known: bool):
    model = gmlang.compile("var h : real ~ Normal(1.7, 0.2)\nvar z : 0..2\n")
    answer = model.query(asked)
    assert answer.status == "estimate"
    assert (answer.error is not None) == is_known


def test_contradictory_composites_are_refused():
    """Two sure predictions forty deviations apart; doubtful ones cannot veto each other."""
    text = PEOPLE + "model odd = tall short\n"
    assert gmlang.compile(text).query("P(odd(it))").status == "estimate"
    sure = text.replace("Normal(1.9, 0.08) @ 0.9", "Normal(1.9, 0.02) @ 0.999")
    sure = sure.replace("Normal(1.5, 0.08) @ 0.9", "Normal(1.5, 0.02) @ 0.999")
    with pytest.raises(GmError) as caught:
        gmlang.compile(sure).query("P(odd(it))")
    assert "height" in caught.value.diagnostics[0].message


def test_active_and_why_know_reals():
    model = gmlang.compile(PEOPLE + "observe it.height like Normal(1.9, 0.05), it.glad = false\n")
    listed = model.query("active(it)")
    assert listed.status == "estimate"
    found = {one["model"]: one["probability"] for one in listed.value["models"]}
    assert found["tall(it)"] == pytest.approx(model.query("P(tall(it))").value["true"], abs=1e-9)
    reasons = model.query("why(tall(it))")
    assert reasons.status == "estimate"
    assert any("like Normal(1.9" in one["because"] for one in reasons.value["reasons"])


def test_silenced_predictions_of_reals():
    """`except x.height` silences what the used model says of it."""
    text = PEOPLE.replace(
        "var it : Person\n",
        "model stilted(x: Person) prior 0.2:\n    use tall(x) except x.height\n"
        "    predict x.height ~ Normal(2.4, 0.1) @ 0.9\nvar it : Person\n",
    ).replace("adult(it)", "adult(it), stilted(it)")
    model = gmlang.compile(text)
    answer = model.query("E(it.height | stilted(it), not short(it), not adult(it))")
    assert answer.value == pytest.approx(0.9 * 2.4 + 0.1 * 1.7, abs=1e-9)


def test_what_hangs_together_with_no_hidden_real_is_exact():
    """Observed models part what they say of reals from the rest."""
    model = gmlang.compile(PEOPLE + "var rain : bool ~ Bernoulli(0.2)\n")
    assert model.query("P(rain)").status == "exact"
    assert model.query("P(it.glad | tall(it) = true)").status == "exact"
    assert model.query("P(it.glad)").status == "estimate"


def test_a_random_index_may_pick_a_real():
    text = "entity T:\n    a[2] : real[0, 1]\nvar it : T\nvar k : 0..1 ~ Categorical([0.3, 0.7])\n"
    text += "observe it.a[0] like Normal(0.2, 0.01)\nif it.a[k] > 0.5: prefer k == 1 weight 0\n"
    assert gmlang.compile(text).query("P(it.a[1] > 0.4)").value == pytest.approx(0.6, abs=1e-9)


def test_an_observation_outside_the_range_is_a_mistake():
    text = PEOPLE.replace("real base Normal(1.7, 0.2)", "real[0, 3]")
    with pytest.raises(GmError) as caught:
        gmlang.compile(text).query("P(tall(it) | it.height = 5)")
    assert caught.value.diagnostics[0].code != "GM601"


def test_log_z_does_not_hang_on_who_mentions_a_real():
    """What nobody speaks of counts with its range, as a finite attribute does."""
    text = "entity T:\n    h : real[0, 4]\nvar it : T\n"
    model = gmlang.compile(text)
    whole, part = model.query("logZ()"), model.query("logZ( | it.h > 3)")
    assert whole.value == pytest.approx(np.log(4), abs=1e-12)
    assert part.value == pytest.approx(0.0, abs=1e-10)
    assert model.query("logZ( | it.h = 3)").value == 0.0


def test_a_real_variable_is_drawn_from_its_base():
    text = (
        "var h : real ~ Normal(1, 2)\nvar a[2] : real[0, inf] base Normal(0, 1)\n"
        "var wet : bool ~ Bernoulli(0.2)\nif wet: constraint h > 2\n"
        "for i in 0..1: observe a[i] like Normal(1, 1)\n"
    )
    model = gmlang.compile(text)
    high = stats.norm.sf(0.5)
    assert model.query("P(wet = true)").value == pytest.approx(0.2 * high / (0.2 * high + 0.8))
    assert model.query("P(h > 2 | wet)").value == pytest.approx(1.0, abs=1e-9)
    assert model.query("P(h > 3 | not wet)").value == pytest.approx(stats.norm.sf(1), abs=1e-9)
    true = stats.truncnorm(-(0.5**0.5), np.inf, 0.5, 0.5**0.5)
    assert [one["mean"] for one in model.query("P(a)").value] == pytest.approx([true.mean()] * 2)
    assert [named.name for named in model.names()] == ["wet", "h", "a"]
    with pytest.raises(GmError, match="GM601"):
        model.query("E(h | h = 2)")


def test_models_about_a_real_variable_are_compared():
    text = "var h : real ~ Normal(1.7, 0.2)\nentity T:\n    b : bool\n"
    for name, mean in (("one", 1.9), ("other", 1.5)):
        text += f"model {name}(x: T) prior 0.1:\n    predict h ~ Normal({mean}, 0.08) @ 0.9\n"
    model = gmlang.compile(text)
    assert model.query("compat(one, other)").value == pytest.approx(-1.645678, abs=1e-6)
    assert list(model.query("blame(one, other)").value) == ["h"]


def test_queries_that_are_answered_together_are_estimates():
    model = gmlang.compile(PEOPLE + "observe it.height like Normal(1.8, 0.1)\n")
    listed = model.query("[P(tall(it) = true), P(short(it) = true), P(adult(it) = true)]")
    assert listed.status == "estimate"
    alone = [model.query(f"P({name}(it) = true)").value for name in ("tall", "short", "adult")]
    assert listed.value == pytest.approx(alone, abs=1e-12)
    held = model.query("P(tall(it) = true) + P(short(it) = true)")
    assert held.status == "estimate"
    assert 0 < held.error < 1e-6


def test_what_is_seen_may_be_left_out_by_a_question():
    """A sharp look hides the rest of the line, which `why` asks about."""
    text = (
        "var h : real ~ Normal(0, 1)\nvar a : bool ~ Bernoulli(0.5)\nif a: prefer h > 1 weight 1\n"
    )
    text += "observe h like Normal(2, 0.001)\n"
    found = gmlang.compile(text).query("why(a)")
    high = stats.norm.sf(1)
    prior = np.log(high * np.e + 1 - high)
    assert found.value["log_odds"] == pytest.approx(1.0, abs=1e-9)
    reasons = {one["because"].split(" (")[0]: one["nats"] for one in found.value["reasons"]}
    assert reasons["h like Normal(2, 0.001)"] == pytest.approx(1 - prior, abs=1e-8)


def test_products_of_reals_have_means():
    """Several reals are numbered together at their nodes: hardly any two values are equal."""
    text = (
        "var g : real ~ Normal(1, 2)\nvar h : real[0, 3]\nvar z : 0..1\n"
        "if z == 1: constraint h > 1\nobserve g like Normal(0, 1)\n"
    )
    model = gmlang.compile(text)
    # What was seen of g is four times as precise as its base; z = 1 leaves two thirds of h.
    g, g_var, h, h_var = 0.2, 0.8, (3 / 5) * 1.5 + (2 / 5) * 2, None
    square = (3 / 5) * 3 + (2 / 5) * (27 - 1) / 6
    h_var = square - h**2
    for asked, expected in (
        ("E(g * h)", g * h),
        ("Var(g - 2 * h)", g_var + 4 * h_var),
        ("E(g * h * z)", g * (2 / 5) * 2),
        ("Var(g * h)", (g_var + g**2) * square - (g * h) ** 2),
    ):
        answer = model.query(asked)
        assert answer.status == "estimate"
        assert answer.value == pytest.approx(expected, abs=1e-8)
        assert abs(answer.value - expected) <= answer.error
