"""What a factor graph says of every assignment, worked out from the definitions of its kinds.

It shares nothing with the kinds of factor: sums and comparisons over columns of states.
"""

import math
from dataclasses import dataclass

import numpy as np

from gmruntime.factors import kinds
from gmruntime.graph import FactorGraph
from tests.support.numbers import log_sum

LARGEST = 200_000
"""Assignments that are listed at the most."""


@dataclass(frozen=True, slots=True, eq=False)
class Worth:
    """Every assignment that agrees with the evidence, and its log score (nats).

    Attributes:
        states: one row for each assignment, one column for each variable.
        scores: of each row; -inf where something forbids it.
        scale: the sum of the sizes of all finite log-factors, which rounding is measured by.
    """

    states: np.ndarray
    scores: np.ndarray
    scale: float

    @property
    def tolerance(self) -> float:
        """What two ways of adding the same numbers up may differ by, nats."""
        return 1e-8 + 1e-12 * self.scale

    @property
    def best(self) -> float:
        """The highest score there is."""
        return float(self.scores.max(initial=-np.inf))

    def log_sum(self, rows: np.ndarray | slice = slice(None)) -> float:
        """Return the log of the sum of the scores of some rows."""
        return log_sum(self.scores[rows])

    def by_states(self, variables: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the distinct states of some variables, their log sums and their best scores."""
        kept, group = np.unique(self.states[:, variables], axis=0, return_inverse=True)
        group = group.reshape(-1)
        top = np.full(len(kept), -np.inf)
        np.maximum.at(top, group, self.scores)
        anchor = np.where(np.isfinite(top), top, 0.0)
        total = np.zeros(len(kept))
        np.add.at(total, group, np.exp(self.scores - anchor[group]))
        with np.errstate(divide="ignore"):
            return kept, np.log(total) + anchor, top


def worth_of(graph: FactorGraph, evidence: np.ndarray) -> Worth:
    """List every assignment that agrees with the evidence, with its score."""
    counts = [block.num_states for block in graph.variables for _ in range(block.size)]
    axes = [np.arange(n) if seen < 0 else [seen] for n, seen in zip(counts, evidence, strict=True)]
    assert math.prod(len(axis) for axis in axes) <= LARGEST
    mesh = np.meshgrid(*axes, indexing="ij") if axes else [np.zeros(1, np.int64)]
    states = np.stack([axis.reshape(-1) for axis in mesh], axis=1).astype(np.int64)
    if not axes:
        states = np.zeros((1, 0), np.int64)
    scores = np.zeros(len(states))
    scale = 0.0
    for block in graph.factors:
        for row, scope in enumerate(block.scopes):
            each = log_worth(block.kind, row, states[:, scope])
            scores = scores + each
            scale += float(np.abs(each[np.isfinite(each)]).max(initial=0.0))
    return Worth(states, scores, scale)


def log_worth(kind: kinds.FactorKind, row: int, x: np.ndarray) -> np.ndarray:
    """Return the log-factor of one factor of a block for each row of states of its scope."""

    def own(parameter: np.ndarray) -> np.ndarray:
        return parameter[row] if len(parameter) > 1 else parameter[0]

    forbidden = -np.inf
    match kind:
        case kinds.Table():
            return own(kind.log_potentials)[tuple(x.T)]
        case kinds.Gated():
            inner = own(kind.log_potentials)[tuple(x[:, 1:].T)]
            return np.where(x[:, 0] == 1, inner, 0.0)
        case kinds.Potts():
            return np.where(x[:, 0] == x[:, 1], own(kind.weights), 0.0)
        case kinds.TruncatedLinear() | kinds.TruncatedQuadratic():
            gap = np.abs(x[:, 0] - x[:, 1]).astype(float)
            power = 1 if isinstance(kind, kinds.TruncatedLinear) else 2
            return -np.minimum(own(kind.slopes) * gap**power, own(kind.caps))
        case kinds.Or():
            literal = (x == 1) ^ own(kind.negated)
            return np.where(literal[:, -1] == literal[:, :-1].any(axis=1), 0.0, forbidden)
        case kinds.NoisyOr():
            failures = own(kind.log_failures)
            off = np.where(x[:, :-1] == 1, failures[:-1], 0.0).sum(axis=1) + failures[-1]
            with np.errstate(divide="ignore"):
                on = np.log(-np.expm1(off))
            return np.where(x[:, -1] == 1, on, off)
        case kinds.Xor():
            return np.where(x.sum(axis=1) % 2 == own(kind.parities), 0.0, forbidden)
        case kinds.Count():
            return own(kind.log_potentials)[((x == 1) ^ own(kind.negated)).sum(axis=1)]
        case kinds.LinearSum():
            place = (x * own(kind.coefficients)).sum(axis=1) - own(kind.lowest)
            potentials = own(kind.log_potentials)
            inside = (place >= 0) & (place < len(potentials))
            return np.where(inside, potentials[np.where(inside, place, 0)], forbidden)
        case kinds.AllDifferent():
            ordered = np.sort(x, axis=1)
            return np.where((ordered[:, 1:] == ordered[:, :-1]).any(axis=1), forbidden, 0.0)
        case kinds.Window() | kinds.SoftWindow():
            rows, columns = np.divmod(x[:, -2:], kind.columns)
            down, aside = np.abs(rows[:, 0] - rows[:, 1]), np.abs(columns[:, 0] - columns[:, 1])
            if isinstance(kind, kinds.Window):
                near = (down <= own(kind.reach_rows)) & (aside <= own(kind.reach_columns))
                values = np.where(near, 0.0, forbidden)
            else:
                values = -np.minimum(own(kind.slopes) * (down + aside), own(kind.caps))
            return np.where(x[:, 0] == 0, 0.0, values) if x.shape[1] == 3 else values
        case kinds.Cover():
            takes, passes = own(kind.log_takes), own(kind.log_passes)
            total = np.zeros(len(x))
            for k in range(x.shape[1] - 2, -1, -1):
                total = np.logaddexp(takes[k, x[:, k], x[:, -1]], passes[k, x[:, k]] + total)
            return total
        case kinds.Memory():
            patterns = own(kind.log_patterns)
            places = range(x.shape[1] - 1)
            which = [x[:, 0] for _ in places]
            if kind.symbols is not None:
                which = [own(kind.symbols)[x[:, 0], k] for k in places]
            said = [patterns[which[k], k, x[:, 1 + k]] for k in places]
            return np.sum(said, axis=0)
        case _:
            raise AssertionError(f"no formula for {kind!r}")
