"""Claim: a question interrupted at any time prints what it has found and ends in half a second.

   python benchmarks/interrupts.py [--runs 100]

Each run is a process of its own that asks one question and gets SIGINT (Ctrl-C) or SIGTERM at a
random time. Until a first answer is possible (start-up, reading, grounding) it may end without one,
with the same exit status. Times are wall clock: load of other processes counts.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

GRID = """
param side = 40
var x[side, side] : 0..4
var y : bool
for i in 0..<side, j in 0..<side, k in 0..4:
    factor (0.3 * ((i * 7 + j * 13 + k * 29) % 11) - 1.5) * (x[i, j] == k)
for i in 0..<side - 1, j in 0..<side:
    prefer x[i, j] == x[i + 1, j] weight 0.2 * ((i * 5 + j * 3) % 7) - 0.6
for i in 0..<side, j in 0..<side - 1:
    prefer x[i, j] == x[i, j + 1] weight 0.2 * ((i * 3 + j * 5) % 7) - 0.6
prefer y == (x[0, 0] > 2) weight 1
"""

SOCIETY = """
entity T:
    a[20, 20] : 0..4
model m(t: T, k: 0..3) prior 0.1:
    for i in 0..<20, j in 0..<19:
        prefer t.a[i, j] == t.a[i, j + 1] weight 0.3 * ((i + j) % 3) - 0.2 + 0.1 * k
model n(t: T, k: 0..3) prior 0.1:
    for i in 0..<19, j in 0..<20:
        prefer t.a[i, j] == t.a[i + 1, j] weight 0.3 * ((i + j) % 3) - 0.2 + 0.1 * k
var it : T
consider m(it, k) for k in 0..3
consider n(it, k) for k in 0..3
var y : bool
prefer y == (it.a[0, 0] > 2) weight 1
"""

QUESTIONS = (
    *(
        (GRID, question)
        for question in (
            "MAP(x)",
            "MMAP(y)",
            "best(3, x)",
            "P(y)",
            "logZ()",
            "count()",
            "sample(3, x)",
            "why(y)",
        )
    ),
    *((SOCIETY, question) for question in ("active(it)", "compat(m(0), n(1))", "MAP()", "logZ()")),
)

LATEST_S = 8.0
"""No run is interrupted later."""

LATE_S = 0.5


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what was asked, when the signal came, and what came of it.

    Attributes:
        is_over: it had ended before the signal.
        printed_s: from the signal to the first letter.
        ended_s: from the signal to the end.
        is_answered: something was found.
    """

    question: str
    number: signal.Signals
    at_s: float
    is_over: bool
    printed_s: float
    ended_s: float
    status: int
    is_answered: bool


def interrupted(file: Path, question: str, number: signal.Signals, at_s: float) -> Run:
    """Run once, and send the signal."""
    command = [sys.executable, "-m", "gmlang", "run", str(file), "--json", "--budget", "60"]
    command += ["--query", question]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(at_s)
    is_over = process.poll() is not None
    sent = time.monotonic()
    process.send_signal(number)
    assert process.stdout is not None
    assert process.stderr is not None
    first = process.stdout.read(1)
    printed_s = time.monotonic() - sent
    out, err = first + process.stdout.read(), process.stderr.read()
    status = process.wait(60)
    ended_s = time.monotonic() - sent
    assert "Traceback" not in err, err
    queries = json.loads(out)["queries"] if out.strip() else []
    answered = bool(queries) and queries[0].get("answer") is not None
    return Run(question, number, at_s, is_over, printed_s, ended_s, status, answered)


def main() -> None:
    """Interrupt at random times and print, for each question, the slowest end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    # What runs in the background was told to ignore it, and so would what it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    draw = random.Random(options.seed)
    runs: dict[tuple[str, str], list[Run]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.runs):
            text, question = QUESTIONS[number % len(QUESTIONS)]
            program = "grid" if text == GRID else "society"
            file = Path(folder) / f"{program}.gm"
            file.write_text(text, "utf-8")
            sent = draw.choice((signal.SIGINT, signal.SIGTERM))
            run = interrupted(file, question, sent, draw.uniform(0.05, LATEST_S))
            runs[program, question].append(run)
            print(
                f"{program:8s} {question:18s} {run.number.name} at {run.at_s:4.1f} s: "
                f"{'over' if run.is_over else 'answer' if run.is_answered else 'none'} "
                f"after {run.printed_s:.2f} s, end {run.ended_s:.2f} s, status {run.status}",
                flush=True,
            )
    print(f"{options.runs} runs, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for (program, question), some in runs.items():
        went_on = [run for run in some if not run.is_over]
        expected = {-run.number for run in went_on} | {128 + run.number for run in went_on}
        odd = sorted({run.status for run in went_on} - expected)
        silent = max((run.at_s for run in went_on if not run.is_answered), default=0.0)
        print(
            f"{program:8s} {question:20s} {len(went_on):3d} of {len(some):3d} interrupted; "
            f"slowest answer {max((r.printed_s for r in went_on), default=0.0):.2f} s, "
            f"end {max((r.ended_s for r in went_on), default=0.0):.2f} s; "
            f"latest without an answer at {silent:.2f} s"
            + (f"; statuses {odd}" if odd else "")
            + ("; LATE" if any(r.ended_s > LATE_S for r in went_on) else "")
        )


if __name__ == "__main__":
    main()
