"""Belief propagation with a flooding schedule: every message once a sweep.

Source: Kschischang, Frey and Loeliger (2001); damping: Murphy, Weiss and Jordan (1999).
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.budget import Budget
from gmruntime.graph import Assignment, FactorBlock, FactorGraph, num_states
from gmruntime.messages.options import BpOptions
from gmruntime.messages.pairwise import expand_pairwise
from gmruntime.messages.rules import Outgoing, Rule, combine, rule_for

MESSAGE_FLOOR = -1e3
"""No message is lower. It keeps loops with contradictory hard factors finite: forbidden states
keep the odds e^-1000, which vanish in every sum."""


@dataclass(frozen=True, slots=True, eq=False)
class Beliefs:
    """Where belief propagation stopped.

    Attributes:
        log_beliefs: (variables, most states), normalised to log-sum-exp 0; -inf beyond a
            variable's states.
        bethe: the Bethe estimate of log Z; meaningful at temperature 1.
        residual: the largest change of a message in the last sweep, over 1 - damping, nats.
        num_sweeps: how many were made.
        converged: whether the residual is within the tolerance.
        impossible: whether some variable has no state left.
    """

    log_beliefs: np.ndarray
    bethe: float
    residual: float
    num_sweeps: int
    converged: bool
    impossible: bool


@dataclass(slots=True, eq=False)
class _State:
    graph: FactorGraph
    blocks: list[FactorBlock]
    rules: list[Rule]
    unary: np.ndarray
    messages: list[list[np.ndarray]]


def propagate(
    graph: FactorGraph,
    evidence: Assignment,
    budget: Budget,
    options: BpOptions,
    temperature: float = 1.0,
) -> Beliefs:
    """Pass messages until they settle, the sweeps are spent, or the budget is."""
    state = _initial(graph, evidence)
    residual, num_sweeps = 0.0, 0
    while num_sweeps < options.num_sweeps_max:
        num_sweeps += 1
        residual = _sweep(state, options.damping, temperature) / (1.0 - options.damping)
        if residual <= options.tolerance or budget.left_s() <= 0:
            break
    return _finish(state, residual, num_sweeps, options, temperature)


def _initial(graph: FactorGraph, evidence: Assignment) -> _State:
    graph = expand_pairwise(graph)
    states = num_states(graph)
    most = int(states.max(initial=1))
    inside = np.arange(most)[None, :] < states[:, None]
    unary = np.where(inside, 0.0, -np.inf)
    seen = np.flatnonzero(evidence >= 0)
    unary[seen] = -np.inf
    unary[seen, evidence[seen]] = 0.0
    blocks: list[FactorBlock] = []
    rules: list[Rule] = []
    messages: list[list[np.ndarray]] = []
    for block in graph.factors:
        count, arity = block.scopes.shape
        if not count or not arity:
            continue
        sizes = [int(k) for k in states[block.scopes[0]]]
        blocks.append(block)
        rules.append(rule_for(block, sizes))
        messages.append([np.zeros((count, k)) for k in sizes])
    return _State(graph, blocks, rules, unary, messages)


def _totals(state: _State) -> np.ndarray:
    totals = np.maximum(state.unary, MESSAGE_FLOOR)
    for block, messages in zip(state.blocks, state.messages, strict=True):
        for k, message in enumerate(messages):
            columns = slice(0, message.shape[1])
            np.add.at(totals[:, columns], block.scopes[:, k], message)
    return totals


def _incoming(state: _State, number: int, totals: np.ndarray) -> list[np.ndarray]:
    block = state.blocks[number]
    found: list[np.ndarray] = []
    for k, message in enumerate(state.messages[number]):
        inward = totals[block.scopes[:, k], : message.shape[1]] - message
        inward = inward - inward.max(axis=1, keepdims=True)
        found.append(np.maximum(inward, MESSAGE_FLOOR))
    return found


def _sweep(state: _State, damping: float, temperature: float) -> float:
    totals = _totals(state)
    largest = 0.0
    for number, rule in enumerate(state.rules):
        outgoing = rule(_incoming(state, number, totals), temperature)
        for k, old in enumerate(state.messages[number]):
            new = _normalised(outgoing.messages[k], temperature)
            mixed = damping * old + (1.0 - damping) * new
            largest = max(largest, float(np.abs(mixed - old).max(initial=0.0)))
            state.messages[number][k] = mixed
    return largest


def _normalised(message: np.ndarray, temperature: float) -> np.ndarray:
    top = message.max(axis=1, keepdims=True)
    message = np.where(np.isfinite(top), message - np.where(np.isfinite(top), top, 0.0), 0.0)
    message = np.maximum(message, MESSAGE_FLOOR)
    if temperature == 0.0:
        return message
    return message - combine(message, 1, temperature)[:, None]


def _finish(
    state: _State, residual: float, sweep: int, options: BpOptions, temperature: float
) -> Beliefs:
    totals = np.where(np.isfinite(state.unary), _totals(state), -np.inf)
    log_z = combine(totals, 1, 1.0)
    impossible = bool((totals.max(axis=1) < 0.5 * MESSAGE_FLOOR).any())
    bethe = float(log_z.sum())
    clipped = _totals(state)
    for number, rule in enumerate(state.rules):
        inward = _incoming(state, number, clipped)
        outgoing: Outgoing = rule(inward, temperature)
        bethe += float(outgoing.log_sums.sum())
        for k, message in enumerate(state.messages[number]):
            bethe -= float(combine(inward[k] + message, 1, 1.0).sum())
    for block in state.graph.factors:
        if not block.scopes.shape[1]:
            values = np.asarray(getattr(block.kind, "log_potentials", np.zeros(1)))
            bethe += float(np.broadcast_to(values, (block.scopes.shape[0],)).sum())
    return Beliefs(
        totals - log_z[:, None], bethe, residual, sweep, residual <= options.tolerance, impossible
    )
