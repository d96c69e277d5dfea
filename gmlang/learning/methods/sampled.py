"""F where log Z is out of reach: what rows say, and chains for what is expected without them."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, vstack

from gmlang.learning.dependence.tables import Tables
from gmlang.learning.numbers.coordinates import Layout, pulled_back
from gmlang.learning.numbers.priors import Priors
from gmlang.learning.objective import Counts, Objective, Point, gradient_of
from gmruntime.arrays import Bool, Float64
from gmruntime.budget import Budget
from gmruntime.primal.trees.chains import Chains


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """F of a program whose log Z is sampled.

    Attributes:
        tables: as functions of what is learned.
        priors: of that.
        seen: what rows say, exactly; None where that is sampled as well.
        clamped: chains that keep what the rows say, for that; None where it is exact.
        weights: of the rows.
        free: chains that keep nothing.
        heard: of each number, whether a row may say anything about it: F does not depend on others,
            and what chains say of them is chance.
    """

    tables: Tables
    priors: Priors
    seen: Objective | None
    clamped: "Walk | None"
    weights: Float64[np.ndarray, " rows"]
    free: "Walk"
    heard: Bool[np.ndarray, " numbers"]

    @property
    def layout(self) -> Layout:
        """What is learned."""
        return self.tables.layout

    def at(self, numbers: np.ndarray, budget: Budget) -> Point:
        """Return a point whose height and gradient are not known."""
        self.tables.at(numbers, budget)
        unknown = np.full((2, self.layout.size), np.nan)
        prior = self.priors.log_density(numbers)
        return Point(
            *(numbers, np.zeros(0), np.nan, prior, {}, unknown, unknown),
            np.full(self.layout.size, np.nan),
        )

    def told(self, tables: list[np.ndarray | None], budget: Budget) -> Counts:
        """Return how often the rows used each entry, under some tables.

        Raises:
            TimeoutError: when the budget ended before.
        """
        if self.seen is not None:
            return self.seen.under(tables, budget).counts
        assert self.clamped is not None
        entries = self.clamped.moved(tables, 1, slice(None), budget)
        return self.clamped.counts(entries, self.weights, tables)

    def gradient(
        self,
        numbers: np.ndarray,
        tables: list[np.ndarray | None],
        expected: Counts,
        budget: Budget,
    ) -> Float64[np.ndarray, " numbers"]:
        """Return the gradient of F by coordinates.

        Args:
            numbers: where.
            tables: there.
            expected: how often entries are used in a row without evidence.
            budget: that has begun.

        Raises:
            TimeoutError: when the budget ended before.
        """
        total = float(self.weights.sum())
        told = self.told(tables, budget)
        counts = {block: own - total * expected[block] for block, own in told.items()}
        uses = self.tables.uses(counts)
        found = gradient_of(self.tables, self.priors, numbers, counts, uses, budget)
        return np.where(self.heard, found, self.priors.gradient(numbers))

    def statistics(
        self, numbers: np.ndarray, entries: np.ndarray, budget: Budget
    ) -> Float64[np.ndarray, "chains numbers"]:
        """Return how the log score of each chain's assignment changes with each coordinate.

        Raises:
            TimeoutError: when the budget ended before.
        """
        jacobians = self.tables.jacobians(numbers, budget)
        found = self.free.statistics(entries, jacobians, self.layout.size)
        return self.heard * np.stack([pulled_back(self.layout, numbers, one) for one in found])


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """Chains over a graph whose tables change.

    Attributes:
        chains: of all groups.
        constants: the graph's own tables, one block after another.
        blocks: of each, its number among all blocks.
        starts: where each begins in the pool.
    """

    chains: Chains
    constants: Float64[np.ndarray, " entries"]
    blocks: tuple[int, ...]
    starts: np.ndarray

    def moved(
        self, tables: list[np.ndarray | None], sweeps: int, some: slice, budget: Budget
    ) -> np.ndarray:
        """Let some chains sweep under other tables; return the entries that they use then.

        Raises:
            TimeoutError: when the budget ended before.
        """
        pool = self.constants.copy()
        for block, first, last in zip(self.blocks, self.starts[:-1], self.starts[1:], strict=True):
            table = tables[block]
            if table is not None:
                pool[first:last] = table.reshape(-1)
        whole = self.chains
        part = Chains(whole.flat, whole.assignments[some], whole.free[some], whole.states[some])
        part.sweep(pool, sweeps, budget)
        return part.entries()

    def counts(
        self, entries: np.ndarray, weights: np.ndarray, tables: list[np.ndarray | None]
    ) -> Counts:
        """Return how often each entry of the learned blocks was used."""
        each = np.broadcast_to(weights[:, None], entries.shape).reshape(-1)
        total = np.bincount(entries.reshape(-1), each, len(self.constants))
        found = {b: np.zeros_like(table) for b, table in enumerate(tables) if table is not None}
        for block, first, last in zip(self.blocks, self.starts[:-1], self.starts[1:], strict=True):
            if block in found:
                found[block] = total[first:last].reshape(found[block].shape)
        return found

    def statistics(
        self, entries: np.ndarray, jacobians: dict[int, csr_matrix], size: int
    ) -> Float64[np.ndarray, "chains numbers"]:
        """Return how the log score of each chain's assignment changes with each number.

        Args:
            entries: that the chains use.
            jacobians: how entries change, by block.
            size: of the numbers.
        """
        parts = [
            jacobians.get(block, csr_matrix((int(last - first), size)))
            for block, first, last in zip(
                self.blocks, self.starts[:-1], self.starts[1:], strict=True
            )
        ]
        slopes = csr_matrix(vstack([*parts, csr_matrix((0, size))]))
        rows = np.repeat(np.arange(len(entries)), entries.shape[1])
        shape = (len(entries), len(self.constants))
        used = csr_matrix((np.ones(entries.size), (rows, entries.reshape(-1))), shape)
        return csr_matrix(used @ slopes).toarray()
