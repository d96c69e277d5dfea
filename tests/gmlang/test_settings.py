"""Settings out of range are refused by name, on the command line, in a query and in Python."""

import math
from pathlib import Path
from typing import Any

import pytest

import gmlang
from gmlang.cli import main
from gmlang.diagnostics import GmError
from gmruntime.messages.options import options_from

PROGRAM = "var x[2] : 0..3\nprefer x[0] == x[1] weight 0.5\n"

Captured = pytest.CaptureFixture[str]


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def files(tmp_path: Path) -> dict[str, list[str]]:
    (tmp_path / "x.gm").write_text(PROGRAM, "utf-8")
    (tmp_path / "x.uai").write_text("MARKOV\n1\n2\n1\n1 0\n2 1 3\n", "utf-8")
    return {
        "run": ["run", str(tmp_path / "x.gm"), "-q", "P(x)"],
        "solve": ["solve", str(tmp_path / "x.uai"), "--task", "MAP"],
    }


@pytest.mark.parametrize("command", ["run", "solve"])
@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("--budget", ["inf", "nan", "0", "-1", "1e400", "1e300", "soon"]),
        ("--memory", ["inf", "nan", "0", "-1", "1e300"]),
        ("--seed", ["-1", str(1 << 64), "nan", "1e3"]),
    ],
)
def test_an_option_out_of_range_is_wrong_usage(
    files: dict[str, list[str]], capsys: Captured, command: str, option: str, values: list[str]
) -> None:
    for value in values:
        assert call(*files[command], option, value) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert option in err


@pytest.mark.parametrize("command", ["run", "solve"])
@pytest.mark.parametrize(
    ("option", "value"),
    [("--memory", "1e-300"), ("--seed", str((1 << 64) - 1)), ("--budget", "1e-9")],
)
def test_the_last_values_in_range_are_taken(
    files: dict[str, list[str]], capsys: Captured, command: str, option: str, value: str
) -> None:
    assert call(*files[command], option, value) == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize("variable", ["TIMESEC", "MEMKB"])
def test_the_competition_s_variables_are_read_as_strictly(
    files: dict[str, list[str]], capsys: Captured, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    for value in ("nan", "-1", "0", "x"):
        monkeypatch.setenv(variable, value)
        assert call(*files["solve"]) == 2
        assert variable in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("budget_s", [math.inf, math.nan, 0, -1, 10**400, "5", None]),
        ("seed", [-1, 1 << 64, 0.5, math.nan, None]),
        ("memory_bytes", [0, -1, math.nan, "1"]),
        ("device", ["gpu", None]),
    ],
)
def test_python_names_the_setting(name: str, values: list[object]) -> None:
    model: Any = gmlang.compile(PROGRAM)
    for value in values:
        for ask in (model.query, lambda _, **how: list(model.run(**how))):
            with pytest.raises(GmError, match=name):
                ask("P(x)", **{name: value})


@pytest.mark.parametrize(
    "text",
    [
        "P(x) within 1e400 s",
        "P(x) within 1e300 min",
        f"P(x) within {'9' * 400} s",
        "P(x) within 0 s",
        "P(x) using bp(iters=0)",
        "P(x) using bp(iters=2.5)",
        "P(x) using bp(iters=true)",
        "P(x) using bp(damping=2)",
        "P(x) using bp(damping=1e400)",
        "P(x) using bp(nonsense=1)",
        "P(x) using exact(iters=3)",
        "MAP(x) using search(iters=3)",
        "best(0, x)",
        "best(1000000000000, x)",
        "sample(0, x)",
        "sample(1000000000000, x)",
        f"sample({'9' * 100}, x)",
    ],
)
def test_a_query_s_own_settings_are_refused_with_their_place(text: str) -> None:
    with pytest.raises(GmError) as caught:
        gmlang.compile(PROGRAM).query(text, budget_s=1)
    assert all(diagnostic.span is not None for diagnostic in caught.value.diagnostics)


def test_more_sweeps_than_a_loop_counts_are_all_there_are() -> None:
    most = options_from({"iters": 1e30}, "cpu").num_sweeps_max
    assert most == options_from({"iters": math.inf}, "cpu").num_sweeps_max
    assert gmlang.compile(PROGRAM).query("P(x) using bp(iters=1e30)").status == "exact"


def test_best_of_fewer_assignments_than_asked_for_says_how_many_there_are() -> None:
    answer = gmlang.compile(PROGRAM).query("best(1000, x)")
    assert isinstance(answer.value, list)
    assert len(answer.value) == 16
    assert "16" in answer.note
