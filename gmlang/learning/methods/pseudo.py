"""Weights of random fields by pseudo-likelihood: each variable given all others, no inference.

    PL(x) = sum_r w_r sum_v log P(x_v | all others of row r) + log prior

Its maximum tends to the truth as rows grow in number, though not as fast as that of F.

Source: Besag (1975), "Statistical analysis of non-lattice data".
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, vstack

from gmlang.learning.dependence.tables import Tables
from gmlang.learning.numbers.coordinates import Layout, pulled_back
from gmlang.learning.numbers.priors import Priors
from gmlang.learning.objective import Point, gradient_of
from gmruntime.arrays import Float64
from gmruntime.budget import Budget
from gmruntime.rows.conditionals import Conditionals

_ROWS_AT_ONCE = 1 << 12


@dataclass(frozen=True, slots=True, eq=False)
class Pseudo:
    """The pseudo-likelihood of rows that observe everything, and the prior.

    Attributes:
        tables: as functions of what is learned.
        priors: of that.
        conditionals: of the rows.
        blocks: for each block of their graph, that of the tables.
    """

    tables: Tables
    priors: Priors
    conditionals: Conditionals
    blocks: tuple[int, ...]

    @property
    def layout(self) -> Layout:
        """What is learned."""
        return self.tables.layout

    def at(self, numbers: np.ndarray, budget: Budget) -> Point:
        """Evaluate it and its gradient.

        Raises:
            TimeoutError: when the budget ended before it was known.
            GmError: when a statement has no value for these numbers.
        """
        tables = self.tables.at(numbers, budget)
        found = self.conditionals.evaluate([tables[b] for b in self.blocks], budget)
        counts = {b: np.zeros_like(table) for b, table in enumerate(tables) if table is not None}
        for block, own in zip(self.blocks, found.counts, strict=True):
            if block in counts:
                counts[block] = own
        uses = self.tables.uses(counts)
        gradient = gradient_of(self.tables, self.priors, numbers, counts, uses, budget)
        prior, unknown = self.priors.log_density(numbers), np.full_like(uses, np.nan)
        return Point(*(numbers, np.zeros(0), found.total, prior, counts, uses, unknown), gradient)

    def scatter(self, numbers: np.ndarray, budget: Budget) -> Float64[np.ndarray, "all all"]:
        """Return how the gradient by coordinates varies with the rows that were seen.

        A prior varies as the cases would that it stands for.

        Raises:
            TimeoutError: when the budget ended before.
        """
        tables = self.tables.at(numbers, budget)
        of, layout = self.conditionals, self.layout
        own = [tables[b] for b in self.blocks]
        found = of.evaluate(own, budget, wants_residuals=True)
        slopes = self._slopes(numbers, budget)
        by_number = csr_matrix(found.residuals @ slopes).toarray()
        back = np.stack([pulled_back(layout, numbers, one) for one in np.eye(layout.size)])
        scores = by_number @ back
        total, outer = np.zeros(layout.size), np.zeros((layout.size, layout.size))
        for first in range(0, len(of.which), _ROWS_AT_ONCE):
            budget.check()
            some = slice(first, first + _ROWS_AT_ONCE)
            which, weights = of.which[some], of.weights[some]
            rows = np.repeat(np.arange(len(which)), which.shape[1])
            ones = (np.ones(which.size), (rows, which.reshape(-1)))
            each = csr_matrix(ones, (len(which), len(scores))) @ scores
            total += weights @ each
            outer += each.T @ (weights[:, None] * each)
        # What the prior pulls on all rows alike is no variation.
        outer -= np.outer(total, total) / max(float(of.weights.sum()), 1e-300)
        return outer + self.priors.curvature(numbers).toarray()

    def _slopes(self, numbers: np.ndarray, budget: Budget) -> csr_matrix:
        """Return how each entry of the pool changes with each number."""
        of, jacobians = self.conditionals, self.tables.jacobians(numbers, budget)
        starts = of.starts()
        parts: list[csr_matrix] = []
        for block, first, last in zip(self.blocks, starts[:-1], starts[1:], strict=True):
            size = int(last - first)
            is_learned = block in jacobians and size
            parts.append(jacobians[block] if is_learned else csr_matrix((size, self.layout.size)))
        parts.append(csr_matrix((len(of.constants), self.layout.size)))
        return csr_matrix(vstack(parts))
