"""What data may be drawn from, given reals: log densities by array arithmetic, one record each.

Data is not cut off by a domain, as variables are: these are whole distributions. Where a parameter
is none that a family takes, nothing is likely.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_LOG_ROOT_2PI = 0.5 * float(np.log(2 * np.pi))


@dataclass(frozen=True, slots=True, eq=False)
class Likelihood:
    """A family of laws.

    Attributes:
        parameters: in order; a rate is named, or instead of it a mean.
        log_density: of values, from them and the parameters, which broadcast against one another.
        support: "any" number, "positive" ones, those of "0..1", or "counts" and "truths".
        concave: in which parameters, each alone and the others known, the log density is concave,
            by what is linear: the parameter ("linear"), its log ("log") or its logit ("logit").
    """

    parameters: tuple[str, ...]
    log_density: Callable[..., np.ndarray]
    support: str
    concave: frozenset[tuple[str, str]] = frozenset()


def _concave(**scales: str) -> frozenset[tuple[str, str]]:
    return frozenset((name, scale) for name, text in scales.items() for scale in text.split())


def _normal(x: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    return -0.5 * ((x - mean) / sd) ** 2 - np.log(sd) - _LOG_ROOT_2PI


def _cauchy(x: np.ndarray, centre: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return -np.log(np.pi * scale) - np.log1p(((x - centre) / scale) ** 2)


def _laplace(x: np.ndarray, centre: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return -np.log(2 * scale) - np.abs(x - centre) / scale


def _logistic(x: np.ndarray, centre: np.ndarray, scale: np.ndarray) -> np.ndarray:
    z = np.abs(x - centre) / scale
    return -z - np.log(scale) - 2 * np.log1p(np.exp(-z))


def _student_t(x: np.ndarray, df: np.ndarray, centre: np.ndarray, scale: np.ndarray) -> np.ndarray:
    from scipy.special import gammaln

    spread = gammaln((df + 1) / 2) - gammaln(df / 2) - 0.5 * np.log(df * np.pi) - np.log(scale)
    return spread - (df + 1) / 2 * np.log1p(((x - centre) / scale) ** 2 / df)


def _log_normal(x: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    log_x = np.log(x)
    return np.where(x > 0, _normal(log_x, mean, sd) - log_x, -np.inf)


def _exponential(x: np.ndarray, rate: np.ndarray) -> np.ndarray:
    return np.where(x >= 0, np.log(rate) - rate * x, -np.inf)


def _gamma(x: np.ndarray, shape: np.ndarray, rate: np.ndarray) -> np.ndarray:
    from scipy.special import gammaln, xlogy

    inside = shape * np.log(rate) + xlogy(shape - 1, x) - rate * x - gammaln(shape)
    return np.where(x >= 0, inside, -np.inf)


def _inverse_gamma(x: np.ndarray, shape: np.ndarray, scale: np.ndarray) -> np.ndarray:
    from scipy.special import gammaln

    inside = shape * np.log(scale) - (shape + 1) * np.log(x) - scale / x - gammaln(shape)
    return np.where(x > 0, inside, -np.inf)


def _weibull(x: np.ndarray, shape: np.ndarray, scale: np.ndarray) -> np.ndarray:
    from scipy.special import xlogy

    z = x / scale
    return np.where(x >= 0, np.log(shape / scale) + xlogy(shape - 1, z) - z**shape, -np.inf)


def _beta(x: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    from scipy.special import betaln, xlog1py, xlogy

    inside = xlogy(a - 1, x) + xlog1py(b - 1, -x) - betaln(a, b)
    return np.where((x >= 0) & (x <= 1), inside, -np.inf)


def _poisson(k: np.ndarray, rate: np.ndarray) -> np.ndarray:
    from scipy.special import gammaln, xlogy

    return xlogy(k, rate) - rate - gammaln(k + 1)


def _bernoulli(k: np.ndarray, p: np.ndarray) -> np.ndarray:
    return np.where(k > 0, np.log(p), np.log1p(-p))


def _binomial(k: np.ndarray, n: np.ndarray, p: np.ndarray) -> np.ndarray:
    from scipy.special import gammaln, xlog1py, xlogy

    ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(np.maximum(n - k, 0) + 1)
    return np.where(k <= n, ways + xlogy(k, p) + xlog1py(n - k, -p), -np.inf)


def _geometric(k: np.ndarray, p: np.ndarray) -> np.ndarray:
    from scipy.special import xlog1py

    return xlog1py(k, -p) + np.log(p)


_ANY_P = _concave(p="linear log logit")

LIKELIHOODS: dict[str, Likelihood] = {
    "Normal": Likelihood(("mean", "sd"), _normal, "any", _concave(mean="linear", sd="log")),
    "Cauchy": Likelihood(("centre", "scale"), _cauchy, "any", _concave(scale="log")),
    "Laplace": Likelihood(
        ("centre", "scale"), _laplace, "any", _concave(centre="linear", scale="log")
    ),
    "Logistic": Likelihood(
        ("centre", "scale"), _logistic, "any", _concave(centre="linear", scale="log")
    ),
    "StudentT": Likelihood(("df", "centre", "scale"), _student_t, "any", _concave(scale="log")),
    "LogNormal": Likelihood(
        ("mean", "sd"), _log_normal, "positive", _concave(mean="linear", sd="log")
    ),
    "Exponential": Likelihood(("rate",), _exponential, "positive", _concave(rate="linear log")),
    "Gamma": Likelihood(
        ("shape", "rate"), _gamma, "positive", _concave(shape="linear", rate="linear log")
    ),
    "InverseGamma": Likelihood(
        ("shape", "scale"), _inverse_gamma, "positive", _concave(scale="linear log")
    ),
    "Weibull": Likelihood(("shape", "scale"), _weibull, "positive", _concave(scale="log")),
    "Beta": Likelihood(("a", "b"), _beta, "0..1"),
    "Poisson": Likelihood(("rate",), _poisson, "counts", _concave(rate="linear log")),
    "Bernoulli": Likelihood(("p",), _bernoulli, "truths", _ANY_P),
    "Binomial": Likelihood(("n", "p"), _binomial, "counts", _ANY_P),
    "Geometric": Likelihood(("p",), _geometric, "counts", _ANY_P),
}
"""By name. Concavity: second derivatives, each by hand; tests/language/test_grids.py tries all."""

_PROBABILITIES, _ANY = frozenset(("p",)), frozenset(("centre", "mean"))


def is_positional(family: str) -> bool:
    """Say whether all parameters may be given in order, without their names."""
    return "rate" not in LIKELIHOODS[family].parameters or family == "Poisson"


def is_legal(family: str, parameter: str, values: np.ndarray) -> np.ndarray:
    """Say which values a parameter may have.

    >>> is_legal("Poisson", "rate", np.array([-1.0, 0.0, 2.0])).tolist()
    [False, True, True]
    """
    if parameter in _PROBABILITIES:
        return (values >= 0) & (values <= 1)
    if parameter in _ANY:
        return np.isfinite(values)
    if parameter == "n":
        return (values >= 0) & (values == np.rint(values)) & np.isfinite(values)
    least = (values >= 0) if family == "Poisson" else (values > 0)
    return least & np.isfinite(values)


def is_possible(family: str, values: np.ndarray) -> np.ndarray:
    """Say which numbers may be drawn from a family at all.

    >>> is_possible("Poisson", np.array([-1.0, 1.5, 2.0])).tolist()
    [False, False, True]
    """
    match LIKELIHOODS[family].support:
        case "positive":
            return (values >= 0) & np.isfinite(values)
        case "0..1":
            return (values >= 0) & (values <= 1)
        case "counts":
            return (values >= 0) & (values == np.rint(values)) & np.isfinite(values)
        case "truths":
            return (values == 0) | (values == 1)
        case _:
            return np.isfinite(values)


def log_density(family: str, values: np.ndarray, parameters: tuple[np.ndarray, ...]) -> np.ndarray:
    """Return log densities, or logs of probabilities; -inf where a parameter is not legal.

    >>> float(log_density("Bernoulli", np.array(1.0), (np.array(0.25),)).round(6))
    -1.386294
    """
    known = LIKELIHOODS[family]
    legal: np.ndarray | np.bool_ = np.True_
    for name, own in zip(known.parameters, parameters, strict=True):
        legal = legal & is_legal(family, name, own)
    with np.errstate(all="ignore"):
        return np.where(legal, known.log_density(values, *parameters), -np.inf)


def size_of_terms(
    family: str, values: np.ndarray, parameters: tuple[np.ndarray, ...], logs: np.ndarray
) -> np.ndarray:
    """Bound the size of the numbers that log densities were added up from, generously.

    Args:
        family: by name; any where no parameters are given.
        values: as `log_density` takes them.
        parameters: likewise.
        logs: what it returned.
    """
    known = dict(zip(LIKELIHOODS[family].parameters if parameters else (), parameters, strict=True))
    with np.errstate(all="ignore"):
        size = 1 + np.abs(values) + np.nan_to_num(np.abs(np.log(np.abs(values))), posinf=0.0)
        logs_of = np.ones(1)
        for name, own in known.items():
            logs_of = logs_of + np.nan_to_num(np.abs(np.log(np.abs(own))), posinf=0.0)
            if name in _SHAPES:
                size = size * (1 + np.abs(own) * (1 + np.abs(np.log(np.abs(own)))))
        found = 4 * np.abs(logs) + 4 * size * logs_of
        centre = known.get("mean", known.get("centre"))
        scale = known.get("sd", known.get("scale"))
        if centre is not None and scale is not None:
            # What is left of a difference is as well known as what it is the difference of.
            found = found + (size + np.abs(centre)) / scale * (1 + np.sqrt(2 * np.abs(logs)))
    return np.where(np.isfinite(found), found, 0.0)


_SHAPES = frozenset(("shape", "a", "b", "df", "n"))
"""Parameters of which the gamma function is taken."""
