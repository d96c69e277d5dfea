"""What the trace of a complete search tells: all marginals in one pass, and counts of any size.

The trace is a decision diagram: sums over the records of a node, products over the nodes of a
record. What flows into a node is the derivative of Z by its value.

Source: Darwiche (2003), "A differential approach to inference in Bayesian networks"; Darwiche
(2001), "On the tractability of counting theory models and its application to belief revision".
"""

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import Budget, within
from gmruntime.compiling import loop
from gmruntime.counting.records import NUM_RECORDS, Model, Search, Trace
from gmruntime.counting.search import log_sum

_CLOSE = 1e-6
"""How far the probabilities of a variable may be from 1 together."""


@loop
def _values(
    trace: Trace,
    model: Model,
    num_records: int,
    terms: Float64[np.ndarray, " records"],
    sums: Float64[np.ndarray, " records"],
) -> None:
    """Work out the log of each record, and of it with those before it in its node."""
    for r in range(num_records):
        at = trace.start[r] + trace.counts[r, 0]
        term = trace.log_weight[r]
        for _ in range(trace.counts[r, 1]):
            term += model.log_states[trace.links[at]]
            at += 1
        for _ in range(trace.counts[r, 2]):
            term += sums[trace.links[at]]
            at += 1
        terms[r] = term
        before = trace.previous[r]
        sums[r] = term if before < 0 else log_sum(float(sums[before]), float(term))


@loop
def _flow(
    trace: Trace,
    model: Model,
    num_records: int,
    terms: Float64[np.ndarray, " records"],
    sums: Float64[np.ndarray, " records"],
    flows: Float64[np.ndarray, " records"],
    probabilities: Float64[np.ndarray, "variables states"],
) -> None:
    """Pass shares of Z downward, and add each up at the literals it passes.

    Args:
        trace: whose last record is the root's.
        model: of the search.
        num_records: in use.
        terms: of each record, log.
        sums: up to each record of its node, log.
        flows: of each record the log of the share of Z that flows into its node through it and
            the records before it; -inf but for the root's, which is 0.
        probabilities: zeros; receives them.
    """
    for r in range(num_records - 1, -1, -1):
        if flows[r] == -np.inf:
            continue
        # `sums` are of all records up to this one, which share what flows in.
        share = float(flows[r] + terms[r] - sums[r])
        before = trace.previous[r]
        if before >= 0:
            flows[before] = log_sum(float(flows[before]), float(flows[r] + sums[before] - sums[r]))
        weight = np.exp(share)
        at = trace.start[r]
        for _ in range(trace.counts[r, 0]):
            literal = trace.links[at]
            probabilities[literal >> 6, literal & 63] += weight
            at += 1
        for _ in range(trace.counts[r, 1]):
            v = trace.links[at]
            for x in range(model.num_states[v]):
                probabilities[v, x] += weight / model.num_states[v]
            at += 1
        for _ in range(trace.counts[r, 2]):
            node = trace.links[at]
            flows[node] = log_sum(float(flows[node]), share)
            at += 1


def probabilities_of(search: Search) -> Float64[np.ndarray, "variables states"] | None:
    """Return P(x_v) of every variable of a search that is complete, traced, and above zero.

    None where they do not add up to 1, which no rounding does. Variables that were set before
    anything was decided have the state they were set to.
    """
    model, trace = search.model, search.trace
    num_records = int(search.state.marks[NUM_RECORDS])
    terms, sums = np.empty(num_records), np.empty(num_records)
    found = np.zeros((len(model.num_states), int(model.num_states.max())))
    _values(trace, model, num_records, terms, sums)
    flows = np.full(num_records, -np.inf)
    flows[-1] = 0.0
    _flow(trace, model, num_records, terms, sums, flows, found)
    value = search.state.value
    settled = np.flatnonzero(value >= 0)
    found[settled, value[settled]] = 1.0
    total = found.sum(axis=1, keepdims=True)
    if not (np.abs(total - 1.0) < _CLOSE).all():
        return None
    return found / total


def count_of(search: Search, budget: Budget) -> int:
    """Return how many assignments a complete, traced search of zeros and ones went through.

    Raises:
        TimeoutError: when the budget ended first.
    """
    trace, sizes = search.trace, search.model.num_states.tolist()
    num_records = int(search.state.marks[NUM_RECORDS])
    starts, counts = trace.start[:num_records].tolist(), trace.counts[:num_records].tolist()
    previous = trace.previous[:num_records].tolist()
    sums: list[int] = []
    for r in within(range(num_records), budget):
        at = starts[r] + counts[r][0]
        idle_end = at + counts[r][1]
        term = 1
        for v in trace.links[at:idle_end].tolist():
            term *= sizes[v]
        for node in trace.links[idle_end : idle_end + counts[r][2]].tolist():
            term *= sums[node]
        sums.append(term if previous[r] < 0 else term + sums[previous[r]])
    return sums[-1] if sums else 0
