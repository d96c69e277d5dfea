"""Run the differential fuzzing for as long as wanted, and print whatever is wrong.

    python -m tests.fuzz.night --seconds 3600 --seed 1 [graphs ...]

Each fault is a line; the last line counts what was tried. The exit status is 1 where anything was
wrong.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

from tests.fuzz import graphs, questions

Round = Callable[[int], Iterator[str]]
"""One seed's worth of questions; yields what is wrong."""


def _graphs(seed: int) -> Iterator[str]:
    rng = np.random.default_rng(seed)
    case = graphs.random_case(rng)
    settings = questions.SETTINGS[seed % len(questions.SETTINGS)]
    for fault in questions.faults(case, settings, rng):
        yield f"{case.sort}, {settings}: {fault}"


ROUNDS: dict[str, Round] = {"graphs": _graphs}


def main() -> int:
    """Go round the kinds of input until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", choices=[*ROUNDS, []], help="which kinds of input")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1_000_000, help="the first seed")
    options = parser.parse_args()
    chosen = options.what or list(ROUNDS)
    tried = dict.fromkeys(chosen, 0)
    wrong = 0
    end = time.monotonic() + options.seconds
    seed = options.seed
    while time.monotonic() < end:
        for name in chosen:
            for fault in ROUNDS[name](seed):
                print(f"{name} {seed}: {fault}", flush=True)
                wrong += 1
            tried[name] += 1
        seed += 1
    print(f"{tried}: {wrong} wrong", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
