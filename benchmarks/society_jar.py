"""Purple jars: pictures of things of which neither the silhouette nor the colour was seen before.

    python benchmarks/society_jar.py [PICTURES [SPLIT ...]]

Asks examples/society/purple_jar.gm about so many pictures (120) of each split (0 to 4) of ten
colours and twelve shapes: of nine of the twelve silhouettes of each shape the program is told, the
other three are drawn, and of two thirds of the colours that bear each name. A colour's mean and
covariance are those of the names that are known, the latter drawn towards what all colours have in
common by as much as four more names would draw it. A name counts where its last word is the
colour's and no other word is one's.

A picture is 64 x 64: a silhouette turned by up to 15 degrees, of 0.6 to 0.95 of its size,
anywhere, lit from above or below by up to a tenth, before a colour that is at least 25 away in Lab,
with noise of 0.06. Right is what is the most probable colour and the most probable shape. Ranked
are twenty pictures, of which one shows what is asked for, by P(it is that colour and that shape).
"""

# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false

import re
import sys
from pathlib import Path
from time import process_time

import numpy as np
from scipy import ndimage

import gmlang
from gmlang.diagnostics import GmError
from gmstdlib.vision import lab

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ROOT / "examples" / "society" / "purple_jar.gm"
DATA = ROOT.parent / "shared" / "data"

COLOURS = ["red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "grey", "teal"]
SHAPES = [
    "jar",
    "bottle",
    "bird",
    "cup",
    "key",
    "fish",
    "hammer",
    "apple",
    "horse",
    "guitar",
    "shoe",
    "tree",
]
OTHERS = re.compile(
    r"red|orang|yellow|green|blu|purpl|pink|brown|grey|gray|teal|violet|aqua|turquoise|gold|olive|lav|mauve|magenta"
    r"|lilac|salmon|peach|tan|sea|cyan|plum|rose|mustard|rust|navy|lime|white|black|indigo|maroon|burgundy|beige|coral"
)

ASKED = "[[P(coloured(it, c)) for c in Colour], [P(shaped(it, s)) for s in Shape]]"
NUM_RANKED, NUM_CHECKED = 20, 3


def colours() -> dict[str, np.ndarray]:
    """Return the colours that bear each name, from 0 to 1."""
    data = np.load(DATA / "colour_names.npz")
    found: dict[str, list[int]] = {name: [] for name in COLOURS}
    for number, words in enumerate(map(str.split, map(str, data["name"]))):
        is_mixed = any(map(OTHERS.search, words[:-1]))
        if words[-1] in found and not is_mixed:
            found[words[-1]].append(number)
    return {name: data["rgb"][own] / 255.0 for name, own in found.items()}


def silhouettes() -> dict[str, np.ndarray]:
    """Return the twelve silhouettes of each shape."""
    data = np.load(DATA / "silhouettes.npz")
    masks = np.unpackbits(data["bits"], axis=-1)[:, :4096].reshape(-1, 64, 64)
    names = [str(name) for name in data["classes"]]
    return {shape: masks[data["label"] == names.index(shape)] for shape in SHAPES}


def scene(mask: np.ndarray, colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a silhouette in a colour before another: (64, 64, 3)."""
    turned = ndimage.rotate(mask.astype(float), rng.uniform(-15, 15), reshape=False, order=1)
    turned = ndimage.zoom(turned, rng.uniform(0.6, 0.95), order=1)
    canvas = np.zeros((64, 64, 1))
    row, column = rng.integers(0, 65 - len(turned), 2)
    canvas[row : row + len(turned), column : column + len(turned), 0] = turned
    behind = rng.uniform(0, 1, 3)
    while np.linalg.norm(lab(behind) - lab(colour)) < 25:
        behind = rng.uniform(0, 1, 3)
    light = 1 + 0.1 * np.linspace(-1, 1, 64)[:, None, None] * rng.uniform(-1, 1)
    drawn = canvas * colour * light + (1 - canvas) * behind
    return np.clip(drawn + rng.normal(0, 0.06, drawn.shape), 0, 1)


def fitted(known: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Return the mean and covariance of each colour in Lab, by the names that are known."""
    own = [lab(rgb) for rgb in known]
    spread = [np.cov(points.T) * (len(points) - 1) for points in own]
    common = sum(spread) / sum(len(points) - 1 for points in own)
    covs = [(s + 4 * common) / (len(points) + 3) for s, points in zip(spread, own, strict=True)]
    return {"name_mean": np.array([p.mean(axis=0) for p in own]), "name_cov": np.array(covs)}


def split(number: int, count: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Return what the program is told, pictures of the rest, and what they are: (pictures, 2)."""
    rng = np.random.default_rng(number)
    masks, names = silhouettes(), colours()
    orders = {shape: rng.permutation(12) for shape in SHAPES}
    known: list[np.ndarray] = []
    new: list[np.ndarray] = []
    for own in names.values():
        order, parted = rng.permutation(len(own)), 2 * len(own) // 3
        known.append(own[order[:parted]])
        new.append(own[order[parted:]])
    told = {
        "silhouette": np.concatenate([masks[s][orders[s][:9]] for s in SHAPES]).astype(float),
        "shape_of": np.repeat(np.arange(len(SHAPES)), 9),
        **fitted(known),
    }
    rng = np.random.default_rng(1000 + number)
    truth = np.stack([rng.integers(len(COLOURS), size=count), rng.integers(12, size=count)], 1)
    pictures: list[np.ndarray] = []
    for c, s in truth:
        mask = masks[SHAPES[s]][rng.choice(orders[SHAPES[s]][9:])]
        pictures.append(scene(mask, rng.permutation(new[c])[0], rng))
    return told, np.array(pictures), truth


def ranks(chances: np.ndarray, truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Say for each picture how many of nineteen others are as likely what it is: (pictures,)."""
    found: list[int] = []
    for k, (c, s) in enumerate(truth):
        others = np.flatnonzero((truth != truth[k]).any(axis=1))
        others = rng.choice(others, NUM_RANKED - 1, replace=False)
        found.append(int((chances[others, c, s] >= chances[k, c, s]).sum()))
    return np.array(found)


def refuses(told: dict[str, np.ndarray], picture: np.ndarray) -> bool:
    """Say whether a round square is refused by a program that knows what is round, and square."""
    away = np.abs(np.indices((64, 64)) - 31.5)
    drawn = [np.hypot(*away) < 20, away.max(axis=0) < 20]
    numbers = [len(SHAPES), len(SHAPES) + 1]
    told = told | {
        "silhouette": np.concatenate([told["silhouette"], np.array(drawn, float)]),
        "shape_of": np.append(told["shape_of"], numbers),
    }
    model = gmlang.compile(PROGRAM.read_text("utf-8") + "model round_square = round square\n")
    try:
        model.bind(picture=picture, **told).query("P(round(it))")
    except GmError as error:
        return [found.code for found in error.diagnostics] == ["GM416"]
    return False


def jars(count: int = 120, numbers: tuple[int, ...] = (0, 1, 2, 3, 4)) -> None:
    """Print how many are right, and how those that are asked for are ranked."""
    if not DATA.exists():
        print(f"purple jars: {DATA} is not here")
        return
    right: list[np.ndarray] = []
    first: list[float] = []
    for number in numbers:
        told, pictures, truth = split(number, count)
        model, refused = gmlang.load(PROGRAM).bind(**told), refuses(told, pictures[0])
        start = process_time()
        rows = model.query(ASKED, rows={"picture": pictures}, budget_s=3600.0, remember=False)
        took = process_time() - start
        assert all(row.status == "exact" for row in rows)
        found = [[np.array([one["true"] for one in part]) for part in row.value] for row in rows]
        is_right = np.array([[part.argmax() for part in parts] for parts in found]) == truth
        # Colours speak of the tint alone and shapes of the dots: what is seen makes them
        # independent, which is checked by asking for both.
        chances = np.array([np.outer(*parts) for parts in found])
        for k in range(min(NUM_CHECKED, count)):
            asked = f"P(coloured(it, {COLOURS[truth[k, 0]]}) and shaped(it, {SHAPES[truth[k, 1]]}))"
            both = model.bind(picture=pictures[k]).query(asked, budget_s=60.0).value
            assert np.isclose(both, chances[k, *truth[k]], rtol=1e-9)
        own = ranks(chances, truth, np.random.default_rng(2000 + number))
        right.append(np.append(is_right.mean(axis=0), is_right.all(axis=1).mean()))
        first.append(float((own == 0).mean()))
        print(
            f"split {number}: colour {right[-1][0]:.1%}, shape {right[-1][1]:.1%}, "
            f"both {right[-1][2]:.1%}; first of {NUM_RANKED} {first[-1]:.1%}; "
            f"{took / count:.2f} s a picture; a round square is {'' if refused else 'not '}refused",
            flush=True,
        )
    means = np.mean(right, axis=0)
    print(
        f"{len(numbers)} splits: colour {means[0]:.1%}, shape {means[1]:.1%}, both {means[2]:.1%}; "
        f"first of {NUM_RANKED} {np.mean(first):.1%}"
    )


if __name__ == "__main__":
    count, *numbers = [int(word) for word in sys.argv[1:]] or [120]
    jars(count, tuple(numbers) or (0, 1, 2, 3, 4))
