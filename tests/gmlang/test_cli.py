"""The command: what it prints where, and the statuses it ends with."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from gmlang.cli import main
from gmlang.phases import PHASES

RAIN = """\
var rain : bool ~ Bernoulli(0.2)
var wet : bool ~ Bernoulli(0.9 if rain else 0.1)
query P(rain | wet = true)
"""
SPIN = """\
data field[H, W] : real
param J = 0.5
var x[H, W] : 0..2
for i in 0..<H - 1, j in 0..<W: prefer x[i, j] == x[i + 1, j] weight J * field[i, j]
for i in 0..<H, j in 0..<W - 1: prefer x[i, j] == x[i, j + 1] weight field[i, j]
query MAP(x)
"""
CHAIN = "MARKOV\n3\n2 2 3\n2\n2 0 1\n2 1 2\n4\n 1 .5 .25 .125\n6\n 1 2 3 4 0 6\n"

Captured = pytest.CaptureFixture[str]


def call(*arguments: str | Path) -> int:
    """Run the command in this process and return its status."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    status = ended.value.code
    assert isinstance(status, int)
    return status


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


# --- run -----------------------------------------------------------------------------------


def test_run_answers_on_stdout(tmp_path: Path, capsys: Captured) -> None:
    assert call("run", write(tmp_path, "rain.gm", RAIN)) == 0
    out, err = capsys.readouterr()
    # 0.2 * 0.9 / (0.2 * 0.9 + 0.8 * 0.1)
    assert "true 0.692308" in out
    assert "exact" in out
    assert err == ""


def test_run_prints_one_json_object(tmp_path: Path, capsys: Captured) -> None:
    path = write(tmp_path, "rain.gm", RAIN + "query MAP(), logZ()\n")
    assert call("run", path, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["file"] == str(path)
    marginal, best, log_z = found["queries"]
    assert marginal["kind"] == "marginal"
    assert marginal["status"] == "exact"
    assert marginal["answer"]["true"] == pytest.approx(0.18 / 0.26)
    assert best["answer"] == {"rain": "false", "wet": "false"}
    assert best["log_score"] == pytest.approx(np.log(0.8 * 0.9))
    assert log_z["answer"] == pytest.approx(0.0, abs=1e-12)


def test_query_and_set_replace_those_of_the_file(tmp_path: Path, capsys: Captured) -> None:
    path = write(tmp_path, "p.gm", "param p = 0.1\nvar a : bool ~ Bernoulli(p)\nquery MAP()\n")
    assert call("run", path, "--query", "P(a = true)", "--set", "p=0.75", "--json") == 0
    (answer,) = json.loads(capsys.readouterr().out)["queries"]
    assert answer["answer"] == pytest.approx(0.75)


@pytest.mark.parametrize("ending", ["npy", "npz", "csv"])
def test_data_is_read_from_files(tmp_path: Path, capsys: Captured, ending: str) -> None:
    array = np.array([[0.0, 1.0], [1.0, 1.0]])
    path = tmp_path / f"y.{ending}"
    match ending:
        case "npy":
            np.save(path, array)
        case "npz":
            np.savez(path, y=array)
        case _:
            np.savetxt(path, array, delimiter=",")
    program = "data y[H, W] : bool\nvar x[H, W] : bool\nobserve x = y\nquery P(x[0, 1] = true)\n"
    assert call("run", write(tmp_path, "d.gm", program), "--data", f"y={path}", "--json") == 0
    assert json.loads(capsys.readouterr().out)["queries"][0]["answer"] == 1.0


def test_mistakes_go_to_stderr_with_status_1(tmp_path: Path, capsys: Captured) -> None:
    assert call("run", write(tmp_path, "bad.gm", "var a : bool ~ Bernoulli(2)\n")) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "bad.gm:1:26" in err


def test_a_failed_assertion_is_a_mistake(tmp_path: Path, capsys: Captured) -> None:
    program = "var a : bool ~ Bernoulli(0.5)\nassert P(a = true) > 0.6\n"
    assert call("run", write(tmp_path, "a.gm", program)) == 1
    assert "FAILS" in capsys.readouterr().out


def test_impossible_evidence_has_status_3(tmp_path: Path, capsys: Captured) -> None:
    program = "var a : bool ~ Bernoulli(0.5)\nvar b : bool := not a\nobserve a\nquery P(a | b)\n"
    assert call("run", write(tmp_path, "i.gm", program)) == 3
    assert "impossible" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "nowhere.gm"],
        ["frobnicate"],
        ["run", "FILE", "--budget", "0"],
        ["run", "FILE", "--set", "p"],
        ["run", "FILE", "--set", "p=x"],
        ["run", "FILE", "--data", "y=none.npy"],
        ["run", "FILE", "--data", "y=FILE"],
        ["solve", "FILE", "--task", "SUM"],
        ["solve", "--task", "PR"],
    ],
)
def test_wrong_usage_has_status_2(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.delenv("MODEL", raising=False)
    path = str(write(tmp_path, "rain.gm", RAIN))
    assert call(*[argument.replace("FILE", path) for argument in arguments]) == 2
    assert capsys.readouterr().out == ""


def test_a_program_that_is_no_text_is_a_mistake(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "b.gm"
    path.write_bytes(b"\xff\xfe\x00")
    assert call("run", path) == 1
    assert "UTF-8" in capsys.readouterr().err


def test_a_trace_only_improves_and_can_be_plotted(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", np.random.default_rng(0).normal(size=(8, 8)))
    program = write(tmp_path, "spin.gm", SPIN)
    trace, picture = tmp_path / "t.jsonl", tmp_path / "t.png"
    data = f"field={tmp_path / 'f.npy'}"
    assert call("run", program, "--data", data, "--trace", trace, "--budget", "0.5") == 0
    records = [json.loads(line) for line in trace.read_text("utf-8").splitlines()]
    assert records
    assert all({"seconds", "log_score", "log_bound", "search"} <= set(r) for r in records)
    scores = [r["log_score"] for r in records if r["log_score"] is not None]
    assert scores == sorted(scores)
    pytest.importorskip("matplotlib")
    assert call("plot", trace, "-o", picture) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_what_is_no_trace_is_not_plotted(tmp_path: Path) -> None:
    assert call("plot", write(tmp_path, "t.jsonl", "what\n")) == 1


# --- The other commands --------------------------------------------------------------------


def test_check_reports_all_files(tmp_path: Path, capsys: Captured) -> None:
    good = write(tmp_path, "good.gm", RAIN)
    bad = write(tmp_path, "bad.gm", "query P(a)\nquery P(b)\n")
    assert call("check", good) == 0
    assert call("check", good, bad, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert [(d["line"], d["column"]) for d in found] == [(1, 9), (2, 9)]


CONTRADICTION = """\
domain C = {r, g, b}
data n : int
entity T:
    c : C
model m(x: T):
    predict x.c = r @ 0.999
model k(x: T):
    predict x.c = g @ 0.999
model both = m k
"""


@pytest.mark.parametrize("command", ["check", "run", "graph"])
def test_a_contradictory_composite_is_refused_without_a_question(
    tmp_path: Path, capsys: Captured, command: str
) -> None:
    program = CONTRADICTION.replace("data n : int\n", "")
    assert call(command, write(tmp_path, "c.gm", program)) == 1
    err = capsys.readouterr().err
    assert "c.gm:8:1" in err
    assert "m predicts" in err
    assert "k predicts" in err
    assert "nats" in err
    assert call(command, write(tmp_path, "c.gm", program.replace("m k", "m k soft"))) == 0


def test_check_needs_no_data(tmp_path: Path) -> None:
    assert call("check", write(tmp_path, "c.gm", CONTRADICTION)) == 0


def test_fmt_prints_writes_and_checks(tmp_path: Path, capsys: Captured) -> None:
    path = write(tmp_path, "f.gm", "var   rain:bool~Bernoulli( 0.2 )  # why\n")
    canonical = "var rain : bool ~ Bernoulli(0.2)  # why\n"
    assert call("fmt", path) == 0
    assert capsys.readouterr().out == canonical
    assert call("fmt", "--check", path) == 1
    assert call("fmt", "-w", path) == 0
    assert path.read_text("utf-8") == canonical
    assert call("fmt", "--check", path) == 0


@pytest.mark.parametrize("phase", PHASES)
def test_dump_shows_each_phase(tmp_path: Path, capsys: Captured, phase: str) -> None:
    text = RAIN + "data soil = 1\n"
    assert call("dump", write(tmp_path, "rain.gm", text), "--phase", phase) == 0
    assert ("soil" if phase == "world" else "rain") in capsys.readouterr().out


@pytest.mark.parametrize("ending", ["svg", "dot"])
def test_graph_is_drawn(tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"g.{ending}"
    assert call("graph", write(tmp_path, "rain.gm", RAIN), "-o", out) == 0
    assert "rain" in out.read_text("utf-8")


def test_help_and_version(capsys: Captured) -> None:
    assert call("--help") == 0
    assert "solve" in capsys.readouterr().out
    assert call("--version") == 0
    assert capsys.readouterr().out.startswith("gmlang")


def test_a_bug_of_ours_has_status_70(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> object:
        raise AssertionError("on purpose")

    monkeypatch.setattr("gmlang.cli.run.open_program", broken)
    assert call("run", write(tmp_path, "rain.gm", RAIN)) == 70
    assert "bug" in capsys.readouterr().err


# --- solve ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        # Sum over x1, x2 of f(0, x1) g(x1, x2) = 1 * 6 + 0.5 * 10
        ("PR", [f"{np.log10(11):.10f}"[:8]]),
        ("MAR", ["3 2 1 0 2 0.5454545455 0.4545454545 3"]),
        ("MAP", ["3 0 0 2"]),
        ("MMAP", ["1 2 2"]),
    ],
)
def test_solve_answers_each_task(
    tmp_path: Path, capsys: Captured, task: str, expected: list[str]
) -> None:
    files = [
        write(tmp_path, "m.uai", CHAIN),
        "--evid",
        write(tmp_path, "m.evid", "1 0 0\n"),
        "--query",
        write(tmp_path, "m.query", "1 2\n"),
    ]
    assert call("solve", *files, "--task", task, "--budget", "2") == 0
    out = capsys.readouterr().out
    assert out.startswith(task + "\n")
    assert all(part in out for part in expected)


def test_solve_obeys_the_environment_of_the_competition(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = tmp_path / "result"
    monkeypatch.setenv("MODEL", str(write(tmp_path, "m.uai", CHAIN)))
    monkeypatch.setenv("EVID", str(write(tmp_path, "m.evid", "")))
    monkeypatch.setenv("RESULT", str(result))
    monkeypatch.setenv("TIMESEC", "2")
    monkeypatch.setenv("MEMKB", "1000000")
    assert call("solve", "--task", "MAP") == 0
    assert capsys.readouterr().out == ""
    # Scores: (0, 0, 2) 3; (0, 1, 2) 3; either is a maximum.
    assert result.read_text("utf-8").split("-BEGIN-")[-1].split()[-3:] in (
        ["0", "0", "2"],
        ["0", "1", "2"],
    )


def test_solve_says_what_is_wrong_with_a_file(tmp_path: Path, capsys: Captured) -> None:
    assert call("solve", write(tmp_path, "m.uai", CHAIN[:-4]), "--task", "PR") == 1
    assert "m.uai:" in capsys.readouterr().err


def test_solve_of_an_impossible_model_has_status_3(tmp_path: Path, capsys: Captured) -> None:
    path = write(tmp_path, "z.uai", "MARKOV\n1\n2\n1\n1 0\n2\n0 0\n")
    for task in ("PR", "MAR", "MAP"):
        assert call("solve", path, "--task", task, "--budget", "2") == 3
    assert "-inf" in capsys.readouterr().out


# --- As a process --------------------------------------------------------------------------


def environment() -> dict[str, str]:
    root = Path(__file__).resolve().parents[2]
    paths = [root, root / "runtime", root / "stdlib", os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "NO_COLOR": "1"}


def test_a_program_comes_in_by_stdin() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gmlang", "run", "-"],
        input=RAIN.encode(),
        capture_output=True,
        env=environment(),
        check=False,
    )
    assert done.returncode == 0
    assert b"0.692308" in done.stdout
    assert done.stderr == b""


def test_a_session_works_on_a_pipe() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gmlang", "repl"],
        input=b"var a : bool ~ Bernoulli(0.25)\nP(a)\nP(b)\n",
        capture_output=True,
        env=environment(),
        check=False,
    )
    assert b"true 0.25" in done.stdout
    assert b"`b`" in done.stderr
    assert done.returncode == 1


def test_running_imports_nothing_heavy(tmp_path: Path) -> None:
    heavy = "{'scipy', 'numba', 'rich', 'prompt_toolkit', 'pygments', 'matplotlib', 'pandas'}"
    script = (
        "import sys, atexit\n"
        f"atexit.register(lambda: print(sorted({heavy} & set(sys.modules)), file=sys.stderr))\n"
        "from gmlang.cli import main\nmain(sys.argv[1:])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "run", write(tmp_path, "rain.gm", RAIN)],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert done.stderr.strip() == "[]"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_prints_the_incumbent_first(number: signal.Signals, tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", np.random.default_rng(0).normal(size=(60, 60)))
    command = [sys.executable, "-m", "gmlang", "run", str(write(tmp_path, "spin.gm", SPIN))]
    command += ["--data", f"field={tmp_path / 'f.npy'}", "--budget", "600", "--json"]
    command += ["--trace", str(trace := tmp_path / "trace.jsonl")]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment()
    )
    while not (trace.exists() and trace.read_text("utf-8")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    out, _ = process.communicate()
    assert process.returncode == 128 + number
    (answer,) = json.loads(out)["queries"]
    assert len(answer["answer"]["x"]) == 60
    first = json.loads(trace.read_text("utf-8").splitlines()[0])
    assert answer["log_score"] >= first["log_score"]


def test_a_gpu_that_is_not_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("gmruntime.devices.has_gpu", lambda: False)
    program = tmp_path / "rain.gm"
    program.write_text("var rain : bool ~ Bernoulli(0.2)\nquery P(rain)\n", "utf-8")
    with pytest.raises(SystemExit) as stopped:
        main(["run", str(program), "--device", "cuda"])
    assert stopped.value.code == 2
    assert "CUDA device" in capsys.readouterr().err
