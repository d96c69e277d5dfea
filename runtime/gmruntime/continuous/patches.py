"""Patches: reals that hang together, and what is believed of them once their border is known."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from gmruntime.arrays import Float64, Int, Int64
from gmruntime.budget import Budget
from gmruntime.continuous.beliefs import Beliefs, GaussianMixture
from gmruntime.continuous.errors import TooLargeError


@runtime_checkable
class StateSolver(Protocol):
    """The rows of a patch, solved in whatever state of its border; reals as numbered there."""

    def along(
        self,
        which: Int64[np.ndarray, " states"],
        where: Int64[np.ndarray, " some"],
        coefficients: Float64[np.ndarray, "#states some"],
        budget: Budget,
    ) -> Float64[np.ndarray, "states 2"]:
        """Return mean and variance of a weighted sum of some reals in some states.

        Args:
            which: states that are not forbidden.
            where: the reals; one may be named twice.
            coefficients: of these, in each state or in all.
            budget: of time.

        Raises:
            TimeoutError: when there is no time left.
        """
        ...

    def everywhere(
        self,
        which: Int64[np.ndarray, " states"],
        where: Int64[np.ndarray, " some"],
        budget: Budget,
    ) -> tuple[Float64[np.ndarray, "states some"], Float64[np.ndarray, "states some"]]:
        """Return means and variances of some reals in some states that are not forbidden.

        Raises:
            TimeoutError: when there is no time left.
        """
        ...

    def jointly(
        self,
        which: Int64[np.ndarray, " states"],
        weights: Float64[np.ndarray, " states"],
        where: Int64[np.ndarray, " some"],
        budget: Budget,
    ) -> tuple[Float64[np.ndarray, "states some"], Float64[np.ndarray, "some some"]]:
        """Return means of some reals in some states, and the weighted sum of their covariances.

        Raises:
            TimeoutError: when there is no time left.
        """
        ...

    def draws(
        self, state: int, noise: Float64[np.ndarray, "draws reals"], budget: Budget
    ) -> Float64[np.ndarray, "draws reals"]:
        """Return draws of the reals, made of independent normal noise of sd 1.

        Raises:
            TimeoutError: when there is no time left.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """Reals that hang together, and the finite variables around them; for one thread at a time.

    Given a state of the border they are jointly normal. What is believed of them is a mixture, one
    part for each state that has a probability: `border_probabilities` below is the joint
    distribution of the border, Float64[*border sizes], whatever it is scaled by.

    Attributes:
        reals: their indices, ascending.
        border: indices of the finite variables that rows on these reals select by.
        sizes: the numbers of states of these.
        log_values: the log of the integral over the reals in each state of the border, nats.
        solver: of the rows.
        budget: of time, asked on the way.
        memory: bytes that an answer may take.
    """

    reals: Int64[np.ndarray, " reals"]
    border: tuple[int, ...]
    sizes: tuple[int, ...]
    log_values: Float64[np.ndarray, "*states"]
    solver: StateSolver
    budget: Budget
    memory: int

    def belief(
        self,
        border_probabilities: Float64[np.ndarray, "*states"],
        coefficients: Float64[np.ndarray, "*#states some"],
        offset: Float64[np.ndarray, "*#states"] | float = 0.0,
        *,
        reals: Int[np.ndarray, " some"] | None = None,
    ) -> GaussianMixture:
        """Return what is believed of coefficients . x + offset.

        Args:
            border_probabilities: of the states of the border.
            coefficients: of `reals`; the axes before may be those of the border.
            offset: one number, or one in each state of the border.
            reals: indices of some of the patch's reals; None for all of them, in order.

        Raises:
            ValueError: a real is not of this patch, or nothing has a probability.
            TimeoutError: when there is no time left.
        """
        where = np.arange(len(self.reals)) if reals is None else self._positions(reals)
        shape = (*self.sizes, len(where))
        states, weights = self._parts(border_probabilities)
        if np.ndim(coefficients) == 1:
            flat = np.asarray(coefficients, np.float64)[None]
        else:
            flat = np.broadcast_to(coefficients, shape).reshape(-1, len(where))[states]
        offsets = np.broadcast_to(offset, self.sizes).reshape(-1)[states]
        found = self.solver.along(states, where, flat, self.budget)
        sds = np.sqrt(np.maximum(found[:, 1], 0.0))
        return GaussianMixture(weights, found[:, 0] + offsets, sds)

    def moments(
        self,
        border_probabilities: Float64[np.ndarray, "*states"],
        reals: Int[np.ndarray, " some"],
    ) -> tuple[Float64[np.ndarray, " some"], Float64[np.ndarray, "some some"]]:
        """Return the joint mean and covariance of some of the reals.

        Raises:
            ValueError, TimeoutError: as in `belief`.
        """
        where = self._positions(reals)
        states, weights = self._parts(border_probabilities)
        means, inside = self.solver.jointly(states, weights, where, self.budget)
        mean = weights @ means
        apart = means - mean
        return mean, inside + apart.T @ (weights[:, None] * apart)

    def all_beliefs(
        self,
        border_probabilities: Float64[np.ndarray, "*states"],
        reals: Int[np.ndarray, " some"] | None = None,
    ) -> Beliefs:
        """Return what is believed of each real.

        Args:
            border_probabilities: of the states of the border.
            reals: indices of some of the patch's reals; None for all of them, in order.

        Raises:
            TooLargeError: there are too many of them in too many states.
            ValueError, TimeoutError: as in `belief`.
        """
        where = np.arange(len(self.reals)) if reals is None else self._positions(reals)
        states, weights = self._parts(border_probabilities)
        num_bytes = 32 * len(states) * len(where)
        if num_bytes > self.memory:
            raise TooLargeError(int(self.reals[where[0]]), num_bytes)
        means, variances = self.solver.everywhere(states, where, self.budget)
        return Beliefs(weights, means, np.sqrt(variances))

    def samples(
        self, rng: np.random.Generator, states: Int[np.ndarray, "draws border"]
    ) -> Float64[np.ndarray, "draws reals"]:
        """Draw all reals of the patch, one row for each draw of its border.

        Raises:
            TimeoutError: when there is no time left.
        """
        drawn = np.zeros((len(states), len(self.reals)))
        flat = np.zeros(len(states), np.int64)
        for k, size in enumerate(self.sizes):
            flat = flat * size + states[:, k]
        for state in np.unique(flat).tolist():
            rows = np.flatnonzero(flat == state)
            noise = rng.standard_normal((len(rows), len(self.reals)))
            drawn[rows] = self.solver.draws(state, noise, self.budget)
        return drawn

    def _positions(self, reals: Int[np.ndarray, " some"]) -> Int64[np.ndarray, " some"]:
        """Return where some reals stand among those of the patch."""
        found = np.searchsorted(self.reals, reals).astype(np.int64)
        wrong = self.reals[np.minimum(found, len(self.reals) - 1)] != reals
        if wrong.any():
            raise ValueError(f"real {int(np.asarray(reals)[wrong][0])} is not of this patch")
        return found

    def _parts(
        self, border_probabilities: Float64[np.ndarray, "*states"]
    ) -> tuple[Int64[np.ndarray, " parts"], Float64[np.ndarray, " parts"]]:
        """List the states of the border that have a probability, and these."""
        flat = np.asarray(border_probabilities, np.float64).reshape(-1)
        if len(flat) != self.log_values.size:
            raise ValueError(f"{len(flat)} probabilities for {self.log_values.size} states")
        states = np.flatnonzero((flat > 0.0) & (self.log_values.reshape(-1) > -np.inf))
        if not len(states):
            raise ValueError("no state of the border has a probability")
        return states, flat[states] / flat[states].sum()
