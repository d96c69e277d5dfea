"""Networks of every format are read as their own tools mean them; what is bad has its place."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.formats.errors import FormatError
from gmruntime.formats.models import read_model
from gmruntime.formats.networks.bif import parse_bif
from gmruntime.formats.networks.dsc import parse_dsc
from gmruntime.formats.networks.net import parse_net
from gmruntime.formats.networks.network import Network
from gmruntime.formats.networks.writing import bif_text, xmlbif_text
from gmruntime.formats.networks.xdsl import parse_xdsl
from gmruntime.formats.networks.xmlbif import parse_xmlbif
from tests.support.agrum import pyagrum
from tests.support.files import DSC, NET, XDSL, XMLBIF

PARSERS = {"xmlbif": parse_xmlbif, "net": parse_net, "dsc": parse_dsc, "xdsl": parse_xdsl}
LAWNS = {"xmlbif": XMLBIF, "net": NET, "dsc": DSC, "xdsl": XDSL}


@pytest.mark.parametrize("kind", PARSERS)
def test_the_child_changes_fastest_and_then_the_last_parent(kind: str) -> None:
    network = PARSERS[kind]("lawn", LAWNS[kind])
    assert network.name == "lawn"
    assert network.states["rain"] == ("no", "yes")
    assert network.states["wet"][:2] == ("dry", "damp")
    assert network.parents["wet"] == ("rain",)
    np.testing.assert_allclose(network.tables["wet"], [[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]])
    assert network.warnings == ()


# --- pyAgrum as an oracle ------------------------------------------------------------------


def table_of(bn: Any, child: str, parents: tuple[str, ...]) -> np.ndarray:
    """Return pyAgrum's table with our axes; its arrays have the first variable last."""
    cpt = bn.cpt(child)
    axes = list(reversed(cpt.names))
    return np.asarray(cpt.toarray()).transpose([axes.index(v) for v in (*parents, child)])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("ending", ["bifxml", "net", "bif"])
def test_networks_that_pyagrum_writes_are_read_entry_by_entry(
    ending: str, seed: int, tmp_path: Path
) -> None:
    pyagrum.initRandom(seed + 1)
    bn = pyagrum.fastBN("A{yes|no|maybe}->B{a|b}<-C[2]; C->D[1,3]; A->D; B->E[4]; C->E; A->E")
    path = tmp_path / f"n.{ending}"
    pyagrum.saveBN(bn, str(path))
    network = read_model(path)
    assert isinstance(network, Network)
    digits = 2e-6 if ending == "bifxml" else 1e-7
    for name in bn.names():
        assert network.states[name] == tuple(bn.variable(name).labels())
        assert set(network.parents[name]) == {bn.variable(p).name() for p in bn.parents(name)}
        expected = table_of(bn, name, network.parents[name])
        np.testing.assert_allclose(network.tables[name], expected, atol=digits)


def test_pyagrum_orders_the_parents_of_xdsl_otherwise_and_is_told_of(tmp_path: Path) -> None:
    """GeNIe has the last parent fastest; pyAgrum writes, and reads, the first one fastest."""
    bn = pyagrum.fastBN("A[3]->B[2]<-C[2]; A->D[4]")
    path = tmp_path / "n.xdsl"
    pyagrum.saveBN(bn, str(path))
    network = read_model(path)
    assert isinstance(network, Network)
    np.testing.assert_allclose(network.tables["D"], table_of(bn, "D", ("A",)), atol=2e-6)
    assert any("aGrUM" in warning for warning in network.warnings)


WORDS = st.text(
    st.characters(categories=("L", "N", "P", "S"), exclude_characters='"\\'), min_size=1, max_size=5
)
NAMES = st.lists(
    st.one_of(WORDS, st.tuples(WORDS, WORDS).map(" ".join)), min_size=1, max_size=4, unique=True
)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    names = draw(NAMES)
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    states: dict[str, tuple[str, ...]] = {}
    parents: dict[str, tuple[str, ...]] = {}
    tables: dict[str, np.ndarray] = {}
    for name in names:
        before = tuple(n for n in states if rng.random() < 0.6)
        states[name], parents[name] = tuple(draw(NAMES)), before
        shape = [len(states[v]) for v in (*before, name)]
        tables[name] = rng.dirichlet(np.ones(shape[-1]), shape[:-1])
    return Network("made up", states, parents, tables)


@settings(max_examples=60, deadline=None)
@given(networks())
def test_what_is_written_is_read_again(network: Network) -> None:
    for write, parse in ((bif_text, parse_bif), (xmlbif_text, parse_xmlbif)):
        found = parse("n", write(network))
        assert found.states == network.states
        assert found.parents == network.parents
        for name, table in network.tables.items():
            np.testing.assert_array_equal(found.tables[name], table)


def test_pyagrum_reads_what_is_written(tmp_path: Path) -> None:
    network = parse_net("n", NET.replace(">50%", "much"))
    for write, ending in ((bif_text, "bif"), (xmlbif_text, "bifxml")):
        path = tmp_path / f"n.{ending}"
        path.write_text(write(network), "utf-8")
        bn = pyagrum.loadBN(str(path))
        for name, parents in network.parents.items():
            expected = network.tables[name]
            np.testing.assert_allclose(table_of(bn, name, parents), expected, atol=1e-6)


# --- Noisy maxima and functions ------------------------------------------------------------


def test_a_noisy_maximum_is_the_strongest_of_independent_effects() -> None:
    """By the definition: draw what each cause does, and the leak; the first state is strongest."""
    a = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.0, 0.0, 1.0]])
    b = np.array([[0.2, 0.2, 0.6], [0.0, 0.0, 1.0]])
    leak = np.array([0.05, 0.15, 0.8])
    listed = " ".join(map(str, [*a.reshape(-1), *b.reshape(-1), *leak]))
    text = f"""<smile id="n"><nodes>
<cpt id="a"><state id="a0"/><state id="a1"/><state id="a2"/>
  <probabilities>.2 .3 .5</probabilities></cpt>
<cpt id="b"><state id="b0"/><state id="b1"/><probabilities>.5 .5</probabilities></cpt>
<noisymax id="y"><state id="high"/><state id="low"/><state id="none"/><parents>a b</parents>
<strengths>0 1 2 1 0</strengths><parameters>{listed}</parameters></noisymax></nodes></smile>"""
    found = parse_xdsl("n", text).tables["y"]
    expected = np.zeros((3, 2, 3))
    for x in range(3):
        for y in range(2):
            # The strengths of b are turned around: its column 0 is that of state 1.
            for i, p in enumerate(a[x]):
                for j, q in enumerate(b[1 - y]):
                    for k, r in enumerate(leak):
                        expected[x, y, min(i, j, k)] += p * q * r
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_functions_and_maxima_of_a_file_are_tables() -> None:
    network = parse_xdsl("n", XDSL)
    assert network.tables["ok"].tolist() == [[1, 0], [1, 0], [0, 1]]
    # With rain: P(y) = 0.9 * 0.6; without, the leak alone.
    np.testing.assert_allclose(network.tables["n"], [[0.1, 0.9], [0.46, 0.54]])


# --- Mistakes ------------------------------------------------------------------------------

MISTAKES = [
    ("net", "discrete node", "continuous node", 4, "wet is a continuous node"),
    ("net", "potential (rain)", "decision d { } potential (rain)", 5, "d is a decision node"),
    ("net", "0.7 0.2 0.1 )", "0.7 0.3 )", 8, "2 entries, but there are 3 states"),
    ("net", "( 0.7 0.2 0.1 )", "", 8, "2 x 3 = 6 entries, not 3"),
    ("net", "(wet | rain)", "(wet | snow)", 6, "unknown variable `snow`"),
    ("net", "(wet | rain)", "(wet rain)", 6, "of 2 nodes is not read"),
    ("net", "data = (0.8 0.2);", 'model_data = ("x");', 5, "given by an expression"),
    ("net", '"yes")', '"no")', 3, "`no` twice"),
    ("net", "node wet {", "node rain {", 4, "declared twice"),
    ("net", '">50%")', '">50%)', 4, "quote is never closed"),
    ("dsc", "discrete[2]", "discrete[3]", 2, "3 states, not 2"),
    ("dsc", "(1) :", "(2) :", 5, "0..1, not 2"),
    ("dsc", "(1) :", "(0) :", 5, "is given twice"),
    ("dsc", "(1) : 0.1, 0.2, 0.7;", "", 5, "no probabilities are given for wet | rain = yes"),
    ("dsc", "0.1, 0.2, 0.7", "0.1, 0.9", 5, "3 entries, not 2"),
    ("dsc", "(wet | rain)", "(wet | snow)", 5, "unknown variable `snow`"),
    ("xmlbif", "<GIVEN>rain", "<GIVEN>snow", 8, "unknown variable `snow`"),
    ("xmlbif", "0.1 0.2 0.7", "0.1 0.2 x", 10, "a probability is expected here, not `x`"),
    ("xmlbif", "0.1 0.2 0.7", "0.1 0.2", 8, "6 entries, not 5"),
    ("xmlbif", '<VARIABLE TYPE="nature"><NAME>rain', '<VARIABLE TYPE="utility"><NAME>rain', 4,
     "rain is a utility node"),
    ("xmlbif", "</DEFINITION>\n</NETWORK>", "</NETWORK>", 12, "mismatched tag"),
    ("xdsl", "<parents>rain", "<parents>snow", 4, "unknown variable `snow`"),
    ("xdsl", "a a b", "a a c", 8, "`c` is no state of ok"),
    ("xdsl", '<noisymax id="n">', '<utility id="n">', 9, "n is a utility node"),
    ("xdsl", "<strengths>1 0", "<strengths>1 1", 10, "0..1 in some order"),
    ("xdsl", "0.1 0.9</par", "0.1 0.7</par", 10, "sums to 0.8"),
    ("xdsl", "</nodes>", "</nodes><dynamic/>", 11, "temporal plates"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "old", "new", "line", "words"), MISTAKES)
def test_a_mistake_is_named_with_its_place(
    kind: str, old: str, new: str, line: int, words: str
) -> None:
    text = LAWNS[kind].replace(old, new, 1)
    if new == '<utility id="n">':
        text = text.replace("</noisymax>", "</utility>")
    with pytest.raises(FormatError, match=re.escape(words)) as caught:
        PARSERS[kind]("lawn", text)
    assert words in caught.value.message
    assert abs(caught.value.line - line) <= 1
    assert caught.value.column > 0


@pytest.mark.parametrize("kind", PARSERS)
def test_uneven_rows_are_warned_of_with_their_place(kind: str) -> None:
    network = PARSERS[kind]("lawn", LAWNS[kind].replace("0.1", "0.11", 1))
    (warning,) = network.warnings
    assert "P(wet | rain = no), sums to 1.01" in warning
    line = LAWNS[kind][: LAWNS[kind].index("0.1")].count("\n") + 1
    assert warning.startswith(f"lawn:{line}:")


@pytest.mark.parametrize("kind", ["net", "dsc"])
def test_a_cycle_is_refused(kind: str) -> None:
    cyclic = {
        "net": NET.replace("potential (rain) { data = (0.8 0.2); }",
                           "potential (rain | wet) { data = (1 0 1 0 1 0); }"),
        "dsc": DSC.replace("(rain) { 0.8, 0.2; }", "(rain | wet) { (*): 0.8, 0.2; }"),
    }  # fmt: skip
    with pytest.raises(FormatError, match="rain -> wet -> rain") as caught:
        PARSERS[kind]("lawn", cyclic[kind])
    assert caught.value.line > 0


BOMB = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>
<{tag}><NETWORK>&b;</NETWORK></{tag}>"""


@pytest.mark.parametrize(("parse", "tag"), [(parse_xmlbif, "BIF"), (parse_xdsl, "smile")])
def test_entities_and_depth_are_refused(parse: Callable[[str, str], Network], tag: str) -> None:
    for text, words in (
        (BOMB.replace("{tag}", tag), "declares an entity"),
        (f'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><{tag}>&a;</{tag}>', "entity"),
        (f"<{tag}>" + "<a>" * 100, "nested too deeply"),
        (f"<{tag}>&unknown;</{tag}>", "undefined entity"),
        (f"<{tag}>", "no element found"),
    ):
        with pytest.raises(FormatError, match=words):
            parse("x", text)


def test_white_space_between_the_pieces_of_a_name_is_kept() -> None:
    text = (
        "<BIF><NETWORK><VARIABLE><NAME>x</NAME><OUTCOME>&lt; &gt;</OUTCOME>"
        "<OUTCOME>&lt;&gt;</OUTCOME></VARIABLE>"
        "<DEFINITION><FOR>x</FOR><TABLE>0.5 0.5</TABLE></DEFINITION></NETWORK></BIF>"
    )
    assert parse_xmlbif("m", text).states == {"x": ("< >", "<>")}


def test_a_default_of_dsc_may_come_first() -> None:
    text = (
        'belief network "t"\nnode a { type : discrete[2] = { "n", "y" }; }\n'
        'node b { type : discrete[2] = { "n", "y" }; }\nprobability(a) { 0.3, 0.7; }\n'
        "probability(b | a) { default: 0.5, 0.5; (1): 0.2, 0.8; }\n"
    )
    assert parse_dsc("t", text).tables["b"].tolist() == [[0.5, 0.5], [0.2, 0.8]]


def test_names_with_signs_survive_xml() -> None:
    assert escape("<&>") in xmlbif_text(
        Network("n", {"<&>": ("a", "b")}, {"<&>": ()}, {"<&>": np.array([0.5, 0.5])})
    )
