"""Grounding keeps to the memory that is allowed: what is larger is refused before it is made."""

import pytest

import gmlang
from gmlang.diagnostics import GmError
from gmlang.graph.values import frames, terms

_WIDE = """
var x : 0..299
var y : 0..299
"""


def _refuse(*_: object, **__: object) -> None:
    raise AssertionError("it is made")


def _refused(text: str, query: str, memory_bytes: int) -> GmError:
    model = gmlang.compile(text)
    with pytest.raises(GmError) as caught:
        model.query(query, memory_bytes=memory_bytes)
    assert caught.value.diagnostics[0].hint.endswith("allow more: --memory")
    return caught.value


def test_a_table_of_a_program_asks_before_it_is_made(monkeypatch: pytest.MonkeyPatch):
    text = _WIDE + "factor log(1 + x * y)\n"
    with monkeypatch.context() as patched:
        patched.setattr(terms, "log_values", _refuse)
        error = _refused(text, "P(x)", 1 << 19)
    (mistake,) = error.diagnostics
    assert mistake.code == "GM420"
    assert "a table of 703.1 KiB" in mistake.message
    assert mistake.span is not None
    assert mistake.span.text == "factor log(1 + x * y)"
    assert gmlang.compile(text).query("P(x)", memory_bytes=1 << 29).status == "exact"


def test_a_table_of_a_question_asks_before_it_is_made(monkeypatch: pytest.MonkeyPatch):
    model = gmlang.compile(_WIDE)
    model.query("P(x)", memory_bytes=1 << 19)
    with monkeypatch.context() as patched:
        patched.setattr(terms, "log_values", _refuse)
        with pytest.raises(GmError) as caught:
            model.query("P(x * y % 17 = 3)", memory_bytes=1 << 19)
    assert caught.value.diagnostics[0].code == "GM420"
    assert model.query("P(x * y % 17 = 3)", memory_bytes=1 << 29).status == "exact"


def test_one_program_is_grounded_within_what_each_question_allows():
    model = gmlang.compile(_WIDE + "factor log(1 + x * y)\n")
    for _ in range(2):
        with pytest.raises(GmError):
            model.query("P(x)", memory_bytes=1 << 19)
    assert model.query("P(x)", memory_bytes=1 << 29).status == "exact"


def test_loops_ask_before_they_are_gone_through(monkeypatch: pytest.MonkeyPatch):
    text = "var z[1000] : bool\nfor i in 0..<1000, j in 0..<1000: prefer z[i] == z[j] weight 1\n"
    monkeypatch.setattr(frames, "spread", _refuse)
    error = _refused(text, "P(z[0])", 1 << 19)
    assert error.diagnostics[0].code == "GM426"


def test_what_no_memory_would_hold_does_not_ask_for_more():
    text = _WIDE + "for i in 0..<9000: factor log(1 + x * y + i)\n"
    with pytest.raises(GmError) as caught:
        gmlang.compile(text).query("P(x)")
    (mistake,) = caught.value.diagnostics
    assert mistake.code == "GM420"
    assert "--memory" not in mistake.hint
