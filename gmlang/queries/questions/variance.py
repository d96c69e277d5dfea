"""Var: the variance of an expression."""

import math
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import Array, Real, Type
from gmlang.core.checking import Checking
from gmlang.core.names.scope import Env
from gmlang.core.program import Asked, Query
from gmlang.core.walk import type_of
from gmlang.queries.answers import Answer
from gmlang.queries.question import Question, Single
from gmlang.queries.questions.expectation import number_asked_for
from gmlang.queries.reading import asked_once, flat_rows
from gmlang.queries.session import Prepared
from gmlang.queries.targets import least_and_most
from gmlang.syntax import ast
from gmruntime import answer as runtime


class Variance(Query):
    """The mean squared distance of an expression from its mean."""

    __slots__ = ()
    takes_joint = True
    kind = "variance"
    asks_marginals = True
    takes_reals = True
    moment = 2

    def as_number(self) -> tuple[Query, Type] | None:
        """Stand for the variance of a single value."""
        is_single = not isinstance(type_of(self.asked[0].value), Array)
        return (self, Real()) if is_single else None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class VarianceAnswer(Answer):
    """The variance, or nested lists of variances, with what is proven of it.

    Attributes:
        lower: what it is at least, in the form of the value; None where nothing is proven.
        upper: what it is at most.
    """

    kind = "variance"
    limits = (0.0, math.inf)

    lower: object = None
    upper: object = None

    @property
    def details(self) -> dict[str, object]:
        """The bounds."""
        return {} if self.lower is None else {"lower": self.lower, "upper": self.upper}


def _check(state: Checking, env: Env, call: ast.Call) -> Query:
    checked = number_asked_for(state, env, call)
    return Variance(call.span, call.span.text, (Asked(checked.span, checked),))


def _question(prepared: Prepared, query: Variance) -> runtime.Marginals:
    del query
    return runtime.Marginals(asked_once(prepared))


def _from_least(levels: np.ndarray) -> np.ndarray:
    """Return how far levels are above the least of them: what floats lose of large ones is left.

    >>> _from_least(np.array([2**60, 2**60 + 1])).tolist()
    [0.0, 1.0]
    """
    above = levels - levels.min() if len(levels) else levels
    # Of two integers 64 bits hold the difference, but for its sign.
    return (above.view(np.uint64) if levels.dtype == np.int64 else above).astype(np.float64)


def _variance(levels: np.ndarray, p: np.ndarray) -> float:
    used = p > 0
    apart = _from_least(levels[used])
    return float(p[used] @ (apart - apart @ p[used]) ** 2)


def _read(prepared: Prepared, query: Variance, found: runtime.MarginalsAnswer) -> Answer:
    if found.quality.status is runtime.Status.IMPOSSIBLE:
        return VarianceAnswer(query.text)
    flat = flat_rows(prepared, found.probabilities)
    (target,) = prepared.targets
    each = [_variance(target.levels, flat[v]) for v in target.variables.reshape(-1).tolist()]
    shaped = np.array(each).reshape(target.variables.shape)
    made = VarianceAnswer(query.text, value=shaped.tolist(), array=shaped)
    if found.lower is None or found.upper is None:
        return made
    lower, upper = flat_rows(prepared, found.lower), flat_rows(prepared, found.upper)
    levels = _from_least(target.levels)
    every = target.variables.reshape(-1).tolist()
    ends = np.array([_ends(levels, flat[v], lower[v], upper[v]) for v in every])
    shaped = ends.reshape(*target.variables.shape, 2)
    return replace(made, lower=shaped[..., 0].tolist(), upper=shaped[..., 1].tolist())


def _ends(
    levels: np.ndarray, p: np.ndarray, lower: np.ndarray, upper: np.ndarray
) -> tuple[float, float]:
    """Bound a variance by bounds on probabilities.

    Around any point the mean square is at least the variance; the mean is no further from it than
    its bounds.
    """
    apart = levels - float(levels @ p)
    fewest, most = least_and_most(apart**2, lower, upper)
    ends = least_and_most(apart, lower, upper)
    furthest = max(end**2 for end in ends)
    least = max(0.0, fewest - furthest - 4 * float(np.finfo(np.float64).eps) * furthest)
    return least, most


def _quality(
    prepared: Prepared, query: Variance, found: runtime.MarginalsAnswer
) -> runtime.Quality:
    """Say how far off it may be, to first order, where probabilities are off by an error."""
    del query
    quality = found.quality
    if quality.status is not runtime.Status.ESTIMATE or quality.error_kind == "residual":
        return quality
    flat = flat_rows(prepared, found.probabilities)
    (target,) = prepared.targets
    levels = _from_least(target.levels)
    scales = [
        float(((levels - levels @ flat[v]) ** 2).sum())
        for v in target.variables.reshape(-1).tolist()
    ]
    # No variance is above a quarter of the squared range.
    most = float(np.ptp(levels)) ** 2 / 4 if len(levels) else 0.0
    return replace(quality, error=min(quality.error * max(scales, default=0.0), most))


VARIANCE = Question(
    word="Var",
    help="the variance of an expression",
    shortest="Var(x)",
    form="Var(x + y | c, z = v)",
    example="var x[2] : 1..6\n"
    "query Var(x), Var(x[0] + x[1] | x[0] == x[1])\n"
    "assert abs(Var(x[0] - x[1]) - 2 * 35 / 12) < 1e-9\n",
    check=_check,
    kinds=((Variance, VarianceAnswer),),
    answered=Single(_question, _read, quality=_quality, puts=(runtime.Marginals,)),
)
