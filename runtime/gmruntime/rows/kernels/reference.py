"""Runs a program for one row in NumPy, in logs: the oracle of the loops, and slow but safe.

Every table of a step is looked at as an array over the step's free axes, whatever it lacks having
stride 0; so the formulas stand here as they are written:

    result = log sum over inner of exp(sum of operands)
    derivative of an operand += derivative of the result + all other operands, summed likewise
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided

from gmruntime.arrays import Float64, Int32, Int64
from gmruntime.rows.kernels.records import Steps


@dataclass(frozen=True, slots=True, eq=False)
class LogRow:
    """What is found for one row.

    Attributes:
        log_z: natural log of Z, -inf where the row is impossible.
        failed: the step whose result was 0 throughout, -1 where none was.
        log_counts: of each entry of the pool, the log of the probability that it is used; of a row
            that is impossible, -inf.
        beliefs: the probability of each state of the variables that are watched.
    """

    log_z: float
    failed: int
    log_counts: Float64[np.ndarray, " entries"]
    beliefs: Float64[np.ndarray, " watched"]


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """The free axes of a step in a row: their sizes, and where and how far apart tables lie."""

    sizes: tuple[int, ...]
    num_outer: int
    bases: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]

    def of(self, array: np.ndarray, table: int, num_axes: int) -> np.ndarray:
        """Show a table, 0 being the result, over the first free axes."""
        apart = [array.itemsize * stride for stride in self.strides[table][:num_axes]]
        return as_strided(array[self.bases[table] :], self.sizes[:num_axes], apart)


def run_row(
    steps: Steps,
    log_pool: Float64[np.ndarray, " entries"],
    evidence: Int32[np.ndarray, " variables"],
    pointers: Int64[np.ndarray, " factors"],
) -> LogRow:
    """Run all steps forwards and backwards.

    Args:
        steps: the program.
        log_pool: natural logs of all tables.
        evidence: the state of each variable, -1 where it is latent.
        pointers: where each table begins in the pool.
    """
    logs = np.concatenate([np.zeros(steps.num_entries), log_pool])
    looks = [_look(steps, evidence, pointers, s) for s in range(len(steps.inner))]
    nothing = np.full(len(log_pool), -np.inf)
    no_beliefs = np.zeros(steps.num_entries - steps.num_results)
    for s, look in enumerate(looks):
        total = _product(logs, look, range(1, len(look.bases)))
        result = look.of(logs, 0, look.num_outer)
        result[...] = _log_sum(total, tuple(range(look.num_outer, total.ndim)))
        if np.isneginf(result).all():
            return LogRow(-np.inf, s, nothing, no_beliefs)
    log_z = float(logs[steps.result_start[-1]])
    derivatives = np.full(len(logs), -np.inf)
    derivatives[steps.result_start[-1]] = -log_z
    for look in reversed(looks):
        given = look.of(derivatives, 0, look.num_outer)
        given = given.reshape(given.shape + (1,) * (len(look.sizes) - look.num_outer))
        tables = range(1, len(look.bases))
        for j in tables:
            others = given + _product(logs, look, [k for k in tables if k != j])
            lacking = tuple(k for k, apart in enumerate(look.strides[j]) if apart == 0)
            told = _log_sum(others, lacking, keep=True)
            mine = look.of(derivatives, j, len(look.sizes))[..., *_first(lacking, others)]
            mine[...] = np.logaddexp(mine, told)
    counts = derivatives + np.where(np.isneginf(derivatives), -np.inf, logs)
    beliefs = np.exp(counts[steps.num_results : steps.num_entries])
    return LogRow(log_z, -1, counts[steps.num_entries :], beliefs)


def _look(steps: Steps, evidence: np.ndarray, pointers: np.ndarray, s: int) -> _Look:
    axes = steps.axes[steps.axis_start[s] : steps.axis_start[s + 1]]
    operands = range(int(steps.operand_start[s]), int(steps.operand_start[s + 1]))
    states = evidence[axes]
    free = states < 0
    stored = steps.strides[steps.stride_start[s] : steps.stride_start[s + 1]]
    strides = stored.reshape(len(axes), len(operands) + 1)
    # What a row observes whole is left to others, as in the loops.
    kept = [j for j, o in enumerate(operands) if steps.given[o] < 0 or strides[free, j + 1].any()]
    places = [
        steps.num_entries + pointers[steps.given[o]] if steps.given[o] >= 0 else steps.base[o]
        for o in (operands[j] for j in kept)
    ]
    strides = strides[:, [0, *(j + 1 for j in kept)]]
    bases = np.array([steps.result_start[s], *places], np.int64) + np.maximum(states, 0) @ strides
    num_outer = int(free[axes != steps.inner[s]].sum())
    return _Look(
        tuple(steps.sizes[axes[free]].tolist()),
        num_outer,
        tuple(bases.tolist()),
        tuple(tuple(column) for column in strides[free].T.tolist()),
    )


def _product(logs: np.ndarray, look: _Look, tables: "range | list[int]") -> np.ndarray:
    total = np.zeros(look.sizes)
    for table in tables:
        total += look.of(logs, table, len(look.sizes))
    return total


def _log_sum(logs: np.ndarray, axes: tuple[int, ...], *, keep: bool = False) -> np.ndarray:
    """Return the log of the sum of exponentials along some axes."""
    if not axes:
        return logs
    largest = logs.max(axis=axes, keepdims=True)
    safe = np.where(np.isneginf(largest), 0.0, largest)
    with np.errstate(divide="ignore"):
        found = np.log(np.exp(logs - safe).sum(axis=axes, keepdims=True)) + safe
    return found if keep else found.reshape([n for k, n in enumerate(logs.shape) if k not in axes])


def _first(lacking: tuple[int, ...], like: np.ndarray) -> tuple[slice, ...]:
    """Show a table without repeating it along what it lacks."""
    return tuple(slice(0, 1) if k in lacking else slice(None) for k in range(like.ndim))
