"""Priors of parameters, as densities in coordinates in which a parameter may be anything.

There a Dirichlet with numbers a adds sum_k a_k log x_k: cases that were seen before. So what is
found from complete cases is the posterior mean, (N_k + a_k) / sum, never 0 where a > 0, and the
same for every way to write a program.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from gmlang.core.ast import Expression
from gmlang.core.parameters import ParameterKind, Prior
from gmlang.diagnostics import Diagnostic, GmError
from gmlang.errors.learning import course as errors
from gmlang.graph.values.environment import Env, Slots
from gmlang.graph.values.evaluate import evaluate
from gmlang.graph.world.world import ONE_INSTANCE, World
from gmlang.learning.numbers.coordinates import Layout, ParameterArray
from gmruntime.arrays import Float64

ONE_CASE = "one imaginary case for each distribution without a prior of its own"
"""How the prior is called that stands where none is written."""


@dataclass(frozen=True, slots=True, eq=False)
class Priors:
    """The priors of all numbers, shaped like the vector; only those of its kind mean anything.

    Attributes:
        layout: what is learned.
        seen: cases of a probability being true, or of a state; the shape of a Gamma.
        unseen: cases of a probability being false; the rate of a Gamma.
        mean: of reals.
        precision: of reals, 0 where there is no prior.
        uses_default: whether the weak prior stands anywhere.
    """

    layout: Layout
    seen: Float64[np.ndarray, " numbers"]
    unseen: Float64[np.ndarray, " numbers"]
    mean: Float64[np.ndarray, " numbers"]
    precision: Float64[np.ndarray, " numbers"]
    uses_default: bool

    def log_density(self, numbers: np.ndarray) -> float:
        """Return the log of the prior, nats, up to a constant."""
        total = 0.0
        for array in self.layout.arrays:
            x, seen, unseen = (v[array.part] for v in (numbers, self.seen, self.unseen))
            match array.kind:
                case ParameterKind.PROBABILITY:
                    total += float((xlogy(seen, x) + xlogy(unseen, 1.0 - x)).sum())
                case ParameterKind.SIMPLEX:
                    total += float(xlogy(seen, x).sum())
                case ParameterKind.POSITIVE:
                    total += float((xlogy(seen, x) - unseen * x).sum())
                case ParameterKind.REAL:
                    away = x - self.mean[array.part]
                    total -= 0.5 * float((self.precision[array.part] * away**2).sum())
        return total

    def gradient(self, numbers: np.ndarray) -> Float64[np.ndarray, " numbers"]:
        """Return the gradient of `log_density` by coordinates."""
        found = np.zeros(self.layout.size)
        for array in self.layout.arrays:
            x, seen, unseen = (v[array.part] for v in (numbers, self.seen, self.unseen))
            match array.kind:
                case ParameterKind.PROBABILITY:
                    found[array.part] = seen * (1.0 - x) - unseen * x
                case ParameterKind.SIMPLEX:
                    rows, own = array.rows(numbers), array.rows(self.seen)
                    slopes = own - rows * own.sum(axis=1, keepdims=True)
                    found[array.part] = slopes.reshape(-1)
                case ParameterKind.POSITIVE:
                    found[array.part] = seen - unseen * x
                case ParameterKind.REAL:
                    away = x - self.mean[array.part]
                    found[array.part] = -self.precision[array.part] * away
        return found

    def resting(self, plain: np.ndarray) -> Float64[np.ndarray, " numbers"]:
        """Return where the priors alone are highest, which is their means; `plain` without any.

        Args:
            plain: numbers that stand where there is no prior.
        """
        found = np.array(plain, np.float64)
        for array in self.layout.arrays:
            part = array.part
            seen, unseen, own = self.seen[part], self.unseen[part], found[part]
            match array.kind:
                case ParameterKind.PROBABILITY:
                    total = seen + unseen
                    found[part] = np.divide(seen, total, out=own.copy(), where=total > 0)
                case ParameterKind.SIMPLEX:
                    rows = array.rows(self.seen)
                    total = rows.sum(axis=1, keepdims=True)
                    out = array.rows(found).copy()
                    found[part] = np.divide(rows, total, out=out, where=total > 0).reshape(-1)
                case ParameterKind.POSITIVE:
                    is_there = (seen > 0) & (unseen > 0)
                    found[part] = np.divide(seen, unseen, out=own.copy(), where=is_there)
                case ParameterKind.REAL:
                    found[part] = np.where(self.precision[part] > 0, self.mean[part], own)
        return found

    def means(self) -> Float64[np.ndarray, " numbers"]:
        """Return the means of the priors, and something plain where there is none."""
        found = np.zeros(self.layout.size)
        for array in self.layout.arrays:
            seen, unseen = self.seen[array.part], self.unseen[array.part]
            match array.kind:
                case ParameterKind.PROBABILITY:
                    total = seen + unseen
                    share = np.divide(seen, total, out=np.full(array.size, 0.5), where=total > 0)
                    found[array.part] = np.clip(share, 0.01, 0.99)
                case ParameterKind.SIMPLEX:
                    own = array.rows(self.seen)
                    # Where one state has no imaginary case, it begins with a share all the same.
                    own = own + np.maximum(own.sum(axis=1, keepdims=True), 1.0) * 1e-3
                    found[array.part] = (own / own.sum(axis=1, keepdims=True)).reshape(-1)
                case ParameterKind.POSITIVE:
                    is_there = (seen > 0) & (unseen > 0)
                    ones = np.ones(array.size)
                    found[array.part] = np.divide(seen, unseen, out=ones, where=is_there)
                case ParameterKind.REAL:
                    found[array.part] = self.mean[array.part]
        return found


def read_priors(layout: Layout, written: dict[str, Prior | None], world: World) -> Priors:
    """Work out the priors of all that is learned.

    Args:
        layout: what is learned.
        written: the prior of each, by core name; None for the usual one.
        world: with the data that they may mention.

    Raises:
        GmError: for numbers that a prior cannot have.
    """
    zeros = (np.zeros(layout.size) for _ in range(4))
    seen, unseen, mean, precision = zeros
    uses_default = False
    for array in layout.arrays:
        prior = written[array.name]
        part = array.part
        if prior is None:
            is_chance = array.kind in (ParameterKind.PROBABILITY, ParameterKind.SIMPLEX)
            uses_default |= is_chance
            if is_chance:
                seen[part] = 1.0 / max(array.row, 1 + (array.kind is ParameterKind.PROBABILITY))
                unseen[part] = seen[part]
            continue
        values = [_values(prior, argument, array, world) for argument in prior.arguments]
        match array.kind:
            case ParameterKind.SIMPLEX:
                seen[part] = np.broadcast_to(values[0], array.shape).reshape(-1)
            case ParameterKind.PROBABILITY | ParameterKind.POSITIVE:
                seen[part], unseen[part] = (v.item() for v in values)
            case ParameterKind.REAL:
                _need(bool((values[1] > 0).all()), errors.prior_without_spread(prior.span))
                mean[part], precision[part] = values[0].item(), values[1].item() ** -2.0
    return Priors(layout, seen, unseen, mean, precision, uses_default)


def _values(
    prior: Prior,
    argument: Expression | tuple[Expression, ...],
    array: ParameterArray,
    world: World,
) -> np.ndarray:
    env = Env(world, ONE_INSTANCE, Slots())
    parts = argument if isinstance(argument, tuple) else (argument,)
    numbers = [np.asarray(evaluate(part, env), np.float64).reshape(-1)[0] for part in parts]
    if isinstance(argument, tuple):
        mistake = errors.prior_of_other_states(prior.span, array.row, len(numbers))
        _need(len(numbers) == array.row, mistake)
    found = np.array(numbers)
    _need(bool(np.isfinite(found).all()), errors.endless_prior(prior.span))
    if array.kind is not ParameterKind.REAL:
        _need(bool((found >= 0).all()), errors.negative_prior(prior.span))
    return found if isinstance(argument, tuple) else found.reshape(())


def _need(holds: bool, mistake: Diagnostic) -> None:
    if not holds:
        raise GmError([mistake])
