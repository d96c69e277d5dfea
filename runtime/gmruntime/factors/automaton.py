"""Factors that read their variables one after another: a chain of small tables.

A factor whose value depends on its variables only through a running state (a count, a parity, a
partial sum) is a deterministic automaton. Written over one auxiliary variable for each state in
between, it is a chain of small tables, and because each auxiliary variable is a function of the
variables before it, sums, maxima and numbers of solutions all stay what they were.
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Bool, Float64, Int64


@dataclass(frozen=True, slots=True, eq=False)
class Automaton:
    """Automata of one block of factors, all with the same numbers of states.

    Attributes:
        steps: steps[k][t, s, x] is the state after reading state x of the k-th variable in state
            s; for all variables but the last. The first state is 0.
        log_potentials: log_potentials[t, s, x] when the last variable has state x.
    """

    steps: tuple[Int64[np.ndarray, "tables _states _values"], ...]
    log_potentials: Float64[np.ndarray, "tables _states _values"]


def num_entries(automaton: Automaton) -> int:
    """Count the entries of the tables that `chain_tables` would write."""
    sizes = [automaton.log_potentials.size]
    for step, after in zip(automaton.steps, (*automaton.steps[1:], None), strict=True):
        states = automaton.log_potentials.shape[1] if after is None else after.shape[1]
        sizes.append(step.size * states)
    return sum(sizes)


def chain_tables(
    automaton: Automaton,
) -> tuple[list[Float64[np.ndarray, "tables *states"]], list[int]]:
    """Write an automaton of three variables or more as tables.

    Returns:
        The tables over (x0, x1, s1), (s1, x2, s2), ..., (s_last, x_last), and the number of
        states of s1, s2, ...
    """
    first, second, *later = automaton.steps
    num_tables = first.shape[0]
    rows = np.arange(num_tables)[:, None, None]
    opening = second[rows, first[:, 0, :, None], np.arange(second.shape[2])]
    widths = [step.shape[1] for step in later] + [automaton.log_potentials.shape[1]]
    tables = [_indicator(opening, widths[0])]
    for step, width in zip(later, widths[1:], strict=True):
        tables.append(_indicator(step, width))
    return [*tables, automaton.log_potentials], widths


def _indicator(
    step: Int64[np.ndarray, "tables *states"], width: int
) -> Float64[np.ndarray, "tables *states next_states"]:
    return np.where(step[..., None] == np.arange(width), 0.0, -np.inf)


def running(
    negated: Bool[np.ndarray, "tables arity"], join: np.ufunc
) -> tuple[Int64[np.ndarray, "tables states two"], ...]:
    """Return the steps of automata that join literal after literal into one truth value."""
    steps: list[np.ndarray] = []
    for position in range(negated.shape[1]):
        before = np.array([False] if position == 0 else [False, True])
        after = join(before[None, :, None], literals(negated[:, position])[:, None, :])
        steps.append(after.astype(np.int64))
    return tuple(steps)


def literals(negated: Bool[np.ndarray, " tables"]) -> Bool[np.ndarray, "tables two"]:
    """Say of a literal of each table whether it holds when its variable is 0, and when it is 1."""
    return np.array([False, True]) ^ negated[:, None]
