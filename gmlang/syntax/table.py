"""The LALR(1) tables of the grammar. The only file that touches Lark, and only to build them.

Lark reads `grammar.lark` and computes the tables, which takes a second; they are kept as JSON
in the user's cache folder, so that a program that is merely run never imports Lark.
"""

import json
import os
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

_FORMAT = 2
"""Counts the changes of the stored form."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a reduction does.

    Attributes:
        origin: the nonterminal it makes.
        size: how many symbols it takes.
        handler: the builder's method, or "" for a list that is spliced into its parent.
        plan: for each child in order, which symbol it is: `i` as it is, `-2 - i` spliced,
            -1 for None where something optional is absent.
        passes: a single child is handed on as it is.
    """

    origin: str
    size: int
    handler: str
    plan: tuple[int, ...]
    passes: bool


@dataclass(frozen=True, slots=True)
class Table:
    """What the parser knows.

    Attributes:
        rows: for each state, what a symbol does: shift to a state, or reduce by rule `~action`.
        rules: the reductions.
        starts: the first state of each start symbol.
        ends: the last state of each start symbol.
        words: the token of each fixed text of the grammar, keywords included.
        jumps: (state below, state, token): the state after all reductions that hand on a single
            child. Filled while parsing; what is added depends on the rest alone.
        growths: what a line does to a list of lines, see `Automaton`. Likewise.
        shapes: what lines do, by their shapes; see `gmlang.syntax.lines.shapes`. Likewise.
    """

    rows: tuple[dict[str, int], ...]
    rules: tuple[Rule, ...]
    starts: dict[str, int]
    ends: dict[str, int]
    words: dict[str, str]
    jumps: dict[tuple[int, int, str], int] = field(default_factory=dict[tuple[int, int, str], int])
    growths: dict[tuple[int, int, tuple[int, ...], str], tuple[int, int]] = field(
        default_factory=dict[tuple[int, int, tuple[int, ...], str], tuple[int, int]]
    )
    shapes: dict[str, Any] = field(default_factory=dict[str, Any])


@lru_cache(maxsize=1)
def load_table() -> Table:
    """Read the tables from the cache, or build them and keep them there."""
    grammar = Path(__file__).with_name("grammar.lark").read_text("utf-8")
    # A checksum is enough: the file is our own, and OpenSSL takes a while to load.
    mark = f"{_FORMAT}-{zlib.crc32(grammar.encode()):08x}-{len(grammar)}"
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gmlang"
        return _from_plain(_read(folder / f"grammar-{mark}.json"))
    except (OSError, RuntimeError, ValueError, KeyError, TypeError):
        pass
    plain = _build(grammar)
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gmlang"
        folder.mkdir(parents=True, exist_ok=True)
        # Written beside and moved: another process never sees half a file.
        unfinished = folder / f"grammar-{mark}.{os.getpid()}"
        content = json.dumps(plain)
        unfinished.write_text(f"{_checksum(content)}\n{content}", "utf-8")
        unfinished.replace(folder / f"grammar-{mark}.json")
    except (OSError, RuntimeError):
        pass
    return _from_plain(plain)


def _read(file: Path) -> dict[str, Any]:
    """Read tables that were kept; they are plain data, and whole or not at all.

    Raises:
        ValueError: when they are not as they were written.
        OSError: when they cannot be read.
    """
    if not file.is_file():
        raise FileNotFoundError(file)
    checksum, _, content = file.read_text("utf-8").partition("\n")
    if checksum != _checksum(content):
        raise ValueError("the tables are damaged")
    return json.loads(content)


def _checksum(content: str) -> str:
    return f"{zlib.crc32(content.encode()):08x}"


def _from_plain(plain: dict[str, Any]) -> Table:
    return Table(
        tuple(plain["rows"]),
        tuple(
            Rule(origin, size, handler, tuple(plan), passes)
            for origin, size, handler, plan, passes in plain["rules"]
        ),
        plain["starts"],
        plain["ends"],
        plain["words"],
    )


def _build(grammar: str) -> dict[str, Any]:
    """Let Lark compute the tables, and take them over as plain data."""
    from lark import Lark
    from lark.parsers.lalr_analysis import Shift

    starts = ["start", "query_text"]
    built: Any = Lark(grammar, parser="lalr", lexer="basic", start=starts, maybe_placeholders=True)
    table = built.parser.parser._parse_table
    rules: dict[Any, int] = {}
    states = {state: number for number, state in enumerate(table.states)}
    rows: list[dict[str, int]] = []
    for state in states:
        row: dict[str, int] = {}
        for symbol, (action, argument) in table.states[state].items():
            if action is Shift:
                row[symbol] = states[argument]
            else:
                row[symbol] = ~rules.setdefault(argument, len(rules))
        rows.append(row)
    return {
        "rows": rows,
        "rules": [_plain_rule(rule) for rule in rules],
        "starts": {name: states[table.start_states[name]] for name in starts},
        "ends": {name: states[table.end_states[name]] for name in starts},
        "words": {t.pattern.value: t.name for t in built.terminals if t.pattern.type == "str"},
    }


def _plain_rule(rule: Any) -> list[Any]:  # noqa: ANN401
    """Say what Lark's tree builder would do at a reduction."""
    origin = rule.origin.name
    handler = "" if origin.startswith("_") else (rule.alias or origin)
    absent = list(rule.options.empty_indices) or [False] * len(rule.expansion)
    plan: list[int] = []
    symbols = iter(enumerate(rule.expansion))
    for is_absent in absent:
        if is_absent:
            plan.append(-1)
            continue
        at, symbol = next(symbols)
        if symbol.is_term:
            plan += [] if symbol.filter_out else [at]
        else:
            plan.append(-2 - at if symbol.name.startswith("_") else at)
    passes = bool(rule.options.expand1 and not rule.alias)
    return [origin, len(rule.expansion), handler, plan, passes]
