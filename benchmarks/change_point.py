"""A change point with unknown rates: what is proven, and how soon, beside scipy's quadrature.

    python benchmarks/change_point.py

The program is `examples/change_point.gm`. The peer integrates both rates by `scipy.integrate.quad`
in each of the 111 years, as one would by hand; the truth is in closed form, gamma laws being
conjugate. Seconds are of the processor, the best of three, each of a model that was never asked.
"""

# pyright: reportUnknownParameterType=false, reportMissingParameterType=false
# pyright: reportArgumentType=false

import json
import re
from pathlib import Path
from time import process_time

import numpy as np
from scipy.integrate import quad
from scipy.special import gammaln, logsumexp

import gmlang

PROGRAM = Path(__file__).resolve().parents[1] / "examples" / "change_point.gm"
RUNS = 3


def counts():
    text = PROGRAM.read_text()
    return np.array(json.loads(re.findall(r"= (\[.*?\])", text, re.DOTALL)[0]))


def sums(y):
    """Return for each year how many there are on both sides, and how many years."""
    years = np.arange(1, len(y))
    before = np.cumsum(y)[years - 1]
    return (before, years), (y.sum() - before, len(y) - years)


def truth(y):
    logs = -gammaln(y + 1).sum() - np.log(len(y) - 1)
    for total, years in sums(y):
        logs = logs + gammaln(total + 1) - (total + 1) * np.log(years + 1)
    return float(logsumexp(logs)), np.exp(logs - logsumexp(logs))


def by_quad(y):
    logs = np.full(len(y) - 1, -gammaln(y + 1).sum() - np.log(len(y) - 1))
    for totals, years in sums(y):
        for k, (total, count) in enumerate(zip(totals.tolist(), years.tolist(), strict=True)):
            mode = total / (count + 1)
            top = total * np.log(mode) - (count + 1) * mode if total else 0.0

            def density(x, total=total, count=count, top=top):
                return np.exp(total * np.log(x) - (count + 1) * x - top) if x else 0.0

            logs[k] += top + np.log(quad(density, 0, mode + 30 / np.sqrt(count + 1), limit=200)[0])
    return float(logsumexp(logs)), np.exp(logs - logsumexp(logs))


def best(run):
    found = []
    for _ in range(RUNS):
        start = process_time()
        value = run()
        found.append((process_time() - start, value))
    return min(found, key=lambda one: one[0])


def asked():
    model = gmlang.load(PROGRAM)
    return [model.query(text, budget_s=5) for text in ("logZ()", "P(change = 41)", "E(early)")]


def main():
    y = counts()
    log_z, p = truth(y)
    asked()
    seconds, (bounded, event, mean) = best(asked)
    peer_s, (peer_z, peer_p) = best(lambda: by_quad(y))
    print(f"truth: log Z {log_z:.6f}, P(change = 41) {p[40]:.5f}")
    print(f"gmlang: log Z in [{bounded.log_lower:.6f}, {bounded.log_upper:.6f}] {bounded.status},")
    print(f"  P(change = 41) in [{event.lower:.5f}, {event.upper:.5f}], E(early) {mean.value:.6f}")
    print(
        f"  {seconds:.2f} s for all three; held: {bounded.log_lower <= log_z <= bounded.log_upper}"
    )
    print(f"scipy quad: log Z {peer_z:.6f}, P(change = 41) {peer_p[40]:.5f}: {peer_s:.2f} s")
    print(f"ratio of seconds {seconds / peer_s:.2f}; the peer proves nothing, and has no means")


if __name__ == "__main__":
    main()
