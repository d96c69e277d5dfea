"""Runs that are interrupted at a random moment: what had been found is printed, and soon."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.heavy import Heavy, heavy
from tests.fuzz.matrix import ROOT

SOON_S = 0.5
"""An interrupted run ends within so much."""

STUCK_S = 30.0
BUDGET_S = 60.0
STATUSES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@dataclass(frozen=True, slots=True)
class InterruptCase:
    """A run, and when it is interrupted by what.

    Attributes:
        heavy: the program with its question.
        signal: that is sent.
        after_s: the start.
        is_json: whether JSON is asked for.
    """

    heavy: Heavy
    signal: signal.Signals
    after_s: float
    is_json: bool

    @property
    def text(self) -> str:
        """The signal, the question, and the program."""
        when = f"{self.signal.name} after {self.after_s:.2f} s"
        return f"{when}: {self.heavy.question} of\n{self.heavy.program}"

    @property
    def num_questions(self) -> int:
        """One."""
        return 1


def make(seed: int) -> InterruptCase:
    """Choose a program, a signal and a moment."""
    rng = random.Random(seed)
    asked = heavy(rng)
    if rng.random() < 0.5:
        asked = Heavy(asked.program, "MAP()")
    sent = rng.choice([*STATUSES])
    return InterruptCase(asked, sent, rng.uniform(0.8, 5.0), rng.random() < 0.3)


def faults(case: InterruptCase) -> Iterator[str]:
    """Run, interrupt, and yield what is wrong with the end."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "p.gm").write_text(case.heavy.program, "utf-8")
        process = _start(folder, case)
        try:
            process.wait(case.after_s)
        except subprocess.TimeoutExpired:
            yield from _interrupted(folder, case, process)
        finally:
            process.kill()
            process.wait()


def _start(folder: Path, case: InterruptCase) -> subprocess.Popen[bytes]:
    paths = os.pathsep.join(map(str, [ROOT, ROOT / "runtime", ROOT / "stdlib"]))
    words = ["run", "p.gm", "-q", case.heavy.question, "--budget", str(BUDGET_S)]
    more = ["--json"] if case.is_json else []
    trace = ["--trace", "t.jsonl"] if case.heavy.question == "MAP()" else []
    # What runs in the background was told to ignore it, and so would what it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with open(folder / "out", "wb") as out, open(folder / "err", "wb") as err:
        return subprocess.Popen(
            [sys.executable, "-m", "gmlang", *words, *more, *trace],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": paths},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )


def _interrupted(
    folder: Path, case: InterruptCase, process: subprocess.Popen[bytes]
) -> Iterator[str]:
    trace = folder / "t.jsonl"
    had_found = trace.exists() and bool(trace.read_bytes().strip())
    start_s = time.monotonic()
    process.send_signal(case.signal)
    try:
        process.wait(STUCK_S)
    except subprocess.TimeoutExpired:
        yield f"still runs {STUCK_S} s after {case.signal.name}"
        return
    spent_s = time.monotonic() - start_s
    out, err = (folder / "out").read_text("utf-8"), (folder / "err").read_text("utf-8")
    if spent_s > SOON_S:
        yield f"ended {spent_s:.2f} s after {case.signal.name}"
    if process.returncode not in (STATUSES[case.signal], 0):
        yield f"ended with {process.returncode} instead of {STATUSES[case.signal]}: {err[-300:]}"
    if "Traceback" in err:
        yield f"a traceback: {err[-900:]}"
    if not out.strip():
        # Before the first question begins there is nothing to print, and that is said.
        is_answered = False
        if process.returncode and "interrupted" not in err:
            yield f"nothing is told: {err[-300:]}"
    elif case.is_json:
        answers = json.loads(out)["queries"]
        is_answered = any(entry.get("answer") is not None for entry in answers)
    else:
        is_answered = True
    if had_found and not is_answered:
        yield f"what had been found is not told: {err[-300:]}"
