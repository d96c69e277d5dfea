"""Models of other tools are asked by their own names, and programs are written for other tools."""

import gzip
import json
import lzma
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gmlang
from gmlang.cli import main
from gmlang.formats.directed import network_of
from gmlang.formats.programs import graph_to_gm, model_program, unnamed
from gmruntime.formats.errors import FormatError
from gmruntime.formats.graphs.named import NamedGraph
from gmruntime.formats.graphs.wcsp import parse_wcsp
from gmruntime.formats.models import graph_of, read_model
from gmruntime.formats.networks.network import Network, network_graph, probabilities
from gmruntime.formats.uai import parse_uai, uai_text
from gmruntime.graph import log_score
from tests.gmlang.test_convert import all_assignments, networks
from tests.support.files import FILES

BIF = """network asia { }
variable smoke { type discrete [ 2 ] { yes, no }; }
variable "lung cancer" { type discrete [ 2 ] { "<50%", >=50% }; }
probability ( smoke ) { table 0.3, 0.7; }
probability ( "lung cancer" | smoke ) { (yes) 0.9, 0.1; (no) 0.99, 0.01; }
"""
ASKED = {
    "xmlbif": ("P(wet = gt_50_pct | rain = yes)", 0.7),
    "net": ("P(wet = gt_50_pct | rain = yes)", 0.7),
    "dsc": ("P(wet = dry | rain = no)", 0.7),
    "xdsl": ("P(n = x | rain = yes)", 0.46),
    "wcsp": ("P(x0 = 1, x1 = 2)", 0.0),
    "cfn": ("P(hat = blue, coat = 2)", 0.0),
    "fg": ("P(x3 = 2 | x0 = 0)", 0.8),
    "alist": ("P(x1 | x2 = true)", 1.0),
}


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments)])
    return ended.value.code if isinstance(ended.value.code, int) else -1


def written(folder: Path, kind: str) -> Path:
    path = folder / f"m.{kind}"
    path.write_text(FILES[kind], "utf-8")
    return path


@pytest.mark.parametrize("kind", FILES)
def test_every_format_is_run_solved_and_drawn(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, kind)
    text, expected = ASKED[kind]
    assert run("run", path, "--query", text, "--json") == 0
    (answer,) = json.loads(capsys.readouterr().out)["queries"]
    assert answer["status"] == "exact"
    found = answer["answer"]
    found = found["true"] if isinstance(found, dict) else found
    assert found == pytest.approx(expected, abs=1e-9)
    assert run("solve", path, "--task", "PR", "--budget", "5") == 0
    assert capsys.readouterr().out.startswith("PR\n")
    assert run("graph", path) == 0
    assert "graph" in capsys.readouterr().out


@pytest.mark.parametrize("kind", FILES)
def test_every_format_becomes_programs_of_the_same_distribution(kind: str, tmp_path: Path) -> None:
    path = written(tmp_path, kind)
    found = read_model(path)
    assert found is not None
    old = graph_of(found)
    rows = all_assignments(old)
    models = [gmlang.load(path)]
    if not isinstance(found, Network):
        models.append(gmlang.compile(graph_to_gm(found, "m")))
    assert run("convert", path, tmp_path / "m.gm") == 0
    models.append(gmlang.load(tmp_path / "m.gm"))
    for model in models:
        np.testing.assert_allclose(log_score(model.graph(), rows), log_score(old, rows), atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(networks())
def test_a_network_with_tables_as_data_has_the_same_distribution(network: Network) -> None:
    program = model_program(network, "n")
    graph = gmlang.compile(program.text).bind(**program.data).graph()
    old = network_graph(network)
    rows = all_assignments(old)
    moved = rows.copy()
    for k, states in enumerate(network.states.values()):
        if states == ("true", "false"):
            moved[:, k] = 1 - rows[:, k]
    np.testing.assert_allclose(log_score(graph, moved), log_score(old, rows), atol=1e-9)


@pytest.mark.parametrize(
    ("function", "word"),
    [
        ("-1 salldiff var 100", "alldifferent"),
        ("-1 wsum hard 100 <= 2", "<= 2"),
        ("-1 wsum hard 100 == 2", "== 2"),
        ("-1 wsum hard 100 != 2", "factor"),
        ("-1 wsum quad 3 >= 2", "factor"),
        ("-1 knapsackp 1 2 1 1 2 2 2 1 -1 2 -2 0", "constraint"),
    ],
)
def test_structure_stays_structure(function: str, word: str) -> None:
    text = f"t 3 3 1 100\n3 3 3\n3 0 1 2 {function}\n"
    named = parse_wcsp("t", text)
    states = (("a", "b", "c"), (), ("true", "false", "maybe"))
    for model in (named, NamedGraph("t", named.graph, named.variables, states)):
        program = graph_to_gm(model, "t")
        assert word in program
        rows = all_assignments(named.graph)
        found = log_score(gmlang.compile(program).graph(), rows)
        np.testing.assert_allclose(found, log_score(named.graph, rows), atol=1e-9)


def test_names_are_kept_or_changed_legibly_and_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "asia.bif"
    path.write_text(BIF, "utf-8")
    assert run("run", path, "-q", "P(lung_cancer = ge_50_pct | smoke = yes)") == 0
    said = capsys.readouterr()
    assert "0.1" in said.out
    assert "lung_cancer was 'lung cancer'" in said.err
    assert run("run", path) == 0
    assert "--query 'P(smoke)'" in capsys.readouterr().err


def test_true_before_false_is_turned_around() -> None:
    states = {"a": ("true", "false"), "b": ("true", "false")}
    tables = {"a": np.array([0.2, 0.8]), "b": np.array([[0.9, 0.1], [0.4, 0.6]])}
    program = model_program(Network("n", states, {"a": (), "b": ("a",)}, tables), "n")
    model = gmlang.compile(program.text).bind(**program.data)
    assert model.query("P(a = true)").value == pytest.approx(0.2)
    assert model.query("P(b = true | a = true)").value == pytest.approx(0.9)


def test_packed_models_and_models_by_content_are_run(tmp_path: Path) -> None:
    for name, pack in (("m.bif.gz", gzip.compress), ("m", lzma.compress), ("m.txt", bytes)):
        path = tmp_path / name
        path.write_bytes(pack(BIF.encode()))
        assert gmlang.load(path).query("P(smoke = yes)").value == pytest.approx(0.3)


def test_a_mistake_in_a_model_ends_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.net"
    path.write_text("net { }\nnode a { states = (0 1); }\npotential (a) { data = (1 x); }\n")
    with pytest.raises(FormatError, match=r"m\.net:3:27"):
        gmlang.load(path)
    assert run("run", path, "-q", "P(a)") == 1
    said = capsys.readouterr().err
    assert "m.net:3:27: a probability is expected here, not `x`" in said
    assert "Traceback" not in said


# --- Writing -------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(networks())
def test_a_bayes_uai_is_the_network_it_was(network: Network) -> None:
    graph = parse_uai("m", uai_text(network_graph(network)).replace("MARKOV", "BAYES"))
    found = network_of(unnamed(graph, "m"))
    old = network_graph(network)
    rows = all_assignments(old)
    np.testing.assert_allclose(
        log_score(network_graph(found), rows), log_score(old, rows), atol=1e-9
    )


def test_a_program_with_mechanisms_is_written_as_bif(tmp_path: Path) -> None:
    source, target = tmp_path / "p.gm", tmp_path / "p.bif"
    source.write_text(
        "var rain : bool ~ Bernoulli(0.2)\nvar n[2] : 1..3\n"
        "for i in 0..1: n[i] ~ {1: 0.5, 2: 0.25, 3: 0.25} if rain else {1: 0, 2: 0.5, 3: 0.5}\n"
        "var free : {a, b}\nobserve n[1] = 2\n",
        "utf-8",
    )
    assert run("convert", source, target) == 0
    network = read_model(target)
    assert isinstance(network, Network)
    assert network.states["n[1]"] == ("1", "2", "3")
    assert network.parents["n[1]"] == ("rain",)
    np.testing.assert_allclose(probabilities(network, "n[0]"), [[0, 0.5, 0.5], [0.5, 0.25, 0.25]])
    assert probabilities(network, "free").tolist() == [0.5, 0.5]
    assert (tmp_path / "p.bif.evid").exists()


def test_what_is_no_bayesian_network_is_not_written_as_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "p.gm"
    source.write_text("var a : bool\nvar b : bool\nfactor 1 if a == b else 0.3 if a else 0\n")
    assert run("convert", source, tmp_path / "p.bif") == 1
    assert "no Bayesian network" in capsys.readouterr().err
    for kind in ("fg", "cfn", "uai", "wcsp"):
        assert run("convert", source, tmp_path / f"p.{kind}") == 0
        found = read_model(tmp_path / f"p.{kind}")
        assert found is not None
        rows = all_assignments(graph_of(found))
        scores = np.asarray(log_score(graph_of(found), rows))
        scale = 1e-6 if kind == "wcsp" else 1.0
        np.testing.assert_allclose((scores - scores[0]) * scale, [0, -1, -0.7, 0], atol=1e-6)


def test_variables_of_the_compiler_take_no_name_of_the_program(tmp_path: Path) -> None:
    """Of 36 variables four are the compiler's, numbers 32 to 35."""
    source = tmp_path / "p.gm"
    source.write_text(
        "var a[30] : bool\nfor i in 0..29:\n    a[i] ~ {true: 0.2, false: 0.8}\n"
        "var aux33 : bool\naux33 ~ {true: 0.9, false: 0.1}\nvar b : bool\n"
        "b := (sum(a[i] for i in 0..14) > 3) == (sum(a[i] for i in 15..29) > 4)\n"
    )
    assert run("convert", source, tmp_path / "p.bif") == 0
    found = read_model(tmp_path / "p.bif")
    assert isinstance(found, Network)
    assert len(found.states) == 36
    assert {"aux33", "aux33_"} <= set(found.states)
    np.testing.assert_allclose(probabilities(found, "aux33"), [0.1, 0.9])


@pytest.mark.parametrize("kind", ["bif", "uai", "fg"])
def test_what_floats_take_for_impossible_is_not_written(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "p.gm"
    source.write_text("var a : bool\nprefer a weight 800\n")
    assert run("convert", source, tmp_path / f"p.{kind}") == 1
    assert capsys.readouterr().err
    assert not (tmp_path / f"p.{kind}").exists()


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(["xmlbif", "net", "dsc", "xdsl"]), st.sampled_from(["bif", "xmlbif"]))
def test_networks_are_written_as_they_were(source: str, target: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assert run("convert", written(folder, source), folder / f"new.{target}") == 0
        old, new = read_model(folder / f"m.{source}"), read_model(folder / f"new.{target}")
    assert isinstance(old, Network)
    assert isinstance(new, Network)
    assert new.states == old.states
    for name, table in old.tables.items():
        np.testing.assert_array_equal(new.tables[name], table)
