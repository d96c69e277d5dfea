"""What a caller in Python hands over is refused in words, and what comes back is plain."""

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pytest

import gmlang
from gmlang.diagnostics import GmError

PROGRAM = (
    "entity E:\n    s : bool\nmodel r(x: E):\n    predict x.s @ 0.9\n"
    "model t(x: E):\n    predict x.s @ 0.8\nvar e : E\n"
    "data k[2] : 0..3 = [1, 2]\nvar a : bool ~ Bernoulli(0.3)\nvar b : 2..5\nvar c[2] : bool\n"
    "observe b != 3\n"
)


@pytest.mark.parametrize("text", [None, 3, b"P(a)"])
def test_a_text_is_a_str(text: object):
    model = gmlang.compile(PROGRAM)
    for call in (model.query, gmlang.compile, lambda t: list(model.search(t))):
        with pytest.raises(GmError, match="must be a str"):
            cast("Any", call)(text)


def test_one_search_at_a_time():
    with pytest.raises(GmError, match="one query at a time"):
        list(gmlang.compile(PROGRAM).search("MAP(), MAP()"))


def test_a_model_never_changes():
    model = gmlang.compile(PROGRAM).bind(k=[3, 3])
    values = cast("Any", model.values)
    with pytest.raises((TypeError, AttributeError)):
        values.update(k=0)
    with pytest.raises(ValueError, match="read-only"):
        values["k"][0] = 0
    given = {"k": np.array([1, 1])}
    other = gmlang.Model(model.checked, given)
    given["k"] = np.array([9, 9])
    assert list(cast("Any", other.values)["k"]) == [1, 1]


@pytest.mark.parametrize("value", [[4, 0], [0, -1], ["1", "7"]])
def test_bind_refuses_what_is_outside_the_declared_domain(value: list[object]):
    with pytest.raises(GmError):
        gmlang.compile(PROGRAM).bind(k=value)


def test_samples_are_an_array_of_what_was_asked():
    model = gmlang.compile(PROGRAM)
    one = model.query("sample(50, b)").array
    assert one is not None
    assert one.shape == (50,)
    assert set(one.tolist()) <= {2, 4, 5}
    several = model.query("sample(50, b, c)").array
    assert several is not None
    assert several.shape == (50, 3)
    lone = model.query("sample(50, c)").array
    assert lone is not None
    assert lone.shape == (50, 2)
    every = model.query("sample(5)").array
    assert every is not None
    assert every.shape == (5, 5)


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for inner in cast("dict[str, object]", value).values():
            yield from _leaves(inner)
    elif isinstance(value, list | tuple):
        for inner in cast("list[object]", value):
            yield from _leaves(inner)
    else:
        yield value


@pytest.mark.parametrize(
    "query",
    [
        *("compat(r, t)", "blame(r, t)", "why(a)", "active(e)", "indep(a, b)", "logZ()", "count()"),
        *("P(b)", "P(a, b)", "P(a and c[0])", "MAP()", "MMAP(a)", "best(2, a)", "sample(2, a)"),
        "P(r(e))",
    ],
)
def test_values_are_plain(query: str):
    answer = gmlang.compile(PROGRAM).query(query)
    for leaf in (*_leaves(answer.value), *_leaves(answer.to_dict())):
        assert leaf is None or type(leaf) in (bool, int, float, str)


def test_a_count_under_contradictory_observations_is_zero():
    observed = gmlang.compile("var a : bool\nobserve a = true\nobserve a = false\n")
    required = gmlang.compile("var a : bool\nconstraint a\nconstraint not a\n")
    for model in (observed, required):
        answer = model.query("count()")
        assert (answer.status, answer.value) == ("impossible", 0)
