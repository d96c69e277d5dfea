"""All the syntax mistakes of a text: after each, reading goes on at the next line.

The automaton runs without building anything. Its states at the beginning of each line are
remembered; a line with a mistake is replaced by one that fits there and says nothing, so that
what follows is read as if the line had been right. A line tells at most one mistake, and a block
whose header cannot be guessed is passed over: better one message too few than a false one.
"""

from collections.abc import Iterator, Sequence

from gmlang.diagnostics import Diagnostic, Source, Span
from gmlang.errors.syntax import mistakes as errors
from gmlang.errors.syntax.hints import nearest_statement, unexpected
from gmlang.errors.syntax.words import STATEMENTS
from gmlang.syntax.lex import BAD, RawToken
from gmlang.syntax.lex_careful import BAD_DEDENT, TOO_DEEP, Layout, lay_out_carefully
from gmlang.syntax.table import Table

_NUM_MISTAKES_MAX = 20

States = tuple[int, ...]

_HEADERS: dict[str, tuple[str, ...]] = {
    "IF": ("if true :",),
    "FOR": ("if true :",),
    "MODEL": ("if true :",),
    "ELIF": ("elif true :", "if true :"),
    "ELSE": ("else :", "if true :"),
    "ENTITY": ("entity NAME :",),
}
_GUESSES = ("if true :", "NAME ~ match NAME :", "match NAME :", "entity NAME :", "NAME :")
_FILLERS = ("STRING", "NAME : STRING", "NAME -> NAME", "NAME : NAME")
_BLOCKS = ("STRING", "NAME : NAME", "NAME : STRING", "NAME -> NAME")
_STATEMENTS = frozenset(word.upper() for word in STATEMENTS)
_EDGES = frozenset(("_NL", "_INDENT", "_DEDENT", BAD_DEDENT))


def find_mistakes(
    source: Source, text: str, raw: list[RawToken], table: Table, start: str
) -> list[Diagnostic]:
    """Return the syntax mistakes of a text in the order of their places; there is at least one.

    Args:
        source: where the text is from, for the places.
        text: what was read, with a line end as its last character.
        raw: its tokens.
        table: the tables of the grammar.
        start: the start symbol.
    """
    layout = lay_out_carefully(text, raw)
    deep = [token for token in layout.tokens if token.kind == TOO_DEEP]
    if deep:
        return [errors.too_deep(Span(source, deep[0].start, deep[0].end))]
    found: list[Diagnostic] = []
    for diagnostic in _read(source, text, layout, table, start):
        found.append(diagnostic)
        if start != "start" or len(found) == _NUM_MISTAKES_MAX:
            break
    if not found:
        end = len(source.text)
        found.append(errors.ends_too_early(Span(source, end, end)))
    return found


def _read(
    source: Source, text: str, layout: Layout, table: Table, start: str
) -> Iterator[Diagnostic]:
    tokens = layout.tokens
    states: States = (table.starts[start],)
    line_states, line, line_before = states, 0, 0
    dropped: set[int] = set()
    # Up to this token mistakes are not told: they follow from one that has been.
    silent = -1
    at = 0
    while at < len(tokens):
        kind = tokens[at].kind
        if kind not in _EDGES and (at == 0 or tokens[at - 1].kind in _EDGES):
            line_states, line, line_before = states, at, line
        if at in dropped:
            at += 1
            continue
        if kind == BAD_DEDENT:
            place = tokens[at].start
            if at > silent:
                yield errors.bad_indentation(
                    Span(source, place, tokens[at].end), layout.widths[place], _blanks(text, place)
                )
            silent = _end_of_line(tokens, at)
            at += 1
            continue
        following = _feed(table, states, _meant(table, states, text, tokens[at]))
        if following is not None:
            states = following
            at += 1
            continue
        if kind == "_INDENT":
            if at > silent:
                yield errors.unexpected_indentation(
                    _first_word(source, tokens, at), _blanks(text, tokens[at + 1].start)
                )
            silent = max(silent, _end_of_line(tokens, at + 1))
            end = _block_end(tokens, at)
            if _feed(table, states, _meant(table, states, text, tokens[at + 1])) is None:
                at = end + 1
            else:
                dropped.add(end)
                at += 1
            continue
        body = _missing_body(table, states)
        if body is not None:
            begin = tokens[line_before if line == at else line].start
            header = Span(source, begin, _line_end(text, begin))
            if at > silent:
                yield errors.missing_body(header)
            states, silent = body, _end_of_line(tokens, at)
            continue
        line = min(line, at)
        if kind == "RBRACE" and at == line and any(text[place] == "{" for place in layout.unclosed):
            # The end of a block in braces, whose beginning has been told.
            silent = max(silent, _end_of_line(tokens, at))
        if at > silent:
            yield unexpected(
                _context(source, text, layout, table, (states, line_states), (line, at))
            )
        if kind == "_NL" or (kind == BAD and text[tokens[at].start] in "\"'"):
            silent = _end_of_continuation(tokens, at)
        if kind == "$END":
            return
        states, at = _replace(table, text, tokens, line_states, line, at)


def _feed(table: Table, states: States, kind: str) -> States | None:
    """Return the states after a token, or None where it cannot stand."""
    stack = list(states)
    while True:
        action = table.rows[stack[-1]].get(kind)
        if action is None:
            return None
        if action >= 0:
            return (*stack, action)
        rule = table.rules[~action]
        if rule.size:
            del stack[-rule.size :]
        stack.append(table.rows[stack[-1]][rule.origin])
        if kind == "$END" and stack[-1] in table.ends.values():
            return tuple(stack)


def _feed_all(table: Table, states: States, kinds: Sequence[str]) -> States | None:
    after: States | None = states
    for kind in kinds:
        if after is None:
            return None
        after = _feed(table, after, kind)
    return after


def _feed_words(table: Table, states: States, words: str) -> States | None:
    """Feed tokens written as in a program, with the names of those that have no fixed text."""
    return _feed_all(table, states, [table.words.get(word, word) for word in words.split()])


def _meant(table: Table, states: States, text: str, token: RawToken) -> str:
    """Return what a token is here: a keyword where none is meant is a name."""
    row = table.rows[states[-1]]
    is_word = token.kind not in _EDGES and text[token.start : token.end].isidentifier()
    return "NAME" if is_word and token.kind not in row and "NAME" in row else token.kind


def _missing_body(table: Table, states: States) -> States | None:
    """Return the states after a block that says nothing, if only a block can stand here."""
    if set(table.rows[states[-1]]) != {"_INDENT"}:
        return None
    for block in _BLOCKS:
        after = _feed_words(table, states, f"_INDENT {block} _NL _DEDENT")
        if after is not None:
            return after
    return None


def _replace(
    table: Table, text: str, tokens: Sequence[RawToken], states: States, line: int, at: int
) -> tuple[States, int]:
    """Put a line that fits in the place of the one with a mistake.

    Returns: the states after it, and the token at which reading goes on.
    """
    end = _end_of_line(tokens, at)
    if tokens[end].kind == "$END":
        return states, end
    first = tokens[line].kind
    if first == "NAME":
        near = nearest_statement(text[tokens[line].start : tokens[line].end])
        first = table.words.get(near, first)
    if tokens[end + 1].kind == "_INDENT":
        for header in _HEADERS.get(first, ()):
            after = _feed_words(table, states, f"{header} _NL _INDENT")
            if after is not None:
                return after, end + 2
        for header in _GUESSES:
            after = _feed_words(table, states, f"{header} _NL _INDENT")
            if after is not None and _line_fits(table, after, text, tokens, end + 2):
                return after, end + 2
        end = _block_end(tokens, end + 1)
    fillers = [f"{h} STRING" for h in _HEADERS.get(first, ()) if first in ("IF", "ELIF", "ELSE")]
    for filler in (*fillers, *_FILLERS):
        after = _feed_words(table, states, f"{filler} _NL")
        if after is not None:
            return after, end + 1
    return states, end + 1


def _line_fits(
    table: Table, states: States, text: str, tokens: Sequence[RawToken], at: int
) -> bool:
    """Say whether a line could stand where it stands if these were the states before it."""
    after: States | None = states
    for token in tokens[at : _end_of_line(tokens, at) + 1]:
        if after is None:
            return False
        after = _feed(table, after, _meant(table, after, text, token))
    return after is not None


def _block_end(tokens: Sequence[RawToken], indent: int) -> int:
    """Return the token that ends the block which a token begins."""
    depth = 0
    for at in range(indent, len(tokens)):
        depth += (tokens[at].kind == "_INDENT") - (tokens[at].kind == "_DEDENT")
        if depth == 0:
            return at
    return len(tokens) - 2


def _end_of_line(tokens: Sequence[RawToken], at: int) -> int:
    while tokens[at].kind not in ("_NL", "$END"):
        at += 1
    return at


def _end_of_continuation(tokens: Sequence[RawToken], at: int) -> int:
    """Return the end of the next line if no statement begins there: it may belong to this one."""
    at = _end_of_line(tokens, at)
    while tokens[at].kind in _EDGES:
        at += 1
    is_statement = tokens[at].kind in _STATEMENTS
    return -1 if is_statement else _end_of_line(tokens, at)


def _first_word(source: Source, tokens: Sequence[RawToken], at: int) -> Span:
    token = tokens[at + 1]
    return Span(source, token.start, token.end)


def _line_end(text: str, start: int) -> int:
    return start + len(text[start : text.index("\n", start)].split("#")[0].rstrip())


def _blanks(text: str, place: int) -> str:
    return text[text.rfind("\n", 0, place) + 1 : place]


def _context(
    source: Source,
    text: str,
    layout: Layout,
    table: Table,
    states: tuple[States, States],
    line: tuple[int, int],
) -> errors.Context:
    """Gather what a message may speak of."""
    first, at = line
    now, at_line = states
    tokens = layout.tokens
    token = tokens[at]
    end = len(source.text.rstrip())
    names = {kind: word for word, kind in table.words.items()}

    def word(i: int) -> errors.Word:
        t = tokens[i]
        if t.kind in ("_NL", "$END", "_INDENT", "_DEDENT"):
            return errors.Word(t.kind, "", Span(source, min(t.start, end), min(t.end, end)))
        return errors.Word(t.kind, text[t.start : t.end], Span(source, t.start, t.end))

    def fits(at: States) -> tuple[str, ...]:
        kinds = [kind for kind in table.rows[at[-1]] if kind == kind.upper()]
        return tuple(sorted(names.get(k, k) for k in kinds if _feed(table, at, k) is not None))

    stop = at
    while stop + 1 < len(tokens) and tokens[stop].kind not in ("_NL", "$END"):
        stop += 1
    opener = layout.inside[at]
    bracket = None if opener < 0 else Span(source, opener, opener + 1)
    span = word(at).span
    if token.kind == "_NL":
        span = Span(source, min(token.start, end), min(token.start + 1, end))
    return errors.Context(
        span=span,
        kind=token.kind,
        accepts=fits(now),
        accepts_first=fits(at_line),
        words=tuple(word(i) for i in range(first, stop)),
        at=at - first,
        bracket=bracket,
        is_unclosed=opener in layout.unclosed,
    )
