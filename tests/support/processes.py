"""Processes, as naively as they can be run: matrices over steps and slots spent, forwards and back.

A process is a list of steps; a step a list of alternatives (condition, skip, call), where a
condition is (number of a boolean, wanted) or None, and a call is (act, shortest, longest) or a
process of its own with its stall: (steps, stall).
"""

import random
from dataclasses import dataclass
from typing import Any

import numpy as np

NUM_ACTS = 4
CLEAR = 0.8


@dataclass
class Written:
    """A program with a process, and how it is run.

    Attributes:
        text: of the program; its process is `main(k)`, its slots are T.
        steps, stall: of the process.
        begins: the probability of beginning in each slot; None in the first.
        conditions: the probability of each boolean, in any slot.
        prior: of the process.
    """

    text: str
    steps: list[Any]
    stall: float
    begins: float | None
    conditions: list[float]
    prior: float


def written(rng: random.Random, slots: int) -> Written:
    """Write a program with a process, at random."""
    conditions = [round(rng.uniform(0.2, 0.8), 2) for _ in range(2)]
    inner, inner_lines, inner_stall = _steps(rng, "inner", None)
    steps, lines, stall = _steps(rng, "main", (inner, inner_stall))
    begins = round(rng.uniform(0.2, 0.9), 2) if rng.random() < 0.4 else None
    prior = round(rng.uniform(0.2, 0.8), 2)
    text = [
        f"data T = {slots}",
        f"data seen[T] : 0..{NUM_ACTS - 1}",
        "entity Kitchen:",
        *(f"    c{k}[T] : bool" for k in range(len(conditions))),
        f"    act[T] : 0..{NUM_ACTS - 1}",
        f"model does(k: Kitchen, t: 0..<T, a: 0..{NUM_ACTS - 1}) prior 0:",
        f"    predict k.act[t] = a @ {CLEAR}",
        "model inner(k: Kitchen, a: 0..9) over t in 0..<T prior 0:",
        *inner_lines,
        f"model main(k: Kitchen) over t in 0..<T prior {prior}:",
        *lines,
        *([] if begins is None else [f"    start {begins}"]),
        "var k : Kitchen",
        *(f"for t in 0..<T: k.c{n}[t] ~ Bernoulli({p})" for n, p in enumerate(conditions)),
        "consider main(k)",
        "observe k.act = seen",
    ]
    return Written("\n".join(text) + "\n", steps, stall, begins, conditions, prior)


def _steps(rng: random.Random, name: str, within: Any) -> tuple[list[Any], list[str], float]:
    steps, lines = [], []
    for place in range(rng.randint(1, 3 if name == "inner" else 4)):
        condition = (rng.randrange(2), rng.random() < 0.5) if rng.random() < 0.4 else None
        step, texts = [], []
        for wanted in (True, False)[: 1 + (condition is not None and rng.random() < 0.5)]:
            own = None if condition is None else (condition[0], condition[1] == wanted)
            call, text = _call(rng, within)
            skip = round(rng.uniform(0.1, 0.6), 2) if rng.random() < 0.3 else 0.0
            step.append((own, skip, call))
            texts.append(text + (f" skip {skip}" if skip else ""))
        line = texts[0]
        if condition is not None:
            line = f"if {'' if condition[1] else 'not '}k.c{condition[0]}[t]: {line}"
        line += f" else: {texts[1]}" if len(texts) > 1 else ""
        lines.append(f"    {'then ' if place else ''}{line}")
        steps.append(step)
    stall = round(rng.uniform(0.1, 0.5), 2) if rng.random() < 0.5 else 0.0
    return steps, [*lines, *([f"    stall {stall}"] if stall else [])], stall


def _call(rng: random.Random, within: Any) -> tuple[Any, str]:
    if within is not None and rng.random() < 0.25:
        return within, "inner(k, 2, t)"
    act, shortest = rng.randrange(NUM_ACTS), rng.randint(1, 2)
    longest = shortest + rng.randint(0, 2)
    lasting = f" lasting {shortest}..{longest}" if longest > shortest else f" lasting {shortest}"
    return (act, shortest, longest), f"does(k, t, {act})" + (lasting if longest > 1 else "")


# --- Run ---------------------------------------------------------------------------------


class Machine:
    """The states of a process: (0, 0) waiting, (step, slots spent), (last, 0) done."""

    def __init__(self, of: Written) -> None:
        """List the states."""
        self.of = of
        self.leaves: list[tuple[Any, float, list[Any]]] = []
        self._flatten(of.steps, of.stall, [])
        self.states = [(0, 0)]
        for number, ((_, _, longest), _, _) in enumerate(self.leaves, 1):
            self.states += [(number, e) for e in range(1, longest + 1)]
        self.states.append((len(self.leaves) + 1, 0))
        self.at = {state: k for k, state in enumerate(self.states)}

    def _flatten(self, steps: list[Any], stall: float, around: list[Any]) -> None:
        for place, step in enumerate(steps):
            for which, (_, _, call) in enumerate(step):
                path = [*around, (steps, place + 1, which)]
                if len(call) == 3:
                    self.leaves.append((call, stall, path))
                else:
                    self._flatten(call[0], call[1], path)

    def _number(self, steps: list[Any], place: int, which: int, path: list[Any]) -> int:
        """Find a call by where it stands: the same text may run twice."""
        path = [*path, (steps, place + 1, which)]
        for number, (_, _, own) in enumerate(self.leaves, 1):
            pairs = zip(own, path, strict=False)
            if len(own) == len(path) and all(a[0] is b[0] and a[1:] == b[1:] for a, b in pairs):
                return number
        raise AssertionError

    def enter(self, path: list[Any], p: float, truth: tuple[bool, ...], row: np.ndarray) -> None:
        """Add to a row where the process goes whose turn is the last of a path."""
        if p == 0:
            return
        (steps, place, _), around = path[-1], path[:-1]
        if place == len(steps):
            if around:
                self.enter(around, p, truth, row)
            else:
                row[-1] += p
            return
        for which, (condition, skip, call) in enumerate(steps[place]):
            if condition is not None and truth[condition[0]] != condition[1]:
                continue
            begins = p * (1 - skip)
            if len(call) == 3:
                row[self.at[self._number(steps, place, which, around), 1]] += begins
            else:
                inner = [*around, (steps, place + 1, which), (call[0], 0, 0)]
                self.enter(inner, begins, truth, row)
            p -= begins
        self.enter([*around, (steps, place + 1, 0)], p, truth, row)

    def move(self, truth: tuple[bool, ...]) -> np.ndarray:
        """Return the matrix of one slot to the next, of an active process."""
        found = np.zeros((len(self.states), len(self.states)))
        begins = self.of.begins or 0.0
        found[0, 0] = 1 - begins
        self.enter([(self.of.steps, 0, 0)], begins, truth, found[0])
        found[-1, -1] = 1
        for k, (number, spent) in enumerate(self.states[1:-1], 1):
            (_, shortest, longest), stall, path = self.leaves[number - 1]
            leave = 0.0 if spent < shortest else (1 - stall) / (longest - spent + 1)
            found[k, self.at[number, min(spent + 1, longest)]] += 1 - leave
            self.enter(path, leave, truth, found[k])
        return found

    def begin(self, truth: tuple[bool, ...]) -> np.ndarray:
        """Return the probabilities of the states of an active process in the first slot."""
        row, begins = np.zeros(len(self.states)), self.of.begins
        row[0] = 0.0 if begins is None else 1 - begins
        self.enter([(self.of.steps, 0, 0)], 1.0 if begins is None else begins, truth, row)
        return row


def smoothed(of: Written, seen: np.ndarray) -> tuple[np.ndarray, float]:
    """Return P(step in each slot | seen), and P(the process is active | seen)."""
    machine, slots = Machine(of), len(seen)
    weights = {}
    for truth in np.ndindex(*[2] * len(of.conditions)):
        pairs = zip(truth, of.conditions, strict=True)
        weights[tuple(map(bool, truth))] = np.prod([p if b else 1 - p for b, p in pairs])
    move = sum(w * machine.move(truth) for truth, w in weights.items())
    first = sum(w * machine.begin(truth) for truth, w in weights.items())
    acts = np.array([-1, *(call[0] for call, _, _ in machine.leaves), -1])
    steps = np.array([number for number, _ in machine.states])
    told = np.where(acts[:, None] == np.arange(NUM_ACTS), CLEAR, (1 - CLEAR) / (NUM_ACTS - 1))
    told[[0, -1]] = 1 / NUM_ACTS
    like = told[steps][:, seen].T
    forward = [first * like[0]]
    for t in range(1, slots):
        forward.append(forward[-1] @ move * like[t])
    back = [np.ones(len(steps))]
    for t in range(slots - 1, 0, -1):
        back.append(move @ (like[t] * back[-1]))
    active = of.prior * forward[-1].sum()
    idle = (1 - of.prior) * (1 / NUM_ACTS) ** slots
    found = np.zeros((slots, len(machine.leaves) + 2))
    for t in range(slots):
        np.add.at(found[t], steps, of.prior * forward[t] * back[slots - 1 - t])
    found[:, 0] += idle
    return found / (active + idle), active / (active + idle)
