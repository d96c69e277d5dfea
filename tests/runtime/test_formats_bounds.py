"""What the upper bound of a file forbids, against the total of every assignment."""

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.formats.errors import FormatError
from gmruntime.formats.graphs.cfn import parse_cfn
from gmruntime.formats.graphs.wcsp import parse_wcsp
from gmruntime.graph import log_score

Cost = Callable[[Sequence[int]], float]
SIZES = (2, 3, 2)
CHOICES = st.sampled_from([0, 1, -2, 5, 12, -6])


def _table(draw: st.DrawFn, scope: list[int]) -> tuple[str, Cost]:
    shape = [SIZES[v] for v in scope]
    number = math.prod(shape)
    costs = np.array(draw(st.lists(CHOICES, min_size=number, max_size=number))).reshape(shape)
    return f"costs:{costs.reshape(-1).tolist()}", lambda states: float(costs[tuple(states)])


def _sum(draw: st.DrawFn) -> tuple[str, Cost]:
    metric, cost = draw(st.sampled_from(["hard", "lin", "quad"])), draw(st.sampled_from([1, 12]))
    most = draw(st.integers(0, 4))
    params = f'metric:{metric},cost:{cost},comparator:"<=",to:{most}'

    def cost_of(states: Sequence[int]) -> float:
        gap = max(0, sum(states) - most)
        hard = math.inf if gap else 0.0
        return {"hard": hard, "lin": float(cost * gap), "quad": float(cost * gap**2)}[metric]

    return f"type:wsum,params:{{{params}}}", cost_of


def _different(draw: st.DrawFn) -> tuple[str, Cost]:
    cost = draw(st.sampled_from([1, 12]))
    params = f"metric:dec,cost:{cost}"

    def cost_of(states: Sequence[int]) -> float:
        return float(cost * sum(a == b for a, b in itertools.combinations(states, 2)))

    return f"type:salldiff,params:{{{params}}}", cost_of


def _knapsack(draw: st.DrawFn) -> tuple[str, Cost]:
    capacity = draw(st.integers(-1, 2))

    def cost_of(states: Sequence[int]) -> float:
        return 0.0 if states[0] - states[1] >= capacity else math.inf

    return f"type:knapsack,params:{{capacity:{capacity},weights:[1,-1]}}", cost_of


@st.composite
def problems(draw: st.DrawFn) -> tuple[str, Callable[[Sequence[int]], float]]:
    """Draw functions of three variables, and what they cost together."""
    texts: list[str] = []
    costs: list[tuple[list[int], Cost]] = []
    for k in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from([None, _sum, _different, _knapsack]))
        scope = [0, 2] if kind is _knapsack else draw(st.permutations(range(3)))[: 1 + k % 3]
        text, cost = _table(draw, scope) if kind is None else kind(draw)
        texts.append(f"f{k}:{{scope:{[f'v{v}' for v in scope]},{text}}}".replace("'", ""))
        costs.append((scope, cost))
    return ",".join(texts), lambda states: sum(c([states[v] for v in s]) for s, c in costs)


@settings(max_examples=300, deadline=None)
@given(problems(), st.integers(-5, 12))
def test_totals_below_the_bound_are_possible_and_others_are_told_of(
    problem: tuple[str, Callable[[Sequence[int]], float]], top: int
) -> None:
    functions, total = problem
    head = f'problem:{{name:t,mustbe:"<{top}"}},variables:{{v0:2,v1:3,v2:2}}'
    try:
        named = parse_cfn("t", f"{{{head},functions:{{{functions}}}}}")
    except FormatError as error:
        # A soft all-different may be hard or not beside negative costs: then it is not read.
        if "below the bound" not in error.message:
            raise
        return
    for states in itertools.product(*map(range, SIZES)):
        cost = -float(log_score(named.graph, np.array(states, np.int32)))
        if total(states) < top:
            assert cost == total(states)
        else:
            assert cost == math.inf or (cost == total(states) and named.warnings)


LARGE = st.sampled_from(
    [0, 3, *(2**53 + k for k in (-2, -1, 0, 1, 2)), 2**60 + 1, 2**62, 2**62 + 1, 10**41]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(LARGE, LARGE), min_size=1, max_size=2), LARGE)
def test_large_costs_are_compared_with_all_digits_or_refused(
    tables: list[tuple[int, int]], top: int
) -> None:
    lines = [f"t 2 2 {len(tables)} {top}", "2 2"]
    for v, costs in enumerate(tables):
        lines += [f"1 {v} 0 2", *(f"{state} {cost}" for state, cost in enumerate(costs))]
    least = [min(costs) for costs in tables]
    # What is as large as the bound, or as anything may be, is left out of the least of the others.
    rests = [sum(m for m in least if m < 2**62) - (m if m < 2**62 else 0) for m in least]
    allowed = [[c + r < top for c in costs] for costs, r in zip(tables, rests, strict=True)]
    pairs = [pair for both in zip(tables, allowed, strict=True) for pair in zip(*both, strict=True)]
    kept = [cost for cost, is_allowed in pairs if is_allowed]
    try:
        named = parse_wcsp("t", "\n".join(lines))
    except FormatError as error:
        if "below the bound" not in error.message:
            raise
        assert max([*kept, *(c for costs in tables for c in costs if c < top)]) > 2**53
        return
    assert max(kept, default=0) <= 2**53
    for states in itertools.product(range(2), range(2)):
        own = states[: len(tables)]
        cost = -float(log_score(named.graph, np.array(states, np.int32)))
        if all(a[s] for a, s in zip(allowed, own, strict=True)):
            assert cost == float(sum(costs[s] for costs, s in zip(tables, own, strict=True)))
        else:
            assert cost == math.inf
