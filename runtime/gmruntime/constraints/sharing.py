"""Finds sets of literals and of variables that a matching can refute, among other rules."""

from collections.abc import Iterable

import numpy as np

from gmruntime.constraints.matching import Literal, Matched, Shared
from gmruntime.constraints.rules import Allowed, Counted, Different, Pair, Rule

# Larger problems are left to the other rules.
_NUM_LITERALS_MAX, _NUM_PAIRS_MAX, _NUM_SETS_MAX = 20_000, 50_000, 40_000

# So many families of disjoint sets are tried on each side.
_NUM_FAMILIES_MAX = 3

_Set = tuple[frozenset[Literal], int]


def matching_rules(rules: list[Rule]) -> list[Rule]:
    """List rules that follow from several others together."""
    found: list[Rule] = [Matched(r.scope) for r in rules if isinstance(r, Different)]
    found += [Matched(clique) for clique in _cliques(_differing(rules)) if len(clique) > 2]
    needs, rooms = _counts(rules)
    exclusive = _cliques(_exclusive(rules))
    rooms += [(frozenset((v, False) for v in clique), 1) for clique in exclusive]
    if sum(len(literals) for literals, _ in needs + rooms) <= _NUM_LITERALS_MAX:
        found += _shared(needs, rooms)
    return found


def _counts(rules: list[Rule]) -> tuple[list[_Set], list[_Set]]:
    """Read off how many of which literals must hold at least, and may hold at most."""
    needs: list[_Set] = []
    rooms: list[_Set] = []
    for rule in rules:
        literals, counts = _counted(rule)
        if not counts:
            continue
        if counts[0] > 0:
            needs.append((literals, counts[0]))
        if counts[-1] < len(literals):
            rooms.append((literals, counts[-1]))
    return needs, rooms


def _counted(rule: Rule) -> tuple[frozenset[Literal], list[int]]:
    """Return the literals of a rule over booleans, and how many of them may hold."""
    nothing: frozenset[Literal] = frozenset()
    match rule:
        case Counted():
            counts = [n for n, allowed in enumerate(rule.allowed) if allowed]
            if all(rule.negated):
                size = len(rule.scope)
                return _positive(rule.scope), [size - n for n in reversed(counts)]
            return frozenset(zip(rule.scope, rule.negated, strict=True)), counts
        case Allowed() if rule.table.shape == (2,) * len(rule.scope):
            counts = np.unique(np.argwhere(rule.table).sum(axis=1))
            return _positive(rule.scope), counts.tolist()
        case Pair() if _is_boolean(rule) and not rule.supports[0][0] & 1:
            return _positive(rule.scope), [1, 2]
        case _:
            return nothing, []


def _is_boolean(rule: Pair) -> bool:
    return len(rule.supports[0]) == len(rule.supports[1]) == 2


def _positive(scope: Iterable[int]) -> frozenset[Literal]:
    return frozenset((v, False) for v in scope)


def _exclusive(rules: list[Rule]) -> list[tuple[int, int]]:
    """List pairs of booleans that are not both true."""
    return [
        (rule.scope[0], rule.scope[1])
        for rule in rules
        if isinstance(rule, Pair) and _is_boolean(rule) and not rule.supports[0][1] & 2
    ]


def _differing(rules: list[Rule]) -> list[tuple[int, int]]:
    """List pairs of variables of more than two states that are never equal."""
    found: list[tuple[int, int]] = []
    for rule in rules:
        if not isinstance(rule, Pair):
            continue
        first, second = rule.supports
        if len(first) != len(second) or len(first) < 3:
            continue
        whole = (1 << len(first)) - 1
        if all(mask == whole & ~(1 << state) for state, mask in enumerate(first)):
            found.append((rule.scope[0], rule.scope[1]))
    return found


def _cliques(pairs: list[tuple[int, int]]) -> list[tuple[int, ...]]:
    """Cover pairs by sets of which all are pairs, greedily."""
    if len(pairs) > _NUM_PAIRS_MAX:
        return []
    near: dict[int, set[int]] = {}
    for a, b in pairs:
        near.setdefault(a, set()).add(b)
        near.setdefault(b, set()).add(a)
    covered: set[tuple[int, int]] = set()
    found: list[tuple[int, ...]] = []
    for a, b in pairs:
        if (a, b) in covered:
            continue
        clique, common = [a, b], near[a] & near[b]
        while common:
            chosen = min(common)
            clique.append(chosen)
            common = common & near[chosen]
        found.append(tuple(clique))
        covered.update((u, v) for u in clique for v in clique)
    return found


def _shared(needs: list[_Set], rooms: list[_Set]) -> list[Rule]:
    """Pair each family of disjoint needs with each family of disjoint rooms that share literals."""
    found: list[Rule] = []
    for some in _families(needs):
        needed = {literals for literals, _ in some}
        others = [one for one in rooms if one[0] not in needed]
        for others_some in _families(others):
            wanted = frozenset[Literal]().union(*(literals for literals, _ in some))
            useful = [one for one in others_some if one[0] & wanted]
            if 1 < len(some) * len(useful) <= _NUM_SETS_MAX:
                found.append(_rule(some, useful))
    return found


def _rule(needs: list[_Set], rooms: list[_Set]) -> Shared:
    scope = {v for literals, _ in needs + rooms for v, _ in literals}

    def plain(sets: list[_Set]) -> tuple[tuple[tuple[Literal, ...], int], ...]:
        return tuple((tuple(sorted(literals)), count) for literals, count in sets)

    return Shared(tuple(sorted(scope)), plain(needs), plain(rooms))


def _families(sets: list[_Set]) -> list[list[_Set]]:
    """Gather sets into families of disjoint ones, in the order in which they come."""
    left = sets
    found: list[list[_Set]] = []
    while left and len(found) < _NUM_FAMILIES_MAX:
        taken: set[Literal] = set()
        family: list[_Set] = []
        rest: list[_Set] = []
        for one in left:
            if taken.isdisjoint(one[0]):
                taken |= one[0]
                family.append(one)
            else:
                rest.append(one)
        found.append(family)
        left = rest
    return found
