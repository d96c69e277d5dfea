"""What outer parameters may be, and the same numbers without bounds, where engines work.

Each parameter becomes a free number u, between its bounds l and h increasing:

    theta = u                          no bound          log |d theta / du| = 0
    theta = l + exp(u)                 from below                            u
    theta = h - exp(-u)                from above                            -u
    theta = l + (h - l) / (1 + e^-u)   both              log(h - l) - log(1+e^u) - log(1+e^-u)

Of ordered parameters each has the one before as its lower bound, so the Jacobian stays triangular.

Source: Stan Reference Manual, "Constraint transforms".
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Bool, Float64, Int64

_ULPS = 8.0
FREE_MAX = 300.0
"""How far a free number goes from 0 where its parameter has a bound: e^300 is still a float."""


@dataclass(frozen=True, slots=True, eq=False)
class Domain:
    """The bounds of outer parameters, and which of them are in order.

    Attributes:
        lows: what each is above; -inf for no bound.
        highs: what each is below; inf for no bound.
        ordered: groups of parameter numbers, each parameter above the one before in its group.

    Raises:
        ValueError: when bounds or groups make no sense.
    """

    lows: Float64[np.ndarray, " d"]
    highs: Float64[np.ndarray, " d"]
    ordered: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        if self.lows.ndim != 1 or self.lows.shape != self.highs.shape:
            shapes = f"{self.lows.shape} and {self.highs.shape}"
            raise ValueError(f"lows and highs must be rows of one length, not {shapes}")
        wrong = np.flatnonzero(~(self.lows < self.highs))
        if len(wrong):
            k = int(wrong[0])
            raise ValueError(f"parameter {k}: {self.lows[k]} is not below {self.highs[k]}")
        named = [k for group in self.ordered for k in group]
        if len(set(named)) < len(named) or not set(named) <= set(range(len(self.lows))):
            raise ValueError(f"ordered names a parameter twice, or one there is not: {named}")

    @property
    def size(self) -> int:
        """The number of parameters."""
        return len(self.lows)

    def has_bounds(self) -> Bool[np.ndarray, " d"]:
        """Say whose free number is no plain shift of it."""
        later = [k for group in self.ordered for k in group[1:]]
        found = np.isfinite(self.lows) | np.isfinite(self.highs)
        found[later] = True
        return found

    def sequence(self) -> tuple[Int64[np.ndarray, " d"], Int64[np.ndarray, " d"]]:
        """Return an order in which each comes after its lower bound, and who that is or -1."""
        before = np.full(self.size, -1)
        for group in self.ordered:
            before[list(group[1:])] = group[:-1]
        grouped = [k for group in self.ordered for k in group]
        alone = [k for k in range(self.size) if k not in set(grouped)]
        return np.array([*alone, *grouped], np.int64), before.astype(np.int64)


def unbounded(size: int) -> Domain:
    """Return the domain of so many parameters without bounds.

    >>> unbounded(2).lows.tolist()
    [-inf, -inf]
    """
    return Domain(np.full(size, -np.inf), np.full(size, np.inf))


def constrain(
    domain: Domain, free: Float64[np.ndarray, "n d"]
) -> tuple[Float64[np.ndarray, "n d"], Float64[np.ndarray, " n"]]:
    """Return the parameters of free numbers, inside all bounds, and log |d theta / du| of each row.

    >>> theta, log_jacobian = constrain(Domain(np.zeros(1), np.array([np.inf])), np.zeros((1, 1)))
    >>> theta.tolist(), log_jacobian.tolist()
    ([[1.0]], [0.0])
    """
    theta, log_jacobian = np.empty_like(free), np.zeros(len(free))
    order, before = domain.sequence()
    for k in order.tolist():
        low = theta[:, before[k]] if before[k] >= 0 else np.full(len(free), domain.lows[k])
        low = np.maximum(low, domain.lows[k])
        high = domain.highs[k]
        u = free[:, k]
        if not np.isfinite(high) and np.isneginf(low).all():
            theta[:, k] = u
            continue
        u = np.clip(u, -FREE_MAX, FREE_MAX)
        if not np.isfinite(high):
            value = low + np.exp(u)
            log_jacobian += u
        elif np.isneginf(low).all():
            value = high - np.exp(-u)
            log_jacobian -= u
        else:
            width = high - low
            share = np.exp(-np.logaddexp(0.0, np.abs(u)))
            value = np.where(u < 0, low + width * share, high - width * share)
            with np.errstate(divide="ignore"):
                log_jacobian += np.log(width) - np.logaddexp(0.0, u) - np.logaddexp(0.0, -u)
        # What rounds to a bound may have no density there, or an infinite one.
        theta[:, k] = np.clip(value, np.nextafter(low, np.inf), np.nextafter(high, -np.inf))
    return theta, log_jacobian


def at_edge(domain: Domain, theta: Float64[np.ndarray, "n d"]) -> Bool[np.ndarray, "n d"]:
    """Say where numbers do not tell how far a parameter is from its bound, or from the one before.

    >>> at_edge(Domain(np.zeros(1), np.ones(1)), np.array([[1e-30], [1 - 1e-16]])).tolist()
    [[False], [True]]
    """
    found = np.zeros(theta.shape, bool)
    _, before = domain.sequence()
    for k in range(domain.size):
        own = theta[:, k]
        bounds = [np.full(len(theta), domain.lows[k]), np.full(len(theta), domain.highs[k])]
        bounds += [theta[:, before[k]]] if before[k] >= 0 else []
        for bound in bounds:
            # Numbers are dense around 0 alone.
            with np.errstate(invalid="ignore"):
                is_near = np.abs(own - bound) <= _ULPS * np.spacing(np.abs(bound))
            found[:, k] |= is_near & (bound != 0.0) & np.isfinite(bound)
    return found


def release(domain: Domain, theta: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, "n d"]:
    """Return the free numbers of parameters; what is at a bound or outside is taken just inside.

    Parameters of an ordered group are sorted first.

    >>> release(Domain(np.zeros(1), np.ones(1)), np.array([[0.5]])).tolist()
    [[0.0]]
    """
    theta = theta.copy()
    for group in domain.ordered:
        theta[:, list(group)] = np.sort(theta[:, list(group)], axis=1)
    free = np.empty_like(theta)
    order, before = domain.sequence()
    for k in order.tolist():
        low = theta[:, before[k]] if before[k] >= 0 else np.full(len(theta), domain.lows[k])
        low = np.maximum(low, domain.lows[k])
        high = domain.highs[k]
        with np.errstate(over="ignore"):
            inside = np.clip(theta[:, k], np.nextafter(low, np.inf), np.nextafter(high, -np.inf))
        theta[:, k] = inside
        if not np.isfinite(high) and np.isneginf(low).all():
            free[:, k] = inside
            continue
        with np.errstate(divide="ignore"):
            above, below = np.log(inside - low), np.log(high - inside)
        if not np.isfinite(high):
            free[:, k] = above
        elif np.isneginf(low).all():
            free[:, k] = -below
        else:
            free[:, k] = above - below
        free[:, k] = np.clip(free[:, k], -FREE_MAX, FREE_MAX)
    return free
