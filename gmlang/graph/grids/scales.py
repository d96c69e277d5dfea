"""On which scales the logs of what is said of a real are concave, so that bounds can be proven.

A real, or its log, or its logit, is the scale. What is linear on it is found out from how a law is
written; in what a family is concave it says itself. Here are the same of what reals are drawn from,
their densities on the scale: with the log of dx/dt added.
"""

from enum import Enum

import numpy as np

from gmlang.core.ast import Aggregate, Apply, AttributeRef, Cases, Constant, Expression
from gmlang.core.print import show
from gmlang.core.walk import is_real_reference, mentions_real, walk
from gmlang.families.bernoulli import BERNOULLI
from gmlang.families.likelihoods import LIKELIHOODS
from gmlang.families.poisson import POISSON
from gmlang.families.uniform import UNIFORM
from gmlang.graph.grids.given import GridLaw
from gmlang.graph.world.world import RealArray

_LINEAR, _LOG, _LOGIT = "linear", "log", "logit"

_ALL = frozenset((_LINEAR, _LOG, _LOGIT))
"""What is known is linear on any scale."""

_NONE: frozenset[str] = frozenset()


class Axis(Enum):
    """A scale of a real, by what is linear on it."""

    ITSELF = _LINEAR
    LOG = _LOG
    LOGIT = _LOGIT

    def to_real(self, t: np.ndarray) -> np.ndarray:
        """Return reals by their places."""
        match self:
            case Axis.ITSELF:
                return t
            case Axis.LOG:
                return np.exp(t)
            case Axis.LOGIT:
                return np.where(t < 0, np.exp(t) / (1 + np.exp(t)), 1 / (1 + np.exp(-t)))

    def from_real(self, x: np.ndarray) -> np.ndarray:
        """Return the places of reals."""
        with np.errstate(divide="ignore"):
            match self:
                case Axis.ITSELF:
                    return x
                case Axis.LOG:
                    return np.log(x)
                case Axis.LOGIT:
                    return np.log(x) - np.log1p(-x)

    def log_stretch(self, t: np.ndarray) -> np.ndarray:
        """Return log dx/dt."""
        match self:
            case Axis.ITSELF:
                return np.zeros(t.shape)
            case Axis.LOG:
                return t
            case Axis.LOGIT:
                return -np.abs(t) - 2 * np.log1p(np.exp(-np.abs(t)))

    def ends(self, array: RealArray) -> tuple[float, float]:
        """Return where a real ends on the scale; infinite where it does not."""
        low, high = self.from_real(np.array([array.low, array.high], np.float64))
        return float(low), float(high)


def axes_of(array: RealArray) -> list[Axis]:
    """List the scales on which a real's own density is concave, the best first."""
    found: list[Axis] = []
    if (array.low, array.high) == (0.0, 1.0) and _is_concave_logit(array):
        found.append(Axis.LOGIT)
    if array.low == 0.0 and _is_concave_log(array):
        found.append(Axis.LOG)
    if _is_concave_itself(array):
        found.append(Axis.ITSELF)
    return found


def _is_concave_logit(array: RealArray) -> bool:
    return array.prior is None or array.prior[0] in ("Beta", UNIFORM.name)


def _is_concave_log(array: RealArray) -> bool:
    match array.prior:
        case None | (("Exponential" | "Gamma" | "InverseGamma" | "Weibull" | "LogNormal"), _):
            return True
        case (UNIFORM.name, _):
            return True
        case (("Normal" | "Laplace" | "Logistic"), (centre, _)):
            return centre <= 0.0
        case ("Cauchy", (centre, _)) | ("StudentT", (_, centre, _)):
            return centre == 0.0
        case _:
            return False


def _is_concave_itself(array: RealArray) -> bool:
    match array.prior:
        case None | (("Normal" | "Laplace" | "Logistic" | "Exponential" | UNIFORM.name), _):
            return True
        case (("Gamma" | "Weibull"), (shape, _)):
            return shape >= 1.0
        case ("Beta", (a, b)):
            return a >= 1.0 and b >= 1.0
        case _:
            return False


def is_concave(law: GridLaw, axis: Axis) -> bool:
    """Say whether the log of what a law says is concave on a scale of its only real."""
    references = {show(p) for p in walk(law.law) if is_real_reference(p)}
    if len(references) != 1 or any(map(mentions_real, law.gates)):
        return False
    family = law.law.family
    if law.target is not None and not _is_whole(law, axis):
        return False
    if family not in LIKELIHOODS or len(law.law.arguments) != len(LIKELIHOODS[family].parameters):
        return False
    pairs = list(zip(LIKELIHOODS[family].parameters, law.law.arguments, strict=True))
    unknown = [(name, argument) for name, argument in pairs if mentions_real(argument)]
    if len(unknown) != 1:
        return False
    ((name, argument),) = unknown
    return any((name, scale) in LIKELIHOODS[family].concave for scale in _linear(argument, axis))


def _is_whole(law: GridLaw, axis: Axis) -> bool:
    """Say whether a variable's domain leaves its law as it is, or cuts it off concavely."""
    if is_real_reference(law.target) if law.target is not None else True:
        return False
    match law.law.family:
        case BERNOULLI.name:
            return True
        case POISSON.name:
            # A sum of powers of the rate is divided by; the log of that is convex in log rate.
            return _LOG in _linear(law.law.arguments[0], axis)
        case _:
            return False


def _linear(expression: Expression, axis: Axis) -> frozenset[str]:
    """Say what of an expression is linear on a scale of its real: itself, its log, its logit."""
    if not mentions_real(expression):
        return _ALL
    match expression:
        case AttributeRef():
            return frozenset((axis.value,))
        case Apply(operator="-", arguments=(Constant(value=1 | 1.0), right)):
            return _linear(right, axis) & {_LINEAR, _LOGIT}
        case Apply(operator="+" | "-", arguments=(left, right)):
            return _linear(left, axis) & _linear(right, axis) & {_LINEAR}
        case Apply(operator="neg", arguments=(inner,)):
            return _linear(inner, axis) & {_LINEAR}
        case Apply(operator="*", arguments=(left, right)):
            return _of_product(left, right, axis)
        case Apply(operator="/", arguments=(left, right)):
            scales = {_LOG} if mentions_real(right) else {_LOG, _LINEAR}
            return _linear(left, axis) & _linear(right, axis) & scales
        case Apply(operator="**", arguments=(base, power)) if not mentions_real(power):
            return _linear(base, axis) & {_LOG}
        case Apply(operator="sqrt", arguments=(inner,)):
            return _linear(inner, axis) & {_LOG}
        case Apply(operator="exp", arguments=(inner,)):
            return frozenset((_LOG,)) if _LINEAR in _linear(inner, axis) else _NONE
        case Apply(operator="logistic", arguments=(inner,)):
            return frozenset((_LOGIT,)) if _LINEAR in _linear(inner, axis) else _NONE
        case Apply(operator="if", arguments=(_, *values)) | Cases(values=values):
            return frozenset.intersection(*(_linear(value, axis) for value in values))
        case Aggregate(operator="sum", items=items):
            return frozenset.intersection(*(_linear(i.value, axis) for i in items)) & {_LINEAR}
        case _:
            return _NONE


def _of_product(left: Expression, right: Expression, axis: Axis) -> frozenset[str]:
    are_both = mentions_real(left) and mentions_real(right)
    return _linear(left, axis) & _linear(right, axis) & ({_LOG} if are_both else {_LOG, _LINEAR})
