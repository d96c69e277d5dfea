"""Marginals: P(x_i | e) of single variables."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from gmruntime.arrays import Float64, Int32
from gmruntime.graph import FactorGraph, block_starts, num_states
from gmruntime.quality import Status
from gmruntime.questions.checks import asked_variables
from gmruntime.questions.enumerate import Enumeration, log_partition, marginal
from gmruntime.questions.idle import Idle
from gmruntime.questions.question import AnyAnswer, Question, Way
from gmruntime.questions.rounding import Lost
from gmruntime.workspace import digest_of

Blocks = tuple[Float64[np.ndarray, "..."], ...]
"""One array for each block: the block's shape, and then its states."""


@dataclass(frozen=True, slots=True, eq=False)
class MarginalsAnswer(AnyAnswer):
    """Answers `Marginals`.

    Attributes:
        probabilities: one array for each block of the graph, shaped (*shape, num_states); rows of
            variables that were not asked are NaN. Observed variables have a 0/1 row.
        lower: certified lower bounds in the same shapes; None when there are none.
        upper: certified upper bounds, likewise.
        log_partition: log Z when it came along, else NaN.
    """

    probabilities: Blocks
    lower: Blocks | None = None
    upper: Blocks | None = None
    log_partition: float = float("nan")

    def log_whole(self) -> float:
        """Return log Z."""
        return self.log_partition

    def rounded(self, log_constant: float, lost: Lost) -> Self:
        """Put a constant factor back into log Z."""
        quality = lost.said(self.quality, Status.ESTIMATE)
        return replace(self, quality=quality, log_partition=self.log_partition + log_constant)


@dataclass(frozen=True, slots=True, eq=False)
class Marginals(Question[MarginalsAnswer]):
    """P(x_i) of the variables listed, or of every variable when `variables` is None."""

    variables: Int32[np.ndarray, " asked"] | None = None

    WAYS: ClassVar[tuple[Way, ...]] = (
        Way.IDLE,
        Way.MEMORIES,
        Way.WINDOWS,
        Way.FOREST,
        Way.QUICK_MESSAGES,
        Way.COUNTING,
        Way.ELIMINATION,
        Way.ESTIMATE,
    )

    def checked(self, graph: FactorGraph) -> Self:
        """Return the question with the variables as the graph has them."""
        if self.variables is None:
            return self
        return replace(self, variables=asked_variables(graph, "Marginals", self.variables))

    def answer_bytes(self, graph: FactorGraph) -> int:
        """Count the bytes of an answer's arrays."""
        blocks = zip(graph.variables, self.asked_blocks(graph), strict=True)
        return sum(8 * block.size * block.num_states for block, is_asked in blocks if is_asked)

    def described(self) -> str:
        """Say what the answer is, where it is too large."""
        return "the marginals of all states asked for"

    def asked_blocks(self, graph: FactorGraph) -> list[bool]:
        """Say of each block whether one of its variables is asked about."""
        if self.variables is None:
            return [True] * len(graph.variables)
        starts = block_starts(graph)
        owners = np.searchsorted(starts, self.variables, side="right") - 1
        asked = np.zeros(len(graph.variables), np.bool_)
        asked[owners] = True
        return asked.tolist()

    def with_idle(
        self, found: MarginalsAnswer, idle: Idle, rng: np.random.Generator
    ) -> MarginalsAnswer:
        """Fill in the rows of idle variables: uniform, or observed."""
        del rng
        asked = np.zeros(len(idle.states), np.bool_)
        asked[slice(None) if self.variables is None else self.variables] = True
        if found.quality.status is Status.IMPOSSIBLE:
            asked[:] = False

        def spread(blocks: Blocks) -> Blocks:
            return _spread(idle, asked, self.asked_blocks(idle.graph), blocks)

        return replace(
            found,
            probabilities=spread(found.probabilities),
            lower=None if found.lower is None else spread(found.lower),
            upper=None if found.upper is None else spread(found.upper),
            log_partition=found.log_partition + idle.log_ways(),
        )

    def enumerated(self, every: Enumeration, rng: np.random.Generator) -> MarginalsAnswer:
        """Add up the weights of each state."""
        del rng
        total = log_partition(every)
        asked = range(every.graph.num_variables) if self.variables is None else self.variables
        sizes, starts = num_states(every.graph), block_starts(every.graph)
        blocks = [np.full((b.size, b.num_states), np.nan) for b in every.graph.variables]
        for v in asked if total > -np.inf else ():
            owner = int(np.searchsorted(starts, v, side="right")) - 1
            while not blocks[owner].size:
                owner -= 1
            blocks[owner][v - starts[owner]] = marginal(every, int(v), int(sizes[v]))
        shaped = tuple(
            rows.reshape(*block.shape, block.num_states)
            for block, rows in zip(every.graph.variables, blocks, strict=True)
        )
        return MarginalsAnswer(every.quality(), shaped, log_partition=total)

    def merged(self, one: MarginalsAnswer, other: MarginalsAnswer) -> MarginalsAnswer:
        """Keep the better probabilities and the tighter bounds."""
        best = min(
            one, other, key=lambda a: (a.rank(), digest_of((a.probabilities, a.log_partition)))
        )
        return replace(
            best,
            lower=_tighter(one.lower, other.lower, np.fmax),
            upper=_tighter(one.upper, other.upper, np.fmin),
        )


def _tighter(one: Blocks | None, other: Blocks | None, tighter: np.ufunc) -> Blocks | None:
    if one is None or other is None:
        return other if one is None else one
    return tuple(np.asarray(tighter(a, b)) for a, b in zip(one, other, strict=True))


def _spread(idle: Idle, asked: np.ndarray, asked_blocks: list[bool], blocks: Blocks) -> Blocks:
    """Arrange rows as the blocks of the graph that was asked, and fill in the idle ones."""
    entries = np.concatenate([np.zeros(0), *(block.reshape(-1) for block in blocks)])
    kept = np.where(idle.is_idle, 1, idle.states)
    places = np.cumsum(kept) - kept
    starts = block_starts(idle.graph)
    result: list[np.ndarray] = []
    pairs = zip(idle.graph.variables, asked_blocks, strict=True)
    for number, (block, is_asked) in enumerate(pairs):
        shape = (*block.shape, block.num_states)
        if not is_asked:
            # A block that nobody asked about takes no room.
            result.append(np.broadcast_to(np.nan, shape))
            continue
        rows = np.full((block.size, block.num_states), np.nan)
        for k in np.flatnonzero(asked[starts[number] : starts[number + 1]]):
            v = int(starts[number] + k)
            if not idle.is_idle[v]:
                rows[k] = entries[places[v] : places[v] + kept[v]]
            elif idle.evidence[v] < 0:
                rows[k] = 1.0 / block.num_states
            else:
                rows[k] = 0.0
                rows[k, idle.evidence[v]] = 1.0
        result.append(rows.reshape(shape))
    return tuple(result)
