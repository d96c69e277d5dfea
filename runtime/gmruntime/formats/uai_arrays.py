"""UAI models read by array arithmetic: millions of factors without a Python object for each.

Reads sound files only. Whatever looks odd is left to the reader of `uai.py`, which goes token by
token and can say what is wrong and where.
"""

import warnings

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock

EXACT_MAX = float((1 << 31) - 1)
"""Larger integers cannot be meant; below it float64 holds every integer."""


ARITY_MAX = 31
"""A table of more variables with two states each is larger than any file that is read."""


def read_numbers(text: str) -> Float64[np.ndarray, " numbers"] | None:
    """Parse numbers between white space; None when anything else is among them."""
    with warnings.catch_warnings():
        # NumPy warns when it stops early, and will raise ValueError one day.
        warnings.simplefilter("error", DeprecationWarning)
        try:
            return np.fromstring(text, dtype=np.float64, sep=" ")
        except (ValueError, DeprecationWarning):
            return None


def parse_arrays(
    numbers: Float64[np.ndarray, " numbers"],
) -> tuple[Int64[np.ndarray, " variables"], tuple[FactorBlock, ...]] | None:
    """Read the numbers that follow the word MARKOV or BAYES.

    Returns:
        The number of states of each variable, and the factors; None when the file is not sound.
    """
    count = _counter(numbers, 0)
    if count is None:
        return None
    states = _integers(numbers[1 : 1 + count], 1)
    num_factors = _counter(numbers, 1 + count)
    if states is None or num_factors is None or states.size != count:
        return None
    starts = _scope_starts(numbers, 2 + count, num_factors)
    if starts is None:
        return None
    arities = numbers[starts[:-1]].astype(np.int64)
    groups: list[tuple[np.ndarray, np.ndarray]] = []
    sizes = np.zeros(num_factors)
    for arity in np.unique(arities):
        members = np.flatnonzero(arities == arity)
        places = starts[members][:, None] + 1 + np.arange(arity)
        scopes = _integers(numbers[places], 0)
        if scopes is None or (scopes.size and scopes.max() >= count) or _repeats(scopes):
            return None
        sizes[members] = np.prod(states[scopes], axis=1, dtype=np.float64)
        groups.append((members, scopes))
    tables = _table_starts(numbers, int(starts[-1]), sizes)
    if tables is None:
        return None
    return states, _blocks(numbers, states, groups, tables)


def _counter(numbers: np.ndarray, position: int) -> int | None:
    found = _integers(numbers[position : position + 1], 0)
    return int(found[0]) if found is not None and found.size else None


def _integers(values: np.ndarray, low: int) -> Int64[np.ndarray, "..."] | None:
    if not ((values >= low) & (values <= EXACT_MAX) & (values == np.floor(values))).all():
        return None
    return values.astype(np.int64)


def _repeats(scopes: np.ndarray) -> bool:
    ordered = np.sort(scopes, axis=1)
    return bool((ordered[:, 1:] == ordered[:, :-1]).any())


def _scope_starts(numbers: np.ndarray, position: int, count: int) -> np.ndarray | None:
    """Find where each scope begins, and where the last one ends."""
    if count > numbers.size:
        return None
    starts = np.empty(count + 1, np.int64)
    item, end = numbers.item, numbers.size
    for f in range(count):
        if position >= end:
            return None
        starts[f] = position
        arity = item(position)
        if not (0 <= arity <= end and arity.is_integer()):
            return None
        position += 1 + int(arity)
    starts[count] = position
    return starts if position <= end else None


def _table_starts(numbers: np.ndarray, start: int, sizes: np.ndarray) -> np.ndarray | None:
    """Find where each table's entries begin; None unless all tables are there and sound."""
    total = float(sizes.sum()) + len(sizes)
    if total > numbers.size - start:
        return None
    places = start + np.concatenate([np.zeros(1), np.cumsum(1.0 + sizes)]).astype(np.int64)[:-1]
    entries = numbers[start : start + int(total)]
    if not (np.isfinite(entries) & (entries >= 0)).all() or (numbers[places] != sizes).any():
        return None
    return places + 1


def _blocks(
    numbers: np.ndarray,
    states: np.ndarray,
    groups: list[tuple[np.ndarray, np.ndarray]],
    tables: np.ndarray,
) -> tuple[FactorBlock, ...]:
    """Group factors whose tables have the same shape, in the order of their first members."""
    found: list[tuple[int, FactorBlock]] = []
    for members, scopes in groups:
        shapes, group = np.unique(states[scopes], axis=0, return_inverse=True)
        for number, shape in enumerate(shapes):
            chosen = np.flatnonzero(group.reshape(-1) == number)
            size = int(np.prod(shape, dtype=np.int64))
            places = tables[members[chosen]][:, None] + np.arange(size)
            block = table_block(numbers[places], shape, scopes[chosen])
            found.append((int(members[chosen[0]]), block))
    return tuple(block for _, block in sorted(found, key=lambda pair: pair[0]))


def table_block(
    potentials: Float64[np.ndarray, "factors entries"],
    shape: Int64[np.ndarray, " arity"],
    scopes: Int64[np.ndarray, "factors arity"],
) -> FactorBlock:
    """Make a block of tables; one serves all when they are equal.

    Scopes wider than arrays have axes lose their variables of one state, about which a table says
    nothing: what is left of a table that fits a file has few axes.
    """
    if len(potentials) > 1 and (potentials == potentials[:1]).all():
        potentials = potentials[:1]
    arity = scopes.shape[1]
    if arity > ARITY_MAX:
        # The last one stays: in a Bayesian network the distribution is its.
        kept = (shape > 1) | (np.arange(arity) == arity - 1)
        scopes, shape = scopes[:, kept], shape[kept]
    with np.errstate(divide="ignore"):
        kind = Table(np.log(potentials).reshape(len(potentials), *shape.tolist()))
    return FactorBlock(kind, scopes.astype(np.int32), f"factors over {arity} variables")
