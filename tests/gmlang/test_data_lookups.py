"""Data of many rows that factors look up: grounded once, and each row has its own answer."""

from collections.abc import Mapping

import numpy as np
import pytest

import gmlang
from gmlang.graph.looking.statements import looked_up
from gmlang.learning import data_rows
from tests.support.answers import assert_close

FIGURE = """
domain Shift = shift(5)
data home[T, K, 2] : 0..17
data seen[18, 18] : bool
entity Drawing:
    at[T, K] : Shift
model figure(x: Drawing, t: 0..<T) prior 1 / T:
    for k in 0..<K if home[t, k, 0] > 0:
        factor 2 if seen[home[t, k, 0] + x.at[t, k].row, home[t, k, 1] + x.at[t, k].column] else -1
    for k in 1..<K:
        constraint within(x.at[t, k], x.at[t, k - 1], 1 + k % 2)
var it : Drawing
consider figure(it, t) for t in 0..<T
constraint exactly_one(figure(it, t) for t in 0..<T)
"""

PLAIN = """
data seen[N] : bool
data other[N] : bool := gone(seen)
data price[N] : real = [0.5, -1.5, 0.25, 2]
var x[N] : bool
var k : 0..<N
for i in 0..<N:
    factor price[i] if x[i] == {first} else 0
    factor 0.2 if x[i] and k == i else 0
factor 1 if {second} else -0.5
"""

ASKED = ("[P(x[i]) for i in 0..<N]", "MAP(x)", "P(k = 1 | x[0] = true)", "H(k)")
FORMS = {
    "looked up": ("seen[i]", "other[k]", True),
    "looked up by two variables": ("seen[i]", "other[(k + 1) % N if x[0] else k]", True),
    "added up": ("seen[i]", "sum(1 for i in 0..<N if other[i]) > 2", False),
    "twice": ("seen[i]", "other[k] and seen[k]", False),
    "in a condition": ("seen[i] for i in 0..<N if other[i]", "", False),
}


@gmlang.function
def gone(seen: np.ndarray) -> np.ndarray:
    return ~np.roll(seen, 1)


def program(first: str, second: str) -> str:
    if second:
        return PLAIN.format(first=first, second=second)
    return PLAIN.format(first="seen[i]", second="seen[k]").replace(
        "for i in 0..<N:", "for i in 0..<N if other[i]:"
    )


def check(model: gmlang.Model, rows: Mapping[str, object], question: str) -> None:
    found = model.query(question, rows=rows, budget_s=60.0)
    columns = list(rows.values())
    assert len(found) == len(columns[0])  # pyright: ignore[reportArgumentType]
    for number, one in enumerate(found):
        own = {name: values[number] for name, values in rows.items()}  # pyright: ignore
        alone = model.bind(**own).query(question, budget_s=60.0)
        assert one.status == alone.status == "exact"
        assert_close(one.value, alone.value)


@pytest.mark.parametrize("form", FORMS)
def test_each_row_has_the_answer_of_its_data(form: str):
    first, second, is_looked_up = FORMS[form]
    model = gmlang.compile(program(first, second))
    found = looked_up(model.checked.program, frozenset(["seen"]))
    assert (found is not None) == is_looked_up
    rows = {"seen": np.random.default_rng(0).random((9, 4)) < 0.5}
    for question in ASKED:
        check(model, rows, question)


def test_templates_are_matched_with_many_pictures_at_once(monkeypatch: pytest.MonkeyPatch):
    """Also where rows are asked about in several parts, and some are the same."""
    monkeypatch.setattr(data_rows, "_ROWS_MAX", 6)
    rng = np.random.default_rng(1)
    home = rng.integers(6, 12, (3, 4, 2))
    home[1, 3] = 0
    seen = rng.random((6, 18, 18)) < 0.3
    seen = np.concatenate([seen, seen[:2]])
    model = gmlang.compile(FIGURE).bind(home=home)
    asked: list[int] = []
    with_rows = data_rows.Looking.with_rows

    def counted(looking: data_rows.Looking, rows: np.ndarray):
        asked.append(len(rows))
        return with_rows(looking, rows)

    monkeypatch.setattr(data_rows.Looking, "with_rows", counted)
    for question in (
        "[P(figure(it, t)) for t in 0..<T]",
        "surprise(it) using confusion(margin=1, gain=0)",
    ):
        check(model, {"seen": seen}, question)
    assert asked == [6, 2] * 2


@pytest.mark.parametrize("wrong", ["size", "missing", "not a boolean"])
def test_a_row_that_does_not_fit_is_told_of_as_alone(wrong: str):
    model = gmlang.compile(program("seen[i]", "other[k]"))
    rows: list[object] = list(np.random.default_rng(0).random((9, 4)) < 0.5)
    rows[5] = {"size": [True, False], "missing": [True, None, False, True]}.get(wrong, [1, 2, 3, 4])
    with pytest.raises(gmlang.GmError) as together:
        model.query("P(k)", rows={"seen": rows})
    with pytest.raises(gmlang.GmError) as alone:
        model.bind(seen=rows[5]).query("P(k)")
    assert together.value.diagnostics == alone.value.diagnostics
