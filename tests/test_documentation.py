"""Every program in the documents runs, and every assertion in them holds."""

import re
from pathlib import Path

import pytest

import gmlang

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


GM, PYTHON = _blocks("gm"), _blocks("python")


@pytest.mark.parametrize(("place", "text"), GM, ids=[place for place, _ in GM])
def test_every_program_runs(place: str, text: str):
    for answer in gmlang.compile(text, place).run(budget_s=10):
        assert answer.held is not False, answer
        assert answer.status != "impossible"


@pytest.mark.parametrize(("place", "text"), PYTHON, ids=[place for place, _ in PYTHON])
def test_every_python_block_runs(place: str, text: str):
    code = compile(text, place, "exec")
    exec(code, {"__name__": "document"})


def test_the_commands_of_the_readme_exist():
    text = (ROOT / "README.md").read_text("utf-8")
    for path in re.findall(r"(?:examples|tests|docs|benchmarks)/[\w./-]+", text):
        assert (ROOT / path).exists(), path
