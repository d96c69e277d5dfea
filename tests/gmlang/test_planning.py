"""`gmlang run --plan`: what a query would cost, under the options that a run obeys."""

import json
from pathlib import Path

import pytest

import gmlang
from gmlang.api import Answer
from gmlang.cli.trace import watched
from gmlang.core.program import Assert, Query
from gmlang.diagnostics import GmError
from gmlang.queries.dispatch import answer
from gmlang.queries.planning import Planned, plan_of
from gmlang.queries.session import Session
from gmlang.queries.settings import Settings
from gmruntime.budget import Budget, Watch
from tests.gmlang.test_cli import RAIN, Captured, call, write


def test_a_plan_says_what_a_query_would_cost(tmp_path: Path, capsys: Captured) -> None:
    assert call("run", write(tmp_path, "rain.gm", RAIN), "--plan") == 0
    assert "exact" in capsys.readouterr().out


GRID = (
    "var x[8, 8] : bool\n"
    "for i in 0..<7, j in 0..<8: prefer x[i, j] == x[i + 1, j] weight 0.3\n"
    "for i in 0..<8, j in 0..<7: prefer x[i, j] == x[i, j + 1] weight 0.3\n"
)


@pytest.mark.parametrize(
    ("query", "options", "engine"),
    [
        ("P(x[0, 0])", (), "exact elimination"),
        ("P(x[0, 0])", ("--memory", "1e-6"), "message passing"),
        ("P(x[0, 0]) using bp(iters = 3)", (), "message passing, as asked"),
        ("MAP(x) using search", (), "search, as asked"),
    ],
)
def test_a_plan_obeys_what_a_run_obeys(
    tmp_path: Path, capsys: Captured, query: str, options: tuple[str, ...], engine: str
) -> None:
    program = write(tmp_path, "grid.gm", GRID)
    assert call("run", program, "--plan", "--json", "-q", query, *options) == 0
    (planned,) = json.loads(capsys.readouterr().out)["queries"]
    assert planned["engine"] == engine
    assert planned["free_variables"] == 64
    assert call("run", program, "--plan", "-q", query, *options) == 0
    assert f"{engine}" in capsys.readouterr().out


def test_a_plan_refuses_what_a_run_refuses(tmp_path: Path, capsys: Captured) -> None:
    program = write(tmp_path, "grid.gm", GRID + "query P(x[0, 0]) using bp(iters = 0), logZ()\n")
    assert call("run", program, "--plan", "--json") == 1
    printed = capsys.readouterr()
    refused, planned = json.loads(printed.out)["queries"]
    assert refused["status"] == "error"
    assert "iters must be at least 1" in refused["message"]
    assert planned["engine"] == "exact elimination"
    assert call("run", program, "--plan", "--trace", tmp_path / "t.jsonl") == 2


def test_more_of_the_best_cost_more() -> None:
    model = gmlang.compile("var x[9] : 0..3\nfor i in 0..<8: prefer x[i] == x[i + 1] weight 0.4\n")
    plans = [
        plan_of(model.session(), model.ask(f"best({count}, x)")[0], Settings()).plan
        for count in (1, 5000)
    ]
    one, many = (plan.seconds for plan in plans if plan is not None)
    assert one < many
    with pytest.raises(GmError, match="at least 1"):
        plan_of(model.session(), model.ask("best(0, x)")[0], Settings())


def test_what_is_planned_before_a_watched_search_is_in_its_time(monkeypatch: pytest.MonkeyPatch):
    budgets: list[Budget | None] = []

    def planned(session: Session, question: Query | Assert, settings: Settings) -> Planned:
        budgets.append(settings.budget)
        return plan_of(session, question, settings)

    def answered(session: Session, question: Query | Assert, settings: Settings) -> Answer:
        budgets.append(settings.budget)
        return answer(session, question, settings)

    monkeypatch.setattr("gmlang.cli.trace.plan_of", planned)
    monkeypatch.setattr("gmlang.cli.trace.answer", answered)
    model = gmlang.compile("var a : bool ~ Bernoulli(0.3)\nquery MAP(a)\n")
    (job,) = watched(model, list(model.questions), trace=None, live=True)
    watch = Watch()
    assert job(Settings(budget_s=60.0, watch=watch)).status == "exact"
    assert budgets == [watch.budget, watch.budget]
    assert watch.budget is not None
