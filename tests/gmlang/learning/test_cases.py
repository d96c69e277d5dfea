"""Tables of cases: forms they come in, columns, cells, weights, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gmlang
from gmlang.data.settings import read_file
from gmlang.diagnostics import GmError
from gmlang.learning.results.result import Learned
from gmlang.learning.results.writing import write_arrays

PROGRAM = """
domain Color = {red, green, blue}
data seen : rows
param p : probability
param s[3] : simplex
entity Thing:
    color : Color
    size : 1..4
var x[2] : bool
var n : 3..5
var it : Thing
var ex[2] : Thing
x[0] ~ Bernoulli(p)
x[1] ~ Bernoulli(0.5)
it.color ~ Categorical(s)
learn p, s from seen
"""


def _learn(**seen: Any) -> Learned[gmlang.Model]:
    return gmlang.compile(PROGRAM).learn(**seen)


def _refused(code: str, seen: object) -> str:
    with pytest.raises(GmError) as caught:
        _learn(seen=seen)
    assert [d.code for d in caught.value.diagnostics] == [code]
    return str(caught.value)


CASES = {"x[0]": [True, False, None], "it.color": ["red", "blue", "blue"], "n": [3, None, 5]}


@pytest.mark.parametrize(
    "seen",
    [
        CASES,
        pd.DataFrame(CASES),
        [dict(zip(CASES, row, strict=True)) for row in zip(*CASES.values(), strict=True)],
        {
            "x[0]": np.array([1, 0, np.nan]),
            "it.color": np.array(["red", "blue", "blue"]),
            "n": np.ma.array([3, 4, 5], mask=[False, True, False]),
        },
        {
            "x": np.array([[1, np.nan], [0, np.nan], [np.nan, np.nan]]),
            **dict(list(CASES.items())[1:]),
        },
    ],
    ids=["dict", "frame", "records", "arrays", "whole array"],
)
def test_forms_of_the_same_cases_say_the_same(seen: object):
    learned = _learn(seen=seen)
    assert learned.values["p"] == pytest.approx(0.5)
    assert learned.values["s"] == pytest.approx((np.array([1, 0, 2]) + 1 / 3) / 4)
    assert learned.num_rows == 3


def test_a_structured_array_is_a_table():
    array = np.array([(1, "red"), (0, "blue")], dtype=[("x[0]", "i4"), ("it.color", "U5")])
    assert _learn(seen=array).num_rows == 2


def test_a_file_is_read_as_it_is_written(tmp_path: Path):
    path = tmp_path / "seen.csv"
    path.write_text(
        "x[1],ex[1].size,it.color,weight\nyes,4,red,2\n,?,green,1\nno,1,NA,0.5\n", "utf-8"
    )
    learned = _learn(seen=read_file("seen", str(path)))
    assert learned.total_weight == 3.5
    assert learned.empty == pytest.approx(3 / 9)
    assert learned.values["s"] == pytest.approx((np.array([2, 1, 0]) + 1 / 3) / 4)


def test_an_archive_is_a_table_of_its_arrays(tmp_path: Path):
    path = tmp_path / "seen.npz"
    write_arrays(path, {"x[0]": np.array([1, 0]), "n": np.array([3, 4])})
    assert _learn(seen=read_file("seen", str(path), is_rows=True)).num_rows == 2


@pytest.mark.parametrize(
    ("code", "seen", "words"),
    [
        ("GM712", {"it.colour": ["red"]}, "did you mean `it.color`"),
        ("GM712", {"x[2]": [True]}, "is none of x"),
        ("GM712", {"p": [0.5]}, "is named like data or a param"),
        ("GM712", {"n": [3], " n": [3]}, "names no variable"),
        ("GM712", {"x": np.zeros((1, 2)), "x[1]": [0]}, "is about what column `x` is about"),
        ("GM713", {"n": [3, 4, 6]}, "row 3"),
        ("GM713", {"it.color": ["red", "Blue"]}, "did you mean `blue`"),
        ("GM713", {"x[0]": [1, 2]}, "row 2"),
        ("GM717", {"n": [3, 4], "x[0]": [1]}, "different lengths"),
        ("GM717", {"n": []}, "no rows"),
        ("GM717", {}, "no columns"),
        ("GM717", {"x": np.zeros((2, 3))}, "needed"),
        ("GM717", {"n": [3], "weight": [float("nan")]}, "weight"),
        ("GM717", 7, "no table of cases"),
    ],
)
def test_what_is_no_table_of_cases_is_refused(code: str, seen: object, words: str):
    assert words in _refused(code, seen)


def test_a_file_without_a_header_is_refused_with_its_place(tmp_path: Path):
    path = tmp_path / "seen.csv"
    path.write_text("1,red\n0,blue\n", "utf-8")
    with pytest.raises(GmError) as caught:
        _learn(seen=read_file("seen", str(path)))
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "GM717"
    assert diagnostic.span is not None
    assert diagnostic.span.line_column() == (1, 1)


def test_another_column_may_hold_the_weights():
    learned = _learn(seen={"n": [3, 4], "times": [2, 3]}, weight="times")
    assert learned.total_weight == 5
    assert "no column `times`" in _refused_weight()


def _refused_weight() -> str:
    with pytest.raises(GmError) as caught:
        _learn(seen={"n": [3, 4]}, weight="times")
    return str(caught.value)


def test_rows_beyond_memory_are_refused_before_they_are_made():
    with pytest.raises(GmError, match=r"1000 rows of \d+ variables take \d+\.\d KiB") as caught:
        gmlang.compile(PROGRAM).learn(seen={"n": [3] * 1000}, memory_bytes=1000)
    assert [d.code for d in caught.value.diagnostics] == ["GM721"]


def test_one_row_kept_apart_has_no_error():
    learned = _learn(seen={"n": [3, 4], "x[0]": [1, 0]}, hold_out=0.5)
    assert learned.held_out is not None
    assert "± nan" not in repr(learned)
    assert "NaN" not in learned.to_json()


def test_impossible_rows_are_named_or_left_out():
    text = PROGRAM + "var y : bool := x[0]\n"
    model = gmlang.compile(text)
    seen = {"x[0]": [1, 1, 0], "y": [1, 0, 0]}
    with pytest.raises(GmError) as caught:
        model.learn(seen=seen)
    assert "row 2" in str(caught.value)
    assert "y : bool := x[0]" in str(caught.value)
    learned = model.learn(seen=seen, skip_impossible=True)
    assert learned.num_rows == 2
    assert "1 impossible row was left out" in learned.notes


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 9),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from(["", "yes", "no", "red", "green", "?", "NA", "1", "x"]),
)
COLUMNS = st.sampled_from(
    ["x", "x[0]", "x[1]", "n", "it.color", "it.size", "ex[0].color", "weight", "z"]
)


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        ([1, -1, 1], "row 2: its weight is -1"),
        ([1, 1, np.nan], "row 3: it has no weight"),
        ([np.inf, 1, 1], "row 1: its weight is inf"),
        ([1, "much", 1], "row 2: `much` is no weight"),
        ([1e300] * 3, "add up to 3e+300 cases"),
        ([1.7e308] * 3, "add up to inf cases"),
        (np.ones((3, 2)), "has 2 numbers in each row of column `weight`"),
    ],
)
def test_weights_that_count_no_cases_are_refused(weight: object, words: str):
    assert words in _refused("GM717", {**CASES, "weight": weight})


def test_rows_that_count_for_nothing_say_nothing():
    learned = _learn(seen={**CASES, "weight": [0, 0, 0]})
    assert learned.values["p"] == 0.5
    assert "no row says anything about p" in learned.notes


@pytest.mark.parametrize("ask", ["values", "errors", "counts"])
def test_names_of_nothing_learned_are_refused_with_the_nearest(ask: str):
    with pytest.raises(GmError, match="did you mean `p`"):
        getattr(_learn(seen=CASES), ask)["P"]
    with pytest.raises(GmError, match="learned: p, s"):
        _learn(seen=CASES).interval("nope")
    with pytest.raises(ValueError, match="between 0 and 1"):
        _learn(seen=CASES).interval("p", 95)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(COLUMNS, st.lists(CELLS, min_size=1, max_size=3), min_size=1, max_size=4))
def test_any_table_is_learned_from_or_refused(table: dict[str, list[object]]):
    try:
        learned = _learn(seen=table)
    except GmError:
        return
    for value in learned.values.values():
        assert np.isfinite(value).all()
    if learned.status == "converged":
        assert np.isfinite(learned.objective)


def test_tables_of_very_many_columns_are_read_and_told_of_in_few_words(tmp_path: Path):
    text = (
        "data t : rows\nparam p : probability\nvar x[5000] : bool\n"
        "for k in 0..4999: x[k] ~ Bernoulli(p)\nlearn p from t\n"
    )
    cells = ",".join(str(k % 2) for k in range(5000))
    path = tmp_path / "t.csv"
    path.write_text(",".join(f'"x[{k}]"' for k in range(5000)) + f"\n{cells}\n", "utf-8")
    model = gmlang.compile(text)
    learned = model.learn(t=read_file("t", str(path)))
    assert learned.values["p"] == pytest.approx(0.5)
    path.write_text(",".join(f"y{k}" for k in range(5000)) + f"\n{cells}\n", "utf-8")
    with pytest.raises(GmError) as caught:
        model.learn(t=read_file("t", str(path)))
    assert len(caught.value.diagnostics) == 20
