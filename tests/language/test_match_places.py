"""What a place picks is scored like what rows and columns pick."""

# pyright: reportAttributeAccessIssue=false, reportIndexIssue=false, reportArgumentType=false

import numpy as np
import pytest

import gmlang


def test_a_place_is_an_index_like_any_other():
    program = """
data dots[H, W] : bool
data mask[E, 3, 3] : real
entity Field:
    dot[H, W] : bool
    exemplar : 0..<E
    at : grid(2, 3)
model hidden(f: Field) prior 0.5:
    for p in grid(3, 3): predict f.dot[f.at + p] ~ Bernoulli(0.5 + 0.4 * mask[f.exemplar, p])
var scene : Field
consider hidden(scene)
observe scene.dot = dots
"""
    rng = np.random.default_rng(4)
    dots, mask = rng.random((4, 5)) < 0.5, rng.random((2, 3, 3))
    found = gmlang.compile(program).bind(dots=dots, mask=mask).query("P(hidden(scene))")
    chance = 0.5 + 0.4 * mask
    scores = [
        np.where(dots[r : r + 3, c : c + 3], chance[e] / 0.5, (1 - chance[e]) / 0.5).prod()
        for e in range(2)
        for r in range(2)
        for c in range(3)
    ]
    on = np.mean(scores)
    assert found.status == "exact"
    assert found.probabilities["true"] == pytest.approx(on / (1 + on))


def test_what_a_shift_moves_outside_is_not_predicted():
    program = """
domain Move = shift(1)
data dots[3, 3] : bool
data mask[E, 3, 3] : real
entity Thing:
    dot[3, 3] : bool base {true: 0.2, false: 0.8}
    exemplar : 0..<E
    move : Move
model shaped(x: Thing) prior 0.5:
    for p in grid(3, 3): predict x.dot[p + x.move] ~ Bernoulli(mask[x.exemplar, p]) @ 0.9
var it : Thing
consider shaped(it)
observe it.dot = dots
"""
    rng = np.random.default_rng(5)
    dots, mask = rng.random((3, 3)) < 0.5, rng.random((2, 3, 3))
    found = gmlang.compile(program).bind(dots=dots, mask=mask).query("P(shaped(it))")
    scores: list[float] = []
    for e, down, right in np.ndindex(2, 3, 3):
        score = 1.0
        for i, j in np.ndindex(3, 3):
            r, c = i + down - 1, j + right - 1
            if 0 <= r < 3 and 0 <= c < 3:
                chance = mask[e, i, j] if dots[r, c] else 1 - mask[e, i, j]
                base = 0.2 if dots[r, c] else 0.8
                score *= (0.9 * chance + 0.1 * base) / base
        scores.append(score)
    on = np.mean(scores)
    assert found.status == "exact"
    assert found.probabilities["true"] == pytest.approx(on / (1 + on))
