"""Which data a name from outside means, and what `--set` and `--data` make of it."""

import json
from pathlib import Path

import numpy as np
import pytest

import gmlang
from tests.gmlang.test_cli import Captured, call, write

COLORS = """\
domain Color = {red, green}
data k : Color
data j[N] : bool
param p = 0.5
data T = 2
var x : Color
observe x = k
var y : bool ~ Bernoulli(p)
var z[T] : bool ~ Bernoulli(0.5)
"""


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    write(tmp_path, "first.gm", "param k = 0.25\nvar u : bool ~ Bernoulli(k)\n")
    write(
        tmp_path,
        "second.gm",
        "param k = 0.75\nparam only = 1\nvar w : bool ~ Bernoulli(k * only)\n",
    )
    return tmp_path


def probabilities(model: gmlang.Model) -> list[object]:
    return [model.query(f"P({name} = true)").value for name in ("first.u", "second.w")]


def test_a_name_of_two_modules_is_refused(modules: Path):
    model = gmlang.load(
        write(modules, "main.gm", "import first\nimport second\nquery P(first.u), P(second.w)\n")
    )
    for change in (model.bind, model.set):
        with pytest.raises(gmlang.GmError, match=r"first\.k or second\.k"):
            change(k=0.5)
    assert probabilities(model.set(**{"first.k": 0.5})) == pytest.approx([0.5, 0.75])
    assert probabilities(model.set(**{"second.k": 0.5})) == pytest.approx([0.25, 0.5])
    assert probabilities(model.set(only=0)) == pytest.approx([0.25, 0])


def test_the_programs_own_name_is_its_own(modules: Path):
    text = "import first\nimport second\nparam k = 1\nvar a : bool ~ Bernoulli(k)\n"
    text += "query P(first.u), P(second.w)\n"
    model = gmlang.load(write(modules, "main.gm", text)).set(k=0)
    assert probabilities(model) == pytest.approx([0.25, 0.75])
    assert model.query("P(a = true)").value == 0
    with pytest.raises(gmlang.GmError, match="did you mean"):
        model.set(**{"frist.k": 0.5})


def test_aliases_and_imported_names_are_names(modules: Path):
    model = gmlang.load(write(modules, "a.gm", "import first as f\nquery P(f.u)\n"))
    assert model.set(**{"f.k": 0.5}).query("P(f.u = true)").value == 0.5
    text = "from second import k, w\nimport first\nquery P(w)\n"
    model = gmlang.load(write(modules, "b.gm", text))
    assert model.set(k=0.5).query("P(w = true)").value == 0.5
    with pytest.raises(gmlang.GmError, match="are the same"):
        model.set(**{"k": 0.5, "second.k": 0.5})


def test_sets_are_read_by_type(tmp_path: Path, capsys: Captured):
    write(tmp_path, "j.csv", "j\ntrue\nNA\n")
    path = write(tmp_path, "p.gm", COLORS)
    given = ["--set", "k=green", "--data", f"j={tmp_path / 'j.csv'}", "--set", "T=3.0"]
    assert call("run", path, *given, "-q", "P(x = green)", "-q", "MAP(z)", "--json") == 0
    green, best = json.loads(capsys.readouterr().out)["queries"]
    assert green["answer"] == 1
    assert len(best["answer"]["z"]) == 3


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("k=gren", "did you mean `green`"),
        ("k=true", "one of red, green"),
        ("T=2.5", "not whole"),
        ("T=two", "a whole number"),
        ("T=1e400", "64 bits"),
        ("p=nan", "finite"),
        ("p=-inf", "finite"),
        ("p=0,5", "0.5"),
        ("p=half", "a number"),
        ("q=1", "GM402"),
        ("j=true", "needs shape"),
    ],
)
def test_settings_of_the_wrong_kind_are_mistakes(
    tmp_path: Path, capsys: Captured, setting: str, words: str
):
    path = write(tmp_path, "p.gm", COLORS)
    given = ["--set", "k=red"] if not setting.startswith("k=") else []
    np.save(tmp_path / "j.npy", np.array([True]))
    given += ["--data", f"j={tmp_path / 'j.npy'}"] if not setting.startswith("j=") else []
    assert call("run", path, *given, "--set", setting, "-q", "MAP()") == 1
    assert words in capsys.readouterr().err


def test_whole_archives_name_their_data(tmp_path: Path, capsys: Captured):
    path = write(tmp_path, "p.gm", COLORS)
    np.savez(tmp_path / "a.npz", k="green", j=np.array([1, 0], np.uint8), p=np.float32(0.25))
    given = ["--data", str(tmp_path / "a.npz")]
    assert call("run", path, *given, "-q", "P(y = true)", "--json") == 0
    assert json.loads(capsys.readouterr().out)["queries"][0]["answer"] == 0.25
