"""A purple jar, a green one and a purple square, none of them seen before: what are they?"""

from pathlib import Path

import numpy as np

import gmlang
from gmstdlib.vision import lab

COLOURS = {
    "red": (0.85, 0.1, 0.1),
    "orange": (0.95, 0.5, 0.1),
    "yellow": (0.95, 0.9, 0.2),
    "green": (0.2, 0.65, 0.25),
    "blue": (0.15, 0.3, 0.8),
    "purple": (0.5, 0.15, 0.6),
    "pink": (0.95, 0.6, 0.75),
    "brown": (0.45, 0.3, 0.15),
    "grey": (0.5, 0.5, 0.52),
    "teal": (0.1, 0.5, 0.5),
}
SHAPES = ("jar", "round", "square")
IN_PROGRAM = {"jar": 0, "round": 12, "square": 13}  # their places in the domain
SIDE = 64
rng = np.random.default_rng(0)
rows, columns = np.indices((SIDE, SIDE)) - (SIDE - 1) / 2


def silhouette(shape: str, size: float, turn: float = 0.0, stretch: float = 1.0) -> np.ndarray:
    """Draw a shape of some size, pixels, turned by degrees and stretched from top to bottom."""
    cosine, sine = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
    down, right = cosine * rows - sine * columns, sine * rows + cosine * columns
    down, right = down / size / stretch, right / size
    if shape == "round":
        return np.hypot(down, right) < 1
    if shape == "square":
        return np.maximum(abs(down), abs(right)) < 0.9
    belly = (abs(right) < 0.75) & (down > -0.4) & (down < 1)
    neck = (abs(right) < 0.4) & (down > -0.9) & (down < 0)
    return belly | neck | (abs(right) < 0.55) & (abs(down + 0.9) < 0.12)


def picture(shape: str, colour: str) -> np.ndarray:
    """Draw a thing of some shade, lit from one side, before something that is nearly white."""
    mask = silhouette(shape, rng.uniform(14, 20), rng.uniform(-25, 25), rng.uniform(0.95, 1.1))
    mask = np.roll(mask, rng.integers(-6, 7, 2), (0, 1))
    shade = np.clip(np.array(COLOURS[colour]) + rng.normal(0, 0.03, 3), 0, 1)
    lit = shade * np.linspace(0.92, 1.08, SIDE)[:, None, None]
    drawn = np.where(mask[..., None], lit, [0.93, 0.92, 0.85])
    return np.clip(drawn + rng.normal(0, 0.03, drawn.shape), 0, 1)


known = [(s, silhouette(s, 16, stretch=k)) for s in SHAPES for k in (0.9, 1.0, 1.15)]
model = gmlang.load(Path(__file__).with_name("purple_jar.gm")).bind(
    silhouette=np.array([drawn for _, drawn in known], float),
    shape_of=[IN_PROGRAM[shape] for shape, _ in known],
    name_mean=lab(np.array(list(COLOURS.values()))),
    name_cov=np.tile(np.diag([60.0, 60.0, 60.0]), (len(COLOURS), 1, 1)),
)
for shape, colour in (("jar", "purple"), ("jar", "green"), ("square", "purple")):
    seen = model.bind(picture=picture(shape, colour))
    chance, composites, *_ = seen.run(budget_s=20)
    print(f"\nA {colour} {shape}\n{chance}\n{composites}")
