"""What would tell rules apart that explain all that was seen: one value, or one example of many."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmlang.learning.functions.stage import Function
from gmruntime.arrays import Float64, Int64

_RULES_MAX = 2000
"""So many of the likeliest combinations of rules are compared."""

_SURE = 1e-6
"""Of what is less open than this, in nats, nothing more is to be asked."""


@dataclass(frozen=True, slots=True)
class Question:
    """A value that would tell rules apart.

    Attributes:
        text: the call: `carry(9, 0, 1)`.
        outcomes: each value that a rule gives, with the share of the rules that do, the likeliest
            first.
        open: the entropy of the outcomes, nats.
    """

    text: str
    outcomes: tuple[tuple[str, float], ...]
    open: float


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """An example that would tell rules apart.

    Attributes:
        number: which of the examples.
        outcomes: what the rules say of it, with their shares, the likeliest first.
        open: the entropy of the outcomes, nats.
    """

    number: int
    outcomes: tuple[tuple[np.ndarray, float], ...]
    open: float


def question_of(
    functions: Sequence[Function],
    combos: Int64[np.ndarray, "combos functions"],
    shares: Float64[np.ndarray, " combos"],
) -> Question | None:
    """Find the value of which least is known; None where the rules give the same everywhere."""
    combos, shares = combos[:_RULES_MAX], shares[:_RULES_MAX] / shares[:_RULES_MAX].sum()
    best: tuple[float, int, int, np.ndarray] | None = None
    for number, function in enumerate(functions):
        own, which = np.unique(combos[:, number], return_inverse=True)
        weights = np.bincount(which.reshape(-1), weights=shares)
        codes = function.codes[own]
        masses = np.stack([weights @ (codes == v) for v in range(function.states.count)])
        entropy = _entropy(masses)
        cell = int(np.round(entropy, 9).argmax())
        if best is None or entropy[cell] > best[0] + 1e-9:
            best = float(entropy[cell]), number, cell, masses[:, cell]
    if best is None or best[0] < _SURE:
        return None
    entropy, number, cell, masses = best
    function = functions[number]
    order = [int(v) for v in np.argsort(-masses, kind="stable") if masses[v] > 0]
    outcomes = tuple((function.states.label(v), float(masses[v])) for v in order)
    return Question(function.cell_text(cell), outcomes, entropy)


def example_of(shares: Sequence[float], predictions: Sequence[np.ndarray]) -> Example | None:
    """Find the example on which rules differ most; None where they say the same of all.

    Args:
        shares: of each combination of rules.
        predictions: of each, what it says of all examples, these along the first axis.
    """
    weights = np.array(shares) / sum(shares)
    best: Example | None = None
    for number in range(len(predictions[0])):
        said = [np.asarray(one[number]) for one in predictions]
        masses: dict[bytes, float] = {}
        first: dict[bytes, np.ndarray] = {}
        for own, weight in zip(said, weights.tolist(), strict=True):
            key = np.ascontiguousarray(own).tobytes()
            masses[key] = masses.get(key, 0.0) + weight
            first.setdefault(key, own)
        entropy = float(_entropy(np.array(list(masses.values()))[:, None])[0])
        if entropy >= _SURE and (best is None or entropy > best.open + 1e-9):
            order = sorted(masses, key=lambda key: -masses[key])
            outcomes = tuple((first[key], masses[key]) for key in order)
            best = Example(number, outcomes, entropy)
    return best


def _entropy(masses: np.ndarray) -> np.ndarray:
    """Return the entropy of each column, nats."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return -np.where(masses > 0, masses * np.log(masses), 0.0).sum(axis=0)
