"""Parameters of a Bayesian network from cases with empty cells: gmlang beside pyAgrum.

    python benchmarks/learning.py DATA [NETWORK] [ROWS ...]
    python benchmarks/learning.py DATA coverage
    python benchmarks/learning.py DATA online

DATA is a folder with NETWORK.bif.gz. Cases are drawn from the network, a fifth of their cells
emptied; the figures are of all of learning, files read and programs checked, and of one round. Both
learners start knowing nothing, with one imaginary case for each distribution (pyAgrum: its own
smoothing, weight 1); held-out scores are gmlang's, of tables that either found.
"""

import gzip
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

import gmlang
from gmlang.data.settings import read_file

EMPTY = 0.2
NUM_HELD_OUT = 2000


def learnable(text: str) -> str:
    """Turn a network's program with its tables as data into one that learns them."""
    text = re.sub(r"^data (P_\w+)(\[[^]]*\]) : real$", r"param \1\2 : simplex", text, flags=re.M)
    return "data cases : rows\n" + text + "\nlearn params from cases\n"


def drawn(model: gmlang.Model, count: int, seed: int) -> dict[str, list[str]]:
    """Draw cases from a network."""
    values = model.query(f"sample({count})", seed=seed, budget_s=60).value
    assert isinstance(values, list)
    return {name: [row[name] for row in values] for name in values[0]}


def emptied(
    cases: dict[str, list[str]], rng: np.random.Generator, part: float = EMPTY
) -> dict[str, list[str]]:
    """Leave out a part of the cells."""
    return {
        name: [
            cell if seen else ""
            for cell, seen in zip(cells, rng.random(len(cells)) > part, strict=True)
        ]
        for name, cells in cases.items()
    }


def write(path: Path, cases: dict[str, list[str]], missing: str) -> None:
    rows = zip(*cases.values(), strict=True)
    lines = [",".join(cases), *(",".join(cell or missing for cell in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def score(program: str, values: dict[str, np.ndarray], cases: dict[str, list[str]]) -> float:
    model = gmlang.compile(program).bind(**values)
    return float(model.log_likelihood(cases=cases).mean())


def theirs(
    bif: Path, folder: Path, cases: dict[str, list[str]], model: gmlang.Model
) -> tuple[float, int, dict[str, np.ndarray]]:
    """Learn with pyAgrum; return seconds, rounds and the tables by the program's names."""
    import pyagrum

    net = pyagrum.loadBN(str(bif))
    path = folder / "theirs.csv"
    write(path, cases, "?")
    start = perf_counter()
    learner = pyagrum.BNLearner(str(path), net, ["?"])
    learner.useSmoothingPrior(1.0)
    learner.useEMWithRateCriterion(1e-4)
    found = learner.learnParameters(net.dag())
    seconds = perf_counter() - start
    return seconds, learner.EMnbrIterations(), tables_of(found, net, model)


def tables_of(found, net, model: gmlang.Model) -> dict[str, np.ndarray]:
    """Return learned tables in the order of the program's parents and states."""
    program = model.checked.program
    text = program.span.source.text
    tables: dict[str, np.ndarray] = {}
    for name, parents in re.findall(r"^(\w+) ~ Categorical\(P_\w+(?:\[([^]]*)\])?\)", text, re.M):
        order = [p.strip() for p in parents.split(",") if p.strip()]
        cpt = found.cpt(name)
        names = list(reversed(cpt.names))
        array = np.asarray(cpt.toarray())
        wanted = [names.index(n) for n in (*order, name)]
        array = array.transpose(wanted)
        for axis, variable in enumerate((*order, name)):
            labels = list(net.variable(variable).labels())
            states = next(s.states for s in model.names() if s.name == variable).labels
            array = np.take(array, [labels.index(s) for s in states], axis=axis)
        tables[f"P_{name}"] = array
    return tables


def process_s(folder: Path, program: str, rows: Path) -> float:
    """Time `gmlang learn` as a whole process."""
    (folder / "net.gm").write_text(program, "utf-8")
    command = [sys.executable, "-m", "gmlang", "learn", str(folder / "net.gm")]
    start = perf_counter()
    subprocess.run([*command, "--data", f"cases={rows}", "--json"], check=True, capture_output=True)
    return perf_counter() - start


def network_of(data: Path, folder: Path, name: str) -> tuple[Path, gmlang.Model]:
    bif = folder / f"{name}.bif"
    bif.write_bytes(gzip.decompress((data / f"{name}.bif.gz").read_bytes()))
    return bif, gmlang.load(bif)


def coverage(data: Path, folder: Path) -> None:
    """Count how many intervals of 95 % hold the truth: 60 times 3000 cases of cancer."""
    _, network = network_of(data, folder, "cancer")
    text = network.checked.program.span.source.text
    model = gmlang.compile(learnable(text).replace(": simplex", ": simplex ~ Dirichlet(0.5)"))
    world = network.session().world.data
    truth = {name: np.asarray(world[name]) for name in re.findall(r"data (P_\w+)", text)}
    inside: list[bool] = []
    for seed in range(60):
        cases = emptied(drawn(network, 3000, seed), np.random.default_rng(1000 + seed), 0.3)
        learned = model.learn(cases=cases)
        for name, value in truth.items():
            low, high = learned.interval(name)
            inside += np.ravel(((low < value) & (value < high))[..., 0]).tolist()
    print(f"cancer: {np.mean(inside):.1%} of {len(inside)} intervals hold the truth")


def online(data: Path, folder: Path) -> None:
    """Learn alarm from 100 rows, add 9900, and compare with all of them learned together."""
    _, network = network_of(data, folder, "alarm")
    program = learnable(network.checked.program.span.source.text)
    held = emptied(drawn(network, NUM_HELD_OUT, 1), np.random.default_rng(101))
    cases = emptied(drawn(network, 10_000, 0), np.random.default_rng(100))
    model = gmlang.compile(program)
    whole = model.learn(cases=cases, budget_s=300)
    print(f"alarm, 10 000 rows together: held out {score(program, dict(whole.values), held):.4f}")
    for batch in (100, 10):
        first = model.learn(cases={name: cells[:100] for name, cells in cases.items()})
        start = process_time()
        more = {name: cells[100:] for name, cells in cases.items()}
        found = first.add(cases=more, batch=batch, budget_s=300)
        seconds = process_time() - start
        mine = score(program, dict(found.values), held)
        print(
            f"alarm, 100 rows and 9900 added, {batch} at a time: held out {mine:.4f}, "
            f"{seconds:.1f} s of processor time",
            flush=True,
        )


def main() -> None:
    data, name = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "alarm"
    sizes = [int(text) for text in sys.argv[3:]] or [1000, 10_000]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if name in ("coverage", "online"):
            {"coverage": coverage, "online": online}[name](data, folder)
            return
        bif, network = network_of(data, folder, name)
        program = learnable(network.checked.program.span.source.text)
        # Not the seeds of the draws: cells would be emptied by what is in them.
        held = emptied(drawn(network, NUM_HELD_OUT, 1), np.random.default_rng(101))
        for size in sizes:
            cases = emptied(drawn(network, size, 0), np.random.default_rng(100))
            path = folder / "cases.csv"
            write(path, cases, "")
            model = gmlang.compile(program)
            model.learn(cases=read_file("cases", str(path)), budget_s=120)
            start, cpu = perf_counter(), process_time()
            learned = model.learn(cases=read_file("cases", str(path)), budget_s=120)
            seconds, cpu = perf_counter() - start, process_time() - cpu
            mine = score(program, dict(learned.values), held)
            whole = process_s(folder, program, path)
            print(
                f"{name}, {size} rows: gmlang {seconds:.2f} s ({cpu:.2f} s of CPU), "
                f"{learned.rounds} rounds, {seconds / learned.rounds * 1e3:.0f} ms each, "
                f"{learned.status}, held out {mine:.4f}; the command {whole:.2f} s",
                flush=True,
            )
            if size <= 1000:
                other_s, rounds, tables = theirs(bif, folder, cases, network)
                other = score(program, tables, held)
                print(
                    f"{name}, {size} rows: pyAgrum {other_s:.2f} s, {rounds} rounds, "
                    f"held out {other:.4f}: {other_s / seconds:.0f} times",
                    flush=True,
                )


if __name__ == "__main__":
    main()
