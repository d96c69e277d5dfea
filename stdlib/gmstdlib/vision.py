"""What `import vision` brings to data: pure functions of pictures.

Pictures are arrays of numbers with rows first; colours run along a last axis of three, red, green
and blue, from 0 to 1, or to 255 where some number is above 1. Masks are 0 to 1, or booleans.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gmstdlib.exemplars import fitting, placed

Array = np.ndarray[Any, np.dtype[Any]]

_EDGE_SIGMA = 1.0
"""Of the Gaussian whose gradient finds edges, pixels: half of the two that span a step."""

_EDGE_SHARE = 0.12
"""Of the strongest gradient, which an edge must have."""

_CONTRAST_MIN = 1e-6
"""Of gradients, below which a picture is even: no edge is made of rounding."""

_FOREGROUND_MIN = 0.01
"""Of a picture's pixels, which a piece has at least."""

_TOUCHES_MAX = 0.35
"""Of the pixels on the frame that a piece may have: what has more is the background."""

_NOISE_MIN = 0.055
"""Of a channel from 0 to 1, which pixels of one colour have at least."""

_NUM_COLOURS_MAX = 4
"""Into two, three and four colours a picture is cut."""


def edges(picture: Array, count: int = 16) -> Array:
    """Find thinned edges by their orientation: bool[count, H, W].

    An edge is where the gradient of a Gaussian is largest along itself and at least 0.12 of the
    strongest one (Canny 1986). Orientation k is that of gradients which point 360 k / count degrees
    from ahead along columns towards rows below, so the two sides of a stroke differ.

    Args:
        picture: (H, W), or (H, W, 3), of which the mean of the colours is taken.
        count: of orientations, at least 1.
    """
    grey = _grey(picture)
    if count < 1:
        raise ValueError(f"count is {count}; there is at least 1 orientation")
    found = np.zeros((count, *grey.shape), np.bool_)
    rows, columns, orientations, _ = edge_points(grey, count)
    found[orientations, rows, columns] = True
    return found


def edge_points(grey: Array, count: int) -> tuple[Array, Array, Array, Array]:
    """List the edges that `edges` finds, in the order of rows.

    Args:
        grey: (H, W), from 0 to 1.
        count: of orientations.

    Returns:
        of each edge its row, its column, its orientation, and how strong the gradient is there.
    """
    from scipy import ndimage

    along_rows, along_columns = (
        ndimage.gaussian_filter1d(
            ndimage.gaussian_filter1d(grey, _EDGE_SIGMA, axis=axis, order=1),
            _EDGE_SIGMA,
            axis=1 - axis,
        )
        for axis in (0, 1)
    )
    every = np.hypot(along_rows, along_columns)
    least = max(_EDGE_SHARE * float(every.max(initial=0.0)), _CONTRAST_MIN)
    rows, columns = np.nonzero(every > least)
    strength = every[rows, columns]
    angle = np.arctan2(along_rows[rows, columns], along_columns[rows, columns])
    down, right = np.sin(angle), np.cos(angle)
    ahead = ndimage.map_coordinates(every, [rows + down, columns + right], order=1)
    behind = ndimage.map_coordinates(every, [rows - down, columns - right], order=1)
    is_edge = (strength >= ahead) & (strength > behind)
    orientation = np.round(angle / (2 * np.pi) * count).astype(np.int64) % count
    return rows[is_edge], columns[is_edge], orientation[is_edge], strength[is_edge]


def view(mask: Array, turn: ArrayLike, size: ArrayLike) -> Array:
    """Turn and resize masks about their middle: float[..., turns * sizes, H, W].

    Sizes change fastest. What leaves the frame is lost, what comes in is 0.

    Args:
        mask: (..., H, W).
        turn: degrees, counter-clockwise; one or several.
        size: factors above 0; one or several.
    """
    from scipy import ndimage

    masks = np.asarray(mask, np.float64)
    turns, sizes = np.atleast_1d(turn).astype(np.float64), np.atleast_1d(size).astype(np.float64)
    if masks.ndim < 2:
        raise ValueError(f"mask has shape {masks.shape}; its last axes are rows and columns")
    if not (sizes > 0).all():
        raise ValueError(f"size is {sizes.min():g}; it must be above 0")
    flat = masks.reshape(-1, *masks.shape[-2:])
    middle = (np.array(flat.shape[1:]) - 1) / 2
    views = np.empty((len(flat), len(turns), len(sizes), *flat.shape[1:]))
    for t, angle in enumerate(np.deg2rad(turns)):
        # A point of the result is looked up where the turn, undone, takes it.
        turned = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        for s, factor in enumerate(sizes):
            inverse = turned / factor
            offset = middle - inverse @ middle
            for m, own in enumerate(flat):
                views[m, t, s] = ndimage.affine_transform(own, inverse, offset, order=1)
    shape = *masks.shape[:-2], len(turns) * len(sizes), *masks.shape[-2:]
    return np.clip(views, 0.0, max(1.0, float(masks.max(initial=0.0)))).reshape(shape)


def blur(mask: Array, sigma: float) -> Array:
    """Blur masks by a Gaussian: float[..., H, W].

    Where an outline may lie a little beside where it is drawn, a pixel belongs to it by chance: the
    nearer to the outline, the less is known of it. What is beyond the frame is 0.

    Args:
        mask: (..., H, W).
        sigma: standard deviation, pixels, at least 0; 0 leaves masks as they are.
    """
    from scipy import ndimage

    masks = np.asarray(mask, np.float64)
    if masks.ndim < 2:
        raise ValueError(f"mask has shape {masks.shape}; its last axes are rows and columns")
    if not sigma >= 0:
        raise ValueError(f"sigma is {sigma:g}; it must be at least 0")
    return ndimage.gaussian_filter(masks, sigma, axes=(-2, -1), mode="constant")


def centred(piece: Array, size: int, area: float) -> Array:
    """Move masks to the middle of a square frame, resized to one area: [..., size, size].

    So pieces of a picture are compared whatever their place and size. The middle of a mask is its
    centre of mass. What leaves the frame is lost, what comes in is 0; an empty mask stays empty.

    Args:
        piece: (..., H, W), booleans or weights of at least 0; of booleans come booleans, true
            where at least half of a pixel is.
        size: pixels along a side of the frame, at least 1.
        area: the sum of a mask in its frame, pixels, above 0.
    """
    from scipy import ndimage

    masks = np.asarray(piece)
    if masks.ndim < 2:
        raise ValueError(f"piece has shape {masks.shape}; its last axes are rows and columns")
    if size < 1 or not area > 0:
        raise ValueError(f"size is {size} and area {area:g}; they must be above 0")
    flat = masks.reshape(-1, *masks.shape[-2:]).astype(np.float64)
    framed = np.zeros((len(flat), size, size))
    rows, columns = np.indices(flat.shape[1:])
    for own, found in zip(flat, framed, strict=True):
        total = own.sum()
        if not total > 0:
            continue
        factor = np.sqrt(area / total)
        # A pixel of a smaller picture is the mean of several.
        smooth = ndimage.gaussian_filter(own, 0.35 / factor) if factor < 0.7 else own
        middle = np.array([(rows * own).sum(), (columns * own).sum()]) / total
        offset = middle - (size - 1) / (2 * factor)
        scale = np.full(2, 1 / factor)
        ndimage.affine_transform(smooth, scale, offset, (size, size), found, order=1)
    framed = framed.reshape(*masks.shape[:-2], size, size)
    return framed >= 0.5 if masks.dtype == np.bool_ else np.clip(framed, 0.0, None)


def lab(rgb: Array) -> Array:
    """Return CIE 1976 L*a*b* of sRGB colours, white D65: float[..., 3], L from 0 to 100.

    Args:
        rgb: (..., 3).
    """
    colours = _unit(rgb)
    if colours.ndim < 1 or colours.shape[-1] != 3:
        raise ValueError(f"rgb has shape {colours.shape}; its last axis is red, green and blue")
    linear = np.where(colours > 0.04045, ((colours + 0.055) / 1.055) ** 2.4, colours / 12.92)
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    # White is (1, 1, 1) in this measure.
    parts = linear @ to_xyz.T / to_xyz.sum(axis=1)
    bent = np.where(parts > (6 / 29) ** 3, np.cbrt(parts), parts / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(bent, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def segments(picture: Array) -> Array:
    """Cut a picture into pieces of one colour each: bool[G, H, W], the likeliest object first.

    Pixels, smoothed where they are alike (Chambolle 2004), fall into two, three and four colours by
    k-means in Lab; as they are, they then take the colour that is near theirs and their
    neighbours' (`_among_neighbours`). What hangs together of a colour, but for gaps of two pixels,
    is a candidate where it has a hundredth of the picture or more and is not what surrounds
    everything; pieces that are nearly the same count once. First comes what is large, in the
    middle, and unlike the frame.

    Args:
        picture: (H, W, 3), or (H, W).
    """
    from scipy import ndimage
    from skimage.restoration import denoise_tv_chambolle

    colours = _unit(picture)
    if colours.ndim == 2:
        colours = np.repeat(colours[..., None], 3, axis=2)
    if colours.ndim != 3 or colours.shape[2] != 3:
        raise ValueError(f"picture has shape {np.shape(picture)}; it is (H, W, 3) or (H, W)")
    smooth = lab(np.clip(denoise_tv_chambolle(colours, weight=0.1, channel_axis=-1), 0.0, 1.0))
    frame = np.zeros(smooth.shape[:2], np.bool_)
    frame[[0, -1]] = frame[:, [0, -1]] = True
    around = np.median(smooth[frame], axis=0)
    found: list[tuple[float, Array]] = []
    for count in range(2, _NUM_COLOURS_MAX + 1):
        which = _clusters(smooth.reshape(-1, 3), count).reshape(frame.shape)
        which = _among_neighbours(colours, which, count)
        for colour in range(count):
            own, labels = which == colour, np.zeros(frame.shape, np.int32)
            ndimage.label(ndimage.binary_dilation(own, np.ones((3, 3))), output=labels)
            for piece in range(1, int(labels.max()) + 1):
                mask = own & (labels == piece)
                worth = _worth(mask, frame, smooth, around)
                if worth > 0 and not any(_overlap(mask, other) > 0.9 for _, other in found):
                    found.append((worth, mask))
    found.sort(key=lambda pair: -pair[0])
    return np.array([mask for _, mask in found], np.bool_).reshape(-1, *frame.shape)


def _worth(mask: Array, frame: Array, colours: Array, around: Array) -> float:
    """Say how much a piece looks like an object; 0 where it is none."""
    if mask.mean() < _FOREGROUND_MIN or mask[frame].mean() > _TOUCHES_MAX:
        return 0.0
    contrast = float(np.linalg.norm(np.median(colours[mask], axis=0) - around))
    return contrast * float(np.sqrt(mask.mean())) * (1.0 - float(mask[frame].mean()))


def _overlap(one: Array, other: Array) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))


def _clusters(points: Array, count: int, num_rounds: int = 20) -> Array:
    """Say which of so many means each point is nearest to (Lloyd 1982), the same every time."""
    # Each start is the point farthest from those before.
    means = [np.median(points, axis=0)]
    for _ in range(count - 1):
        gap = np.min([((points - mean) ** 2).sum(axis=1) for mean in means], axis=0)
        means.append(points[int(gap.argmax())])
    centres = np.array(means)
    which = np.zeros(len(points), np.int64)
    for _ in range(num_rounds):
        gaps = ((points[:, None] - centres) ** 2).sum(axis=2)
        now = gaps.argmin(axis=1)
        for k in range(count):
            if (now == k).any():
                centres[k] = points[now == k].mean(axis=0)
        if (now == which).all():
            break
        which = now
    return which


def _among_neighbours(colours: Array, which: Array, count: int, num_rounds: int = 10) -> Array:
    """Say which of so many colours each pixel has, given what its neighbours have.

    Each colour is a Gaussian in red, green and blue, all of one variance; a pixel that has the
    colour of one of its four neighbours is e times as likely for it. Colours, variance and shares
    are fitted by EM, whose expectation is a mean field (Celeux, Forbes and Peyrard 2003).

    Args:
        colours: (H, W, 3), from 0 to 1.
        which: a first guess, (H, W).
        count: of colours.
        num_rounds: of EM.
    """
    from scipy import ndimage

    chances = (which[..., None] == np.arange(count)).astype(np.float64)
    beside = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])[..., None]
    for _ in range(num_rounds):
        weights = chances.sum(axis=(0, 1))
        means = np.einsum("hwk,hwc->kc", chances, colours) / np.maximum(weights, 1e-9)[:, None]
        gaps = ((colours[:, :, None] - means) ** 2).sum(axis=3)
        variance = max(_NOISE_MIN**2, float((chances * gaps).sum()) / colours.size)
        logs = -gaps / (2 * variance) + np.log(np.maximum(weights / which.size, _FOREGROUND_MIN))
        logs += ndimage.convolve(chances, beside, mode="nearest")
        chances = np.exp(logs - logs.max(axis=2, keepdims=True))
        chances /= chances.sum(axis=2, keepdims=True)
    return chances.argmax(axis=2)


def mean_colour(picture: Array, piece: Array) -> Array:
    """Return the CIE Lab colour of each piece: that of the mean of its pixels, float[..., 3].

    Of booleans the pixels at the rim, where colours run together, are left out where a piece has
    others. An empty piece has no colour: NaN, which is missing.

    Args:
        picture: (H, W, 3).
        piece: (..., H, W), booleans or weights of at least 0.
    """
    from scipy import ndimage

    colours, masks = _unit(picture), np.asarray(piece)
    if colours.shape[:-1] != masks.shape[-2:]:
        raise ValueError(
            f"picture has {colours.shape[:-1]} rows and columns, piece has {masks.shape[-2:]}"
        )
    if masks.dtype == np.bool_:
        inner = ndimage.binary_erosion(masks, np.ones((1,) * (masks.ndim - 2) + (3, 3)))
        masks = np.where(inner.any(axis=(-2, -1), keepdims=True), inner, masks)
    weights = masks.astype(np.float64)
    totals = weights.sum(axis=(-2, -1))[..., None]
    sums = np.einsum("...hw,hwc->...c", weights, colours)
    # The mean is taken before Lab, which bends what noise there is.
    means = lab(sums / np.where(totals > 0, totals, 1.0))
    return np.where(totals > 0, means, np.nan)


def _grey(picture: Array) -> Array:
    values = _unit(picture)
    if values.ndim == 3 and values.shape[2] == 3:
        values = values.mean(axis=2)
    if values.ndim != 2:
        raise ValueError(f"picture has shape {np.shape(picture)}; it is (H, W) or (H, W, 3)")
    return values


def _unit(picture: Array) -> Array:
    """Return a picture from 0 to 1."""
    values = np.asarray(picture, np.float64)
    if np.isnan(values).any():
        raise ValueError("some of the picture is missing")
    return values / 255.0 if values.max(initial=0.0) > 1.0 else values


FUNCTIONS = {
    f.__name__: f for f in (edges, view, blur, centred, lab, segments, mean_colour, fitting, placed)
}
"""By the names that programs have for them."""
