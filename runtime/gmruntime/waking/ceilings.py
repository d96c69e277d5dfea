"""How far the odds of each activation may rise, whatever all others do.

    ceiling(a) = sum over its factors f of  max over x of [log f(1, x) - log f(0, x)]

over the states x that the evidence allows. In every context the log-odds of `a` are at most its
ceiling (fact 1). Let all of S be off. Switching them off one after the other shows

    log Z(S off) <= log Z <= log Z(S off) + sum over S of log(1 + exp(ceiling))          (fact 2)
    |P(q) - P(q | S off)| <= P(S not all off) = 1 - Z(S off) / Z,   any event q
    max score - max score(S off) <= sum over S of max(0, ceiling)                        (fact 3)

An activation whose neighbours are all observed is decoupled: its log-odds are its ceiling (fact 4).
One of an exactly-one group is a state of one variable: given all else, those asleep have at most
U / (U + L), U the sum of exp(highest) of these and L that of exp(lowest) of those awake.

Whoever is switched off before may be taken to be off: an activation that others make certain
(`use`) has a finite ceiling once these are asleep, and none before.
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Bool, Float64, Int64
from gmruntime.factors.kinds import Count, Table
from gmruntime.graph import Assignment, FactorGraph, num_states
from gmruntime.waking.leaves import leaves
from gmruntime.waking.terms import Depending, Links, Terms, terms_of

_ROUNDING = 1e-13
"""Of the sizes of all terms, their sum may be off by less."""

CLOSURES_MAX = 8
"""So many models that use each other in a row are switched off together."""


@dataclass(frozen=True, slots=True, eq=False)
class Ceilings:
    """What is known of the odds of activations, before anything is computed.

    Attributes:
        activations: the variables asked about.
        ceilings: of each, nats; NaN where it is fixed, or only told by others.
        alone: the same where what it makes certain stays on.
        links: whom each makes certain.
        lowest: what its log-odds are at least, without the constraint of its group.
        prior: what factors of its own add, nats.
        family: which exactly-one group it belongs to; -1 for none.
        coupled: whether it depends on something that is not fixed.
        told: whether it is asked about, or what is asked about is made of it.
        terms: all that its ceiling is the sum of.
        depending: terms that depend on one variable.
    """

    activations: Int64[np.ndarray, " activations"]
    ceilings: Float64[np.ndarray, " activations"]
    alone: Float64[np.ndarray, " activations"]
    links: Links
    lowest: Float64[np.ndarray, " activations"]
    prior: Float64[np.ndarray, " activations"]
    family: Int64[np.ndarray, " activations"]
    coupled: Bool[np.ndarray, " activations"]
    told: Bool[np.ndarray, " activations"]
    terms: Terms
    depending: list[Depending]


def ceilings_of(
    graph: FactorGraph,
    fixed: Assignment,
    activations: Int64[np.ndarray, " activations"],
    *,
    is_max: bool,
    asked: Int64[np.ndarray, " asked"],
    chosen: Int64[np.ndarray, " chosen"],
) -> Ceilings:
    """Bound the log-odds of activations.

    Args:
        graph: validated.
        fixed: a state for each variable that is observed, or off, or -1.
        activations: variables with two states.
        is_max: whether maxima are asked for: then other factors tell nothing.
        asked: variables that an answer speaks of.
        chosen: those of them that it maximises over, together or one after the other.
    """
    count = len(activations)
    is_chosen = np.isin(activations, chosen)
    families = _families(graph, fixed, activations, is_chosen)
    kept = np.zeros(graph.num_variables, np.bool_)
    members = np.concatenate([np.zeros(0, np.int64), *(f.members for f in families)])
    kept[activations[members]] = True
    # In each state of these the rest has other odds.
    kept[chosen] = True
    out, is_leaf = leaves(graph, fixed, is_max=is_max, kept=kept)
    for family in families:
        out[family.block][family.row] = True
    terms, depending, links = terms_of(graph, fixed, activations, out)
    totals = _Totals(terms, count)
    highest = totals.highest()
    # One that is maximised over stays as it is, and a group wants another in its place.
    is_held = is_chosen.copy()
    is_held[members] = True
    ceilings = highest + _switched_together(totals, links, is_held)
    # What others make of it, such as a composite, neither sleeps nor is woken.
    is_fixed = (fixed[activations] >= 0) | is_leaf[activations]
    ceilings[is_fixed] = np.nan
    group = np.full(count, -1, np.int64)
    for number, family in enumerate(families):
        group[family.members] = number
    told = _told(graph, fixed, asked, out)
    coupled = _coupled(graph, fixed, told, out)[activations]
    coupled[members] = True
    return Ceilings(
        activations,
        ceilings,
        np.where(is_fixed, np.nan, highest),
        links,
        totals.lowest(),
        np.bincount(
            terms.owner[terms.source < 0], terms.highest[terms.source < 0], minlength=count
        ),
        group,
        coupled & ~is_fixed,
        told[activations] & ~is_fixed,
        terms,
        depending,
    )


class _Totals:
    """Sums of terms by their owners, infinite ones apart."""

    def __init__(self, terms: Terms, count: int) -> None:
        """Add the terms up."""
        self._terms, self._count = terms, count
        self.forcing = self._sum(np.isposinf(terms.highest).astype(np.float64))
        self.finite = self._finite(terms.highest, 1.0)

    def _sum(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self._terms.owner, values, minlength=self._count)

    def _finite(self, values: np.ndarray, sign: float) -> np.ndarray:
        """Sum what is finite, and what rounding may have lost; where it is certain, infinity."""
        plain = np.where(np.isfinite(values), values, 0.0)
        rounding = sign * _ROUNDING * self._sum(np.abs(plain))
        total = self._sum(plain)
        rounding[self._sum((plain != 0).astype(np.float64)) < 2] = 0.0
        return total + rounding

    def highest(self) -> np.ndarray:
        """Return the sum of the largest terms; -inf where one of them is."""
        never = self._sum(np.isneginf(self._terms.highest).astype(np.float64)) > 0
        return np.where(never, -np.inf, np.where(self.forcing > 0, np.inf, self.finite))

    def lowest(self) -> np.ndarray:
        """Return the sum of the least terms."""
        values = self._terms.lowest
        always = self._sum(np.isposinf(values).astype(np.float64)) > 0
        never = self._sum(np.isneginf(values).astype(np.float64)) > 0
        total = self._finite(values, -1.0)
        return np.where(never, -np.inf, np.where(always, np.inf, total))


def _switched_together(
    totals: _Totals, links: Links, is_held: Bool[np.ndarray, " activations"]
) -> Float64[np.ndarray, " activations"]:
    """Return what a ceiling falls by where what only this activation makes certain goes with it.

    log w(u, t on) - log w(u, t off) <= ceiling(u) + what other factors add to t
    """
    count = len(is_held)
    gain = np.zeros(count)
    only = (totals.forcing[links.used] == 1) & ~is_held[links.used]
    user, used = links.user[only], links.used[only]
    if not len(user):
        return gain
    for _ in range(CLOSURES_MAX):
        own = np.minimum(0.0, totals.finite[used] + gain[used])
        gain = np.bincount(user, own, minlength=count)
    return gain


def sources_of(known: Ceilings, some: Int64[np.ndarray, " some"]) -> Int64[np.ndarray, " some"]:
    """Return what the largest term of some activations is due to; -1 of those with a prior alone.

    Args:
        known: about them.
        some: their numbers among the activations.
    """
    terms, count = known.terms, len(known.activations)
    is_some = np.zeros(count, np.bool_)
    is_some[some] = True
    own = np.flatnonzero((terms.source >= 0) & is_some[terms.owner])
    order = own[np.argsort(terms.highest[own], kind="stable")]
    found = np.full(count, -1, np.int64)
    # Of assignments to one place the last stands: the largest.
    found[terms.owner[order]] = terms.source[order]
    return found[some]


def _told(
    graph: FactorGraph, fixed: Assignment, asked: np.ndarray, out: list[np.ndarray]
) -> Bool[np.ndarray, " variables"]:
    """Say which variables are asked about, or tell what a variable is that is."""
    told = np.zeros(graph.num_variables, np.bool_)
    told[asked] = True
    scopes = [b.scopes[gone] for b, gone in zip(graph.factors, out, strict=True) if gone.any()]
    is_growing = len(asked) > 0
    while is_growing:
        before = int(told.sum())
        for rows in scopes:
            told[rows[told[rows].any(axis=1)]] = True
        is_growing = int(told.sum()) > before
    return told & (fixed < 0)


def _coupled(
    graph: FactorGraph, fixed: Assignment, told: np.ndarray, out: list[np.ndarray]
) -> Bool[np.ndarray, " variables"]:
    """Say which variables share a factor that counts with another that is not fixed."""
    coupled = np.zeros(graph.num_variables, np.bool_)
    is_free = fixed < 0
    for block, gone in zip(graph.factors, out, strict=True):
        if block.scopes.shape[1] < 2:
            continue
        free = is_free[block.scopes]
        joins = free.sum(axis=1) > 1
        joins &= ~gone | told[block.scopes].any(axis=1)
        coupled[block.scopes[joins][free[joins]]] = True
    return coupled


# --- Groups of which exactly one is on ---------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Family:
    """A constraint that exactly one of some activations is on, and where it stands."""

    block: int
    row: int
    members: np.ndarray


def _families(
    graph: FactorGraph, fixed: Assignment, activations: np.ndarray, is_chosen: np.ndarray
) -> list[_Family]:
    """Find constraints that exactly one of some activations is on; each of one group at most.

    Where one of them is maximised over, no other takes the place of a sleeper.
    """
    number = np.full(graph.num_variables, -1, np.int64)
    number[activations] = np.arange(len(activations))
    states = num_states(graph)
    taken = np.zeros(len(activations), np.bool_)
    found: list[_Family] = []
    for place, block in enumerate(graph.factors):
        if not len(block.scopes) or block.scopes.shape[1] < 2:
            continue
        if (number[block.scopes] < 0).all() or (states[block.scopes[0]] != 2).any():
            continue
        for row in np.flatnonzero(_are_exactly_one(block.kind, block.scopes)).tolist():
            scope = block.scopes[row]
            members = number[scope]
            # One that is on leaves nothing open; one that is no activation is not off when asleep.
            if (members < 0).any() or (fixed[scope] > 0).any():
                continue
            if (taken | is_chosen)[members].any():
                continue
            taken[members] = True
            found.append(_Family(place, row, members[fixed[scope] < 0]))
    return found


def _are_exactly_one(kind: object, scopes: np.ndarray) -> Bool[np.ndarray, " factors"]:
    """Say of each factor whether it is the same finite number where one is on, and 0 elsewhere."""
    count, arity = scopes.shape
    if isinstance(kind, Count):
        values = kind.log_potentials
        is_one = np.isfinite(values[:, 1]) & np.isneginf(np.delete(values, 1, axis=1)).all(axis=1)
        return np.broadcast_to(is_one & ~kind.negated.any(axis=1), (count,))
    if not isinstance(kind, Table) or kind.log_potentials.shape[1:] != (2,) * arity:
        return np.zeros(count, np.bool_)
    flat = kind.log_potentials.reshape(len(kind.log_potentials), -1)
    ones = 1 << np.arange(arity)
    others = np.ones(flat.shape[1], np.bool_)
    others[ones] = False
    single = flat[:, ones]
    is_one = np.isfinite(single).all(axis=1) & (single == single[:, :1]).all(axis=1)
    return np.broadcast_to(is_one & np.isneginf(flat[:, others]).all(axis=1), (count,))
