"""The command line as a matrix: commands, options, odd values, and what the streams are.

Whatever is asked, the exit status is one of those that are documented, no traceback is shown, and
JSON is JSON.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gmlang.phases import PHASES

ROOT = Path(__file__).resolve().parents[2]
STATUSES = {0, 1, 2, 3}
"""What a command may end with where nobody interrupts it."""

SECONDS_MAX = 60.0
"""A command that takes longer is stuck, whatever the machine is doing."""

PROGRAM = """data T = 3
param J = 0.5
var a : bool ~ Bernoulli(0.2)
var x[T] : bool
for t in 0..<T:
    prefer x[t] == a weight J
"""
SPOILED = "var a : bool\nvar a : 0..\nquery P(b)\n"
IMPOSSIBLE = "var a : bool\nconstraint a and not a\nquery P(a)\n"
NUMBERS = ("0", "-1", "1e-300", "nan", "inf", "1e400", "1", "0.5", "two", "", "9" * 40, "٣", "1_0")
QUERIES = (
    "P(a)",
    "MAP()",
    "logZ()",
    "count()",
    "why(a)",
    "best(3, x)",
    "sample(2, x)",
    "P(x) using bp",
    "MAP(x) within 1e400 s",
    "P(a | x[0] = true, x[0] = false)",
    "P(",
    "",
    "MMAP(x) using nothing",
    "assert P(a) > 0",
    "P(a) using bp(iters=-1)",
)
STREAMS = ("", "<&-", ">&-", "2>&-", "<&- >&- 2>&-", "> /dev/full", "| head -c 1", "< /dev/null")
FILES = ("p.gm", "-", "pipe", "none.gm", "spoiled.gm", "impossible.gm", "m.uai", "b.bif", ".", "")


@dataclass(frozen=True, slots=True)
class Command:
    """A command line, with what stands for the files in it."""

    words: tuple[str, ...]
    stream: str
    is_json: bool

    @property
    def text(self) -> str:
        """The command line."""
        return " ".join(repr(word) for word in self.words) + f" {self.stream}"

    @property
    def num_questions(self) -> int:
        """One."""
        return 1


def make(seed: int) -> Command:
    """Choose a command with some options."""
    rng = random.Random(seed)
    words = _words(rng, rng.choice(["run", "run", "run", "solve", "graph", "convert", "others"]))
    stream = rng.choice(["", *STREAMS])
    is_json = words[0] in ("run", "check") and "--json" in words and stream == ""
    return Command(tuple(words), stream, is_json and "--help" not in words)


def _words(rng: random.Random, command: str) -> list[str]:
    file = rng.choice(["p.gm", "p.gm", *FILES])
    match command:
        case "run":
            return ["run", file, *_some(rng, RUN_OPTIONS)]
        case "solve":
            model = rng.choice(["m.uai", "m.uai", "b.bif", *FILES])
            task = rng.choice(["PR", "MAR", "MAP", "MPE", "MMAP", "none"])
            return ["solve", model, "--task", task, *_some(rng, SOLVE_OPTIONS)]
        case "graph":
            return ["graph", file, *_some(rng, {"-o": ("g.svg", "g.dot", "no/g.svg"), **DATA})]
        case "convert":
            target = rng.choice(["c.gm", "c.uai", "c.dot", "c.svg", "c.bif", "no/c.gm", "c", "."])
            return ["convert", rng.choice(["m.uai", "b.bif", file]), target, *_some(rng, DATA)]
        case _:
            other = ["check", "fmt", "dump", "repl", "plot", "nothing", "--version", "--help"]
            name = rng.choice(other)
            phase = {"--phase": (*PHASES, "none")} if name == "dump" else {}
            more = {"--json": ("",), "--check": ("",), **phase}
            return [name, file, *_some(rng, more)]


DATA: dict[str, tuple[str, ...]] = {
    "--set": ("J=1.5", "T=2", "J=", "=1", "T=2.5", "T=-1", "J=nan", "q=1", "T=99999999999"),
    "--data": ("T=t.csv", "T=none.csv", "t.npz", "T=.", "T=m.uai", "x"),
}
WORKERS: dict[str, tuple[str, ...]] = {
    "--workers": ("1", "1", "2", *NUMBERS),
    "--dask": ("", "nowhere", "tcp://127.0.0.1:1", "tcp://", "p.gm", "٣"),
}
RUN_OPTIONS: dict[str, tuple[str, ...]] = {
    "-q": QUERIES,
    "--query": QUERIES,
    "--budget": NUMBERS,
    "--seed": NUMBERS,
    "--memory": NUMBERS,
    "--device": ("cpu", "auto", "tpu", ""),
    "--json": ("",),
    "--plan": ("",),
    "--trace": ("t.jsonl", "no/t.jsonl", ".", "/dev/null"),
    **WORKERS,
    **DATA,
}
SOLVE_OPTIONS: dict[str, tuple[str, ...]] = {
    "--budget": NUMBERS,
    "--seed": NUMBERS,
    "--memory": NUMBERS,
    "--evid": ("e.evid", "none", "m.uai", "."),
    "--query": ("q.query", "none", "e.evid", "p.gm"),
    "--out": ("out", "no/out", "."),
    "--trace": ("t.jsonl", "."),
    **WORKERS,
}


def _some(rng: random.Random, options: dict[str, tuple[str, ...]]) -> list[str]:
    words: list[str] = []
    for _ in range(rng.randint(0, 3)):
        name = rng.choice([*options])
        value = rng.choice(options[name])
        words += [name] if options[name] == ("",) else [name, value]
    if "--budget" not in words and "--budget" in options:
        words += ["--budget", "0.3"]
    return words


def write_files(folder: Path) -> None:
    """Write what the commands name."""
    uai = "MARKOV\n3\n2 2 3\n2\n2 0 1\n2 1 2\n\n4\n .1 .9 1 0\n6\n .1 .2 .3 .4 .5 .6\n"
    bif = (
        "network n { }\nvariable s { type discrete [ 2 ] { yes, no }; }\n"
        "probability ( s ) { table 0.01, 0.99; }\n"
    )
    texts = {
        "p.gm": PROGRAM + "query P(a)\n",
        "spoiled.gm": SPOILED,
        "impossible.gm": IMPOSSIBLE,
        "m.uai": uai,
        "b.bif": bif,
        "e.evid": "1 0 1\n",
        "q.query": "1 2\n",
        "t.csv": "3\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")


def faults(case: Command) -> Iterator[str]:
    """Run the command; yield what is wrong with how it ends."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder)
        done = _run(folder, case)
    shown = done.stderr.decode("utf-8", "replace")
    if done.returncode not in STATUSES:
        yield f"ended with {done.returncode}: {shown[-600:]}"
    if "Traceback" in shown or "Exception ignored" in shown:
        yield f"a traceback: {shown[-900:]}"
    if case.is_json and done.stdout.strip():
        json.loads(done.stdout, parse_constant=_no_json)


def _no_json(text: str) -> object:
    raise ValueError(f"{text} is no JSON")


def _run(folder: Path, case: Command) -> subprocess.CompletedProcess[bytes]:
    words = " ".join(f"'{word}'" for word in ["-m", "gmlang", *case.words])
    stream = case.stream
    if "'-'" in words and "<" not in stream:
        stream = f"< p.gm {stream}"
    # A writer that nobody reads from must not hold our streams, nor stay for ever.
    writer = "timeout 20 bash -c 'cat p.gm > pipe' > /dev/null 2>&1 < /dev/null &"
    pipe = f"mkfifo pipe; {writer} " if "'pipe'" in words else ""
    status = "; exit ${PIPESTATUS[0]}"
    paths = os.pathsep.join(map(str, [ROOT, ROOT / "runtime", ROOT / "stdlib"]))
    return subprocess.run(
        ["bash", "-c", f"{pipe}{sys.executable} {words} {stream}{status}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=SECONDS_MAX,
    )
