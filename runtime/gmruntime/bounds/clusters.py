"""Tightens a dual bound: factors around a short cycle become one.

Between variables and factors messages settle where every factor can have its best. Around a cycle
the bests may contradict each other; then the factors' joint maximum is below the sum of theirs,
and joining them lowers the bound by the difference at once. What is joined may be joined again.

Source: after Sontag, Meltzer, Globerson, Jaakkola and Weiss (2008), "Tightening LP relaxations for
MAP using message passing", who choose clusters by the same difference.
"""

import math
from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.bounds.srmp.host import EPS, Ascent, Wide, arrange

# Cycles looked at in one round, and neighbours tried from each factor.
_NUM_CYCLES_MAX, NUM_NEIGHBOURS_MAX = 40_000, 8

# Cycles, or factors, between two looks at the clock.
_NUM_AT_ONCE = 64

# A gain smaller than this, relative to the bound, is rounding.
GAIN_LEAST = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class _Factors:
    """What is known of each factor: its variables, and its table less its messages."""

    scopes: list[tuple[int, ...]]
    near: dict[int, list[int]]
    rest: list[Float64[np.ndarray, "..."]]
    best: list[float]


def tighten(
    wide: Wide, ascent: Ascent, entries_max: int, total_max: int, rng: np.random.Generator
) -> Generator[None, None, tuple[Wide, Ascent] | None]:
    """Join the factors around some cycles; yields now and then, to be stopped and gone on with.

    Args:
        wide: the graph.
        ascent: its messages.
        entries_max: of a joined table.
        total_max: of all joined tables of this round together.
        rng: of the order in which cycles are looked for.

    Returns:
        the joined graph and its messages, with the same bound; None when nothing would help.
    """
    factors = yield from _factors(wide, ascent)
    gains: list[tuple[float, tuple[int, ...], int]] = []
    least = GAIN_LEAST * max(1.0, abs(ascent.bound))
    for count, members in enumerate(_cycles(factors, rng)):
        if count % _NUM_AT_ONCE == 0:
            yield
        scope = sorted({v for f in members for v in factors.scopes[f]})
        size = math.prod(int(wide.flat.num_states[v]) for v in scope)
        if size > entries_max:
            continue
        joint = float(_joint(wide, factors, members, scope).max())
        gain = sum(factors.best[f] for f in members) - joint
        if gain > least:
            gains.append((gain, members, size))
    gains.sort(key=lambda found: -found[0])
    taken: set[int] = set()
    groups: list[tuple[int, ...]] = []
    total = 0
    for _, members, size in gains:
        if taken.isdisjoint(members) and total + size <= total_max:
            taken.update(members)
            groups.append(members)
            total += size
    return (yield from _merged(wide, ascent, factors, groups)) if groups else None


def _factors(wide: Wide, ascent: Ascent) -> Generator[None, None, _Factors]:
    scopes: list[tuple[int, ...]] = []
    near: dict[int, list[int]] = {}
    rest: list[np.ndarray] = []
    for f in range(len(wide.net.table_start)):
        if f % _NUM_AT_ONCE == 0:
            yield
        first, stop = wide.net.factor_start[f], wide.net.factor_start[f + 1]
        scope = tuple(int(v) for v in wide.net.edge_variable[first:stop])
        table = _own_table(wide, f, scope)
        shape = table.shape
        for k, e in enumerate(range(first, stop)):
            place = wide.net.message_start[e]
            message = ascent.messages[place : place + shape[k]]
            table = table - message.reshape([-1 if j == k else 1 for j in range(len(shape))])
        scopes.append(scope)
        rest.append(table)
        for v in scope:
            near.setdefault(v, []).append(f)
    return _Factors(scopes, near, rest, [float(table.max()) for table in rest])


def _cycles(factors: _Factors, rng: np.random.Generator) -> Generator[tuple[int, ...], None, None]:
    """List sets of two to four factors that close a cycle."""
    seen: set[tuple[int, ...]] = set()

    def new(members: tuple[int, ...]) -> tuple[int, ...] | None:
        key = tuple(sorted(members))
        if len(set(key)) < len(key) or key in seen:
            return None
        seen.add(key)
        return key

    def around(f: int, entered: int) -> list[tuple[int, int]]:
        """List the factors next to one, and the variable that leads to each."""
        steps = [(v, g) for v in factors.scopes[f] if v != entered for g in factors.near[v]]
        steps = [(v, g) for v, g in steps if g != f]
        if len(steps) > NUM_NEIGHBOURS_MAX:
            chosen = rng.choice(len(steps), NUM_NEIGHBOURS_MAX, replace=False)
            steps = [steps[k] for k in chosen]
        return steps

    for f in rng.permutation(len(factors.scopes)):
        own = set(factors.scopes[f])
        for v, g in around(int(f), -1):
            paths = [((int(f), g), v, g)]
            for _ in range(3):
                longer: list[tuple[tuple[int, ...], int, int]] = []
                for members, entered, last in paths:
                    closing = (set(factors.scopes[last]) & own) - {v, entered}
                    if closing and last != f:
                        key = new(members)
                        if key is not None:
                            yield key
                    elif len(members) < 4:
                        longer.extend(
                            ((*members, h), w, h)
                            for w, h in around(last, entered)
                            if h not in members and w not in own
                        )
                paths = longer
            if len(seen) >= _NUM_CYCLES_MAX:
                return


def _joint(
    wide: Wide, factors: _Factors, members: tuple[int, ...], scope: list[int]
) -> Float64[np.ndarray, "*states"]:
    """Add up what is left of some factors, one axis for each variable of `scope`."""
    total = np.zeros([int(wide.flat.num_states[v]) for v in scope])
    for f in members:
        total = total + _spread(factors.rest[f], factors.scopes[f], scope)
    return total


def _spread(
    table: Float64[np.ndarray, "*states"], own: tuple[int, ...], scope: list[int]
) -> Float64[np.ndarray, "*all_states"]:
    axes = sorted(range(len(own)), key=lambda k: scope.index(own[k]))
    sizes = dict(zip(own, table.shape, strict=True))
    return table.transpose(axes).reshape([sizes.get(v, 1) for v in scope])


def _merged(
    wide: Wide, ascent: Ascent, factors: _Factors, groups: list[tuple[int, ...]]
) -> Generator[None, None, tuple[Wide, Ascent]]:
    """Replace each group by one factor: tables and messages add up."""
    flat = wide.flat
    joined = {f for members in groups for f in members}
    kept = [f for f in range(len(factors.scopes)) if f not in joined]
    is_kept = np.isin(wide.net.edge_factor, kept)
    arity = [len(factors.scopes[f]) for f in kept]
    edge_variable = [wide.net.edge_variable[is_kept]]
    strides = [wide.net.strides[is_kept]]
    starts = list(wide.net.table_start[kept])
    sizes = flat.num_states[wide.net.edge_variable].astype(np.int64)
    messages = [ascent.messages[np.repeat(is_kept, sizes)]]
    tables = [flat.log_potentials]
    filled, slack = len(flat.log_potentials), wide.slack
    for count, members in enumerate(groups):
        if count % _NUM_AT_ONCE == 0:
            yield
        scope = sorted({v for f in members for v in factors.scopes[f]})
        shape = [int(flat.num_states[v]) for v in scope]
        total, reach = np.zeros(shape), 0.0
        heard = {v: np.zeros(k) for v, k in zip(scope, shape, strict=True)}
        for f in members:
            table = factors.rest[f]
            for k, e in enumerate(range(wide.net.factor_start[f], wide.net.factor_start[f + 1])):
                place = wide.net.message_start[e]
                message = ascent.messages[place : place + table.shape[k]]
                heard[factors.scopes[f][k]] += message
            own = _own_table(wide, f, factors.scopes[f])
            finite = np.abs(own[np.isfinite(own)])
            reach += float(finite.max(initial=0.0))
            total = total + _spread(own, factors.scopes[f], scope)
        slack += EPS * (len(members) + 1) * reach
        arity.append(len(scope))
        edge_variable.append(np.array(scope))
        strides.append(np.cumprod([1, *shape[:0:-1]])[::-1])
        starts.append(filled)
        tables.append(total.reshape(-1))
        filled += total.size
        messages.extend(heard[v] for v in scope)
    graph = replace(flat, log_potentials=np.concatenate(tables))
    found = arrange(
        graph,
        wide.net.unary_start,
        wide.net.unary,
        np.array(arity, np.int64),
        np.concatenate(edge_variable).astype(np.int64),
        np.concatenate(strides).astype(np.int64),
        np.array(starts, np.int64),
        slack,
    )
    return found, Ascent(np.concatenate(messages), ascent.assignment, ascent.bound)


def _own_table(wide: Wide, f: int, scope: tuple[int, ...]) -> Float64[np.ndarray, "*states"]:
    flat = wide.flat
    shape = tuple(int(flat.num_states[v]) for v in scope)
    edges = slice(wide.net.factor_start[f], wide.net.factor_start[f + 1])
    strides = tuple(8 * int(stride) for stride in wide.net.strides[edges])
    start = wide.net.table_start[f]
    return np.lib.stride_tricks.as_strided(flat.log_potentials[start:], shape, strides)
