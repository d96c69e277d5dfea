"""BIF networks are read with their names; what is bad is refused with its place."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.answer import LogPartition
from gmruntime.formats.errors import FormatError
from gmruntime.formats.networks.bif import parse_bif
from gmruntime.formats.networks.network import network_graph, probabilities
from gmruntime.graph import log_score, validate
from gmruntime.inference import infer

RAIN = """network lawn { property "made by hand"; }
// two variables
variable rain { type discrete [ 2 ] { no, yes }; }
variable wet { type discrete [ 3 ] { dry, damp, <50%wet }; property size = (1, 2); }
/* the child comes
   first */
probability ( rain ) { table 0.8, 0.2; }
probability ( wet | rain ) {
  (yes) 0.1, 0.2, 0.7;
  default 0.7, 0.2, 0.1;
}
"""


def test_entries_and_defaults_fill_a_table() -> None:
    network = parse_bif("r", RAIN)
    assert network.name == "lawn"
    assert network.states["wet"] == ("dry", "damp", "<50%wet")
    assert network.parents["wet"] == ("rain",)
    np.testing.assert_allclose(network.tables["wet"], [[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]])


def test_a_default_may_come_before_the_rows_that_differ() -> None:
    rows = "  (yes) 0.1, 0.2, 0.7;\n"
    rest = "  default 0.7, 0.2, 0.1;\n"
    assert rows + rest in RAIN
    found = parse_bif("r", RAIN.replace(rows + rest, rest + rows)).tables["wet"]
    np.testing.assert_allclose(found, [[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]])


def test_in_a_plain_table_the_child_changes_slowest() -> None:
    text = RAIN.replace(
        "  (yes) 0.1, 0.2, 0.7;\n  default 0.7, 0.2, 0.1;\n", "table 0.7 0.1 0.2 0.2 0.1 0.7;"
    )
    found = parse_bif("r", text).tables["wet"]
    np.testing.assert_allclose(found, [[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]])


def test_a_network_is_a_graph_with_one_block_for_each_variable() -> None:
    graph = network_graph(parse_bif("r", RAIN))
    validate(graph)
    assert [block.name for block in graph.variables] == ["rain", "wet"]
    # P(rain = yes) P(wet = <50%wet | rain = yes) = 0.2 * 0.7
    assert float(log_score(graph, np.array([1, 2]))) == pytest.approx(np.log(0.14))


def test_rows_that_do_not_sum_to_one_are_kept_and_named() -> None:
    network = parse_bif("r", RAIN.replace("table 0.8, 0.2", "table 0.8, 0.3"))
    assert network.tables["rain"].tolist() == [0.8, 0.3]
    assert "rain" in network.warnings[0]
    assert parse_bif("r", RAIN).warnings == ()


def test_rows_of_few_digits_are_normalised_where_they_are_used() -> None:
    network = parse_bif("r", RAIN.replace("table 0.8, 0.2", "table 0.8001, 0.2"))
    assert "P(rain), sums to 1.0001" in network.warnings[0]
    np.testing.assert_allclose(probabilities(network, "rain"), [0.8001 / 1.0001, 0.2 / 1.0001])
    graph = network_graph(network)
    assert infer(graph, LogPartition()).log_value == pytest.approx(0.0, abs=1e-12)


def test_the_place_of_the_first_uneven_row_is_told() -> None:
    network = parse_bif("r", RAIN.replace("(yes) 0.1", "(yes) 0.2"))
    assert network.warnings[0].startswith("r:9:3: 1 of the distributions")


def test_a_row_given_twice_is_refused() -> None:
    text = RAIN.replace("  (yes) 0.1, 0.2, 0.7;", "  (yes) 0.1, 0.2, 0.7;\n  (yes) 0, 0, 1;")
    with pytest.raises(FormatError, match=r"r:10:3: the row P\(wet \| rain = yes\) .* in line 9"):
        parse_bif("r", text)


def test_a_directed_cycle_is_refused_with_its_path() -> None:
    text = RAIN.replace("( rain ) { table 0.8, 0.2; }", "( rain | wet ) { default 0.8, 0.2; }")
    with pytest.raises(FormatError, match=r"r:7:15: .*rain -> wet -> rain"):
        parse_bif("r", text)


def test_a_row_without_mass_is_no_distribution() -> None:
    with pytest.raises(FormatError, match=r"P\(rain\) has no sum"):
        parse_bif("r", RAIN.replace("table 0.8, 0.2", "table 0, 0"))


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("[ 2 ]", "[ 3 ]", 3, "3 different states"),
        ("( wet | rain )", "( wet | snow )", 8, "unknown variable `snow`"),
        ("(yes)", "(maybe)", 9, "`maybe` is no state of rain"),
        ("0.8, 0.2;", "0.8;", 7, "a probability is expected"),
        ("0.8", "-0.8", 7, "cannot be -0.8"),
        ("default 0.7, 0.2, 0.1;", "", 11, "no probabilities are given for wet | rain = no"),
        ("variable wet", "variable rain", 4, "declared twice"),
        ("( wet | rain )", "( rain )", 8, "given twice"),
        ("0.2; }", "0.2; table 0.5, 0.5; }", 7, "the row P(rain) is given twice"),
        ("default 0.7, 0.2, 0.1;", "table 1 1 1 1 1 1;", 10, "P(wet | rain = yes) is given twice"),
        ("default", "default 1, 1, 1; default", 10, "the default of wet is given twice"),
    ],
)
def test_a_mistake_is_named_with_its_place(old: str, new: str, line: int, words: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_bif("lawn.bif", RAIN.replace(old, new, 1))
    assert words in str(caught.value)
    assert abs(caught.value.line - line) <= 3


def test_a_variable_without_probabilities_is_refused() -> None:
    with pytest.raises(FormatError, match="wet"):
        parse_bif("r", RAIN[: RAIN.index("probability ( wet")])


@settings(max_examples=150)
@given(st.data())
def test_a_mutated_network_is_read_or_refused(data: st.DataObject) -> None:
    text = RAIN
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text)))
        span = data.draw(st.integers(0, 8))
        new = data.draw(
            st.sampled_from(["", "{", "}", ";", "(", '"', "9", "-", "table", "/*", "é"])
        )
        text = text[:place] + new + text[place + span :]
    try:
        validate(network_graph(parse_bif("r", text)))
    except FormatError:
        return


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    for start in ("", "variable ", "probability ( "):
        with pytest.raises(FormatError):
            parse_bif("r", start + text)


@pytest.mark.parametrize(
    "names", ["(0,1], (1,5], (5,inf)", "[0;1), [1;2), x", "{0,1}, 2, 3", "1 2 3 4", "a, a, b"]
)
def test_names_that_must_be_quoted_are_refused_with_that_advice(names: str) -> None:
    text = f"network n {{ }}\nvariable x {{ type discrete [ 3 ] {{ {names} }}; }}\n"
    with pytest.raises(FormatError, match="quotes") as caught:
        parse_bif("n.bif", text)
    assert caught.value.line == 2


def test_quoted_names_may_hold_anything() -> None:
    names = ("(0,1]", "a,b", "it's; {")
    quoted = ", ".join(f'"{name}"' for name in names)
    text = (
        f"variable x {{ type discrete [ 3 ] {{ {quoted} }}; }}\n"
        "probability ( x ) { table 0.2 0.3 0.5; }\n"
    )
    assert parse_bif("n.bif", text).states == {"x": names}
