"""Reading a text line by line: at once where the shape of a line is known, else by its tokens."""

import re
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from threading import Lock
from typing import TYPE_CHECKING, Any

from gmlang.diagnostics import GmError, Source
from gmlang.syntax.building.builder import Builder
from gmlang.syntax.lex import Blocks, RawToken, Trouble, indentation, read_line, shape_of
from gmlang.syntax.lines.automaton import Automaton, Pushed
from gmlang.syntax.rows import holds_row
from gmlang.syntax.table import Table

if TYPE_CHECKING:
    from gmlang.syntax.lines.shapes import Template

_NUM_ALIKE_MIN = 3
"""Of so many lines alike in one text the first is learned from; else in the next text."""

_SHARE_LEARNED = 0.1
"""How many lines of other shapes are learned from in one text, of all its lines, since that takes
longer than reading them; and some more in a short one."""

_NUM_LEARNED_MIN = 50

_NUM_LINES_MIN = 60
"""Nothing is learned from shorter texts, which are read before what learns is loaded."""

_LENGTH_MAX = 300
"""Longer lines are lists, few of which are alike."""

_NUM_SHAPES_MAX = 20_000
"""When there are more, all are forgotten."""

_NOTHING = re.compile(r"[ \t]*(?:#.*)?\r?")
"""A line that belongs to the end of the one before it."""


class _Shape:
    """What is known of a shape.

    Attributes:
        learned: what its lines are, and in which states: read and set as one, since other threads
            may be reading texts too. None while nothing is.
        is_known: whether it has been found out, were it that nothing is to be learned.
    """

    __slots__ = ("is_known", "learned")

    def __init__(self) -> None:
        """Know nothing."""
        self.learned: tuple[Template, tuple[int, ...]] | None = None
        self.is_known = False

    def note(self, found: "Template | None", start: int) -> None:
        """Note what a line in some state is; where that differs, nothing is known for good."""
        with _lock:
            template, starts = self.learned or (None, ())
            if self.is_known and found != template:
                found = None
            self.is_known = True
            self.learned = None if found is None else (found, (*starts, start))


_lock = Lock()


class Reader:
    """Reads one text."""

    def __init__(self, table: Table, start: str, source: Source, text: str) -> None:
        """Find out which lines are alike.

        Args:
            table: the tables of the grammar, with which the shapes of lines are kept.
            start: the start symbol.
            source: where the text is from, for the places.
            text: what is read; its last character is a line end.
        """
        self._table, self._start, self._source, self._text = table, start, source, text
        self._lines = text.split("\n")[:-1]
        self._starts = [0, *accumulate(len(line) + 1 for line in self._lines)]
        self._keys = shape_of(text).split("\n")[:-1]
        self._alike: dict[str, list[int]] = {}
        for at, key in enumerate(self._keys):
            self._alike.setdefault(key, []).append(at)
        self._margins = {key: _margin(key) for key in self._alike}
        self._num_learned_max = max(_NUM_LEARNED_MIN, int(_SHARE_LEARNED * len(self._keys)))

    def read(self, *, whole_rows: bool) -> Any:  # noqa: ANN401 - whatever the start symbol is
        """Return the value of the start symbol.

        Args:
            whole_rows: rows of literal numbers are one token each.

        Raises:
            Trouble: when the text is not well-formed.
            GmError: where something is too deep, and the layout is right everywhere.
        """
        try:
            return self._read(whole_rows)
        except GmError:
            self._check_layout(whole_rows)
            raise

    def _read(self, whole_rows: bool) -> Any:  # noqa: ANN401
        text, starts, keys, margins = self._text, self._starts, self._keys, self._margins
        words, shapes = self._table.words, self._table.shapes
        automaton = Automaton(self._table, self._start, text, Builder(self._source, words))
        blocks = Blocks()
        is_long = len(keys) >= _NUM_LINES_MIN
        ready: dict[int, Pushed] = {}
        end = (0, 0)
        at = 0
        while at < len(keys):
            key = keys[at]
            indent, width = margins[key]
            if at and width != blocks.width:
                automaton.feed(blocks.change(width, end))
            shape = shapes.get(key)
            if shape is not None and (learned := shape.learned) is not None and at:
                template, known_in = learned
                automaton.look_at(template.kind, starts[at] + indent)
                if automaton.states[-1] in known_in:
                    if at not in ready:
                        ready.update(self._rows(key, at, template))
                    pushed = ready.pop(at)
                    at += 1
                    while at < len(keys) and margins[keys[at]][0] < 0:
                        at += 1
                    following = starts[at] + margins[keys[at]][0] if at < len(keys) else len(text)
                    end = pushed.places[-1][0], following
                    automaton.push(pushed, following)
                    continue
            tokens = read_line(text, starts[at], words, whole_rows=whole_rows)
            if not at and width and tokens[0].kind != "_NL":
                raise Trouble
            automaton.look_at(tokens[0].kind, tokens[0].start)
            base = automaton.lowest = len(automaton.states)
            automaton.feed(tokens)
            last = tokens[-1]
            is_one_line = last.kind == "_NL" and last.start < starts[at + 1]
            if is_long and at and is_one_line and len(key) <= _LENGTH_MAX:
                self._note(key, at, automaton, base, tokens[0].kind)
            end = last.start, last.end
            at = bisect_right(starts, last.end) - 1 if last.kind == "_NL" else len(keys)
        automaton.feed(blocks.change(0, end))
        found = automaton.feed((RawToken("$END", *end),))
        if found is None:
            raise Trouble
        return found

    def _rows(self, key: str, at: int, template: "Template") -> Iterable[tuple[int, Pushed]]:
        """Build all lines of a shape from one on."""
        from gmlang.syntax.lines.columns import Lines

        alike = [line for line in self._alike[key] if line >= at]
        texts, starts = [self._lines[i] for i in alike], [self._starts[i] for i in alike]
        return zip(alike, template.rows(Lines(self._source, key, texts, starts)), strict=False)

    def _note(self, key: str, at: int, automaton: Automaton, base: int, kind: str) -> None:
        """Learn from a line that has been read, if it is time to.

        Args:
            key: its shape.
            at: which line it is.
            automaton: after it.
            base: how many states were on the stack before it.
            kind: its first token.
        """
        shapes = self._table.shapes
        shape = shapes.get(key)
        if shape is None:
            if len(shapes) >= _NUM_SHAPES_MAX:
                shapes.clear()
            shape = shapes[key] = _Shape()
            if len(self._alike[key]) < _NUM_ALIKE_MIN:
                return
        elif shape.is_known and shape.learned is None:
            return
        elif len(self._alike[key]) < _NUM_ALIKE_MIN:
            self._num_learned_max -= 1
            if self._num_learned_max < 0:
                return
        from gmlang.syntax.lines.shapes import Entry, learn

        is_clear = automaton.lowest == base and not holds_row(key)
        entries = map(
            Entry,
            automaton.states[base:],
            automaton.values[base - 1 :],
            automaton.places[base - 1 :],
        )
        place = self._starts[at], self._starts[at + 1] - 1
        found = learn(key, kind, self._source, place, list(entries)) if is_clear else None
        shape.note(found, automaton.states[base - 1])

    def _check_layout(self, whole_rows: bool) -> None:
        """Read all tokens.

        Raises:
            Trouble: when the layout is wrong somewhere.
        """
        blocks = Blocks()
        at = 0
        while at < len(self._keys):
            if at:
                blocks.change(self._margins[self._keys[at]][1], (0, 0))
            words = self._table.words
            last = read_line(self._text, self._starts[at], words, whole_rows=whole_rows)[-1]
            at = bisect_right(self._starts, last.end) - 1 if last.kind == "_NL" else len(self._keys)
        blocks.change(0, (0, 0))


def _margin(line: str) -> tuple[int, int]:
    """Return how many characters and columns of blanks begin a line; -1 where nothing follows."""
    width = indentation(line, 0)
    if _NOTHING.fullmatch(line):
        return -1, width
    return len(line) - len(line.lstrip(" \t")), width
