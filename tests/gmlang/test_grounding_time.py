"""A question is grounded within its budget, or not at all."""

from collections.abc import Callable
from dataclasses import replace

import pytest

import gmlang
from gmlang.core.ast import Aggregate
from gmlang.core.mentions import mentions
from gmlang.core.program import Query
from gmlang.core.walk import walk
from gmlang.graph.from_core import begin_grounding
from gmlang.graph.values import evaluate
from gmlang.graph.values.environment import Env, Slots
from gmlang.graph.world.world import ONE_INSTANCE
from gmlang.queries import dispatch
from gmlang.queries.composed.listed import ListAnswer
from gmlang.queries.dispatch import NO_TIME, answer
from gmlang.queries.planning import plan_of
from gmlang.queries.questions.map import Map
from gmlang.queries.searching import NOTHING_FOUND, improvements, searched_answer
from gmlang.queries.session import prepare
from gmlang.queries.settings import Settings
from gmruntime.budget import UNLIMITED, Budget, Watch, start_budget

PROGRAM = """
entity Thing:
    size : 0..2
    lid : bool
model big(x: Thing) prior 0.2:
    predict x.size = 2 @ 0.9
model huge(x: Thing, k: 0..9) prior 0.1:
    prefer number(x, k + 60) < 3 weight 1
def number(x, k) = x.size if k == 0 else (number(x, k - 1) * 2 + x.lid) % 5
var it : Thing
var x[80] : 0..9
def chain(i, n) = 0 if n == 0 else (chain(i, n - 1) + x[(i * n) % 80]) % 3
def collatz(n) = 1 if n <= 1 else 1 + collatz(3 * n + 1 if n % 2 == 1 else n // 2)
"""

HEAVY = {
    "calls that are written out": "P(sum(chain(i, 20) for i in 0..60) > 30)",
    "calls that are numbers": "P(x[sum(collatz(i) for i in 1..<2000) % 80] = 1)",
    "variables that are looked for": "P(sum(max(x[j] for j in 0..i) for i in 0..70) > 300)",
    "many terms": "P(count(x[i] * x[j] % 7 == 3 for i in 0..40 for j in 0..40) > 900)",
    "conditions": "P(x[0] | sum(max(x[j] for j in 0..i) for i in 0..70) > 300)",
    "instances": "P(it.size | huge(it, 3))",
    "a list": "[P(sum(max(x[j] for j in 0..i) for i in 0..70) > k) for k in 0..30]",
    "a calculation": "1 - P(sum(max(x[j] for j in 0..i) for i in 0..70) > 300)",
    "reasons": "why(sum(max(x[j] for j in 0..i) for i in 0..70) > 300)",
    "independence": "indep(x[0], x[1] | sum(max(x[j] for j in 0..i) for i in 0..70) > 300)",
}


def looked_at(number: int) -> tuple[Settings, Callable[[], int]]:
    """Return settings whose time is over when the clock has been looked at so often."""
    looks = 0

    def clock() -> float:
        nonlocal looks
        looks += 1
        return float(looks)

    budget = Budget(0.0, float(number), 1 << 30, clock=clock)
    return Settings(budget=budget), lambda: looks


@pytest.fixture(scope="module")
def model() -> gmlang.Model:
    return gmlang.compile(PROGRAM)


@pytest.mark.parametrize("name", HEAVY)
def test_the_time_is_looked_at_all_through_the_grounding(model: gmlang.Model, name: str):
    (query,) = model.ask(HEAVY[name])
    settings, num_looks = looked_at(150)
    found = answer(model.session(), query, settings)
    assert found.status == "estimate"
    notes = [item.note for item in found.items] if isinstance(found, ListAnswer) else [found.note]
    assert set(notes) == {NO_TIME}
    # What is begun after the first is known to be late is not grounded either.
    assert num_looks() < 600


def test_many_models_of_a_real_are_grounded_no_longer_than_there_is_time():
    models = "".join(
        f"model m{k}(x: Thing) prior 0.1:\n    predict x.size ~ Normal({k}, 0.5) @ 0.9\n"
        for k in range(200)
    )
    text = f"entity Thing:\n    size : real[0, 9]\n{models}var it : Thing\nconsider all about it\n"
    model = gmlang.compile(text.replace("Normal(", "Normal(0.01 * "))
    (query,) = model.ask("P(it.size > 3.1)")
    settings, num_looks = looked_at(100)
    assert answer(model.session(), query, settings).note == NO_TIME
    assert num_looks() < 200


def test_what_waits_for_nobody_is_not_grounded(model: gmlang.Model):
    (query,) = model.ask(HEAVY["many terms"])
    watch = Watch()
    watch.ended.set()
    assert answer(model.session(), query, Settings(watch=watch)).note == NO_TIME


def test_what_is_small_is_grounded_when_the_time_is_over(model: gmlang.Model):
    found = model.query("P(x[0] + x[1] = 3)", budget_s=1e-6)
    assert found.note != NO_TIME
    assert found.value is not None


def test_an_answer_is_read_when_the_time_is_over(model: gmlang.Model):
    (query,) = model.ask("E(3 * x[0] + 2 * abs(x[1] - 4))")
    assert isinstance(query, Query)
    prepared = prepare(model.session(), query, start_budget(1e-6, 1 << 30))
    assert prepared.grounder.world.budget is None
    (query,) = model.ask("P(big(it) | it.size = 2)")
    assert isinstance(query, Query)
    begun = begin_grounding(model.checked.program, model.session().world, mentions(query))
    assert begun.finish(UNLIMITED).world.budget is None


def test_a_search_and_a_plan_give_up_as_well(model: gmlang.Model):
    condition = "sum(max(x[j] for j in 0..i) for i in 0..70) > 300"
    (query,) = model.ask(f"MAP(x | {condition})")
    assert isinstance(query, Map)
    settings, _ = looked_at(150)
    steps = list(improvements(model.session(), query, settings))
    assert steps == []
    found = searched_answer(model.session(), query, steps, settings.budget)
    assert (found.status, found.note) == ("estimate", NOTHING_FOUND)
    settings, _ = looked_at(150)
    assert "its time" in str(plan_of(model.session(), query, settings))


def test_a_list_is_read_no_longer_than_there_is_time(monkeypatch: pytest.MonkeyPatch):
    """What was found and not read by then says so."""
    model = gmlang.compile("var y[40] : bool\nfor i in 0..<39: y[i] ~ Bernoulli(0.3)\n")
    model.query("P(y[0])")
    looks: list[bool] = []

    def late(_: object) -> bool:
        looks.append(True)
        return len(looks) > 5

    monkeypatch.setattr(dispatch, "is_late", late)
    found = model.query("[E(y[i]) for i in 0..<39]", remember=False)
    assert isinstance(found, ListAnswer)
    assert found.status == "estimate"
    said = [item.value for item in found.items]
    assert said[:6] == pytest.approx([0.3] * 6)
    assert said[6:] == [None] * 33
    assert all(item.note == dispatch.NO_TIME for item in found.items[6:])


def test_what_a_known_program_is_asked_is_written_out_in_its_time(monkeypatch: pytest.MonkeyPatch):
    """Once the program is grounded nothing has to be found out before the clock starts."""
    model = gmlang.compile("var y[3] : bool\nquery [P(y[i]) for i in 0..<3]\n")
    model.query("P(y[0])")
    monkeypatch.setattr(dispatch, "question_of", None)
    (query,) = model.questions
    assert isinstance(query, Query)
    dispatch.ground_first(model.session(), query, Settings())


def test_items_are_listed_no_longer_than_there_is_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(evaluate, "LOOK_AHEAD", 10)
    model = gmlang.compile("var y[200] : bool\n")
    looks: list[bool] = []

    def clock() -> float:
        looks.append(True)
        return float(len(looks))

    budget = Budget(0.0, 5.0, 1 << 30, clock=clock)
    world = replace(model.session().world)
    world.allow(budget, None)
    (query,) = gmlang.compile("var y[200] : bool\nquery P(sum(y) > 3)\n").questions
    assert isinstance(query, Query)
    whole = next(part for part in walk(query.asked[0].value) if isinstance(part, Aggregate))
    with pytest.raises(TimeoutError):
        evaluate.item_frames(Env(world, ONE_INSTANCE, Slots()), whole)
    assert len(looks) <= 6
