"""Templates of pictures that are tried on other pictures, in both directions (society_rcn.py).

Arguments: `speed`, `digits [PICTURES] [POSES]`, `many [PICTURES]`, `confusion [PICTURES]`, or
`one_shot [RUNS]`. What there was to choose was chosen on the last of the training pictures, which
no template is made of; test pictures are the first ones.
"""

import sys
from pathlib import Path
from time import process_time

import numpy as np
from scipy import ndimage

import gmlang
from gmstdlib import templates

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "society"
NUM_DRAWS = 5
HELD_OUT = slice(4000, 5000)
POSES = [(turn, slant) for turn in (0, -13, 13) for slant in (0.0, -0.25, 0.25)]
"""Degrees, and columns for each row: the first is the picture itself, every third has no slant."""

CHOSEN = {1: [0], 3: [0, 3, 6], 9: list(range(9))}
BUDGET_S = 36_000.0

RUNS = {"chosen on": ((0, 2, 4, 6), 101), "others": ((1, 3, 5), 202)}
"""Alphabets, by number, and a seed: one_shot.gm was made on runs of the first, no others."""


def posed(picture: np.ndarray, turn: float, slant: float) -> np.ndarray:
    """Turn and slant a picture about its middle."""
    angle = np.deg2rad(turn)
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    way = turned @ np.array([[1.0, 0.0], [slant, 1.0]])
    middle = (np.array(picture.shape) - 1) / 2
    moved = ndimage.affine_transform(picture, way, middle - way @ middle, order=1)
    return np.clip(moved, 0.0, 1.0)


def digits() -> dict[str, np.ndarray]:
    """Read the digits, from 0 to 1."""
    data = np.load(DATA / "mnist_small.npz")
    return {name: data[name] / 255.0 if name.endswith("_x") else data[name] for name in data.files}


def draw(data: dict[str, np.ndarray], seed: int, count: int) -> np.ndarray:
    """Draw so many training pictures of each digit: [10, count, 28, 28]."""
    rng, labels = np.random.default_rng(seed), data["train_y"][: HELD_OUT.start]
    each = [rng.permutation(np.flatnonzero(labels == d))[:count] for d in range(10)]
    return data["train_x"][np.array(each)]


def with_poses(known: np.ndarray, poses: list[tuple[int, float]]) -> np.ndarray:
    """Return each known picture in all poses: [digits, count * poses, 28, 28]."""
    views = [[posed(one, *pose) for one in own for pose in poses] for own in known]
    return np.array(views)


def log_odds(known: np.ndarray, pictures: np.ndarray) -> np.ndarray:
    """Say how much more each template says than nothing, nats: [digits, count, pictures]."""
    model = gmlang.load(EXAMPLES / "rcn.gm").bind(known=known, picture=pictures[0])
    query = "[P(nothing(it)), [P(template(it, d, k)) for d in 0..<D for k in 0..<K]]"
    rows = {"picture": pictures}
    found = model.query(query, rows=rows, budget_s=BUDGET_S, remember=False)
    assert {one.status for one in found} == {"exact"}, {one.status for one in found}
    with np.errstate(divide="ignore"):
        logs = np.log([[one.value[0]["true"], *(p["true"] for p in one.value[1])] for one in found])  # pyright: ignore
    return (logs[:, 1:] - logs[:, :1]).T.reshape(*known.shape[:2], len(pictures))


def num_parts(pictures: np.ndarray) -> np.ndarray:
    """Count the parts of the templates of pictures."""
    return (templates.parts_of(pictures, 2, 11)[..., 0] >= 0).sum(axis=-1)


def both_ways(known: np.ndarray, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Try templates of what is known on pictures, and templates of these on what is known.

    Returns:
        log odds forwards, and those of both, for each part of the two templates:
        [digits, count, pictures].
    """
    there = log_odds(known, pictures)
    back = log_odds(pictures[None], known.reshape(-1, *known.shape[2:]))[0].T.reshape(there.shape)
    parts = num_parts(known)[..., None] + num_parts(pictures)
    return there, (there + back) / parts


def class_scores(scores: np.ndarray) -> np.ndarray:
    """Return the best template's score of each digit: [digits, pictures]."""
    return scores.max(axis=1)


def margins(scores: np.ndarray) -> np.ndarray:
    """Return by how much the best digit is before the second."""
    best = np.sort(class_scores(scores), axis=0)
    return best[-1] - best[-2]


def rank_sum(is_wrong: np.ndarray, doubt: np.ndarray) -> float:
    """Return the area under the curve of a doubt that is to tell what is wrong."""
    ranks = np.argsort(np.argsort(doubt))
    wrong, right = int(is_wrong.sum()), int((~is_wrong).sum())
    return (ranks[is_wrong].sum() - wrong * (wrong - 1) / 2) / max(1, wrong * right)


def told(name: str, shares: list[float]) -> None:
    """Print the mean of some shares, and all of them."""
    print(
        f"    {name}: {np.mean(shares):.1%} ({', '.join(f'{s:.1%}' for s in shares)})", flush=True
    )


def speed(num_pictures: int = 256) -> None:
    """Time templates, and pictures against a hundred of them."""
    data = digits()
    known = draw(data, 0, 10)
    flat = known.reshape(-1, 28, 28)
    templates.parts_of(flat[:1] * 0.999, 2, 11)
    start = process_time()
    templates.parts_of(flat, 2, 11)
    print(f"a template: {10 * (process_time() - start):.1f} ms")
    pictures = data["train_x"][HELD_OUT][:num_pictures]
    log_odds(known, pictures[:16])
    start = process_time()
    log_odds(known, pictures)
    print(f"a picture, 100 templates: {1e3 * (process_time() - start) / num_pictures:.1f} ms")


def few(num_pictures: int = 100, num_poses: int = 9) -> None:
    """Try a hundred pictures in one pose, three and nine; and tell which readings are confused."""
    views = [POSES[k] for k in CHOSEN[num_poses]]
    of_pose = np.array(CHOSEN[num_poses])
    data = digits()
    right: dict[str, list[float]] = {}
    doubted: list[tuple[float, float, float]] = []
    test, truth = data["test_x"][:num_pictures], data["test_y"][:num_pictures]
    held, own = data["train_x"][HELD_OUT][:100], data["train_y"][HELD_OUT][:100]
    for seed in range(NUM_DRAWS):
        known = with_poses(draw(data, seed, 10), views)
        start = process_time()
        there, both = both_ways(known, np.concatenate([held, test]))
        took = (process_time() - start) / (len(held) + num_pictures)
        labels = np.concatenate([own, truth])
        for count, poses in CHOSEN.items():
            if count > num_poses:
                continue
            some = np.isin(of_pose[np.arange(known.shape[1]) % len(views)], poses)
            for name, scores in (("forwards", there[:, some]), ("both ways", both[:, some])):
                is_right = class_scores(scores).argmax(axis=0) == labels
                right.setdefault(f"{count} poses {name}", []).append(is_right[len(held) :].mean())
        # What 15 % of pictures that are not judged have less of.
        least = np.quantile(margins(both)[: len(held)], 0.15)
        wrong = class_scores(both).argmax(axis=0)[len(held) :] != truth
        margin = margins(both)[len(held) :]
        sure = margin >= least
        doubted.append((wrong[sure].mean(), sure.mean(), rank_sum(wrong, -margin)))
        print(
            f"  draw {seed}: {took:.3f} s a picture, {num_poses}00 templates, both ways", flush=True
        )
        for name, shares in right.items():
            told(name, shares)
        print(f"    wrong of those not confused, not confused, area: {doubted}", flush=True)


def many(num_pictures: int = 100) -> None:
    """Try a thousand pictures in one pose."""
    data = digits()
    known, test = draw(data, 0, 100), data["test_x"][:num_pictures]
    there, both = both_ways(known, test)
    for name, scores in (("forwards", there), ("both ways", both)):
        is_right = class_scores(scores).argmax(axis=0) == data["test_y"][:num_pictures]
        told(f"1000 pictures {name}", [is_right.mean()])
    wrong = class_scores(both).argmax(axis=0) != data["test_y"][:num_pictures]
    print(f"    area under the curve of the margin {rank_sum(wrong, -margins(both)):.3f}")


def runs(alphabets: tuple[int, ...], seed: int, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Make runs of twenty characters of an alphabet, by one hand and by another: [20, 105, 105]."""
    data, rng = np.load(DATA / "omniglot_background.npz"), np.random.default_rng(seed)
    drawings = np.unpackbits(data["bits"], axis=-1)[:, : 105 * 105].reshape(-1, 105, 105) > 0
    made: list[tuple[np.ndarray, np.ndarray]] = []
    for k in range(count):
        of = data["alphabet"] == alphabets[k % len(alphabets)]
        some = rng.permutation(np.unique(data["character"][of]))[:20]
        hands = rng.permutation(np.unique(data["drawer"]))[:2]
        one, other = (
            [
                np.flatnonzero(of & (data["character"] == c) & (data["drawer"] == hand))[0]
                for c in some
            ]
            for hand in hands
        )
        made.append((drawings[one], drawings[other]))
    return made


def one_shot(num_runs: int = 10) -> None:
    """Tell characters apart that are known by one drawing each, by ever more points of strokes."""
    text = (EXAMPLES / "one_shot.gm").read_text("utf-8")
    for name, (alphabets, seed) in RUNS.items():
        for num_points in (15, 30, 60, 100):
            own = text.replace(", 60)", f", {num_points})")
            wrong, took, margin, surprisal = [], 0.0, [], []
            for known, new in runs(alphabets, seed, num_runs):
                model = gmlang.compile(own).bind(known=known)
                start = process_time()
                found = model.query(
                    "[P(same(pair, c)) for c in 0..<C]", rows={"new": new}, budget_s=BUDGET_S
                )
                took += process_time() - start
                assert {one.status for one in found} == {"exact"}
                chances = np.array([[p["true"] for p in one.value] for one in found])  # pyright: ignore
                wrong.append((chances.argmax(axis=1) != np.arange(20)).tolist())
                margin += np.sort(chances, axis=1)[:, -1].tolist()
                surprisal += (-np.log(np.maximum(np.diag(chances), 1e-300))).tolist()
            is_wrong = np.ravel(wrong)
            print(
                f"one-shot, alphabets {name}, {num_points} points: {is_wrong.mean():.1%} of "
                f"{is_wrong.size} wrong ({', '.join(f'{np.mean(one):.0%}' for one in wrong)}), "
                f"{1e3 * took / (20 * is_wrong.size):.1f} ms a pair, both ways; "
                f"{np.mean(surprisal):.2f} nats for the right one; area under the curve of the "
                f"best probability {rank_sum(is_wrong, -np.array(margin)):.3f}",
                flush=True,
            )


def main() -> None:
    """Run one part."""
    part, numbers = (sys.argv[1:2] or ["speed"])[0], [int(word) for word in sys.argv[2:]]
    if not DATA.exists():
        print(f"{DATA} is not here")
        return
    {"speed": speed, "digits": few, "many": many, "one_shot": one_shot}[part](*numbers)


if __name__ == "__main__":
    main()
