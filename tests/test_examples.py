"""Every example runs within its budget, and says what can be derived by hand."""

import math
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest

import gmlang
from gmlang.diagnostics import Source
from gmlang.syntax.print import format_source

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


# The others of that folder need data: their tests make some.
ALONE = [
    *sorted(EXAMPLES.glob("*.gm")),
    *(
        EXAMPLES / "society" / f"{name}.gm"
        for name in ("camouflage", "figure", "one_shot", "overlap", "rcn")
    ),
]


@pytest.mark.parametrize("path", ALONE, ids=lambda p: p.stem)
def test_every_example_runs(path: Path):
    for answer in gmlang.load(path).run(budget_s=10):
        assert answer.status in ("exact", "bounded", "estimate")
        assert answer.held is not False
        assert answer.value is not None
        assert repr(answer)
        assert answer.to_json()


EMBEDDED = [*sorted(EXAMPLES.glob("*.py")), EXAMPLES / "society" / "concepts.py"]


@pytest.mark.parametrize("path", EMBEDDED, ids=lambda p: p.stem)
def test_every_program_that_embeds_runs(path: Path, capsys: pytest.CaptureFixture[str]):
    runpy.run_path(str(path), run_name="__main__")
    assert "exact" in capsys.readouterr().out


GALLERY = sorted((EXAMPLES / "gallery").glob("*.gm"))


@pytest.mark.parametrize("path", GALLERY, ids=lambda p: p.stem)
def test_the_gallery_has_its_published_figures(path: Path):
    """Each program is exact, warns of nothing, and asserts a figure."""
    model = gmlang.load(path)
    answers = list(model.run(budget_s=60))
    assert {answer.status for answer in answers} == {"exact"}
    assert {answer.held for answer in answers} == {None, True}
    assert not model.warnings


def test_the_gallery_lists_its_programs_with_source_and_picture():
    listed = (EXAMPLES / "gallery" / "README.md").read_text("utf-8")
    assert len(GALLERY) >= 16
    for path in GALLERY:
        picture = path.parent / "pictures" / f"{path.stem}.png"
        assert f"({path.name})" in listed
        assert f"(pictures/{picture.name})" in listed
        assert picture.stat().st_size < 60_000
        assert "Published" in path.read_text("utf-8")


@pytest.mark.slow
def test_the_pictures_of_the_gallery_are_drawn_from_its_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("matplotlib")
    copy = tmp_path / "gallery"
    shutil.copytree(EXAMPLES / "gallery", copy)
    for picture in copy.glob("pictures/*.png"):
        picture.unlink()
    monkeypatch.syspath_prepend(str(copy))
    monkeypatch.setattr("sys.argv", ["pictures.py"])
    runpy.run_path(str(copy / "pictures.py"), run_name="__main__")
    drawn = {picture.stem for picture in copy.glob("pictures/*.png")}
    assert drawn == {path.stem for path in GALLERY}


FOLDERS = (
    EXAMPLES,
    EXAMPLES / "gallery",
    EXAMPLES / "society",
    EXAMPLES.parent / "stdlib" / "gmstdlib",
)


@pytest.mark.parametrize("path", [p for f in FOLDERS for p in sorted(f.glob("*.gm"))], ids=str)
def test_every_program_is_in_its_canonical_form(path: Path):
    text = path.read_text("utf-8")
    assert format_source(Source(str(path), text)) == text


def _answers(name: str) -> dict[str, gmlang.Answer]:
    return {a.text: a for a in gmlang.load(EXAMPLES / name).run(budget_s=10)}


def test_purple_jar_follows_the_formula():
    answers = _answers("purple_jar.gm")
    assert answers["compat(purple, jar)"].value == pytest.approx(0.0, abs=1e-9)
    shape = math.log(4 * (0.95 * 0.1 / 3 + 0.9 * 0.05 / 3 + 2 * (0.05 / 3) * (0.1 / 3)))
    lid = math.log(2 * (0.6 * 0.01 + 0.4 * 0.99))
    assert answers["compat(ball, jar)"].value == pytest.approx(shape + lid, abs=1e-9)
    blamed = answers["blame(ball, jar)"].value
    assert isinstance(blamed, dict)
    assert blamed["shape"] == pytest.approx(shape, abs=1e-9)
    assert blamed["lid"] == pytest.approx(lid, abs=1e-9)
    purple_odds = 0.1 / 0.9 * 0.95 / (1 / 8)
    jar_odds = 0.1 / 0.9 * 0.9 / (1 / 4)
    expected = purple_odds / (1 + purple_odds) * jar_odds / (1 + jar_odds)
    event = answers["P(it is purple jar | it.color = purple, it.shape = jar)"]
    assert event.value == pytest.approx(expected, abs=1e-9)


def test_stationary_dancing_conflicts_at_every_step():
    answers = _answers("stationary_dancing.gm")
    step = math.log(3 * (0.97 * 0.05 + 0.015 * 0.9 + 0.015 * 0.05))
    assert answers["compat(stationary, dancing)"].value == pytest.approx(5 * step, abs=1e-9)
    music = math.log(2 * (0.8 * 0.9 + 0.2 * 0.1))
    assert answers["compat(dancing, listening)"].value == pytest.approx(music, abs=1e-9)


def test_the_tea_maker_must_have_seen_a_cold_kettle():
    answers = list(gmlang.load(EXAMPLES / "make_tea.gm").run())
    cold = answers[0].probabilities
    hot = answers[1].probabilities
    seen = answers[2].probabilities
    assert isinstance(cold, dict)
    assert isinstance(hot, dict)
    assert isinstance(seen, dict)
    assert cold["boil"] > 0.85
    assert hot["pour"] > 0.85
    assert seen["cold"] > 0.9


def test_sudoku_is_solved_and_correct():
    (answer,) = gmlang.load(EXAMPLES / "sudoku.gm").run(budget_s=20)
    assert answer.status == "exact"
    cells = answer.to_numpy()
    every = set(range(1, 10))
    for k in range(9):
        assert set(cells[k].tolist()) == every
        assert set(cells[:, k].tolist()) == every
        r, c = 3 * (k // 3), 3 * (k % 3)
        assert set(cells[r : r + 3, c : c + 3].reshape(-1).tolist()) == every
    given = np.asarray(gmlang.load(EXAMPLES / "sudoku.gm").session().world.data["given"])
    assert (cells[given > 0] == given[given > 0]).all()


def test_send_more_money():
    (answer,) = gmlang.load(EXAMPLES / "send_more_money.gm").run(budget_s=20)
    assert answer.status == "exact"
    value = answer.value
    assert isinstance(value, dict)
    assert [value[k] for k in "sendmory"] == list("95671082")
