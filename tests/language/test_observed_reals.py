"""Real attributes that are observed: predictions are numbers, relative to the base."""

# pyright: reportIndexIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false
# pyright: reportOperatorIssue=false, reportCallIssue=false, reportReturnType=false

import numpy as np
import pytest
from scipy import stats

import gmlang
from gmlang.diagnostics import GmError

SOCIETY = """
domain Colour = {red, blue}
data mean[Colour, 3] : real
data cov[Colour, 3, 3] : real
data seen[2, 3] : real
data c = 0.95
entity Thing:
    colour[3] : real[-110, 110]
    height : real base Normal(1.7, 0.2)
    width : real[0, 4] base Uniform(0, 3)
    round : bool
model coloured(x: Thing, k: Colour) prior 0.3:
    predict x.colour ~ MultiNormal(mean[k], cov[k]) @ c
model tall(x: Thing) prior 0.1:
    predict x.height ~ Normal(1.9, 0.08) @ 0.9
    predict x.round = true @ 0.8
model wide(x: Thing) prior 0.2:
    predict x.width ~ Normal(2, 0.5)
    if x.round: predict x.colour[0] ~ Normal(20, 30) @ 0.5
var it : Thing
var other : Thing
consider coloured(it, k) for k in Colour
consider tall(it), wide(it), tall(other)
observe it.colour = seen[0], it.height = 1.85, it.width = 1.5
observe other.colour = [1, 2, 3], other.height = 1.5
"""
MEAN = np.array([[50.0, 60.0, 40.0], [30.0, 10.0, -60.0]])
COV = np.array([[[90.0, 5, 0], [5, 80, 20], [0, 20, 100]], np.diag([100.0, 90.0, 80.0])])
SEEN = np.array([[45.0, 62.0, 42.0], [0.0, 0.0, 0.0]])


def bound() -> gmlang.Model:
    return gmlang.compile(SOCIETY).bind(mean=MEAN, cov=COV, seen=SEEN)


def inside(mean: float, sd: float, low: float, high: float):
    """Return a normal distribution divided by its mass between the ends of a range."""
    return stats.truncnorm((low - mean) / sd, (high - mean) / sd, mean, sd)


def ratios() -> dict[str, float]:
    """Work out log (c D / b + 1 - c) of each prediction with SciPy."""
    joint = [stats.multivariate_normal(MEAN[k], COV[k]).pdf(SEEN[0]) * 220.0**3 for k in (0, 1)]
    tall = [stats.norm(1.9, 0.08).pdf(h) / stats.norm(1.7, 0.2).pdf(h) for h in (1.85, 1.5)]
    return {
        "red": np.log(0.95 * joint[0] + 0.05),
        "blue": np.log(0.95 * joint[1] + 0.05),
        "tall": np.log(0.9 * tall[0] + 0.1),
        "other": np.log(0.9 * tall[1] + 0.1),
        "wide": float(inside(2, 0.5, 0, 3).logpdf(1.5) + np.log(3)),
        "ruddy": np.log(0.5 * inside(20, 30, -110, 110).pdf(45.0) * 220 + 0.5),
    }


def expected() -> tuple[dict[str, float], float]:
    """Enumerate what is open: the activations, and whether both things are round."""
    found = ratios()
    chances = dict.fromkeys(("red", "blue", "tall", "wide", "round", "other"), 0.0)
    priors = {"red": 0.3, "blue": 0.3, "tall": 0.1, "wide": 0.2}
    total = 0.0
    for bits in np.ndindex(2, 2, 2, 2, 2):
        on = dict(zip(("red", "blue", "tall", "wide", "round"), bits, strict=True))
        weight = 1.0
        for name, prior in priors.items():
            weight *= (prior * np.exp(found[name])) if on[name] else 1 - prior
        if on["tall"]:
            weight *= 2 * (0.8 if on["round"] else 0.2)
        if on["wide"] and on["round"]:
            weight *= np.exp(found["ruddy"])
        total += weight
        for name, is_on in on.items():
            chances[name] += weight * is_on
    chances = {name: chance / total for name, chance in chances.items()}
    base = stats.norm(1.7, 0.2).logpdf([1.85, 1.5]).sum() - np.log(3)
    second = 0.1 * np.exp(found["other"]) + 0.9
    chances["other"] = 0.1 * np.exp(found["other"]) / second
    # Of the other thing `round` is open as well, with a weight of 1 for each of its two states.
    return chances, float(np.log(total) + np.log(2 * second) + base)


def test_predictions_of_observed_reals_are_numbers_on_the_activation():
    model = bound()
    chances, log_z = expected()
    asked = {
        "red": "P(coloured(it, red))",
        "blue": "P(coloured(it, blue))",
        "tall": "P(tall(it))",
        "wide": "P(wide(it))",
        "round": "P(it.round)",
        "other": "P(tall(other))",
    }
    for name, query in asked.items():
        answer = model.query(query)
        assert answer.status == "exact"
        assert answer.value["true"] == pytest.approx(chances[name], abs=1e-12)  # pyright: ignore[reportIndexIssue, reportOptionalSubscript]
    assert model.query("logZ()").value == pytest.approx(log_z, abs=1e-9)


def test_only_activations_are_in_the_graph():
    names = [named.name for named in bound().names()]
    assert "it.height" not in names
    assert "it.round" in names


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_units_do_not_matter(scale: float):
    text = (
        "entity Thing:\n"
        f"    height : real base Normal({1.7 * scale}, {0.2 * scale})\n"
        "model tall(x: Thing) prior 0.1:\n"
        f"    predict x.height ~ Normal({1.9 * scale}, {0.08 * scale}) @ 0.9\n"
        f"var it : Thing\nconsider tall(it)\nobserve it.height = {1.85 * scale}\n"
    )
    odds = 1 / 9 * np.exp(ratios()["tall"])
    value = gmlang.compile(text).query("P(tall(it))").value
    assert value["true"] == pytest.approx(odds / (1 + odds), abs=1e-12)  # pyright: ignore[reportIndexIssue, reportOptionalSubscript]


def test_a_size_in_the_type_is_an_axis():
    """`colour : real[3]` is `colour[3] : real`, and Normal of a matrix is MultiNormal."""
    text = SOCIETY.replace(
        "colour[3] : real[-110, 110]", "colour : real[3] base Uniform(-110, 110)"
    )
    text = text.replace("MultiNormal(", "Normal(")
    mine = gmlang.compile(text).bind(mean=MEAN, cov=COV, seen=SEEN).query("P(coloured(it, red))")
    assert mine.value == pytest.approx(bound().query("P(coloured(it, red))").value, abs=1e-12)


def test_a_deviation_for_each_element_is_a_diagonal_covariance():
    sds = np.array([3.0, 4.0, 5.0])
    found: list[object] = []
    for spread in ("Normal(mean[k], sd)", "MultiNormal(mean[k], var_)"):
        text = SOCIETY.replace("MultiNormal(mean[k], cov[k])", spread)
        text = text.replace("data c =", "data sd[3] : real\ndata var_[3, 3] : real\ndata c =")
        model = gmlang.compile(text).bind(mean=MEAN, cov=COV, seen=SEEN)
        found.append(model.bind(sd=sds, var_=np.diag(sds**2)).query("P(coloured(it, red))").value)
    assert found[0] == pytest.approx(found[1], abs=1e-12)


def test_surprise_counts_observed_reals():
    model = bound()
    answer = model.query("surprise(it) using confusion(margin=0)")
    assert isinstance(answer.value, dict)
    assert answer.value["best"] == ["coloured(it, red)"]
    sites = {one["site"]: one["nats"] for one in answer.value["sites"]}
    assert sites["colour"] == pytest.approx(ratios()["red"], abs=1e-9)
    assert sites["height"] == 0.0
    assert answer.value["total"] == pytest.approx(ratios()["red"], abs=1e-9)
    assert model.query("surprise(it)").value["confused"] is None  # pyright: ignore[reportIndexIssue, reportOptionalSubscript]


def test_two_numbers_for_one_real_are_impossible():
    model = bound()
    text = SOCIETY + "observe it.height = 1.86\n"
    other = gmlang.compile(text).bind(mean=MEAN, cov=COV, seen=SEEN)
    assert model.query("P(tall(it))").status == "exact"
    assert other.query("P(tall(it))").status == "impossible"
    assert model.query("P(tall(it) | it.height = 1.86)").status == "impossible"


COMPOSED = SOCIETY.replace(
    "var it : Thing\n",
    "model striped(x: Thing) prior 0.1:\n    predict x.round = true @ 0.9\n"
    "model tall_wide = tall wide\nvar it : Thing\n",
)


def test_composites_of_what_predicts_reals_are_composed():
    model = gmlang.compile(COMPOSED).bind(mean=MEAN, cov=COV, seen=SEEN)
    assert model.query("P(tall_wide(it))").status == "exact"
    # They speak of different reals: each prediction integrates to 1, whatever the other says.
    found = model.query("compat(tall, wide)")
    assert found.status == "estimate"
    assert found.value == pytest.approx(0.0, abs=1e-9)
    with pytest.raises(GmError, match="GM601"):
        model.query("compat(coloured(red), coloured(blue))")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("P(it.height)", "GM601"),
        ("P(it.height > 1.8)", "GM601"),
        ("E(it.height + 1)", "GM601"),
        ("P(it.size)", "GM203"),
    ],
)
def test_observed_reals_are_not_asked_about(query: str, code: str):
    with pytest.raises(GmError) as caught:
        bound().query(query)
    assert caught.value.diagnostics[0].code == code


def test_what_has_no_confidence_is_not_predicted():
    text = (
        "data sure[2] : real = [0.5, {}]\nentity Thing:\n    size[2] : real base Normal(0, 1)\n"
        "model large(x: Thing) prior 0.3:\n"
        "    for i in 0..1: predict x.size[i] ~ Normal(1, 1) @ sure[i]\n"
        "var it : Thing\nconsider large(it)\nobserve it.size = [1, 2]\n"
    )
    one, none = (gmlang.compile(text.format(c)).query("logZ()").value for c in ("_", "0"))
    assert one == pytest.approx(none, abs=1e-12)


def test_a_missing_entry_is_hidden():
    seen = SEEN.copy()
    seen[0, 1] = np.nan
    with pytest.raises(GmError) as caught:
        gmlang.compile(SOCIETY).bind(mean=MEAN, cov=COV, seen=seen).query("P(tall(it))")
    assert {d.code for d in caught.value.diagnostics} == {"GM601"}
    assert all(d.span is not None and d.hint for d in caught.value.diagnostics)


LEARNED = """entity T:
    h : real base Normal(1.7, 0.2)
    a : bool
data cases : rows
param p : probability
model tall(x: T) prior p:
    predict x.h ~ Normal(1.9, 0.08) @ 0.9
    predict x.a = true @ 0.6
var it : T
consider tall(it)
observe it.h = 1.9
"""


def test_nothing_is_learned_from_reals():
    """They would drop out of what is maximised; what no model predicts says nothing anyway."""
    rows = {"it.a": [True, True, False]}
    with pytest.raises(GmError, match="GM601"):
        gmlang.compile(LEARNED + "learn p from cases\n").learn(cases=rows)
    with pytest.raises(GmError, match="GM601"):
        gmlang.compile(LEARNED).set(p=0.2).log_likelihood(cases=rows)
    silent = LEARNED.replace("    predict x.h ~ Normal(1.9, 0.08) @ 0.9\n", "")
    gmlang.compile(silent + "learn p from cases\n").learn(cases=rows)
