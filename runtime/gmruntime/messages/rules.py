"""The message rules: what a block of factors tells its variables, given what they tell it.

All messages of a block are computed at once. A message is an array (factors, states), natural logs.
At temperature t a rule combines by `t log sum exp(. / t)`; 1 is sum-product, 0 max-product.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gmruntime.factors.chains import (
    Chain,
    count_chain,
    linear_sum_chain,
    noisy_or_chain,
    or_chain,
    xor_chain,
)
from gmruntime.factors.kinds import Count, LinearSum, NoisyOr, Or, Xor
from gmruntime.factors.tables import log_tables
from gmruntime.graph import FactorBlock

SUMS_MAX = 1 << 12
"""A weighted sum with more partial sums than this is treated as a table."""

TABLE_BITS_MAX = 9.0
"""A structured factor up to this size is treated as a table: fewer steps, the same messages."""


@dataclass(frozen=True, slots=True, eq=False)
class Outgoing:
    """What a block sends.

    Attributes:
        messages: for each position of the scope (factors, states), not normalised.
        log_sums: log of the sum (or maximum) of each factor times all incoming messages.
    """

    messages: list[np.ndarray]
    log_sums: np.ndarray


Rule = Callable[[list[np.ndarray], float], Outgoing]


def combine(values: np.ndarray, axis: int | tuple[int, ...], temperature: float) -> np.ndarray:
    """Sum out axes in the log domain at a temperature; all -inf gives -inf."""
    largest = values.max(axis=axis, keepdims=True)
    if temperature == 0.0:
        return largest.squeeze(axis)
    safe = np.where(np.isfinite(largest), largest, 0.0)
    with np.errstate(divide="ignore"):
        total = np.log(np.exp((values - safe) / temperature).sum(axis=axis))
    return temperature * total + safe.squeeze(axis)


def rule_for(block: FactorBlock, sizes: list[int]) -> Rule:
    """Choose the rule of a block whose variables have these numbers of states."""
    bits = float(np.log2(np.array(sizes, np.float64)).sum()) if sizes else 0.0
    kind = block.kind
    chain: Chain | None = None
    if bits > TABLE_BITS_MAX:
        match kind:
            case Or():
                chain = or_chain(kind, len(sizes))
            case Xor():
                chain = xor_chain(kind, len(sizes))
            case Count():
                chain = count_chain(kind, len(sizes))
            case NoisyOr():
                chain = noisy_or_chain(kind, len(sizes))
            case LinearSum():
                chain = linear_sum_chain(kind, sizes, SUMS_MAX)
            case _:
                chain = None
    if chain is not None:
        return chain_rule(chain)
    return table_rule(log_tables(kind, sizes))


def table_rule(tables: np.ndarray) -> Rule:
    """Send messages through explicit tables."""
    arity = tables.ndim - 1

    def send(incoming: list[np.ndarray], temperature: float) -> Outgoing:
        total = tables
        for k, message in enumerate(incoming):
            shape = [message.shape[0]] + [1] * arity
            shape[1 + k] = message.shape[1]
            total = total + message.reshape(shape)
        messages: list[np.ndarray] = []
        for k, message in enumerate(incoming):
            axes = tuple(1 + j for j in range(arity) if j != k)
            received = combine(total, axes, temperature) if axes else total
            messages.append(received - message)
        everything = combine(total, tuple(range(1, 1 + arity)), temperature)
        return Outgoing(messages, everything)

    return send


def chain_rule(chain: Chain) -> Rule:
    """Send messages along a chain of small tables: forward, backward, and out at each step."""

    def send(incoming: list[np.ndarray], temperature: float) -> Outgoing:
        forward = [np.zeros((incoming[0].shape[0], 1))]
        for table, message in zip(chain.tables, incoming, strict=True):
            step = table + forward[-1][:, :, None, None] + message[:, None, :, None]
            forward.append(combine(step, (1, 2), temperature))
        backward = np.zeros((incoming[0].shape[0], 1))
        messages: list[np.ndarray] = [backward] * len(incoming)
        for k in range(len(incoming) - 1, -1, -1):
            step = chain.tables[k] + backward[:, None, None, :]
            out = step + forward[k][:, :, None, None]
            messages[k] = combine(out, (1, 3), temperature)
            inner = step + incoming[k][:, None, :, None]
            backward = combine(inner, (2, 3), temperature)
        return Outgoing(messages, forward[-1][:, 0])

    return send
