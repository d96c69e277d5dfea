"""What steers a terminal, turns writing round or opens a tag is never shown as it is."""

from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gmlang
from gmlang.cli import main
from gmlang.diagnostics import Diagnostic, GmError, Source, Span, render
from gmlang.queries.questions.map import MapAnswer
from gmlang.queries.questions.probability import MarginalAnswer
from gmlang.views.graph import to_dot, to_svg
from gmlang.views.html import show_html
from gmruntime.formats.networks.bif import parse_bif
from gmruntime.formats.networks.network import Network, network_graph
from gmruntime.printable import HIDDEN, printable, printable_line

EVIL = 'a\x1b[31m\u202e<script>alert(1)</script>&"\\ \x9b\x07'

Captured = pytest.CaptureFixture[str]


def is_clean(text: str) -> bool:
    return not any(c in text for c in "\x1b\x07\x9b\x00\u202e\u2066\x7f")


@given(st.text(st.characters(codec=None)))
def test_what_is_printable_has_no_hidden_characters_and_stays_so(text: str) -> None:
    shown = printable(text)
    assert is_clean(shown)
    assert printable(shown) == shown
    assert shown.count("\n") == text.count("\n")
    assert "\n" not in printable_line(text)
    shown.encode("utf-8")


def test_ordinary_text_stays_as_it_is() -> None:
    text = "für 𝒙 ≤ 3:\n\t→ 👩‍💻 עברית\r\n"
    assert printable(text) == text
    assert HIDDEN not in text


@pytest.mark.parametrize("where", ["# {}", '"{}"', "var a{} : bool", "factor 1 {}"])
@pytest.mark.parametrize("character", ["\x1b", "\x00", "\x07", "\x9b", "\u202e", "\u2066", "\x7f"])
def test_a_program_holds_none_wherever_they_stand(where: str, character: str) -> None:
    with pytest.raises(GmError, match="hidden character") as caught:
        gmlang.compile("var b : bool\n" + where.format(character) + "\n")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.span is not None
    assert diagnostic.span.line_column()[0] == 2
    assert is_clean(str(caught.value))


def test_diagnostics_are_clean_whatever_they_quote() -> None:
    span = Span(Source(EVIL + "\n.gm", EVIL), 0, 3)
    shown = render([Diagnostic("GM999", EVIL, span, hint=EVIL)])
    assert is_clean(shown)
    assert len(shown.split("\n")) == 5


def test_many_and_long_diagnostics_are_cut() -> None:
    shown = render([Diagnostic("GM999", "x" * 100_000, None)] * 5000)
    assert len(shown) < 300_000
    assert "4900 more" in shown


def _network() -> Network:
    name = EVIL.replace('"', "")
    variable = f'variable "{name}" {{ type discrete [ 2 ] {{ "x\x1b", y }}; }}'
    table = f'probability ( "{name}" ) {{ table .3, .7; }}'
    return parse_bif("n.bif", f"network n {{ }}\n{variable}\n{table}\n")


def test_pictures_are_clean_and_well_formed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    graph = network_graph(_network())
    picture, dot = to_svg(graph), to_dot(graph)
    assert is_clean(picture)
    assert is_clean(dot)
    assert "<script" not in picture
    ElementTree.fromstring(picture)


def test_notebooks_show_no_tags_of_others() -> None:
    class Tags(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.seen: set[str] = set()

        def handle_starttag(self, tag: str, attrs: object) -> None:
            del attrs
            self.seen.add(tag)

    answer = MarginalAnswer(EVIL, "exact", {EVIL: 0.5}, note=EVIL)
    for shown in (show_html(answer), show_html(MapAnswer(EVIL, "exact", {EVIL: EVIL}))):
        assert is_clean(shown)
        tags = Tags()
        tags.feed(shown)
        assert "script" not in tags.seen
    assert is_clean(repr(answer))


def test_a_network_s_names_come_out_clean(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "n\x1b[31m.bif"
    name = EVIL.replace('"', "")
    path.write_text(
        f'network n {{ }}\nvariable "{name}" {{ type discrete [ 2 ] {{ x, y }}; }}\n'
        f'probability ( "{name}" ) {{ table .3, .6; }}\n',
        "utf-8",
    )
    for arguments in (
        ["convert", str(path), str(tmp_path / "n.gm")],
        ["solve", str(path), "--task", "MAR"],
        ["graph", str(path)],
        ["run", str(path)],
        ["solve", str(path), "--task", "MAR", "--evid", str(path)],
        ["run", str(tmp_path / "n.gm"), "-q", "P(" + EVIL],
        ["run", str(tmp_path / "n.gm"), "--set", EVIL],
        ["run", str(tmp_path / "n.gm"), "--budget", EVIL],
        ["run", str(tmp_path / EVIL.replace("/", ""))],
        [EVIL],
    ):
        with pytest.raises(SystemExit):
            main(arguments)
        out, err = capsys.readouterr()
        assert is_clean(out)
        assert is_clean(err)
    assert is_clean((tmp_path / "n.gm").read_text("utf-8"))
