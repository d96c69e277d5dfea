"""The engine without the language: arrays become a factor graph, and the graph is asked.

python examples/runtime_only.py
"""

import numpy as np

import gmruntime as gm
from gmruntime.factors.kinds import Potts, Table


def chain(length: int, num_states: int, rng: np.random.Generator) -> gm.FactorGraph:
    """Make a chain that sees a noisy state at every place and would rather not change."""
    places = np.arange(length, dtype=np.int32)
    seen = rng.normal(size=(length, num_states))
    return gm.FactorGraph(
        variables=(gm.VariableBlock("state", (length,), num_states),),
        factors=(
            gm.FactorBlock(Table(seen), places[:, None]),
            gm.FactorBlock(Potts(np.array([1.5])), np.stack([places[:-1], places[1:]], axis=1)),
        ),
    )


def main() -> None:
    """Ask for the best states, the marginals and log Z."""
    graph = chain(50, 4, np.random.default_rng(0))
    print(gm.plan(graph, gm.Map()))

    best = gm.infer(graph, gm.Map())
    print(best.quality.status, best.assignments[0], f"{best.log_scores[0]:.4f}")

    log_z = gm.infer(graph, gm.LogPartition())
    print(log_z.quality.status, f"{log_z.log_value:.4f}")


if __name__ == "__main__":
    main()
