"""Damaged programs, queries and networks are read or refused: nothing else is ever raised.

The long run, `-m slow`, tries some thousands; the quick one a few, always the same.
"""

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gmlang
from gmlang.diagnostics import GmError, Source
from gmlang.formats.network_programs import network_to_gm
from gmlang.syntax.parse import parse
from gmlang.syntax.print import print_program
from gmruntime.formats.errors import FormatError
from gmruntime.formats.networks.bif import parse_bif
from gmruntime.formats.uai import parse_evidence, parse_uai
from gmruntime.formats.uai_results import parse_assignment, parse_marginals, parse_partition
from gmruntime.graph import validate

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = [
    path.read_text("utf-8")
    for folder in ("examples", "stdlib/gmstdlib", "tests/language/bad")
    for path in sorted((ROOT / folder).rglob("*.gm"))
]
UAI = (
    "MARKOV\n3\n2 2 3\n3\n1 0\n2 0 1\n2 1 2\n\n2\n 0.4 0.6\n4\n .1 .9 1 0\n6\n .1 .2 .3 .4 .5 .6\n"
)
BIF = """network asia { property a; }
variable smoke { type discrete [ 2 ] { yes, no }; }
variable tub { type discrete [ 3 ] { "a b", 1-5, >5 }; }
probability ( smoke ) { table 0.01, 0.99; }
probability ( tub | smoke ) { (yes) 0.05, 0.9, 0.05; default 0.2 0.3 0.5; }
"""
QUERIES = [
    "P(rain | wet = true)",
    "MAP(rain, wet) within 200 ms",
    "best(2, rain)",
    "sample(3, rain | wet)",
    "why(rain)",
    "P(wet) using bp(iters=3, damping=0.5) as name",
    "indep(rain, wet)",
    "logZ(), count()",
]
RAIN = gmlang.compile(
    "var rain : bool ~ Bernoulli(0.2)\nvar wet : bool ~ Bernoulli(0.9 if rain else 0.1)\n"
)
_WORDS = """
    { } ( ) [ ] : ~ := @ | & , ; .. ..< -> _ # " \"\"\" ' \\ = == != < ** // % ^ for in
    if else match predict use except model entity var data param observe like query P
    MAP why domain import from soft prior base do learn had not is table default
    probability network variable type discrete 0 1 -1 1e309 1e-400 99999999999999999999
    1_0 ¹ ٣ nan inf 0x1 \x00 \x1b \u202e \ufeff é 𝒙
"""
WORDS = _WORDS.split()


@st.composite
def damaged(draw: st.DrawFn, texts: list[str]) -> str:
    """Draw a text with words inserted, pieces deleted, doubled or moved."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(1, 4))):
        first = draw(st.integers(0, len(text)))
        last = min(len(text), first + draw(st.integers(0, 30)))
        match draw(st.sampled_from(["insert", "delete", "double", "replace", "line"])):
            case "insert":
                new = draw(st.sampled_from([*WORDS, " ", "\n", "\t", "    ", "\r", "\u2028"]))
                text = text[:first] + new + text[first:]
            case "delete":
                text = text[:first] + text[last:]
            case "double":
                text = text[:last] + text[first:]
            case "replace":
                text = text[:first] + draw(st.sampled_from(WORDS)) + text[last:]
            case _:
                lines = text.split("\n")
                lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(lines)))
                text = "\n".join(lines)
    return text


def read_program(text: str) -> None:
    with contextlib.suppress(GmError):
        model = gmlang.compile(text)
        printed = print_program(parse(Source("p.gm", text)))
        assert print_program(parse(Source("p.gm", printed))) == printed
        model.graph()


def ask(text: str) -> None:
    with contextlib.suppress(GmError):
        answer = RAIN.query(text, budget_s=0.2)
        assert repr(answer)
        assert answer.to_json()


def read_network(text: str) -> None:
    with contextlib.suppress(FormatError):
        gmlang.compile(network_to_gm(parse_bif("n.bif", text)))


def read_model(text: str) -> None:
    try:
        validate(parse_uai("m.uai", text))
    except FormatError as error:
        assert error.line > 0  # noqa: PT017


def read_numbers(text: str) -> None:
    graph = parse_uai("m.uai", UAI)
    readers = (
        lambda: parse_evidence("e", text, graph),
        lambda: parse_partition("r", text),
        lambda: parse_marginals("r", text),
        lambda: parse_assignment("r", text),
    )
    for read in readers:
        with contextlib.suppress(FormatError):
            read()


UNCHECKED = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)

READERS = {
    "program": (read_program, PROGRAMS),
    "query": (ask, QUERIES),
    "network": (read_network, [BIF]),
    "model": (read_model, [UAI]),
    "numbers": (
        read_numbers,
        ["2\n0 1\n2 0\n", "MAR\n2 2 .5 .5 2 0 1\n", "PR\n3.5\n", "MAP\n1\n0"],
    ),
}


@pytest.mark.parametrize("kind", READERS)
@settings(max_examples=40, suppress_health_check=UNCHECKED, derandomize=True)
@given(data=st.data())
def test_damage_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    read, texts = READERS[kind]
    read(data.draw(damaged(texts)))


@pytest.mark.slow
@pytest.mark.parametrize("kind", READERS)
@settings(max_examples=3000, suppress_health_check=UNCHECKED, deadline=None)
@given(data=st.data())
def test_much_damage_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    read, texts = READERS[kind]
    read(data.draw(damaged(texts)))


def test_a_count_in_another_script_is_no_count() -> None:
    with pytest.raises(FormatError, match="should have"):
        parse_bif("n.bif", BIF.replace("[ 2 ]", "[ ¹2 ]"))
