"""Belief propagation: sweeps over all messages until they settle or the budget ends.

    n_v(x) = unary_v(x) + sum over the other factors of m(x)        variable to factor
    m_k(x) = what the factor makes of the other n                    factor to variable

Source: Kschischang, Frey and Loeliger (2001), "Factor graphs and the sum-product algorithm".
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Bool, Float64
from gmruntime.budget import Budget
from gmruntime.messages.layout import Group, Layout
from gmruntime.messages.options import BpOptions
from gmruntime.messages.schedule import sweep_until_settled


@dataclass(frozen=True, slots=True, eq=False)
class Messages:
    """Messages from factors to variables, and how they were reached.

    Attributes:
        values: one row for each row of evidence; natural logs, the largest of a message is 0.
        residual: the largest change of any message in the last sweep divided by 1 - damping: in
            nats when maximising and on forests, else of its probabilities, as multiples of the
            largest.
        num_sweeps: done.
        converged: the residual fell below the tolerance.
        impossible: rows in which some message rules out every state. A proof that no assignment
            agrees with the evidence only while no number underflowed.
    """

    values: Float64[np.ndarray, "rows message_entries"]
    residual: float
    num_sweeps: int
    converged: bool
    impossible: Bool[np.ndarray, " rows"]


def propagate_vectorised(
    layout: Layout,
    unary: Float64[np.ndarray, "rows entries"],
    budget: Budget,
    options: BpOptions,
    values: Float64[np.ndarray, "rows message_entries"],
) -> Messages:
    """Run in NumPy, overwriting `values`; all rows sweep together."""
    impossible = np.zeros(len(unary), np.bool_)

    def sweep(damping: float) -> float:
        change, contradiction = _sweep(layout, unary, values, damping, budget)
        np.logical_or(impossible, contradiction, out=impossible)
        return change

    residual, done = 0.0, 0
    if layout.groups:
        found = sweep_until_settled(sweep, budget, options, may_damp=not layout.is_forest)
        assert found is not None
        residual, done = found
    return Messages(values, residual, done, residual <= options.tolerance, impossible)


def beliefs(
    layout: Layout,
    unary: Float64[np.ndarray, "rows entries"],
    values: Float64[np.ndarray, "rows message_entries"],
) -> Float64[np.ndarray, "rows entries"]:
    """Add up what each variable hears; natural logs, not normalised."""
    result = unary.copy()
    _add_heard(layout, values, result)
    return result


def to_factors(
    layout: Layout,
    group: Group,
    belief: Float64[np.ndarray, "rows entries"],
    zeros: np.ndarray | None,
    values: Float64[np.ndarray, "rows message_entries"],
) -> list[Float64[np.ndarray, "rows factors _states"]]:
    """Compute what each variable says to each factor of a group.

    Args:
        layout: of the graph.
        group: one of its groups.
        belief: sum of what is finite, from `split`.
        zeros: how many factors rule each entry out, from `split`; None when none does.
        values: what the factors said.
    """
    count = len(group.scopes)
    result: list[np.ndarray] = []
    for start, size in zip(group.starts, group.states, strict=True):
        piece = slice(start, start + count * size)
        entry = layout.entry[piece]
        heard = values[:, piece]
        if zeros is None:
            said = belief[:, entry] - heard
        else:
            is_zero = np.isneginf(heard)
            said = belief[:, entry] - np.where(is_zero, 0.0, heard)
            said = np.where(zeros[:, entry] - is_zero > 0, -np.inf, said)
        said = said.reshape(len(values), count, size)
        result.append(said - _finite_max(said))
    return result


def split(
    layout: Layout,
    unary: Float64[np.ndarray, "rows entries"],
    values: Float64[np.ndarray, "rows message_entries"],
) -> tuple[Float64[np.ndarray, "rows entries"], np.ndarray | None]:
    """Add up what is finite, and count what is -inf, so that either can be taken back."""
    is_zero = np.isneginf(values)
    if not is_zero.any():
        return beliefs(layout, unary, values), None
    belief = beliefs(layout, unary, np.where(is_zero, 0.0, values))
    zeros = np.zeros(belief.shape)
    _add_heard(layout, is_zero.astype(np.float64), zeros)
    return belief, zeros


def _add_heard(layout: Layout, values: np.ndarray, result: np.ndarray) -> None:
    if len(layout.order):
        sums = np.add.reduceat(values[:, layout.order], layout.row_starts, axis=1)
        result[:, layout.row_entries] += sums


def _sweep(
    layout: Layout, unary: np.ndarray, values: np.ndarray, damping: float, budget: Budget
) -> tuple[float, np.ndarray]:
    """Update every message in place; return the largest change and the rows that contradict.

    Raises:
        TimeoutError: when the budget is spent before all are.
    """
    impossible = np.zeros(len(unary), np.bool_)
    change = 0.0
    belief, zeros = split(layout, unary, values)
    for group in layout.groups:
        told = to_factors(layout, group, belief, zeros, values)
        said = group.kind.messages(told, layout.is_max, budget)
        for start, new in zip(group.starts, said, strict=True):
            high = new.max(axis=2, keepdims=True)
            lost = np.isneginf(high)
            if lost.any():
                impossible |= lost.any(axis=(1, 2))
            fresh = np.where(lost, 0.0, new - np.where(lost, 0.0, high)).reshape(len(values), -1)
            old = values[:, start : start + fresh.shape[1]]
            if damping:
                fresh = damping * old + (1.0 - damping) * fresh
            change = max(change, _change(old, fresh, layout.is_max or layout.is_forest))
            values[:, start : start + fresh.shape[1]] = fresh
    return change, impossible


def _change(old: np.ndarray, new: np.ndarray, in_nats: bool) -> float:
    # Nats count what is improbable now but may become all that is left: only they prove exactness.
    if not in_nats:
        return float(np.abs(np.exp(new) - np.exp(old)).max(initial=0.0))
    with np.errstate(invalid="ignore"):
        difference = np.abs(new - old)
    return float(np.where(old == new, 0.0, difference).max(initial=0.0))


def _finite_max(values: np.ndarray) -> np.ndarray:
    high = values.max(axis=2, keepdims=True)
    return np.where(np.isneginf(high), 0.0, high)
