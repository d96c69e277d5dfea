"""What a filter says of a step to come, and of rows that it cannot take."""

# pyright: reportArgumentType=false

from pathlib import Path

import numpy as np
import pytest
from click import ClickException
from click.testing import CliRunner, Result

import gmlang
from gmlang.cli import group
from gmlang.diagnostics import GmError

OWN = """
data y[T] : 0..1
var z[T] : 0..1
var o[T] : 0..1
var fine[T] : bool
z[0] ~ Uniform()
for t in 1..<T: z[t] ~ {z[t-1]: 0.8, rest: 0.2}
for t in 0..<T: o[t] ~ {z[t]: 0.7, rest: 0.3}
for t in 0..<T: fine[t] ~ Bernoulli(0.9 if z[t] == 1 else 0.2)
observe o = y
"""


@pytest.mark.parametrize(
    "said",
    [
        "observe fine[t] = true",
        "observe fine[t] or z[t] == 0",
        "constraint fine[t]",
        "prefer fine[t] weight 1",
    ],
)
def test_what_the_program_itself_says_of_a_step_is_counted_ahead(said: str):
    """As by the program that ends there, of which the last value is missing."""
    model = gmlang.compile(f"{OWN}for t in 0..<T: {said}\n")
    follow, y = model.filter("T"), [1.0, 0.0, np.nan, 1.0]
    for t, value in enumerate(y):
        expected = model.bind(y=np.array([*y[:t], np.nan])).query(f"P(o[{t}])")
        assert follow.ahead()["y"].array == pytest.approx(expected.array)
        follow.step(y=value)


@pytest.mark.parametrize("asked", ["P(z[t] == u[t])", "P(z[t] == y[t])", "P(z[t] | o[t] = y[t])"])
def test_data_of_the_step_may_be_asked_about(asked: str):
    """Also where the program only observes it, or does not use it at all."""
    model = gmlang.compile(f"data u[T] : 0..1\n{OWN}")
    follow, u, y = model.filter("T", ask=asked), [0, 1, 1], [1, 0, 1]
    for t in range(3):
        found = follow.step(u=u[t], y=y[t])
        cut = model.bind(u=np.array(u[: t + 1]), y=np.array(y[: t + 1]))
        expected = cut.query(asked.replace("[t]", f"[{t}]"))
        assert found[asked].array == pytest.approx(expected.array)
        assert found.log_z == pytest.approx(cut.query("logZ()").value)


SEVERAL = """
data y[T, 2, 2] : 0..3
var z[T] : 0..1
var o[T, 2, 2] : 0..3
for t in 1..<T: z[t] ~ {z[t-1]: 0.8, rest: 0.2}
for t in 0..<T, i in 0..<2, j in 0..<2: o[t, i, j] ~ {z[t] + i + j: 0.4, rest: 0.2}
observe o = y
query P(z[T-1])
"""


def _several(folder: Path, rows: str) -> Result:
    (folder / "several.gm").write_text(SEVERAL, "utf-8")
    asked = ["filter", str(folder / "several.gm"), "--over", "T"]
    return CliRunner().invoke(group, asked, input=rows, standalone_mode=False)


def test_columns_of_several_values_stand_in_any_order(tmp_path: Path):
    """What stands in brackets says which value a column is, not where it stands."""
    places = ['"y[0, 0]"', '"y[0, 1]"', '"y[1,0]"', '"y[1, 1]"']
    found = _several(tmp_path, ",".join(places) + "\n0,1,2,3\n3,,1,0\n")
    assert found.exception is None, found.exception
    turned = _several(tmp_path, ",".join(places[::-1]) + "\n3,2,1,0\n0,1,,3\n")
    assert turned.stdout == found.stdout
    nested = '{"y": [[0, 1], [2, 3]]}\n{"y": [[3, null], [1, 0]]}\n'
    assert _several(tmp_path, nested).stdout == found.stdout


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ('"y[0,0]","y[0,0]"\n0,1\n', "y[0, 0] twice"),
        ('"y[0,0]","y[1,1]"\n0,1\n', "no y[0, 1]"),
        ('"y[0,0]",y\n0,1\n', "y[0, 0] and y"),
        ('"y[1,0]","y[0,0]","y[0,1]","y[1,1]"\nx,1,2,3\n', "row 1: y[1, 0] is `x`"),
        ('"y[0,0]","y[0,1]","y[1,1]","y[1,0]"\n0,1,2,7\n', "y[1, 0] is 7"),
    ],
)
def test_mistakes_in_a_step_name_the_value(tmp_path: Path, rows: str, told: str):
    exception = _several(tmp_path, rows).exception
    message = exception.message if isinstance(exception, ClickException) else str(exception)
    assert told in message


def test_a_value_outside_is_that_of_its_step():
    """The first index of an array over time is the step, which a single step does not have."""
    model = gmlang.compile(OWN)
    with pytest.raises(GmError) as caught:
        model.filter("T").step(y=7)
    assert "y[0]" not in caught.value.diagnostics[0].message


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("P(z[t+1])", "still to come"),
        ("P(z[T])", "still to come"),
        ("P(z[t] | z[t+2] = 0)", "still to come"),
        ("P(z[0])", "forgotten"),
        ("P(z)", "forgotten"),
    ],
)
def test_a_step_to_come_is_not_forgotten(asked: str, told: str):
    with pytest.raises(GmError) as caught:
        gmlang.compile(OWN).filter("T", ask=asked)
    (one,) = caught.value.diagnostics
    assert one.code == "GM810"
    assert told in one.message
