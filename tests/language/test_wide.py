"""Expressions over many variables mean what they mean over few."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

import gmlang
from gmlang.core.ast import Constant, Expression, Integer
from gmlang.core.walk import replace_part, walk
from gmlang.graph.lowering import cuts, narrowing, table_sizes
from gmlang.graph.lowering.cuts import Widths
from gmlang.graph.values.environment import Env, Slots
from gmlang.graph.world.places import collect
from gmruntime.factors.kinds import Table
from tests.support import worlds
from tests.support.programs import aggregate_program, flat_program, wide_program

EVENTS = ("P(e)", "P(x[0] = 1 | d)", "P(count(x[i] > 0 for i in 0..2) <= y)")


def _agree(text: str, queries: tuple[str, ...] = EVENTS) -> None:
    model = gmlang.compile(text)
    events, log_z, num_worlds, best = worlds.answers(text, queries)
    if not num_worlds:
        assert model.query("logZ()").status == "impossible", text
        return
    for query, expected in zip(queries, events, strict=True):
        answer = model.query(query, budget_s=20)
        if math.isnan(expected):
            assert answer.status == "impossible", (text, query)
            continue
        assert answer.status == "exact", (text, query)
        value = answer.value
        value = value["true"] if isinstance(value, dict) else value
        assert value == pytest.approx(expected, abs=1e-9), (text, query)
    assert model.query("logZ()").value == pytest.approx(log_z, abs=1e-9), text
    assert model.query("count()").value == num_worlds, text
    assert model.query("MAP()").log_score == pytest.approx(best, abs=1e-9), text


@pytest.fixture
def no_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have even small expressions take the way of the wide ones."""
    monkeypatch.setattr(table_sizes, "SMALL_ENTRIES", 1)
    monkeypatch.setattr(table_sizes, "PLAIN_ENTRIES", 1)


@pytest.mark.parametrize("seed", range(4))
def test_aggregates_mean_what_the_interpreter_says(seed: int):
    _agree(aggregate_program(random.Random(seed)))


@pytest.mark.parametrize("seed", range(100, 108))
def test_aggregates_without_tables_mean_the_same(seed: int, no_tables: None):
    _agree(aggregate_program(random.Random(seed)))


@pytest.mark.parametrize("seed", range(2))
def test_other_programs_without_tables_mean_the_same(seed: int, no_tables: None):
    text = flat_program(random.Random(seed))
    _agree(text, ("P(a = true)", "P(n = 1 | a = false)", "P(x[2] and c | n in 0..1)"))
    text = wide_program(random.Random(seed))
    _agree(text, ("P(level = 1)", "P(seat[0] = 2 | level = 0)", "P(x[1] and sign | seat[2] = 1)"))


# --- Wide ones, against counting up ------------------------------------------------------

WEIGHTS = [0.637, 0.2698, 0.041, 0.0165, 0.8133, 0.9128, 0.6066, 0.7295, 0.5436, 0.9351, 0.8159]


def _distribution(model: gmlang.Model, query: str) -> dict[str, float]:
    answer = model.query(query)
    assert answer.status == "exact"
    assert isinstance(answer.value, dict)
    return answer.value


def _subset_sums(weights: list[float]) -> np.ndarray:
    """Add up every subset in the order of the weights, in float64."""
    sums = np.zeros(1)
    for weight in weights:
        sums = np.concatenate([sums, sums + weight])
    return sums


def test_real_weights_are_added_up_as_they_are_written():
    """Decimal ties are decided by float64 sums in the written order, 18 of them here."""
    weights = [*WEIGHTS, 0.0027, 0.8574, 0.0336, 0.7297, 0.1757, 0.8632, 0.5415, 0.2997, 0.4227]
    model = gmlang.compile(
        f"data w[20] : real = {weights}\nvar x[20] : bool\n"
        "constraint sum(w[i] * x[i] for i in 0..19) <= 4.0\n"
    )
    answer = model.query("count()")
    assert (answer.status, answer.value) == ("exact", int((_subset_sums(weights) <= 4.0).sum()))


def test_tenths_merge_to_short_chains():
    """60 weights of one decimal: thousands of float64 sums a layer, few of which differ later."""
    rng = random.Random(1)
    tenths = [rng.randint(1, 9) for _ in range(60)]
    model = gmlang.compile(
        f"data w[60] : real = {[t / 10 for t in tenths]}\nvar x[60] : bool\n"
        "constraint sum(w[i] * x[i] for i in 0..59) < 6.05\n"
    )
    ways = np.zeros(61, object)
    ways[0] = 1
    for t in tenths:
        ways[t:] = ways[t:] + ways[:-t].copy()
    answer = model.query("count()", budget_s=20)
    assert (answer.status, answer.value) == ("exact", int(ways.sum()))


def test_bits_are_compared_as_a_number():
    model = gmlang.compile(
        "var b[40] : bool\nconstraint sum(2 ** i * b[i] for i in 0..39) >= 777777777777\n"
    )
    answer = model.query("count()")
    assert (answer.status, answer.value) == ("exact", 2**40 - 777777777777)


def test_a_reified_comparison_of_many_digits():
    model = gmlang.compile(
        "var d[9] : 0..9\nvar n : bool := sum(10 ** i * d[i] for i in 0..8) < 123456789\n"
    )
    assert _distribution(model, "P(n)")["true"] == pytest.approx(0.123456789, abs=1e-12)


def test_the_remainder_of_a_number_of_24_bits():
    model = gmlang.compile(
        "var b[24] : bool\nconstraint sum(2 ** i * b[i] for i in 0..23) % 7 == 3\n"
    )
    assert model.query("count()").value == len(range(3, 2**24, 7))


def test_squares_are_added_up_without_auxiliary_variables():
    model = gmlang.compile("var x[12] : 0..9\nconstraint sum(x[i] * x[i] for i in 0..11) <= 60\n")
    ways = np.zeros(61)
    ways[0] = 1
    for _ in range(12):
        shifted = [np.concatenate([np.zeros(v * v), ways[: 61 - v * v]]) for v in range(8)]
        ways = np.sum(shifted, axis=0)
    answer = model.query("count()")
    assert (answer.status, answer.value) == ("exact", int(ways.sum()))


def test_conditions_are_counted():
    model = gmlang.compile("var x[30] : 0..9\nconstraint count(x[i] > 4 for i in 0..29) <= 3\n")
    of_size = [math.comb(30, k) for k in range(4)]
    expected = sum(k * c for k, c in enumerate(of_size)) / 30 / sum(of_size)
    assert model.query("P(x[0] > 4)").value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("size", "solutions"), [(6, 4), (7, 40)])
def test_queens_by_all_different_diagonals(size: int, solutions: int):
    model = gmlang.compile(
        f"var q[{size}] : 0..<{size}\nconstraint alldifferent(q[i] for i in 0..<{size})\n"
        f"constraint alldifferent(q[i] + i for i in 0..<{size})\n"
        f"constraint alldifferent(q[i] - i for i in 0..<{size})\n"
    )
    answer = model.query("count()", budget_s=20)
    assert (answer.status, answer.value) == ("exact", solutions)


def test_the_largest_of_many():
    model = gmlang.compile("var x[20] : 0..9\nvar m : 0..9 := max(x[i] for i in 0..19)\n")
    assert _distribution(model, "P(m)")["7"] == pytest.approx(0.8**20 - 0.7**20, abs=1e-12)
    assert model.query("P(min(x[i] for i in 0..19) >= 2)").value == pytest.approx(0.8**20)


def test_a_table_of_five_variables_given_as_data():
    rng = np.random.default_rng(0)
    table = rng.random((7, 7, 7, 7, 7))
    table /= table.sum(axis=-1, keepdims=True)
    model = gmlang.compile(
        "data C[7, 7, 7, 7, 7] : real\nvar a : 0..6\nvar b : 0..6\nvar c : 0..6\nvar d : 0..6\n"
        "var e : 0..6 ~ Categorical(C[a, b, c, d])\n"
    ).bind(C=table)
    found = list(_distribution(model, "P(e | c = 2)").values())
    np.testing.assert_allclose(found, table[:, :, 2].mean(axis=(0, 1, 2)), atol=1e-12)


def test_the_opposite_of_a_wide_product():
    model = gmlang.compile("var x : 0..29\nvar y : 0..29\nfactor -(0.01 * x * y)\n")
    x = np.arange(30)
    expected = np.log(np.exp(-0.01 * np.outer(x, x)).sum())
    assert model.query("logZ()").value == pytest.approx(expected, abs=1e-9)


OBSERVED = """
data T[6, 6, 6, 6, 6, 6, 6, 6, 6] : real
data seen[2, 5] : int = [[1, 2, 3, 4, 5], [5, 4, 3, 2, 1]]
var x[2, 9] : 0..5
for k in 0..1:
    factor T[x[k, 0], x[k, 1], x[k, 2], x[k, 3], x[k, 4], x[k, 5], x[k, 6], x[k, 7], x[k, 8]]
for k in 0..1, i in 0..4:
    observe x[k, i] = seen[k, i]
"""


def test_what_is_observed_takes_no_room_in_a_table():
    table = np.random.default_rng(0).random((6,) * 9)
    model = gmlang.compile(OBSERVED).bind(T=table)
    first, second = table[1, 2, 3, 4, 5], table[5, 4, 3, 2, 1]
    expected = np.log(np.exp(first).sum()) + np.log(np.exp(second).sum())
    assert model.query("logZ()").value == pytest.approx(expected, abs=1e-9)
    p = np.exp(second).sum(axis=(0, 1, 2)) / np.exp(second).sum()
    np.testing.assert_allclose(list(_distribution(model, "P(x[1, 8])").values()), p, atol=1e-12)
    # Without these observations the tables mean nothing, so they are no reasons.
    because = model.query("why(x[0, 8])").value
    assert isinstance(because, dict)
    assert not any("observe" in reason["because"] for reason in because["reasons"])


NESTED = (
    "var x[{n}] : bool\n"
    "def f(n) = 0 if n == 0 else max(x[n - 1], 1 - f(n - 1))\n"
    "var y : bool := f({n}) == 1\n"
)


@pytest.mark.parametrize("levels", [20, 24, 30])
def test_what_is_nested_is_cut_where_both_sides_are_small(levels: int):
    model = gmlang.compile(NESTED.format(n=levels))
    largest = max(size(block.kind) for block in model.graph().factors)
    assert largest <= table_sizes.PLAIN_ENTRIES
    # One where x is, or where what is inside is not.
    expected = 0.0
    for _ in range(levels):
        expected = 0.5 + 0.5 * (1 - expected)
    answer = model.query("P(y = true)")
    assert answer.status == "exact"
    assert answer.value == pytest.approx(expected, abs=1e-9)


def size(kind: object) -> int:
    return kind.log_potentials.size if isinstance(kind, Table) else 0


MIXED = """
var x[5] : 0..2
def f(v) = max(x[0] * v, x[1])
var y : 0..40 := min(f(x[2] + 1) + f(x[2] + 1) % 3, abs(x[3] * x[4] - x[0]))
"""


def test_cuts_are_measured_as_their_tables_are(monkeypatch: pytest.MonkeyPatch):
    measured: list[tuple[float, float]] = []

    def compare(wholes: Sequence[Expression], env: Env) -> Widths | None:
        found = cuts.widths_of(wholes, env)
        assert found is not None
        for part in {id(p): p for whole in wholes for p in walk(whole)}.values():
            if found.has(part):
                gone = Constant(part.span, 0, Integer())
                rest = [replace_part(whole, part, gone) for whole in wholes]
                inside, outside = bits_of([part], env), bits_of(rest, env)
                measured.append((found.of_both(part), np.logaddexp2(inside, outside)))
        return found

    monkeypatch.setattr(table_sizes, "SMALL_ENTRIES", 1)
    monkeypatch.setattr(table_sizes, "PLAIN_ENTRIES", 1)
    monkeypatch.setattr(narrowing, "widths_of", compare)
    gmlang.compile(MIXED).graph()
    assert len(measured) > 20
    for found, expected in measured:
        assert found == pytest.approx(expected, abs=1e-9)


def bits_of(wholes: list[Expression], env: Env) -> float:
    inner = replace(env, slots=Slots())
    for whole in wholes:
        collect(whole, inner)
    return sum(math.log2(slot.states.count) for slot in inner.slots.items)


@pytest.mark.parametrize("question", ["MAP()", "count()", "P(x[0], x[1]) using bp", "logZ()"])
def test_more_entries_than_floats_hold_are_foreseen(question: str):
    """Tables of 2^1500 entries are never written, and how many there are raises nothing."""
    model = gmlang.compile(
        "var x[1500] : bool\nvar y : bool\nconstraint any(x[i] for i in 0..<1500)\n"
        "prefer y == x[0] weight 1\n"
    )
    answer = model.query(question, budget_s=20)
    if question == "count()":
        assert answer.value == (2**1500 - 1) * 2
    elif question == "logZ()":
        # Half of what nothing holds of x has x[0], and y agrees or not.
        assert answer.value == pytest.approx(1500 * np.log(2) + np.log1p(np.e), rel=1e-9)
    elif question == "MAP()":
        assert answer.status == "exact"
    else:
        assert answer.array is not None
        assert np.allclose(answer.array, 0.25, atol=1e-6)
