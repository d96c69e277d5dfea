"""What would tell rules apart that explain all that was seen: one value, or one example of many."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from gmlang.diagnostics import GmError
from gmlang.errors.learning import functions as errors
from gmlang.learning.functions.pieces import pieces_of, side_of, weighted
from gmlang.learning.functions.scoring import place_values
from gmlang.learning.functions.stage import Function, Stage
from gmruntime.arrays import Float64, Int, Int64
from gmruntime.budget import Budget

RULES_MAX = 2000
"""So many of the likeliest combinations of rules are compared."""

_DIGITS = 7
"""Log Z that differ by less are of one prediction."""

_TOGETHER = 1 << 20
"""So many values of rules, or shares of values, are worked on together."""

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


@dataclass(frozen=True, slots=True)
class Example:
    """An example that would tell rules apart.

    Attributes:
        number: which of the examples.
        sides: for each prediction that rules make of it, the first combination of rules that does,
            by its number, and the share of all that do; the likeliest first.
        open: the entropy of the predictions, nats.
    """

    number: int
    sides: tuple[tuple[int, float], ...]
    open: float


def question_of(
    functions: Sequence[Function],
    combos: Int64[np.ndarray, "combos functions"],
    shares: Float64[np.ndarray, " combos"],
) -> Question | None:
    """Find the value of which least is known; None where the rules give the same everywhere."""
    combos, shares = combos[:RULES_MAX], shares[:RULES_MAX] / shares[:RULES_MAX].sum()
    best: tuple[float, int, int, np.ndarray] | None = None
    for number, function in enumerate(functions):
        own, which = np.unique(combos[:, number], return_inverse=True)
        weights = np.bincount(which.reshape(-1), weights=shares)
        step = max(1, _TOGETHER // max(len(own), function.states.count))
        for start in range(0, function.num_cells, step):
            codes = function.codes[own, start : start + step]
            masses = _masses(codes, weights, function.states.count)
            entropy = _entropy(masses)
            cell = int(np.round(entropy, 9).argmax())
            if best is None or entropy[cell] > best[0] + 1e-9:
                best = float(entropy[cell]), number, start + cell, masses[:, cell]
    if best is None or best[0] < _SURE:
        return None
    entropy, number, cell, masses = best
    function = functions[number]
    order = [int(v) for v in np.argsort(-masses, kind="stable") if masses[v] > 0]
    outcomes = tuple((function.states.label(v), float(masses[v])) for v in order)
    return Question(function.cell_text(cell), outcomes, entropy)


def example_of(
    stage: Stage,
    functions: Sequence[Function],
    about: str,
    combos: Int64[np.ndarray, "combos functions"],
    shares: Float64[np.ndarray, " combos"],
    budget: Budget,
) -> Example | None:
    """Find the example on which rules differ most; None where they say the same of all.

    What rules say of an example is compared by log Z with random weights on all that is asked
    about: two distributions that are not the same differ there, but by chance never.

    Args:
        stage: the program with the examples as its data.
        functions: whose candidates the combinations are.
        about: the variable that is asked about, its first axis the examples.
        combos: the combinations of rules.
        shares: of each.
        budget: that has begun.

    Raises:
        GmError: when there is no such variable, or log Z is out of reach.
        TimeoutError: when the budget ended first.
    """
    array = stage.grounding.world.variables.get(about)
    if array is None or not array.shape or not prod(array.shape):
        known = [name for name, one in stage.grounding.world.variables.items() if one.shape]
        raise GmError([errors.nothing_to_ask(about, known)])
    count = array.shape[0]
    variables = array.start + np.arange(prod(array.shape)).reshape(count, -1)
    side = side_of(stage, is_seen=True)
    owners = np.full(len(side.states), -1, np.int64)
    owners[variables] = np.arange(count)[:, None]
    is_open = np.asarray((stage.evidence[variables] < 0).all(axis=0))
    tables = np.random.default_rng(0).normal(size=(int(is_open.sum()), array.states.count))
    side = weighted(side, variables[:, is_open], tables)
    pieces = pieces_of(stage, side, range(len(functions)), budget, owners)
    codes = [function.codes for function in functions]
    span = stage.whats.span
    said = np.zeros((count, len(combos)))
    for piece in pieces:
        for place, owner in enumerate(piece.owners):
            if owner >= 0:
                said[owner] += place_values(piece, place, codes, combos, budget, span)
    best: Example | None = None
    for number in range(count):
        kinds, first, which = np.unique(
            np.round(said[number], _DIGITS), return_index=True, return_inverse=True
        )
        masses = np.bincount(which.reshape(-1), weights=shares / shares.sum())
        entropy = float(_entropy(masses[:, None])[0])
        if len(kinds) > 1 and (best is None or entropy > best.open * (1 + 1e-9)):
            order = np.argsort(-masses, kind="stable")
            sides = tuple((int(first[k]), float(masses[k])) for k in order)
            best = Example(number, sides, entropy)
    return best


def _masses(
    codes: Int[np.ndarray, "rules cells"], weights: Float64[np.ndarray, " rules"], count: int
) -> Float64[np.ndarray, "states cells"]:
    """Add up the weights of the rules that give each state, for each combination of arguments."""
    num_cells = codes.shape[1]
    places = codes.astype(np.int64) * num_cells + np.arange(num_cells)
    given = np.repeat(weights, num_cells)
    masses = np.bincount(places.reshape(-1), weights=given, minlength=count * num_cells)
    return masses.reshape(count, num_cells)


def _entropy(masses: np.ndarray) -> np.ndarray:
    """Return the entropy of each column, nats."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return -np.where(masses > 0, masses * np.log(masses), 0.0).sum(axis=0)
