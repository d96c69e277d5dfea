"""What messages say about the graph: marginals, joints, log Z and a decoded assignment."""

from dataclasses import dataclass, replace

import numpy as np

from gmruntime.arrays import Float64, Int32, num_entries
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.semiring import reduce
from gmruntime.graph import FactorGraph, num_states, shape_of
from gmruntime.messages.bp import Messages, beliefs, split, to_factors
from gmruntime.messages.layout import Layout, table_indices_of


@dataclass(frozen=True, slots=True, eq=False)
class Beliefs:
    """Probabilities of each variable's states by message passing.

    Attributes:
        probabilities: of each variable entry; each variable sums to 1. Where every state of one
            is ruled out they are those of its own potentials.
        contradictory: rows in which some variable has no state left. No proof that nothing
            agrees with the evidence: messages may have lost what underflows.
        logs: what each variable hears of its states, natural logs, not normalised.
    """

    probabilities: Float64[np.ndarray, "rows entries"]
    contradictory: np.ndarray
    logs: Float64[np.ndarray, "rows entries"]


def marginals(
    layout: Layout, unary: Float64[np.ndarray, "rows entries"], messages: Messages
) -> Beliefs:
    """Normalise each variable's belief. At temperature T they are of p^(1/T)."""
    logs = belief = beliefs(layout, unary, messages.values)
    starts = layout.variable_start[:-1]
    sizes = layout.num_states
    high = _over_states(np.maximum, belief, starts, sizes)
    lost = np.isneginf(high)
    if lost.any():
        belief = np.where(np.repeat(lost, sizes, axis=1), _alone(unary, starts, sizes), belief)
        high = _over_states(np.maximum, belief, starts, sizes)
    weights = belief - _by_state(high, sizes)
    np.exp(weights, out=weights)
    weights /= _by_state(_over_states(np.add, weights, starts, sizes), sizes)
    return Beliefs(weights, messages.impossible | lost.any(axis=1), logs)


_FEW_STATES = 8
"""Of so many, the same in all variables, a state of all at a time is quicker."""


def _over_states(
    ufunc: np.ufunc, values: np.ndarray, starts: np.ndarray, sizes: np.ndarray
) -> Float64[np.ndarray, "rows variables"]:
    """Reduce the states of each variable to one number."""
    width = int(sizes[0]) if len(sizes) else 0
    if not 0 < width <= _FEW_STATES or (sizes != width).any():
        return np.asarray(ufunc.reduceat(values, starts, axis=1))
    found = values[:, ::width].copy()
    for state in range(1, width):
        ufunc(found, values[:, state::width], out=found)
    return found


def _by_state(numbers: np.ndarray, sizes: np.ndarray) -> Float64[np.ndarray, "rows entries"]:
    """Give each state what its variable has."""
    is_alike = len(sizes) > 0 and bool((sizes == sizes[0]).all())
    return np.repeat(numbers, int(sizes[0]) if is_alike else sizes, axis=1)


def _alone(unary: np.ndarray, starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return each variable's own potentials; uniform where they too rule every state out."""
    lost = np.isneginf(np.maximum.reduceat(unary, starts, axis=1))
    return np.where(np.repeat(lost, sizes, axis=1), 0.0, unary)


def decode(
    layout: Layout, belief: Float64[np.ndarray, "rows entries"]
) -> Int32[np.ndarray, "rows variables"]:
    """Give each variable its best state by its own belief; the first of equals."""
    result = np.empty((len(belief), len(layout.num_states)), np.int32)
    for size in np.unique(layout.num_states):
        variables = np.flatnonzero(layout.num_states == size)
        places = layout.variable_start[variables][:, None] + np.arange(size)
        result[:, variables] = belief[:, places].argmax(axis=2)
    return result


def bethe_log_partition(
    layout: Layout,
    unary: Float64[np.ndarray, "rows entries"],
    messages: Messages,
    budget: Budget = UNLIMITED,
) -> Float64[np.ndarray, " rows"]:
    """Estimate log Z from messages; exact on forests at convergence, -inf when impossible.

        sum_v log sum_x u_v m  +  sum_f log sum_x f n  -  sum_edges log sum_x m n

    Any scale of a message cancels. At temperature T this is T times the estimate for p^(1/T).

    Raises:
        TimeoutError: when the budget is spent.

    Source: Yedidia, Freeman and Weiss (2005), "Constructing free-energy approximations and
    generalized belief propagation algorithms", section III.
    """
    belief, zeros = split(layout, unary, messages.values)
    full = belief if zeros is None else np.where(zeros > 0, -np.inf, belief)
    starts = layout.variable_start[:-1]
    total = np.zeros(len(unary))
    if len(starts):
        high = np.maximum.reduceat(full, starts, axis=1)
        safe = np.where(np.isneginf(high), 0.0, high)
        if layout.is_max:
            total += high.sum(axis=1)
        else:
            weights = np.exp(full - np.repeat(safe, layout.num_states, axis=1))
            with np.errstate(divide="ignore"):
                total += (np.log(np.add.reduceat(weights, starts, axis=1)) + high).sum(axis=1)
    count_rows = len(unary)
    for group in layout.groups:
        told = to_factors(layout, group, belief, zeros, messages.values)
        said = group.kind.messages(told, layout.is_max, budget)
        total += group.kind.log_norm(told, said, layout.is_max).sum(axis=1)
        for start, n in zip(group.starts, told, strict=True):
            heard = messages.values[:, start : start + n.shape[1] * n.shape[2]]
            edge = _norm(n + heard.reshape(count_rows, *n.shape[1:]), layout.is_max).sum(axis=1)
            total -= np.where(np.isneginf(edge), 0.0, edge)
    scale = 1.0 if layout.is_max else layout.temperature
    result = scale * total + layout.log_constant
    return np.where(messages.impossible | np.isneginf(total), -np.inf, result)


def independent_log_partition(
    layout: Layout, unary: Float64[np.ndarray, "rows entries"], budget: Budget = UNLIMITED
) -> Float64[np.ndarray, " rows"]:
    """Estimate log Z as if factors held independently, where messages have none to offer.

    sum_v log sum_x u_v  +  sum_f log of the mean of f under the u of its variables
    """
    silent = np.zeros((len(unary), len(layout.entry)))
    nothing = np.zeros(len(unary), np.bool_)
    return bethe_log_partition(layout, unary, Messages(silent, 0.0, 0, False, nothing), budget)


def least_log_score(graph: FactorGraph) -> float:
    """Return a number that no score above zero is below: log Z neither, unless Z is 0.

    What messages say that have not settled may be below by thousands of nats.
    """
    states, total = num_states(graph), 0.0
    for block in graph.factors:
        if len(block.scopes):
            least = block.kind.least_entries(shape_of(block, states))
            total += float(np.broadcast_to(least, (len(block.scopes),)).sum())
    return total


def joint(
    layout: Layout,
    unary: Float64[np.ndarray, "rows entries"],
    messages: Messages,
    variables: Int32[np.ndarray, " asked"],
) -> Float64[np.ndarray, "*states"] | None:
    """Return a factor's belief about distinct variables of its scope; None when there is no such.

    Only the first row of messages is read.
    """
    belief, zeros = split(layout, unary, messages.values)
    for group in layout.groups:
        near = np.flatnonzero((group.scopes == variables[0]).any(axis=1))
        member = (group.scopes[near][:, :, None] == variables).any(axis=1).all(axis=1)
        if not member.any() or num_entries(group.states) > 1 << 20:
            continue
        f = int(near[member][0])
        states = np.indices(group.states).reshape(len(group.states), -1).T
        index = table_indices_of(group.kind, len(group.scopes))[f]
        table = group.kind.log_values(np.full(len(states), index), states)
        starts = tuple(s + f * n for s, n in zip(group.starts, group.states, strict=True))
        alone = replace(group, scopes=group.scopes[f : f + 1], starts=starts)
        told = to_factors(layout, alone, belief, zeros, messages.values)
        for k, n in enumerate(told):
            table = table + n[0, 0][states[:, k]]
        high = table.max()
        if np.isneginf(high):
            return None
        weights = np.exp(table - high).reshape(group.states)
        scope = group.scopes[f].tolist()
        asked = variables.tolist()
        kept = [v for v in scope if v in asked]
        weights = weights.sum(axis=tuple(k for k, v in enumerate(scope) if v not in asked))
        return (weights / weights.sum()).transpose([kept.index(v) for v in asked])
    return None


def _norm(values: np.ndarray, is_max: bool) -> np.ndarray:
    return reduce(values, (2,), is_max)


def no_surer(
    told: Float64[np.ndarray, " states"],
    messages: Messages,
    widths: Int32[np.ndarray, " rows"],
) -> Float64[np.ndarray, " states"]:
    """Make probabilities no surer than messages that have not settled can be.

        p' = (1 - e) p + e / k,  e = r / (1 + r)

    for the residual r, nats, and the k states that may be: what still moves by several nats in a
    sweep is little more than a guess, however near to 0 or 1 it happens to stand.

    Args:
        told: probabilities, flat, distribution after distribution.
        messages: they are from.
        widths: the number of states of each distribution.
    """
    if messages.converged:
        return told
    starts = np.cumsum(widths) - widths
    possible = (told > 0.0).astype(np.float64)
    counts = np.repeat(np.add.reduceat(possible, starts), widths)
    residual = float(messages.residual)
    guess = residual / (1.0 + residual) if np.isfinite(residual) else 1.0
    return (1.0 - guess) * told + guess * possible / np.maximum(counts, 1.0)
