"""Rules that a matching refutes: all different values, and counts that share their literals.

Where each rule alone still has room, all of them together may not: eleven things in ten places.

Source: Régin (1994), "A filtering algorithm for constraints of difference in CSPs"; for counts,
with a flow instead of a matching, Régin (1996), "Generalized arc consistency for global
cardinality constraint".
"""

from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

from gmruntime.constraints.rules import states_of

Literal: TypeAlias = tuple[int, bool]
"""A boolean variable, and whether it is negated."""


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """No two variables are equal: keep the states that some matching of all variables uses."""

    scope: tuple[int, ...]

    def narrow(self, domains: list[int]) -> list[int] | None:
        """Find one matching, then keep what it or an alternating way through it uses."""
        allowed = [domains[v] for v in self.scope]
        matched = matching(allowed)
        if matched is None:
            return None
        leads_to = _alternating_ways(allowed, matched)
        used = sum(1 << state for state in matched)
        from_unused = 0
        for state, ways in leads_to.items():
            if not used >> state & 1:
                from_unused |= ways | 1 << state
        narrowed: list[int] = []
        for v, mine, own in zip(self.scope, allowed, matched, strict=True):
            kept = mine & (1 << own | from_unused)
            for state in states_of(mine & ~kept):
                if leads_to[own] >> state & 1:
                    kept |= 1 << state
            if kept != mine:
                domains[v] = kept
                narrowed.append(v)
        return narrowed


def matching(allowed: list[int]) -> list[int] | None:
    """Give each of some variables a state of its own; None when there are too few.

    Args:
        allowed: the states that each may have, as bit masks.

    >>> matching([0b11, 0b01]), matching([0b11, 0b01, 0b10])
    ([1, 0], None)
    """
    owner: dict[int, int] = {}
    matched = [-1] * len(allowed)
    for root in range(len(allowed)):
        way: dict[int, int] = {}
        waiting, seen, end = deque([root]), 0, -1
        while waiting and end < 0:
            k = waiting.popleft()
            fresh = allowed[k] & ~seen
            seen |= fresh
            for state in states_of(fresh):
                way[state] = k
                if state not in owner:
                    end = state
                    break
                waiting.append(owner[state])
        if end < 0:
            return None
        while True:
            k = way[end]
            owner[end], matched[k], end = k, end, matched[k]
            if k == root:
                break
    return matched


def _alternating_ways(allowed: list[int], matched: list[int]) -> dict[int, int]:
    """Say for each state which others can be handed on to by those that might take it."""
    leads_to: dict[int, int] = {}
    for mine, own in zip(allowed, matched, strict=True):
        for state in states_of(mine):
            leads_to[state] = leads_to.get(state, 0) | 1 << own
    for middle, ways in list(leads_to.items()):
        ways = leads_to[middle]
        for state in leads_to:
            if leads_to[state] >> middle & 1:
                leads_to[state] |= ways
    return leads_to


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """Sets of literals of which enough must hold, and other sets of which only so many may.

    Attributes:
        scope: the variables.
        needs: disjoint sets, and how many of each must hold at least.
        rooms: disjoint sets, and how many of each may hold at most.
    """

    scope: tuple[int, ...]
    needs: tuple[tuple[tuple[Literal, ...], int], ...]
    rooms: tuple[tuple[tuple[Literal, ...], int], ...]

    def narrow(self, domains: list[int]) -> list[int] | None:
        """Refute by a flow from the needs to the rooms; nothing is narrowed."""
        left: list[int] = []
        room_of: dict[Literal, int] = {}
        for place, (literals, most) in enumerate(self.rooms):
            taken = 0
            for variable, negated in literals:
                room_of[variable, negated] = place
                taken += domains[variable] == (1 if negated else 2)
            if taken > most:
                return None
            left.append(most - taken)
        links: list[dict[int, int]] = []
        demands: list[int] = []
        for literals, least in self.needs:
            link: dict[int, int] = {}
            for literal in literals:
                variable, negated = literal
                if domains[variable] == 3 and literal in room_of:
                    place = room_of[literal]
                    link[place] = link.get(place, 0) + 1
                elif domains[variable] == 3 or domains[variable] == (1 if negated else 2):
                    least -= 1
            links.append(link)
            demands.append(max(0, least))
        return [] if can_flow(demands, links, left) else None


def can_flow(demands: list[int], links: list[dict[int, int]], rooms: list[int]) -> bool:
    """Say whether all demands fit into the rooms.

    Args:
        demands: how much each must place.
        links: for each, how much it may place in which room.
        rooms: how much each has room for.

    >>> can_flow([1, 1], [{0: 1}, {0: 1}], [1]), can_flow([1, 1], [{0: 1}, {0: 1}], [2])
    (False, True)
    """
    flow: list[dict[int, int]] = [{} for _ in demands]
    left = list(rooms)
    for root, demand in enumerate(demands):
        for _ in range(demand):
            if not _augmented(root, links, flow, left):
                return False
    return True


def _augmented(
    root: int, links: list[dict[int, int]], flow: list[dict[int, int]], left: list[int]
) -> bool:
    """Place one more, moving what is placed to other rooms where that helps."""
    into: dict[int, int] = {}
    out_of: dict[int, int] = {root: -1}
    waiting = deque([root])
    while waiting:
        k = waiting.popleft()
        for room, most in links[k].items():
            if room in into or flow[k].get(room, 0) >= most:
                continue
            into[room] = k
            if left[room] > 0:
                left[room] -= 1
                while room >= 0:
                    k = into[room]
                    flow[k][room] = flow[k].get(room, 0) + 1
                    room = out_of[k]
                    if room >= 0:
                        flow[k][room] -= 1
                return True
            for other, placed in enumerate(flow):
                if other not in out_of and placed.get(room, 0) > 0:
                    out_of[other] = room
                    waiting.append(other)
    return False
