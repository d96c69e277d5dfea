"""Frame error rates of sum-product decoding of the WiMAX (576, 288) code beside a published curve.

    python benchmarks/ldpc.py [seconds for each point] [Eb/N0 in dB ...]

The all-zero codeword over a binary-input Gaussian channel; 100 flooding sweeps, stopped when all
checks hold, as the published decoder does. Intervals are 95 %, Clopper and Pearson's.
"""

import gzip
import sys
import time
from pathlib import Path

import numba
import numpy as np
from scipy.stats import beta

from gmruntime.factors.kinds import Xor
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock
from gmruntime.messages.compiled.floods import compile_layout, sweep
from gmruntime.messages.layout import build_layout

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "ldpc"
NUM_SWEEPS = 100
RATE = 0.5


def read_checks(path: Path) -> list[list[int]]:
    """Read which bits each check of an alist file sums."""
    with gzip.open(path, "rt") as lines:
        numbers = [[int(word) for word in line.split()] for line in lines]
    num_bits, num_checks = numbers[0]
    return [
        [bit - 1 for bit in row if bit] for row in numbers[4 + num_bits : 4 + num_bits + num_checks]
    ]


def read_curve(path: Path) -> dict[float, tuple[int, int]]:
    """Read frames and frame errors at each Eb/N0 of a published table."""
    curve: dict[float, tuple[int, int]] = {}
    for line in path.read_text().splitlines():
        words = line.replace("|", " ").split()
        if line.startswith("#") or len(words) < 7 or "=" in line:
            continue
        try:
            curve[float(words[1])] = (int(words[2]), int(words[4]))
        except ValueError:
            continue
    return curve


def code_graph(checks: list[list[int]], num_bits: int) -> FactorGraph:
    blocks: list[FactorBlock] = []
    for arity in sorted({len(check) for check in checks}):
        scopes = np.array([c for c in checks if len(c) == arity], np.int32)
        blocks.append(FactorBlock(Xor(np.zeros(1, np.bool_)), scopes))
    return FactorGraph((VariableBlock("bit", (num_bits,), 2),), tuple(blocks))


def interval(errors: int, frames: int) -> tuple[float, float]:
    low = beta.ppf(0.025, errors, frames - errors + 1) if errors else 0.0
    return float(low), float(beta.ppf(0.975, errors + 1, frames - errors))


@numba.njit(nogil=True, cache=True)
def decide(
    unary: np.ndarray,
    heard: np.ndarray,
    row_start: np.ndarray,
    row_messages: np.ndarray,
    ends: np.ndarray,
    members: np.ndarray,
    bits: np.ndarray,
) -> bool:
    """Write each bit's better state; say whether all checks hold."""
    for v in range(len(bits)):
        no, yes = unary[2 * v], unary[2 * v + 1]
        for k in range(row_start[v], row_start[v + 1]):
            no *= heard[row_messages[k]]
            yes *= heard[row_messages[k] + 1]
            high = max(no, yes)
            if 0.0 < high < 1e-100:
                no, yes = no / high, yes / high
        bits[v] = yes > no
    start = 0
    for end in ends:
        odd = False
        for k in range(start, end):
            odd ^= bits[members[k]]
        if odd:
            return False
        start = end
    return True


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    points = [float(word) for word in sys.argv[2:]] or [2.0, 2.5, 3.0]
    checks = read_checks(DATA / "WIMAX_288_576.alist.gz")
    curve = read_curve(DATA / "LDPC_N576_K288_flooding_SPA_i100_WiMAX.txt")
    num_bits = 576
    graph = code_graph(checks, num_bits)
    layout = build_layout(graph, 1.0)
    program = compile_layout(layout)
    said = np.empty(len(layout.entry))
    rng = np.random.default_rng(1)
    ends = np.cumsum([len(c) for c in checks])
    members = np.concatenate([np.array(c) for c in checks])
    bits = np.zeros(num_bits, np.bool_)
    for decibels in points:
        variance = 1.0 / (2.0 * RATE * 10.0 ** (decibels / 10.0))
        frames = errors = sweeps = 0
        begun = time.perf_counter()
        while time.perf_counter() - begun < seconds:
            received = 1.0 + np.sqrt(variance) * rng.normal(size=num_bits)
            # log p(y | 1) - log p(y | 0) = -2 y / variance
            odds = np.exp(-2.0 * received / variance)
            unary = (
                np.stack([np.ones(num_bits), odds], axis=1) / np.maximum(1.0, odds)[:, None]
            ).reshape(-1)
            heard = np.ones(len(layout.entry))
            for _ in range(NUM_SWEEPS):
                if sweep(program, unary, heard, said, 0.0) < 0.0:
                    break
                sweeps += 1
                if decide(
                    unary, heard, program.row_start, program.row_messages, ends, members, bits
                ):
                    break
            frames += 1
            errors += bool(bits.any())
        took = time.perf_counter() - begun
        low, high = interval(errors, frames)
        text = f"{decibels:.2f} dB: {errors} errors in {frames} frames, "
        text += (
            f"{errors / frames:.2e} [{low:.2e}, {high:.2e}], {took / sweeps * 1e6:.0f} us a sweep"
        )
        if decibels in curve:
            published, wrong = curve[decibels]
            low, high = interval(wrong, published)
            text += f" | published {wrong / published:.2e} [{low:.2e}, {high:.2e}]"
        print(text, flush=True)


if __name__ == "__main__":
    main()
