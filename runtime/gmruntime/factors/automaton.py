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

    steps: tuple[Int64[np.ndarray, "tables states values"], ...]
    log_potentials: Float64[np.ndarray, "tables states values"]


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
) -> Float64[np.ndarray, "tables *states"]:
    return np.where(step[..., None] == np.arange(width), 0.0, -np.inf)


def disjunction(negated: Bool[np.ndarray, "tables arity"]) -> Automaton:
    """Remember whether a literal held; the last literal must say the same."""
    steps = _running(negated[:, :-1], np.logical_or)
    literals = _literals(negated[:, -1])
    agrees = literals[:, None, :] == np.array([False, True])[:, None]
    return Automaton(steps, np.where(agrees, 0.0, -np.inf))


def parity(parities: Bool[np.ndarray, " tables"], arity: int) -> Automaton:
    """Remember the sum modulo 2."""
    plain = np.zeros((1, arity - 1), np.bool_)
    steps = _running(np.repeat(plain, len(parities), axis=0), np.logical_xor)
    odd = np.array([[False, True], [True, False]])
    return Automaton(steps, np.where(odd == parities[:, None, None], 0.0, -np.inf))


def _running(negated: np.ndarray, join: np.ufunc) -> tuple[np.ndarray, ...]:
    steps: list[np.ndarray] = []
    for position in range(negated.shape[1]):
        before = np.array([False] if position == 0 else [False, True])
        after = join(before[None, :, None], _literals(negated[:, position])[:, None, :])
        steps.append(after.astype(np.int64))
    return tuple(steps)


def _literals(negated: Bool[np.ndarray, " tables"]) -> Bool[np.ndarray, "tables two"]:
    return np.array([False, True]) ^ negated[:, None]


def counter(
    log_potentials: Float64[np.ndarray, "tables counts"],
    negated: Bool[np.ndarray, "tables arity"],
) -> Automaton:
    """Count the literals that hold, telling apart only counts whose future differs.

    This is the minimal automaton: "at most k" needs k + 2 states however many literals there are.
    """
    arity = negated.shape[1]
    _, classes = np.unique(log_potentials, axis=1, return_inverse=True)
    classes = classes.reshape(-1)
    steps: list[np.ndarray] = []
    final = np.zeros(0)
    for position in range(arity - 1, -1, -1):
        pairs = np.stack([classes[:-1], classes[1:]], axis=1)
        _, first, before = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
        count = first[None, :, None] + _literals(negated[:, position])[:, None, :]
        if position == arity - 1:
            final = log_potentials[np.arange(len(log_potentials))[:, None, None], count]
        else:
            steps.append(classes[count])
        classes = before.reshape(-1)
    return Automaton(tuple(reversed(steps)), final)


def noisy_counter(log_failures: Float64[np.ndarray, "tables arity"]) -> Automaton:
    """Count the active causes of noisy ORs whose causes are all alike."""
    num_tables, arity = log_failures.shape
    count = np.arange(arity)
    active: np.ndarray = np.where(count > 0, count * log_failures[:, :1], 0.0)
    log_none = active + log_failures[:, -1:]
    steps = tuple(
        np.broadcast_to(
            np.arange(position + 1)[:, None] + np.arange(2), (num_tables, position + 1, 2)
        )
        for position in range(arity - 1)
    )
    with np.errstate(divide="ignore"):
        log_some = np.log(-np.expm1(log_none))
    return Automaton(steps, np.stack([log_none, log_some], axis=2))
