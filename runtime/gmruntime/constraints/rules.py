"""Propagation rules for hard constraints, on domains held as bit masks.

A domain is an int whose bit k says that state k is still possible. A rule removes states that no
solution can have; it returns the variables it narrowed, or None when it has proved that there is no
solution.
"""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

WIDE = 256
"""From so many states on a domain is taken apart by arrays; each bit by itself costs all bits."""


_KNOWN_MAX = 1 << 14
"""The tables of a block remember what they said of so many combinations of domains, together."""


class Rule(Protocol):
    """One constraint."""

    @property
    def scope(self) -> tuple[int, ...]:
        """The variables it is about."""
        ...

    def narrow(self, domains: list[int]) -> list[int] | None:
        """Remove states; return the variables narrowed, or None for a contradiction."""
        ...


def states_of(mask: int) -> list[int]:
    """List the states in a domain."""
    if mask.bit_length() > WIDE:
        held = np.frombuffer(mask.to_bytes(mask.bit_length() // 8 + 1, "little"), np.uint8)
        return np.flatnonzero(np.unpackbits(held, bitorder="little")).tolist()
    found: list[int] = []
    while mask:
        low = mask & -mask
        found.append(low.bit_length() - 1)
        mask ^= low
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Different:
    """No two variables are equal; a permutation when there are as many states as variables."""

    scope: tuple[int, ...]
    is_permutation: bool

    def narrow(self, domains: list[int]) -> list[int] | None:
        """Remove the states of decided variables; place states that fit only once."""
        narrowed: set[int] = set()
        decided = [v for v in self.scope if domains[v] & (domains[v] - 1) == 0]
        done: set[int] = set()
        while decided:
            v = decided.pop()
            if v in done:
                continue
            done.add(v)
            mask = domains[v]
            for u in self.scope:
                if u == v or not domains[u] & mask:
                    continue
                domains[u] &= ~mask
                narrowed.add(u)
                if not domains[u]:
                    return None
                if domains[u] & (domains[u] - 1) == 0:
                    decided.append(u)
        if self.is_permutation and not self._place(domains, narrowed):
            return None
        return list(narrowed)

    def _place(self, domains: list[int], narrowed: set[int]) -> bool:
        once = twice = 0
        for v in self.scope:
            twice |= once & domains[v]
            once |= domains[v]
        if once.bit_count() < len(self.scope):
            return False
        single = once & ~twice
        for v in self.scope:
            mine = domains[v] & single
            if mine and mine != domains[v]:
                if mine & (mine - 1):
                    return False
                domains[v] = mine
                narrowed.add(v)
        return True


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A table over two variables.

    Attributes:
        supports: for each state of the first variable the mask of the second's, and vice versa.
    """

    scope: tuple[int, ...]
    supports: tuple[tuple[int, ...], tuple[int, ...]]

    def narrow(self, domains: list[int]) -> list[int] | None:
        """Keep the states that have a support."""
        narrowed: list[int] = []
        for mine, other in ((0, 1), (1, 0)):
            v, u = self.scope[mine], self.scope[other]
            kept = 0
            for state in states_of(domains[v]):
                if self.supports[mine][state] & domains[u]:
                    kept |= 1 << state
            if not kept:
                return None
            if kept != domains[v]:
                domains[v] = kept
                narrowed.append(v)
        return narrowed


@dataclass(frozen=True, slots=True, eq=False)
class Allowed:
    """A table over any number of variables: true where it allows.

    Attributes:
        number: of the table among those of its block.
        known: what was found before, by the number and the domains, shared by the rules of one
            block: along a chain the same domains come again and again.
    """

    scope: tuple[int, ...]
    table: np.ndarray
    number: int = 0
    known: dict[tuple[int, ...], tuple[int, ...]] = field(
        default_factory=dict[tuple[int, ...], tuple[int, ...]]
    )

    def narrow(self, domains: list[int]) -> list[int] | None:
        """Keep the states that have a support."""
        before = tuple([domains[v] for v in self.scope])
        key = (self.number, *before)
        after = self.known.get(key)
        if after is None:
            if len(self.known) >= _KNOWN_MAX:
                self.known.clear()
            self.known[key] = after = self._supported(before)
        if 0 in after:
            return None
        narrowed: list[int] = []
        for v, mask, kept in zip(self.scope, before, after, strict=True):
            if kept != mask:
                domains[v] = kept
                narrowed.append(v)
        return narrowed

    def _supported(self, masks: tuple[int, ...]) -> tuple[int, ...]:
        """Return the states of each variable that have a support, as masks."""
        chosen = [states_of(mask) for mask in masks]
        part = self.table[np.ix_(*chosen)]
        found: list[int] = []
        for k, states in enumerate(chosen):
            axes = tuple(j for j in range(part.ndim) if j != k)
            alive = np.atleast_1d(part.any(axis=axes) if axes else part)
            found.append(
                sum(1 << s for s, lives in zip(states, alive.tolist(), strict=True) if lives)
            )
        return tuple(found)


def _interval(coefficient: int, low: int, high: int) -> int:
    """Return the states whose product with the coefficient is from `low` to `high`, as a mask.

    >>> bin(_interval(2, 3, 8)), bin(_interval(-1, -3, -2)), _interval(0, 1, 2)
    ('0b11100', '0b1100', 0)
    """
    if coefficient == 0:
        return -1 if low <= 0 <= high else 0
    if coefficient < 0:
        coefficient, low, high = -coefficient, -high, -low
    first, last = max(0, -(-low // coefficient)), high // coefficient
    return ((1 << (last + 1 - first)) - 1) << first if last >= first else 0


@dataclass(frozen=True, slots=True, eq=False)
class Sum:
    """A weighted sum of states lies among the allowed ones; bounds consistency.

    Attributes:
        allowed: the sums that are possible, as a set and by smallest and largest.
    """

    scope: tuple[int, ...]
    coefficients: tuple[int, ...]
    allowed: frozenset[int]
    low: int
    high: int

    def narrow(self, domains: list[int]) -> list[int] | None:
        """Cut states that would push the sum beyond its reach."""
        narrowed: set[int] = set()
        changed = True
        while changed:
            changed = False
            lows, highs = self._reaches(domains)
            least, most = sum(lows), sum(highs)
            if least > self.high or most < self.low:
                return None
            if least == most and least not in self.allowed:
                return None
            for k, v in enumerate(self.scope):
                # What the others can reach leaves this one an interval.
                above = self.high - (least - lows[k])
                below = self.low - (most - highs[k])
                kept = domains[v] & _interval(self.coefficients[k], below, above)
                if not kept:
                    return None
                if kept != domains[v]:
                    domains[v] = kept
                    narrowed.add(v)
                    changed = True
                    break
        return list(narrowed)

    def _reaches(self, domains: list[int]) -> tuple[list[int], list[int]]:
        lows: list[int] = []
        highs: list[int] = []
        for v, c in zip(self.scope, self.coefficients, strict=True):
            mask = domains[v]
            first = c * ((mask & -mask).bit_length() - 1)
            last = c * (mask.bit_length() - 1)
            lows.append(min(first, last))
            highs.append(max(first, last))
        return lows, highs


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """The number of true literals is allowed; for parities, every other count is.

    Attributes:
        negated: for each variable of the scope.
        allowed: for each count whether it is allowed.
    """

    scope: tuple[int, ...]
    negated: tuple[bool, ...]
    allowed: tuple[bool, ...]

    def narrow(self, domains: list[int]) -> list[int] | None:
        """Decide the open literals where the counts that remain leave no choice."""
        true, open_ = 0, []
        for v, negated in zip(self.scope, self.negated, strict=True):
            if domains[v] == 3:
                open_.append((v, negated))
            elif (domains[v] == 2) != negated:
                true += 1
        left = [n for n in range(true, true + len(open_) + 1) if self.allowed[n]]
        if not left:
            return None
        if not open_ or len(left) > 1:
            return []
        if left[0] == true or left[0] == true + len(open_):
            value = left[0] != true
            for v, negated in open_:
                domains[v] = 2 if value != negated else 1
            return [v for v, _ in open_]
        return []


@dataclass(frozen=True, slots=True, eq=False)
class Disjunction:
    """The last literal is the disjunction of the others."""

    scope: tuple[int, ...]
    negated: tuple[bool, ...]

    def narrow(self, domains: list[int]) -> list[int] | None:
        """Propagate from the parts to the whole and back."""
        values = [
            None if domains[v] == 3 else (domains[v] == 2) != n
            for v, n in zip(self.scope, self.negated, strict=True)
        ]
        parts, head = values[:-1], values[-1]
        narrowed: list[int] = []

        def decide(position: int, value: bool) -> None:
            v = self.scope[position]
            domains[v] = 2 if value != self.negated[position] else 1
            narrowed.append(v)

        if any(part is True for part in parts):
            if head is False:
                return None
            if head is None:
                decide(len(parts), value=True)
            return narrowed
        open_ = [k for k, part in enumerate(parts) if part is None]
        if not open_:
            if head is True:
                return None
            if head is None:
                decide(len(parts), value=False)
        elif head is False:
            for k in open_:
                decide(k, value=False)
        elif head is True and len(open_) == 1:
            decide(open_[0], value=True)
        return narrowed
