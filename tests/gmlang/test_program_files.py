"""Programs, modules and models given to the wrong command, or in no shape to be read."""

import os
from pathlib import Path

import pytest

import gmlang
from gmlang import library
from gmlang.cli import main
from gmlang.core.names.modules import IMPORTS_MAX
from gmlang.diagnostics import GmError

BIF = """\
network n { }
variable a { type discrete [ 2 ] { x, y }; }
probability ( a ) { table .3, .7; }
"""
UAI = "MARKOV\n1\n2\n1\n1 0\n2 1 3\n"

Captured = pytest.CaptureFixture[str]


def call(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize("command", ["run", "check", "fmt", "dump"])
@pytest.mark.parametrize(
    ("content", "name"),
    [
        (UAI.encode(), "UAI model"),
        (BIF.encode(), "BIF network"),
        (b"<html>", "HTML"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"\x89PNG\r\n\x1a\n\x00", "PNG"),
        ("var a : bool".encode("utf-16"), "UTF-8"),
        (b"var a\0 : bool", "byte 5"),
        (b"# caf\xe9\nvar a : bool", "UTF-8"),
    ],
)
def test_what_is_no_program_is_named(
    tmp_path: Path, capsys: Captured, command: str, content: bytes, name: str
) -> None:
    path = tmp_path / "p.gm"
    path.write_bytes(content)
    assert call(command, path) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert name in err


def test_data_given_as_a_program_is_named(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "y.csv"
    path.write_text("a,b\n1,2\n3,4\n", "utf-8")
    assert call("run", path) == 1
    assert "--data" in capsys.readouterr().err


def test_a_network_can_be_solved_as_it_is(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "n.bif"
    path.write_text(BIF, "utf-8")
    assert call("solve", path, "--task", "MAR") == 0
    assert capsys.readouterr().out == "MAR\n1 2 0.3 0.7\n"


def test_a_program_cannot_be_solved_but_run(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "p.gm"
    path.write_text("var a : bool\n", "utf-8")
    assert call("solve", path, "--task", "MAR") == 1
    assert "gmlang run" in capsys.readouterr().err


def test_evidence_of_another_format_is_named(tmp_path: Path, capsys: Captured) -> None:
    model, path = tmp_path / "m.uai", tmp_path / "e"
    for file, text in ((model, UAI), (path, BIF)):
        file.write_text(text, "utf-8")
    assert call("solve", model, "--task", "MAR", "--evid", path) == 1
    assert "BIF" in capsys.readouterr().err


def test_a_program_of_any_size_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "PROGRAM_BYTES_MAX", 1000)
    (tmp_path / "p.gm").write_text("var a : bool\n" * 1000, "utf-8")
    with pytest.raises(GmError, match="too large"):
        gmlang.load(tmp_path / "p.gm")


# --- Modules -------------------------------------------------------------------------------


def load(folder: Path, text: str) -> gmlang.Model:
    (folder / "main.gm").write_text(text, "utf-8")
    return gmlang.load(folder / "main.gm")


@pytest.mark.parametrize("content", [b"\xff\xfe\0", b"var a\0", UAI.encode(), b"# \xe9\n"])
def test_a_module_that_is_no_program_is_refused_where_it_is_imported(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "m.gm").write_bytes(content)
    with pytest.raises(GmError, match="module `m` cannot be read") as caught:
        load(tmp_path, "\nimport m\n")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.span is not None
    assert diagnostic.span.line_column()[0] == 2


def test_a_module_that_is_a_folder_is_none(tmp_path: Path) -> None:
    (tmp_path / "m.gm").mkdir()
    with pytest.raises(GmError, match="no module `m`"):
        load(tmp_path, "import m\n")


@pytest.mark.skipif(not hasattr(os, "geteuid") or not os.geteuid(), reason="root may read anything")
def test_a_module_that_may_not_be_read_is_refused_where_it_is_imported(tmp_path: Path) -> None:
    (tmp_path / "m.gm").touch(0o000)
    with pytest.raises(GmError, match="cannot be read"):
        load(tmp_path, "import m\n")


@pytest.mark.parametrize("length", [IMPORTS_MAX - 1, 2000])
def test_a_chain_of_imports_is_followed_or_refused_with_a_place(
    tmp_path: Path, length: int
) -> None:
    for number in range(length):
        inner = f"from m{number + 1} import x\n" if number + 1 < length else "param x = 0.5\n"
        (tmp_path / f"m{number}.gm").write_text(inner, "utf-8")
    text = "from m0 import x\nvar a : bool ~ Bernoulli(x)\n"
    if length < IMPORTS_MAX:
        assert load(tmp_path, text).query("P(a = true)").value == 0.5
        return
    with pytest.raises(GmError) as caught:
        load(tmp_path, text)
    assert all(diagnostic.span is not None for diagnostic in caught.value.diagnostics)


@pytest.mark.parametrize("text", ["import main\n", "import a\n"])
def test_modules_in_a_circle_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.gm").write_text("import b\n", "utf-8")
    (tmp_path / "b.gm").write_text("import a\n", "utf-8")
    with pytest.raises(GmError, match="import one another"):
        load(tmp_path, text)
