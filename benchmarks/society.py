"""Societies of thousands of models: from the text to what is active, and each further question.

    python benchmarks/society.py [MODELS ...]
    python benchmarks/society.py digits

Models with names of their own predict 16 of 40 attributes each, 37 of which are observed; and the
same with one family of 400 attributes, whose predictions are rows of data. Seconds are of the
processor. Beside the first, the log-odds of models are worked out in NumPy by adding up what each
model says of what is observed, where no hidden attribute is predicted.

`digits` asks examples/society/digits.gm, with 20 prototypes of each digit found by EM in 5 000
pictures of MNIST, about 1 000 others as rows (S5), and how surprising the 2 000 are (S12). Without
../shared/data it is left out.
"""

import sys
from pathlib import Path
from time import process_time

import numpy as np

import gmlang

NUM_ATTRIBUTES, NUM_OBSERVED, NUM_PREDICTED, NUM_STATES = 40, 37, 16, 8

ROWS = """
data start[M] : real
data attr[M, R] : 0..399
data value[M, R] : 0..7
data conf[M, R] : real
data seen[400] : 0..7
entity Thing:
    a[400] : 0..7
model concept(x: Thing, i: 0..<M) prior start[i]:
    for n in 0..<R: predict x.a[attr[i, n]] = value[i, n] @ conf[i, n]
var it : Thing
consider concept(it, i) for i in 0..<M
observe it.a = seen
"""


def named(count: int, rng: np.random.Generator) -> tuple[str, dict[str, float]]:
    """Write a society, and the log-odds of the models that speak of observed attributes alone."""
    seen = rng.integers(NUM_STATES, size=NUM_OBSERVED)
    lines = ["entity Thing:", *(f"    a{k} : 0..7" for k in range(NUM_ATTRIBUTES))]
    odds: dict[str, float] = {}
    for m in range(count):
        prior = round(float(rng.uniform(0.001, 0.05)), 4)
        lines.append(f"model m{m}(x: Thing) prior {prior}:")
        said = float(np.log(prior) - np.log1p(-prior))
        chosen = rng.choice(NUM_ATTRIBUTES, NUM_PREDICTED, replace=False)
        for k in chosen:
            value, c = int(rng.integers(NUM_STATES)), round(float(rng.uniform(0.5, 0.95)), 3)
            lines.append(f"    predict x.a{k} = {value} @ {c}")
            if k < NUM_OBSERVED:
                agrees = seen[k] == value
                said += np.log(c if agrees else (1 - c) / (NUM_STATES - 1)) + np.log(NUM_STATES)
        if chosen.max() < NUM_OBSERVED:
            odds[f"m{m}(it)"] = said
    lines += ["var it : Thing", "consider " + ", ".join(f"m{m}(it)" for m in range(count))]
    lines.append("observe " + ", ".join(f"it.a{k} = {v}" for k, v in enumerate(seen)))
    return "\n".join(lines) + "\n", odds


def by_name(count: int) -> None:
    """Time a society of models with names."""
    text, odds = named(count, np.random.default_rng(0))
    start = process_time()
    model = gmlang.compile(text)
    checked = process_time() - start
    found = model.query("active(it)", budget_s=30.0)
    took = process_time() - start
    print(f"{count} by name: checked in {checked:.2f} s, active after {took:.2f} s, {found.status}")
    value = found.value
    assert isinstance(value, dict)
    chances = {entry["model"]: float(entry["probability"]) for entry in value["models"]}
    gaps = [abs(chances[name] - 1.0 / (1.0 + np.exp(-said))) for name, said in odds.items()]
    print(f"    {len(gaps)} models speak of what is observed alone: off by {max(gaps):.1e} at most")
    for question in ("P(m3(it))", "P(it.a38)", "P(m7(it) | it.a39 = 2)"):
        start = process_time()
        answer = model.query(question, budget_s=30.0)
        print(f"    {question}: {process_time() - start:.3f} s, {answer.status}")


def as_rows(count: int, num_hidden: int = 3) -> None:
    """Time a society whose models are rows of data."""
    rng = np.random.default_rng(1)
    attr = np.stack([rng.choice(400, NUM_PREDICTED, replace=False) for _ in range(count)])
    seen = np.ma.masked_array(
        rng.integers(NUM_STATES, size=400), np.arange(400) >= 400 - num_hidden
    )
    start = process_time()
    model = gmlang.compile(ROWS).bind(
        start=rng.uniform(0.0005, 0.01, count),
        attr=attr,
        value=rng.integers(NUM_STATES, size=attr.shape),
        conf=rng.uniform(0.5, 0.95, attr.shape),
        seen=seen,
    )
    for question in ("P(concept(it, 3))", "P(it.a[398])", "active(it)"):
        answer = model.query(question, budget_s=30.0)
        print(f"{count} as rows: {question} after {process_time() - start:.2f} s, {answer.status}")
        start = process_time()


ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT.parent / "shared" / "data" / "mnist_small.npz"
DIGITS = "[P(any(drawn(img, d, k) for k in 0..<K)) for d in 0..<D]"


def prototypes(pictures: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Fit a mixture of independent pixels by ten rounds of EM; half a picture of each colour."""
    means = 0.2 + 0.6 * pictures[rng.choice(len(pictures), count, replace=False)]
    for _ in range(10):
        logs = pictures @ np.log(means).T + (1 - pictures) @ np.log1p(-means).T
        shares = np.exp(logs - logs.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        means = (shares.T @ pictures + 0.5) / (shares.sum(axis=0)[:, None] + 1)
    return means


def rank_sum(is_wrong: np.ndarray, doubt: np.ndarray) -> float:
    """Return the area under the curve of a doubt that is to tell what is wrong."""
    ranks = np.argsort(np.argsort(doubt))
    wrong, right = int(is_wrong.sum()), int((~is_wrong).sum())
    return (ranks[is_wrong].sum() - wrong * (wrong - 1) / 2) / (wrong * right)


def digits() -> None:
    """Time pictures as rows, and see how often what is not called confused is wrong."""
    if not PICTURES.exists():
        print(f"digits: {PICTURES} is not here")
        return
    data, rng = np.load(PICTURES), np.random.default_rng(0)
    train, test = (data[f"{part}_x"].reshape(-1, 784) > 127 for part in ("train", "test"))
    labels, truth = data["train_y"], data["test_y"]
    proto = np.stack([prototypes(train[labels == d] * 1.0, 20, rng) for d in range(10)])
    model = gmlang.load(ROOT / "examples" / "society" / "digits.gm").bind(proto=proto)
    for when in ("first", "again"):
        start = process_time()
        rows = model.query(DIGITS, rows={"pixels": test[:1000]}, budget_s=120.0, remember=False)
        print(f"1000 pictures as rows, {when}: {process_time() - start:.2f} s, {rows[0].status}")
    alone = [model.bind(pixels=test[r]).query(DIGITS, budget_s=60.0) for r in range(0, 1000, 100)]
    pairs = zip(alone, rows[::100], strict=True)
    gap = max(np.abs(np.subtract(one.value, row.value)).max() for one, row in pairs)
    print(f"    ten of them alone: off by {gap:.1e} at most")
    for by in ("", " using confusion(by=1)"):
        start = process_time()
        found = model.query(f"surprise(img){by}", rows={"pixels": test}, budget_s=600.0)
        took = process_time() - start
        values = [one.value for one in found]
        best = np.array([int(value["best"][0].split(", ")[1]) for value in values])
        confused = np.array([value["confused"] for value in values])
        margins = np.array([value["margin"] for value in values])
        wrong = best != truth
        print(
            f"surprise(img){by} of 2000: {took:.1f} s; {1 - wrong.mean():.1%} right, "
            f"{1 - confused.mean():.1%} not confused, "
            f"of these {wrong[~confused].mean():.2%} wrong; "
            f"area under the curve of the margin {rank_sum(wrong, -margins):.3f}"
        )


def main() -> None:
    if sys.argv[1:] == ["digits"]:
        digits()
        return
    counts = [int(word) for word in sys.argv[1:]] or [1_000, 10_000]
    for count in counts:
        by_name(count)
    for count in counts:
        as_rows(count)


if __name__ == "__main__":
    main()
