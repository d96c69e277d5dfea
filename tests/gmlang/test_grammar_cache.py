"""The kept tables of the grammar are used when whole, and made anew when anything is odd."""

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gmlang.diagnostics import Source
from gmlang.syntax import table
from gmlang.syntax.parse import parse

PROGRAM = Source("p.gm", "var rain : bool ~ Bernoulli(0.2)\n")

Damage = Callable[[Path], object]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the tables once, and return the file that keeps them."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        table.load_table.cache_clear()
        parse(PROGRAM)
    (file,) = (folder / "gmlang").iterdir()
    return file


@pytest.fixture
def builds(kept: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count how often the tables are made; Lark would take half a second each time."""
    plain = json.loads(kept.read_text("utf-8").partition("\n")[2])
    made: list[str] = []

    def build(grammar: str) -> object:
        made.append(grammar)
        return plain

    monkeypatch.setattr("gmlang.syntax.table._build", build)
    return made


@pytest.fixture
def cache(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep a copy of the tables in a folder of its own, and return the file."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    file = tmp_path / "gmlang" / kept.name
    file.parent.mkdir()
    shutil.copy(kept, file)
    table.load_table.cache_clear()
    return file


class _Trap:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return os.mkdir, ("trapped",)


def _changed(file: Path) -> None:
    text = file.read_text("utf-8")
    file.write_text(text.replace('"rows"', '"sows"'), "utf-8")


def _shifted(file: Path) -> None:
    text = file.read_text("utf-8")
    file.write_text(text[:-20] + text[-20:].replace("}", "]"), "utf-8")


DAMAGES: dict[str, Damage] = {
    "empty": lambda file: file.write_bytes(b""),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:1000]),
    "a pickle": lambda file: file.write_bytes(pickle.dumps(_Trap())),
    "no text": lambda file: file.write_bytes(b"\xff\xfe\x00"),
    "deep": lambda file: file.write_text("[" * 100_000, "utf-8"),
    "another JSON": lambda file: file.write_text('00000000\n{"rows": []}', "utf-8"),
    "a list": lambda file: file.write_text("[]", "utf-8"),
    "changed": _changed,
    "shifted": _shifted,
    "gone": lambda file: file.unlink(),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_tables_are_made_anew(
    cache: Path,
    builds: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: Damage,
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = parse(PROGRAM)
    assert not builds
    damage(cache)
    table.load_table.cache_clear()
    assert parse(PROGRAM) == whole
    assert len(builds) == 1
    assert not Path("trapped").exists()


def test_without_a_home_the_tables_are_made_each_time(
    builds: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def homeless() -> Path:
        raise RuntimeError("could not determine home directory")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    table.load_table.cache_clear()
    assert parse(PROGRAM).statements
    assert len(builds) == 1


def test_a_folder_that_cannot_be_made_does_no_harm(
    builds: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    table.load_table.cache_clear()
    assert parse(PROGRAM).statements
    assert len(builds) == 1


@pytest.fixture(autouse=True)
def forget():
    """Let no other test see tables that were read here."""
    yield
    table.load_table.cache_clear()
