"""Random societies of two things, and what compatibility means for them, by enumeration."""

import math
import random
from dataclasses import dataclass, replace

import numpy as np

from gmlang.syntax import ast
from tests.support import interpreter as naive
from tests.support import reading
from tests.support.interpreter import Meaning, Place
from tests.support.numbers import log_sum
from tests.support.worlds import Plain, listed


def declarations(rng: random.Random) -> str:
    """Write an entity and models about it: of one thing, of two, with values, composed."""
    c = [round(rng.uniform(0.05, 0.97), 2) for _ in range(8)]
    strong = rng.choice(["0.999999", "1e-9", "0.5", "0.8"])
    lines = [
        "domain Hat = {red, green}",
        "entity Being:",
        f"    hat : Hat{rng.choice([' base {red: 1, green: 3}', ''])}",
        "    at[2] : bool",
        f"model tall(x: Being) prior {c[0]}:",
        f"    predict x.hat = red @ {rng.choice([str(c[1]), strong])}",
        rng.choice([f"    predict x.at[1] = true @ {c[2]}", "    factor 0.7 * x.at[1]"]),
        f"model loud(x: Being, i: 0..1) prior {c[3]}:",
        f"    predict x.at[i] ~ Bernoulli({c[4]}) @ 0.9",
        rng.choice(
            ["    prefer x.hat == red weight 0.6", "    constraint x.at[i] or x.hat == red"]
        ),
        "model near(x: Being, y: Being):",
        rng.choice(["    prefer x.hat == y.hat weight 1.1", "    constraint x.at[0] == y.at[0]"]),
        "model leader(x: Being) prior 0.2:",
        rng.choice(
            ["    use tall(x)", "    use tall(x) except x.hat", "    predict tall(x) @ 0.8"]
        ),
        rng.choice(["    predict not loud(x, 0) @ 0.7", "    use loud(x, 1)"]),
        "model shy(x: Being) prior 0.3:",
        f"    predict x.hat = green @ {c[5]}",
        rng.choice(
            [
                f"    if x.at[0]:\n        predict x.at[1] = true @ {c[6]}\n"
                f"    else:\n        predict x.at[1] = false @ {c[7]}",
                f"    match x.hat:\n        red:\n            predict x.at[0] = true @ {c[6]}\n"
                "        green:\n            factor 0.5",
                "    predict x.at[1] = x.at[0] @ 0.8",
            ]
        ),
        rng.choice(["model pair = tall shy soft", "model pair = tall shy prior 0.3 soft"]),
    ]
    return "\n".join(lines) + "\n"


def society(rng: random.Random) -> str:
    """Write a program about two things."""
    lines = ["var it : Being", "var that : Being"]
    one = ["tall(it)", "loud(it, i) for i in 0..1", "leader(it)", "shy(it)", "pair(it)"]
    two = ["near(it, that)", "shy(that)", "tall(that)"]
    lines.append(f"consider {', '.join([rng.choice(one), rng.choice(two)])}")
    for _ in range(rng.randint(1, 2)):
        lines.append(
            rng.choice(
                [
                    "observe it.at[0] = true",
                    "observe that.hat = red",
                    "prefer it.hat != that.hat weight 0.8",
                    "constraint it.at[1] or that.at[1]",
                    "observe it.hat like {red: 0.7, green: 0.2}",
                ]
            )
        )
    return declarations(rng) + "\n".join(lines) + "\n"


# --- Compatibility -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A thing on which models may stand, for each group of them its own worlds."""

    declared: str

    def read(self, models: tuple[str, ...]) -> Meaning:
        """Take the program apart in which only these models are considered."""
        considered = f"consider {', '.join(f'{name}(s)' for name in models)}\n"
        return reading.read_text(f"{self.declared}var s : Being\n{considered}")

    def log_z(self, models: tuple[str, ...], hidden: frozenset[Place]) -> float:
        """Return log Z with these models active, relative to the base and to their priors."""
        meaning = replace(self.read(models), hidden=hidden)
        active = {part for name in models for part in _basic(meaning, ("model", name, ("s",)))}
        worlds: Plain = listed(meaning)
        scores = [
            score
            for world, score in zip(worlds.worlds, worlds.scores, strict=True)
            if score is not None and all(world[place] for place in active)
        ]
        prior = sum(math.log(naive.prior(meaning, place)) for place in active)
        return log_sum(np.array(scores)) - prior - _log_base(meaning)

    def compatibility(self, models: tuple[str, ...], hidden: frozenset[Place]) -> float:
        """Return what models are worth together, less what they are worth alone."""
        alone = [self.log_z((name,), hidden) for name in models]
        return self.log_z(models, hidden) - sum(alone)


def _basic(meaning: Meaning, place: Place) -> list[Place]:
    model = meaning.models[str(place[1])]
    if isinstance(model, ast.Composite) and model.prior is None:
        return [p for part in naive.parts(meaning, place) for p in _basic(meaning, part)]
    return [place]


def _log_base(meaning: Meaning) -> float:
    """Return the log of what attributes without a base weigh: each of their states counts 1."""
    free = [p for p in meaning.domains if p[0] != "model" and p not in meaning.bases]
    return sum(math.log(len(meaning.domains[p])) for p in free)


def sites(meaning: Meaning) -> dict[str, Place]:
    """Name what predictions may be about, as `blame` does."""
    found: dict[str, Place] = {}
    for place in meaning.domains:
        match place:
            case ("attr", _, name, index):
                assert isinstance(index, tuple)
                found[f"{name}[{', '.join(map(str, index))}]" if index else str(name)] = place
            case (_, name, (_, *values)):
                found[f"{name}({', '.join(map(str, values))})" if values else str(name)] = place
            case _:
                continue
    return found
