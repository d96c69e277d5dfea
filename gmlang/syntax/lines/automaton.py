"""The LALR(1) automaton: its stack, and what tokens do to it.

Aho, Lam, Sethi and Ullman, "Compilers", 2nd ed. (2006), section 4.5. The AST is built during the
reductions; chains of reductions that only hand a child on, of which the rules of precedence make
a dozen for every number, are taken in one remembered jump.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from gmlang.diagnostics import GmError, Span
from gmlang.errors.syntax import mistakes as errors
from gmlang.syntax.building.builder import Builder
from gmlang.syntax.lex import RawToken, Token, Trouble
from gmlang.syntax.table import Rule, Table

Place = tuple[int, int, int]
"""The first and last character of what was matched, and how deep its tree is."""

_KEPT = frozenset(
    (
        *("NAME", "INT", "FLOAT", "STRING", "COMPARE", "PLUS", "MINUS", "TIMES", "SOFT"),
        "ROW",
    )
)

DEPTH_MAX = 120
"""Expressions and blocks may contain one another this deep: later phases walk them recursively."""

_FLAT = frozenset(
    ("parenthesis", "positive", "arguments", "indices", "suite", "start", "and_", "or_", "call")
)
"""Handlers that make no deeper tree, or, of brackets, one whose depth is limited already."""

Growth = tuple[int, int]

_NO_GROWTH = (-1, 0)


class Pushed(NamedTuple):
    """Entries of the stack: their states, what they stand for, and their places."""

    states: tuple[int, ...]
    values: Sequence[Any]
    places: Sequence[Place]


class Automaton:
    """The automaton on its way through one text.

    Attributes:
        states: from the bottom of the stack to its top.
        values: what each state but the first stands for.
        places: of these.
        lowest: the number of states that no reduction has touched since it was last set.
    """

    def __init__(self, table: Table, start: str, text: str, builder: Builder) -> None:
        """Begin at a start symbol."""
        self._table, self._text, self._builder = table, text, builder
        self._handlers = [getattr(builder, rule.handler, None) for rule in table.rules]
        self._deepens = [bool(r.handler) and r.handler not in _FLAT for r in table.rules]
        self._end_state = table.ends[start]
        self.states = [table.starts[start]]
        self.values: list[Any] = []
        self.places: list[Place] = []
        self.lowest = 1
        self._pushed: Pushed | None = None
        self._pushed_end = 0

    def push(self, pushed: "Pushed", end: int) -> None:
        """Put onto the stack what a whole line does.

        Args:
            pushed: its entries, the last of which is the line end.
            end: where the line end ends.
        """
        self._settle()
        self._pushed, self._pushed_end = pushed, end

    def look_at(self, kind: str, first: int) -> None:
        """Do the reductions before a token that begins a line.

        Raises:
            Trouble: when it cannot stand there.
            GmError: where something is too deep.
        """
        pushed, places = self._pushed, self.places
        if pushed is not None and len(self.states) > 1:
            key = (self.states[-2], self.states[-1], pushed.states, kind)
            grown = self._table.growths.get(key)
            if grown is None:
                grown = self._table.growths[key] = self._growth(*key)
            deeper, all_deeper = grown
            depth = max(places[-1][2], pushed.places[0][2] + deeper) + all_deeper
            if deeper >= 0 and depth <= DEPTH_MAX:
                self._pushed = None
                self.values[-1].append(pushed.values[0])
                places[-1] = (places[-1][0], self._pushed_end, depth)
                return
        self.feed((RawToken(kind, first, first),), shifts=False)

    def _settle(self) -> None:
        """Put what was pushed onto the stack."""
        pushed, self._pushed = self._pushed, None
        if pushed is not None:
            self.states += pushed.states
            self.values += pushed.values
            self.places += pushed.places
            self.places[-1] = (self.places[-1][0], self._pushed_end, 0)

    def _growth(self, below: int, state: int, pushed: tuple[int, ...], kind: str) -> Growth:
        """Say whether a line on a list of lines, before a token, does no more than make it longer.

        Returns: how much deeper than its first entry the line is, and the list than its lines; -1
            where more is done.
        """
        rows, rules = self._table.rows, self._table.rules
        one = rows[pushed[-1]].get(kind, 0)
        if one >= 0 or rows[state].get(kind, -1) < 0:
            return _NO_GROWTH
        line = rules[~one]
        if line.size != len(pushed) or line.size < 2 or line.plan != (0,) or not line.passes:
            return _NO_GROWTH
        two = rows[_jump(self._table, state, rows[state][line.origin], kind)].get(kind, 0)
        if two >= 0:
            return _NO_GROWTH
        longer = rules[~two]
        if longer.size != 2 or longer.plan != (-2, 1) or longer.handler:
            return _NO_GROWTH
        if rows[below].get(longer.origin) != state:
            return _NO_GROWTH
        return int(self._deepens[~one]), int(self._deepens[~two])

    def feed(self, tokens: Iterable[RawToken], *, shifts: bool = True) -> Any:  # noqa: ANN401
        """Take tokens, and return the value of the start symbol after the last one, "$END".

        Args:
            tokens: the next ones.
            shifts: without it, only the reductions before the first of them are done.

        Raises:
            Trouble: at the first token that cannot stand where it stands.
            GmError: where something is too deep.
        """
        self._settle()
        rows, rules, jumps = self._table.rows, self._table.rules, self._table.jumps
        text, handlers, deepens = self._text, self._handlers, self._deepens
        states, values, places = self.states, self.values, self.places
        for kind, first, last in tokens:
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
                        jumps[key] = _jump(self._table, *key)
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
                        span = Span(self._builder.source, place[0], place[1])
                        raise GmError([errors.too_deep(span)])
                value = _reduce(rule, handlers[~action], values, place)
                if size:
                    del states[-size:], values[-size:], places[-size:]
                if len(states) < self.lowest:
                    self.lowest = len(states)
                states.append(rows[states[-1]][rule.origin])
                values.append(value)
                places.append(place)
                if kind == "$END" and states[-1] == self._end_state:
                    return value
            if action is None:
                raise Trouble
            if not shifts:
                return None
            states.append(action)
            values.append(Token(kind, text[first:last], first, last) if kind in _KEPT else None)
            places.append((first, last, 0))
        return None


def _jump(table: Table, below: int, state: int, kind: str) -> int:
    """Follow the reductions that only hand on a single child."""
    while True:
        action = table.rows[state].get(kind, 0)
        rule = table.rules[~action] if action < 0 else None
        if rule is None or rule.size != 1 or not rule.passes:
            return state
        state = table.rows[below][rule.origin]


def _reduce(rule: Rule, handler: Any, values: list[Any], place: Place) -> Any:  # noqa: ANN401
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
