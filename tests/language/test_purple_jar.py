"""The example of purple jars, asked about pictures that are drawn here."""

from pathlib import Path

import numpy as np
import pytest

import gmlang
from gmlang.diagnostics import GmError
from gmstdlib.vision import lab

FILE = Path(__file__).parents[2] / "examples" / "society" / "purple_jar.gm"
COLOURS = 10
PURPLE, GREEN, JAR, ROUND, SQUARE = 5, 3, 0, 12, 13
TINTS = np.random.default_rng(3).uniform(0, 1, (COLOURS, 3))
TINTS[[PURPLE, GREEN]] = (0.5, 0.15, 0.6), (0.2, 0.65, 0.25)
DOWN, RIGHT = np.indices((40, 40)) - 19.5


def drawn(shape: int, size: float) -> np.ndarray:
    down, right = DOWN / size, RIGHT / size
    if shape == ROUND:
        return np.hypot(down, right) < 1
    if shape == SQUARE:
        return np.maximum(abs(down), abs(right)) < 0.9
    is_belly = (abs(right) < 0.75) & (down > -0.2) & (down < 1)
    return is_belly | ((abs(right) < 0.4) & (down > -1) & (down < 0))


def told(text: str = "") -> gmlang.Model:
    shapes = [JAR, ROUND, SQUARE]
    return gmlang.compile(FILE.read_text("utf-8") + text).bind(
        silhouette=np.array([drawn(shape, 15) for shape in shapes], float),
        shape_of=shapes,
        name_mean=lab(TINTS),
        name_cov=np.tile(80 * np.eye(3), (COLOURS, 1, 1)),
    )


def picture(shape: int, colour: int) -> np.ndarray:
    mask = np.roll(drawn(shape, 11), (3, -4), (0, 1))
    scene = np.where(mask[..., None], TINTS[colour], [0.95, 0.95, 0.8])
    return np.clip(scene + np.random.default_rng(shape).normal(0, 0.02, scene.shape), 0, 1)


def test_a_purple_jar_is_told_from_what_is_one_of_both():
    pytest.importorskip("skimage")
    kinds = [(JAR, PURPLE), (JAR, GREEN), (SQUARE, PURPLE)]
    pictures = np.array([picture(*kind) for kind in kinds])
    found = told().query("P(it is purple jar)", rows={"picture": pictures}, budget_s=30.0)
    assert [one.status for one in found] == ["exact"] * 3
    chances = [one.value for one in found]
    assert chances[0] > 0.9  # pyright: ignore[reportOperatorIssue]
    assert max(chances[1:]) < 0.1  # pyright: ignore[reportArgumentType, reportOperatorIssue]


def test_a_round_square_is_refused():
    pytest.importorskip("skimage")
    model = told("model round_square = round square\n").bind(picture=picture(ROUND, GREEN))
    with pytest.raises(GmError) as caught:
        model.query("P(round(it))")
    assert [one.code for one in caught.value.diagnostics] == ["GM416"]
