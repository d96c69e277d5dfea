"""Draws the data of the programs beside it, but for what is published: `python make_data.py`."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent

TRUTH: dict[str, object] = {
    "flu": 0.15,
    "fever": [0.1, 0.8],
    "cough": [0.2, 0.7],
    "A": [[0.85, 0.15], [0.25, 0.75]],
    "B": [[0.6, 0.3, 0.1, 0.0], [0.0, 0.2, 0.3, 0.5]],
    "share": [0.5, 0.3, 0.2],
    "sure": [0.9, 0.8],
    "often": [0.3, 0.2],
}
"""What was drawn from."""


def write(folder: Path, name: str, header: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a table of cells; without a header, a plain matrix."""
    with (folder / name).open("w", encoding="utf-8", newline="") as stream:
        out = csv.writer(stream, lineterminator="\n")
        if header:
            out.writerow(header)
        out.writerows(rows)


def clinic(folder: Path, rng: np.random.Generator) -> None:
    """Draw patients, a fifth of whose cells are empty."""
    ill = rng.random(400) < 0.15
    hot = rng.random(400) < np.where(ill, 0.8, 0.1)
    barks = rng.random(400) < np.where(ill, 0.7, 0.2)
    cells = np.where(np.stack([ill, hot, barks], 1), "yes", "no")
    cells[rng.random(cells.shape) < 0.2] = ""
    write(folder, "patients.csv", ("ill", "hot", "barks"), cells)


def weather(folder: Path, rng: np.random.Generator) -> None:
    """Draw 30 sequences of 25 days."""
    rows: list[list[int]] = []
    for _ in range(30):
        state, row = int(rng.integers(2)), list[int]()
        for _ in range(25):
            row.append(int(rng.choice(4, p=np.array(TRUTH["B"])[state])))
            state = int(rng.choice(2, p=np.array(TRUTH["A"])[state]))
        rows.append(row)
    write(folder, "days.csv", (), rows)


def crowd(folder: Path, rng: np.random.Generator) -> None:
    """Draw 200 things, each labelled by three of twelve workers."""
    skill = np.linspace(0.5, 0.95, 12)
    truth = rng.choice(3, 200, p=np.array(TRUTH["share"]))
    workers = np.array([rng.choice(12, 3, replace=False) for _ in truth])
    is_right = rng.random(workers.shape) < skill[workers]
    wrong = (truth[:, None] + rng.integers(1, 3, workers.shape)) % 3
    write(folder, "workers.csv", (), workers)
    write(folder, "labels.csv", (), np.where(is_right, truth[:, None], wrong))


def pictures(folder: Path, rng: np.random.Generator) -> None:
    """Draw 300 pictures of 4 x 4 that prefer neighbours to be alike, by Gibbs sampling."""
    x = rng.integers(0, 2, (300, 4, 4))
    for _ in range(200):
        for i in range(4):
            for j in range(4):
                near = [(i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)]
                inside = [x[:, a, b] for a, b in near if 0 <= a < 4 and 0 <= b < 4]
                odds = -0.3 + sum(0.7 * (2 * k - 1) for k in inside)
                x[:, i, j] = rng.random(300) < 1 / (1 + np.exp(-odds))
    header = [f"x[{i}, {j}]" for i in range(4) for j in range(4)]
    write(folder, "pictures.csv", header, x.reshape(300, 16))


def tagger(folder: Path, rng: np.random.Generator) -> None:
    """Draw 80 sentences of eight words, whose tags follow each other in a circle, mostly."""
    tags = np.zeros((80, 8), np.int64)
    tags[:, 0] = rng.integers(0, 3, 80)
    for t in range(1, 8):
        step = (rng.random(80) < 0.8).astype(np.int64)
        tags[:, t] = (tags[:, t - 1] + step) % 3
    words = (5 * tags + rng.integers(0, 7, tags.shape)) % 15
    write(folder, "words.csv", (), words)
    write(folder, "tags.csv", (), tags)


def confidence(folder: Path, rng: np.random.Generator) -> None:
    """Draw 300 things, and which models apply to them."""
    purple, jar = (rng.random(300) < p for p in (0.3, 0.2))
    colors = rng.choice(["red", "green", "blue", "purple"], 300)
    shapes = rng.choice(["jar", "box", "ball", "book"], 300)
    other_color = rng.choice(["red", "green", "blue"], 300)
    other_shape = rng.choice(["box", "ball", "book"], 300)
    predicted = np.where(rng.random(300) < 0.9, "purple", other_color)
    shaped = np.where(rng.random(300) < 0.8, "jar", other_shape)
    color = np.where(purple, predicted, colors)
    shape = np.where(jar, shaped, shapes)
    header = ("it.color", "it.shape", "purple(it)", "jar(it)")
    words = ["no", "yes"]
    pairs = zip(color, shape, purple, jar, strict=True)
    rows = [(str(c), str(s), words[int(p)], words[int(j)]) for c, s, p, j in pairs]
    write(folder, "things.csv", header, rows)


PUBLISHED = {
    "blood": ("group", {"A": 186, "B": 38, "AB": 13, "O": 284}),
    "linkage": ("kind", {0: 125, 1: 18, 2: 20, 3: 34}),
    "notices": ("notices", dict(enumerate((162, 267, 271, 185, 111, 61, 27, 8, 3, 1)))),
}
"""Counts that others have published: what was seen, and how often."""


def make(folder: Path) -> None:
    """Draw everything, and write what is published."""
    for name, (column, counts) in PUBLISHED.items():
        write(folder, f"{name}.csv", (column, "weight"), counts.items())
    for number, draw in enumerate((clinic, weather, crowd, pictures, tagger, confidence)):
        draw(folder, np.random.default_rng(number))


if __name__ == "__main__":
    make(HERE)
