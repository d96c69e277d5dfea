"""The notebook's magics, on a stand-in for IPython's shell."""

import importlib
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from prompt_toolkit.document import Document
from prompt_toolkit.lexers import PygmentsLexer

import gmlang

ROOT = Path(__file__).resolve().parents[2]


class Shell:
    """What the extension needs of a shell."""

    def __init__(self) -> None:
        self.user_ns: dict[str, object] = {}
        self.magics: dict[str, Callable[..., object]] = {}

    def register_magic_function(
        self, function: Callable[..., object], kind: str, name: str
    ) -> None:
        assert kind == "line_cell"
        self.magics[name] = function


def test_a_cell_is_a_program_and_its_model_goes_by_its_name() -> None:
    shell = Shell()
    gmlang.load_ipython_extension(shell)
    magic = shell.magics["gm"]
    shell.user_ns["y"] = [1, 0]
    text = "data y[N] : bool\nvar x[N] : bool\nobserve x = y\nquery P(x[0] = true)\n"
    answer = magic("seen", text)
    assert isinstance(answer, gmlang.Answer)
    assert answer.value == 1.0
    assert "exact" in repr(answer)
    assert isinstance(shell.user_ns["seen"], gmlang.Model)
    again = magic("P(x[1] = true)")
    assert isinstance(again, gmlang.Answer)
    assert again.value == 0.0


def test_mistakes_are_shown_and_not_raised(capsys: pytest.CaptureFixture[str]) -> None:
    shell = Shell()
    gmlang.load_ipython_extension(shell)
    magic = shell.magics["gm"]
    assert magic("P(x)") is None
    assert magic("", "var a : bool ~ Bernoulli(2)\n") is None
    assert "GM307" in capsys.readouterr().out


def test_cells_are_coloured_where_the_shell_does_so() -> None:
    """As in IPython's terminal: its prompt has a lexer for each cell magic."""
    shell = Shell()
    lexers: dict[str, PygmentsLexer] = {}
    prompt = SimpleNamespace(lexer=SimpleNamespace(magic_lexers=lexers))
    vars(shell)["pt_app"] = prompt
    gmlang.load_ipython_extension(shell)
    coloured = lexers["gm"].lex_document(Document("%%gm\nvar rain : bool"))(1)
    assert ("class:pygments.keyword", "var") in coloured


def test_exports_find_the_lexer_that_the_documents_name() -> None:
    """`nbconvert` is told a lexer's name, which Pygments finds among the entry points."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    module, _, name = project["entry-points"]["pygments.lexers"]["gmlang"].partition(":")
    lexer = getattr(importlib.import_module(module), name)
    assert '{"%%gm": "gmlang"}' in (ROOT / "docs" / "editor.md").read_text("utf-8")
    assert "gmlang" in lexer.aliases
