"""Every mistake in `bad/` is told with its code, its place and an excerpt, word for word.

So are the warnings of the programs in `bad/warnings`, which run.
"""

from pathlib import Path

import pytest

import gmlang
from gmlang.diagnostics import Diagnostic, GmError, Source, render
from gmlang.pipeline import check_source, told_unasked

FOLDER = Path(__file__).resolve().parent / "bad"
PROGRAMS = sorted(FOLDER.rglob("*.gm"))
PHASES = {
    "syntax": "GM1",
    "names": "GM2",
    "types": ("GM3", "GM4", "GM6"),
    "grounding": ("GM3", "GM4"),
    "inference": ("GM3", "GM5"),
    "decisions": "GM28",
    "learning": "GM7",
    "filtering": "GM8",
    "warnings": ("GM287", "GM29", "GM43", "GM468"),
}


def _diagnose(path: Path) -> tuple[Diagnostic, ...]:
    source = Source(path.name, path.read_text("utf-8"))
    if path.parent.name == "warnings":
        model = _run(source)
        found = (*model.warnings, *told_unasked(model.session))
        return tuple(dict.fromkeys(found))
    with pytest.raises(GmError) as caught:
        (_follow if path.parent.name == "filtering" else _run)(source)
    return caught.value.diagnostics


def _run(source: Source) -> gmlang.Model:
    model = gmlang.Model(check_source(source))
    assert list(model.run(budget_s=5)) or model.grounding()
    return model


def _follow(source: Source) -> None:
    model = gmlang.Model(check_source(source))
    model.filter(ask=[question.text for question in model.questions]).step()


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_a_mistake_is_told_in_these_words(path: Path, update_golden: bool):
    diagnostics = _diagnose(path)
    for diagnostic in diagnostics:
        assert diagnostic.code.startswith(PHASES[path.parent.name])
        assert diagnostic.span is not None
        assert diagnostic.span.source.name == path.name
    words = render(diagnostics) + "\n"
    golden = path.with_suffix(".err")
    if update_golden:
        golden.write_text(words, "utf-8")
    assert words == golden.read_text("utf-8")


def test_several_mistakes_of_one_phase_are_told_together():
    assert len(_diagnose(FOLDER / "syntax" / "several_at_once.gm")) == 10
    assert len(_diagnose(FOLDER / "names" / "several_mistakes.gm")) == 3
    assert len(_diagnose(FOLDER / "grounding" / "several_at_once.gm")) == 2
