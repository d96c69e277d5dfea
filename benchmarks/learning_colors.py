"""Colours in context (acceptance of `learn ... to predict`): which of three patches is meant?

    python benchmarks/learning_colors.py DATA

DATA is a folder with colour_games.npz (Monroe, Hawkins, Goodman and Potts 2017): a speaker names
one of three patches, a listener picks. Each word is a log-linear expert about a patch; words stand
side by side, so that an utterance nobody has used composes. Weights are learned from half of the
games by gmlang alone; the other half is told. Without DATA nothing is measured.
"""

import re
import sys
from collections import Counter
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

import gmlang

SPREAD = 0.3
"""Of the prior of a weight; chosen on a quarter of the training games out of 0.2, 0.3, 0.6, 1."""

PROGRAM = """
data R : int
data V : int
data F : int
data spread : real
data word[R, K] : int
data number[R] : int
data feature[R, 3, F] : real
param w[V, F] : real ~ Normal(0, spread)
var meant[R] : 0..2
for r in 0..<R:
    factor sum(w[word[r, k], f] * feature[r, meant[r], f] for k in 0..<number[r] for f in 0..<F)
observe meant = 0
learn w to predict meant
"""
MODIFIERS = (
    *("dark", "light", "bright", "dull", "pale", "neon", "deep", "dusty", "true"),
    *("+ish", "+er", "+est"),
)
COLORS = ["purple", "blue", "green", "pink", "red", "orange", "brown", "yellow", "gray", "teal"]
STEMS = {"purpl": "purple", "blu": "blue", "whit": "white", "orang": "orange"}
WHOLE = ("other", "silver", "lavender", "their", "over", "never", "another", "either", "forest")


def tokens(utterance: str) -> list[str]:
    """Take an utterance apart into words and their endings."""
    found: set[str] = set()
    for word in re.findall(r"[a-z]+", utterance.lower()):
        word = {"grey": "gray", "greyish": "grayish"}.get(word, word)
        ending = re.fullmatch(r"(.{3,}?)(ish|er|est)", word)
        if ending is None or word in WHOLE:
            found.add(word)
            continue
        stem = (
            ending[1][:-1] if len(ending[1]) > 3 and ending[1][-1] == ending[1][-2] else ending[1]
        )
        found |= {STEMS.get(stem, stem), f"+{ending[2]}"}
    return sorted(found)


def lab(hsl: np.ndarray) -> np.ndarray:
    """Turn hue, saturation and lightness into CIE Lab, D65."""
    hue, s, light = hsl[..., 0] / 60, hsl[..., 1] / 100, hsl[..., 2] / 100
    chroma = (1 - np.abs(2 * light - 1)) * s
    x, zero, sector = chroma * (1 - np.abs(hue % 2 - 1)), np.zeros_like(chroma), hue.astype(int) % 6
    rgb = [
        np.choose(sector, parts)
        for parts in (
            [chroma, x, zero, zero, x, chroma],
            [x, chroma, chroma, x, zero, zero],
            [zero, zero, x, chroma, chroma, x],
        )
    ]
    value = np.stack(rgb, -1) + (light - chroma / 2)[..., None]
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    matrix = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = linear @ matrix.T / np.array([0.9505, 1, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    lightness, a = 116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1])
    return np.stack([lightness, a, 200 * (f[..., 1] - f[..., 2])], -1)


def features(hsl: np.ndarray) -> np.ndarray:
    """Describe patches: Lab, its squares, harmonics of the hue; and how they differ in a round."""
    hue, s = hsl[..., 0] * np.pi / 180, hsl[..., 1] / 100
    x = lab(hsl) / np.array([50, 60, 60])
    own = [x[..., i] for i in range(3)]
    own += [x[..., i] * x[..., j] for i in range(3) for j in range(i, 3)]
    for k in (1, 2, 3, 4):
        own += [np.cos(k * hue) * s, np.sin(k * hue) * s, np.cos(k * hue), np.sin(k * hue)]
    own += [s, s * s]
    among = np.stack([*(x[..., i] for i in range(3)), s, np.linalg.norm(x[..., 1:], axis=-1)], -1)
    apart = np.linalg.norm(x[:, :, None] - x[:, None], axis=-1).sum(-1)
    among = 2 * (among - among.mean(1, keepdims=True))
    apart = (apart - apart.mean(1, keepdims=True))[..., None]
    return np.concatenate([np.stack(own, -1), among, apart], -1)


def learned(
    words: list[list[str]], described: np.ndarray, rows: np.ndarray, spread: float = SPREAD
) -> tuple[dict[str, int], np.ndarray, Any]:
    """Learn the weights of all words that occur twice in some rounds."""
    count = Counter(word for r in rows for word in words[r])
    place = {word: k for k, word in enumerate(sorted(w for w, n in count.items() if n > 1))}
    own = [[place[word] for word in words[r] if word in place] for r in rows]
    width = max(map(len, own))
    data = {
        "word": np.array([one + [0] * (width - len(one)) for one in own]),
        "number": np.array(list(map(len, own))),
        "feature": described[rows],
    }
    sizes = {"R": len(rows), "V": len(place), "F": described.shape[-1]}
    model = gmlang.compile(PROGRAM).bind(spread=spread, **sizes, **data)
    found = model.learn(budget_s=120)
    return place, np.asarray(found.values["w"]), found


def shares(
    place: dict[str, int], w: np.ndarray, words: list[list[str]], described: np.ndarray, rows: Any
) -> np.ndarray:
    """Return the probability of each patch in some rounds: what `P(meant)` answers."""
    weights = [w[[place[word] for word in words[r] if word in place]].sum(0) for r in rows]
    scores = np.einsum("rpf,rf->rp", described[rows], np.array(weights))
    scores = np.exp(scores - scores.max(1, keepdims=True))
    return scores / scores.sum(1, keepdims=True)


def main(path: Path) -> None:
    """Print the accuracy on rounds that nothing was learned from."""
    games = np.load(path)
    hsl = np.concatenate([games["target_hsl"][:, None], games["distractor_hsl"]], 1).astype(float)
    described, said = features(hsl), [str(u).strip().lower() for u in games["utterance"]]
    words = [tokens(u) for u in said]
    order = np.unique(games["game"])
    np.random.default_rng(0).shuffle(order)
    is_train = np.isin(games["game"], order[: len(order) // 2])
    train, test = np.flatnonzero(is_train), np.flatnonzero(~is_train)
    start = process_time()
    place, w, found = learned(words, described, train)
    seconds = process_time() - start
    print(
        f"{len(train)} rounds, {w.size} weights: {found.status}, {found.method}, "
        f"{found.rounds} rounds, {seconds:.1f} s of processor time"
    )
    right = shares(place, w, words, described, test).argmax(1) == 0
    print(f"all rounds {right.mean():.4f} of {len(test)}")
    once = Counter(said[r] for r in train if re.fullmatch(r"[a-z]+", said[r]))
    common = np.isin([said[r] for r in test], [word for word, n in once.items() if n >= 15])
    theirs = games["l0_correct"][test]
    print(
        f"common terms {right[common].mean():.4f} of {common.sum()}; "
        f"neural L0 {theirs[common].mean():.4f}"
    )
    zero_shot(words, described, train, test, (place, w))


def zero_shot(
    words: list[list[str]], described: np.ndarray, train: np.ndarray, test: np.ndarray, whole: Any
) -> None:
    """Tell modified colours by weights learned without any modified use of that colour."""
    new = old = total = 0
    for color in COLORS:
        is_modified = np.array([color in own and any(m in own for m in MODIFIERS) for own in words])
        rows = test[is_modified[test]]
        if len(rows) < 5:
            continue
        place, w, _ = learned(words, described, train[~is_modified[train]])
        new += (shares(place, w, words, described, rows).argmax(1) == 0).sum()
        old += (shares(*whole, words, described, rows).argmax(1) == 0).sum()
        total += len(rows)
    print(
        f"modified colours never modified before: {new / total:.4f} of {total}, "
        f"{new / old:.4f} of what is told with them"
    )


if __name__ == "__main__":
    data = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "colour_games.npz"
    if data.exists():
        main(data)
    else:
        print(f"{data} is not there: nothing is measured")
