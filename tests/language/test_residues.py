"""Remainders and parities of wide sums mean what their tables mean, and take no wide table."""

import pytest

import gmlang
from gmlang.graph.lowering import table_sizes
from gmruntime.factors.kinds import LinearSum, Xor
from gmruntime.graph import num_states
from tests.support import worlds

DECLARED = "var x[10] : bool\nvar y : bool\n"

STATEMENTS = (
    "constraint sum(x[i] for i in 0..<10) % 2 == 1",
    "constraint xor(x[i] for i in 0..<10) == y",
    "constraint xor(x[i] for i in 0..<10) != true",
    "constraint not (xor(x[i] for i in 0..<10) != y)",
    "constraint (sum(x[i] for i in 0..<10) + y) % 2 == y",
    "constraint count(not x[i] for i in 0..<10) % 3 < 2",
    "constraint sum(i * x[i] for i in 0..<10) % 4 in 1..2",
    "constraint sum((3 - i) * x[i] for i in 0..<10) % 5 != 0 or y",
    "constraint (2 * sum(x[i] for i in 0..<10) - 7) % 6 == 3",
    "factor 0.5 if sum(x[i] for i in 0..<10) % 3 == 0 else 0",
    "factor 0.1 * (sum(x[i] for i in 0..<10) % 4)",
    "factor 0.7 if xor(x[i] for i in 0..<10) else -0.2",
    "if sum(x[i] for i in 0..<10) % 2 == 0: constraint y",
    "for k in 0..2: constraint sum(x[i * (k + 1) % 10] for i in 0..<10) % 2 == (k + 1) % 2",
    "for k in 0..2: factor 0.3 if sum(x[i] for i in 0..<10) % (k + 2) == k else 0",
    "var r : 0..2 := sum(x[i] for i in 0..<10) % 3\nconstraint r != 1",
    "var p : bool := sum(x[i] for i in 0..<10) % 2 == 0\nconstraint p or y",
    "var z : bool ~ Bernoulli(0.9 if xor(x[i] for i in 0..<10) else 0.2)\nobserve z",
    "constraint sum(x[i] and y for i in 0..<10) % 3 == 2",
)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_remainder_means_what_the_interpreter_says(statement: str):
    text = f"{DECLARED}{statement}\n"
    events = ("P(y)", "P(x[0] and not x[3])")
    expected, log_z, num_worlds, _ = worlds.answers(text, events)
    model = gmlang.compile(text)
    assert model.query("count()", budget_s=20).value == num_worlds
    assert model.query("logZ()", budget_s=20).value == pytest.approx(log_z, abs=1e-9)
    for event, chance in zip(events, expected, strict=True):
        answer = model.query(event, budget_s=20)
        assert answer.status == "exact"
        value = answer.value["true"] if isinstance(answer.value, dict) else answer.value
        assert value == pytest.approx(chance, abs=1e-9)


def _widest(text: str) -> int:
    """Return the number of entries of the widest table that a program is grounded to."""
    graph = gmlang.compile(text).graph()
    states = num_states(graph)
    tables = [b for b in graph.factors if not isinstance(b.kind, Xor | LinearSum)]
    return max((int(states[b.scopes].prod(axis=1).max()) for b in tables), default=0)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_remainder_takes_no_wide_table(statement: str):
    assert _widest(f"{DECLARED}{statement}\n") <= table_sizes.SMALL_ENTRIES


def test_many_parities_of_data_are_parities():
    text = "data b[4] : bool\nvar x[14] : bool\n"
    text += "for m in 0..<4: constraint xor(x[n] for n in 0..<14 if n % 4 != m) == b[m]\n"
    graph = gmlang.compile(text, b=[True, False, True, True]).graph()
    assert all(isinstance(block.kind, Xor) for block in graph.factors)


@pytest.mark.parametrize(
    "condition",
    [
        "sum(x[i * (k + 1) % 10] for i in 0..<10) <= 4",
        "sum((i - 2) * x[i * (k + 1) % 10] for i in 0..<10) == 4",
        "count(x[i * (k + 1) % 10] for i in 0..<10) != 4",
        "sum(x[i * (k + 1) % 10] for i in 0..<10) - 2 * x[k] - 2 * x[2] < 3",
    ],
)
def test_a_variable_may_be_added_twice_in_some_instances(condition: str):
    text = f"var x[10] : bool\nfor k in 0..1: constraint {condition}\n"
    assert gmlang.compile(text).query("count()").value == worlds.answers(text, ())[2]
