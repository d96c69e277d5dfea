"""Frame error rates of sum-product decoding of the WiMAX (576, 288) code beside a published curve.

    python benchmarks/ldpc.py [seconds for each point] [Eb/N0 in dB ...]

The all-zero codeword over a binary-input Gaussian channel; 100 flooding sweeps, stopped when all
checks hold, as the published decoder does. Intervals are 95 %, Clopper and Pearson's.
"""

import gzip
import sys
import time
from pathlib import Path

import numpy as np
from scipy.stats import beta

from gmruntime.factors.kinds import Xor
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock
from gmruntime.messages.compiled import compile_layout, sweep
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
    starts = np.concatenate([[0], ends[:-1]])
    for decibels in points:
        variance = 1.0 / (2.0 * RATE * 10.0 ** (decibels / 10.0))
        frames = errors = sweeps = 0
        begun = time.perf_counter()
        while time.perf_counter() - begun < seconds:
            received = 1.0 + np.sqrt(variance) * rng.normal(size=num_bits)
            # log p(y | 1) - log p(y | 0) = -2 y / variance
            logs = np.stack([np.zeros(num_bits), -2.0 * received / variance], axis=1)
            unary = np.exp(logs - logs.max(axis=1, keepdims=True)).reshape(-1)
            heard = np.ones(len(layout.entry))
            for _ in range(NUM_SWEEPS):
                if sweep(program, unary, heard, said, 0.0) < 0.0:
                    break
                sweeps += 1
                logs = np.log(np.maximum(heard, 1e-300))[layout.order]
                belief = np.log(np.maximum(unary, 1e-300))
                belief[layout.row_entries] += np.add.reduceat(logs, layout.row_starts)
                bits = belief[1::2] > belief[::2]
                if not (np.add.reduceat(bits[members].astype(np.int64), starts) % 2).any():
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
