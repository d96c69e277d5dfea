"""Conversion keeps the distribution, and as far as the target allows the names."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gmlang
from gmlang.cli import main
from gmlang.diagnostics import Source
from gmlang.formats.names import RESERVED_NAMES, identifier
from gmlang.formats.network_programs import network_to_gm
from gmlang.syntax.print import format_source
from gmruntime.formats.networks.network import Network, network_graph
from gmruntime.formats.uai import parse_uai, read_evidence, read_uai
from gmruntime.graph import FactorGraph, log_score, num_states

NAMES = ["rain", "P", "sum", "for", "a b", "1st", "_x", "é", "x.y", "true", "A"]
STATES = ["yes", "no", "true", "false", "<5", "5-12", "12+", ">=7.5", "0", "1", "rain", "None", ""]


def all_assignments(graph: FactorGraph) -> np.ndarray:
    sizes = num_states(graph).tolist()
    return np.indices(sizes).reshape(len(sizes), -1).T.astype(np.int32)


def convert(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["convert", *map(str, arguments)])
    return ended.value.code if isinstance(ended.value.code, int) else -1


@st.composite
def networks(draw: st.DrawFn) -> Network:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    states: dict[str, tuple[str, ...]] = {}
    parents: dict[str, tuple[str, ...]] = {}
    tables: dict[str, np.ndarray] = {}
    for name in names:
        found = draw(st.lists(st.sampled_from(STATES), min_size=2, max_size=3, unique=True))
        before = tuple(n for n in states if rng.random() < 0.5)
        states[name], parents[name] = tuple(found), before
        shape = [len(states[v]) for v in (*before, name)]
        tables[name] = rng.dirichlet(np.ones(shape[-1]), shape[:-1])
    return Network("made up", states, parents, tables)


def _order(labels: list[str], states: tuple[str, ...]) -> list[int]:
    """Say where the program puts each state of the network."""
    if sorted(states) == ["false", "true"]:
        return [labels.index(state) for state in states]
    return list(range(len(states)))


@settings(max_examples=40, deadline=None)
@given(networks())
def test_a_network_as_a_program_has_the_same_distribution(network: Network) -> None:
    model = gmlang.compile(network_to_gm(network))
    old, new = network_graph(network), model.graph()
    rows = all_assignments(old)
    moved = np.zeros_like(rows)
    for k, (named, states) in enumerate(zip(model.names(), network.states.values(), strict=True)):
        labels = [named.states.label(s) for s in range(named.states.count)]
        moved[:, int(named.variables)] = np.array(_order(labels, states))[rows[:, k]]
    np.testing.assert_allclose(log_score(new, moved), log_score(old, rows), atol=1e-9)


@given(st.text(max_size=8))
def test_every_name_becomes_one_of_the_language(name: str) -> None:
    taken: set[str] = set()
    found = identifier(name, taken)
    assert found not in RESERVED_NAMES
    assert identifier(name, taken) != found
    gmlang.compile(f"var {found} : bool")


def test_states_that_are_integers_become_a_range() -> None:
    table = np.array([0.5, 0.25, 0.25])
    text = network_to_gm(Network("n", {"a": ("3", "4", "5")}, {"a": ()}, {"a": table}))
    assert "var a : 3..5" in text
    answer = gmlang.compile(text).query("P(a = 4)")
    assert answer.value == pytest.approx(0.25)


def test_a_program_becomes_uai_with_names_and_evidence_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "p.gm", tmp_path / "p.uai"
    source.write_text(
        "domain Sky = {clear, grey}\nvar sky : Sky ~ {clear: 0.7, grey: 0.3}\n"
        "var n[2] : 0..2\nfor i in 0..1: prefer n[i] == 1 weight 0.5\nobserve n[1] = 2\n",
        "utf-8",
    )
    assert convert(source, target) == 0
    graph = read_uai(target)
    model = gmlang.load(source)
    rows = all_assignments(graph)
    np.testing.assert_allclose(log_score(graph, rows), log_score(model.graph(), rows), atol=1e-9)
    assert read_evidence(tmp_path / "p.uai.evid", graph).tolist() == [-1, -1, 2]
    assert "p.uai.evid" in capsys.readouterr().err
    names = json.loads((tmp_path / "p.uai.names").read_text("utf-8"))
    assert names["sky"]["states"] == ["clear", "grey"]
    assert names["n"]["variables"] == [1, 2]


def test_uai_becomes_a_program_of_the_same_distribution(tmp_path: Path) -> None:
    source, target = tmp_path / "m.uai", tmp_path / "m.gm"
    source.write_text("MARKOV\n2\n2 3\n2\n2 1 0\n0\n6\n1 2 0 4 5 6\n1\n0.5\n", "utf-8")
    assert convert(source, target) == 0
    old, model = read_uai(source), gmlang.load(target)
    rows = all_assignments(old)
    np.testing.assert_allclose(log_score(model.graph(), rows), log_score(old, rows), atol=1e-9)


def test_bif_goes_to_every_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "n.bif"
    source.write_text(
        "network n { } variable a { type discrete [ 2 ] { no, yes }; }\n"
        "probability ( a ) { table 0.25, 0.7; }\n",
        "utf-8",
    )
    for ending, expected in (("gm", "var a"), ("uai", "MARKOV"), ("dot", "graph")):
        target = tmp_path / f"n.{ending}"
        assert convert(source, target) == 0
        assert expected in target.read_text("utf-8")
    assert "do not sum to 1" in capsys.readouterr().err
    names = json.loads((tmp_path / "n.uai.names").read_text("utf-8"))
    assert names == {"a": ["no", "yes"]}


def test_bad_files_and_targets_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "n.bif"
    source.write_text("network n {", "utf-8")
    assert convert(source, tmp_path / "n.gm") == 1
    source.write_text("variable a { }", "utf-8")
    assert convert(source, tmp_path / "n.gm") == 1
    assert convert(source, tmp_path / "n.xls") == 2
    assert not (tmp_path / "n.gm").exists()
    assert parse_uai("m", "MARKOV\n0\n\n0\n").num_variables == 0


def test_states_that_change_places_are_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`bool` is false, true; a file that has true first is not silently turned around."""
    text = "network n {\n}\n"
    for name, states in (("a", "true, false"), ("b", "false, true"), ("c", "yes, no")):
        text += f"variable {name} {{\n type discrete [2] {{{states}}};\n}}\n"
        text += f"probability ({name}) {{\n table 0.3, 0.7;\n}}\n"
    source, target = tmp_path / "n.bif", tmp_path / "n.gm"
    source.write_text(text)
    assert convert(source, target) == 0
    warned = capsys.readouterr().err
    assert "true, false of a become `bool`" in warned
    program = target.read_text()
    assert program == format_source(Source("n.gm", program))
    lines = [line for line in program.splitlines() if line.startswith("var")]
    assert ["true first" in line for line in lines] == [True, False, False]
    answer = gmlang.load(target).query("P(a)")
    assert answer.value == {"false": 0.7, "true": 0.3}
