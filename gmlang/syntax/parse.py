"""Text to surface AST: an LALR(1) automaton over the tables of the grammar.

Aho, Lam, Sethi and Ullman, "Compilers", 2nd ed. (2006), section 4.5. The AST is built during the
reductions; chains of reductions that only hand a child on, of which the rules of precedence make
a dozen for every number, are taken in one remembered jump.
"""

import re
from typing import Any

from gmlang.diagnostics import GmError, Source, Span
from gmlang.errors.syntax import mistakes as errors
from gmlang.syntax import ast
from gmlang.syntax.building.builder import Builder
from gmlang.syntax.lex import RawToken, Token, Trouble, lay_out, tokenize
from gmlang.syntax.table import Rule, Table, load_table

_KEPT = frozenset(
    (
        *("NAME", "INT", "FLOAT", "STRING", "COMPARE", "PLUS", "MINUS", "TIMES", "SOFT"),
        *("RESERVED", "ROW"),
    )
)

_HIDDEN = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that a reader does not see, but that steer what a terminal or an editor shows."""

DEPTH_MAX = 120
"""Expressions and blocks may contain one another this deep: later phases walk them recursively."""

_FLAT = frozenset(
    ("parenthesis", "positive", "arguments", "indices", "suite", "start", "and_", "or_", "call")
)
"""Handlers that make no deeper tree, or, of brackets, one whose depth is limited already."""


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
    table = load_table()
    text = source.text.rstrip() + "\n"
    if hidden := _HIDDEN.search(text):
        span = Span(source, hidden.start(), hidden.end())
        raise GmError([errors.hidden_character(span, hidden.group())])
    raw: list[RawToken] = []
    for whole_rows in (True, False) if "->" in text else (False,):
        raw = tokenize(text, table.words, whole_rows=whole_rows)
        try:
            tokens = lay_out(text, raw)
            return _run(table, start, text, tokens, Builder(source, table.words))
        except Trouble:
            pass
    from gmlang.syntax.recover import find_mistakes

    raise GmError(find_mistakes(source, text, raw, table, start))


def _run(table: Table, start: str, text: str, tokens: list[RawToken], builder: Builder) -> Any:  # noqa: ANN401
    """Run the automaton and return the value of the start symbol.

    Raises:
        Trouble: at the first token that cannot stand where it stands.
    """
    rows, rules, jumps = table.rows, table.rules, table.jumps
    handlers = [getattr(builder, rule.handler, None) for rule in rules]
    end_state = table.ends[start]
    states = [table.starts[start]]
    values: list[Any] = []
    places: list[tuple[int, int, int]] = []
    deepens = [bool(rule.handler) and rule.handler not in _FLAT for rule in rules]
    skipped_to = 0
    for kind, first, last in tokens:
        if first < skipped_to and kind != "_NL":
            continue
        row = rows[states[-1]]
        if kind not in row:
            if not kind.isupper() or "NAME" not in row or not text[first].isidentifier():
                raise Trouble
            kind = "NAME"
        while (action := rows[states[-1]].get(kind)) is not None and action < 0:
            rule = rules[~action]
            if rule.passes and rule.size == 1:
                key = (states[-2], states[-1], kind)
                if key not in jumps:
                    jumps[key] = _jump(table, *key)
                states[-1] = jumps[key]
                continue
            size = rule.size
            if size == 1:
                place = places[-1]
            else:
                parts = places[-size:] if size else [(0, 0, 0)]
                depth = max([part[2] for part in parts]) + deepens[~action]
                place = (parts[0][0], parts[-1][1], depth)
                if depth > DEPTH_MAX:
                    raise GmError([errors.too_deep(Span(builder.source, place[0], place[1]))])
            value = _reduce(rule, handlers[~action], values, place)
            if size:
                del states[-size:], values[-size:], places[-size:]
            states.append(rows[states[-1]][rule.origin])
            values.append(value)
            places.append(place)
            if kind == "$END" and states[-1] == end_state:
                return value
        if action is None:
            raise Trouble
        states.append(action)
        values.append(Token(kind, text[first:last], first, last) if kind in _KEPT else None)
        places.append((first, last, 0))
        if kind == "RESERVED":
            skipped_to = text.index("\n", last)
            states.append(rows[states[-1]]["REST"])
            values.append(None)
            places.append((last + 1, skipped_to, 0))
    raise Trouble


def _jump(table: Table, below: int, state: int, kind: str) -> int:
    """Follow the reductions that only hand on a single child."""
    while True:
        action = table.rows[state].get(kind, 0)
        rule = table.rules[~action] if action < 0 else None
        if rule is None or rule.size != 1 or not rule.passes:
            return state
        state = table.rows[below][rule.origin]


def _reduce(rule: Rule, handler: Any, values: list[Any], place: tuple[int, int, int]) -> Any:  # noqa: ANN401
    """Make the value of a reduction from those of its children."""
    base = len(values) - rule.size
    children: list[Any] = []
    for at in rule.plan:
        if at >= 0:
            children.append(values[base + at])
        elif at == -1:
            children.append(None)
        elif children:
            children += values[base - 2 - at]
        else:
            # A list grows in place: repetition is left-recursive, and nobody else holds it.
            children = values[base - 2 - at]
    if not rule.handler:
        return children
    if rule.passes and len(children) == 1:
        return children[0]
    return handler(place, children)


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
