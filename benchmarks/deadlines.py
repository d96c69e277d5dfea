"""Claim: a run of `gmlang run` ends within half a second of its budgets, whatever is asked.

    python benchmarks/deadlines.py [--only REGEX] [--budgets 0.01,0.2,1] [--memory GIB]

Each program is asked each kind of question with each budget, in a process of its own. Before the
questions a run without any is timed: starting Python, reading and checking the program, and
grounding it have limits of their own. The overrun is what the whole takes beyond that and the
budget. Times are wall clock: load of other processes counts.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

PROGRAMS = {
    "large domains": """
var x : 0..200000
var y : 0..200000
constraint x + y == 100000
prefer x > 50 weight 1
""",
    "one huge domain": "var x : 0..10000000\nvar y : bool\nprefer y weight 1\n",
    "table of 3000 x 3000": """
var x : 0..<3000
var y : 0..<3000
prefer abs(x - y) % 7 < 3 weight 2
""",
    "chain of wide tables": """
var x[12] : 0..<1000
for i in 0..<11:
    prefer (x[i] * 7 + x[i + 1]) % 11 < 3 weight 2
var y : 0..3
prefer y == x[0] % 4 weight 1
""",
    "a million variables": """
var x[1000000] : bool
for i in 0..<999999:
    prefer x[i] == x[i + 1] weight 0.5
var y : bool
prefer x[0] == y weight 1
""",
    "grid of 100 x 100": """
var x[100, 100] : 0..4
for i in 0..<99, j in 0..<100:
    prefer x[i, j] == x[i + 1, j] weight 0.2 * ((i * 5 + j * 3) % 7) - 0.6
for i in 0..<100, j in 0..<99:
    prefer x[i, j] == x[i, j + 1] weight 0.2 * ((i * 3 + j * 5) % 7) - 0.6
var y : bool
prefer y == (x[0, 0] > 2) weight 1
""",
    "many statements": "var y : bool\n"
    + "".join(f"var v{i} : bool ~ Bernoulli(0.3)\n" for i in range(20_000))
    + "prefer y == v0 weight 1\n",
    "pigeons": """
var x[40] : 0..38
constraint alldifferent(x[i] for i in 0..<40)
var y : bool
prefer y == (x[0] > 2) weight 1
""",
    "random 3-SAT": """
var x[400] : bool
for i in 0..<1700:
    constraint (x[i * 7919 % 397] == (i % 3 == 0)) or (x[i * 104729 % 389] == (i % 5 < 2)) \
or (x[i * 1299709 % 383] == (i % 7 < 3))
var y : bool
prefer y == x[0] weight 1
""",
    "noisy or of 300": """
var x[300] : bool ~ Bernoulli(0.1)
var y : bool ~ NoisyOr(x[i]: 0.1 + 0.002 * i for i in 0..<300, leak=0.01)
""",
    "society": """
entity T:
    a[300] : 0..9
model m(t: T, k: 0..200) prior 0.1:
    for i in 0..<300:
        predict t.a[i] = (i * k) % 10 @ 0.6
var it : T
consider m(it, k) for k in 0..200
var y : bool
prefer y == (it.a[0] > 2) weight 1
""",
}

QUESTIONS = (
    "P(y)",
    "P(y = 1)",
    "MAP()",
    "logZ()",
    "MMAP(y)",
    "sample(3, y)",
    "best(3, y)",
    "count()",
    "why(y)",
)

SOCIETY = ("active(it)", "compat(m(0), m(1))", "blame(m(0), m(1))")

LATE_S = 0.5


def timed(file: Path, *arguments: str) -> tuple[float, int, str, str]:
    """Run once; return the seconds, the exit status, and what was printed."""
    command = [sys.executable, "-m", "gmlang", "run", str(file), "--json", *arguments]
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return time.monotonic() - start, done.returncode, done.stdout, done.stderr


def questions_of(name: str, text: str) -> tuple[str, ...]:
    """List what a program can be asked."""
    asked = (*QUESTIONS, *SOCIETY) if name == "society" else QUESTIONS
    if "var y" not in text:
        return tuple(q for q in asked if "y" not in q)
    return (
        asked
        if re.search(r"var y : (0|bool ~)", text)
        else tuple(q.replace("y = 1", "y = true") for q in asked)
    )


def main() -> None:
    """Print the overrun of every program, question and budget."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="programs whose name matches")
    parser.add_argument("--ask", default="", help="questions that match")
    parser.add_argument("--budgets", default="0.01,0.2,1")
    parser.add_argument("--memory", help="GiB")
    options = parser.parse_args()
    memory = ["--memory", options.memory] if options.memory else []
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"{date.today()}, {platform.machine()}, {cores} cores, load {os.getloadavg()[0]:.1f}")
    worst: list[tuple[float, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, text in PROGRAMS.items():
            if not re.search(options.only, name):
                continue
            file = Path(folder) / "program.gm"
            file.write_text(text, "utf-8")
            # Grounding is needed for any answer: asking what is plainest times it as well.
            base = min(timed(file, "--query", "P(y)", "--budget", "0.001")[0] for _ in range(2))
            if "var y" not in text:
                base = min(timed(file)[0] for _ in range(2))
            print(f"{name}: {base:.2f} s before any budget")
            for question in questions_of(name, text):
                if not re.search(options.ask, question):
                    continue
                for budget in map(float, options.budgets.split(",")):
                    seconds, status, out, err = timed(
                        file, "--query", question, "--budget", str(budget), *memory
                    )
                    over = seconds - base - budget
                    worst.append((over, f"{name}, {question}, {budget:g} s"))
                    mark = "LATE" if over > LATE_S else ""
                    if "Traceback" in err or status not in (0, 1, 3):
                        mark = f"BROKEN {status} {err[-300:]}"
                    found = json.loads(out)["queries"] if out.strip() else []
                    what = found[0]["status"] if found else "nothing"
                    print(f"  {question:20s} {budget:5g} s  {over:+6.2f} s  {what:10s} {mark}")
                    sys.stdout.flush()
    worst.sort(reverse=True)
    print("\nlatest:")
    for over, what in worst[:10]:
        print(f"  {over:+.2f} s  {what}")


if __name__ == "__main__":
    main()
