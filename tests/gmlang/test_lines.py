"""Lines of a known shape are built at once: the tree must be the one that the tokens make."""

import re
from pathlib import Path

import pytest

from gmlang.diagnostics import GmError, Source
from gmlang.syntax import ast
from gmlang.syntax.lines import reading
from gmlang.syntax.parse import parse
from gmlang.syntax.table import load_table

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = [
    path.read_text("utf-8")
    for folder in ("examples", "stdlib", "tests/language/bad/syntax")
    for path in sorted((ROOT / folder).rglob("*.gm"))
]

MODELS = """
entity Thing:
    a1 : 0..7
    # of 2 lines
    b22 : 0..7
{}
var it : Thing
"""
MODEL = '''
model m{0}(x: Thing) prior 0.{0}:
    """what is said of {0}"""
    predict x.a1 = {0} @ 0.5  # as {0}

    predict x.b22 ~ {{1: 0.{0}, 2_{0}: 1e-{0}}} @ .{0}
    for d{0} in 0..<{0}:
        if d{0} > -{0}: prefer x.a1 // {0} <= d{0} * 2 weight 0.{0} as w{0}
        else: factor {0}.5
    query P(m{0}(it)) within {0} ms
'''


@pytest.fixture(autouse=True)
def nothing_is_known(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "_NUM_LINES_MIN", 0)
    load_table.cache_clear()
    yield
    load_table.cache_clear()


def tree(text: str) -> ast.Program | str:
    try:
        return parse(Source("text", text))
    except GmError as error:
        return str(error)


def by_tokens(text: str, monkeypatch: pytest.MonkeyPatch) -> ast.Program | str:
    load_table.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(reading, "_LENGTH_MAX", -1)
        return tree(text)


def other_digits(text: str, step: int) -> str:
    return re.sub(r"\d+", lambda found: str((int(found[0]) + 3 * step) * 10**step), text)


def models(numbers: range) -> str:
    return MODELS.format("".join(MODEL.format(number) for number in numbers))


def test_what_is_known_of_lines_changes_no_tree(monkeypatch: pytest.MonkeyPatch):
    for text in (*PROGRAMS[::8], models(range(8, 13)), models(range(5)).replace("\n", "\r\n")):
        texts = [other_digits(text, step) for step in range(2)]
        expected = [by_tokens(text, monkeypatch) for text in texts]
        load_table.cache_clear()
        for _ in range(3):
            assert [tree(text) for text in texts] == expected


def test_lines_alike_are_built_at_once(monkeypatch: pytest.MonkeyPatch):
    read: list[int] = []
    one_by_one = reading.read_line

    def counted(text: str, start: int, words: dict[str, str], **how: bool):
        read.append(start)
        return one_by_one(text, start, words, **how)

    monkeypatch.setattr(reading, "read_line", counted)
    num_lines = models(range(100)).count("\n")
    tree(models(range(100)))
    assert len(read) < num_lines / 40
    for _ in range(2):
        read.clear()
        tree(models(range(2)))
    assert len(read) < 7


def test_a_known_line_within_brackets_or_a_string_is_part_of_them():
    lines = "\n".join(f"var x{i} : bool" for i in range(5))
    known = f"var a : bool\n{lines}\n"
    assert isinstance(tree(known), ast.Program)
    quoted = tree(f'{known}"""\nvar x1 : bool\n"""\nvar b : bool\n')
    assert isinstance(quoted, ast.Program)
    assert len(quoted.statements) == 8
    assert "GM1" in str(tree(f"{known}factor (1\nvar x1 : bool\n+ 2)\n"))


def test_mistakes_of_the_layout_are_told_before_what_is_too_deep(monkeypatch: pytest.MonkeyPatch):
    deep = "factor " + "not " * 130 + "true\n"
    both = f"{deep}factor 1)\n"
    assert "nested" in str(tree(deep))
    assert tree(both) == by_tokens(both, monkeypatch) != tree(deep)
