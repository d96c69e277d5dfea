"""Answers as pandas and xarray objects; both are imported only here, when asked for."""

from importlib import import_module
from typing import Any

from gmlang.queries.answers import Answer


def to_pandas(answer: Answer) -> Any:  # noqa: ANN401
    """Return a Series of a marginal's or joint's probabilities, or a DataFrame of an array's.

    Raises:
        ImportError: when pandas is not installed.
        ValueError: when the answer has no table form.
    """
    pandas: Any = import_module("pandas")
    if isinstance(answer.value, dict):
        return pandas.Series(answer.value, name=answer.text)
    if answer.labels and answer.array is not None:
        flat = answer.array.reshape(-1, answer.array.shape[-1])
        names = [f"i{k}" for k in range(answer.array.ndim - 1)]
        index = pandas.MultiIndex.from_product(
            [range(n) for n in answer.array.shape[:-1]], names=names
        )
        return pandas.DataFrame(flat, index=index, columns=list(answer.labels))
    if isinstance(answer.value, list):
        return pandas.DataFrame(answer.value)
    raise ValueError(f"a {answer.kind} answer has no table form")


def to_xarray(answer: Answer) -> Any:  # noqa: ANN401
    """Return a DataArray of a marginal: its last axis is `state`.

    Raises:
        ImportError: when xarray is not installed.
        ValueError: when the answer has no array form.
    """
    xarray: Any = import_module("xarray")
    array = answer.to_numpy()
    dims = [f"i{k}" for k in range(array.ndim)]
    coords: dict[str, list[str]] = {}
    if answer.labels:
        dims[-1] = "state"
        coords["state"] = list(answer.labels)
    return xarray.DataArray(array, dims=dims, coords=coords, name=answer.text)
