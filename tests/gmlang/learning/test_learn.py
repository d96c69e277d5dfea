"""What is learned: closed forms, agreement of methods, saddles, intervals, deadlines."""

import json
from dataclasses import replace

import numpy as np
import pytest

import gmlang
from gmlang.learning.course import Terms, finished
from gmlang.learning.methods.em import em
from gmlang.learning.methods.search import Plan, search
from gmlang.learning.numbers.coordinates import basis, to_coordinates, to_numbers
from gmruntime.budget import UNLIMITED, Watch
from tests.gmlang.learning.posed import anywhere, posed

CLINIC = """
data patients : rows
param flu : probability ~ Beta(1, 9)
param fever[2] : probability
var ill : bool ~ Bernoulli(flu)
var hot : bool ~ Bernoulli(fever[ill])
learn flu, fever from patients
query P(ill | hot = true)
"""
CLASSES = """
data seen : rows
param share[2] : simplex
param says[2, 4] : probability
var kind : 0..1 ~ Categorical(share)
var x[4] : bool
for k in 0..3: x[k] ~ Bernoulli(says[kind, k])
learn share, says from seen
"""


def _clinic(n: int, missing: float, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    ill = rng.random(n) < 0.3
    hot = rng.random(n) < np.where(ill, 0.8, 0.2)
    cells = np.stack([ill, hot], 1).astype(float)
    cells[rng.random(cells.shape) < missing] = np.nan
    return {"ill": cells[:, 0], "hot": cells[:, 1]}


def _classes(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    kind = rng.random(n) < 0.4
    says = np.where(kind[:, None], [0.9, 0.8, 0.2, 0.1], [0.2, 0.1, 0.7, 0.8])
    return (rng.random((n, 4)) < says).astype(int)


def test_complete_cases_give_posterior_means():
    cases = _clinic(200, 0.0)
    learned = gmlang.compile(CLINIC).learn(patients=cases)
    ill, hot = cases["ill"], cases["hot"]
    assert learned.values["flu"] == pytest.approx((ill.sum() + 1) / 210)
    for state in (0, 1):
        own = ill == state
        expected = (hot[own].sum() + 0.5) / (own.sum() + 1)
        assert learned.values["fever"][state] == pytest.approx(expected)
        assert learned.counts["fever"][state] == own.sum()
    assert learned.status == "converged"
    assert learned.method == "em"
    x, n = learned.values["flu"], 200 + 10
    assert learned.errors["flu"] == pytest.approx(np.sqrt(x * (1 - x) / n), rel=1e-3)


def test_without_imaginary_cases_it_is_maximum_likelihood():
    text = CLINIC.replace("Beta(1, 9)", "Beta(0, 0)")
    cases = _clinic(50, 0.0)
    learned = gmlang.compile(text).learn(patients=cases)
    assert learned.values["flu"] == pytest.approx(cases["ill"].mean())


def test_a_simplex_of_one_state_is_one():
    learned = gmlang.compile("""
param share[2, K] : simplex
data K = 1
data seen[N] : 0..<K = [0, 0]
var x[N] : 0..<K
for n in 0..<N: x[n] ~ Categorical(share[0])
observe x = seen
learn share
""").learn()
    assert learned.values["share"].tolist() == [[1.0], [1.0]]
    assert (learned.status, learned.objective) == ("converged", 0.0)


def test_what_tells_nothing_is_not_latent():
    text = CLINIC.replace(
        "learn",
        """param again[2] : probability
var next : bool ~ Bernoulli(again[ill])
var last[3] : bool
for k in 0..2: last[k] ~ Bernoulli(again[next] if k == 0 else fever[last[k - 1]])
learn again,""",
    )
    learned = gmlang.compile(text).learn(patients=_clinic(100, 0.2))
    plain = gmlang.compile(CLINIC).learn(patients=_clinic(100, 0.2))
    assert len(learned.restarts.values) == 1
    assert not any("never observed" in note for note in learned.notes)
    assert learned.values["again"] == pytest.approx([0.5, 0.5])
    assert learned.values["fever"] == pytest.approx(plain.values["fever"], abs=2e-3)
    # Seen at the end of the chain, all of it is latent.
    cases = {**_clinic(100, 0.2), "last[2]": [True, False] * 50}
    latent = gmlang.compile(text).learn(patients=cases)
    assert len(latent.restarts.values) == 5
    assert any("never observed" in note and "next" in note for note in latent.notes)


def test_starts_that_are_asked_for_differ():
    model = gmlang.compile(CLINIC).bind(patients=_clinic(60, 0.4))
    firsts = [step.values["flu"] for step in model.learning(restarts=3) if step.round == 1]
    assert len({float(flu) for flu in firsts}) == 3


def test_rows_that_are_impossible_at_the_start_alone_are_learned_from():
    text = """
data seen : rows
param p : probability ~ Beta(0, 0)
var x : bool ~ Bernoulli(min(2 * p, 1))
learn p from seen
"""
    learned = gmlang.compile(text).learn(seen={"x": [True, False, True]})
    assert learned.num_rows == 3
    assert learned.values["p"] == pytest.approx(1 / 3, abs=1e-3)


def test_methods_find_the_same():
    model = gmlang.compile(CLINIC).bind(patients=_clinic(300, 0.3))
    one, other = model.learn(), model.learn(method="gradient")
    assert (one.method, other.method) == ("em", "gradient")
    assert one.objective == pytest.approx(other.objective, abs=2e-3)
    assert one.values["fever"] == pytest.approx(other.values["fever"], abs=1e-3)


def test_f_never_falls_and_ends_where_its_gradient_does():
    problem, objective = posed(CLASSES, seen={"x": _classes(300)})
    start = objective.at(anywhere(problem), UNLIMITED)
    rounds = list(em(objective, start, UNLIMITED, has_latent=True))
    values = [one.point.value for one in rounds]
    assert (np.diff(values) >= -1e-9 * np.abs(values[0])).all()
    assert rounds[-1].is_converged
    assert rounds[-1].number >= 20
    assert np.abs(rounds[-1].point.gradient).max() < 1.0


def test_a_saddle_is_not_called_converged():
    problem, objective = posed(CLASSES, seen={"x": _classes(400)})
    # All classes alike: expectation and maximisation stay there for ever.
    x = _classes(400).mean(axis=0)
    alike = np.concatenate([[0.5, 0.5], np.tile(np.clip(x, 0.01, 0.99), 2)])
    stuck = list(em(objective, objective.at(alike, UNLIMITED), UNLIMITED, has_latent=True))[-1]
    assert stuck.is_converged
    started = np.ones(problem.layout.size, np.bool_)
    at_saddle = replace(problem, started=started, start=stuck.point.numbers)
    climbs = search(at_saddle, objective, Plan("em", 1, 0), UNLIMITED)
    while True:
        try:
            next(climbs)
        except StopIteration as end:
            found = end.value[0]
            break
    assert found.is_converged
    assert found.point.value > stuck.point.value + 50
    assert found.bent.upward() is None


def test_starts_reach_the_same_classes_up_to_their_names():
    learned = gmlang.compile(CLASSES).learn(seen={"x": _classes(1000)}, seed=3)
    restarts = learned.restarts
    assert len(restarts.values) == 5
    assert restarts.num_reached >= 4
    says = np.array(learned.values["says"])
    order = np.argsort(says[:, 0])
    expected = [[0.2, 0.1, 0.7, 0.8], [0.9, 0.8, 0.2, 0.1]]
    assert np.abs(says[order] - expected).max() < 0.12


def test_the_same_seed_gives_the_same_numbers():
    model = gmlang.compile(CLASSES).bind(seen={"x": _classes(200)})
    one, other = model.learn(seed=5), model.learn(seed=5)
    assert (one.values["says"] == other.values["says"]).all()
    assert one.restarts == other.restarts


def test_intervals_hold_what_they_say():
    truth = {"flu": 0.3, "fever": np.array([0.2, 0.8])}
    inside: list[bool] = []
    model = gmlang.compile(CLINIC.replace("Beta(1, 9)", "Beta(0.5, 0.5)"))
    for seed in range(40):
        learned = model.learn(patients=_clinic(400, 0.3, seed))
        for name, value in truth.items():
            low, high = learned.interval(name)
            inside += np.ravel((low < value) & (value < high)).tolist()
    assert 0.90 <= np.mean(inside) <= 0.99


def test_errors_grow_with_what_is_missing():
    model = gmlang.compile(CLINIC)
    whole, half = (model.learn(patients=_clinic(2000, part)) for part in (0.0, 0.5))
    assert (half.errors["fever"] > 1.2 * whole.errors["fever"]).all()


def test_what_nothing_identifies_has_no_error():
    text = (
        "param a : real\nparam b : real\nvar x : bool\nfactor (a + b) * x\nobserve x\nlearn a, b\n"
    )
    rows = "data seen : rows\n" + text.replace("observe x\nlearn a, b", "learn a, b from seen")
    learned = gmlang.compile(rows).learn(seen={"x": [True, True, False]})
    assert learned.values["a"] + learned.values["b"] == pytest.approx(np.log(2), abs=1e-3)
    assert np.isnan(learned.errors["a"])
    assert learned.to_dict()["errors"] == {"a": None, "b": None}


def test_weights_without_end_are_stopped_and_named():
    text = "data seen : rows\nparam w : real\nvar x : bool\nprefer x weight w\nlearn w from seen\n"
    learned = gmlang.compile(text).learn(seen={"x": [True] * 5})
    assert learned.status == "stopped"
    assert any("w grows without end" in note for note in learned.notes)
    with_prior = text.replace("param w : real", "param w : real ~ Normal(0, 1)")
    assert gmlang.compile(with_prior).learn(seen={"x": [True] * 5}).status == "converged"


def test_an_end_gives_the_best_so_far():
    model = gmlang.compile(CLASSES).bind(seen={"x": _classes(500)})
    watch = Watch()
    what = model.checked.program.learns[0]
    steps = model.learn_one(what, Terms(restarts=50), watch)
    seen = [next(steps) for _ in range(3)]
    watch.ended.set()
    learned = finished(steps)
    assert learned.status == "stopped"
    assert learned.objective == max(step.objective for step in seen)


def test_rounds_may_be_left_at_any():
    model = gmlang.compile(CLINIC).bind(patients=_clinic(300, 0.3))
    steps = model.learning(hold_out=0.2)
    first, second = next(steps), next(steps)
    assert second.objective >= first.objective
    assert second.held_out is not None
    assert set(second.values) == {"flu", "fever"}


def test_rows_kept_apart_are_scored():
    cases = _clinic(400, 0.2)
    learned = gmlang.compile(CLINIC).learn(patients=cases, hold_out=0.25)
    assert learned.held_out is not None
    assert learned.held_out.count == 100
    assert learned.num_rows == 300
    every = learned.model.log_likelihood(patients=cases)
    total = learned.log_likelihood + 100 * learned.held_out.mean
    assert every.sum() == pytest.approx(total, abs=1e-6)


def test_rows_kept_apart_that_cannot_be_are_told_in_json():
    text = "data t : rows\nparam p : probability ~ Beta(0, 0)\nvar x : bool ~ Bernoulli(p)\n"
    model = gmlang.compile(text + "learn p from t\n").bind(t={"x": [True, True, True, False]})
    found = [model.learn(hold_out=0.25, seed=seed) for seed in range(12)]
    means = [one.held_out.mean for one in found if one.held_out is not None]
    assert -np.inf in means
    assert all(json.loads(one.to_json())["held_out"]["rows"] == 1 for one in found)


def test_heavy_rows_that_say_nothing_count_by_their_rounding():
    cases = {"ill": [None, None, True], "hot": [None, True, None], "weight": [1e9, 7, 2]}
    learned = gmlang.compile(CLINIC).learn(patients=cases)
    assert learned.status == "converged"


def test_to_predict_learns_nothing_of_what_is_given():
    text = (
        "data seen : rows\nparam w : real ~ Normal(0, 10)\nparam v : real ~ Normal(0, 10)\n"
        "var x : bool\nvar y : bool\nprefer x weight v\nprefer x == y weight w\n"
        "learn w, v from seen to predict y\n"
    )
    cases = {"x": [1, 1, 1, 0, 1, 0], "y": [1, 1, 0, 0, 1, 0]}
    learned = gmlang.compile(text).learn(seen=cases)
    assert learned.values["v"] == pytest.approx(0.0, abs=1e-6)
    w, n = float(learned.values["w"]), 6
    assert 5 - n / (1 + np.exp(-w)) - w / 100 == pytest.approx(0.0, abs=1e-3)


def test_questions_after_a_learn_use_what_it_found():
    model = gmlang.compile(CLINIC).bind(patients=_clinic(500, 0.1))
    first, second = model.run()
    assert first.kind == "learn"
    assert isinstance(first.value, dict)
    assert isinstance(second.value, dict)
    flu, fever = np.array(first.value["flu"]), np.array(first.value["fever"])
    expected = flu * fever[1] / (flu * fever[1] + (1 - flu) * fever[0])
    assert second.value["true"] == pytest.approx(expected)
    assert "given learned flu, fever" in second.note


def test_coordinates_and_numbers_are_each_others_inverse():
    problem, _ = posed(CLASSES, seen={"x": _classes(5)})
    numbers = anywhere(problem)
    again = to_numbers(problem.layout, to_coordinates(problem.layout, numbers))
    assert again == pytest.approx(numbers)


def test_free_numbers_are_the_directions_of_the_coordinates():
    problem, _ = posed(CLASSES, seen={"x": _classes(5)})
    assert problem.layout.num_free == basis(problem.layout).shape[1] == 1 + 8


def test_a_start_at_which_a_statement_has_no_value_is_passed_over():
    text = (
        "param m : real ~ Normal(0.3, 1)\nvar n : 0..9 ~ Poisson(m)\nvar k : 0..9 ~ Poisson(m)\n"
        "observe k = 3\nlearn m\n"
    )
    learned = gmlang.compile(text).learn(restarts=20)
    assert 0 < len(learned.restarts.values) < 20
    assert learned.values["m"] > 0


def test_counts_are_learned_by_their_mean():
    text = (
        "data seen[N] : 0..40 = [3, 5, 4, 8]\nparam m : positive\nvar n[N] : 0..40\n"
        "for i in 0..<N: n[i] ~ Poisson(m)\nobserve n = seen\nlearn m\n"
    )
    learned = gmlang.compile(text).learn()
    assert learned.method == "em"
    assert learned.values["m"] == pytest.approx(5.0, abs=1e-3)
    assert learned.errors["m"] == pytest.approx(np.sqrt(5 / 4), rel=1e-2)


NOTICES = (162, 267, 271, 185, 111, 61, 27, 8, 3, 1)
"""Days with so many deaths noticed (Hasselblad 1969): two rates that are hard to tell apart."""


@pytest.mark.parametrize("free_max", [200, 0])
def test_converged_means_that_little_is_left(free_max: int, monkeypatch: pytest.MonkeyPatch):
    """Rounds that gain slowly looked as if nothing was left; a tenth of a nat was."""
    monkeypatch.setattr("gmlang.learning.learn.FREE_MAX", free_max)
    model = gmlang.compile("""
data days : rows
param often[2] : simplex ~ Dirichlet(0)
param rate[2] : positive
var season : 0..1 ~ Categorical(often)
var notices : 0..40 ~ Poisson(rate[season])
learn often, rate from days
""").bind(days={"notices": list(range(10)), "weight": NOTICES})
    learned = [model.learn(seed=seed, restarts=1) for seed in (2, 3, 4)]
    assert all(one.status == "converged" for one in learned)
    values = [one.objective for one in learned]
    assert max(values) - min(values) < 0.01
