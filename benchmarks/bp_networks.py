"""Marginals of classical networks by belief propagation: time, and error against exact ones.

    python benchmarks/bp_networks.py [network ...]

pyAgrum's loopy belief propagation runs beside it, on the same model and evidence.
"""

import gzip
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from gmruntime.answer import Marginals, MarginalsAnswer
from gmruntime.formats.uai import read_uai
from gmruntime.inference import infer

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "bif"


def read_evidence(path: Path, count: int) -> np.ndarray:
    evidence = np.full(count, -1, np.int32)
    if path.exists():
        numbers = [int(word) for word in path.read_text().split()]
        evidence[numbers[1::2]] = numbers[2::2]
    return evidence


def read_marginals(path: Path) -> list[np.ndarray]:
    words = path.read_text().split()
    position, rows = 2, []
    for _ in range(int(words[1])):
        size = int(words[position])
        rows.append(np.array(words[position + 1 : position + 1 + size], float))
        position += 1 + size
    return rows


def errors(found: list[np.ndarray], wanted: list[np.ndarray], hidden: np.ndarray) -> str:
    worst = [np.abs(found[v] - wanted[v]).max() for v in np.flatnonzero(hidden)]
    return f"largest error {max(worst):.4f}, mean of largest {np.mean(worst):.5f}"


def ours(name: str, evidence: np.ndarray) -> tuple[list[np.ndarray], float, str]:
    graph = read_uai(DATA / f"{name}.uai.gz")
    begun = time.perf_counter()
    answer = infer(graph, Marginals(), evidence=evidence, method="bp", budget_s=60.0)
    seconds = time.perf_counter() - begun
    assert isinstance(answer, MarginalsAnswer)
    rows: list[np.ndarray] = []
    for block in answer.probabilities:
        rows.extend(block.reshape(-1, block.shape[-1]))
    quality = answer.quality
    return rows, seconds, f"{quality.status.value}, residual {quality.error:.0e} {quality.note}"


def theirs(name: str, evidence: np.ndarray) -> tuple[list[np.ndarray], float]:
    import json

    import pyagrum

    with tempfile.NamedTemporaryFile(suffix=".bif") as file:
        file.write(gzip.decompress((DATA / f"{name}.bif.gz").read_bytes()))
        file.flush()
        network = pyagrum.loadBN(file.name)
    labels = json.loads((DATA / f"{name}.names.json").read_text())["order"]
    engine = pyagrum.LoopyBeliefPropagation(network)
    engine.setEvidence({labels[v]: int(evidence[v]) for v in np.flatnonzero(evidence >= 0)})
    begun = time.perf_counter()
    engine.makeInference()
    seconds = time.perf_counter() - begun
    return [np.array(engine.posterior(v).tolist()) for v in labels], seconds


def main() -> None:
    for name in sys.argv[1:] or ["alarm", "munin1", "munin", "link"]:
        for case in range(4):
            path = DATA / f"{name}.e{case}.MAR"
            if not path.exists():
                continue
            wanted = read_marginals(path)
            evidence = read_evidence(path.with_suffix(".evid"), len(wanted))
            rows, seconds, quality = ours(name, evidence)
            print(
                f"{name} e{case}: {seconds:.3f} s, {errors(rows, wanted, evidence < 0)} ({quality})"
            )
            try:
                rows, seconds = theirs(name, evidence)
                shown = errors(rows, wanted, evidence < 0)
                print(f"    pyAgrum: {seconds:.3f} s, {shown}", flush=True)
            except Exception as error:
                print(f"    pyAgrum: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
