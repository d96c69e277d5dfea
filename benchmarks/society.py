"""Societies of thousands of models: from the text to what is active, and each further question.

    python benchmarks/society.py [MODELS ...]

Models with names of their own predict 16 of 40 attributes each, 37 of which are observed; and the
same with one family of 400 attributes, whose predictions are rows of data. A tree of windows
between 71 places of 625 states, and the same with eight windows more.
Seconds are of the processor. Beside the first, the log-odds of models are worked out in NumPy by
adding up what each model says of what is observed, where no hidden attribute is predicted.
"""

import sys
from time import process_time

import numpy as np

import gmlang
from gmruntime.answer import Map
from gmruntime.factors.kinds import Table, Window
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock
from gmruntime.inference import infer

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
    windows()
    counts = [int(word) for word in sys.argv[1:]] or [1_000, 10_000]
    for count in counts:
        by_name(count)
    for count in counts:
        as_rows(count)


if __name__ == "__main__":
    main()
