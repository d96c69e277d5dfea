"""`why` makes a graph only of the reasons that it weighs."""

import pytest

import gmlang
from gmlang.queries.questions import why
from gmruntime.answer import Status
from gmruntime.budget import Budget


def test_of_many_reasons_only_those_are_made_that_are_weighed(monkeypatch: pytest.MonkeyPatch):
    made: list[frozenset[tuple[int, int | None]]] = []
    whole = why._without_factors  # pyright: ignore[reportPrivateUsage]

    def counted(prepared: why.Prepared, mine: frozenset[tuple[int, int | None]]) -> why.Prepared:
        made.append(mine)
        return whole(prepared, mine)

    monkeypatch.setattr(why, "_without_factors", counted)
    count = 3 * why.REASONS_MAX
    text = "var x : bool\n" + "prefer x weight 0.01\n" * count
    answer = gmlang.compile(text).query("why(x)", budget_s=60)
    assert answer.status == "exact"
    assert len(made) == why.REASONS_MAX
    assert answer.note == f"{count - why.REASONS_MAX} further statements were not weighed"
    assert answer.to_dict()["left_out"] == count - why.REASONS_MAX
    assert isinstance(answer.value, dict)
    assert answer.value["log_odds"] == pytest.approx(0.01 * count)
    assert len(answer.value["reasons"]) == why.REASONS_MAX


def test_what_is_too_far_away_is_said_to_be_left_out():
    lines = [f"prefer x[{k}] == x[{k + 1}] weight 3" for k in range(60)]
    model = gmlang.compile("\n".join(["var x[61] : bool", *lines, "prefer x[60] weight 2"]))
    answer = model.query("why(x[0])", budget_s=60)
    assert isinstance(answer.value, dict)
    assert answer.value["log_odds"] > 1e-3
    assert "further statements were not weighed" in answer.note


def test_a_reason_that_is_cut_short_is_not_told(monkeypatch: pytest.MonkeyPatch):
    model = gmlang.compile(
        "var a : bool ~ Bernoulli(0.3)\nvar b : bool ~ Bernoulli(0.8 if a else 0.1)\n"
        "var c : bool ~ Bernoulli(0.6 if a else 0.2)\nobserve b, c\n"
    )
    weighed = why.event_log_odds
    calls = list[int]()

    def cut_short(*arguments: object) -> tuple[float, Status]:
        calls.append(1)
        odds, status = weighed(*arguments)  # pyright: ignore
        return (odds, status) if len(calls) < 3 else (17.0, Status.ESTIMATE)

    monkeypatch.setattr(why, "event_log_odds", cut_short)
    monkeypatch.setattr(Budget, "is_spent", lambda _: len(calls) >= 3)
    answer = model.query("why(a)")
    assert answer.status == "exact"
    assert isinstance(answer.value, dict)
    assert len(answer.value["reasons"]) == 1
    assert "were not weighed" in answer.note


def test_an_observation_that_tables_were_made_for_is_said_to_be_left_out():
    model = gmlang.compile(
        "data seen[3] : bool = [0, 1, 0]\nentity F:\n    dot[3] : bool\n    at : 0..2\n"
        "model hidden(f: F) prior 0.5: predict f.dot[f.at] = true @ 0.9\n"
        "var s : F\nconsider hidden(s)\nobserve s.dot = seen\n"
    )
    answer = model.query("why(hidden(s))")
    assert answer.note == "1 further statement was not weighed"
    assert answer.to_dict()["left_out"] == 1


def test_only_what_is_near_is_weighed():
    links = [f"prefer x[{i}] == x[{i + 1}] weight 0.5" for i in range(59)]
    apart = ["prefer y == z weight 1", "observe z"]
    text = "\n".join(["var x[60] : bool", "var y : bool", "var z : bool", *links, *apart])
    for start, num_beyond in ((0, 11), (30, 0)):
        answer = gmlang.compile(text).query(f"why(x[{start}])", budget_s=60)
        assert isinstance(answer, why.WhyAnswer)
        # What nothing connects is no reason, as far as that is known.
        assert answer.left_out == num_beyond
