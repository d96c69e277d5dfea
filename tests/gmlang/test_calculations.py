"""Calculations with answers and lists of queries equal enumeration, and say how good they are."""

import json
import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gmlang
from gmlang.core.composed import Calculation
from gmlang.diagnostics import GmError, Source
from gmlang.graph.values.environment import NoValue
from gmlang.queries import dispatch, session
from gmlang.queries.answers import Answer, NatsAnswer
from gmlang.queries.composed.calculate import FLIPS, Calculated, calculate
from gmlang.queries.composed.listed import ListAnswer
from gmlang.queries.questions.probability import EventAnswer
from gmlang.queries.session import Prepared
from gmlang.repl.text import is_query
from gmlang.syntax.parse import parse_query
from gmruntime.answer import Status
from tests.support.calculations import Found, Worlds
from tests.support.programs import flat_program

ASKED = (
    "1 - P(n > 0)",
    "P(a | b = true) - P(a)",
    "2 * E(n) > 1.5",
    "exp(P(a)) / (1 + P(b))",
    "max(P(a), P(x[0] == x[1]), 1 - P(b))",
    "sum(P(x[i] | n = 1) * i for i in 0..2)",
    "max(E(n | x[i] = true) - E(n) for i in 0..2)",
    "[E(x[i] + n) for i in 0..2]",
    "[1 - P(x[i] and a) for i in 0..2 if i != 1]",
    "[P(x[0] == x[1] | n = k) for k in 0..2]",
    "[[P(x[i] or x[j]) for j in 0..2] for i in 0..1]",
    "[[E(n * k | x[j] = true) for j in 0..k] for k in 0..2]",
    "[P(n > 0), E(n), -P(a or b)]",
    "[E(n | x[i] = x[j]) for i in 0..2 for j in 0..2 if i < j]",
)


def _same(value: object, expected: Found) -> bool:
    if isinstance(expected, list):
        assert isinstance(value, list)
        return len(value) == len(expected) and all(map(_same, value, expected))
    if expected is None or value is None:
        return value is expected
    assert isinstance(value, bool | float)
    return isinstance(value, bool) == isinstance(expected, bool) and value == pytest.approx(
        expected, abs=1e-9
    )


@pytest.mark.parametrize("seed", range(6))
def test_calculations_and_lists_are_those_of_enumeration(seed: int):
    program = flat_program(random.Random(seed))
    worlds, model = Worlds(program), gmlang.compile(program)
    for text in ASKED:
        (item,) = parse_query(Source("query", text))[0].items
        expected = worlds.answer(item)
        answer = model.query(text, budget_s=20)
        assert _same(answer.value, expected), (program, text, answer.value, expected)
        assert answer.status == ("impossible" if "None" in str(expected) else "exact")
        json.loads(answer.to_json())


# --- What is certain of them --------------------------------------------------------------

COINS = "var a : bool ~ Bernoulli(0.3)\nvar b : bool ~ Bernoulli(0.6 if a else 0.1)\n"


def calculated(text: str, *answers: Answer) -> Calculated:
    """Put answers together as the calculation `text` over as many queries says."""
    model = gmlang.compile(COINS)
    (query,) = model.ask(text)
    assert isinstance(query, Calculation)
    assert len(query.queries) == len(answers)
    return calculate(model.session().world, query.expression, answers)


def proven(value: float, lower: float, upper: float) -> EventAnswer:
    return EventAnswer("P", "bounded", value, lower=lower, upper=upper)


def guessed(value: float, error: float | None, kind: str = "standard error") -> EventAnswer:
    return EventAnswer("P", "estimate", value, error=error, error_kind=kind)


CERTAIN: dict[str, Callable[[float, float], float]] = {
    "P(a) - P(b)": lambda a, b: a - b,
    "P(a) * P(b) + 1": lambda a, b: a * b + 1,
    "log(P(a) / P(b))": lambda a, b: math.log(a / b),
    "-sqrt(P(a)) / exp(P(b))": lambda a, b: -math.sqrt(a) / math.exp(b),
    "abs(P(a) - P(b))": lambda a, b: abs(a - b),
    "min(P(a), 2 * P(b)) - max(P(b), 0.5)": lambda a, b: min(a, 2 * b) - max(b, 0.5),
    "P(a) - P(b) if P(a) > 2 else P(a) + P(b)": lambda a, b: a + b,
}


@pytest.mark.parametrize("text", CERTAIN)
def test_bounds_hold_for_all_numbers_between_those_of_the_parts(text: str):
    rng = np.random.default_rng(0)
    for _ in range(20):
        a_ends, b_ends = np.sort(rng.uniform(0.01, 1.0, (2, 2)), axis=1).tolist()
        a, b = (proven(sum(ends) / 2, *ends) for ends in (a_ends, b_ends))
        found = calculated(text, *_in_order(text, a, b))
        assert found.status == "bounded"
        assert found.lower is not None
        assert found.upper is not None
        for a_one in rng.uniform(a_ends[0], a_ends[1], 10):
            for b_one in rng.uniform(b_ends[0], b_ends[1], 10):
                assert found.lower <= CERTAIN[text](a_one, b_one) <= found.upper
        assert found.lower <= float(found.value or 0) <= found.upper


def _in_order(text: str, a: Answer, b: Answer) -> list[Answer]:
    places = [k for k in range(len(text)) if text.startswith(("P(a)", "P(b)"), k)]
    return [a if text.startswith("P(a)", k) else b for k in places]


def test_what_is_not_proven_is_not_called_bounded():
    sure, wide = proven(0.3, 0.2, 0.4), proven(0.3, 0.0, 1.0)
    assert calculated("P(a) < 0.5", sure) == Calculated(True, Status.BOUNDED, 1.0, 1.0)
    assert calculated("P(a) < 0.35", sure).status == "estimate"
    assert calculated("1 / P(a)", wide).status == "estimate"
    assert calculated("log(P(a) - 0.1)", wide).status == "estimate"
    assert calculated("1 - P(a)", EventAnswer("P", "bounded", 0.3)).status == "estimate"
    assert calculated("P(a) + P(b)", sure, guessed(0.3, 0.1)).status == "estimate"
    assert calculated("P(a) + P(b)", sure, EventAnswer("P", "exact", 0.5)).status == "bounded"
    found = calculated("exp(709.5 * P(a))", proven(0.99999, 0.9999, 1.0))
    assert found.lower is not None
    assert found.lower < math.exp(709.5 * 0.9999)
    found = calculated("log(P(a))", wide)
    assert (found.status, found.lower, found.upper) == ("bounded", -math.inf, 2 * 5e-324)


def test_errors_of_estimates_add_up_to_that_of_what_is_made_of_them():
    one, two = guessed(0.3, 0.01), guessed(0.6, 0.02)
    found = calculated("2 * P(a) - P(b)", one, two)
    assert (found.status, found.error_kind) == ("estimate", "standard error")
    assert found.error == pytest.approx(2 * 0.01 + 0.02)
    found = calculated("log(P(a))", one)
    assert found.error == pytest.approx(math.log(0.3 / 0.29))
    found = calculated("P(a) * P(b)", one, EventAnswer("P", "exact", 0.5))
    assert found.error == pytest.approx(0.005)
    found = calculated("P(a) + P(b)", one, proven(0.5, 0.4, 0.55))
    assert found.error == pytest.approx(0.01 + 0.1)
    assert calculated("1 - P(a)", guessed(0.99, 0.05)).error == pytest.approx(0.05)
    assert calculated("1 - P(a)", guessed(0.3, None)).error is None
    assert calculated("1 - P(a)", guessed(0.3, 0.1, "residual")).error is None
    assert calculated("log(P(a))", guessed(0.01, 0.02)).error is None
    assert calculated("P(a) < P(b)", one, two).note == ""
    assert calculated("P(a) < 0.295", one).note == FLIPS


def test_what_is_impossible_or_not_known_is_no_number():
    never = EventAnswer("P", "impossible")
    found = calculated("P(a) + P(b)", never, EventAnswer("P", "exact", 0.5))
    assert (found.value, found.status) == (None, "impossible")
    found = calculated("P(a) < P(b)", EventAnswer("P", "estimate"), EventAnswer("P", "exact", 0.5))
    assert (found.value, found.status) == (None, "estimate")
    found = calculated("1 / P(a)", guessed(0.0, 0.1))
    assert (found.value, found.status) == (None, "estimate")
    assert "divides by zero" in found.note
    found = calculated("logZ() - 1", NatsAnswer("Z", "bounded", 2.0, log_lower=1.5))
    assert (found.lower, found.upper) == (pytest.approx(0.5), math.inf)
    with pytest.raises(NoValue):
        calculated("1 / P(a)", EventAnswer("P", "exact", 0.0))


LOOPY = (
    "var x[4, 4] : bool ~ Bernoulli(0.4)\n"
    "for i in 0..3, j in 0..2:\n    prefer x[i, j] == x[i, j + 1] weight 0.4\n"
    "    prefer x[j, i] == x[j + 1, i] weight 0.4\n"
)


@pytest.mark.parametrize("method", ["using bp(iters=3)", "using bp"])
def test_calculations_with_estimates_are_estimates(method: str):
    model = gmlang.compile(LOOPY)
    for text in ("1 - P(x[0, 0])", "[E(x[0, k]) for k in 0..3]", "P(x[0, 0]) < 0.999"):
        answer = model.query(f"{text} {method}")
        assert answer.status == "estimate"
    items = model.query(f"[P(x[0, 0] | x[1, 1] = v) for v in bool] {method}")
    assert isinstance(items, ListAnswer)
    assert {item.status for item in items.items} == {"estimate"}


# --- How they are asked and shown ---------------------------------------------------------


@pytest.mark.parametrize("text", ["[MAP(a | b = v) for v in bool]", "P(a) - P(b) / 2"])
def test_a_budget_is_shared_by_all_parts(text: str, monkeypatch: pytest.MonkeyPatch):
    shares: list[float] = []
    budgets: list[object] = []

    def ask(prepared: Prepared, question: object, *others: Any) -> object:
        settings = others[1]
        shares.append(settings.estimate_share)
        budgets.append(settings.budget)
        return session.ask(prepared, question, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(dispatch, "ask", ask)
    assert gmlang.compile(COINS).query(text).status == "exact"
    assert shares == [0.5, 1.0]
    assert budgets[0] == budgets[1]


def test_lists_are_shown_by_what_their_items_ask():
    model = gmlang.compile(COINS + "domain C = {red, green}\nvar c : C\nvar z[3] : 0..2\n")
    shown = repr(model.query("[P(a | c = v) for v in C]"))
    assert "P(a | c = red)   false 0.7   true 0.3" in shown
    shown = repr(model.query("[[E(z[i] * k) for i in 0..1] for k in 1..2] as products"))
    assert "    E(z[1] * 2)   2" in shown
    plain = model.query("[P(a), 1 - P(b), MAP(c)] as all").to_dict()
    assert (plain["kind"], plain["name"]) == ("list", "all")
    items = plain["items"]
    assert isinstance(items, list)
    assert [item["kind"] for item in items] == ["marginal", "calculation", "map"]
    assert model.query("[E(z[i]) for i in 0..2]").to_numpy().tolist() == [1.0, 1.0, 1.0]


def test_what_many_ask_under_the_same_conditions_is_asked_once():
    model = gmlang.compile("var x[40] : 0..3 ~ Binomial(3, 0.3)\nobserve x[3] = 2\n")
    answer = model.query("[E(x[i]) for i in 0..<40]")
    assert answer.to_numpy()[3:5] == pytest.approx([2.0, 0.9])
    total = model.query("sum(Var(x[i]) + P(x[i] = 0) for i in 0..<40)")
    assert total.value == pytest.approx(39 * (0.63 + 0.343))
    never = model.query("[E(x[i] | x[3] = 1) for i in 0..<40]")
    assert (never.status, never.to_dict()["answer"]) == ("impossible", [None] * 40)


def test_a_def_stands_for_its_answer_in_every_question():
    answers = gmlang.compile(
        COINS + "def p() = P(a)\ndef lift(u) = P(a | b = u) / P(a)\n"
        "assert P(b) < 0.26 and p() > 0.29\nassert p() > 0.29\n"
        "query p(), lift(true), lift(false) < 1\n"
    ).run()
    values = [answer.value for answer in answers]
    assert values == [True, True, pytest.approx(0.3), pytest.approx(0.72 / 0.3), True]


def test_a_session_knows_a_calculation_from_a_statement():
    asked = ("1 - P(a)", "-P(a)", "log(P(a))", "[E(x)]", "[[P(a)]]", "(P(a) + 1) / 2", ".5 - P(a)")
    assert all(map(is_query, asked))
    assert not any(map(is_query, ("x[0] ~ Bernoulli(0.1)", "var x : bool", "observe (a or b)")))


@pytest.mark.parametrize(
    ("query", "code"),
    [("1 - a", "GM326"), ("P(a) + b", "GM326"), ("[1 + 2]", "GM326"), ("1 - P(a, b)", "GM326")],
)
def test_what_is_no_calculation_is_refused(query: str, code: str):
    with pytest.raises(GmError) as caught:
        gmlang.compile(COINS).query(query)
    assert caught.value.diagnostics[0].code == code


def test_a_word_asks_in_a_calculation_whatever_else_has_its_name():
    """A size may be called P, as parts often are."""
    model = gmlang.compile(
        "data a[P] : bool = [1, 0]\nvar x[P] : bool\n"
        "for i in 0..<P: factor 1 if x[i] == a[i] else 0\n"
        "assert P(x[0] = true) > 0.5\nquery 1 - P(x[1] = true) + P - 2\n"
    )
    held, asked = model.run()
    assert held.held
    assert asked.value == pytest.approx(1 / (1 + np.exp(-1)))
