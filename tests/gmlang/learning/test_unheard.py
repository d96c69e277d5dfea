"""What no row says anything about: left out of the graph, at rest in the result, and named."""

import numpy as np
import pytest

import gmlang
from gmruntime.budget import UNLIMITED
from tests.gmlang.learning.posed import anywhere, posed

CLINIC = """
data patients : rows
param flu : probability ~ Beta(1, 9)
param fever[2] : probability
param cough[2] : probability ~ Beta(3, 1)
param A[2, 3] : simplex
param w : real
param v : real ~ Normal(2, 1)
var ill : bool ~ Bernoulli(flu)
var hot : bool ~ Bernoulli(fever[ill])
var barks : bool ~ Bernoulli(cough[ill])
var next : 0..2 ~ Categorical(A[barks])
var z : bool
prefer z weight w * v
learn flu, fever, cough, A, w, v from patients
"""
ILL = {"ill": [1, 0, 1, 0, 0, None], "hot": [1, 0, 1, 0, None, 1]}


def test_tables_of_what_nobody_saw_are_not_compiled():
    problem, objective = posed(CLINIC, patients=ILL)
    assert sum(len(block.scopes) for block in problem.tables.graph.factors) == 2
    shorter = CLINIC[: CLINIC.index("param cough")] + "\n".join(
        line for line in CLINIC.splitlines() if line.startswith(("var ill", "var hot"))
    )
    other, plain = posed(f"{shorter}\nlearn flu, fever from patients\n", patients=ILL)
    numbers = anywhere(problem)
    one = objective.at(numbers, UNLIMITED)
    two = plain.at(numbers[: other.layout.size], UNLIMITED)
    assert one.log_rows == pytest.approx(two.log_rows, abs=1e-12)


@pytest.mark.parametrize("method", ["em", "gradient"])
def test_what_no_row_speaks_of_rests_at_its_prior_whatever_the_seed(method: str):
    text = CLINIC.replace("prefer z weight w * v\n", "z ~ Bernoulli(logistic(w * v))\n")
    found = [
        gmlang.compile(text).learn(patients=ILL, seed=seed, restarts=3, method=method)
        for seed in (0, 1)
    ]
    for learned in found:
        assert learned.status == "converged"
        assert learned.values["cough"] == pytest.approx([0.75, 0.75], abs=1e-14)
        assert learned.values["A"] == pytest.approx(np.full((2, 3), 1 / 3), abs=1e-15)
        assert (learned.values["w"], learned.values["v"]) == pytest.approx((0.0, 2.0), abs=1e-14)
        # Beta(3, 1), Dirichlet(1/3, 1/3, 1/3), no prior, Normal(2, 1).
        assert learned.errors["cough"] == pytest.approx(np.sqrt(3 / 80), abs=1e-14)
        assert learned.errors["A"] == pytest.approx(np.full((2, 3), 1 / 3), abs=1e-14)
        assert np.isnan(learned.errors["w"])
        assert learned.errors["v"] == pytest.approx(1.0, abs=1e-14)
        assert learned.counts["cough"].tolist() == [0.0, 0.0]
        silent = [note.rpartition(" ")[2] for note in learned.notes if note.startswith("no row")]
        assert silent == ["cough", "A", "w", "v"]
        assert not any("cough" in note and "rests on" in note for note in learned.notes)


def test_one_distribution_of_several_may_be_silent():
    cases = {"ill": [0, 0, 0], "hot": [0, 1, 0], "barks": [1, 1, 0], "next": [0, 2, 2]}
    learned = gmlang.compile(CLINIC).learn(patients=cases, restarts=2)
    assert "no row says anything about fever[1]" in learned.notes
    assert "no row says anything about cough[1]" in learned.notes
    assert learned.values["fever"][1] == pytest.approx(0.5, abs=1e-14)
    assert learned.values["cough"][1] == pytest.approx(0.75, abs=1e-14)
    assert np.isfinite(learned.errors["fever"][0])


def test_what_is_given_to_a_prediction_says_nothing_of_itself():
    text = (
        "data seen : rows\nparam w : real ~ Normal(0, 10)\nparam v : real\n"
        "var x : bool\nvar y : bool\nprefer x weight v\nprefer x == y weight w\n"
        "learn w, v from seen to predict y\n"
    )
    cases = {"x": [1, 1, 1, 0, 1, 0], "y": [1, 1, 0, 0, 1, 0]}
    for seed in (0, 1):
        learned = gmlang.compile(text).learn(seen=cases, restarts=2, seed=seed)
        assert "no row says anything about v" in learned.notes
        assert learned.values["v"] == pytest.approx(0.0, abs=1e-14)


def test_a_number_that_is_flat_where_it_is_looked_at_is_learned_all_the_same():
    text = (
        "data seen : rows\nparam p : probability = 0.01\nvar x : bool ~ Bernoulli(min(20 * p, 1))\n"
        "learn p from seen\n"
    )
    learned = gmlang.compile(text).learn(seen={"x": [True] * 30 + [False] * 30})
    assert 20 * learned.values["p"] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_a_table_that_is_flat_where_it_is_looked_at_is_not_left_out(seed: int):
    text = (
        "data seen : rows\nparam w : real = 2\nvar x : bool\nvar z : bool\n"
        "factor max(w - 0.5, 0) * z * x\nlearn w from seen\n"
    )
    learned = gmlang.compile(text).learn(seen={"x": [True] * 18 + [False] * 2}, seed=seed)
    # (1 + exp(w - 0.5)) / 2 are the odds of x.
    assert learned.values["w"] == pytest.approx(0.5 + np.log(17.0), abs=1e-2)
    assert not any(note.startswith("no row") for note in learned.notes)


@pytest.mark.parametrize("seed", range(6))
def test_rows_that_are_impossible_at_some_numbers_are_heard_all_the_same(seed: int):
    text = (
        "data seen : rows\nparam p : probability\nvar x : bool ~ Bernoulli(min(2 * p, 1))\n"
        "var y : bool ~ Bernoulli(p)\nlearn p from seen\n"
    )
    model = gmlang.compile(text)
    learned = model.learn(seen={"x": [False, False], "y": [True, None]}, seed=seed)
    assert np.isfinite(learned.objective)
    assert not any(note.startswith("no row") for note in learned.notes)
    # With u = 2 p: log p + 2 log(1 - 2 p), and half a case each.
    grid = np.linspace(1e-6, 0.5 - 1e-6, 200_001)
    value = 1.5 * np.log(grid) + 2 * np.log(1 - 2 * grid) + 0.5 * np.log(1 - grid)
    assert learned.values["p"] == pytest.approx(grid[value.argmax()], abs=1e-3)


@pytest.mark.parametrize("weight", ["", "prefer x weight 0.5\n"])
def test_likelihoods_that_were_observed_are_never_left_out(weight: str):
    text = f"""
param p : probability ~ Beta(1, 1)
var y : bool ~ Bernoulli(p)
var x : bool
{weight}observe y
observe x like {{true: 0.5, false: 0.2}}
learn p
"""
    learned = gmlang.compile(text).learn()
    share = 0.5 if not weight else 1 / (1 + np.exp(-0.5))
    expected = np.log(2 / 3) + np.log(share * 0.5 + (1 - share) * 0.2)
    assert learned.log_likelihood == pytest.approx(expected, abs=1e-9)


def test_what_rows_cannot_tell_apart_is_said_not_to_be_identified():
    text = (
        "data seen : rows\nparam a : real\nparam b : real\nvar x : bool\nfactor (a + b) * x\n"
        "learn a, b from seen\n"
    )
    learned = gmlang.compile(text).learn(seen={"x": [True, True, False]})
    assert "a, b: not identified, other numbers tell the rows as well" in learned.notes


def test_what_was_never_seen_otherwise_is_at_its_limit_and_identified():
    text = (
        "data t : rows\nparam s[3] : simplex ~ Dirichlet(0)\nvar c : 0..2 ~ Categorical(s)\n"
        "learn s from t\n"
    )
    learned = gmlang.compile(text).learn(t={"c": [2, 2]})
    assert learned.values["s"].tolist() == [0.0, 0.0, 1.0]
    assert not any("not identified" in note for note in learned.notes)


def test_a_distribution_that_no_row_speaks_of_is_its_prior():
    text = CLINIC[: CLINIC.index("param w")] + CLINIC[CLINIC.index("var ill") :]
    text = text[: text.index("var z")] + "learn flu, fever, cough, A from patients\n"
    for seed in (0, 1):
        learned = gmlang.compile(text).learn(patients=ILL, seed=seed, method="variational")
        assert learned.values["cough"] == pytest.approx([0.75, 0.75], abs=1e-14)
        assert learned.errors["cough"] == pytest.approx(np.sqrt(3 / 16 / 5), abs=1e-14)
        # Below x lies x ** 3 of a Beta(3, 1).
        low, high = learned.interval("cough", 0.9)
        assert low**3 == pytest.approx([0.05, 0.05])
        assert high**3 == pytest.approx([0.95, 0.95])
        silent = [note.rpartition(" ")[2] for note in learned.notes if note.startswith("no row")]
        assert silent == ["cough", "A"]


FIELD = """
data seen : rows
param h[2] : real ~ Normal(0.5, 2)
param J : real ~ Normal(1, 3)
var x[3] : bool
var y[3] : bool
var leaf : bool
for i in 0..2: prefer x[i] weight h[0]
for i in 0..<2: prefer x[i] == x[i + 1] weight h[1]
for i in 0..2, j in 0..<i: prefer y[i] == y[j] weight J
prefer leaf == x[0] weight J
learn h, J from seen
"""


@pytest.mark.parametrize("method", ["gradient", "cd(1)"])
def test_weights_of_what_is_apart_from_all_rows_rest_as_well(method: str):
    x = [[1, 0, 1], [0, 1, 0], [1, 0, 1], [0, 1, 1], [0, 1, 0]]
    for seed in (0, 1):
        learned = gmlang.compile(FIELD).learn(seen={"x": x}, seed=seed, method=method)
        assert learned.values["J"] == pytest.approx(1.0, abs=1e-12)
        assert learned.values["h"][1] < 0.0
        assert learned.errors["J"] == pytest.approx(3.0, abs=1e-12)
        assert "no row says anything about J" in learned.notes


def test_of_what_is_left_out_a_pseudo_likelihood_knows_nothing():
    lines = FIELD.replace("for i in 0..2, j in 0..<i: prefer y[i] == y[j] weight J\n", "")
    shorter = lines.replace("var y[3] : bool\nvar leaf : bool\n", "")
    shorter = shorter.replace("prefer leaf == x[0] weight J\n", "")
    # No row has equal neighbours: that says much of h[1] all the same.
    rows = {"x": [[1, 0, 1], [0, 1, 0]]}
    one, other = (
        gmlang.compile(text).learn(seen=rows, method="pseudo") for text in (lines, shorter)
    )
    assert one.objective == pytest.approx(other.objective, abs=1e-6)
    assert one.values["h"] == pytest.approx(other.values["h"], abs=1e-6)
    assert one.values["h"][1] < 0.0
    assert one.values["J"] == pytest.approx(1.0, abs=1e-12)
