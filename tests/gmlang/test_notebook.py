"""The notebook's magics, on a stand-in for IPython's shell."""

from collections.abc import Callable

import pytest

import gmlang


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
