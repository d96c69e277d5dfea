"""Values from Python: converted by the declared type, or refused with the true reason."""

import datetime
import re
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import gmlang

INTEGERS = "data k[N] : 0..3"
BOOLS = "data k[N] : bool"
COLORS = "domain Color = {red, green, blue}\ndata k[N] : Color"
REALS = "data k[N] : real"
ANY = "data k[N] : int"
GRID = "data k[M, N] : 0..3"


def read(program: str, value: object) -> np.ndarray:
    """Bind the value and return what the program has of it."""
    return gmlang.compile(program).bind(k=value).session().world.data["k"]


def refusal(program: str, value: object) -> str:
    with pytest.raises(gmlang.GmError) as caught:
        read(program, value)
    assert len(caught.value.diagnostics) == 1
    return str(caught.value)


@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "u8", "i1", ">i4", "f2", ">f4", "g", "O", "U1"])
def test_numbers_of_every_kind_are_read(kind: str):
    found = read(INTEGERS, np.array([0, 1, 3]).astype(kind))
    assert found.dtype == np.int64
    assert found.tolist() == [0, 1, 3]


@pytest.mark.parametrize(
    "value",
    [
        [1, None, 3],
        (1.0, float("nan"), 3.0),
        np.ma.array([1, 99, 3], mask=[False, True, False]),
        np.array([1, None, 3], object),
        np.array(["1", "NA", "3"]),
        np.array([b"1", b"", b"3"]),
        [Fraction(1), Decimal("NaN"), Decimal(3)],
        ["1", None, np.uint8(3)],
        np.array([(1, 0), (np.nan, 0), (3, 0)], [("k", "f8"), ("j", "f8")]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_missing_is_missing(value: object):
    np.testing.assert_array_equal(read(INTEGERS, value), [1, np.nan, 3])


def test_masks_inside_lists_are_kept():
    row: Any = np.ma.array([1, 2], mask=[False, True])
    expected = [[1, np.nan], [1, np.nan]]
    np.testing.assert_array_equal(read(GRID, [row, row]), expected)
    np.testing.assert_array_equal(read(GRID, [[row[0], row[1]], [1, None]]), expected)
    np.testing.assert_array_equal(read("data k : 0..3", row[1]), np.nan)


def test_views_are_read_as_they_are_seen():
    base = np.arange(24).reshape(4, 6) % 4
    base.flags.writeable = False
    np.testing.assert_array_equal(read(GRID, base[::-2, 1::2]), base[::-2, 1::2])
    assert read(INTEGERS, np.zeros(0)).tolist() == []


def test_truth_values_are_read():
    assert read(BOOLS, np.array([0, 1], np.uint8)).tolist() == [0, 1]
    assert read(BOOLS, ["true", "FALSE", "no"]).tolist() == [1, 0, 0]
    np.testing.assert_array_equal(read(BOOLS, [True, None, np.False_]), [1, np.nan, 0])


def test_names_are_read():
    assert read(COLORS, ["red", "blue"]).tolist() == [0, 2]
    assert read(COLORS, np.array([b"green"])).tolist() == [1]
    np.testing.assert_array_equal(read(COLORS, np.array(["red", None], object)), [0, np.nan])


def test_a_name_that_looks_missing_is_a_value():
    program = "domain D = {none, some, NA}\ndata k[N] : D"
    np.testing.assert_array_equal(read(program, ["none", "NA", "?"]), [0, 2, np.nan])
    assert "did you mean `none`" in refusal(program, ["None", "some"])


@pytest.mark.parametrize(
    ("program", "value", "words"),
    [
        (INTEGERS, np.array([1j]), "complex"),
        (INTEGERS, np.array(["2020-01-01"], "M8[D]"), "times"),
        (INTEGERS, [1, datetime.date(2020, 1, 1)], r"k\[1\].*date"),
        (INTEGERS, [0, 1.5], r"k\[1\] is 1.5.*\n.*\n.*\n.*\n.*not whole"),
        (INTEGERS, np.array([0, 1.5], np.float16), r"k\[1\] is 1.5"),
        (INTEGERS, [0, 9], r"k\[1\] is 9, outside 0..3"),
        (INTEGERS, [0, np.inf], r"k\[1\] is inf"),
        (INTEGERS, [[1, 2], [3]], r"k\[1\] has 1 entry"),
        (INTEGERS, [1, [2]], r"k\[1\] has 1 entry.*single value"),
        (INTEGERS, (k for k in [1]), "iterator"),
        (INTEGERS, {1, 2}, "no order"),
        (INTEGERS, {"k": [1]}, "dict"),
        (INTEGERS, object(), "type object"),
        (INTEGERS, [[1, 2]], "needs shape"),
        (INTEGERS, np.zeros(1, [("a", "f8"), ("b", "f8")]), "structured array of a, b"),
        (INTEGERS, ["1", "x"], r"k\[1\] is `x`"),
        (BOOLS, np.array([0, 255], np.uint8), r"k\[1\] is 255(.*\n)*.*threshold"),
        (BOOLS, ["T"], "write true or false"),
        (COLORS, ["red", "rde"], r"k\[1\] is `rde`(.*\n)*.*did you mean `red`"),
        (COLORS, [True], "bool"),
        (COLORS, [0, 3], r"k\[1\] is 3"),
        (ANY, [2**63], "64 bits"),
        (ANY, np.array([2**63], np.uint64), "64 bits"),
        (ANY, [2**53 + 1, None], "beside missing"),
        (ANY, np.ma.array([2**53 + 1, 1], mask=[False, True]), "beside missing"),
        (ANY, [2**62 + 1, float("nan")], "no longer tells"),
        (REALS, [1.0, np.longdouble("1e400")], r"k\[1\] is 1e\+400"),
        (REALS, [10**400], "64 bits"),
        (REALS, ["1,5"], "1.5"),
        ("data k : bool", [True], "a single value"),
        ("data k : int\ndata j[k] : bool = [true]", None, "`k` is missing data"),
        ("data k : int\ndata j[N] : 0..k = [1]", float("nan"), "`k` is missing data"),
        ("data k : 0..3\ndata j[k] : bool = [true]\ndata i[N] : 0..k = [1]", 7, "outside 0..3"),
        ("param k = 1", float("nan"), "finite"),
        ("param k = 1", float("-inf"), "finite"),
        ("param k : 0..3 = 1", 4, "outside 0..3"),
        ("data k[N] : 0..3\ndata j[N] : 0..3 = [1, 2]", [1], "`k` says what N is"),
    ],
)
def test_the_true_reason_is_told(program: str, value: object, words: str):
    text = refusal(program, value)
    assert re.search(words, text), text


def test_a_list_inside_itself_is_refused():
    knot: list[object] = []
    knot.append(knot)
    assert "no array" in refusal(INTEGERS, knot)


def test_what_is_bound_does_not_change_afterwards():
    array = np.array([0, 1])
    model = gmlang.compile(INTEGERS).bind(k=array)
    array[0] = 3
    assert model.session().world.data["k"].tolist() == [0, 1]


# --- Data frames -------------------------------------------------------------------------


def test_nothing_is_imported_to_read_a_list():
    code = "import sys, gmlang; gmlang.compile('data k[N] : bool').bind(k=[True, None]).session(); "
    code += "print([m for m in ('pandas', 'xarray', 'numpy.ma', 'decimal') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pandas" not in found.stdout
    assert "xarray" not in found.stdout


@pytest.mark.parametrize(
    ("program", "make"),
    [
        (INTEGERS, lambda pd: pd.Series([1, None, 3])),
        (INTEGERS, lambda pd: pd.Series([1, None, 3], dtype="Int64")),
        (INTEGERS, lambda pd: pd.Series(["1", None, "3"], dtype="string")),
        (INTEGERS, lambda pd: pd.Series([1, None, 3], dtype="category")),
        (INTEGERS, lambda pd: pd.DataFrame({"a": "xyz", "k": [1, None, 3]})),
        (INTEGERS, lambda pd: [1, pd.NA, 3]),
        (COLORS, lambda pd: pd.Categorical(["green", None, "green"])),
    ],
)
def test_columns_of_data_frames_are_read(program: str, make: Callable[[Any], object]):
    found = read(program, make(pytest.importorskip("pandas")))
    np.testing.assert_array_equal(np.isnan(found), [False, True, False])
    assert found[0] == 1


def test_a_data_frame_is_a_matrix():
    pandas: Any = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0, None], "b": [True, False]})
    np.testing.assert_array_equal(read(GRID, frame), [[1, 1], [np.nan, 0]])
    assert "(a, b)" in refusal(INTEGERS, frame)
    times = pandas.Series(pandas.to_datetime(["2020-01-01"]))
    assert "times" in refusal(INTEGERS, times)


def test_labelled_arrays_are_read():
    xarray: Any = pytest.importorskip("xarray")
    assert read(GRID, xarray.DataArray([[1, 2]])).tolist() == [[1, 2]]
    assert "Dataset" in refusal(GRID, xarray.Dataset({"k": ("x", [1])}))


def test_a_data_frame_binds_the_columns_that_are_declared():
    pandas = pytest.importorskip("pandas")
    program = COLORS + "\ndata m[N] : 0..3\nvar x : bool\n"
    frame = pandas.DataFrame({"k": ["red", None, "blue"], "other": [1, 2, 3], "m": [0, 3, 1]})
    for given in (frame, {"k": ["red", None, "blue"], "m": [0, 3, 1]}):
        data = gmlang.compile(program).bind(given).session().world.data
        np.testing.assert_array_equal(data["k"], [0, np.nan, 2])
        assert data["m"].tolist() == [0, 3, 1]
    with pytest.raises(gmlang.GmError, match="no column is data of this program"):
        gmlang.compile(program).bind(frame[["other"]])
    with pytest.raises(gmlang.GmError, match="no column"):
        gmlang.compile(program).bind(3)
    other = gmlang.compile(program).bind(frame, m=[1, 1, 1]).session().world.data
    assert other["m"].tolist() == [1, 1, 1]
