"""Societies that perceive: each part of what is promised, one by one or all of them.

    python benchmarks/society.py [PART [NUMBER ...]]

Seconds are of the processor, after grounding where nothing else is said.

- `named`: models with names of their own predict 16 of 40 attributes each, 37 of which are
  observed, from the text to what is active and each further question; and the same with one family
  of 400 attributes, whose predictions are rows of data. Beside the first, the log-odds of models
  are worked out in NumPy by adding up what each model says of what is observed, where no hidden
  attribute is predicted. Numbers: how many models.
- `waking` considers all about a thing: of 400 attributes four are hidden, six models made the rest,
  each predicts 3 to 30. Who is awake, whether everybody with P > 0.01 is found, eps beside the
  largest error of a belief, whether the MAP is that of all; ten things. Numbers: how many models.
- `covers`: sites that several models cover, against the formula.
- `memory`: pictures recalled from halves of them, and exemplars matched to places.
- `windows`: a tree of windows between 71 places of 625 states, and the same with eight more.
- `camouflage`: animals hidden in fields of dots, half an hour, only where asked for.
- `digits` asks examples/society/digits.gm, with 20 prototypes of each digit found by EM in 5 000
  pictures of MNIST, about 1 000 others as rows, and how surprising 2 000 are.

Parts whose pictures lie in ../shared/data are left out without them.
"""

import sys
from pathlib import Path
from time import process_time

import numpy as np
from society_camouflage import camouflage
from society_covers import covers

import gmlang
from gmruntime.answer import Map
from gmruntime.factors.kinds import Table, Window
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock
from gmruntime.inference import infer

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


def library(count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw models: what each predicts, how surely, and how likely it is."""
    width = 30
    said = np.arange(width) < rng.integers(3, width + 1, count)[:, None]
    return {
        "start": np.minimum(0.05, rng.uniform(0.2, 2, count) * 20 / count),
        "attr": np.argsort(rng.random((count, 400), np.float32), axis=1)[:, :width],
        "value": rng.integers(NUM_STATES, size=said.shape),
        "conf": np.ma.masked_array(rng.uniform(0.3, 0.95, said.shape), ~said),
    }


def made_by(drawn: dict[str, np.ndarray], num_hidden: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a thing that six of the models made, some of it hidden."""
    logs = np.zeros((400, NUM_STATES))
    for model in rng.choice(len(drawn["start"]), 6, replace=False):
        conf = drawn["conf"][model]
        for place in np.flatnonzero(~np.ma.getmaskarray(conf)):
            c, row = float(conf[place]), logs[drawn["attr"][model, place]]
            row += np.log((1 - c) / (NUM_STATES - 1) * NUM_STATES)
            row[drawn["value"][model, place]] += np.log(c * (NUM_STATES - 1) / (1 - c))
    chances = np.exp(logs - logs.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    seen = (chances.cumsum(axis=1) > rng.random((400, 1))).argmax(axis=1)
    return np.ma.masked_array(seen, rng.permutation(400) < num_hidden)


def waking(count: int, num_things: int = 10) -> None:
    """Time the awake beside all, and compare what they say."""
    rng = np.random.default_rng(7)
    num_hidden = 4 if count <= 10_000 else 2
    drawn = library(count, rng)
    text = ROWS.replace("consider concept(it, i) for i in 0..<M", "consider all about it")
    program = gmlang.compile(text).bind(**drawn)
    shares, took, slowest, errors, eps, found, proved = [], [], [], [], [], [], []
    for _ in range(num_things):
        seen = made_by(drawn, num_hidden, rng)
        model = program.bind(seen=seen)
        model.graph()
        hidden = ", ".join(f"P(it.a[{k}])" for k in np.flatnonzero(seen.mask))
        start = process_time()
        answer = model.query(f"[{hidden}]", budget_s=30.0, remember=False)
        took.append(process_time() - start)
        start = process_time()
        best = model.query("MAP()", budget_s=30.0, remember=False)
        slowest.append(process_time() - start)
        log = model.query("woke(it)", budget_s=30.0).value
        assert isinstance(log, dict)
        assert answer.status in ("exact", "bounded")
        shares.append(log["awake"] / count)
        eps.append(log["eps"])
        proved.append(best.status == "exact")
        if count > 10_000:
            continue
        whole = model.query(f"[{hidden}] using wake(off)", budget_s=120.0)
        every = model.query("[P(concept(it, i)) for i in 0..<M] using wake(off)", budget_s=120.0)
        assert whole.status == every.status == "exact"
        pairs = zip(answer.value, whole.value, strict=True)  # pyright: ignore[reportArgumentType]
        errors.append(max(abs(a[k] - b[k]) for a, b in pairs for k in b))
        chances = np.array([row["true"] for row in every.value])  # pyright: ignore[reportGeneralTypeIssues]
        active = model.query("active(it)", budget_s=30.0).value
        assert isinstance(active, dict)
        known = {entry["model"] for entry in active["models"]}
        likely = np.flatnonzero(chances > 0.01)
        found.append(all(f"concept(it, {i})" in known for i in likely))
    print(f"{count} models, {num_hidden} of 400 hidden, {num_things} things")
    print(f"    awake {np.mean(shares):.2%}, {max(shares):.2%} at most; ε {max(eps):.1e} at most")
    if errors:
        held = sum(error <= bound for error, bound in zip(errors, eps, strict=True))
        print(f"    largest error {max(errors):.1e}, within ε {held} of {len(eps)} times")
        print(f"    everybody with P > 0.01 found {sum(found)} of {len(found)} times")
    print(f"    MAP exact {sum(proved)} of {len(proved)} times, {np.median(slowest):.3f} s")
    print(f"    beliefs {np.median(took):.3f} s, {max(took):.3f} s at most")


# --- Memory ------------------------------------------------------------------------------


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


ASKED = "[P(any(drawn(img, d, k) for k in 0..<K)) for d in 0..<D]"


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
    if not DIGITS.exists():
        print(f"digits: {DIGITS} is not here")
        return
    data, rng = np.load(DIGITS), np.random.default_rng(0)
    train, test = (data[f"{part}_x"].reshape(-1, 784) > 127 for part in ("train", "test"))
    labels, truth = data["train_y"], data["test_y"]
    proto = np.stack([prototypes(train[labels == d] * 1.0, 20, rng) for d in range(10)])
    model = gmlang.load(EXAMPLES / "digits.gm").bind(proto=proto)
    for when in ("first", "again"):
        start = process_time()
        rows = model.query(ASKED, rows={"pixels": test[:1000]}, budget_s=120.0, remember=False)
        print(f"1000 pictures as rows, {when}: {process_time() - start:.2f} s, {rows[0].status}")
    alone = [model.bind(pixels=test[r]).query(ASKED, budget_s=60.0) for r in range(0, 1000, 100)]
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


def windowed(num_parts: int, num_extra: int, rng: np.random.Generator) -> FactorGraph:
    """Draw a template: parts with evidence of -1 and 1, windows that make a tree, and some more."""
    side = 25
    evidence = rng.integers(-1, 2, (num_parts, side * side)).astype(float)
    ends = [(k, int(rng.integers(k))) for k in range(1, num_parts)]
    ends += [tuple(rng.choice(num_parts, 2, replace=False).tolist()) for _ in range(num_extra)]
    reach = rng.integers(1, 6, len(ends))
    parts = np.arange(num_parts, dtype=np.int32)[:, None]
    return FactorGraph(
        (VariableBlock("at", (num_parts,), side * side),),
        (
            FactorBlock(Table(evidence), parts),
            FactorBlock(Window(side, side, reach, reach), np.array(ends, np.int32)),
        ),
    )


def windows() -> None:
    """Time maxima over windows, in a tree and around circles."""
    rng = np.random.default_rng(2)
    tree = windowed(71, 0, rng)
    times: list[float] = []
    for _ in range(30):
        start = process_time()
        found = infer(tree, Map())
        times.append(process_time() - start)
    print(
        f"71 places of 625 states, a tree: least {1e3 * min(times):.2f} ms, "
        f"median {1e3 * float(np.median(times)):.2f} ms, {found.quality.status.value}"
    )
    for number in range(3):
        start = process_time()
        found = infer(windowed(71, 8, rng), Map(), budget_s=10.0)
        gap = found.log_upper - float(found.log_scores.max(initial=-np.inf))
        took = process_time() - start
        status = found.quality.status.value
        print(f"    with 8 windows more, {number}: {took:.2f} s, {status}, {gap:.2g} nats open")


def main() -> None:
    """Run one part, or all."""
    part, numbers = (sys.argv[1:2] or [""])[0], [int(word) for word in sys.argv[2:]]
    if part in ("", "named"):
        for count in numbers or [1_000, 10_000]:
            by_name(count)
            as_rows(count)
    if part in ("", "waking"):
        for count in numbers or [10_000, 100_000]:
            waking(count, 10 if count <= 10_000 else 3)
    if part in ("", "covers"):
        covers()
    if part in ("", "memory"):
        for count in (5_000, 60_000):
            recall(count)
        places()
    if part in ("", "windows"):
        windows()
    if part in ("", "digits"):
        digits()
    if part == "camouflage":
        camouflage(*map(float, sys.argv[2:3]))


if __name__ == "__main__":
    main()
