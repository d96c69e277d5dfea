"""Claim: TRW-S brings the bound of tsukuba to 369 184 within 100 sweeps of at most 0.045 s.

    python benchmarks/map_stereo.py --data DIR [--sweeps 150]

The energies of the Middlebury stereo benchmark (Szeliski et al. 2008): 288 x 384 pixels, 16 labels.
A sweep is one pass forward and one back, on one core; seconds are of the process.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from gmruntime.bounds.trws.host import lay_out, no_messages, sweep_both
from gmruntime.factors.kinds import Table
from gmruntime.flat import flatten
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock

ROOT = Path(__file__).resolve().parents[1]


def stereo(file: Path) -> FactorGraph:
    """Read a problem: costs of the labels, and of neighbours that differ, by the edge's cue."""
    with np.load(file) as arrays:
        unary, smooth = arrays["unary"].astype(float), arrays["smooth"].astype(float)
        cues = arrays["hcue"].astype(float)[:, :-1], arrays["vcue"].astype(float)[:-1]
    rows, columns, labels = unary.shape
    index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    sides = (
        np.stack([index[:, :-1], index[:, 1:]], axis=-1),
        np.stack([index[:-1], index[1:]], axis=-1),
    )
    blocks = [FactorBlock(Table(-unary.reshape(-1, labels)), index.reshape(-1, 1))]
    for cue, pairs in zip(cues, sides, strict=True):
        for strength in np.unique(cue):
            table = Table(-(strength * smooth)[None])
            blocks.append(FactorBlock(table, pairs[cue == strength]))
    return FactorGraph((VariableBlock("label", (rows, columns), labels),), tuple(blocks))


def main() -> None:
    """Sweep, and print the bound as it rises."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--sweeps", type=int, default=150)
    arguments = parser.parse_args()
    pairs = lay_out(flatten(stereo(arguments.data / "stereo" / "tsukuba.npz")))
    sweep_both(pairs, no_messages(pairs))
    messages = no_messages(pairs)
    start = time.process_time()
    for sweep in range(1, arguments.sweeps + 1):
        bound = -sweep_both(pairs, messages)
        if sweep in (1, 10, 50, 100) or sweep % 50 == 0:
            each = (time.process_time() - start) / sweep
            print(f"sweep {sweep}: bound {bound:.2f}, {each:.4f} s each")


if __name__ == "__main__":
    main()
