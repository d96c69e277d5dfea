"""Text to surface AST. The only file that touches Lark."""

import os
import re
import threading
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from lark import Lark, Token, Tree, UnexpectedInput
from lark import __version__ as lark_version
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedToken
from lark.indenter import DedentError, Indenter

from gmlang.diagnostics import Diagnostic, GmError, Source, Span
from gmlang.errors import syntax as errors
from gmlang.syntax import ast
from gmlang.syntax.build import Builder

NESTING_MAX = 60
"""Brackets may be nested this deep, and blocks likewise."""

OPERATORS_MAX = 400
"""A single line may chain this many operators; later phases walk expressions recursively."""

_LOCK = threading.Lock()

_INDENTED_START = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\r?\n)*[ \t]+[^\s#]")


def _cache_file(grammar: str) -> str | bool:
    """Return where the parser's tables are kept between runs: building them takes longest."""
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gmlang"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return False
    # A checksum is enough: the file is our own, and OpenSSL takes a while to load.
    mark = f"{zlib.crc32((grammar + lark_version).encode()):08x}-{len(grammar)}"
    return str(folder / f"grammar-{mark}.lark")


class _Indentation(Indenter):
    """Lark's indentation, with the names of this grammar's tokens."""

    @property
    def NL_type(self) -> str:
        return "_NL"

    @property
    def OPEN_PAREN_types(self) -> list[str]:
        return ["LPAR", "LSQB", "LBRACE"]

    @property
    def CLOSE_PAREN_types(self) -> list[str]:
        return ["RPAR", "RSQB", "RBRACE"]

    @property
    def INDENT_type(self) -> str:
        return "_INDENT"

    @property
    def DEDENT_type(self) -> str:
        return "_DEDENT"

    @property
    def tab_len(self) -> int:
        return 8


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = Path(__file__).with_name("grammar.lark").read_text("utf-8")
    return Lark(
        grammar,
        parser="lalr",
        lexer="contextual",
        postlex=_Indentation(),
        start=["start", "query_text"],
        propagate_positions=True,
        maybe_placeholders=True,
        cache=_cache_file(grammar),
    )


def parse(source: Source) -> ast.Program:
    """Parse a program.

    Raises:
        GmError: with the syntax mistakes, GM1xx.
    """
    return _parse(source, "start")


def parse_query(source: Source) -> tuple[ast.Query, ...]:
    """Parse one line of queries, with or without the word `query`; one for each set of options.

    Raises:
        GmError: with the syntax mistakes, GM1xx.
    """
    return _parse(source, "query_text")


def _parse(source: Source, start: str) -> Any:  # noqa: ANN401
    _check_limits(source)
    indented = _INDENTED_START.match(source.text)
    if indented is not None and start == "start":
        span = Span(source, indented.end() - 1, indented.end())
        raise GmError([errors.unexpected_indentation(span)])
    with _LOCK:
        parser = _parser()
        try:
            tree = parser.parse(source.text.rstrip() + "\n", start=start)
        except UnexpectedInput as error:
            raise GmError([_diagnose(source, error)]) from None
        except DedentError:
            raise GmError([errors.bad_indentation(Span(source, 0, 0))]) from None
    return _build(Builder(source), tree)


def _build(builder: Builder, tree: Tree[Token]) -> Any:  # noqa: ANN401
    """Turn a parse tree into the AST, children first, without recursion."""
    stack: list[tuple[Tree[Token], list[Any]]] = [(tree, [])]
    while True:
        node, done = stack[-1]
        if len(done) < len(node.children):
            child: Any = node.children[len(done)]
            if isinstance(child, Tree):
                stack.append((child, []))
            else:
                done.append(child)
            continue
        stack.pop()
        result = getattr(builder, str(node.data))(node.meta, done)
        if not stack:
            return result
        stack[-1][1].append(result)


def _check_limits(source: Source) -> None:
    depth = 0
    for position, character in enumerate(source.text):
        if character in "([{":
            depth += 1
            if depth > NESTING_MAX:
                raise GmError([errors.too_deep(Span(source, position, position + 1))])
        elif character in ")]}":
            depth -= 1
    del depth


def _diagnose(source: Source, error: UnexpectedInput) -> Diagnostic:
    position = min(max(error.pos_in_stream or 0, 0), len(source.text))
    match error:
        case UnexpectedCharacters():
            return errors.unexpected_character(Span(source, position, position + 1))
        case UnexpectedToken():
            token = error.token
            return _unexpected_token(source, token, error.accepts or error.expected)
        case UnexpectedEOF():
            return errors.unexpected_end(Span(source, len(source.text), len(source.text)), ())
        case _:
            return errors.unexpected_character(Span(source, position, position + 1))


def _unexpected_token(source: Source, token: Token, accepts: set[str]) -> Diagnostic:
    start = token.start_pos if token.start_pos is not None else len(source.text)
    end = token.end_pos if token.end_pos is not None else start
    span = Span(source, min(start, len(source.text)), min(end, len(source.text)))
    if token.type == "$END":
        return errors.unexpected_end(span, tuple(sorted(accepts)))
    return errors.unexpected_token(span, token.type, str(token), tuple(sorted(accepts)))


def needs_more(text: str) -> bool:
    """Say whether a text is the beginning of a statement that goes on, for the REPL."""
    opened = sum(text.count(c) for c in "([{") - sum(text.count(c) for c in ")]}")
    if opened > 0:
        return True
    lines = text.rstrip("\n").split("\n")
    last = lines[-1].split("#")[0].rstrip()
    if last.endswith(":"):
        return True
    return len(lines) > 1 and bool(lines[-1].strip()) and not text.endswith("\n\n")
