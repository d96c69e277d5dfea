"""Disjunctions, sure and noisy: the last variable is what the others cause."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Bool, Float64
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.automaton import Automaton, literals, running
from gmruntime.factors.kind import Constraint, FactorKind, SumChain, allowed
from gmruntime.factors.kinds.linear_sum import LinearSum
from gmruntime.factors.kinds.table import Table
from gmruntime.factors.parameters import flags, floats, needs_last, same_length
from gmruntime.factors.semiring import Messages, join, of_chain

# A noisy-or of up to this many variables is written out when its power has no short form.
_NOISY_ARITY_MAX = 12
# Into how many steps the strength of a wider one is rounded then.
_NUM_NOISY_STEPS = 512


@dataclass(frozen=True, slots=True, eq=False)
class Or(Constraint):
    """Booleans; the last literal is the disjunction of the others, 0 where it holds, else -inf.

    Literal k is `x_k xor negated[k]`; with every literal negated this is a conjunction.
    """

    negated: Bool[np.ndarray, "tables arity"]

    is_divisible = True

    def checked(self, arity: int, num_states_max: int) -> FactorKind:
        """Do as `FactorKind` says."""
        negated = flags("negated", self.negated, 2)
        needs_last(arity)
        same_length("negated", negated, arity, "one entry for each variable of a scope", 1)
        return Or(negated)

    def log_values(self, table_index: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Do as `FactorKind` says."""
        holds = (states > 0) ^ self.negated[table_index]
        return allowed(holds[:, :-1].any(axis=1) == holds[:, -1])

    def expected_states(self, arity: int, position: int) -> int:
        """Do as `FactorKind` says."""
        return 2

    def chains(
        self, count: int, shape: Sequence[int], budget: Budget = UNLIMITED
    ) -> list[tuple[np.ndarray, Automaton]]:
        """Remember whether a literal held; the last literal must say the same."""
        steps = running(self.negated[:, :-1], np.logical_or)
        agrees = literals(self.negated[:, -1])[:, None, :] == np.array([False, True])[:, None]
        return [(np.arange(count), Automaton(steps, allowed(agrees)))]

    def messages(
        self, incoming: Messages, is_max: bool, budget: Budget = UNLIMITED
    ) -> list[np.ndarray]:
        """Do as `FactorKind` says."""
        sure = np.full(self.negated.shape, -np.inf)
        sure[:, -1] = 0.0
        return _weighted_or(sure, self.negated, incoming, is_max)

    def log_sums(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        return _of_effect(len(shape))


@dataclass(frozen=True, slots=True, eq=False)
class NoisyOr(FactorKind):
    """Booleans; the last one, the effect, is caused by each of the others independently.

    P(effect = false | x) = exp(sum_k x_k * log_failures[k] + log_failures[-1])

    Attributes:
        log_failures: log(1 - q_k) for each cause, then log(1 - leak); all <= 0.
    """

    log_failures: Float64[np.ndarray, "tables arity"]

    is_large = True
    is_divisible = True
    has_sum_chain = True

    def checked(self, arity: int, num_states_max: int) -> FactorKind:
        """Do as `FactorKind` says."""
        log_failures = floats("log_failures", self.log_failures, 2, highest=0.0)
        needs_last(arity)
        same_length("log_failures", log_failures, arity, "one for each cause and the leak", 1)
        return NoisyOr(log_failures)

    def log_values(self, table_index: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Do as `FactorKind` says."""
        log_failures = self.log_failures[table_index]
        active = states[:, :-1] > 0
        log_none = np.where(active, log_failures[:, :-1], 0.0).sum(axis=1) + log_failures[:, -1]
        return np.where(states[:, -1] > 0, _log_some(log_none), log_none)

    def expected_states(self, arity: int, position: int) -> int:
        """Do as `FactorKind` says."""
        return 2

    def largest_entries(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        return np.zeros(1)

    def least_entries(self, shape: Sequence[int]) -> np.ndarray:
        """Take the effect as false though every cause acts, or as true by the weakest one."""
        finite = np.where(np.isfinite(self.log_failures), self.log_failures, 0.0)
        weakest = np.where(self.log_failures < 0.0, self.log_failures, -np.inf).max(axis=1)
        acts = _log_some(weakest)
        return np.minimum(finite.sum(axis=1), np.where(np.isfinite(acts), acts, 0.0))

    def support(self, shape: Sequence[int]) -> tuple[FactorKind, ...]:
        """Say it by sums over the causes, far apart for the two effects.

        An effect needs an active cause that may come through, or a leak; without an effect no cause
        may be active that always does.
        """
        causes, leak = self.log_failures[:, :-1], self.log_failures[:, -1]
        arity = self.log_failures.shape[1]
        parts: list[FactorKind] = []
        if (leak == 0.0).any():
            may = np.where(leak[:, None] == 0.0, causes < 0.0, False).astype(np.int64)
            # The sum is lowest only where the effect has no cause; then a leak must have made it.
            coefficients = np.concatenate([may, np.full((len(may), 1), -arity)], axis=1)
            log_potentials = np.zeros((len(may), 2 * arity))
            log_potentials[leak == 0.0, 0] = -np.inf
            parts.append(LinearSum(coefficients, np.full(len(may), -arity), log_potentials))
        always, certain = np.isneginf(causes), np.isneginf(leak)
        if always.any() or certain.any():
            # A certain leak forbids the absent effect whatever the causes are: up to arity - 1.
            coefficients = np.concatenate(
                [always.astype(np.int64), np.full((len(always), 1), arity)], axis=1
            )
            log_potentials = np.zeros((len(always), 2 * arity))
            log_potentials[:, 1:arity] = -np.inf
            log_potentials[certain, 0] = -np.inf
            parts.append(LinearSum(coefficients, np.zeros(len(always), np.int64), log_potentials))
        return tuple(parts)

    def chains(
        self, count: int, shape: Sequence[int], budget: Budget = UNLIMITED
    ) -> list[tuple[np.ndarray, Automaton]]:
        """Count the active causes, where they are all alike."""
        causes = self.log_failures[:, :-1]
        if not (causes == causes[:, :1]).all():
            return []
        num_tables, arity = self.log_failures.shape
        number = np.arange(arity)
        active: np.ndarray = np.where(number > 0, number * self.log_failures[:, :1], 0.0)
        log_none = active + self.log_failures[:, -1:]
        steps = tuple(
            np.broadcast_to(np.arange(k + 1)[:, None] + np.arange(2), (num_tables, k + 1, 2))
            for k in range(arity - 1)
        )
        finals = np.stack([log_none, _log_some(log_none)], axis=2)
        return [(np.arange(count), Automaton(steps, finals))]

    def sum_chain(self, shape: Sequence[int]) -> SumChain | None:
        """Write an OR that grows cause by cause, over "has any cause come through".

        Source: Heckerman and Breese (1996), "Causal independence for probability assessment".
        """
        num_tables, arity = self.log_failures.shape
        if arity < 3:
            return None
        quiet = [np.stack([np.zeros(num_tables), own], axis=1) for own in self.log_failures.T]
        # In logs: what hardly ever comes through is nothing beside 1, and yet not impossible.
        none = self.log_failures[:, -1, None, None] + quiet[0][:, :, None] + quiet[1][:, None, :]
        tables = [np.stack([none, _log_some(none)], axis=3)]
        for own in quiet[2:-1]:
            table = np.full((num_tables, 2, 2, 2), -np.inf)
            table[:, 0, :, 0] = own
            table[:, 0, :, 1] = _log_some(own)
            table[:, 1, :, 1] = 0.0
            tables.append(table)
        # The last variable in scope, the effect, is the last running OR itself.
        tables.append(np.broadcast_to(allowed(np.eye(2, dtype=np.bool_)), (num_tables, 2, 2)))
        return SumChain.in_line(tables, [2] * (arity - 2))

    def tempered(self, shape: Sequence[int], temperature: float) -> FactorKind:
        """Write the factors out where they are not read as they are, wide ones rounded."""
        if temperature == 1.0:
            return self
        is_short = len(shape) <= _NOISY_ARITY_MAX
        written = Table(self.log_tables(shape)) if is_short else self._rounded()
        return written.tempered(shape, temperature)

    def is_estimated(self, shape: Sequence[int], temperature: float) -> bool:
        """Do as `FactorKind` says."""
        return temperature != 1.0 and len(shape) > _NOISY_ARITY_MAX

    def _rounded(self) -> LinearSum:
        """Round each cause's strength so that a wide noisy-or is a function of a short sum.

        Messages through it are estimates anyway; assignments are rescored with the true factor.
        """
        causes, leak = -self.log_failures[:, :-1], -self.log_failures[:, -1]
        # A cause that never fails is as good as one that fails with odds e^-40.
        causes = np.minimum(causes, 40.0)
        step = np.maximum(causes.sum(axis=1), 1e-9) / _NUM_NOISY_STEPS
        rounded = np.rint(causes / step[:, None]).astype(np.int64)
        # A weak cause must stay one, or messages would rule out what is possible.
        rounded = np.maximum(rounded, (causes > 0).astype(np.int64))
        width = int(rounded.sum(axis=1).max()) + 1
        log_none = -(step[:, None] * np.arange(width) + leak[:, None])
        effect = np.full((len(rounded), 1), width, np.int64)
        return LinearSum(
            np.concatenate([rounded, effect], axis=1),
            np.zeros(len(rounded), np.int64),
            np.concatenate([log_none, _log_some(log_none)], axis=1),
        )

    def messages(
        self, incoming: Messages, is_max: bool, budget: Budget = UNLIMITED
    ) -> list[np.ndarray]:
        """Do as `FactorKind` says."""
        plain = np.zeros(self.log_failures.shape, np.bool_)
        return _weighted_or(self.log_failures, plain, incoming, is_max)

    def log_sums(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        return _of_effect(len(shape))


def _of_effect(arity: int) -> Float64[np.ndarray, "1 arity"]:
    """Say that only the last variable, whatever the others are, has a distribution."""
    sums = np.full((1, arity), np.nan)
    sums[0, -1] = 0.0
    return sums


def _log_some(log_none: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
    with np.errstate(divide="ignore"):
        return np.log(-np.expm1(log_none))


def _weighted_or(
    log_failures: np.ndarray, negated: np.ndarray, incoming: Messages, is_max: bool
) -> list[np.ndarray]:
    """Compute the messages of (noisy) ors in O(arity): has some cause acted so far?

    Source: Pearl (1988), "Probabilistic reasoning in intelligent systems", section 4.3.2.
    """
    rows, count = incoming[0].shape[:2]
    arity = len(incoming)
    log_acts = _log_some(log_failures)
    first = np.stack([log_failures[:, -1], log_acts[:, -1]], axis=1)
    first = np.broadcast_to(first[None], (rows, count, 2))

    def literal(k: int, x: int) -> np.ndarray:
        return (negated[:, k] != bool(x))[None, :]

    def ahead(k: int, x: int, values: np.ndarray) -> np.ndarray:
        true = literal(k, x)
        none, some = values[:, :, 0], values[:, :, 1]
        acted = join(some, none + log_acts[None, :, k], is_max)
        return np.stack(
            [np.where(true, none + log_failures[None, :, k], none), np.where(true, acted, some)],
            axis=2,
        )

    def back(k: int, x: int, values: np.ndarray) -> np.ndarray:
        true = literal(k, x)
        none, some = values[:, :, 0], values[:, :, 1]
        if k == arity - 1:
            # The last position is the effect: it must say what happened.
            return np.stack([np.where(true, -np.inf, none), np.where(true, some, -np.inf)], axis=2)
        acted = join(none + log_failures[None, :, k], some + log_acts[None, :, k], is_max)
        return np.stack([np.where(true, acted, none), some], axis=2)

    return of_chain(first, np.zeros((rows, count, 2)), incoming, ahead, back, is_max)
