"""UAI models, evidence, queries and results are read back as written; bad ones are refused."""

import bz2
import gzip
import lzma
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.answer import LogPartition, Status
from gmruntime.factors.kinds import Count, Potts, Table, Xor
from gmruntime.formats.errors import FormatError
from gmruntime.formats.graphs.writing import fg_text
from gmruntime.formats.uai import (
    evidence_text,
    parse_evidence,
    parse_tokens,
    parse_uai,
    read_query,
    read_uai,
    uai_text,
    write_uai,
)
from gmruntime.formats.uai_results import (
    assignment_text,
    marginals_text,
    parse_assignment,
    parse_marginals,
    parse_partial_assignment,
    parse_partition,
    partial_assignment_text,
    partition_text,
)
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, log_score, num_states, validate
from gmruntime.inference import infer

CHAIN = """MARKOV
3
2 2 3
2
2 0 1
2 1 2

4
 1.0 0.5 0.25 0.125

6
 1 2 3
 4 0 6
"""


def all_assignments(graph: FactorGraph) -> np.ndarray:
    sizes = num_states(graph).tolist()
    return np.indices(sizes).reshape(len(sizes), -1).T.astype(np.int32)


@st.composite
def graphs(draw: st.DrawFn) -> FactorGraph:
    states = draw(st.lists(st.integers(1, 3), min_size=1, max_size=5))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    variables = tuple(VariableBlock(f"x{k}", (), n) for k, n in enumerate(states))
    factors: list[FactorBlock] = []
    for _ in range(draw(st.integers(0, 5))):
        arity = draw(st.integers(0, min(3, len(states))))
        scope = rng.permutation(len(states))[:arity].astype(np.int32)
        table = rng.normal(size=(1, *(states[v] for v in scope))) * draw(
            st.sampled_from([1.0, 30.0])
        )
        table[rng.random(table.shape) < 0.1] = -np.inf
        factors.append(FactorBlock(Table(table), scope[None, :]))
    return FactorGraph(variables, tuple(factors))


@given(graphs())
def test_a_written_model_scores_every_assignment_as_before(graph: FactorGraph) -> None:
    again = parse_uai("m.uai", uai_text(graph))
    validate(again)
    assert num_states(again).tolist() == num_states(graph).tolist()
    rows = all_assignments(graph)
    np.testing.assert_allclose(log_score(again, rows), log_score(graph, rows), atol=1e-9)


@given(graphs())
def test_reading_by_arrays_and_by_tokens_gives_one_graph(graph: FactorGraph) -> None:
    text = uai_text(graph)
    fast, slow = parse_uai("m.uai", text), parse_tokens("m.uai", text)
    assert [b.scopes.tolist() for b in fast.factors] == [b.scopes.tolist() for b in slow.factors]
    for one, other in zip(fast.factors, slow.factors, strict=True):
        assert isinstance(one.kind, Table)
        assert isinstance(other.kind, Table)
        np.testing.assert_array_equal(one.kind.log_potentials, other.kind.log_potentials)


def test_entries_beyond_float64_survive_as_constant_factors() -> None:
    table = np.array([[-5000.0, -5001.0]])
    graph = FactorGraph(
        (VariableBlock("x", (3,), 2),),
        (FactorBlock(Table(table), np.array([[0], [1], [2]], np.int32)),),
    )
    again = parse_uai("m.uai", uai_text(graph))
    rows = all_assignments(graph)
    np.testing.assert_allclose(log_score(again, rows), log_score(graph, rows), rtol=1e-12)


@pytest.mark.parametrize("write", [uai_text, fg_text])
def test_entries_that_floats_would_make_impossible_are_refused(
    write: Callable[[FactorGraph], str],
) -> None:
    table = np.array([[0.0, -800.0]])
    factors = (FactorBlock(Table(table), np.array([[0]], np.int32), "far"),)
    with pytest.raises(ValueError, match="-800"):
        write(FactorGraph((VariableBlock("x", (), 2),), factors))


def test_low_entries_beside_a_low_one_are_written() -> None:
    factors = (FactorBlock(Table(np.array([[-590.0, -1200.0]])), np.array([[0]], np.int32)),)
    graph = FactorGraph((VariableBlock("x", (), 2),), factors)
    again = parse_uai("m.uai", uai_text(graph))
    rows = all_assignments(graph)
    np.testing.assert_allclose(log_score(again, rows), log_score(graph, rows), rtol=1e-12)


def test_structured_factors_are_written_as_their_tables() -> None:
    scopes = np.array([[0, 1, 2]], np.int32)
    graph = FactorGraph(
        (VariableBlock("x", (3,), 2),),
        (
            FactorBlock(Xor(np.array([True])), scopes),
            FactorBlock(
                Count(np.array([[0.0, -1.0, -np.inf, 2.0]]), np.zeros((1, 3), np.bool_)), scopes
            ),
            FactorBlock(Potts(np.array([0.7])), scopes[:, :2].copy()),
        ),
    )
    rows = all_assignments(graph)
    again = parse_uai("m.uai", uai_text(graph))
    np.testing.assert_allclose(log_score(again, rows), log_score(graph, rows), atol=1e-12)


@pytest.mark.parametrize("num_wide", [1, 2])
def test_scopes_may_be_wider_than_arrays_have_axes(num_wide: int) -> None:
    # x100 and x101 are the only choices; every factor also names a hundred variables of one state.
    names = " ".join(map(str, range(100)))
    scopes = f"102 {names} 100 101\n" * num_wide
    text = f"MARKOV\n102\n{'1 ' * 100}2 2\n{num_wide}\n{scopes}" + "4 1 2 3 4\n" * num_wide
    for graph in (parse_uai("m.uai", text), parse_tokens("m.uai", text)):
        validate(graph)
        states = np.zeros(102, np.int32)
        states[100:] = 1, 0
        assert math.isclose(float(log_score(graph, states)), num_wide * math.log(3))
        found = infer(graph, LogPartition())
        total = sum(entry**num_wide for entry in (1, 2, 3, 4))
        assert math.isclose(found.log_value, math.log(total))


def test_variables_of_one_state_never_widen_a_table() -> None:
    # Every two of 70 variables of one state share a factor, and each shares one with x70.
    pairs = [(a, b) for a in range(70) for b in range(a + 1, 71)]
    scopes = "".join(f"2 {a} {b}\n" for a, b in pairs)
    tables = "".join("2 1 1.5\n" if b == 70 else "1 1\n" for _, b in pairs)
    text = f"MARKOV\n71\n{'1 ' * 70}2\n{len(pairs)}\n{scopes}{tables}"
    found = infer(parse_uai("m.uai", text), LogPartition())
    assert found.quality.status is Status.EXACT
    assert math.isclose(found.log_value, math.log(1 + 1.5**70))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_packed_files_are_known_by_their_first_bytes(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "model.anything"
    path.write_bytes(pack(CHAIN.encode()))
    graph = read_uai(path)
    # f(1, 0) = 0.25 and f(0, 2) = 3
    assert math.isclose(float(log_score(graph, np.array([1, 0, 2]))), math.log(0.25 * 3))


def test_a_name_that_ends_in_gz_is_packed(tmp_path: Path) -> None:
    path = tmp_path / "model.uai.gz"
    write_uai(parse_uai("m", CHAIN), path)
    assert path.read_bytes().startswith(b"\x1f\x8b")
    assert read_uai(path).num_variables == 3


def test_comments_and_lower_case_are_understood() -> None:
    text = "c a comment\nmarkov # another\n1\n2\n1\n1 0\n2 0.5 0.5\n"
    assert parse_uai("m.uai", text).num_factors == 1


@pytest.mark.parametrize(
    ("change", "line", "word"),
    [
        (("MARKOV", "MARKOW"), 1, "begins with MARKOV or BAYES"),
        (("2 2 3", "2 2 0"), 3, "number of states"),
        (("2 1 2\n", "2 1 7\n"), 6, "a variable"),
        (("2 1 2\n", "2 1 1\n"), 6, "names a variable twice"),
        (("6\n 1", "5\n 1"), 11, "2 x 3 = 6 entries, not 5"),
        (("0.125", "-0.125"), 9, "must be numbers >= 0"),
        (("0.125", "nan"), 9, "must be numbers >= 0"),
        (("0.125", "1e400"), 9, "must be numbers >= 0"),
        (("0.125", "0_1"), 9, "must be numbers >= 0"),
        (("0.125", "٣"), 9, "must be numbers >= 0"),
        (("2 2 3\n2\n", "2 2 3\n-2\n"), 4, "number of factors"),
        (("2 2 3\n2\n", "2 2 3\n1" + "0" * 18 + "\n"), 4, "number of factors"),
        (("MARKOV\n3", "MARKOV\n1" + "0" * 18), 2, "number of variables"),
        (("2 2 3\n", f"2 2 {1 << 31}\n"), 3, "number of states"),
        ((" 4 0 6\n", " 4 0\n"), 14, "ends after 5 of the 6"),
        ((" 4 0 6\n", " 4 0 6\nwhat\n"), 14, "what follows"),
    ],
)
def test_a_mistake_in_a_model_is_named_with_its_place(
    change: tuple[str, str], line: int, word: str
) -> None:
    with pytest.raises(FormatError, match=word) as caught:
        parse_uai("m.uai", CHAIN.replace(*change))
    assert caught.value.line == line
    assert str(caught.value).startswith(f"m.uai:{line}:")


@settings(max_examples=150)
@given(st.data())
def test_a_mutated_model_is_read_or_refused(data: st.DataObject) -> None:
    text = CHAIN
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text)))
        span = data.draw(st.integers(0, 6))
        new = data.draw(st.sampled_from(["", "9", "-1", " ", "\n", "1e400", "nan", "x", "0", "#"]))
        text = text[:place] + new + text[place + span :]
    try:
        validate(parse_uai("m.uai", text))
    except FormatError as error:
        assert error.line > 0  # noqa: PT017


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "m.uai"
    for start in (b"", b"MARKOV\n", b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\x00"):
        path.write_bytes(start + content)
        try:
            validate(read_uai(path))
        except FormatError:
            continue


# --- Evidence and queries ------------------------------------------------------------------


@given(st.lists(st.integers(-1, 1), min_size=3, max_size=3))
def test_evidence_is_read_back_with_and_without_a_number_of_samples(states: list[int]) -> None:
    graph = parse_uai("m.uai", CHAIN)
    evidence = np.array(states, np.int32)
    text = evidence_text(evidence)
    assert parse_evidence("e", text, graph).tolist() == states
    assert parse_evidence("e", "1\n" + text, graph).tolist() == states


def test_an_empty_evidence_file_observes_nothing() -> None:
    graph = parse_uai("m.uai", CHAIN)
    assert parse_evidence("e", "\n", graph).tolist() == [-1, -1, -1]


@pytest.mark.parametrize(
    "text", ["1 0 2", "1 3 0", "2 0 1", "2 0 1 0 0", "1 0 x", "2\n1 0 0\n1 1 1"]
)
def test_bad_evidence_is_refused(text: str) -> None:
    graph = parse_uai("m.uai", CHAIN)
    with pytest.raises(FormatError):
        parse_evidence("e", text, graph)


def test_a_query_names_variables(tmp_path: Path) -> None:
    graph = parse_uai("m.uai", CHAIN)
    path = tmp_path / "q"
    path.write_text("# map variables\n2\n2\n0\n", "utf-8")
    assert read_query(path, graph).tolist() == [2, 0]
    path.write_text("2 1 1\n", "utf-8")
    with pytest.raises(FormatError, match="twice"):
        read_query(path, graph)


# --- Results -------------------------------------------------------------------------------


@given(st.floats(-1e4, 1e4))
def test_a_partition_function_is_read_back_in_log10(value: float) -> None:
    found = parse_partition("r", "PR\n" + partition_text(value))
    assert math.isclose(found * math.log(10), value, rel_tol=1e-9, abs_tol=1e-9)
    assert parse_partition("r", "PR\n1\n" + partition_text(value)) == found


def test_an_impossible_partition_function_is_minus_infinity() -> None:
    assert parse_partition("r", "PR\n" + partition_text(-math.inf)) == -math.inf


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=3), min_size=1, max_size=4))
def test_marginals_are_read_back(rows: list[list[float]]) -> None:
    text = marginals_text([np.array(row) for row in rows])
    for written in ("MAR\n" + text, text, "MAR\n1\n" + text, "MAR\n1 1 0\n-BEGIN-\n" + text):
        found = parse_marginals("r", written)
        assert len(found) == len(rows)
        for one, other in zip(found, rows, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-9)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6))
def test_assignments_are_read_back(states: list[int]) -> None:
    text = assignment_text(np.array(states, np.int32))
    for written in ("MAP\n" + text, "MPE\n1\n" + text, "MAP\n0\n-BEGIN-\n" + text):
        assert parse_assignment("r", written).tolist() == states
    variables = np.arange(len(states), dtype=np.int32)
    pairs = partial_assignment_text(variables, np.array(states, np.int32))
    found = parse_partial_assignment("r", "MMAP\n" + pairs)
    assert [part.tolist() for part in found] == [variables.tolist(), states]


@pytest.mark.parametrize("text", ["", "PR", "PR\nx", "MAR\n1 2 0.5", "MAP\n2 0"])
def test_broken_results_are_refused(text: str) -> None:
    for parse in (parse_partition, parse_marginals, parse_assignment, parse_partial_assignment):
        with pytest.raises(FormatError):
            parse("r", text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("BAYES\n1\n2\n1\n1 0\n2\n 0.6 0.4\n9 9 9\n", "3 numbers follow"),
        ("MARKOV\n2\n2 3\n1\n2 0 1\n6\n 1 2 3 4 5 6 7\n", "1 numbers follow"),
        ("BAYES\n1\n2\n1\n1 0\n2\n 0.6 0.5\n", "1 of the rows"),
        ("BAYES\n2\n2 2\n2\n1 0\n2 0 1\n2\n .5 .5\n4\n .6 .5 .9 .3\n", "2 of the rows"),
    ],
)
def test_what_looks_like_a_miscount_is_told(text: str, told: str) -> None:
    heard: list[str] = []
    parse_uai("m.uai", text, heard.append)
    assert [told in line for line in heard] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "BAYES\n1\n2\n1\n1 0\n2\n 0.6 0.4\n",
        "MARKOV\n2\n2 3\n2\n2 0 1\n0\n6\n 1 2 3 4 5 6\n1\n 2\n",
        "MARKOV\n0\n\n0\n",
    ],
)
def test_of_a_sound_model_nothing_is_told(text: str) -> None:
    heard: list[str] = []
    parse_uai("m.uai", text, heard.append)
    assert heard == []
