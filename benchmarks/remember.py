"""Claim: what is remembered is what would be answered anew, and comes within 50 microseconds.

   python benchmarks/remember.py [--questions 10000] [--data ../shared/data]

A stream of questions about three models: the alarm network, one with many zeros (so that evidence
left out may be impossible), and a society of models. Each question is one of a few hundred scenes
drawn from the model, by Zipf's law: as it was seen, with findings left out (related), or with some
from another scene (shifted). Every answer is compared with one that was worked out without any
memory; numbers may differ by rounding, since a sum is added up in another order where less is
known. Times are those of the processor.
"""

import argparse
import random
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import gmlang

RELATIVE = 1e-9

ZEROS = """
domain Drug = {none, mild, strong}
var age : 0..3 ~ Categorical([0.2, 0.3, 0.3, 0.2])
var flu : bool ~ Bernoulli(0.1)
var cold : bool ~ Bernoulli(0.2)
var either : bool := flu or cold
var fever : bool ~ Bernoulli(0.8 if flu else 0.05)
var cough : bool ~ Bernoulli(0.7 if either else 0.0)
var drug : Drug
drug ~ {none: 0.5, mild: 0.3, strong: 0.2} if either else {none: 1, mild: 0, strong: 0}
var better : bool ~ Bernoulli(0.9 if drug == strong else 0.4)
var dog : bool ~ Bernoulli(0.4)
var barks : bool ~ Bernoulli(0.6 if dog else 0.0)
"""

SOCIETY = """
domain Colour = {red, green, blue}
entity Thing:
    colour : Colour
    big : bool
    round : bool
    rolls : bool
model ball(x: Thing) prior 0.2:
    predict x.round = true @ 0.95
    predict x.rolls = true @ 0.9
    predict x.colour = red @ 0.6
model house(x: Thing) prior 0.1:
    predict x.big = true @ 0.99
    predict x.round = false @ 0.9
    predict x.rolls = false @ 0.999
model toy(x: Thing) prior 0.3:
    predict x.big = false @ 0.95
    predict x.colour = blue @ 0.5
var it : Thing
var other : Thing
prefer it.colour == other.colour weight 0.8
consider ball(it), house(it), toy(it), ball(other), toy(other)
"""


@dataclass(frozen=True)
class World:
    """A model, what may be seen of it, and what may be asked."""

    name: str
    text: str
    findings: int
    hidden: tuple[str, ...] = ()
    kinds: tuple[str, ...] = (
        "P({a})",
        "P({a}, {b})",
        "MAP()",
        "MAP({a})",
        "logZ()",
        "sample(3, {a})",
    )


@dataclass
class Tally:
    """What came of a stream."""

    differing: list[str] = field(default_factory=list)
    hits: list[float] = field(default_factory=list)
    found_again: list[float] = field(default_factory=list)
    at_once: list[float] = field(default_factory=list)
    misses: list[float] = field(default_factory=list)
    longer: list[float] = field(default_factory=list)
    fresh: dict[str, tuple[gmlang.Answer, float]] = field(default_factory=dict)


def model_of(world: World, data: Path) -> gmlang.Model:
    """Read or compile the model."""
    return gmlang.compile(world.text) if world.text else gmlang.load(data / "bif" / "alarm.bif.gz")


def stream(world: World, model: gmlang.Model, number: int, rng: random.Random) -> list[str]:
    """Write questions: repeated, related and shifted."""
    names = [named.name for named in model.names() if not named.variables.shape]
    scenes = model.query("sample(300)", budget_s=60).value
    chosen = rng.sample(names, min(len(names), world.findings + 4))
    seen, asked = chosen[: world.findings], chosen[world.findings :]
    weights = [1 / k for k in range(1, len(scenes) + 1)]
    texts: list[str] = []
    for scene in rng.choices(scenes, weights, k=number):
        state = {name: scene[name] for name in seen}
        way = rng.random()
        if way < 0.3:
            for name in rng.sample(seen, rng.randint(1, 2)):
                del state[name]
        elif way < 0.5:
            for name in rng.sample(seen, rng.randint(1, 2)):
                state[name] = rng.choice(scenes)[name]
        first, second = rng.sample(asked, 2)
        kind = rng.choice(world.kinds).format(a=first, b=second)
        given = ", ".join(f"{name} = {value}" for name, value in state.items())
        texts.append(f"{kind[:-1]} | {given})".replace("( |", "(|") if given else kind)
    return texts


def same(one: object, other: object) -> bool:
    """Say whether two values of answers are the same but for rounding."""
    match one, other:
        case float(), float():
            return one == other or abs(one - other) <= RELATIVE * max(1.0, abs(one), abs(other))
        case dict(), dict():
            return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
        case list(), list():
            return len(one) == len(other) and all(map(same, one, other))
        case _:
            return one == other


def ask(model: gmlang.Model, text: str, **how: object) -> tuple[gmlang.Answer, float]:
    """Ask, and return the seconds of the processor."""
    start = time.process_time()
    answer = model.query(text, budget_s=60, **how)
    return answer, time.process_time() - start


def go(model: gmlang.Model, texts: list[str], anew: gmlang.Model, tally: Tally) -> None:
    """Ask a stream, and compare each answer with one that was worked out."""
    known: set[str] = set()
    for text in texts:
        if text not in tally.fresh:
            tally.fresh[text] = ask(anew, text, remember=False)
        fresh, seconds = tally.fresh[text]
        answer, taken = ask(model, text)
        if "remembered" not in answer.note:
            tally.misses.append(seconds)
            tally.longer.append(taken / seconds)
        elif text in known:
            tally.hits.append(taken)
            tally.at_once.append(ask(model, text)[1])
        else:
            tally.found_again.append(taken)
        known.add(text)
        is_same = answer.status == fresh.status and same(answer.value, fresh.value)
        if not is_same or not same(answer.log_upper, fresh.log_upper):
            tally.differing.append(text)


def row(name: str, seconds: list[float]) -> str:
    """Write how many there were, and their median and 95th percentile."""
    if not seconds:
        return f"{name} 0"
    last = sorted(seconds)[int(0.95 * len(seconds))]
    return f"{name} {len(seconds)}: {statistics.median(seconds) * 1e6:.0f}, {last * 1e6:.0f} us"


def on_disk(world: World, data: Path, texts: list[str], tally: Tally) -> str:
    """Ask some of a stream twice, with a folder and a model of its own each time."""
    taken: list[float] = []
    differing = 0
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(2):
            model = model_of(world, data)
            model.query(texts[0], remember=False)
            for text in dict.fromkeys(texts[:400]):
                answer, seconds = ask(model, text, remember=folder)
                fresh, _ = tally.fresh[text]
                differing += not same(answer.value, fresh.value)
                if turn and "remembered" in answer.note:
                    taken.append(seconds)
    return f"on disk: {row('found', taken)}; differing {differing}"


def main() -> None:
    """Go through the models."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=10_000)
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    models = ("P({a})", "MAP()", "logZ()", "P({a}, {b})", "why({a})", "active(it)", "best(3)")
    worlds = (
        (World("alarm", "", 15), 0.4),
        (World("zeros", ZEROS, 6), 0.3),
        (World("society", SOCIETY, 5, kinds=models), 0.3),
    )
    for world, part in worlds:
        anew = model_of(world, options.data)
        texts = stream(world, anew, int(part * options.questions), rng)
        tally = Tally()
        model = model_of(world, options.data)
        go(model, texts, anew, tally)
        print(f"{world.name}: {len(texts)} questions, {len(tally.fresh)} of them distinct")
        print(f"  differing {len(tally.differing)} {tally.differing[:3]}")
        rows = (
            ("same text", tally.hits),
            ("same text at once again", tally.at_once),
            ("related", tally.found_again),
            ("anew", tally.misses),
        )
        print("  " + "; ".join(row(name, seconds) for name, seconds in rows))
        if tally.hits and tally.misses:
            ratio = statistics.median(tally.misses) / statistics.median(tally.hits)
            longer = statistics.median(tally.longer)
            print(f"  anew / same text: {ratio:.0f}; kept {model.memory.num_bytes >> 10} KiB")
            print(f"  what is not remembered takes {longer:.2f} times as long as without a memory")
        print("  " + on_disk(world, options.data, texts, tally))


if __name__ == "__main__":
    main()
