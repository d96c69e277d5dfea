"""Cost functions, factors and parity checks mean what their own tools mean by them."""

import itertools
import json
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.factors.kinds import AllDifferent, Count, LinearSum, Table, Xor
from gmruntime.formats.errors import FormatError
from gmruntime.formats.graphs.alist import parse_alist
from gmruntime.formats.graphs.cfn import parse_cfn
from gmruntime.formats.graphs.fg import parse_fg
from gmruntime.formats.graphs.named import NamedGraph, grouped_variables
from gmruntime.formats.graphs.wcsp import parse_wcsp
from gmruntime.formats.graphs.writing import cfn_text, fg_text, wcsp_text
from gmruntime.graph import FactorBlock, FactorGraph, log_score, num_states, validate
from tests.support.files import ALIST, CFN, FG, WCSP

PARSERS = {"wcsp": parse_wcsp, "cfn": parse_cfn, "fg": parse_fg, "alist": parse_alist}
TEXTS = {"wcsp": WCSP, "cfn": CFN, "fg": FG, "alist": ALIST}


def costs_of(named: NamedGraph) -> dict[tuple[int, ...], float]:
    """Return the cost, -log, of every assignment that is possible."""
    validate(named.graph)
    sizes = num_states(named.graph).tolist()
    rows = np.array(list(itertools.product(*map(range, sizes))), np.int32)
    scores = np.asarray(log_score(named.graph, rows))
    return {
        tuple(row): -float(score)
        for row, score in zip(rows.tolist(), scores, strict=True)
        if score > -np.inf
    }


def assert_costs(named: NamedGraph, expected: Callable[..., float]) -> None:
    """Compare with a cost function of the states; infinite ones are impossible."""
    sizes = num_states(named.graph).tolist()
    found = costs_of(named)
    for states in itertools.product(*map(range, sizes)):
        cost = expected(*states)
        assert found.get(states, math.inf) == pytest.approx(cost, abs=1e-12), states


# --- WCSP ----------------------------------------------------------------------------------


def test_costs_default_tuples_and_shared_tables_of_a_wcsp() -> None:
    named = parse_wcsp("p", WCSP)
    assert (named.name, named.variables) == ("pair", ("x0", "x1", "x2"))

    def expected(a: int, b: int, c: int) -> float:
        if (a, b) == (1, 2):
            return math.inf
        table = 0 if (a, b) == (0, 0) else 5
        shared = 3 if (a, c) == (1, 1) else 0
        return (7 if a == 1 else 0) + table + shared + 4 * max(0, a + b + c - 2)

    assert_costs(named, expected)


def problem(sizes: list[int], function: str, top: int = 1000) -> NamedGraph:
    scope = " ".join(map(str, range(len(sizes))))
    head = f"t {len(sizes)} {max(sizes)} 1 {top}\n{' '.join(map(str, sizes))}\n"
    return parse_wcsp("t", f"{head}{len(sizes)} {scope} {function}\n")


def different(*states: int) -> int:
    return len(states) - len(set(states))


# The meaning of each, as the tool's own solver gives it for every assignment.
FUNCTIONS: list[tuple[list[int], str, Callable[..., float]]] = [
    ([4, 4], "-1 >= 1 2", lambda x, y: max(0, y + 1 - x) if y + 1 - x <= 2 else math.inf),
    ([4, 4], "-1 > 1 1", lambda x, y: max(0, y + 2 - x) if y + 2 - x <= 1 else math.inf),
    ([4, 4], "-1 <= 1 1", lambda x, y: max(0, x - 1 - y) if x - 1 - y <= 1 else math.inf),
    ([4, 4], "-1 < 0 0", lambda x, y: 0 if x < y else math.inf),
    ([4, 4], "-1 = 1 2", lambda x, y: abs(y + 1 - x) if abs(y + 1 - x) <= 2 else math.inf),
    ([4, 4], "-1 disj 1 2 9", lambda x, y: 0 if x >= y + 2 or y >= x + 1 else 9),
    ([4, 4], "-1 sdisj 1 2 3 3 7 9",
     lambda x, y: 7 * (x == 3) + 9 * (y == 3)
     if x >= y + 2 or y >= x + 1 or x == 3 or y == 3 else math.inf),
    ([3, 3, 3], "-1 salldiff var 7", lambda *s: 7 * different(*s)),
    ([3, 3, 3], "-1 salldiff dec 7",
     lambda *s: 7 * sum(a == b for a, b in itertools.combinations(s, 2))),
    ([3, 3, 3], "-1 salldiff var 1000", lambda *s: math.inf if different(*s) else 0),
    ([3, 2, 3], "-1 salldiff var 1000", lambda *s: math.inf if different(*s) else 0),
    ([3, 3, 3], "-1 walldiff hard 1000", lambda *s: math.inf if different(*s) else 0),
    ([2, 2, 2], "-1 knapsack 2 2 1 -1", lambda a, b, c: 0 if 2 * a + b - c >= 2 else math.inf),
    ([3, 2], "-1 knapsackp 3 2 1 2 2 5 1 1 1",
     lambda a, b: 0 if (0, 2, 5)[a] + b >= 3 else math.inf),
    ([3, 2], "-1 knapsackp 3 2 1 2 2 4 1 1 1", lambda a, b: 0 if 2 * a + b >= 3 else math.inf),
    ([3, 2, 2], "-1 wsum lin 5 <= 2", lambda *s: 5 * max(0, sum(s) - 2)),
    ([3, 2, 2], "-1 wsum quad 5 > 2", lambda *s: 5 * max(0, 3 - sum(s)) ** 2),
    ([3, 2, 2], "-1 wsum lin 5 != 2", lambda *s: 5 * (sum(s) == 2)),
    ([3, 2, 2], "-1 wsum hard 1000 == 2", lambda *s: 0 if sum(s) == 2 else math.inf),
    ([3, 2, 3], "-1 wvarsum hard 1000 ==", lambda a, b, c: 0 if a + b == c else math.inf),
]  # fmt: skip


@pytest.mark.parametrize(("sizes", "function", "expected"), FUNCTIONS, ids=lambda v: str(v)[:20])
def test_functions_by_name(sizes: list[int], function: str, expected: Callable[..., float]) -> None:
    assert_costs(problem(sizes, function), expected)


def test_functions_by_name_are_factors_of_their_kind() -> None:
    kinds = {
        "-1 salldiff var 1000": AllDifferent,
        "-1 wsum lin 5 <= 2": LinearSum,
        "-1 salldiff var 2": Table,
    }
    for function, kind in kinds.items():
        (block,) = problem([3, 3, 3], function).graph.factors
        assert isinstance(block.kind, kind)


def test_a_wide_clause_is_no_table() -> None:
    scope = " ".join(map(str, range(40)))
    tuple_ = " ".join(["0", "1"] * 20)
    text = f"t 40 2 1 9\n{'2 ' * 40}\n40 {scope} 1 1\n{tuple_} 9\n"
    named = parse_wcsp("t", text)
    assert any(isinstance(block.kind, Count) for block in named.graph.factors)
    forbidden = np.array([0, 1] * 20, np.int32)
    assert float(log_score(named.graph, forbidden)) == -np.inf
    assert float(log_score(named.graph, 1 - forbidden)) == -1.0


def test_a_cost_is_forbidden_where_every_total_with_it_reaches_the_bound() -> None:
    """6 is below the bound of 10, but not once 5 is added whatever else happens."""
    text = "t 2 2 2 10\n2 2\n1 0 0 1\n1 6\n1 1 5 1\n0 7\n"
    assert_costs(parse_wcsp("t", text), lambda a, b: math.inf if a else (7, 5)[b])


# --- CFN -----------------------------------------------------------------------------------


def cfn(bound: str, variables: str, functions: str) -> str:
    head = f'problem:{{name:t,mustbe:"{bound}"}}'
    return f"{{{head},variables:{{{variables}}},functions:{{{functions}}}}}"


def test_a_cfn_has_names_signs_and_decimals() -> None:
    named = parse_cfn("p", CFN)
    assert named.variables == ("hat", "coat")
    assert named.states == (("red", "blue"), ())

    def expected(hat: int, coat: int) -> float:
        costs = {(0, 0): 0.5, (1, 2): math.inf}
        return (-1.25 if hat else 0) + costs.get((hat, coat), 2.5)

    assert_costs(named, expected)


def test_the_relaxed_forms_of_a_cfn_mean_the_same() -> None:
    text = """{{pair <100.00} {hat [red blue] coat 3}
    {a {scope [hat] costs [0 -1.25]}
     b {scope: [0 1] defaultcost "2.5" costs [red 0 0.5 1 2 102]}}}"""
    assert costs_of(parse_cfn("p", text)) == costs_of(parse_cfn("p", CFN))


def test_a_cfn_that_maximises_counts_the_other_way() -> None:
    text = cfn(">-20.0", "x:3", "a:{scope:[x],costs:[1.5,-30,2]}")
    assert_costs(parse_cfn("t", text), lambda x: (-1.5, math.inf, -2.0)[x])


def test_more_decimals_than_the_bound_has_are_cut() -> None:
    text = cfn("<20.00", "x:3", "f:{scope:[x],costs:[1.279,-1.279,0.05]}")
    named = parse_cfn("t", text)
    assert_costs(named, lambda x: (1.27, -1.27, 0.05)[x])
    assert "2 costs have more than the 2 decimals" in named.warnings[0]


def test_negative_costs_let_a_large_one_be() -> None:
    """50 is above the bound of 20, but with -100 the total is not."""
    text = cfn("<20.0", "x:2,y:2", "f:{scope:[x],costs:[10,50]},g:{scope:[y],costs:[-100,0]}")
    assert (1, 0) in costs_of(parse_cfn("t", text))


def test_negative_costs_let_a_large_cost_of_a_sum_be() -> None:
    """The sum 2 costs 10, the bound; with -5 the total is 5."""
    sums = 'type:wsum,params:{metric:lin,cost:10,comparator:"==",to:1}'
    text = cfn("<10", "a:2,b:2", f"f:{{scope:[a,b],{sums}}},g:{{scope:[a,b],costs:[0,0,0,-5]}}")
    assert_costs(parse_cfn("t", text), lambda a, b: 10 * abs(a + b - 1) - 5 * a * b)


@pytest.mark.parametrize(("gift", "cost"), [(5, 5.0), (0, math.inf)])
def test_negative_costs_let_a_large_cost_of_a_wide_function_be(gift: int, cost: float) -> None:
    wide = ",".join(f"v{k}" for k in range(17))
    functions = f"g:{{scope:[v0],costs:[0,{-gift}]}}," + (
        f"f:{{scope:[{wide}],defaultcost:0,costs:[{'1,' * 17}10]}}"
    )
    named = parse_cfn("t", cfn("<10", wide.replace(",", ":2,") + ":2", functions))
    assert any(isinstance(block.kind, Count) for block in named.graph.factors)
    assert -float(log_score(named.graph, np.ones(17, np.int32))) == cost
    assert -float(log_score(named.graph, np.eye(17, dtype=np.int32)[0])) == -gift


def test_an_all_different_that_negative_costs_soften_is_refused() -> None:
    soft = "type:salldiff,params:{metric:dec,cost:10}"
    functions = f"f:{{scope:[a,b],{soft}}},g:{{scope:[a],costs:[0,-5]}}"
    with pytest.raises(FormatError, match="below the bound"):
        parse_cfn("t", cfn("<10", "a:2,b:2", functions))


def test_a_wide_function_that_comes_to_forbid_all_but_some_tuples_is_refused() -> None:
    """The constant 5 is below the bound of 9, but not with the 6 that comes after it."""
    scope = " ".join(map(str, range(17)))
    text = f"t 17 2 2 9\n{'2 ' * 17}\n17 {scope} 5 1\n{'0 ' * 17} 0\n0 6 0\n"
    with pytest.raises(FormatError, match="all but some") as caught:
        parse_wcsp("t", text)
    assert caught.value.line == 3


@pytest.mark.parametrize(("top", "is_told"), [(6, True), (7, False), (3, False)])
def test_totals_that_only_adding_up_brings_to_the_bound_are_told_of(
    top: int, is_told: bool
) -> None:
    text = f"t 2 2 2 {top}\n2 2\n1 0 0 1\n1 3\n1 1 0 1\n0 3\n"
    warnings = parse_wcsp("t", text).warnings
    assert [("adding up" in warning) for warning in warnings] == [True] * is_told


def test_a_table_is_shared_by_name() -> None:
    text = cfn("<20", "x:2,y:2", "f:{scope:[x],costs:g},g:{scope:[y],costs:[1,3]}")
    assert_costs(parse_cfn("t", text), lambda x, y: (1, 3)[x] + (1, 3)[y])


# --- libDAI and alist ----------------------------------------------------------------------


def test_in_an_fg_the_first_variable_changes_fastest_and_zeros_are_left_out() -> None:
    named = parse_fg("m", FG)
    assert named.variables == ("x0", "x3")
    pair = {(0, 0): 0.5, (1, 0): 1.0, (0, 2): 2.0, (1, 2): 0.25}

    def expected(a: int, b: int) -> float:
        value = (0.4, 0.6)[a] * pair.get((a, b), 0.0)
        return -math.log(value) if value else math.inf

    assert_costs(named, expected)


@pytest.mark.parametrize("padded", [True, False])
def test_an_alist_is_a_parity_check_for_each_row(padded: bool) -> None:
    text = ALIST if padded else ALIST.replace("1 0\n", "1\n").replace(" 0\n", "\n")
    named = parse_alist("code", text)
    assert all(isinstance(block.kind, Xor) for block in named.graph.factors)
    rows = ((0, 1, 3), (1, 2))
    assert_costs(
        named, lambda *s: 0 if all(sum(s[k] for k in row) % 2 == 0 for row in rows) else math.inf
    )


# --- Writing -------------------------------------------------------------------------------


@st.composite
def graphs(draw: st.DrawFn, *, whole: bool = False) -> NamedGraph:
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    blocks: list[FactorBlock] = []
    for _ in range(draw(st.integers(0, 4))):
        scope = rng.permutation(len(sizes))[: rng.integers(0, len(sizes) + 1)]
        shape = [sizes[v] for v in scope]
        logs = -rng.integers(0, 9, shape).astype(float) if whole else rng.normal(0, 3, shape)
        logs = np.where(rng.random(shape) < 0.2, -np.inf, logs)
        blocks.append(FactorBlock(Table(logs[None]), scope[None].astype(np.int32), "f"))
    names = tuple(f"v {k}" for k in range(len(sizes)))
    states = tuple(tuple(f"s{j}" for j in range(n)) if rng.random() < 0.5 else () for n in sizes)
    return NamedGraph("g", FactorGraph(grouped_variables(sizes), tuple(blocks)), names, states)


def scores(graph: FactorGraph) -> np.ndarray:
    sizes = num_states(graph).tolist()
    rows = np.array(list(itertools.product(*map(range, sizes))), np.int32)
    return np.asarray(log_score(graph, rows))


@settings(max_examples=80, deadline=None)
@given(graphs())
def test_an_fg_that_is_written_is_read_again(named: NamedGraph) -> None:
    found = parse_fg("g", fg_text(named.graph))
    np.testing.assert_allclose(scores(found.graph), scores(named.graph), rtol=1e-12, atol=1e-12)


@settings(max_examples=80, deadline=None)
@given(graphs())
def test_a_cfn_that_is_written_is_read_again_and_is_json(named: NamedGraph) -> None:
    text = cfn_text(named)
    json.loads(text)
    found = parse_cfn("g", text)
    assert found.warnings == ()
    assert [len(s) for s in found.states] == [len(s) for s in named.states]
    np.testing.assert_allclose(scores(found.graph), scores(named.graph), atol=1e-8)


@settings(max_examples=80, deadline=None)
@given(graphs(whole=True))
def test_whole_costs_that_are_written_as_wcsp_are_read_again(named: NamedGraph) -> None:
    text, lost = wcsp_text(named)
    assert not lost
    np.testing.assert_array_equal(scores(parse_wcsp("g", text).graph), scores(named.graph))


@settings(max_examples=80, deadline=None)
@given(graphs())
def test_other_costs_keep_their_differences_in_a_wcsp(named: NamedGraph) -> None:
    text, _ = wcsp_text(named)
    old, new = scores(named.graph), scores(parse_wcsp("g", text).graph)
    possible = old > -np.inf
    np.testing.assert_array_equal(new > -np.inf, possible)
    if "e-6" in wcsp_text(named)[1] and possible.any():
        change = old[possible] - new[possible] / 1e6
        np.testing.assert_allclose(change, change[0], atol=1e-5)


# --- Mistakes ------------------------------------------------------------------------------

MISTAKES = [
    ("wcsp", "2 0 1 5 2", "2 0 3 5 2", 4, "a variable must be an integer in 0..2"),
    ("wcsp", "0 0 0\n", "1 2 0\n", 6, "the tuple `1 2` is given twice"),
    ("wcsp", "1 2 100", "1 3 100", 6, "a state must be an integer in 0..2"),
    ("wcsp", "wsum lin 4 <= 2", "sregular var 1", 9, "the cost function `sregular` is not read"),
    ("wcsp", "wsum lin", "wsum cubic", 9, "a sum with `cubic`"),
    ("wcsp", "-2 0 2 0 1\n1 1 3", "2 0 2 0 -1", 7, "only 0 functions to share"),
    ("wcsp", "<= 2", "<= 2 7", 9, "goes on after its 4 cost functions"),
    ("wcsp", "2 3 2\n1 0", "2 0 2\n1 0", 2, "a variable needs a state"),
    ("cfn", '["hat"], "costs": [0', '["cap"], "costs": [0', 5, "unknown variable `cap`"),
    ("cfn", '"red", 0', '"green", 0', 7, "`green` is no state of hat"),
    ("cfn", '"red", 0, 0.5', '"blue", 2, 0.5', 7, "this tuple is given twice"),
    ("cfn", "-1.25]", "-1.25, 3]", 5, "has 2 costs, not 3"),
    ("cfn", "-1.25", "-1e5", 5, "a cost such as 1.25"),
    ("cfn", '"<100.00"', '"100.00"', 1, "a bound such as mustbe"),
    ("cfn", '["red", "blue"]', '["red", "red"]', 3, "is named twice"),
    ("cfn", '["red", "blue"]', '["1", "2"]', 3, "cannot begin as a number"),
    ("cfn", '"costs": [0, -1.25]', '"type": "sgcc", "params": []', 5, "`sgcc` is not read"),
    ("cfn", '"coat": 3', '"coat": 3, "hat": 2', 3, "declared twice"),
    ("cfn", "] } } }", "] } }", 1, "never closed"),
    ("fg", "5 0.25", "4 0.25", 18, "entry 4 is given twice"),
    ("fg", "5 0.25", "6 0.25", 18, "an integer in 0..5"),
    ("fg", "2 3\n4", "3 3\n4", 13, "variable 0 had 2 states before, not 3"),
    ("fg", "5 0.25", "5 -1", 18, "must be numbers >= 0"),
    ("alist", "4 2\n", "4 2 4\n", 1, "more than two elements"),
    ("alist", "1 2 4", "1 3 4", 9, "whose list does not name it"),
    ("alist", "1 2\n2 0", "1 3\n2 0", 6, "an integer in 1..2"),
]


@pytest.mark.parametrize(("kind", "old", "new", "line", "words"), MISTAKES)
def test_a_mistake_is_named_with_its_place(
    kind: str, old: str, new: str, line: int, words: str
) -> None:
    assert old in TEXTS[kind]
    with pytest.raises(FormatError) as caught:
        PARSERS[kind]("m", TEXTS[kind].replace(old, new, 1))
    assert words in caught.value.message
    assert abs(caught.value.line - line) <= 1


WIDE = " ".join(map(str, range(20)))
TUPLES = "".join(f"{' '.join(f'{k:020b}')} 1\n" for k in range(1000))


@pytest.mark.parametrize(
    "text",
    [
        "t 2 2147483647 1 9\n2147483647 2147483647\n2 0 1 0 0\n",
        "t 2 2 1 9\n2147483647 2147483647\n2 0 1 -1 >= 1 2\n",
        "t 2 2 1 9\n2147483647 2\n2 0 1 -1 knapsackp 3 0 0\n",
        f"t 3 2 1 9\n2 2 2\n3 0 1 2 -1 knapsack 3 {10**15} {10**15} {10**15}\n",
        f"t 21 2 99 9\n{'2 ' * 21}\n-20 {WIDE} 0 1000\n{TUPLES}" + f"20 {WIDE} 0 -1\n" * 98,
        f"t 60 3 1 9\n{'3 ' * 60}\n60 {' '.join(map(str, range(60)))} -1 salldiff var 1\n",
    ],
)
def test_what_would_fill_the_memory_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match=r"too large|so many|different sums"):
        parse_wcsp("t", text)
