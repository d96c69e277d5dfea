"""Every expression up to a size, by its values for all arguments: the shortest of those alike."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from gmruntime.arrays import Bool, Int, Int32, Int64
from gmruntime.budget import Budget

VALUE_MAX = 32_767
"""Expressions with values beyond this are left out, and so is what is made of them."""

_CHUNK_CELLS = 1 << 22
"""So many values are worked out at a time."""

_CHUNK = 1 << 16
"""And so many expressions: then it is asked whether there is time for more."""

_WEIGHT_BITS = 28

NUMBER, TRUTH, NAMED = 0, 1, 2
"""Kinds of values: numbers, true or false, and from here on the domains with names."""

LEAF = ""
"""The operator of an argument or a constant."""

_ARITHMETIC: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "//": np.floor_divide,
    "%": np.mod,
    "min": np.minimum,
    "max": np.maximum,
}
_COMPARISONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
_JUNCTIONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "and": np.logical_and,
    "or": np.logical_or,
    "xor": np.logical_xor,
}
_COMMUTATIVE = frozenset(("+", "*", "min", "max", "==", "!=", "and", "or", "xor"))


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """An argument or a constant.

    Attributes:
        text: as a program writes it.
        kind: of its values.
        values: for each combination of arguments.
    """

    text: str
    kind: int
    values: Int[np.ndarray, " cells"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the values of a function are: the kind, and the first and last of a range."""

    kind: int
    first: int
    last: int

    def accepts(
        self, kinds: Int[np.ndarray, " rules"], values: Int[np.ndarray, "rules cells"]
    ) -> Bool[np.ndarray, " rules"]:
        """Say which expressions have only such values; a condition is 0 or 1 where numbers are."""
        is_kind = kinds == self.kind
        if self.kind == NUMBER:
            is_kind |= kinds == TRUTH
        return is_kind & (values.min(axis=1) >= self.first) & (values.max(axis=1) <= self.last)


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """Expressions, the shortest first, no two with the same kind and values.

    Attributes:
        values: for each combination of arguments.
        operators: the number of each one's operator in `names`.
        parts: what it is made of, by number; -1 for none, and the number of the leaf for a leaf.
        is_whole: whether all up to the size are here.
        size: up to which all are, for certain.
    """

    leaves: tuple[Leaf, ...]
    names: tuple[str, ...]
    values: Int[np.ndarray, "rules cells"]
    kinds: Int[np.ndarray, " rules"]
    sizes: Int32[np.ndarray, " rules"]
    operators: Int[np.ndarray, " rules"]
    parts: Int32[np.ndarray, "rules 3"]
    is_whole: bool
    size: int


@dataclass(slots=True, eq=False)
class _Pool:
    """What has been found so far, in blocks; `start` says where each size begins."""

    num_cells: int
    weights: np.ndarray
    wanted: tuple[Wanted, ...]
    values: list[np.ndarray] = field(default_factory=list[np.ndarray])
    kinds: list[np.ndarray] = field(default_factory=list[np.ndarray])
    sizes: list[np.ndarray] = field(default_factory=list[np.ndarray])
    operators: list[np.ndarray] = field(default_factory=list[np.ndarray])
    parts: list[np.ndarray] = field(default_factory=list[np.ndarray])
    seen: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint64))
    count: int = 0

    def add(
        self,
        kind: int,
        size: int,
        operator: int,
        values: np.ndarray,
        parts: np.ndarray,
        *,
        only_wanted: bool,
    ) -> None:
        """Keep those of some expressions that are new."""
        good = (values.min(axis=1) >= -VALUE_MAX) & (values.max(axis=1) <= VALUE_MAX)
        kinds = np.full(len(values), kind, np.int8)
        if only_wanted:
            accepted = np.zeros(len(values), np.bool_)
            for one in self.wanted:
                accepted |= one.accepts(kinds, values)
            good &= accepted
        if not good.all():
            values, parts, kinds = values[good], parts[good], kinds[good]
        keys = self._keys(kind, values)
        keys, first = np.unique(keys, return_index=True)
        place = np.searchsorted(self.seen, keys)
        known = np.zeros(len(keys), np.bool_)
        inside = place < len(self.seen)
        known[inside] = self.seen[place[inside]] == keys[inside]
        new = np.sort(first[~known])
        if not len(new):
            return
        self.seen = np.insert(self.seen, place[~known], keys[~known])
        self.values.append(values[new].astype(np.int16))
        self.kinds.append(kinds[new])
        self.sizes.append(np.full(len(new), size, np.int32))
        self.operators.append(np.full(len(new), operator, np.int8))
        self.parts.append(parts[new].astype(np.int32))
        self.count += len(new)

    def _keys(self, kind: int, values: np.ndarray) -> np.ndarray:
        """Return what tells expressions apart: three random sums of the values, mixed to 64 bits.

        Two different rows have the same with a probability of about 2^-64: 2^-84 that they agree in
        all three sums, which are exact for up to 1024 combinations of arguments.
        """
        sums = (values.astype(np.float64) @ self.weights).astype(np.int64).view(np.uint64)
        multipliers = np.array(
            [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64
        )
        with np.errstate(over="ignore"):
            mixed = sums * multipliers
            mixed ^= mixed >> np.uint64(29)
            return (mixed * multipliers[::-1]).sum(axis=1, dtype=np.uint64) + np.uint64(kind)

    def of_size(self, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the numbers, kinds and values of what has a size."""
        numbers: list[np.ndarray] = [np.zeros(0, np.int64)]
        kinds: list[np.ndarray] = [np.zeros(0, np.int8)]
        values: list[np.ndarray] = [np.zeros((0, self.num_cells), np.int16)]
        start = 0
        for own, kind, block in zip(self.sizes, self.kinds, self.values, strict=True):
            if own[0] == size:
                numbers.append(np.arange(start, start + len(own)))
                kinds.append(kind)
                values.append(block)
            start += len(own)
        return np.concatenate(numbers), np.concatenate(kinds), np.concatenate(values)


def every_rule(
    leaves: Sequence[Leaf],
    operators: Sequence[str],
    wanted: Sequence[Wanted],
    size: int,
    budget: Budget,
) -> Rules:
    """List all expressions up to a size, one for each way to have values.

    Args:
        leaves: arguments and constants.
        operators: of `gmlang.core.check.learned.functions.OPERATORS`.
        wanted: what functions made of them are to give: of the largest sizes, which nothing else
            is made of, only such are kept.
        size: operators and leaves together.
        budget: that has begun; a quarter of its memory is used, and of its time all that is left.
    """
    num_cells = len(leaves[0].values)
    rng = np.random.default_rng(0)
    weights = rng.integers(1, 1 << _WEIGHT_BITS, (num_cells, 3)).astype(np.float64)
    pool = _Pool(num_cells, weights, tuple(wanted))
    names = (LEAF, *operators)
    for number, leaf in enumerate(leaves):
        parts = np.array([[number, -1, -1]])
        values = leaf.values[None, :].astype(np.int32)
        pool.add(leaf.kind, 1, 0, values, parts, only_wanted=False)
    most = max(1, budget.memory_bytes // 4 // (2 * num_cells + 32))
    smallest = 1 if {"not", "abs"} & set(operators) else 2
    done = 1
    is_whole = True
    for own in range(2, size + 1):
        only_wanted = own + smallest > size
        for operator in range(1, len(names)):
            for kind, values, parts in _made(pool, names[operator], own):
                pool.add(kind, own, operator, values, parts, only_wanted=only_wanted)
                if pool.count > most or not budget.left_s():
                    is_whole = False
                    break
            if not is_whole:
                break
        if not is_whole:
            break
        done = own
    return Rules(
        tuple(leaves),
        names,
        np.concatenate(pool.values),
        np.concatenate(pool.kinds),
        np.concatenate(pool.sizes),
        np.concatenate(pool.operators),
        np.concatenate(pool.parts),
        is_whole,
        done,
    )


def _made(pool: _Pool, operator: str, size: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield what an operator makes of a size: the kind, the values, and of what."""
    if operator in ("not", "abs"):
        numbers, kinds, values = pool.of_size(size - 1)
        chosen = kinds == (TRUTH if operator == "not" else NUMBER)
        own = values[chosen].astype(np.int32)
        if len(own):
            found = 1 - own if operator == "not" else np.abs(own)
            kind = TRUTH if operator == "not" else NUMBER
            yield kind, found, _parts(numbers[chosen])
        return
    if operator == "if":
        yield from _chosen(pool, size)
        return
    for left_size in range(1, size - 1):
        right_size = size - 1 - left_size
        if operator in _COMMUTATIVE and left_size < right_size:
            continue
        left, right = pool.of_size(left_size), pool.of_size(right_size)
        yield from _pairs(operator, left, right)


_Block = tuple[np.ndarray, np.ndarray, np.ndarray]


def _pairs(
    operator: str, left: _Block, right: _Block
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    for kinds in _operands(operator, left[1], right[1]):
        (n_left, v_left), (n_right, v_right) = (
            (side[0][own], side[2][own]) for side, own in zip((left, right), kinds, strict=True)
        )
        if operator in ("//", "%"):
            able = (v_right != 0).all(axis=1)
            n_right, v_right = n_right[able], v_right[able]
        kind = NUMBER if operator in _ARITHMETIC else TRUTH
        function = {**_ARITHMETIC, **_COMPARISONS, **_JUNCTIONS}[operator]
        for lefts, rights in _blocks(v_left.shape[1], len(n_left), len(n_right)):
            some, others = v_left[lefts].astype(np.int32), v_right[rights]
            found = function(some[:, None, :], others[None, :, :]).astype(np.int32)
            parts = _parts(
                np.repeat(n_left[lefts], len(others)), np.tile(n_right[rights], len(some))
            )
            yield kind, found.reshape(-1, found.shape[2]), parts


def _blocks(num_cells: int, *counts: int) -> Iterator[tuple[slice, ...]]:
    """Cut a grid of expressions into what is worked out at a time, in its order."""
    room = max(1, min(_CHUNK_CELLS // num_cells, _CHUNK))
    steps: list[int] = []
    for count in reversed(counts):
        steps.append(max(1, min(count, room)))
        room //= steps[-1]
    sides = zip(counts, reversed(steps), strict=True)
    starts = [[slice(k, k + step) for k in range(0, count, step)] for count, step in sides]
    yield from product(*starts)


def _operands(
    operator: str, left: np.ndarray, right: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield masks of what may stand on both sides of an operator."""
    if operator in _JUNCTIONS:
        yield left == TRUTH, right == TRUTH
        return
    yield left < NAMED, right < NAMED
    if operator in ("==", "!="):
        for kind in np.unique(left[left >= NAMED]).tolist():
            yield left == kind, right == kind


def _chosen(pool: _Pool, size: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield `then if condition else otherwise` of a size."""
    for condition_size in range(1, size - 2):
        numbers, kinds, values = pool.of_size(condition_size)
        is_truth = kinds == TRUTH
        conditions, asked = numbers[is_truth], values[is_truth]
        if not len(conditions):
            continue
        for then_size in range(1, size - 1 - condition_size):
            then = pool.of_size(then_size)
            otherwise = pool.of_size(size - 1 - condition_size - then_size)
            for kind in np.intersect1d(then[1], otherwise[1]).tolist():
                n_then, v_then = then[0][then[1] == kind], then[2][then[1] == kind]
                here = otherwise[1] == kind
                n_else, v_else = otherwise[0][here], otherwise[2][here]
                sizes = len(conditions), len(n_then), len(n_else)
                for block in _blocks(pool.num_cells, *sizes):
                    some = asked[block[0], None, None, :] != 0
                    thens, elses = v_then[None, block[1], None, :], v_else[None, None, block[2], :]
                    found = np.where(some, thens, elses)
                    index = np.indices(found.shape[:3]).reshape(3, -1)
                    columns = (n_then[block[1]], conditions[block[0]], n_else[block[2]])
                    own = (column[index[k]] for column, k in zip(columns, (1, 0, 2), strict=True))
                    yield kind, found.reshape(-1, found.shape[3]).astype(np.int32), _parts(*own)


def _parts(*columns: Int64[np.ndarray, " made"]) -> Int32[np.ndarray, "made 3"]:
    found = np.full((len(columns[0]), 3), -1, np.int32)
    for place, column in enumerate(columns):
        found[:, place] = column
    return found
