"""An array of things is asked, observed and drawn as an array of variables is."""

import numpy as np
import pytest

import gmlang
from gmlang.diagnostics import GmError

THINGS = (
    "entity E:\n    s : bool\n    k[2] : 0..2\nvar e[3] : E\nvar g[2, 2] : E\nvar z : 0..1\n"
    "data d[3] : bool = [true, false, true]\n"
    "for i in 0..2: e[i].s ~ Bernoulli(0.1 + 0.3 * i)\n"
    "for i in 0..2, j in 0..1: factor (i - j) * 0.5 * e[i].k[j]\n"
    "for i in 0..1: constraint e[i].k[0] <= e[i + 1].k[0]\n"
    "for i in 0..1, j in 0..1: factor i + 2 * j if g[i, j].s else 0\n"
)
VARIABLES = {
    "e[i].s": "s[i]",
    "e[i].k[j]": "k[i, j]",
    "e[i].k[0]": "k[i, 0]",
    "e[i + 1].k[0]": "k[i + 1, 0]",
    "g[i, j].s": "t[i, j]",
}


def _variables() -> str:
    """Write the same program with arrays of variables."""
    text = THINGS
    for thing, variable in VARIABLES.items():
        text = text.replace(thing, variable)
    head = "var s[3] : bool\nvar k[3, 2] : 0..2\nvar t[2, 2] : bool\n"
    return head + text[text.index("var z") :]


PAIRS = [
    ("P(e.s)", "P(s)"),
    ("P(e[:].s)", "P(s[:])"),
    ("P(e.k)", "P(k)"),
    ("P(e.k[1])", "P(k[:, 1])"),
    ("P(e[1].k)", "P(k[1])"),
    ("P(g.s)", "P(t)"),
    ("P(g[1].s)", "P(t[1])"),
    ("P(g[:, 1].s)", "P(t[:, 1])"),
    ("MAP(e.s)", "MAP(s)"),
    ("MMAP(g.s, e.s)", "MMAP(t, s)"),
    ("best(3, e.s)", "best(3, s)"),
    ("P(e.s | e.s = d)", "P(s | s = d)"),
    ("P(e.s | g[0].s = true)", "P(s | t[0] = true)"),
    ("P(g.s | g[0].s = true)", "P(t | t[0] = true)"),
    ("P(e.k | e.k[1] = 2)", "P(k | k[:, 1] = 2)"),
    ("P(e.k[0] | e[1].k = 1)", "P(k[:, 0] | k[1] = 1)"),
    ("P(all(e.s))", "P(all(s))"),
    ("P(sum(e.k[0]) == 3)", "P(sum(k[i, 0] for i in 0..2) == 3)"),
    ("[P(e[i].k) for i in 0..1]", "[P(k[i]) for i in 0..1]"),
    ("indep(e[0].s, e[1].s | e.k)", "indep(s[0], s[1] | k)"),
]


def _plain(value: object) -> object:
    """Leave out names, by which alone the answers differ, and rounding."""
    match value:
        case dict():
            return [_plain(inner) for inner in value.values()]
        case list():
            return [_plain(inner) for inner in value]
        case float():
            return round(value, 9)
        case _:
            return value


@pytest.mark.parametrize(("things", "variables"), PAIRS)
def test_a_query_of_things_is_that_of_variables(things: str, variables: str):
    found = gmlang.compile(THINGS).query(things)
    expected = gmlang.compile(_variables()).query(variables)
    assert (found.status, found.kind) == (expected.status, expected.kind)
    assert _plain(found.value) == _plain(expected.value)
    if found.array is not None:
        assert expected.array is not None
        np.testing.assert_allclose(found.array, expected.array)


@pytest.mark.parametrize(
    ("things", "variables"),
    [
        ("observe e.s = true", "observe s = true"),
        ("observe e.s = d", "observe s = d"),
        ("observe g[0].s = true", "observe t[0] = true"),
        ("observe e.k[1] = 2", "observe k[:, 1] = 2"),
        ("observe e.s like {true: 3, false: 1}", "observe s like {true: 3, false: 1}"),
        ("observe e.k = z", "observe k = z"),
        ("g[:, 0].s ~ Bernoulli(0.2)", "t[:, 0] ~ Bernoulli(0.2)"),
        ("g[1].k := 1", ""),
    ],
)
def test_a_statement_on_things_is_that_on_variables(things: str, variables: str):
    first = gmlang.compile(THINGS + things + "\n")
    second = gmlang.compile(_variables() + variables + "\n")
    for one, other in (("P(e.s)", "P(s)"), ("P(e.k)", "P(k)"), ("P(g.s)", "P(t)")):
        found, expected = first.query(one).array, second.query(other).array
        assert found is not None
        assert expected is not None
        np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("active(e)", "GM302"),
        ("active(g[0])", "GM302"),
        ("why(e.s)", "GM302"),
        ("indep(e.s, e[1].s)", "GM501"),
        ("P(e.s, e[0].k[0])", "GM501"),
        ("P(e.s[1])", "GM303"),
        ("P(e.k[1, 0])", "GM303"),
        ("P(g[0, 0, 0].s)", "GM303"),
        ("P(e[z].k)", "GM302"),
        ("P(e.s | e.s = e.s)", "GM317"),
        ("P(e.s | e.s = g.s)", "GM301"),
    ],
)
def test_what_needs_one_thing_is_refused_for_several(query: str, code: str):
    with pytest.raises(GmError) as caught:
        gmlang.compile(THINGS).query(query)
    assert [d.code for d in caught.value.diagnostics] == [code]


def test_samples_of_an_array_of_things_have_its_shape():
    found = gmlang.compile(THINGS + "observe g[0].s = true\n").query("sample(4, g.s)").value
    assert isinstance(found, list)
    assert len(found) == 4
    for sample in found:
        assert np.array(sample["g.s"]).shape == (2, 2)
        assert sample["g.s"][0] == ["true", "true"]


def test_a_random_value_is_observed_as_an_event():
    model = gmlang.compile("var a : 0..2\nvar b : 0..3\nfactor b\nobserve a = b\n")
    weights = np.exp(np.arange(3.0))
    found = model.query("P(a)").array
    assert found == pytest.approx(weights / weights.sum())
