"""Claim: a search interrupted at any time prints its best answer and ends within half a second.

    python benchmarks/interrupts.py [--runs 100]

Each run is a process of its own that gets SIGINT (Ctrl-C) at a random time. Until the first answer
is possible (start-up, reading, grounding) it may end without one, with the same exit status.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAM = """
param side = 60
var x[side, side] : 0..4
for i in 0..<side, j in 0..<side, k in 0..4:
    factor (0.3 * ((i * 7 + j * 13 + k * 29) % 11) - 1.5) * (x[i, j] == k)
for i in 0..<side - 1, j in 0..<side:
    prefer x[i, j] == x[i + 1, j] weight 0.2 * ((i * 5 + j * 3) % 7) - 0.6
for i in 0..<side, j in 0..<side - 1:
    prefer x[i, j] == x[i, j + 1] weight 0.2 * ((i * 3 + j * 5) % 7) - 0.6
query MAP(x)
"""


def interrupted(file: Path, after_s: float) -> tuple[float, float, int, bool]:
    """Run once; return the seconds to the answer and to the end, the status, and if it answered."""
    command = [sys.executable, "-m", "gmlang", "run", str(file), "--json", "--budget", "60"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(after_s)
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    first = process.stdout.read(1)
    printed = time.monotonic() - sent
    assert process.stderr is not None
    out, err = first + process.stdout.read(), process.stderr.read()
    process.wait(60)
    seconds = time.monotonic() - sent
    assert "Traceback" not in err, err
    queries = json.loads(out)["queries"] if out.strip() else []
    answered = bool(queries) and queries[0].get("log_score") is not None
    return printed, seconds, process.returncode, answered


def main() -> None:
    """Interrupt at random times and print the slowest end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100)
    runs = parser.parse_args().runs
    draw = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "grid.gm"
        file.write_text(PROGRAM, "utf-8")
        ended = [
            (at, *interrupted(file, at)) for at in (draw.uniform(0.05, 4) for _ in range(runs))
        ]
    statuses = sorted({status for _, _, _, status, _ in ended})
    silent = [at for at, _, _, _, answered in ended if not answered]
    slowest = max(printed for _, printed, _, _, _ in ended)
    print(
        f"{runs} runs, exit statuses {statuses}, slowest answer {slowest:.2f} s, "
        f"slowest end {max(s for _, _, s, _, _ in ended):.2f} s"
    )
    latest = max(silent, default=0.0)
    print(f"{len(silent)} without an answer, the latest interrupted at {latest:.2f} s")


if __name__ == "__main__":
    main()
