"""Sums and maxima of logs, safe for -inf, in NumPy."""

from collections.abc import Sequence

import numpy as np

from gmruntime.arrays import Float64

Messages = Sequence[Float64[np.ndarray, "rows factors _states"]]


def reduce(
    values: Float64[np.ndarray, "*shape"], axes: tuple[int, ...], is_max: bool
) -> Float64[np.ndarray, "*rest"]:
    """Take the maximum, or the log of the sum of exponentials, over some axes."""
    if is_max:
        return values.max(axis=axes)
    high = values.max(axis=axes, keepdims=True)
    high = np.where(np.isneginf(high), 0.0, high)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(values - high).sum(axis=axes)) + high.squeeze(axes)


def join(
    a: Float64[np.ndarray, "*a"], b: Float64[np.ndarray, "*b"], is_max: bool
) -> Float64[np.ndarray, "*joined"]:
    """Take the larger, or the log of the sum of exponentials, of two arrays."""
    return np.maximum(a, b) if is_max else np.logaddexp(a, b)


def leave_one_out(values: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
    """Sum all but one along the last axis, without subtracting -inf from -inf."""
    result = np.zeros(values.shape)
    result[..., 1:] += np.cumsum(values[..., :-1], axis=-1)
    result[..., :-1] += np.cumsum(values[..., :0:-1], axis=-1)[..., ::-1]
    return result
