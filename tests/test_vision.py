"""The library's functions of pictures, against what is known of simple pictures."""

import numpy as np
import pytest

import gmlang
from gmstdlib import vision


def ramp(angle: float, size: int = 21) -> np.ndarray:
    """Draw a step whose gradient points `angle` degrees from columns towards rows."""
    rows, columns = np.indices((size, size)) - size // 2
    along = columns * np.cos(np.deg2rad(angle)) + rows * np.sin(np.deg2rad(angle))
    return 1 / (1 + np.exp(-3 * along))


@pytest.mark.parametrize("k", range(8))
def test_edges_have_their_orientation_and_are_thin(k: int):
    found = vision.edges(ramp(45 * k), 8)
    assert found.shape == (8, 21, 21)
    assert found.dtype == np.bool_
    inner = found[:, 4:-4, 4:-4]
    assert inner[k].sum() >= 13
    assert inner.sum() == inner[k].sum()
    # Across the edge there is one pixel, or two on a slant.
    assert inner[k].sum(axis=0 if k % 4 == 2 else 1).max() <= 2


def test_an_even_picture_has_no_edges():
    assert not vision.edges(np.full((9, 9), 0.3)).any()


def test_both_sides_of_a_stroke_differ():
    picture = np.zeros((20, 20))
    picture[:, 8:12] = 1
    found = vision.edges(picture, 4)
    assert found[0, 10].sum() == found[2, 10].sum() == 1
    assert not found[[1, 3], 5:-5].any()


def test_views_turn_and_resize():
    mask = np.zeros((2, 9, 9))
    mask[0, 2, 3] = mask[1, 4, 4] = 1
    views = vision.view(mask, [0, 90, 180], [1.0])
    assert views.shape == (2, 3, 9, 9)
    for k in range(3):
        np.testing.assert_allclose(views[:, k], np.rot90(mask, k, (1, 2)), atol=1e-9)
    disc = (np.hypot(*(np.indices((41, 41)) - 20)) < 10).astype(float)
    areas = vision.view(disc, 0, [0.5, 1.0, 1.5]).sum(axis=(1, 2))
    np.testing.assert_allclose(areas / disc.sum(), [0.25, 1.0, 2.25], rtol=0.12)
    with pytest.raises(ValueError, match="above 0"):
        vision.view(disc, 0, 0)


def test_blurring_spreads_what_there_is():
    mask = np.zeros((2, 21, 21))
    mask[0, 10, 10] = mask[1, 8, 12] = 1
    found = vision.blur(mask, 1.5)
    place = np.arange(-10, 11)
    bell = np.exp(-(place**2) / 4.5)
    np.testing.assert_allclose(found[0], np.outer(bell, bell) / bell.sum() ** 2, atol=1e-4)
    np.testing.assert_allclose(found.sum(axis=(1, 2)), 1, atol=1e-3)
    np.testing.assert_array_equal(vision.blur(mask, 0), mask)
    with pytest.raises(ValueError, match="at least 0"):
        vision.blur(mask, -1)
    with pytest.raises(ValueError, match="rows and columns"):
        vision.blur(mask[0, 0], 1)


@pytest.mark.parametrize(("height", "width", "down", "right"), [(8, 14, 5, 3), (30, 20, 2, 14)])
def test_what_is_centred_has_its_place_and_area(height: int, width: int, down: int, right: int):
    mask = np.zeros((40, 50))
    mask[down : down + height, right : right + width] = 1
    found = vision.centred(mask, 32, 200)
    rows, columns = np.indices((32, 32))
    assert found.sum() == pytest.approx(200, rel=0.06)
    assert (rows * found).sum() / found.sum() == pytest.approx(15.5, abs=0.05)
    assert (columns * found).sum() / found.sum() == pytest.approx(15.5, abs=0.05)
    wide, high = (found > 0.5).any(axis=0).sum(), (found > 0.5).any(axis=1).sum()
    assert high / wide == pytest.approx(height / width, rel=0.15)
    two = vision.centred(np.stack([mask > 0, mask < 0]), 32, 200)
    assert two.dtype == np.bool_
    assert two.shape == (2, 32, 32)
    assert not two[1].any()
    np.testing.assert_array_equal(two[0], found >= 0.5)
    with pytest.raises(ValueError, match="above 0"):
        vision.centred(mask, 32, 0)


def test_lab_has_the_published_colours():
    # CIE 1976, D65: Lindbloom's calculator.
    colours = {
        (1, 1, 1): (100, 0, 0),
        (0, 0, 0): (0, 0, 0),
        (1, 0, 0): (53.2408, 80.0925, 67.2032),
        (0, 1, 0): (87.7347, -86.1827, 83.1793),
        (0, 0, 1): (32.2970, 79.1875, -107.8602),
    }
    found = vision.lab(np.array(list(colours), float))
    np.testing.assert_allclose(found, list(colours.values()), atol=0.01)
    np.testing.assert_allclose(vision.lab(255 * np.array(list(colours))), found)


def scene() -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.indices((40, 40))
    disc = np.hypot(rows - 18, columns - 22) < 9
    picture = np.where(disc[..., None], [0.5, 0.1, 0.6], [0.8, 0.8, 0.2])
    noise = np.random.default_rng(0).normal(0, 0.04, picture.shape)
    return np.clip(picture + noise, 0, 1), disc


def test_a_disc_is_a_segment_with_its_colour():
    pytest.importorskip("skimage")
    picture, disc = scene()
    pieces = vision.segments(picture)
    assert pieces.dtype == np.bool_
    assert (pieces[0] & disc).sum() / (pieces[0] | disc).sum() > 0.95
    tint = vision.mean_colour(picture, pieces)
    np.testing.assert_allclose(tint[0], vision.lab(np.array([0.5, 0.1, 0.6])), atol=4)
    assert vision.segments(np.full((8, 8, 3), 0.5)).shape == (0, 8, 8)


def test_an_empty_piece_has_no_colour():
    picture, _ = scene()
    assert np.isnan(vision.mean_colour(picture, np.zeros((2, 40, 40), bool))).all()


def test_what_fits_is_found_where_it_lies():
    rng = np.random.default_rng(4)
    chance, leak = np.where(rng.random((6, 4, 5)) < 0.5, 0.8, 0.1), 0.05
    kind = np.array([3, 3, 3, 7, 7, 7])
    seen = rng.random((9, 12)) < leak
    seen[3:7, 1:6] |= chance[2] > 0.5
    found = vision.fitting(seen, chance, kind, 1, 2, leak)

    def score(mask: int, row: int, column: int) -> float:
        own, under = chance[mask], seen[row : row + 4, column : column + 5]
        on = own + (1 - own) * leak
        return float(np.where(under, np.log(on / leak), np.log((1 - on) / (1 - leak))).sum())

    # Of the eight columns where a mask may begin four lie in each strip.
    wanted = [
        max(
            ((m, r, c) for m in own for r in range(6) for c in columns),
            key=lambda place: score(*place),
        )
        for columns in (range(4), range(4, 8))
        for own in ((0, 1, 2), (3, 4, 5))
    ]
    assert list(map(tuple, found.tolist())) == wanted
    assert wanted[0] == (2, 3, 1)
    laid = vision.placed(chance, found, seen)
    assert laid.shape == (4, 9, 12)
    np.testing.assert_array_equal(laid[0, 3:7, 1:6], chance[2])
    assert laid.sum() == pytest.approx(chance[found[:, 0]].sum())
    with pytest.raises(ValueError, match="do not fit"):
        vision.fitting(seen[:3], chance, kind, 1, 2, leak)


def test_a_program_derives_them_in_turn():
    pytest.importorskip("skimage")
    program = """
import vision
data picture[H, W, 3] : real
data piece[G, H, W] : bool := segments(picture)
data tint[G, 3] : real := mean_colour(picture, piece)
data e[4, H, W] : bool := vision.edges(picture, 4)
var g : 0..<G
factor -0.001 * colour_distance(tint[g, 0], tint[g, 1], tint[g, 2], 30, 50, -50)
var row : 0..<H
factor 1 if e[0, row, 20] else 0
"""
    picture, _ = scene()
    found = gmlang.compile(program.replace("colour_distance", "vision.colour_distance"))
    model = found.bind(picture=picture)
    assert model.query("P(g)").status == "exact"
    assert model.query("MAP(row)").status == "exact"


def test_what_is_no_picture_is_refused():
    for wrong in (np.zeros(3), np.zeros((2, 2, 2)), np.full((3, 3), np.nan)):
        with pytest.raises(ValueError, match="picture"):
            vision.edges(wrong)
