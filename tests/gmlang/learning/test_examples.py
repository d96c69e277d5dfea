"""The examples learn from their data what it was drawn from."""

import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import gmlang
from gmlang.core.program import Assert
from gmlang.data.settings import read_file
from gmlang.diagnostics import Source
from gmlang.learning.results.writing import written
from gmlang.syntax.print import format_source

FOLDER = Path(__file__).resolve().parents[3] / "examples" / "learning"
DATA = {
    "clinic": {"patients": "patients.csv"},
    "weather": {"y": "days.csv"},
    "crowd": {"worker": "workers.csv", "label": "labels.csv"},
    "pictures": {"pictures": "pictures.csv"},
    "tagger": {"word": "words.csv", "gold": "tags.csv"},
    "confidence": {"seen": "things.csv"},
    "blood": {"people": "blood.csv"},
    "linkage": {"animals": "linkage.csv"},
    "notices": {"days": "notices.csv"},
}


def _made() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_data", FOLDER / "make_data.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def _learned(name: str) -> Any:
    return gmlang.load(FOLDER / f"{name}.gm").learn(**_data(name))


def _data(name: str) -> dict[str, Any]:
    return {key: read_file(key, str(FOLDER / file)) for key, file in DATA[name].items()}


def _again(name: str, learned: Any) -> gmlang.Model:
    """Return the program as it is written after learning, with its data."""
    source = learned.model.checked.program.span.source
    return gmlang.compile(written(source, [learned], ["its data"])).bind(**_data(name))


def test_every_example_is_learned_here():
    assert {path.stem for path in FOLDER.glob("*.gm")} == {*DATA, "addition"}


def test_addition_is_what_it_asserts():
    learned, *others = gmlang.load(FOLDER / "addition.gm").run(budget_s=10)
    assert learned.status == "exact"
    assert [answer.held for answer in others] == [True, True, None]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.gm")), ids=lambda p: p.stem)
def test_it_is_in_its_canonical_form(path: Path):
    text = path.read_text("utf-8")
    assert format_source(Source(str(path), text)) == text


def test_the_data_is_what_the_script_draws(tmp_path: Path):
    _made().make(tmp_path)
    for files in DATA.values():
        for name in files.values():
            assert (tmp_path / name).read_text("utf-8") == (FOLDER / name).read_text("utf-8")


def _near(learned: Any, name: str, key: str = "") -> None:
    """Check that a param is within four errors of what was drawn from."""
    truth = np.asarray(_made().TRUTH[key or name])
    errors = np.maximum(np.asarray(learned.errors[name]), 0.01)
    assert (np.abs(np.asarray(learned.values[name]) - truth) < 4 * errors).all()


@pytest.mark.parametrize("name", DATA)
def test_what_is_written_has_the_same_numbers(name: str):
    learned = _learned(name)
    again = _again(name, learned)
    assert not again.checked.program.learns
    known = again.session().world.data
    for key, value in learned.values.items():
        assert known[key] == pytest.approx(value, abs=1e-8)


def test_the_clinic_finds_its_numbers():
    learned = _learned("clinic")
    assert learned.status == "converged"
    for name in ("flu", "fever", "cough"):
        _near(learned, name)


def test_the_weather_finds_its_states_up_to_their_names():
    learned = _learned("weather")
    assert learned.status == "converged"
    truth = np.asarray(_made().TRUTH["B"])
    found = np.asarray(learned.values["B"])
    order = np.argsort(-found[:, 0])
    assert np.abs(found[order] - truth).max() < 0.15


def test_the_crowd_is_right_more_often_than_its_majority():
    learned = _learned("crowd")
    workers = np.loadtxt(FOLDER / "workers.csv", delimiter=",", dtype=int)
    labels = np.loadtxt(FOLDER / "labels.csv", delimiter=",", dtype=int)
    rng = np.random.default_rng(2)
    truth = rng.choice(3, 200, p=np.array(_made().TRUTH["share"]))
    posterior = learned.model.bind(worker=workers, label=labels).query("P(truth)").to_numpy()
    found = posterior.argmax(axis=1)
    names = [np.bincount(truth[found == k], minlength=3).argmax() for k in range(3)]
    majority = np.array([np.bincount(row, minlength=3).argmax() for row in labels])
    assert (np.array(names)[found] == truth).mean() >= (majority == truth).mean()


def test_the_pictures_find_that_neighbours_are_alike():
    learned = _learned("pictures")
    assert learned.method == "gradient"
    weights = np.asarray(learned.values["down"])[:3]
    # A neighbour moves log-odds by 0.7 up or down: alike rather than not is worth 0.7 nats.
    assert weights.mean() == pytest.approx(0.7, abs=0.2)


def test_the_tagger_learns_that_tags_follow_in_a_circle():
    follow = np.asarray(_learned("tagger").values["follow"])
    assert (follow.argmax(axis=1) == [1, 2, 0]).all()


@pytest.mark.parametrize("name", ["blood", "linkage", "notices"])
def test_what_is_published_is_found(name: str):
    answers = list(_learned(name).model.run())
    told = [answer.held for answer in answers if answer.held is not None]
    assert len(told) >= 1
    assert all(told)


def test_what_is_published_follows_from_the_counts():
    """By gene counting, by the root of the score, and by expectation and maximisation in NumPy."""
    counts = {name: np.array(list(own.values())) for name, (_, own) in _made().PUBLISHED.items()}
    (a, b, ab, o), genes = counts["blood"], 2 * counts["blood"].sum()
    p, q = 0.3, 0.3
    for _ in range(200):
        r = 1 - p - q
        both_a, both_b = a * p / (p + 2 * r), b * q / (q + 2 * r)
        p, q = (a + both_a + ab) / genes, (b + both_b + ab) / genes
    assert [p, q, 1 - p - q] == pytest.approx([0.2136, 0.0501, 0.7363], abs=5e-5)
    assert genes == 2 * 521
    assert (a, b, ab, o) == (186, 38, 13, 284)

    two, one, other, last = counts["linkage"]
    together = max(np.roots([-two - one - other - last, two - 2 * (one + other) - last, 2 * last]))
    assert together == pytest.approx(0.6268, abs=5e-5)

    days, share, rates = counts["notices"], np.array([0.4, 0.6]), np.array([1.0, 3.0])
    for _ in range(20_000):
        weights = share * np.exp(-rates) * rates ** np.arange(len(days))[:, None]
        expected = days[:, None] * weights / weights.sum(axis=1, keepdims=True)
        share, rates = expected.sum(axis=0), np.arange(len(days)) @ expected
        rates, share = rates / share, share / share.sum()
    assert [share[0], *rates] == pytest.approx([0.3599, 1.256, 2.663], abs=5e-4)


def test_confidences_and_priors_are_the_shares_that_were_seen():
    learned = _learned("confidence")
    assert learned.values["sure"] == pytest.approx([84 / 99, 69 / 77], abs=1e-4)
    assert learned.values["often"] == pytest.approx([90 / 310, 68 / 310], abs=1e-4)


@pytest.mark.parametrize("name", DATA)
def test_learning_again_from_what_is_written_gains_nothing(name: str):
    learned = _learned(name)
    what = learned.model.checked.program.learns[0]
    source = _again(name, learned).checked.program.span.source
    text = f"{source.text}\n{what.span.text}\n"
    again = gmlang.compile(text).learn(restarts=1, **_data(name))
    assert -1e-6 * abs(learned.objective) <= again.objective - learned.objective < 0.02


@pytest.mark.parametrize("name", DATA)
def test_what_is_written_answers_as_what_was_learned(name: str):
    learned = _learned(name)
    again = _again(name, learned)
    asked = [q.text for q in learned.model.questions if not isinstance(q, Assert)]
    questions = asked or ["logZ()"]
    for question in questions:
        one, other = (model.query(question, remember=False) for model in (learned.model, again))
        assert one.status == other.status
        assert _numbers(one) == pytest.approx(_numbers(other), abs=1e-6, rel=1e-6)


def _numbers(answer: Any) -> np.ndarray:
    return np.ravel(np.asarray(answer.value if answer.array is None else answer.array, np.float64))


@pytest.mark.parametrize(("name", "model"), [("zarf", "zarf"), ("number_game", "rule")])
def test_a_composite_that_is_written_answers_as_what_was_learned(name: str, model: str):
    found = gmlang.load(FOLDER.parent / f"{name}.gm").learn_model(model)
    source = found.model.checked.program.span.source
    again = gmlang.compile(written(source, [], [], {model: found.source()}))
    assert not again.checked.program.concepts
    for question in [q.text for q in found.model.questions]:
        one, other = (m.query(question, remember=False) for m in (found.model, again))
        assert _numbers(one) == pytest.approx(_numbers(other), abs=1e-9)
