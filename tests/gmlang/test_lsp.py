"""The language server, driven as an editor drives it: a process, and the protocol over pipes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.language_client import Client, Json, Refused, apply, place

pytest.importorskip("pygls")

PROGRAM = """\
"Whether it rained."
var rain : bool ~ Bernoulli(0.2)
var wet : bool ~ match rain:
    true -> {true: 0.9, false: 0.1}
    false -> {true: 0.1, false: 0.9}
query P(rain | wet = true)
"""


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    opened = Client()
    yield opened
    assert opened.leave() == 0, "".join(opened.errors)
    assert not opened.errors


def test_it_says_what_it_can(client: Client):
    can = client.capabilities
    assert can["textDocumentSync"]["change"] == 2
    assert can["positionEncoding"] == "utf-16"
    for provider in ("hover", "definition", "references", "documentFormatting", "documentSymbol"):
        assert can[f"{provider}Provider"]
    assert can["renameProvider"]["prepareProvider"]
    assert can["completionProvider"]["triggerCharacters"] == ["."]


def test_mistakes_are_told_while_typing(client: Client):
    uri = "file:///folder/typed.gm"
    client.open(uri, PROGRAM)
    assert client.diagnostics(uri) == []
    client.change(uri, {"range": place(5, 8, 12), "text": "rian"})
    (found,) = client.diagnostics(uri)
    assert found["code"] == "GM201"
    assert found["range"] == place(5, 8, 12)
    assert found["severity"] == 1
    assert "hint: " in found["message"]
    client.change(uri, {"range": place(5, 8, 12), "text": "rain"})
    assert client.diagnostics(uri) == []


def test_every_mistake_of_a_text_is_told(client: Client):
    uri = "file:///folder/several.gm"
    client.open(uri, "var a bool\nvar b : bool\nquery P(\n")
    assert [d["range"]["start"]["line"] for d in client.diagnostics(uri)] == [0, 2]
    client.change(uri, {"text": "var a : bool ~ Bernoulli(2)\nquery P(b)\n"})
    assert [d["code"] for d in client.diagnostics(uri)] == ["GM307", "GM201"]


def test_hover_shows_type_and_documentation(client: Client):
    uri = "file:///folder/hover.gm"
    client.open(uri, f'"The weather."\n{PROGRAM}')
    assert client.diagnostics(uri) == []
    text = client.at("hover", uri, 6, 9)["contents"]["value"]
    assert "var rain : bool ~ Bernoulli(0.2)" in text
    assert "random variable over `bool`" in text
    assert "Whether it rained." in text
    assert "Bernoulli(p)" in client.at("hover", uri, 2, 20)["contents"]["value"]
    assert client.at("hover", uri, 2, 9) is None


def test_definitions_uses_and_highlights(client: Client):
    uri = "file:///folder/uses.gm"
    client.open(uri, PROGRAM)
    assert client.at("definition", uri, 5, 8) == [{"uri": uri, "range": place(1, 4, 8)}]
    everywhere = [place(1, 4, 8), place(2, 23, 27), place(5, 8, 12)]
    found = client.at("references", uri, 1, 4, context={"includeDeclaration": True})
    assert [location["range"] for location in found] == everywhere
    found = client.at("references", uri, 1, 4, context={"includeDeclaration": False})
    assert [location["range"] for location in found] == everywhere[1:]
    found = client.at("documentHighlight", uri, 1, 4)
    assert [highlight["range"] for highlight in found] == everywhere


def test_renaming(client: Client):
    uri = "file:///folder/rename.gm"
    client.open(uri, PROGRAM)
    assert client.at("prepareRename", uri, 5, 8) == place(5, 8, 12)
    edit = client.at("rename", uri, 5, 8, newName="drizzle")
    assert apply(PROGRAM, edit["changes"][uri]) == PROGRAM.replace("rain ", "drizzle ").replace(
        "rain:", "drizzle:"
    )
    for name, reason in [("wet", "already"), ("query", "word of the language"), ("1a", "a name")]:
        with pytest.raises(Refused, match=reason):
            client.at("rename", uri, 5, 8, newName=name)
    with pytest.raises(Refused, match="no name here"):
        client.at("rename", uri, 1, 9, newName="other")


def test_completion(client: Client):
    uri = "file:///folder/complete.gm"
    client.open(uri, "from things import Thing\nvar it : Thing\nquery P(it.)\nimport \n")

    def labels(line: int, column: int) -> list[str]:
        return [item["label"] for item in client.at("completion", uri, line, column)["items"]]

    assert labels(2, 11)[:3] == ["color", "shape", "motion"]
    everything = labels(2, 8)
    assert {"it", "Thing", "purple", "Bernoulli", "logZ", "sum", "true"} <= set(everything)
    assert {"things", "noise"} <= set(labels(3, 7))
    assert len(everything) == len(set(everything))


def test_signature_help(client: Client):
    uri = "file:///folder/signature.gm"
    client.open(uri, "def more(a, b) = a + b\nquery P(x = more(1, \n")
    found = client.at("signatureHelp", uri, 1, 20)
    assert found["signatures"][0]["label"] == "more(a, b)"
    assert found["activeParameter"] == 1


def test_formatting(client: Client):
    uri = "file:///folder/format.gm"
    text = "var a:bool\n\n\n\nquery   P(a)   # why\n"
    client.open(uri, text)
    options = {"tabSize": 4, "insertSpaces": True}
    edits = client.about("formatting", uri, options=options)
    assert apply(text, edits) == "var a : bool\n\nquery P(a)  # why\n"
    client.change(uri, {"text": "var a : bool\n"})
    assert client.about("formatting", uri, options=options) == []
    client.change(uri, {"text": "var a : (\n"})
    assert client.about("formatting", uri, options=options) == []


def test_symbols_and_folds(client: Client):
    uri = "file:///folder/symbols.gm"
    client.open(
        uri, "entity Thing:\n    big : bool\nmodel large(x: Thing):\n    predict x.big = true\n"
    )
    found = client.about("documentSymbol", uri)
    assert [symbol["name"] for symbol in found] == ["Thing", "large"]
    assert [child["name"] for child in found[0]["children"]] == ["big"]
    folds = client.about("foldingRange", uri)
    assert [(fold["startLine"], fold["endLine"]) for fold in folds] == [(0, 1), (2, 3)]


def test_columns_count_utf_16(client: Client):
    uri = "file:///folder/wide.gm"
    text = '"\U0001f327\U0001f327" # \U0001f327\nvar \U0001d465 : bool ~ Bernoulli(0.5)\n'
    client.open(uri, text + "query P(\U0001d465 = b) # \U0001f327\n")
    (found,) = client.diagnostics(uri)
    assert found["range"] == place(2, 13, 14)
    client.change(uri, {"range": place(0, 1, 5), "text": "\U0001f31e"})
    client.change(uri, {"range": place(2, 13, 14), "text": "true"})
    assert client.diagnostics(uri) == []
    assert client.at("definition", uri, 2, 10) == [{"uri": uri, "range": place(1, 4, 6)}]
    edits = client.at("rename", uri, 2, 8, newName="x")["changes"][uri]
    assert [edit["range"] for edit in edits] == [place(1, 4, 6), place(2, 8, 10)]
    client.change(
        uri, {"range": place(0, 1, 3), "text": ""}, {"range": place(2, 0, 99), "text": ""}
    )
    assert client.diagnostics(uri) == []
    assert client.about("documentSymbol", uri)[0]["selectionRange"] == place(1, 4, 6)


def test_lines_end_as_the_protocol_says(client: Client):
    uri = "file:///folder/lines.gm"
    client.open(uri, "# \u2028 \x0c \x85\r\nvar a : bool ~ Bernoulli(0.5)\r\nquery P(b)\r\n")
    (found,) = client.diagnostics(uri)
    assert found["range"] == place(2, 8, 9)
    client.change(uri, {"range": place(2, 8, 9), "text": "a"})
    assert client.diagnostics(uri) == []


def test_modules_saved_and_unsaved(client: Client, tmp_path: Path):
    folder = tmp_path / "a folder"
    folder.mkdir()
    saved = folder / "colours.gm"
    saved.write_text("domain Colour = {red, green}\n", "utf-8")
    uri, module = (folder / "main.gm").as_uri(), saved.as_uri()
    text = (
        "from colours import Colour\nfrom weather import rain\n"
        "var c : Colour ~ Uniform()\nquery P(c = red)\n"
    )
    client.open(uri, text)
    assert [d["code"] for d in client.diagnostics(uri)] == ["GM205"]
    (found,) = client.at("definition", uri, 2, 8)
    assert found == {"uri": module, "range": place(0, 7, 13)}

    unsaved = (folder / "weather.gm").as_uri()
    client.open(unsaved, "data rain = 1\n")
    assert client.diagnostics(uri) == []
    client.change(unsaved, {"text": "data rain = \n"})
    (found,) = client.diagnostics(uri)
    assert (found["code"], found["range"]["start"]["line"]) == ("GM217", 1)
    client.tell("textDocument/didClose", {"textDocument": {"uri": unsaved}})
    assert [d["code"] for d in client.diagnostics(uri)] == ["GM205"]

    client.change(uri, {"text": "from colours import Colour\nvar c : Colour\nquery P(c = red)\n"})
    edit = client.at("rename", uri, 2, 12, newName="scarlet")
    assert set(edit["changes"]) == {uri, module}
    assert [e["range"] for e in edit["changes"][module]] == [place(0, 17, 20)]
    (found,) = client.at("definition", uri, 0, 6)
    assert found["uri"] == module


def test_the_standard_library_is_shown_and_not_renamed(client: Client):
    uri = "untitled:Untitled-1"
    client.open(uri, "from things import Thing, purple\nvar it : Thing\nconsider purple(it)\n")
    assert client.diagnostics(uri) == []
    (found,) = client.at("definition", uri, 2, 10)
    assert found["uri"].endswith("gmstdlib/things.gm")
    with pytest.raises(Refused, match="standard library"):
        client.at("rename", uri, 2, 10, newName="violet")


def test_what_is_not_open_is_refused_and_cancelling_is_answered(client: Client):
    with pytest.raises(Refused, match="not open"):
        client.at("hover", "file:///nowhere.gm", 0, 0)
    uri = "file:///folder/cancel.gm"
    client.open(uri, PROGRAM * 40)
    request: Json = {"textDocument": {"uri": uri}}
    number = client.send("textDocument/documentSymbol", request)
    client.tell("$/cancelRequest", {"id": number})
    outcome = client.outcome(number)
    assert "cancel" in outcome["error"]["message"] if "error" in outcome else outcome["result"]
    assert client.at("hover", uri, 5, 9)


def test_without_pygls_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch):
    import sys

    from click.testing import CliRunner

    from gmlang.cli.tools import lsp

    monkeypatch.setitem(sys.modules, "gmlang.editor.lsp.server", None)
    result = CliRunner().invoke(lsp, [])
    assert result.exit_code == 1
    assert "pip install 'gmlang[lsp]'" in result.output


def test_the_outline_follows_what_is_typed(client: Client):
    uri = "file:///folder/outline.gm"
    client.open(uri, PROGRAM)
    client.diagnostics(uri)
    client.change(uri, {"range": place(1, 0, 0), "text": "# a new line\n"})
    symbols = client.about("documentSymbol", uri)
    assert [(s["name"], s["selectionRange"]) for s in symbols] == [
        ("rain", place(2, 4, 8)),
        ("wet", place(3, 4, 7)),
    ]


def test_formatting_and_renaming_right_after_a_key(client: Client):
    uri = "file:///folder/at_once.gm"
    client.open(uri, PROGRAM)
    client.diagnostics(uri)
    client.change(uri, {"range": place(6, 0, 0), "text": "query  P( rain )\n"})
    options: Json = {"tabSize": 4, "insertSpaces": True}
    text = PROGRAM + "query  P( rain )\n"
    assert apply(text, client.about("formatting", uri, options=options)) == (
        PROGRAM + "query P(rain)\n"
    )
    edit = client.at("rename", uri, 6, 11, newName="drizzle")
    assert len(edit["changes"][uri]) == 4
    client.change(uri, {"range": place(0, 0, 0), "text": "var x bool\n"})
    with pytest.raises(Refused, match="syntax mistakes"):
        client.at("rename", uri, 7, 11, newName="drizzle")


def test_contradictory_composites_are_told(client: Client):
    uri = "file:///folder/composite.gm"
    text = (
        "entity Thing:\n    lid : bool\n"
        "model open(x: Thing): predict x.lid = false @ 0.999\n"
        "model shut(x: Thing): predict x.lid = true @ 0.999\n"
        "model both = open shut\n"
    )
    client.open(uri, text)
    assert client.diagnostics(uri) == []
    (found,) = client.diagnostics(uri)
    assert found["code"] == "GM416"
    assert found["range"]["start"]["line"] == 4
    client.change(uri, {"range": place(4, 22, 22), "text": " soft"})
    assert client.diagnostics(uri) == []
    milder = [
        {"range": place(line, column, column + len(old)), "text": new}
        for line, column, old, new in ((4, 22, " soft", ""), (3, 45, "0.999", "0.95"))
    ]
    client.change(uri, *milder)
    assert client.diagnostics(uri) == []
    (found,) = client.diagnostics(uri)
    assert found["code"] == "GM468"
