"""The library's strokes: what must hold of points of drawings, and of one laid over another."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gmlang
from gmstdlib import strokes


def drawing(seed: int, size: int = 40) -> np.ndarray:
    """Draw a few thick lines, away from the frame."""
    rng, picture = np.random.default_rng(seed), np.zeros((size, size), bool)
    place = rng.uniform(10, size - 10, 2)
    for _ in range(4):
        end = rng.uniform(8, size - 8, 2)
        for t in np.linspace(0, 1, 60):
            row, column = np.round(place + t * (end - place)).astype(int)
            picture[row : row + 2, column : column + 2] = True
        place = end
    return picture


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(-5, 5), st.integers(-5, 5))
def test_strokes_do_not_depend_on_where_a_drawing_lies(seed: int, down: int, right: int):
    picture = drawing(seed)
    moved = np.roll(picture, (down, right), (0, 1))
    one, other = strokes.strokes_of(np.array([picture, moved]), 25)
    # A direction has no sign.
    np.testing.assert_allclose(one[:, :2], other[:, :2], atol=1e-9)
    turned = one[:, 2] * other[:, 3] - one[:, 3] * other[:, 2]
    np.testing.assert_allclose(turned, 0, atol=1e-6)
    np.testing.assert_allclose(np.hypot(one[:, 2], one[:, 3]), 1, atol=1e-9)


def test_strokes_run_along_their_lines():
    bar = np.zeros((30, 30))
    bar[14:16, 5:25] = 1
    points = strokes.strokes_of(np.array([bar, bar.T]), 8)
    # Of a line along columns, then of one along rows.
    np.testing.assert_allclose(abs(points[0, :, 3]), 1, atol=1e-6)
    np.testing.assert_allclose(abs(points[1, :, 2]), 1, atol=1e-6)
    # Ends come early, and far from the middle: an even line of length l deviates by l / sqrt(12)
    # along itself, so by l / sqrt(24) of both axes.
    assert abs(points[0, :, 1]).max() == pytest.approx(np.sqrt(24) / 2, rel=0.1)


def test_a_drawing_of_few_points_gives_some_twice():
    dot = np.zeros((9, 9), bool)
    dot[4, 4] = True
    points = strokes.strokes_of(dot, 5)
    assert points.shape == (5, 4)
    np.testing.assert_array_equal(points, np.tile(points[0], (5, 1)))
    np.testing.assert_array_equal(points[0, :2], 0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_gaps_are_those_of_all_pairs(seed: int):
    rng = np.random.default_rng(seed)
    one, other = (
        np.concatenate([rng.normal(size=(n, 2)), np.stack([np.cos(a), np.sin(a)], 1)], 1)
        for n, a in ((4, rng.uniform(0, 7, 4)), (6, rng.uniform(0, 7, 6)))
    )
    for p, found in zip(one, strokes.gaps_of(one, other), strict=True):
        # sin² = 1 − cos², and the cosine is the product of directions.
        each = [((p[:2] - q[:2]) ** 2).sum() + (1 - (p[2:] @ q[2:]) ** 2) / 2 for q in other]
        assert found == pytest.approx(min(each), abs=1e-9)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_a_drawing_lies_over_itself_without_effort(seed: int):
    points = strokes.strokes_of(drawing(seed), 20)
    np.testing.assert_allclose(strokes.bent(points, points)[:, :2], points[:, :2], atol=1e-6)
    np.testing.assert_allclose(strokes.effort_of(points, points), 0, atol=1e-9)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_a_drawing_that_was_slanted_is_laid_nearer(seed: int):
    points = strokes.strokes_of(drawing(seed), 30)
    way = np.array([[1.0, 0.1], [-0.15, 1.1]])
    ways = points[:, 2:] @ way
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    slanted = np.concatenate([points[:, :2] @ way + 0.1, ways], axis=1)
    laid = strokes.bent(points, slanted)
    before = strokes.gaps_of(points, slanted).mean() + strokes.gaps_of(slanted, points).mean()
    after = strokes.gaps_of(laid, slanted).mean() + strokes.gaps_of(slanted, laid).mean()
    assert after < before / 2
    assert (strokes.effort_of(points, slanted) > 0).all()


def test_many_drawings_are_laid_as_each_is():
    forms = strokes.strokes_of(np.array([drawing(1), drawing(2), drawing(3)]), 20)
    own = strokes.strokes_of(drawing(4), 15)
    for function in (strokes.bent, strokes.effort_of, strokes.gaps_of):
        one_by_one = [function(form, own) for form in forms]
        np.testing.assert_allclose(function(forms, own), one_by_one, atol=1e-9)
        one_by_one = [function(own, form) for form in forms]
        np.testing.assert_allclose(function(own, forms), one_by_one, atol=1e-9)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("strokes_of(empty, 5)", "no ink"),
        ("strokes_of(picture, 0)", "count is 0"),
        ("bent(picture, picture)", "the four numbers of each"),
        ("strokes_of(holed, 5)", "missing"),
    ],
)
def test_what_has_no_strokes_is_said(call: str, said: str):
    program = f"""
import strokes
data empty[H, W] : real = [[0, 0], [0, 0]]
data picture[H, W] : real = [[0, 1], [0, 0]]
data holed[H, W] : real = [[0, _], [0, 1]]
data made[N, K] : real := {call}
var x : bool
factor 1 if x and made[0, 0] > 0 else 0
"""
    with pytest.raises(gmlang.GmError, match=said) as caught:
        gmlang.compile(program).graph()
    assert caught.value.diagnostics[0].code == "GM482"
