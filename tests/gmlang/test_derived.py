"""Data that a function makes of other data: made when data is bound, once for its arguments."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gmlang
from gmlang.diagnostics import GmError, Source
from gmlang.pipeline import show_phase
from gmlang.syntax.print import format_source

CALLS: list[object] = []


@gmlang.function
def tripled(k: np.ndarray, by: int = 3) -> np.ndarray:
    CALLS.append(k)
    return k * by


@gmlang.function
def kinds_of(*arguments: object) -> list[str]:
    return [str(np.asarray(one).dtype) for one in arguments]


TRIPLED = """
data k[N] : int
data n = 1
data d[N] : int := tripled(k, n + 2)
var at : 0..<N
factor d[at] * 0.1
query P(at)
"""


def test_it_is_indexed_by_a_random_variable_like_data():
    found: Any = gmlang.compile(TRIPLED).bind(k=[1, 2, 5]).query("P(at)")
    weights = np.exp(0.3 * np.array([1, 2, 5]))
    told = [found.probabilities[str(k)] for k in range(3)]
    assert told == pytest.approx((weights / weights.sum()).tolist())


def test_it_is_made_once_for_a_binding_and_anew_for_another():
    CALLS.clear()
    model = gmlang.compile(TRIPLED).bind(k=[7, 8, 9])
    for question in ("P(at)", "MAP(at)", "P(at | at > 0)"):
        model.query(question)
    assert len(CALLS) == 1
    model.bind(k=[7, 8, 10]).query("P(at)")
    assert len(CALLS) == 2


def test_what_is_given_comes_before_what_is_derived():
    model = gmlang.compile(TRIPLED).bind(k=[1, 2], d=[0, 0])
    assert model.query("P(at)").probabilities == {"0": 0.5, "1": 0.5}


def test_it_may_be_derived_of_what_is_derived_and_say_sizes():
    program = """
data rows[M] : real = [1, 2, 3]
data twice[K] : real := tripled(rows, 2)
data four[K] : real := tripled(twice, 2)
var x[K] : bool
for i in 0..<K: factor four[i] if x[i] else 0.0
"""
    model = gmlang.compile(program)
    assert model.grounding().world.data["four"].tolist() == [4, 8, 12]
    value: Any = model.query("P(x)").value
    assert len(value) == 3


def test_the_order_of_declarations_does_not_matter():
    program = "data d[N] : int := tripled(k)\ndata k[N] : int = [1, 2]\nvar x[N] : bool\n"
    assert gmlang.compile(program).grounding().world.data["d"].tolist() == [3, 6]


def test_arguments_have_the_declared_types_and_missing_ones_are_masked():
    seen: list[np.ndarray] = []

    def noted(*arguments: np.ndarray) -> int:
        seen.extend(arguments)
        return 0

    gmlang.function(noted, name="noted")
    program = """
domain Color = {red, blue}
data a[N] : bool = [1, 0]
data b[N] : int = [1, _]
data c[N] : real = [1, _]
data e[N] : Color = [red, blue]
data made : int := noted(a, b, c, e, 2, 0.5, [[1, 2]])
var x : 0..9
factor 1 if x == made else 0
"""
    gmlang.compile(program).query("P(x)")
    a, b, c, e, two, half, listed = seen
    assert a.dtype == np.bool_
    assert isinstance(b, np.ma.MaskedArray)
    assert b.mask.tolist() == [False, True]
    assert np.isnan(c[1])
    assert e.tolist() == [0, 1]
    assert (two, half) == (2, 0.5)
    assert listed.tolist() == [[1, 2]]


def test_places_are_pairs_for_a_function_and_from_it():
    seen: list[np.ndarray] = []

    def moved(home: np.ndarray, by: int) -> np.ndarray:
        seen.append(home)
        return home + by

    gmlang.function(moved, name="moved")
    program = (
        "domain Spot = grid(2, 3)\ndata home[N] : Spot = [(0, 0), (0, 1)]\n"
        "data there[N] : Spot := moved(home, {})\nvar x : Spot\nconstraint x == there[1]\n"
    )
    assert gmlang.compile(program.format(1)).query("MAP(x)").value == {"x": "(1, 2)"}
    assert seen[0].tolist() == [[0, 0], [0, 1]]
    with pytest.raises(GmError) as caught:
        gmlang.compile(program.format(2)).query("MAP(x)")
    assert caught.value.diagnostics[0].code == "GM405"


def test_a_function_cannot_change_what_it_is_given():
    def emptied(k: np.ndarray) -> np.ndarray:
        k[...] = 0
        return k

    gmlang.function(emptied, name="emptied")
    program = "data k[N] : real = [1, 2]\ndata d[N] : real := emptied(k)\nvar x : 0..1\n"
    assert gmlang.compile(program).grounding().world.data["k"].tolist() == [1, 2]


def test_what_a_function_raises_is_told_with_its_place():
    def refuses(k: np.ndarray) -> np.ndarray:
        raise LookupError("no such\nthing")

    gmlang.function(refuses, name="refuses")
    program = "data k[N] : int = [1]\ndata d[N] : int := refuses(k)\nvar x : bool\n"
    with pytest.raises(GmError) as caught:
        gmlang.compile(program).query("P(x)")
    (told,) = caught.value.diagnostics
    assert told.code == "GM482"
    assert "LookupError: no such thing" in told.message
    assert told.span is not None
    assert told.span.text == "refuses(k)"


def test_only_functions_with_names_are_taken():
    with pytest.raises(ValueError, match="give one"):
        gmlang.function(lambda k: k)
    with pytest.raises(ValueError, match="no function"):
        gmlang.function(3)  # pyright: ignore[reportArgumentType, reportCallIssue]


def test_it_is_printed_as_it_was_written():
    text = "data k[N] : int\ndata d[N] : int := tripled(k, 2)\n"
    assert format_source(Source("t", text.replace("(k, 2)", "( k,2 )"))) == text
    model = gmlang.compile(text)
    assert "data d[N] : int := tripled(k, 2)" in show_phase("core", model.checked, {})


def test_a_picture_is_read_as_declared(tmp_path: Path):
    image = pytest.importorskip("PIL.Image")
    from gmlang.data.settings import read_file

    pixels = np.zeros((2, 3, 3), np.uint8)
    pixels[0, 0] = [255, 0, 0]
    pixels[1, 2] = 255
    path = str(tmp_path / "x.png")
    image.fromarray(pixels).save(path)
    for type_, white in (("real", 1.0), ("0..255", 255), ("bool", 1)):
        program = f"data p[H, W, 3] : {type_}\ndata g[H, W] : {type_}\nvar x : bool\n"
        picture = read_file("p", path)
        data = gmlang.compile(program).bind(p=picture, g=picture).grounding().world.data
        assert data["p"].shape == (2, 3, 3)
        assert data["p"][1, 2].tolist() == [white] * 3
        assert data["g"].shape == (2, 3)
        assert data["g"][1, 2] == white
    with pytest.raises(GmError) as caught:
        gmlang.compile("data p[N] : real\nvar x : bool\n").bind(p=picture).grounding()
    assert caught.value.diagnostics[0].code == "GM403"


@pytest.mark.parametrize("content", [b"", b"nothing", b"\x89PNG\r\n\x1a\nbroken"])
def test_what_is_no_picture_is_refused(content: bytes, tmp_path: Path):
    pytest.importorskip("PIL")
    from gmlang.data.settings import UnusableFile, read_file

    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(UnusableFile):
        read_file("p", str(path))
