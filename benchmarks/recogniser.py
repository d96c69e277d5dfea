"""Searches with and without a recogniser: networks of noisy-ors, the best diseases of findings.

    python benchmarks/recogniser.py

Each network is dreamed of once. Findings are then drawn from it, and from it with three times as
much disease, which it never dreamed of. Each case is searched three times in the same run;
the figure is when each search has the best score that any of them finds, and what it has soon.
"""

from time import process_time

import numpy as np

import gmlang
from gmlang.learning.dreams.recogniser import Recogniser
from gmlang.queries.session import evidence_of
from gmruntime.answer import Map
from gmruntime.inference import search

SECONDS = 4.0

SOON = 0.3
"""Seconds after which scores are compared."""


def program(rng: np.random.Generator, num_diseases: int, num_findings: int) -> str:
    """Write a network in which one disease of seven causes a finding, fifteen at most."""
    share = min(0.15, 15 / num_diseases)
    lines = [f"data seen[{num_findings}] : bool", f"var d[{num_diseases}] : bool"]
    lines += [f"var f[{num_findings}] : bool"]
    lines += [f"d[{i}] ~ Bernoulli({rng.uniform(0.02, 0.1):.4f})" for i in range(num_diseases)]
    for j in range(num_findings):
        causes = np.flatnonzero(rng.random(num_diseases) < share)
        given = "".join(f"d[{i}]: {rng.uniform(0.3, 0.95):.3f}, " for i in causes)
        lines.append(f"f[{j}] ~ NoisyOr({given}leak=0.02)")
    return "\n".join([*lines, "observe f = seen", "query MAP(d)"])


def findings(rng: np.random.Generator, text: str, count: int, more: float) -> np.ndarray:
    """Draw findings of people who are so many times as often ill."""
    priors: list[float] = []
    fails: list[dict[int, float]] = []
    for line in text.splitlines():
        if "Bernoulli(" in line:
            priors.append(float(line.partition("Bernoulli(")[2].rstrip(")")))
        if "NoisyOr(" in line:
            given = line.partition("NoisyOr(")[2].split(", ")[:-1]
            pairs = [one.split(": ") for one in given]
            fails.append({int(name[2:-1]): float(p) for name, p in pairs})
    ill = rng.random((count, len(priors))) < np.array(priors) * more
    found = np.zeros((count, len(fails)), np.bool_)
    for j, own in enumerate(fails):
        none = 0.98 * np.prod([np.where(ill[:, i], 1 - p, 1.0) for i, p in own.items()], axis=0)
        found[:, j] = rng.random(count) > none
    return found


Curve = list[tuple[float, float]]
"""When each score was found."""


def curves(model: gmlang.Model, recogniser: Recogniser) -> list[Curve]:
    """Search as ever, from a climb that nobody guides, and from where the recogniser says."""
    graph, (evidence, _) = model.graph(), evidence_of(model.grounding().builder)
    nothing = np.full(graph.num_variables, -1)
    found: list[Curve] = []
    for start in (None, nothing, recogniser.start(graph, evidence)):
        steps = search(graph, Map(), evidence=evidence, budget_s=SECONDS, start=start)
        found.append([(step.seconds, step.log_score) for step in steps if step.is_found])
    return found


def _reached(steps: Curve, score: float) -> float:
    return next((s for s, own in steps if own >= score - 1e-6), SECONDS)


def _at(steps: Curve, seconds: float) -> float:
    return max((own for s, own in steps if s <= seconds), default=steps[0][1])


def compare(num_diseases: int, num_findings: int, count: int) -> None:
    """Search some cases of one network."""
    text = program(np.random.default_rng(0), num_diseases, num_findings)
    model = gmlang.compile(text)
    start = process_time()
    recogniser = gmlang.dream(model.bind(seen=np.zeros(num_findings, bool)), budget_s=300)
    print(f"{num_diseases} x {num_findings}: {recogniser}; {process_time() - start:.1f} s to make")
    for more in (1.0, 3.0):
        times, missed, behind = [], np.zeros(3, int), []
        for seen in findings(np.random.default_rng(1), text, count, more):
            found = curves(model.bind(seen=seen), recogniser)
            best = max(steps[-1][1] for steps in found)
            times.append([_reached(steps, best) for steps in found])
            missed += [steps[-1][1] < best - 1e-6 for steps in found]
            behind.append([best - _at(steps, SOON) for steps in found])
        told = np.median(times, axis=0)
        below = np.mean(behind, axis=0)
        names = ("as ever", "a climb alone", "recogniser")
        shown = "; ".join(
            f"{name} {seconds:.3f} s, missed by {number}, {nats:.2f} nats below after {SOON} s"
            for name, seconds, number, nats in zip(names, told, missed, below, strict=True)
        )
        print(f"  {more:g} times the disease, {count} cases, best score after: {shown}")


if __name__ == "__main__":
    compare(40, 60, 20)
    compare(150, 250, 20)
