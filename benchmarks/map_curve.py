"""Draw the anytime curves of map_uai.json: mean score against time, log axis; toulbar2 as points.

python benchmarks/map_curve.py
"""

import importlib.util
import json
import math
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

HERE = Path(__file__).resolve().parent


def main() -> None:
    specification = importlib.util.spec_from_file_location("map_uai", HERE / "map_uai.py")
    assert specification is not None
    assert specification.loader is not None
    map_uai = importlib.util.module_from_spec(specification)
    sys.modules["map_uai"] = map_uai
    specification.loader.exec_module(map_uai)
    results = json.loads((HERE / "map_uai.json").read_text())
    limits = sorted({float(k.split("_")[1]) for k in results[0] if k.startswith("ours_")})
    times = np.geomspace(0.2, limits[-1], 100)

    def curve(key: str) -> np.ndarray:
        mean = np.zeros(len(times))
        for result in results:
            trace = result.get(key, [])
            trivial = result.get("trivial", -math.inf)
            for k, now in enumerate(times):
                found = max((v for t, v, *_ in trace if t <= now), default=-math.inf)
                mean[k] += map_uai.score(found, result["reference"], trivial) / len(results)
        return mean

    figure, axes = plt.subplots()
    axes.semilogx(times, curve("trace"), label="gmlang")
    if any("pgmax" in result for result in results):
        axes.semilogx(times, curve("pgmax"), label="PGMax, best decoded so far")
    for limit in limits:
        peer = [r[f"toulbar2_{limit:g}"][2] for r in results if f"toulbar2_{limit:g}" in r]
        if peer:
            axes.plot([limit], [sum(peer) / len(peer)], "o", label=f"toulbar2, {limit:g} s")
    axes.set_xlabel("seconds from process start")
    axes.set_ylabel("mean score (100: the reference)")
    axes.legend()
    figure.savefig(HERE / "map_uai.png", dpi=120)


if __name__ == "__main__":
    main()
