"""Arrays written out, on the right of observations and conditions, mean their elements."""

import random

import pytest

import gmlang
from gmlang.diagnostics import GmError, Source
from gmlang.syntax.parse import parse_query
from tests.support.calculations import Worlds

HEAD = """
entity Img:
    ink[2] : bool
domain C = {red, green}
var img : Img
var z : 0..2 ~ Categorical([0.2, 0.3, 0.5])
var x[3] : bool
for i in 0..2:
    x[i] ~ Bernoulli(0.1 + 0.4 * z)
var m[2, 2] : 0..1
for i in 0..1, j in 0..1:
    m[i, j] ~ Binomial(1, 0.1 + 0.4 * z)
var c[2] : C
prefer c[0] == c[1] weight 0.7
prefer img.ink[0] == img.ink[1] weight 1
prefer img.ink[0] == (z > 0) weight 0.5
"""
VALUES = {
    "x": ("true", "false", "_", "1 > 2"),
    "c": ("red", "green", "_"),
    "m": ("0", "1", "_"),
    "img.ink": ("true", "false", "_"),
}


def listed(rng: random.Random, name: str) -> str:
    """Write what an array is."""

    def row(size: int) -> str:
        return f"[{', '.join(rng.choice(VALUES[name]) for _ in range(size))}]"

    return f"[{row(2)}, {row(2)}]" if name == "m" else row({"x": 3}.get(name, 2))


@pytest.mark.parametrize(
    "seed", [*range(4), *(pytest.param(k, marks=pytest.mark.slow) for k in range(4, 16))]
)
def test_listed_arrays_mean_their_elements(seed: int):
    rng = random.Random(seed)
    seen = rng.choice(list(VALUES))
    program = f"{HEAD}observe {seen} = {listed(rng, seen)}\n"
    worlds, model = Worlds(program), gmlang.compile(program)
    names = [rng.choice(list(VALUES)) for _ in range(6)]
    for one, two in zip(names[:3], names[3:], strict=True):
        for text in (
            f"P({one} = {listed(rng, one)})",
            f"E(z | {one} = {listed(rng, one)})",
            f"P({one} = {listed(rng, one)} | {two} = {listed(rng, two)})",
        ):
            (item,) = parse_query(Source("query", text))[0].items
            expected, answer = worlds.answer(item), model.query(text)
            if expected is None:
                assert answer.status == "impossible", (program, text)
            else:
                assert answer.value == pytest.approx(expected, abs=1e-9), (program, text)


def test_a_list_may_depend_on_a_loop_and_stand_for_part_of_an_array():
    answers = gmlang.compile(
        "var m[2, 3] : 0..9\nfor i in 0..1:\n    observe m[i, :] = [i + 1, _, 3 * i]\n"
        "query MAP(m | m[0, 1] = 7, m[1, 1] = 8)\n"
    ).run()
    assert next(answers).value == {"m": [["1", "7", "0"], ["2", "8", "3"]]}


SIZED = "data w[K] = [1, 2]\nvar y[K] : bool\nparam n = 3\nvar u[n] : bool\n"


@pytest.mark.parametrize(
    ("observed", "code"),
    [
        ("y = [true, false, true]", "GM403"),
        ("y = [true]", "GM403"),
        ("u = [true, false, true, false]", "GM403"),
        ("u = [[true, false, true]]", "GM324"),
    ],
)
def test_shapes_that_data_says_agree(observed: str, code: str):
    with pytest.raises(GmError) as caught:
        gmlang.compile(f"{SIZED}observe {observed}\n").query("P(y)")
    assert caught.value.diagnostics[0].code == code
    with pytest.raises(GmError) as caught:
        gmlang.compile(SIZED).query(f"P(y | {observed})")
    assert caught.value.diagnostics[0].code == code
    assert gmlang.compile(SIZED).query("P(u[2] | u = [_, _, true])").status == "exact"


def test_data_of_one_element_is_not_stretched_over_an_array():
    with pytest.raises(GmError) as caught:
        gmlang.compile("data one[1] : bool = [true]\nvar x[3] : bool\nobserve x = one\n").query(
            "P(x)"
        )
    assert caught.value.diagnostics[0].code == "GM403"


def test_a_loop_behind_a_condition_says_it_of_each():
    model = gmlang.compile(
        "var h : 0..3\nvar x[4] : bool\nfor i in 0..3: x[i] ~ Bernoulli(0.1 + 0.2 * h)\n"
    )
    written = model.query("P(h | x[1] = true, x[2] = true)")
    looped = model.query("P(h | x[i] = true for i in 1..2)")
    filtered = model.query("P(h | x[i] for i in 0..3 if 0 < i and i < 3)")
    assert looped.array == pytest.approx(written.array, abs=1e-12)
    assert filtered.array == pytest.approx(written.array, abs=1e-12)
    assert model.query("P(h = 1 | x[i] = true for i in 0..<0)").value == pytest.approx(0.25)
    lists = model.query("[P(h = 3 | x[i] = false for i in 0..<k) for k in 0..2]").value
    weights = [[(0.9 - 0.2 * h) ** k for h in range(4)] for k in range(3)]
    assert lists == pytest.approx([row[3] / sum(row) for row in weights], abs=1e-12)


@pytest.mark.parametrize("length", [2, 3, 4])
def test_an_event_about_an_array_whose_size_data_says(length: int):
    model = gmlang.compile(
        "data y[N] : bool\nvar x[N] : bool\n"
        "for i in 0..<N: x[i] ~ Bernoulli(0.8 if y[i] else 0.3)\n"
    ).bind(y=[1, 0, 1, 1][:length])
    if length != 3:
        with pytest.raises(GmError, match=f"needs shape {length}; the list has shape 3"):
            model.query("P(x = [true, false, _])")
        return
    assert model.query("P(x = [true, false, _])").value == pytest.approx(0.8 * 0.7, abs=1e-12)
    assert model.query("P(x = [true, _, true], x[1])").value == pytest.approx(0.64 * 0.3, abs=1e-12)
    sums = model.query("[P(x = [a, b, true]) for a in bool for b in bool]").value
    assert sums == pytest.approx([0.112, 0.048, 0.448, 0.192], abs=1e-12)
