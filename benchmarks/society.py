"""Societies of thousands of models: from the text to what is active, and each further question.

    python benchmarks/society.py [MODELS ...]

Models with names of their own predict 16 of 40 attributes each, 37 of which are observed; and the
same with one family of 400 attributes, whose predictions are rows of data. Seconds are of the
processor. Beside the first, the log-odds of models are worked out in NumPy by adding up what each
model says of what is observed, where no hidden attribute is predicted. Then pictures recalled from
halves of them, and exemplars matched to places.
"""

import sys
from pathlib import Path
from time import process_time

import numpy as np

import gmlang

NUM_ATTRIBUTES, NUM_OBSERVED, NUM_PREDICTED, NUM_STATES = 40, 37, 16, 8

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "society"
DIGITS = Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist_small.npz"

FIELD = """
data dots[96, 96] : bool
data mask[E, 64, 64] : real
entity Field:
    dot[96, 96] : bool
    exemplar : 0..<E
    row : 0..32
    column : 0..32
model hidden(f: Field) prior 0.5:
    for i in 0..<64, j in 0..<64:
        predict f.dot[f.row + i, f.column + j] ~ Bernoulli(0.5 + 0.24 * mask[f.exemplar, i, j])
var scene : Field
consider hidden(scene)
observe scene.dot = dots
"""

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


# --- S11: memory -------------------------------------------------------------------------


def pictures(count: int) -> np.ndarray:
    """Return pictures of 784 pixels: digits where they lie beside the repository, else of chance.

    More than there are digits are these with a twentieth of their pixels changed.
    """
    rng = np.random.default_rng(0)
    if not DIGITS.exists():
        return rng.random((count, 784)) < 0.2
    digits = np.load(DIGITS)["train_x"].reshape(-1, 784) > 127
    parts = [digits]
    while sum(map(len, parts)) < count:
        parts.append(digits ^ (rng.random(digits.shape) < 0.05))
    return np.concatenate(parts)[:count]


def recall(count: int, num_asked: int = 500) -> None:
    """Time how pictures are recalled from their upper halves, and from any halves."""
    stored = pictures(count)
    start = process_time()
    model = gmlang.load(EXAMPLES / "memory.gm")
    model = model.bind(pattern=stored, seen=np.ma.masked_all(784, np.bool_))
    kinds = [type(block.kind).__name__ for block in model.graph().factors]
    print(
        f"{count} pictures: ground in {process_time() - start:.2f} s, factors: {', '.join(kinds)}"
    )
    for halves, hidden in (
        ("upper", np.arange(784) >= 392),
        ("any", np.random.default_rng(1).permutation(784) < 392),
    ):
        asked = stored[:num_asked]
        rows = np.ma.MaskedArray(asked, mask=np.broadcast_to(hidden, asked.shape))
        model.query("MAP(x)", rows={"seen": rows[:1]}, budget_s=60.0, remember=False)
        start = process_time()
        found = model.query("MAP(x)", rows={"seen": rows}, budget_s=600.0)
        took = (process_time() - start) / len(asked)
        right = [
            one.status == "exact" and one.value == {"x": ["true" if on else "false" for on in own]}
            for one, own in zip(found, asked, strict=True)
        ]
        print(f"    from {halves} halves: {np.mean(right):.2%} whole, {1e3 * took:.2f} ms each")


def places(exemplars: int = 560) -> None:
    """Time how exemplars of 64 x 64 pixels are matched to 33 x 33 places of a dotted field."""
    rng = np.random.default_rng(2)
    mask = np.repeat(np.repeat(rng.random((exemplars, 8, 8)) < 0.4, 8, axis=1), 8, axis=2)
    chance = np.full((96, 96), 0.5)
    chance[11:75, 20:84] += 0.24 * mask[3]
    model = gmlang.compile(FIELD)
    for number in range(2):
        dots = rng.random((96, 96)) < chance
        start = process_time()
        bound = model.bind(mask=mask.astype(np.float64), dots=dots)
        found = bound.query("MMAP(scene.exemplar)", budget_s=60.0)
        ground = process_time() - start
        place = bound.query("MMAP(scene.row, scene.column)", budget_s=60.0)
        print(
            f"{exemplars} exemplars, field {number}: {found.value} after {ground:.2f} s, "
            f"{place.value} after {process_time() - start:.2f} s, {found.status}"
        )


def main() -> None:
    counts = [int(word) for word in sys.argv[1:]] or [1_000, 10_000]
    for count in counts:
        by_name(count)
    for count in counts:
        as_rows(count)
    for count in (5_000, 60_000):
        recall(count)
    places()


if __name__ == "__main__":
    main()
