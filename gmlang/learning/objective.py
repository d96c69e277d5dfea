"""What is maximised, as one function of the numbers that are learned.

    F(x) = sum_r w_r [log Z(e_r; x) - log Z(g_r; x)] + log prior(x)

e_r is all that row r observes, g_r what is not to be predicted of it. Where mechanisms alone make
up a program and all is to be predicted, log Z(g_r) is a constant and is not worked out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.parameters import ParameterKind
from gmlang.learning.dependence.tables import Tables
from gmlang.learning.numbers.coordinates import Layout, pulled_back
from gmlang.learning.numbers.priors import Priors
from gmruntime.arrays import Float64
from gmruntime.budget import Budget
from gmruntime.rows.row_program import RowProgram

Counts = Mapping[int, np.ndarray]
"""How often entries were used, for each learned block of the graph."""


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """Rows of evidence, compiled.

    Attributes:
        program: of the rows.
        blocks: for each block of its graph, the block of the tables.
        scale: what its log Z and counts are multiplied with.
    """

    program: RowProgram
    blocks: tuple[int, ...]
    scale: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """The function at some numbers.

    Attributes:
        log_rows: log-likelihood of each row, nats; empty where rows were counted once for all.
        log_likelihood: their weighted sum.
        log_prior: nats, up to a constant.
        counts: of what was seen, by block, that of what may be left out taken away.
        uses: how often direct entries used each number, and how often one minus it.
        seen: the same of what was seen alone.
        gradient: of F by coordinates.
    """

    numbers: Float64[np.ndarray, " numbers"]
    log_rows: Float64[np.ndarray, " rows"]
    log_likelihood: float
    log_prior: float
    counts: Counts
    uses: Float64[np.ndarray, "2 numbers"]
    seen: Float64[np.ndarray, "2 numbers"]
    gradient: Float64[np.ndarray, " numbers"]

    @property
    def value(self) -> float:
        """F, nats."""
        return self.log_likelihood + self.log_prior


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """What rows say in which nothing is latent: the same counts, whatever is learned.

    Attributes:
        counts: of the learned blocks.
        tables: log tables of these blocks at some numbers.
        total: weighted sum of log Z there.
    """

    counts: Counts
    tables: Mapping[int, np.ndarray]
    total: float

    def total_at(self, tables: list[np.ndarray | None]) -> float:
        """Return the weighted sum of log Z for other tables."""
        found = self.total
        for block, own in self.counts.items():
            table = tables[block]
            assert table is not None
            with np.errstate(invalid="ignore"):
                change = np.where(own != 0, own * (table - self.tables[block]), 0.0)
            found += float(change.sum())
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Objective:
    """F of a program, a prior and rows.

    Attributes:
        seen: the rows with all that was seen.
        rest: the rows with what is not to be predicted; None where their log Z is constant. One
            row with nothing stands for all where everything is to be predicted.
        weights: of the rows that `seen` has.
        counted: in place of `seen`, where no row leaves anything open.
        constant: log Z of a row with nothing, where that does not depend on what is learned.
    """

    tables: Tables
    priors: Priors
    seen: Side
    rest: Side | None
    weights: Float64[np.ndarray, " rows"]
    constant: float = 0.0
    counted: Counted | None = None

    @property
    def layout(self) -> Layout:
        """What is learned."""
        return self.tables.layout

    def at(self, numbers: np.ndarray, budget: Budget) -> Point:
        """Evaluate F, its counts and its gradient.

        Raises:
            TimeoutError: when the budget ended before it was known.
            GmError: when a statement has no value for these numbers.
        """
        tables = self.tables.at(numbers, budget)
        if self.counted is None:
            log_rows, counts = _evaluated(self.seen, tables, budget)
            log_rows = log_rows - self.constant
            total = _weighed(self.weights, log_rows)
        else:
            log_rows, counts = np.zeros(0), self.counted.counts
            total = self.counted.total_at(tables) - self.constant * float(self.weights.sum())
        seen = uses = self.tables.uses(counts)
        if self.rest is not None:
            log_rest, others = _evaluated(self.rest, tables, budget)
            total -= _weighed(self.weights, np.broadcast_to(log_rest, self.weights.shape))
            log_rows = log_rows - log_rest if len(log_rows) else log_rows
            counts = {block: own - others[block] for block, own in counts.items()}
            uses = self.tables.uses(counts)
        slopes = self.tables.slopes(counts, numbers, budget)
        gradient = (
            direct_gradient(self.layout, numbers, uses)
            + pulled_back(self.layout, numbers, slopes)
            + self.priors.gradient(numbers)
        )
        prior = self.priors.log_density(numbers)
        return Point(numbers, log_rows, total, prior, counts, uses, seen, gradient)


def counted_once(objective: Objective, numbers: np.ndarray, budget: Budget) -> Objective:
    """Return the objective with the rows counted once for all; nothing in them may be latent.

    Raises:
        TimeoutError: when the budget ended before they were.
    """
    tables = objective.tables.at(numbers, budget)
    log_rows, counts = _evaluated(objective.seen, tables, budget)
    total = _weighed(objective.weights, log_rows)
    own = {block: table for block in counts if (table := tables[block]) is not None}
    return replace(objective, counted=Counted(counts, own, total))


def _weighed(weights: np.ndarray, log_rows: np.ndarray) -> float:
    with np.errstate(invalid="ignore"):
        return float(np.where(weights > 0, weights * log_rows, 0.0).sum())


def _evaluated(
    side: Side, tables: list[np.ndarray | None], budget: Budget
) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    own = [tables[block] for block in side.blocks]
    found = side.program.evaluate(own, budget=budget)
    if np.isnan(found.log_partition).any():
        raise TimeoutError
    counts = {
        block: side.scale * table
        for block, table in zip(side.blocks, found.counts, strict=True)
        if tables[block] is not None
    }
    return found.log_partition, counts


def direct_gradient(
    layout: Layout, numbers: np.ndarray, uses: np.ndarray
) -> Float64[np.ndarray, " numbers"]:
    """Return what direct entries add to the gradient by coordinates.

    N_k - x_k sum_j N_j of a simplex; N (1 - x) - N' x of a probability, N' uses of one minus it.
    """
    found = np.zeros(layout.size)
    for array in layout.arrays:
        x, own, minus = numbers[array.part], uses[0, array.part], uses[1, array.part]
        match array.kind:
            case ParameterKind.PROBABILITY:
                found[array.part] = own * (1.0 - x) - minus * x
            case ParameterKind.SIMPLEX:
                rows, used = array.rows(numbers), array.rows(uses[0])
                slopes = used - rows * used.sum(axis=1, keepdims=True)
                found[array.part] = slopes.reshape(-1)
            case ParameterKind.REAL | ParameterKind.POSITIVE:
                pass
    return found
