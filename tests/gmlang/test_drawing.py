"""Pictures of factor graphs: sound SVG in which nothing overlaps."""

import xml.etree.ElementTree as ElementTree

from hypothesis import given
from hypothesis import strategies as st

import gmlang
from gmlang.views.graph import to_dot, to_svg
from gmlang.views.layers import layers, places

PROGRAM = """\
var rain : bool ~ Bernoulli(0.2)
var wet[3] : bool
for i in 0..2: wet[i] ~ Bernoulli(0.9 if rain else 0.1)
for i in 0..1: prefer wet[i] == wet[i + 1] weight 0.5
constraint wet[0] or wet[1] or wet[2] as some
"""


def test_a_picture_is_sound_and_names_every_block() -> None:
    graph = gmlang.compile(PROGRAM).graph()
    svg = to_svg(graph)
    ElementTree.fromstring(svg)
    for word in ("rain", "wet", "prefer", "some", "Bernoulli"):
        assert word in svg
    assert '"rain"' in to_dot(graph)


@st.composite
def sketches(draw: st.DrawFn) -> tuple[list[str], dict[str, tuple[tuple[str, ...], str]]]:
    variables = [f"v{k}" for k in range(draw(st.integers(1, 6)))]
    factors: dict[str, tuple[tuple[str, ...], str]] = {}
    for k in range(draw(st.integers(0, 8))):
        members = draw(st.lists(st.sampled_from(variables), min_size=1, max_size=3, unique=True))
        child = draw(st.sampled_from(["", *members]))
        factors[f"f{k}"] = (tuple(members), child)
    return variables, factors


@given(sketches())
def test_nodes_of_a_row_do_not_overlap(
    sketch: tuple[list[str], dict[str, tuple[tuple[str, ...], str]]],
) -> None:
    variables, factors = sketch
    rows = layers(variables, factors)
    widths = {key: 10.0 + 7.0 * len(key) * (1 + k % 4) for k, key in enumerate(rows)}
    links = [(f, v) for f, (members, _) in factors.items() for v in members]
    x = places(rows, links, widths)
    for one in rows:
        assert x[one] - widths[one] / 2 >= -1e-6
        for other in rows:
            if one < other and rows[one] == rows[other]:
                assert abs(x[one] - x[other]) >= (widths[one] + widths[other]) / 2


@given(sketches())
def test_variables_and_factors_stand_in_rows_of_their_own(
    sketch: tuple[list[str], dict[str, tuple[tuple[str, ...], str]]],
) -> None:
    rows = layers(*sketch)
    assert all((row % 2 == 1) == key.startswith("f") for key, row in rows.items())
