"""Run the differential fuzzing for as long as wanted, and print whatever is wrong.

    python -m tests.fuzz.night --seconds 3600 --seed 1 [graphs programs ...]
    python -m tests.fuzz.night programs --seed 4711 --count 1

Each fault is told with its seed, what was made of it, and the command that makes it again. The last
line, which Ctrl-C brings on as well, counts what was tried. The exit status is 1 where anything was
wrong.
"""

import argparse
import math
import sys
import time
from collections.abc import Iterator

from tests.fuzz.all_rounds import ROUNDS
from tests.fuzz.rounds import try_seed


def main() -> int:
    """Go round the kinds of input until the time is over."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", metavar="ROUND", help=f"of {', '.join(ROUNDS)}")
    parser.add_argument("--seconds", type=float, help="how long [default: 60, or as --count says]")
    parser.add_argument("--count", type=int, help="how many seeds")
    parser.add_argument("--seed", type=int, default=1_000_000, help="the first seed")
    options = parser.parse_args()
    unknown = [name for name in options.what if name not in ROUNDS]
    if unknown:
        parser.error(f"there is no round {unknown[0]!r}; there are {', '.join(ROUNDS)}")
    chosen = options.what or list(ROUNDS)
    seconds = options.seconds or (math.inf if options.count else 60.0)
    num_seeds = options.count or sys.maxsize
    asked = dict.fromkeys(chosen, 0)
    end = time.monotonic() + seconds
    num_faults = 0
    try:
        for seed, name in _pairs(options.seed, num_seeds, chosen):
            if time.monotonic() >= end:
                break
            tried = try_seed(ROUNDS[name], seed)
            asked[name] += tried.num_questions
            num_faults += len(tried.faults)
            for fault in tried.faults:
                print(fault, flush=True)
    except KeyboardInterrupt:
        pass
    print(f"{asked}: {num_faults} wrong", flush=True)
    return 1 if num_faults else 0


def _pairs(first: int, count: int, chosen: list[str]) -> Iterator[tuple[int, str]]:
    """Yield each seed with every round in turn; `product` would list all seeds first."""
    for seed in range(first, first + count):
        for name in chosen:
            yield seed, name


if __name__ == "__main__":
    sys.exit(main())
