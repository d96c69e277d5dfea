"""The example of two digits that touch, on shapes that are drawn here."""

# pyright: reportIndexIssue=false

from pathlib import Path

import numpy as np

import gmlang

FILE = Path(__file__).parents[2] / "examples" / "society" / "two_digits.gm"
BAR, BEAM, HOOK = 1, 4, 7


def drawn() -> np.ndarray:
    chance = np.zeros((3, 16, 16))
    chance[0, :, 6:10] = chance[1, 6:10, :] = chance[2, :, :4] = chance[2, :4, :] = 0.9
    return chance


def test_each_explains_some_of_the_ink_and_none_of_it_twice():
    chance = drawn()
    ink = np.zeros((20, 28), np.bool_)
    ink[2:18, 2:18] |= chance[0] > 0
    ink[4:20, 8:24] |= chance[2] > 0
    model = gmlang.load(FILE).bind(chance=chance, label=[BAR, BEAM, HOOK], ink=ink)
    both = "P(digit[0].what, digit[1].what | exists(digit[1]), digit[0].what != digit[1].what)"
    found = model.query(both)
    assert found.status == "exact"
    chances = found.probabilities
    assert chances[f"{BAR}, {HOOK}"] + chances[f"{HOOK}, {BAR}"] > 0.99
    # Where both only put ink on paper, nothing tells which is nearer.
    assert abs(chances[f"{BAR}, {HOOK}"] - chances[f"{HOOK}, {BAR}"]) < 1e-9
    assert model.query("P(exists(digit[1]))").probabilities["true"] > 0.9


def test_one_alone_is_not_explained_twice():
    ink = np.zeros((20, 28), np.bool_)
    ink[2:18, 4:20] |= drawn()[2] > 0
    model = gmlang.load(FILE).bind(chance=drawn(), label=[BAR, BEAM, HOOK], ink=ink)
    assert model.query("P(digit[0].what)").probabilities[str(HOOK)] > 0.99
    assert model.query("P(exists(digit[1]))").probabilities["true"] < 0.3
