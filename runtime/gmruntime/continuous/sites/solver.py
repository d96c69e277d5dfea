"""Patches with sites, in each state of their border: the Gaussian that stands for them.

It is joint where that is affordable: by dense matrices for few reals, by the sparse elimination
where that fills in little, else by messages, and the reals are independent.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.budget import Budget
from gmruntime.continuous.dense import DenseSolver, LostError, Solution
from gmruntime.continuous.errors import LayoutTooLargeError
from gmruntime.continuous.patches import StateSolver
from gmruntime.continuous.sites.edges import Messages, send
from gmruntime.continuous.sites.expectation import propagate
from gmruntime.continuous.sites.fields import Field, dense_field
from gmruntime.continuous.sites.laplace import climb
from gmruntime.continuous.sites.sparse_field import sparse_field
from gmruntime.continuous.sparse.structure import Structure
from gmruntime.continuous.system import System

_DENSE_MAX = 600
"""Reals: dense matrices of so many take some milliseconds."""
_ENTRIES_MAX = 1 << 28
"""Of entries of rows, times reals: more do not fit as dense matrices, or take long."""
_STEPS_MAX = 100_000_000
"""Of a sparse elimination: one of more takes longer than messages do."""
_STILL = 1e-3
"""In standard deviations: where a further sweep would move more, nothing is settled."""


@dataclass(slots=True, eq=False)
class Approximate:
    """What is approximate in a patch, for who tells it.

    Attributes:
        is_joint: whether all reals were kept together.
        residual: the most that a further sweep would move something, in standard deviations.
    """

    is_joint: bool = True
    residual: float = 0.0

    @property
    def is_settled(self) -> bool:
        """Whether sweeps came to an end."""
        return self.residual < _STILL


@dataclass(slots=True, eq=False)
class _IndependentSolver:
    """Reals that are taken for independent in each state; see `StateSolver`."""

    found: list[Messages | None]

    def _arrays(
        self, which: Int64[np.ndarray, " states"]
    ) -> tuple[Float64[np.ndarray, "states reals"], Float64[np.ndarray, "states reals"]]:
        known = [one for one in (self.found[k] for k in which.tolist()) if one is not None]
        return np.array([one.means for one in known]), np.array([one.variances for one in known])

    def along(
        self,
        which: Int64[np.ndarray, " states"],
        where: Int64[np.ndarray, " some"],
        coefficients: Float64[np.ndarray, "#states some"],
        budget: Budget,
    ) -> Float64[np.ndarray, "states 2"]:
        """Do as `StateSolver` says."""
        budget.check()
        means, variances = self._arrays(which)
        lines = np.zeros((len(coefficients), means.shape[1]))
        np.add.at(lines.T, where, coefficients.T)
        return np.stack([(lines * means).sum(axis=1), (lines**2 * variances).sum(axis=1)], axis=1)

    def everywhere(
        self,
        which: Int64[np.ndarray, " states"],
        where: Int64[np.ndarray, " some"],
        budget: Budget,
    ) -> tuple[Float64[np.ndarray, "states some"], Float64[np.ndarray, "states some"]]:
        """Do as `StateSolver` says."""
        budget.check()
        means, variances = self._arrays(which)
        return means[:, where], variances[:, where]

    def jointly(
        self,
        which: Int64[np.ndarray, " states"],
        weights: Float64[np.ndarray, " states"],
        where: Int64[np.ndarray, " some"],
        budget: Budget,
    ) -> tuple[Float64[np.ndarray, "states some"], Float64[np.ndarray, "some some"]]:
        """Do as `StateSolver` says."""
        means, variances = self.everywhere(which, where, budget)
        return means, np.diag(weights @ variances)

    def draws(
        self, state: int, noise: Float64[np.ndarray, "draws reals"], budget: Budget
    ) -> Float64[np.ndarray, "draws reals"]:
        """Do as `StateSolver` says."""
        budget.check()
        means, variances = self._arrays(np.array([state]))
        return means + noise * np.sqrt(variances)


def propagated(
    system: System,
    find_structure: Callable[[], Structure],
    budget: Budget,
) -> tuple[StateSolver, Float64[np.ndarray, " states"], int, Approximate]:
    """Integrate a patch with sites in each state of its border.

    Args:
        system: its rows.
        find_structure: of their elimination.
        budget: of time.

    Returns:
        the patch, the logs of the integrals, nats, how many bytes are kept, and how good it is.

    Raises:
        NotProperError: it has no integral in a state.
        LayoutTooLargeError: there are too many states for so many reals.
        TimeoutError: when there is no time left.
    """
    told = Approximate()
    if system.num_reals <= _DENSE_MAX and len(system.columns) * system.num_reals <= _ENTRIES_MAX:
        num_bytes = 16 * system.num_states * system.num_reals**2
        solutions = [_dense(system, k, told, budget) for k in range(system.num_states)]
        logs = np.array([-np.inf if one is None else one.log_value for one in solutions])
        return DenseSolver(system, solutions), logs, num_bytes, told
    if system.sizes:
        raise LayoutTooLargeError(8 * system.num_states * system.num_reals**2)
    try:
        structure = find_structure()
        if structure.num_steps <= _STEPS_MAX:
            found = sparse_field(system, structure, 0, budget)
            if found is None:
                return DenseSolver(system, [None]), np.full(1, -np.inf), 0, told
            log_value = _settled(found, 0, told, budget)
            return found.solver, np.array([log_value]), structure.num_bytes, told
    except (LostError, LayoutTooLargeError):
        pass
    messages = send(system, 0, budget)
    told.is_joint = False
    log_value = -np.inf if messages is None else messages.log_value
    told.residual = 0.0 if messages is None else messages.residual
    return _IndependentSolver([messages]), np.array([log_value]), 16 * system.num_reals, told


def _dense(system: System, state: int, told: Approximate, budget: Budget) -> Solution | None:
    found = dense_field(system, state)
    if found is None:
        return None
    return found.solution(_settled(found, state, told, budget))


def _settled(found: Field, state: int, told: Approximate, budget: Budget) -> float:
    """Climb, then sweep; return the log integral."""
    top = climb(found, state, budget)
    swept = propagate(found, top.tau, top.nu, budget)
    told.residual = max(told.residual, swept.residual)
    return swept.log_value
