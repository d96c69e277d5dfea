"""Graphs of finite variables and reals; factors on reals are Gaussian rows.

Reals are numbered apart, block after block, each block in C order. A row is

    log f(s, x) = log_scale[s] - weight[s] / 2 * (coefficients[s] . x - offset[s])**2

of the states s of some finite variables, its selectors, and the values x of some reals. Weights may
have any sign, as long as the whole can be normalised. A site is a row of another family:

    log f(s, x) = log_scale[s] + weight[s] * log phi(coefficients[s] . x - offset[s])

Source: Lauritzen and Wermuth (1989), "Graphical models for associations between variables, some of
which are qualitative and some quantitative": conditional Gaussian distributions.
"""

import math
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int, Int32
from gmruntime.continuous.sites.families import FAMILIES, Site
from gmruntime.factors.parameters import ParameterError, floats, unmasked
from gmruntime.graph import AXES_MAX, FactorGraph, GraphError, num_states
from gmruntime.graph import log_score as finite_log_score
from gmruntime.graph import validate as finite_validate


@dataclass(frozen=True, slots=True, eq=False)
class RealBlock:
    """An array of real variables, such as the positions of a thing at all times."""

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """The number of reals in the block."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Gaussian rows, one for each factor of a block.

    The axes are tables, the states of each selector, and for coefficients the reals of the scope.
    Each may be 1 long where nothing depends on it.

    Attributes:
        coefficients: of the reals; 0 keeps its place.
        offsets: what the sum is compared with.
        weights: 1 / sd**2 of a normal distribution; 0 says nothing, below 0 takes away.
        log_scales: nats; -inf forbids the states.
    """

    coefficients: Float64[np.ndarray, "#tables *#states reals"]
    offsets: Float64[np.ndarray, "#tables *#states"]
    weights: Float64[np.ndarray, "#tables *#states"]
    log_scales: Float64[np.ndarray, "#tables *#states"]


@dataclass(frozen=True, slots=True, eq=False)
class RealFactorBlock:
    """Rows with as many selectors and reals each.

    Attributes:
        kind: the rows.
        scopes: scopes[f, k] is the index of the k-th selector of row f.
        real_scopes: real_scopes[f, k] is the index of its k-th real. The same real may appear
            twice: its coefficients add.
        label: what the author of the model calls these rows; for messages only.
        site: what they are where they are not Gaussian; their weights, at least 0, are how often
            each counts.
    """

    kind: Rows
    scopes: Int32[np.ndarray, "factors selectors"]
    real_scopes: Int32[np.ndarray, "factors reals"]
    label: str = ""
    site: Site | None = None


@dataclass(frozen=True, slots=True, eq=False)
class MixedGraph:
    """A factor graph, and reals beside it."""

    finite: FactorGraph
    reals: tuple[RealBlock, ...]
    real_factors: tuple[RealFactorBlock, ...]

    @property
    def num_reals(self) -> int:
        """The number of reals in all blocks."""
        return sum(block.size for block in self.reals)


def log_score(
    mixed: MixedGraph,
    states: Int[np.ndarray, "*rows variables"],
    values: Float64[np.ndarray, "*rows reals"],
) -> Float64[np.ndarray, "*rows"]:
    """Sum the logs of all factors, nats: what every engine is tested against.

    Args:
        mixed: validated.
        states: of all finite variables.
        values: of all reals, finite.

    Returns:
        -inf where a factor forbids the states.
    """
    states, values = np.asarray(states), np.asarray(values, np.float64)
    totals = np.asarray(finite_log_score(mixed.finite, states)).copy()
    for block in mixed.real_factors:
        picked = [states[..., block.scopes[:, k]] for k in range(block.scopes.shape[1])]
        table = np.arange(len(block.scopes))
        coefficients = _entries(block.kind.coefficients, table, picked)
        offsets = _entries(block.kind.offsets, table, picked)
        weights = _entries(block.kind.weights, table, picked)
        log_scales = _entries(block.kind.log_scales, table, picked)
        sums = (coefficients * values[..., block.real_scopes]).sum(axis=-1)
        totals += (log_scales + _logs(block.site, weights, sums - offsets)).sum(axis=-1)
    return totals


def _logs(site: Site | None, weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    if site is None:
        return -0.5 * weights * values**2
    return np.where(weights > 0.0, weights * site.log_density(values), 0.0)


def _entries(array: np.ndarray, table: np.ndarray, picked: list[np.ndarray]) -> np.ndarray:
    """Return the entries of all rows at their selectors' states; an axis 1 long says the same."""
    indices = [
        index if size > 1 else 0 for index, size in zip(picked, array.shape[1:], strict=False)
    ]
    where = np.broadcast_arrays(table if len(array) > 1 else table * 0, *indices)
    return array[tuple(where)]


def validate(mixed: MixedGraph) -> MixedGraph:
    """Check a graph, and return it with its arrays as engines read them.

    Raises:
        GraphError: a ValueError, naming the block, the index, what was expected and what was found.
    """
    finite = finite_validate(mixed.finite)
    for block in mixed.reals:
        if any(size < 0 for size in block.shape):
            raise GraphError(f"real block {block.name!r}: its shape is {block.shape}")
    if mixed.num_reals > np.iinfo(np.int32).max:
        raise GraphError("the blocks hold more reals than 32-bit integers number")
    states = num_states(finite)
    factors = tuple(
        _checked(block, f"row block {position} ({block.label or 'no label'})", states, mixed)
        for position, block in enumerate(mixed.real_factors)
    )
    return MixedGraph(finite, mixed.reals, factors)


def _checked(
    block: RealFactorBlock, name: str, states: np.ndarray, mixed: MixedGraph
) -> RealFactorBlock:
    scopes = _checked_scopes(block.scopes, f"{name}: scopes", len(states), "variable")
    reals = _checked_scopes(block.real_scopes, f"{name}: real_scopes", mixed.num_reals, "real")
    count, arity = scopes.shape
    if len(reals) != count:
        raise GraphError(f"{name}: {len(reals)} rows of real_scopes for {count} of scopes")
    ordered = np.sort(scopes, axis=1)
    twice = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    if twice.any():
        raise GraphError(f"{name}: row {int(np.argmax(twice))} names a selector twice")
    if arity > AXES_MAX:
        raise GraphError(f"{name}: {arity} selectors; there may be {AXES_MAX}")
    sizes: list[int] = []
    for k in range(arity):
        found = np.unique(states[scopes[:, k]])
        if len(found) > 1:
            raise GraphError(f"{name}: selector {k} has {found.tolist()} states in different rows")
        sizes.append(int(found[0]) if len(found) else 1)
    kind = block.kind
    try:
        rows = Rows(
            floats("coefficients", kind.coefficients, 2 + arity),
            floats("offsets", kind.offsets, 1 + arity),
            floats("weights", kind.weights, 1 + arity),
            floats("log_scales", kind.log_scales, 1 + arity),
        )
    except ParameterError as error:
        raise GraphError(f"{name}: {error}") from None
    for what, array, shape in (
        ("coefficients", rows.coefficients, (count, *sizes, reals.shape[1])),
        ("offsets", rows.offsets, (count, *sizes)),
        ("weights", rows.weights, (count, *sizes)),
        ("log_scales", rows.log_scales, (count, *sizes)),
    ):
        lengths = zip(array.shape, shape, strict=True)
        fits = all(found in (1, wanted) for found, wanted in lengths)
        if count and (not fits or array.shape[1 + arity :] != shape[1 + arity :]):
            raise GraphError(f"{name}: {what} has shape {array.shape}, and {shape} is needed")
        if what != "log_scales" and array.size and not np.isfinite(array).all():
            place = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
            raise GraphError(f"{name}: {what}[{', '.join(map(str, place))}] is {array[place]}")
    if block.site is not None:
        _check_site(block.site, count, rows.weights, name)
    return RealFactorBlock(rows, scopes, reals, block.label, block.site)


def _check_site(site: Site, count: int, weights: np.ndarray, name: str) -> None:
    if site.family not in FAMILIES:
        raise GraphError(f"{name}: its family is {site.family!r}, which is none of {[*FAMILIES]}")
    if len(site.numbers) != count or not np.isfinite(site.numbers).all():
        raise GraphError(f"{name}: its site needs {count} lines of numbers that are finite")
    if (weights < 0.0).any():
        raise GraphError(f"{name}: sites count at least 0 times")


def _checked_scopes(
    scopes: object, name: str, count: int, what: str
) -> Int32[np.ndarray, "factors arity"]:
    if not isinstance(scopes, np.ndarray):
        raise GraphError(f"{name} must be an array, int32[rows, {what}s]")
    array = unmasked("scopes", scopes)
    if array.ndim != 2 or array.dtype != np.int32:
        raise GraphError(
            f"{name} must be int32[rows, {what}s], not {array.dtype} of shape {array.shape}"
        )
    wrong = (array < 0) | (array >= count)
    if wrong.any():
        row = int(np.argmax(wrong.any(axis=1)))
        raise GraphError(f"{name}: row {row} names a {what} outside 0..{count - 1}")
    return np.ascontiguousarray(array)
