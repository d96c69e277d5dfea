"""Distributions that a real may have before anything is said of it, beside normal and uniform ones.

Numbers alone come in here: their densities and quantiles are those of scipy.
"""

from typing import Any

PRIORS: dict[str, tuple[str, ...]] = {
    "Cauchy": ("centre", "scale"),
    "Laplace": ("centre", "scale"),
    "Logistic": ("centre", "scale"),
    "StudentT": ("df", "centre", "scale"),
    "LogNormal": ("mean", "sd"),
    "Exponential": ("rate",),
    "Gamma": ("shape", "rate"),
    "InverseGamma": ("shape", "scale"),
    "Weibull": ("shape", "scale"),
    "Beta": ("a", "b"),
}
"""Their parameters. A rate is named, or instead of it a mean, since either may be meant."""

_ANY = frozenset(("centre", "mean"))
"""What may be any number; all other parameters are above 0."""


def is_above_zero(parameter: str) -> bool:
    """Say whether a parameter must be above 0."""
    return parameter not in _ANY


def frozen(family: str, numbers: tuple[float, ...]) -> Any:  # noqa: ANN401 - scipy has no type for it
    """Return a distribution with these numbers, as scipy has it.

    >>> float(frozen("Gamma", (4.0, 2.0)).mean())
    2.0
    """
    import math

    from scipy import stats

    match family, numbers:
        case "Normal", (mean, sd):
            return stats.norm(mean, sd)
        case "Uniform", (low, high):
            return stats.uniform(low, high - low)
        case "Cauchy", (centre, scale):
            return stats.cauchy(centre, scale)
        case "Laplace", (centre, scale):
            return stats.laplace(centre, scale)
        case "Logistic", (centre, scale):
            return stats.logistic(centre, scale)
        case "StudentT", (df, centre, scale):
            return stats.t(df, centre, scale)
        case "LogNormal", (mean, sd):
            return stats.lognorm(sd, scale=math.exp(mean))
        case "Exponential", (rate,):
            return stats.expon(scale=1 / rate)
        case "Gamma", (shape, rate):
            return stats.gamma(shape, scale=1 / rate)
        case "InverseGamma", (shape, scale):
            return stats.invgamma(shape, scale=scale)
        case "Weibull", (shape, scale):
            return stats.weibull_min(shape, scale=scale)
        case "Beta", (a, b):
            return stats.beta(a, b)
        case _:
            raise AssertionError(family)
