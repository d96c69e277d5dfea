"""Tables from files: what is written is read back, and what is damaged is read right or refused."""

import csv
import io
import math
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gmlang
from gmlang.data.settings import read_file
from gmlang.diagnostics import GmError

INTEGERS = "data k[N] : 0..3"
BOOLS = "data k[N] : bool"
COLORS = "domain Color = {red, green, NA}\ndata k[N] : Color"
REALS = "data k[N] : real"
GRID = "data k[M, N] : 0..3"


def read(folder: Path, program: str, content: str | bytes, name: str = "k") -> np.ndarray:
    path = folder / "k.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    model = gmlang.compile(program).bind(**{name: read_file(name, str(path))})
    return model.session().world.data["k"]


def refusal(folder: Path, program: str, content: str | bytes) -> str:
    with pytest.raises(gmlang.GmError) as caught:
        read(folder, program, content)
    return str(caught.value)


# --- What is written is read back --------------------------------------------------------

MISSING = ["NA", "N/A", "nan", "NaN", "null", "None", "_", "?", "-", '""', "<NA>", "#N/A"]


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, str, np.ndarray]:
    """Draw a program, a table written for it, and the array that is meant."""
    program, words = draw(
        st.sampled_from(
            [
                (GRID, ["0", "1", "2", "3"]),
                (GRID, ["0.0", "1e0", "+2", "3.00"]),
                ("data k[M, N] : bool", ["false", "true"]),
                ("data k[M, N] : bool", ["0", "TRUE"]),
                ("domain D = {a, b}\ndata k[M, N] : D", ["a", "b"]),
                ("data k[M, N] : int", ["0", "1", "2", "3"]),
            ]
        )
    )
    height, width = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    values = draw(
        st.lists(
            st.one_of(st.integers(0, len(words) - 1), st.none()),
            min_size=height * width,
            max_size=height * width,
        )
    )
    separator = draw(st.sampled_from([",", ";", "\t", " ", ", ", "   "]))
    cells = [
        draw(st.sampled_from(MISSING))
        if value is None
        else draw(st.sampled_from([words[value], f'"{words[value]}"']))
        for value in values
    ]
    lines = [separator.join(cells[i * width : (i + 1) * width]) for i in range(height)]
    for place in draw(st.lists(st.integers(0, height), max_size=2)):
        lines.insert(place, draw(st.sampled_from(["", "# a, b; c", "  "])))
    text = draw(st.sampled_from(["\n", "\r\n", "\r"])).join(lines) + draw(
        st.sampled_from(["", "\n", "\n\n"])
    )
    array = np.array([math.nan if value is None else value for value in values], float)
    return program, text, array.reshape(height, width)


@given(table=tables(), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_is_written_is_read_back(
    tmp_path: Path, table: tuple[str, str, np.ndarray], encoding: str
):
    program, text, expected = table
    np.testing.assert_array_equal(read(tmp_path, program, text.encode(encoding)), expected)


@given(
    numbers=st.lists(st.floats(allow_nan=False), min_size=1, max_size=8),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    is_row=st.booleans(),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_reals_survive_pythons_csv(
    tmp_path: Path, numbers: list[float], quoting: Any, is_row: bool
):
    written = io.StringIO()
    rows = [numbers] if is_row else [[number] for number in numbers]
    csv.writer(written, quoting=quoting).writerows(rows)
    np.testing.assert_array_equal(read(tmp_path, REALS, written.getvalue()), numbers)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_column_survives_pandas(tmp_path: Path, separator: str):
    pandas: Any = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"j": ["x", "y", "z"], "k": ["red", None, "NA"], "l": [1.5, 2, 3]})
    for index in (True, False):
        text = frame.to_csv(sep=separator, index=index)
        np.testing.assert_array_equal(read(tmp_path, COLORS, text), [0, math.nan, 2])
    alone = frame[["k"]].to_csv(sep=separator, index=False)
    np.testing.assert_array_equal(read(tmp_path, COLORS, alone), [0, math.nan, 2])


def test_what_numpy_saves_is_read(tmp_path: Path):
    array = np.array([[0, 1], [3, 2]])
    np.savetxt(tmp_path / "s.txt", array, header="k, and more")
    text = (tmp_path / "s.txt").read_text("utf-8")
    np.testing.assert_array_equal(read(tmp_path, GRID, text), array)


# --- Forms -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "text", "expected"),
    [
        (INTEGERS, "k\n0\n1\n", [0, 1]),
        (INTEGERS, "j,k\n5,1\nx,2\n", [1, 2]),
        (INTEGERS, ",k\n0,1\n1,2\n", [1, 2]),
        (INTEGERS, '"k"\n0\n\n1', [0, 1]),
        (INTEGERS, "0,\n1,\n", [0, 1]),
        (INTEGERS, "0\n1 # why\n", [0, 1]),
        ("data k[3] : 0..3", "0,1,2,", [0, 1, 2]),
        ("data k[4] : 0..3", "0,1,2,", [0, 1, 2, math.nan]),
        ("data j[N] : bool = [true, true]\ndata k[N] : 0..3", "0,1,", [0, 1]),
        ("data k[N, 1] : 0..3", "0,1,2", [[0], [1], [2]]),
        ("data k[1, N] : 0..3", "0\n1\n2", [[0, 1, 2]]),
        (GRID, "0\n1", [[0], [1]]),
        ("data k : 0..3", "k\n2", 2),
        ("data k : bool", "yes", 1),
        (BOOLS, "True,no,-,1.0", [1, 0, math.nan, 1]),
        (COLORS, "NA,red,?,1", [2, 0, math.nan, 1]),
        (REALS, "-inf, .5 ,1.e2", [-math.inf, 0.5, 100]),
    ],
)
def test_data_is_read_as_people_have_it(tmp_path: Path, program: str, text: str, expected: object):
    np.testing.assert_array_equal(read(tmp_path, program, text), expected)


@pytest.mark.parametrize(
    ("program", "content", "words"),
    [
        (INTEGERS, "0,one,3", "k.csv:1:3"),
        (INTEGERS, "0;1\n2;1.5", "k.csv:1:1"),
        (GRID, "0;1\n2;1.5", r"line 2, column 2(.*\n)*.*k.csv:2:3(.*\n)*.*not whole"),
        (GRID, "0,1\n2,9", r"k\[1, 1\] is 9, outside 0..3\n.*k.csv:2:3"),
        (GRID, '0,"9"', "k.csv:1:3"),
        (GRID, "0  1\n2   x", "k.csv:2:5"),
        (GRID, "0,1\n\n2", r"line 3 .* has 1 cell, but line 1 has 2"),
        (GRID, "0,1\n2,3,", "one too many"),
        (GRID, "0,\n1,\n", "missing, or"),
        (INTEGERS, "0,1,", "missing, or"),
        (INTEGERS, "0,1;2", "separators"),
        (REALS, "0,5;1,5", "write 0.5"),
        (REALS, '"0,5"', "point: 0.5"),
        (REALS, "1e400", "64 bits"),
        (REALS, "1_000", "between their digits"),
        (INTEGERS, "\u0661", "whole number"),
        (INTEGERS, "1\u00a01", "whole number"),
        (INTEGERS, "9" * 5000, "64 bits|is `9999"),
        (INTEGERS, "1e999999999999999999999", "64 bits"),
        (INTEGERS, "0.99999999999999999999", "not whole"),
        (INTEGERS, "x\n0\n1\n", "neither the name"),
        (INTEGERS, "k\n", "no values follow"),
        (INTEGERS, "k,k\n0,1\n", "two columns"),
        (INTEGERS, "k,1\nk,2\n", "has a number in it"),
        ("domain D = {k, j}\ndata k[N] : D", "k\nj\n", "header of `k`, or a value"),
        (BOOLS, "T,F", "true or false"),
        (BOOLS, "0,255", "threshold"),
        (COLORS, "Red", "did you mean `red`"),
        ("domain D = {none, some}\ndata k[N] : D", "some,None", "did you mean `none`"),
        ("data k : 0..3", "1,2", "a single value"),
        ("data k[2, 2, 2] : 0..3", "1,2", "two axes"),
        ("param k = 1", "NA", "finite"),
        (INTEGERS, "", "holds no values"),
        (INTEGERS, "# nothing", "holds no values"),
        (INTEGERS, '"0', "not closed"),
        (INTEGERS, '"0"1', "closing quote"),
        (INTEGERS, b"0,\xff", "byte 2"),
        (INTEGERS, b"0,\x00", "byte 2"),
        (INTEGERS, "0,1".encode("utf-16-le"), "byte 1 "),
        (INTEGERS, "0, # what", "# what"),
        ("data k[N] : 0..3\ndata j[N] : 0..3 = [1]", "1,2", "`k` says what N is"),
    ],
)
def test_what_is_not_data_is_refused_with_its_place(
    tmp_path: Path, program: str, content: str | bytes, words: str
):
    text = refusal(tmp_path, program, content)
    assert re.search(words, text), text


def test_a_long_row_is_shown_in_part(tmp_path: Path):
    text = refusal(tmp_path, INTEGERS, "1," * 5000 + "x" + ",1" * 5000)
    assert "k.csv:1:10001" in text
    assert max(map(len, text.split("\n"))) < 250
    excerpt, marks = text.split("\n")[2:4]
    assert excerpt[marks.index("^")] == "x"


# --- Damage ------------------------------------------------------------------------------

ALPHABET = [*"0123456789,;\t\"' .-+eENAk_?#\n\r", "\x00", "\xff", "true", "NA", "\n\n"]
SIGNS_OF_MISSING = {"", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none", "_", "?", "-"}


def strictly(text: str) -> list[list[float]] | None:
    """Read a table of 0..3 in another way: by Python's csv; None for what is refused."""
    if "\0" in text:
        return None
    lines = [
        re.sub(r"(?<=[^,;\t ]) +#.*|^[ \t]*#(?!N/A).*", "", s) for s in re.split(r"[\r\n]", text)
    ]
    lines = [line for line in lines if line.strip(" \t")]
    separators = {sign for sign in ",;\t" if sign in re.sub(r'"[^"]*"', "", "\n".join(lines))}
    if len(separators) > 1:
        return None
    separator = separators.pop() if separators else " "
    if separator == " ":
        lines = [re.sub(" +", " ", line.strip(" ")) for line in lines]
    # Python's csv does not know that `"2" ;` is 2.
    lines = [re.sub(f'" +(?={separator}|$)', '"', line) for line in lines]
    rows: list[list[float]] = []
    for row in csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True):
        cells = [cell.strip(" \t") for cell in row]
        words = ["nan" if cell.lower() in SIGNS_OF_MISSING else cell for cell in cells]
        rows.append([float(word) for word in words])
    seen = [value for row in rows for value in row if not math.isnan(value)]
    is_table = len({len(row) for row in rows}) == 1 and all(value in (0, 1, 2, 3) for value in seen)
    return rows if is_table else None


def damaged(rng: random.Random) -> str:
    """Write a good table and spoil it in a few places."""
    height, width = rng.randint(1, 4), rng.randint(1, 4)
    separator = rng.choice([",", ";", "\t", " "])
    words = ["0", "1", "2", "3", "NA", "1.0", '"2"']
    rows = [separator.join(rng.choices(words, k=width)) for _ in range(height)]
    signs = list("\n".join(rows) + "\n")
    for _ in range(rng.randint(0, 3)):
        place = rng.randrange(len(signs))
        match rng.randrange(3):
            case 0:
                signs[place] = rng.choice(ALPHABET)
            case 1:
                signs.insert(place, rng.choice(ALPHABET))
            case _:
                del signs[place : place + rng.randint(1, 3)]
                signs.append("\n")
    return "".join(signs)


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_table_is_read_as_it_stands_or_refused(tmp_path: Path, seed: int):
    rng = random.Random(seed)
    for _ in range(20):
        text = damaged(rng)
        try:
            found = read(tmp_path, GRID, text.encode("latin-1"))
        except gmlang.GmError:
            continue
        expected = strictly(text)
        assert expected is not None, text
        np.testing.assert_array_equal(found, expected, err_msg=repr(text))


def test_blank_lines_are_said_to_be_skipped(tmp_path: Path):
    path = tmp_path / "k.csv"
    path.write_text("1,2\n\n3,4\n\n\n5,6\n")
    model = gmlang.compile("data k[2, 2] : 0..9\nvar a : bool\nfactor k[0, 0] * a\n")
    with pytest.raises(GmError) as caught:
        model.bind(k=read_file("k", str(path))).query("P(a)")
    (found,) = caught.value.diagnostics
    assert found.code == "GM403"
    assert "3 blank lines were skipped" in found.hint
