"""Every program in the documents runs, and every assertion in them holds."""

import re
import shlex
from pathlib import Path

import pytest

import gmlang
from gmlang.cli import main
from gmlang.diagnostics import GmError

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def _blocks(language: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for path in DOCUMENTS:
        text = path.read_text("utf-8")
        for match in re.finditer(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, match.start()) + 1
            found.append((f"{path.name}:{line}", match.group(1)))
    return found


GM, PYTHON, CONSOLE = _blocks("gm"), _blocks("python"), _blocks("console")

# What makes an environment is run by whoever follows the README, and by every run of CI.
INSTALLS = ("python3 -m venv", "sh tests/run.sh", "pip install")


@pytest.mark.parametrize(("place", "text"), GM, ids=[place for place, _ in GM])
def test_every_program_runs(place: str, text: str):
    for answer in gmlang.compile(text, place).run(budget_s=10):
        assert answer.held is not False, answer
        assert answer.status != "impossible"


@pytest.mark.parametrize(("place", "text"), PYTHON, ids=[place for place, _ in PYTHON])
def test_every_python_block_runs(place: str, text: str):
    code = compile(text, place, "exec")
    exec(code, {"__name__": "document"})


@pytest.mark.parametrize(("place", "text"), CONSOLE, ids=[place for place, _ in CONSOLE])
def test_every_command_answers_as_shown(
    place: str,
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    """Each `$ gmlang …` prints what stands below it, but for times; files are those shown."""
    del place
    if text.startswith(INSTALLS):
        return
    for name in ("examples", "stdlib"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name, program in _saved_programs().items():
        (tmp_path / name).write_text(program, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    for shown in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, expected = shown.partition("\n")
        arguments = shlex.split(command)
        assert arguments[0] == "gmlang", command
        with pytest.raises(SystemExit):
            main(arguments[1:])
        printed = capsys.readouterr()
        assert _timeless(printed.out + printed.err) == _timeless(expected), command


def _saved_programs() -> dict[str, str]:
    """Find the programs that a document says to save under a name."""
    found: dict[str, str] = {}
    for path in DOCUMENTS:
        text = path.read_text("utf-8")
        pattern = r"^```gm\n((?:(?!^```).)*)^```\n\nSave it as `([\w.]+)`"
        for match in re.finditer(pattern, text, re.MULTILINE | re.DOTALL):
            found[match.group(2)] = match.group(1)
    return found


def _timeless(text: str) -> str:
    # How many rounds a climb takes hangs on the last bits, which differ between processors.
    text = re.sub(r"\d+ rounds", "ROUNDS", text)
    lines = re.sub(r"[\d.]+ m?s$", "TIME", text, flags=re.MULTILINE).strip().splitlines()
    return "\n".join(line.rstrip() for line in lines)


def test_the_compatibilities_of_the_readme_are_those_of_its_first_program():
    text = (ROOT / "README.md").read_text("utf-8")
    model = gmlang.compile(GM[0][1])
    stated = re.findall(r"`(compat\([^`]*\))` is (?:about )?(−?[\d.]+\d|\d)", text)
    assert len(stated) == 2
    for query, number in stated:
        expected = float(number.replace("−", "-"))
        assert model.query(query).value == pytest.approx(expected, abs=0.05), query


def test_what_the_readme_says_is_refused_is_refused():
    text = (ROOT / "examples" / "stationary_dancing.gm").read_text("utf-8")
    assert "stationary dancing soft" in text
    with pytest.raises(GmError, match="pose"):
        gmlang.compile(text.replace("dancing soft", "dancing")).session()


def test_no_block_is_left_out():
    for path in DOCUMENTS:
        languages = set(re.findall(r"^```(\w+)", path.read_text("utf-8"), re.MULTILINE))
        assert languages <= {"gm", "python", "console"}, path


def test_the_commands_of_the_readme_exist():
    text = (ROOT / "README.md").read_text("utf-8")
    for path in re.findall(r"(?:examples|tests|docs|benchmarks)/[\w./-]+", text):
        assert (ROOT / path).exists(), path
