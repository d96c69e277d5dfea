"""Priors of parameters, as densities in coordinates in which a parameter may be anything.

There a Dirichlet with numbers a adds sum_k a_k log x_k: cases that were seen before. So what is
found from complete cases is the posterior mean, (N_k + a_k) / sum, never 0 where a > 0, and the
same for every way to write a program.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_matrix, diags
from scipy.special import polygamma, xlogy

from gmlang.core.ast import Expression
from gmlang.core.parameters import ParameterKind, Prior
from gmlang.diagnostics import Diagnostic, GmError
from gmlang.errors.learning import course as errors
from gmlang.graph.values.environment import Env, Slots
from gmlang.graph.values.evaluate import evaluate
from gmlang.graph.world.world import ONE_INSTANCE, World
from gmlang.learning.numbers.coordinates import Layout, ParameterArray
from gmruntime.arrays import Bool, Float64

ONE_CASE = "one imaginary case for each distribution without a prior of its own"
"""How the prior is called that stands where none is written."""

HALF_CASES = "half an imaginary case for each state of a distribution without a prior of its own"
"""How that of a variational estimate is called: Jeffreys' prior."""


@dataclass(frozen=True, slots=True, eq=False)
class Priors:
    """The priors of all numbers, shaped like the vector; only those of its kind mean anything.

    Attributes:
        layout: what is learned.
        seen: cases of a probability being true, or of a state; the shape of a Gamma.
        unseen: cases of a probability being false; the rate of a Gamma.
        mean: of reals.
        precision: of reals, 0 where there is no prior.
        default: where the usual weak prior stands, because none is written.
    """

    layout: Layout
    seen: Float64[np.ndarray, " numbers"]
    unseen: Float64[np.ndarray, " numbers"]
    mean: Float64[np.ndarray, " numbers"]
    precision: Float64[np.ndarray, " numbers"]
    default: Bool[np.ndarray, " numbers"]

    @property
    def uses_default(self) -> bool:
        """Whether the weak prior stands anywhere."""
        return bool(self.default.any())

    def of_half_cases(self) -> "Priors":
        """Return the priors with half a case for each state where none is written.

        Of many states 1 / number of states each, the usual one, expects most of them never to
        occur once a distribution, not a point, is learned.
        """
        seen, unseen = (np.where(self.default, 0.5, one) for one in (self.seen, self.unseen))
        return replace(self, seen=seen, unseen=unseen)

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

    def curvature(self, numbers: np.ndarray) -> csr_matrix:
        """Return minus the second derivatives of `log_density` by coordinates."""
        diagonal, outer = np.zeros(self.layout.size), csr_matrix((self.layout.size,) * 2)
        for array in self.layout.arrays:
            x, seen, unseen = (v[array.part] for v in (numbers, self.seen, self.unseen))
            match array.kind:
                case ParameterKind.PROBABILITY:
                    diagonal[array.part] = (seen + unseen) * x * (1.0 - x)
                case ParameterKind.SIMPLEX:
                    rows = array.rows(numbers)
                    total = np.repeat(array.rows(self.seen).sum(axis=1), max(1, array.row))
                    diagonal[array.part] = total * x
                    owner = np.repeat(np.arange(len(rows)), max(1, array.row))
                    place = np.arange(array.start, array.start + array.size)
                    shape = (len(rows), self.layout.size)
                    plain = csr_matrix((x, (owner, place)), shape)
                    outer = outer + plain.T @ csr_matrix((total * x, (owner, place)), shape)
                case ParameterKind.POSITIVE:
                    diagonal[array.part] = unseen * x
                case ParameterKind.REAL:
                    diagonal[array.part] = self.precision[array.part]
        return csr_matrix(diags(diagonal) - outer)

    def best(
        self, uses: Float64[np.ndarray, "2 numbers"], numbers: np.ndarray
    ) -> Float64[np.ndarray, " numbers"]:
        """Return (used + imaginary cases) / sum for each probability and simplex.

        Args:
            uses: how often each number was used, and how often one minus it.
            numbers: that stand where nothing was used or imagined, and for what is neither.
        """
        found = np.array(numbers, np.float64)
        for array in self.layout.arrays:
            part = array.part
            match array.kind:
                case ParameterKind.PROBABILITY:
                    on, off = uses[0, part] + self.seen[part], uses[1, part] + self.unseen[part]
                    total = on + off
                    found[part] = np.divide(on, total, out=found[part].copy(), where=total > 0)
                case ParameterKind.SIMPLEX:
                    rows = array.rows(uses[0] + self.seen)
                    total = rows.sum(axis=1, keepdims=True)
                    out = array.rows(found).copy()
                    found[part] = np.divide(rows, total, out=out, where=total > 0).reshape(-1)
                case ParameterKind.REAL | ParameterKind.POSITIVE:
                    pass
        return found

    def resting(self, plain: np.ndarray) -> Float64[np.ndarray, " numbers"]:
        """Return where the priors alone are highest, which is their means; `plain` without any.

        Args:
            plain: numbers that stand where there is no prior.
        """
        found = self.best(np.zeros((2, self.layout.size)), plain)
        for array in self.layout.arrays:
            part = array.part
            seen, unseen, own = self.seen[part], self.unseen[part], found[part]
            match array.kind:
                case ParameterKind.POSITIVE:
                    is_there = (seen > 0) & (unseen > 0)
                    found[part] = np.divide(seen, unseen, out=own.copy(), where=is_there)
                case ParameterKind.REAL:
                    found[part] = np.where(self.precision[part] > 0, self.mean[part], own)
                case ParameterKind.PROBABILITY | ParameterKind.SIMPLEX:
                    pass
        return found

    def spreads(self) -> tuple[Float64[np.ndarray, " numbers"], Float64[np.ndarray, " numbers"]]:
        """Return the priors' standard deviations, also of log-odds, or logs of positive numbers.

            x ~ Beta(a, b):   Var x = a b / (n^2 (n + 1)), n = a + b;  Var logit x = t(a) + t(b)
            x ~ Gamma(a, b):  Var x = a / b^2;                         Var log x = t(a)

        where t is the trigamma function. NaN where a prior is not proper.
        """
        found, links = np.full(self.layout.size, np.nan), np.full(self.layout.size, np.nan)
        for array in self.layout.arrays:
            part = array.part
            on, off, precision = self.seen[part], self.unseen[part], self.precision[part]
            is_proper, total = (on > 0) & (off > 0), on + off
            match array.kind:
                case ParameterKind.PROBABILITY | ParameterKind.SIMPLEX:
                    if array.kind is ParameterKind.SIMPLEX:
                        rows = array.rows(self.seen)
                        total = np.repeat(rows.sum(axis=1), array.row)
                        is_proper = np.repeat((rows > 0).all(axis=1), array.row)
                        off = total - on
                    with np.errstate(divide="ignore", invalid="ignore"):
                        spread = np.sqrt(on * off / (total + 1.0)) / total
                        # A single state always is: there is nothing to be unsure of.
                        link = np.where(off > 0, np.sqrt(_trigamma(on) + _trigamma(off)), np.nan)
                case ParameterKind.POSITIVE:
                    with np.errstate(divide="ignore", invalid="ignore"):
                        spread, link = np.sqrt(on) / off, np.sqrt(_trigamma(on))
                case ParameterKind.REAL:
                    is_proper = precision > 0
                    with np.errstate(divide="ignore"):
                        spread = link = precision**-0.5
            found[part] = np.where(is_proper, spread, np.nan)
            links[part] = np.where(is_proper, link, np.nan)
        return found, links

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


def _trigamma(x: np.ndarray) -> np.ndarray:
    return np.asarray(polygamma(1, x))


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
    default = np.zeros(layout.size, np.bool_)
    for array in layout.arrays:
        prior = written[array.name]
        part = array.part
        if prior is None:
            is_chance = array.kind in (ParameterKind.PROBABILITY, ParameterKind.SIMPLEX)
            if is_chance:
                default[part] = True
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
    return Priors(layout, seen, unseen, mean, precision, default)


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
