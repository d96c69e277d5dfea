"""Mixtures of multivariate t densities: what importance sampling draws from, and fits to draws.

Sources: Cappe, Douc, Guillin, Marin and Robert (2008), "Adaptive importance sampling in general
mixture classes", for the fit; Hesterberg (1995), "Weighted average importance sampling and
defensive mixture distributions".
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import gammaincinv, gammaln, ndtri

from gmruntime.arrays import Float64
from gmruntime.budget import Budget

_NU = 6.0
"""Degrees of freedom: heavier tails than most posteriors have, at little cost where they have not.

The weights of a normal density are bounded, and half of the draws count."""
_WIDTHS = ((2.5, 0.7), (10.0, 0.2), (100.0, 0.1))
"""What defends a mixture: how much wider copies of its components are, and their shares."""
_FAR = 10.0
_FITS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """A mixture of multivariate t densities with six degrees of freedom.

    Attributes:
        centres: of the components.
        roots: of each a matrix S, its scale matrix being S S'.
        log_shares: of the components; as numbers they sum to 1.
        widths: each component is itself a mixture of copies, so much wider, with these shares.
    """

    centres: Float64[np.ndarray, "components d"]
    roots: Float64[np.ndarray, "components d d"]
    log_shares: Float64[np.ndarray, " components"]
    widths: tuple[tuple[float, float], ...] = ((1.0, 1.0),)

    def draw(self, uniform: Float64[np.ndarray, "n more"]) -> Float64[np.ndarray, "n d"]:
        """Return draws: from d + 3 uniform numbers each."""
        size = self.centres.shape[1]
        ends = np.cumsum(np.exp(self.log_shares))
        which = np.minimum(np.searchsorted(ends, uniform[:, 0] * ends[-1]), len(ends) - 1)
        chi_squared = 2.0 * gammaincinv(_NU / 2.0, uniform[:, 1])
        wide = np.searchsorted(np.cumsum([share for _, share in self.widths])[:-1], uniform[:, 2])
        stretch = np.array([width for width, _ in self.widths])[wide] * np.sqrt(_NU / chi_squared)
        draws = ndtri(uniform[:, 3:]) * stretch[:, None]
        found = np.empty((len(uniform), size))
        for k in range(len(ends)):
            own = which == k
            found[own] = self.centres[k] + draws[own] @ self.roots[k].T
        return found

    def log_parts(self, free: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, "components n"]:
        """Return the log density of each component, its share included."""
        size = self.centres.shape[1]
        constant = gammaln((_NU + size) / 2) - gammaln(_NU / 2) - size / 2 * math.log(_NU * math.pi)
        found = np.empty((len(self.centres), len(free)))
        for k in range(len(found)):
            log_scale = float(np.linalg.slogdet(self.roots[k])[1])
            far = self.far(k, free) / _NU
            copies = [
                math.log(share)
                - size * math.log(width)
                - (_NU + size) / 2 * np.log1p(far / width**2)
                for width, share in self.widths
            ]
            found[k] = constant - log_scale + np.logaddexp.reduce(copies, axis=0)
        return found + self.log_shares[:, None]

    def log_density(self, free: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, " n"]:
        """Return the log density."""
        return np.logaddexp.reduce(self.log_parts(free), axis=0)

    def far(self, k: int, free: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, " n"]:
        """Return squared distances to a component's centre, in its own scale."""
        white = (free - self.centres[k]) @ np.linalg.inv(self.roots[k]).T
        return np.einsum("nd,nd->n", white, white)


def defended(proposal: Proposal, share: float = 0.1) -> Proposal:
    """Return the proposal with wider copies beside each component, which have a share together."""
    wider = tuple((width, share * own) for width, own in _WIDTHS)
    return replace(proposal, widths=((1.0, 1.0 - share), *wider))


def beside(first: Proposal, second: Proposal) -> Proposal:
    """Return the mixture of two mixtures, half of each."""
    return Proposal(
        np.concatenate([first.centres, second.centres]),
        np.concatenate([first.roots, second.roots]),
        np.concatenate([first.log_shares, second.log_shares]) - math.log(2.0),
    )


def with_far(
    proposal: Proposal, free: Float64[np.ndarray, "n d"], weights: Float64[np.ndarray, " n"]
) -> Proposal | None:
    """Return the mixture with a component for what lies far from all it has; None for nothing.

    Args:
        proposal: the mixture.
        free: draws.
        weights: of the draws, that sum to 1.
    """
    nearest = np.min([proposal.far(k, free) for k in range(len(proposal.centres))], axis=0)
    outside = nearest > 2 * (free.shape[1] + _FAR)
    own = weights * outside
    share = min(float(own.sum()), 0.99)
    if share < 0.003 or share**2 < 3.0 * float((own**2).sum()):
        return None
    own /= own.sum()
    mean = own @ free
    scatter = ((free - mean) * own[:, None]).T @ (free - mean)
    diagonal = np.diag(np.diag(scatter))
    return Proposal(
        np.concatenate([proposal.centres, mean[None]]),
        np.concatenate([proposal.roots, _root(0.8 * scatter + 0.2 * diagonal)[None]]),
        np.concatenate([proposal.log_shares + math.log1p(-share), [math.log(share)]]),
    )


def refitted(
    proposal: Proposal,
    free: Float64[np.ndarray, "n d"],
    weights: Float64[np.ndarray, " n"],
    budget: Budget,
) -> Proposal:
    """Fit the mixture to weighted draws, by expectation and maximisation, as long as there is time.

    Components that few draws speak of keep their shape; those without any go.
    """
    size = free.shape[1]
    for _ in range(_FITS):
        if budget.is_spent():
            break
        parts = proposal.log_parts(free)
        owned = np.exp(parts - np.logaddexp.reduce(parts, axis=0)) * weights
        shares = owned.sum(axis=1)
        effective = shares**2 / np.maximum((owned**2).sum(axis=1), 1e-300)
        kept = np.flatnonzero((shares > 1e-4) & (effective > 2.0))
        if not len(kept):
            return proposal
        centres, roots = np.empty((len(kept), size)), np.empty((len(kept), size, size))
        for row, k in enumerate(kept.tolist()):
            near = owned[k] * (_NU + size) / (_NU + proposal.far(k, free))
            centres[row] = near @ free / near.sum()
            apart = free - centres[row]
            scatter = (apart * near[:, None]).T @ apart / shares[k]
            # What few draws say of a shape is drawn towards the old one, in the same size.
            doubt = (size + 2) / (size + 2 + effective[k])
            old = proposal.roots[k] @ proposal.roots[k].T
            times = float(np.trace(np.linalg.solve(old, scatter))) / size
            roots[row] = _root(scatter + doubt * (times * old - scatter))
        proposal = Proposal(centres, roots, np.log(shares[kept] / shares[kept].sum()))
    return proposal


def split(
    proposal: Proposal, free: Float64[np.ndarray, "n d"], weights: Float64[np.ndarray, " n"]
) -> Proposal:
    """Cut the component in two, along its longest axis, that explains the draws' weights worst."""
    parts = proposal.log_parts(free)
    owned = np.exp(parts - np.logaddexp.reduce(parts, axis=0))
    k = int((owned * weights**2).sum(axis=1).argmax())
    mine = owned[k] * weights
    mine /= mine.sum()
    mean = mine @ free
    spreads, vectors = np.linalg.eigh(((free - mean) * mine[:, None]).T @ (free - mean))
    white = np.linalg.solve(proposal.roots[k], vectors * np.sqrt(np.maximum(spreads, 0.0)))
    longest = int((white**2).sum(axis=0).argmax())
    along = vectors[:, longest] * math.sqrt(max(float(spreads[longest]), 0.0))
    centres = np.concatenate([proposal.centres, [mean + along]])
    centres[k] = mean - along
    shares = np.concatenate([proposal.log_shares, [proposal.log_shares[k]]])
    shares[[k, -1]] -= math.log(2.0)
    return Proposal(centres, np.concatenate([proposal.roots, proposal.roots[k][None]]), shares)


def _root(scales: Float64[np.ndarray, "d d"]) -> Float64[np.ndarray, "d d"]:
    values, vectors = np.linalg.eigh(0.5 * (scales + scales.T))
    return vectors * np.sqrt(np.maximum(values, 1e-12 * values.max() + 1e-300))
