"""Random graphs of every kind with rows of evidence, and what enumeration says of them."""

import numpy as np

from gmruntime.factors.kinds import KINDS, Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, log_score, num_states
from tests.support.random_factors import DRAWN

NUM_ASSIGNMENTS_MAX = 6000


def random_graph(rng: np.random.Generator, *, num_blocks: int = 4) -> FactorGraph:
    """Draw blocks of one or two factors of any kinds over a few variables that they share."""
    sizes: list[int] = [int(rng.integers(1, 4))]
    blocks: list[FactorBlock] = []
    for _ in range(num_blocks):
        kind = KINDS[int(rng.integers(len(KINDS)))]
        count = int(rng.integers(1, 3))
        drawn, shape = DRAWN[kind](rng, int(rng.choice([1, count])), 0.15)
        scopes: list[list[int]] = []
        wider = list(sizes)
        for _ in range(count):
            scope: list[int] = []
            for size in shape:
                known = [v for v, n in enumerate(wider) if n == size and v not in scope]
                if not known or rng.random() < 0.3:
                    wider.append(size)
                    known = [len(wider) - 1]
                scope.append(int(rng.choice(known)))
            scopes.append(scope)
        if np.prod(np.array(wider, float)) <= NUM_ASSIGNMENTS_MAX:
            sizes = wider
            blocks.append(FactorBlock(drawn, np.array(scopes, np.int32), kind.__name__))
    blocks.append(FactorBlock(Table(rng.normal(size=(1,))), np.zeros((1, 0), np.int32)))
    # One variable without factors, of three states.
    sizes.append(3)
    variables = tuple(VariableBlock(f"x{k}", (), size) for k, size in enumerate(sizes))
    return FactorGraph(variables, tuple(blocks))


def random_rows(
    rng: np.random.Generator, graph: FactorGraph, num_rows: int, missing: float
) -> np.ndarray:
    """Draw rows in which so many of the cells are latent."""
    states = num_states(graph)
    rows = (rng.random((num_rows, len(states))) * states).astype(np.int32)
    rows[rng.random(rows.shape) < missing] = -1
    return rows


class Enumerated:
    """Every assignment of a graph of tables, auxiliary variables included, written out."""

    def __init__(self, graph: FactorGraph) -> None:
        """Score all assignments."""
        self.graph = graph
        states = num_states(graph).tolist()
        self.all = np.indices(states).reshape(len(states), -1).T
        self.scores = log_score(graph, self.all)

    def log_z(self, row: np.ndarray) -> float:
        """Sum the assignments that agree with a row."""
        weights = np.exp(self.scores[self._agree(row)])
        return float(np.log(weights.sum())) if weights.sum() > 0 else -np.inf

    def counts(self, row: np.ndarray) -> list[np.ndarray]:
        """Count in what share of the weight each table entry is used."""
        agree = self._agree(row)
        weights = np.exp(self.scores[agree])
        weights /= weights.sum()
        found: list[np.ndarray] = []
        for block in self.graph.factors:
            assert isinstance(block.kind, Table)
            counts = np.zeros(block.kind.log_potentials.shape)
            for f, scope in enumerate(block.scopes):
                states = self.all[agree][:, scope]
                tables = np.full(len(states), f if len(counts) > 1 else 0)
                np.add.at(counts, (tables, *states.T), weights)
            found.append(counts)
        return found

    def _agree(self, row: np.ndarray) -> np.ndarray:
        full = np.full(self.all.shape[1], -1)
        full[: len(row)] = row
        return ((full < 0) | (self.all == full)).all(axis=1)
