"""The library's templates of pictures: what must hold of parts and links, whatever the picture."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import shortest_path

import gmlang
from gmstdlib import templates


def strokes(seed: int, size: int = 14) -> np.ndarray:
    """Draw a few bars, away from the frame."""
    rng, picture = np.random.default_rng(seed), np.zeros((size, size))
    for _ in range(3):
        row, column = rng.integers(2, size - 5, 2)
        picture[(slice(row, row + 6), slice(column, column + 2))[:: rng.choice([-1, 1])]] = 1
    picture[[0, 1, -2, -1]] = picture[:, [0, 1, -2, -1]] = 0
    return picture


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_links_hold_all_pairs_and_a_tree_joins_them(seed: int):
    picture = strokes(seed)
    parts, links, tree = (
        f(picture, 2, 5) for f in (templates.parts_of, templates.links_of, templates.tree_of)
    )
    count = len(parts)
    assert len(tree) == count - 1
    assert {tuple(one) for one in tree.tolist()} <= {tuple(one) for one in links.tolist()}
    reach = np.zeros((count, count))
    reach[tree[:, 0], tree[:, 1]] = tree[:, 2]
    assert np.isfinite(shortest_path(reach, directed=False)).all()
    reach[links[:, 0], links[:, 1]] = links[:, 2]
    held = shortest_path(reach, directed=False)
    apart = np.hypot(*(parts[:, None, 1:] - parts[None, :, 1:]).transpose(2, 0, 1))
    # Half their distance is how far two parts may move apart; three times that is near enough.
    least = np.maximum(1, np.round(apart / 2))
    np.fill_diagonal(least, 0)
    assert (held <= np.maximum(1.5 * apart, least) + 1e-9).all()
    turn = np.abs((parts[:, None, 0] - parts[None, :, 0] + 8) % 16 - 8)
    near = (apart <= 2) & (turn <= 3)
    np.fill_diagonal(near, False)
    assert not near.any()


def test_a_moved_picture_has_a_moved_template():
    picture = strokes(3)
    moved = np.roll(picture, (2, 1), (0, 1))
    parts, other = templates.parts_of(np.array([picture, moved]), 1, 5)
    np.testing.assert_array_equal(other - parts, np.tile([0, 2, 1], (len(parts), 1)))


def test_contours_have_every_part_under_three_orientations():
    picture = strokes(4)
    contours, parts = templates.contours(picture, 2, 5), templates.parts_of(picture, 2, 5)
    assert contours.shape == (16, 38, 38)
    for turn in (-1, 0, 1):
        assert contours[(parts[:, 0] + turn) % 16, parts[:, 1], parts[:, 2]].all()
    both = templates.contours(np.array([picture, picture]), 2, 5)
    assert (both == contours).all()


def test_templates_of_fewer_parts_are_filled_up():
    bar = np.zeros((14, 14))
    bar[4:10, 6:8] = 1
    parts = templates.parts_of(np.array([strokes(1), bar]))
    links = templates.links_of(np.array([strokes(1), bar]))
    own = len(templates.parts_of(bar))
    assert (parts[1, own:] == -1).all()
    assert (parts[1, :own] >= 0).all()
    assert links[1].max() < own


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("parts_of(picture, 1, 0)", "no edge"),
        ("contours(picture, 0, 0)", "size is 0"),
        ("contours(picture, 1, -2)", "margin is -2"),
        ("contours(row, 1, 0)", "rows and columns"),
    ],
)
def test_what_cannot_be_a_template_is_said(call: str, said: str):
    axes = "T, K" if call.startswith("parts") else "K, R, C"
    program = f"""
import templates
data picture[H, W] : real = [[0, 0], [0, 0]]
data row[N] : real = [0, 1]
data made[{axes}] : int := {call}
var x : bool
factor 1 if x and made[{", ".join("0" * axes.count(",") + "0")}] > 0 else 0
"""
    with pytest.raises(gmlang.GmError, match=said) as caught:
        gmlang.compile(program).graph()
    assert caught.value.diagnostics[0].code == "GM482"
