"""Small blocks of factors of one shape, gathered into large ones before anything is asked.

Statements bring a block each, and engines go block by block: ten thousand predictions that models
of other names make are one block of ten thousand factors to them.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from gmruntime.factors.kinds import Cover, FactorKind, Gated, Table
from gmruntime.graph import FactorBlock, VariableBlock

_FEW = 8
"""So many blocks of one shape stay as they are."""

_FACTORS_MAX, _ENTRIES_MAX = 64, 1 << 12
"""Blocks of more factors stay as they are, and so do those of larger tables."""


@dataclass(slots=True, eq=False)
class Gathered:
    """The blocks of a program, gathered once for all questions."""

    before: list[FactorBlock] = field(default_factory=list[FactorBlock])
    after: tuple[FactorBlock, ...] = ()

    def of(self, factors: Sequence[FactorBlock]) -> tuple[FactorBlock, ...]:
        """Gather blocks, of which the first may be the program's."""
        known = len(self.before)
        if known and len(factors) >= known:
            pairs = zip(self.before, factors, strict=False)
            if all(one is other for one, other in pairs):
                return (*self.after, *gathered(factors[known:]))
        return gathered(factors)

    def keep(self, factors: Sequence[FactorBlock]) -> None:
        """Gather the program's blocks, and remember them."""
        self.before, self.after = list(factors), gathered(factors)


def joined_variables(blocks: Sequence[VariableBlock]) -> tuple[VariableBlock, ...]:
    """Return blocks with single variables of one size that follow each other as one.

    Variables keep their numbers: models and attributes with names of their own are many blocks,
    and every engine and digest goes through all.
    """
    found: list[VariableBlock] = []
    for (is_single, size), run in groupby(blocks, lambda b: (b.size == 1, b.num_states)):
        own = list(run)
        if is_single and len(own) > _FEW:
            found.append(VariableBlock(own[0].name, (len(own),), size))
        else:
            found += own
    return tuple(found)


def gathered(factors: Sequence[FactorBlock]) -> tuple[FactorBlock, ...]:
    """Return the same factors in fewer blocks; a gathered block stands where its first one did."""
    groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for number, block in enumerate(factors):
        kind = block.kind
        if isinstance(kind, Table | Gated | Cover) and len(block.scopes) <= _FACTORS_MAX:
            own = _parameters(kind)
            if own[0][:1].size <= _ENTRIES_MAX:
                shapes = tuple(values.shape[1:] for values in own)
                sizes = kind.sizes if isinstance(kind, Cover) else ()
                groups[type(kind), block.scopes.shape[1], shapes, sizes].append(number)
    many = [numbers for numbers in groups.values() if len(numbers) > _FEW]
    joined = {numbers[0]: _joined([factors[k] for k in numbers]) for numbers in many}
    gone = {k for numbers in many for k in numbers[1:]}
    return tuple(joined.get(k, block) for k, block in enumerate(factors) if k not in gone)


def _parameters(kind: FactorKind) -> tuple[np.ndarray, ...]:
    match kind:
        case Table() | Gated():
            return (kind.log_potentials,)
        case Cover():
            return kind.log_takes, kind.log_passes
        case _:
            raise AssertionError(type(kind).__name__)


def _joined(blocks: list[FactorBlock]) -> FactorBlock:
    columns = zip(*(_parameters(block.kind) for block in blocks), strict=True)
    counts = [len(block.scopes) for block in blocks]
    every = [
        np.concatenate(
            [
                values if len(values) == count else np.repeat(values, count, 0)
                for values, count in zip(column, counts, strict=True)
            ]
        )
        for column in columns
    ]
    if all((values == values[:1]).all() for values in every):
        every = [values[:1] for values in every]
    scopes = np.concatenate([block.scopes for block in blocks])
    label = f"{blocks[0].label} and {len(blocks) - 1} more like it"
    match blocks[0].kind:
        case Gated():
            kind: FactorKind = Gated(*every)
        case Cover(sizes=sizes):
            kind = Cover(every[0], every[1], sizes)
        case _:
            kind = Table(*every)
    return FactorBlock(kind, scopes, label)
