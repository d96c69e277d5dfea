"""The distributions of the language: one module each, listed once.

Below everything else of the language: `gmlang.core` checks calls of them, `gmlang.graph.values`
asks for their probabilities. A family is looked up by its name, or all are gone through; only the
two that are not written by their names are known to the checks of what they are written as.
`family.py` is their protocol, `logs.py` the arithmetic that they share.

**Invariants:** a family's probabilities sum to one on every domain that it accepts, however far out
that lies; parameters at their limits give the limit.
"""

from gmlang.families.around import AROUND
from gmlang.families.bernoulli import BERNOULLI
from gmlang.families.binomial import BINOMIAL
from gmlang.families.categorical import CATEGORICAL
from gmlang.families.family import Family
from gmlang.families.geometric import GEOMETRIC
from gmlang.families.listed import LISTED
from gmlang.families.noisy_or import NOISY_OR
from gmlang.families.point import POINT
from gmlang.families.poisson import POISSON
from gmlang.families.probabilities import PROBABILITIES
from gmlang.families.uniform import UNIFORM
from gmlang.families.weights import WEIGHTS

FAMILIES = (
    BERNOULLI,
    CATEGORICAL,
    UNIFORM,
    BINOMIAL,
    POISSON,
    GEOMETRIC,
    AROUND,
    NOISY_OR,
    POINT,
    PROBABILITIES,
    WEIGHTS,
    LISTED,
)

DENSITIES = {
    "Normal": "of an observed real: around a mean, with a standard deviation",
    "MultiNormal": "of observed reals together: around a mean, with a covariance",
}
"""Densities of reals, with what they do."""

LATER = (
    "Gaussian",
    "LogNormal",
    "Beta",
    "Gamma",
    "Exponential",
    "Dirichlet",
    "Laplace",
    "Cauchy",
    "StudentT",
    "Multinomial",
    "NegativeBinomial",
)
"""Families that come later."""

_BY_NAME = {family.name: family for family in FAMILIES}

CALLED = {name: family for name, family in _BY_NAME.items() if family.is_called}
"""The families that are written by their names."""


def family_named(name: str) -> Family:
    """Return the family of a distribution in the core language."""
    return _BY_NAME[name]
