"""Claim: a program is checked in time linear in its text, and networks as programs load quickly.

Programs of `match` rows, made from the networks given (mildew in under 1 s, barley in under 3 s),
and one of 10 000 models and 5 MB (under 20 s): user time of `gmlang check` as a process, and what
a quarter of the text takes. Beside it, in one process each, pyAgrum and `gmlang` reading the same
network from BIF, where pyAgrum is installed; its time is that of the process less that of the
import. Last, `gmlang run` of a small program against `import numpy`, with byte code.

Run: python benchmarks/front_end.py mildew.bif.gz barley.bif.gz
"""

import gzip
import importlib.util
import statistics
import subprocess
import sys
import tempfile
from os import times
from pathlib import Path

NUM_RUNS = 5
NUM_MODELS = 10_000
SPRINKLER = Path(__file__).resolve().parents[1] / "examples" / "sprinkler.gm"

MODEL = '''
model m{k}(x: Thing) prior 0.{prior:02d}:
    """What thing number {k} is like, as somebody might say it."""
    predict x.color = {color} @ 0.{confidence}
    predict x.size ~ {{small: 0.2, medium: 0.{medium}, large: 0.{large}}} @ 0.9
    predict x.weight = {weight} @ 0.75
    for d in 0..<3:
        if d > 0:
            prefer x.weight == {near} + d * 2 weight 0.5 * d + 0.{weight}1
    factor 0.3 * (x.weight > {near}) + 0.1 * (x.size == large and x.color != red)
    use m{used}(x)
    # What a reader should know of a thing of this kind is written in the line above this one.
'''


def models(count: int) -> str:
    """Write a program of so many models, about 500 characters each."""
    colors = ("red", "green", "blue", "purple")
    return (
        "domain Color = {red, green, blue, purple}\ndomain Size = {small, medium, large}\n"
        "entity Thing:\n    color : Color\n    size : Size\n    weight : 0..20\n"
        "model m0(x: Thing):\n    predict x.size = large @ 0.7\nvar it : Thing\n"
        + "".join(
            MODEL.format(
                k=k,
                prior=k % 89 + 1,
                color=colors[k % 4],
                confidence=k % 50 + 40,
                medium=k % 5 + 1,
                large=7 - k % 5,
                weight=k % 10,
                near=k % 7,
                used=k // 2,
            )
            for k in range(1, count)
        )
        + "query P(it.color)\n"
    )


def user_seconds(*command: str) -> float:
    """Return the median of the CPU seconds of a command's processes.

    Raises:
        CalledProcessError: when it fails.
    """
    found: list[float] = []
    for _ in range(NUM_RUNS):
        before = times()
        subprocess.run(command, check=True, capture_output=True)
        after = times()
        found.append(after.children_user - before.children_user)
    return statistics.median(found)


def python(code: str, *arguments: str) -> float:
    """Return the median of the CPU seconds of a line of Python in a process of its own."""
    return user_seconds(sys.executable, "-c", code, *arguments)


def gmlang(*arguments: str) -> float:
    """Return the median of the CPU seconds of the command."""
    return user_seconds(sys.executable, "-m", "gmlang", *arguments)


def peer(network: str, folder: Path) -> str:
    """Say what pyAgrum takes to read a network, and what ours from BIF."""
    plain = folder / "network.bif"
    with gzip.open(network, "rt") as file:
        plain.write_text(file.read(), "utf-8")
    read = "from gmruntime.formats.models import read_model as r; import sys; r(sys.argv[1])"
    ours = python(read, network) - python("import gmruntime.formats.models")
    if importlib.util.find_spec("pyagrum") is None:
        return f"ours from BIF {ours:.2f} s, pyAgrum is not installed"
    code = "import pyagrum, sys; pyagrum.loadBN(sys.argv[1])"
    theirs = python(code, str(plain)) - python("import pyagrum")
    return f"ours from BIF {ours:.2f} s, pyAgrum from BIF {theirs:.2f} s"


def main() -> None:
    """Print one line for each program."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = folder / "program.gm"
        program.write_text("var a : bool\n", "utf-8")
        start = gmlang("check", str(program))
        print(f"check of one line: {start:.2f} s, contained in the times of processes below")
        for network in sys.argv[1:]:
            subprocess.run(
                [sys.executable, "-m", "gmlang", "convert", network, str(program)], check=True
            )
            size, took = program.stat().st_size / 1e6, gmlang("check", str(program))
            print(f"{Path(network).name}: {size:.1f} MB checked in {took:.2f} s;", end=" ")
            print(peer(network, folder))
        program.write_text(models(NUM_MODELS // 4), "utf-8")
        quarter = gmlang("check", str(program)) - start
        program.write_text(models(NUM_MODELS), "utf-8")
        size, took = program.stat().st_size / 1e6, gmlang("check", str(program))
        growth = (took - start) / quarter
        print(f"{NUM_MODELS} models, {size:.1f} MB: {took:.1f} s, {growth:.2f}x a quarter of it")
    numpy, run = python("import numpy"), gmlang("run", str(SPRINKLER))
    print(f"run of sprinkler.gm: {run:.3f} s, import numpy {numpy:.3f} s: {run / numpy:.2f}x")


if __name__ == "__main__":
    main()
