"""How heavy the tail of importance weights is: the shape k of a generalised Pareto fitted to it.

Below 0.7 averages of that many draws can be relied on; above, ever larger weights are to come.

Sources: Vehtari, Simpson, Gelman, Yao and Gabry (2024), "Pareto smoothed importance sampling";
Zhang and Stephens (2009), "A new and efficient estimation method for the generalized Pareto
distribution", for the fit.
"""

import math

import numpy as np

from gmruntime.arrays import Float64

KHAT_MAX = 0.7
_DRAWS_MIN = 25
"""With fewer the tail, a fifth of them, is too short to tell."""
_PRIOR_DRAWS, _PRIOR_SHAPE = 10.0, 0.5


def pareto_khat(log_weights: Float64[np.ndarray, " draws"]) -> float:
    """Return the shape of the tail; inf when there are too few weights to tell.

    >>> pareto_khat(np.zeros(4))
    inf
    """
    count = len(log_weights)
    if count < _DRAWS_MIN or not np.isfinite(log_weights).any():
        return math.inf
    length = math.ceil(min(count / 5, 3 * math.sqrt(count)))
    ordered = np.sort(log_weights - log_weights.max())
    cut = max(float(ordered[-length - 1]), math.log(np.finfo(float).tiny))
    tail = np.exp(ordered[-length:][ordered[-length:] > cut]) - math.exp(cut)
    if len(tail) < 5:
        # Nearly all the largest are one number: no tail at all, or a few draws that hold all.
        return -math.inf if math.exp(cut) > 0.5 else math.inf
    return _shape(tail)


def _shape(tail: Float64[np.ndarray, " excesses"]) -> float:
    """Return the posterior mean of k for excesses in increasing order."""
    count = len(tail)
    grid = 30 + int(math.sqrt(count))
    theta = 1.0 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))
    theta = theta / (3.0 * tail[int(count / 4 + 0.5) - 1]) + 1.0 / tail[-1]
    k = np.log1p(-theta[:, None] * tail).mean(axis=1)
    log_profile = count * (np.log(-theta / k) - k - 1.0)
    weights = np.exp(log_profile - log_profile.max())
    weights /= weights.sum()
    best = float((theta * weights).sum())
    shape = float(np.log1p(-best * tail).mean())
    return (count * shape + _PRIOR_DRAWS * _PRIOR_SHAPE) / (count + _PRIOR_DRAWS)
