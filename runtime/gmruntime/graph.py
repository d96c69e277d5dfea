"""The factor graph: what everything else in the runtime reads.

Blocks, not objects: an image of a million pixels is one block of variables and two blocks of
factors. Variables are numbered block after block, each block in C order; that number is the
variable's index everywhere in the runtime. Logs are natural; the unit is the nat.

    log p(x) = sum over factors of log f(x_scope) - log Z
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gmruntime.arrays import Bool, Float64, Int, Int32, Int64, num_entries, row_starts
from gmruntime.factors.kind import NUM_ENTRIES_MAX
from gmruntime.factors.kind import FactorKind as FactorKind
from gmruntime.factors.kinds.table import Gated, Table
from gmruntime.factors.parameters import ParameterError, integer, unmasked

_NUM_MAX = 2**31 - 1
"""Variables and states are numbered by 32-bit integers."""


_NUM_SCORED_AT_ONCE = 1 << 19
"""States of factors that are scored together: some megabytes."""

AXES_MAX = 32
"""Engines give a table a few axes more, and NumPy's arrays have 64; nobody has 2**32 entries."""


class GraphError(ValueError):
    """A factor graph, or an argument that goes with one, contradicts itself."""


@dataclass(frozen=True, slots=True, eq=False)
class VariableBlock:
    """An array of variables with one domain, such as the pixels of an image."""

    name: str
    shape: tuple[int, ...]
    num_states: int

    @property
    def size(self) -> int:
        """The number of variables in the block."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True, eq=False)
class FactorBlock:
    """Factors of one kind and one arity.

    Attributes:
        kind: what the factors mean, with their parameters.
        scopes: scopes[f, k] is the index of the k-th variable of factor f. A variable appears at
            most once in a scope.
        label: what the author of the model calls these factors; for messages only.
    """

    kind: FactorKind
    scopes: Int32[np.ndarray, "factors arity"]
    label: str = ""

    def some(self, keep: Bool[np.ndarray, " factors"]) -> "FactorBlock":
        """Return the block with some of its factors."""
        if keep.all():
            return self
        return FactorBlock(self.kind.some(keep), self.scopes[keep], self.label)


@dataclass(frozen=True, slots=True, eq=False)
class FactorGraph:
    """Everything inference needs to know about a model."""

    IS_TOLD_ONCE: ClassVar = True
    """Going through all blocks takes long: while a question is answered that is done once."""

    variables: tuple[VariableBlock, ...]
    factors: tuple[FactorBlock, ...]

    @property
    def num_variables(self) -> int:
        """The number of variables in all blocks."""
        return sum(block.size for block in self.variables)

    @property
    def num_factors(self) -> int:
        """The number of factors in all blocks."""
        return sum(block.scopes.shape[0] for block in self.factors)


Assignment = Int32[np.ndarray, " variables"]
"""A state for each variable, by index. As evidence, -1 marks a variable that is not observed."""


def block_starts(graph: FactorGraph) -> Int64[np.ndarray, " blocks_and_end"]:
    """Find the index of each block's first variable, and last the number of variables."""
    sizes = [block.size for block in graph.variables]
    return row_starts(sizes)


def num_states(graph: FactorGraph) -> Int32[np.ndarray, " variables"]:
    """List the number of states of every variable."""
    sizes = [block.size for block in graph.variables]
    states = [block.num_states for block in graph.variables]
    return np.repeat(np.array(states, np.int32), np.array(sizes, np.int64))


def by_block(
    graph: FactorGraph, row: Float64[np.ndarray, " states"]
) -> tuple[Float64[np.ndarray, "*shape states"], ...]:
    """Arrange one number for each state of each variable in arrays shaped like the blocks."""
    found: list[np.ndarray] = []
    start = 0
    for block in graph.variables:
        stop = start + block.size * block.num_states
        found.append(row[start:stop].reshape(*block.shape, block.num_states))
        start = stop
    return tuple(found)


def no_evidence(graph: FactorGraph) -> Assignment:
    """Return evidence in which nothing is observed."""
    return np.full(graph.num_variables, -1, np.int32)


def shape_of(block: FactorBlock, states: Int32[np.ndarray, " variables"]) -> tuple[int, ...]:
    """Return the number of states at each position of a block that has factors."""
    return tuple(states[block.scopes[0]].tolist())


def table_indices(block: FactorBlock) -> Int64[np.ndarray, " factors"]:
    """Say for each factor of the block which of its kind's tables it uses."""
    return _table_indices(block, 0, block.scopes.shape[0])


def _table_indices(block: FactorBlock, first: int, count: int) -> Int64[np.ndarray, " factors"]:
    if block.kind.num_tables == 1:
        return np.zeros(count, np.int64)
    return np.arange(first, first + count, dtype=np.int64)


def log_score(
    graph: FactorGraph, assignments: Int[np.ndarray, "*rows variables"]
) -> Float64[np.ndarray, "*rows"]:
    """Sum the log potentials of every factor at each assignment; -inf where one forbids it."""
    assignments = np.asarray(assignments)
    num_rows = int(np.prod(assignments.shape[:-1], dtype=np.int64))
    flat = assignments.reshape(num_rows, graph.num_variables)
    totals = np.zeros(len(flat))
    for block in graph.factors:
        count, arity = block.scopes.shape
        step = max(1, _NUM_SCORED_AT_ONCE // max(1, arity))
        for begin in range(0, count, step):
            # Factors, and then rows, are taken together as far as a moderate array allows.
            scopes = block.scopes[begin : begin + step]
            index = _table_indices(block, begin, len(scopes))
            num_rows = max(1, step // len(scopes))
            for first in range(0, len(flat), num_rows):
                rows = flat[first : first + num_rows]
                states = rows[:, scopes].reshape(len(rows) * len(scopes), arity)
                values = block.kind.log_values(np.tile(index, len(rows)), states)
                totals[first : first + num_rows] += values.reshape(len(rows), -1).sum(axis=1)
    return totals.reshape(assignments.shape[:-1])


def validate(graph: FactorGraph) -> FactorGraph:
    """Check a graph, and return it with its arrays as engines read them.

    Parameters become float64, int64 or booleans in C order; what is so already is not copied.

    Raises:
        GraphError: naming the block, what was expected and what was found.
    """
    given: object = graph
    _check_blocks(given)
    variables = tuple(_checked_variables(block) for block in graph.variables)
    if sum(block.size for block in variables) > _NUM_MAX:
        raise GraphError(f"the blocks hold more than {_NUM_MAX} variables together")
    states = num_states(FactorGraph(variables, ()))
    alike = len(states) > 0 and bool((states == states[0]).all())
    factors = tuple(
        _checked_factors(
            block, f"factor block {position} ({block.label or 'no label'})", states, alike
        )
        for position, block in enumerate(graph.factors)
    )
    return FactorGraph(variables, factors)


def _check_blocks(graph: object) -> None:
    if not isinstance(graph, FactorGraph):
        raise GraphError(f"the graph is {graph!r}, not a FactorGraph")
    for name, blocks, kind in (
        ("variables", graph.variables, VariableBlock),
        ("factors", graph.factors, FactorBlock),
    ):
        for block in _listed(name, blocks):
            if not isinstance(block, kind):
                raise GraphError(f"{name} holds {block!r}, not a {kind.__name__}")


def _listed(name: str, blocks: object) -> tuple[object, ...]:
    if not isinstance(blocks, tuple | list):
        raise GraphError(f"{name} is {blocks!r}, not a tuple of blocks")
    return tuple(blocks)


def _checked_variables(block: VariableBlock) -> VariableBlock:
    try:
        shape = tuple(integer("a size of its shape", size, lowest=0) for size in block.shape)
        count = integer("num_states", block.num_states, lowest=1)
    except (ParameterError, TypeError) as error:
        why = error if isinstance(error, ParameterError) else f"its shape is {block.shape!r}"
        raise GraphError(f"variable block {block.name!r}: {why}") from None
    return VariableBlock(block.name, shape, count)


def _checked_factors(
    block: FactorBlock, name: str, states: Int32[np.ndarray, " variables"], alike: bool
) -> FactorBlock:
    scopes = _checked_scopes(block.scopes, name, len(states))
    count, arity = scopes.shape
    try:
        kind = _checked_kind(block.kind, arity, int(states.max(initial=1)))
    except ParameterError as error:
        raise GraphError(f"{name}: {error}") from None
    if kind.num_tables not in (1, count):
        raise GraphError(f"{name}: {kind.num_tables} tables for {count} factors")
    for k in range(arity):
        # Where all variables are alike there is nothing to look up.
        found = states[:1] if alike else states[scopes[:, k]]
        wanted = kind.expected_states(arity, k)
        if count and (found != (found[0] if wanted is None else wanted)).any():
            raise GraphError(
                f"{name}: position {k} holds variables with {np.unique(found).tolist()} states, "
                f"its kind needs {wanted if wanted is not None else 'all the same'}"
            )
    if kind.is_alike and arity and not alike and len(np.unique(states[scopes])) > 1:
        raise GraphError(f"{name}: all its variables need the same number of states")
    if count and not (kind.is_large or isinstance(kind, Table | Gated)):
        entries = num_entries(states[scopes[0]].tolist()) * kind.num_tables
        if entries > NUM_ENTRIES_MAX:
            raise GraphError(f"{name}: its kind is read as tables, of {entries:g} entries")
    kind, scopes = _within_axes(kind, scopes)
    return FactorBlock(kind, scopes, block.label)


def _within_axes(kind: FactorKind, scopes: np.ndarray) -> tuple[FactorKind, np.ndarray]:
    """Leave variables of one state out of tables with so many axes: nothing depends on them."""
    if not isinstance(kind, Table | Gated) or kind.log_potentials.ndim <= AXES_MAX:
        return kind, scopes
    shape = kind.log_potentials.shape
    kept = [axis for axis, size in enumerate(shape) if axis == 0 or size > 1]
    table = kind.log_potentials.reshape([shape[axis] for axis in kept])
    if isinstance(kind, Gated):
        # The gate stands first in the scope, where the table has its axis of tables.
        return Gated(table), np.ascontiguousarray(scopes[:, kept])
    columns = [axis - 1 for axis in kept[1:]]
    return Table(table), np.ascontiguousarray(scopes[:, columns])


def _checked_kind(kind: object, arity: int, num_states_max: int) -> FactorKind:
    if not isinstance(kind, FactorKind):
        raise ParameterError(f"{kind!r} is no kind of factor")
    try:
        return kind.checked(arity, num_states_max)
    except ParameterError as error:
        raise ParameterError(f"{type(kind).__name__}: {error}") from None


def _checked_scopes(
    scopes: object, name: str, num_variables: int
) -> Int32[np.ndarray, "factors arity"]:
    if not isinstance(scopes, np.ndarray):
        kind = type(scopes).__name__
        raise GraphError(f"{name}: scopes must be an array, int32[factors, arity], not a {kind}")
    try:
        array = unmasked("scopes", scopes)
    except ParameterError as error:
        raise GraphError(f"{name}: {error}") from None
    if array.ndim != 2 or array.dtype != np.int32:
        found = f"{array.dtype} of shape {array.shape}"
        raise GraphError(f"{name}: scopes must be int32[factors, arity], not {found}")
    array = np.ascontiguousarray(array)
    if array.size and (array.min() < 0 or array.max() >= num_variables):
        raise GraphError(f"{name}: a scope names a variable outside 0..{num_variables - 1}")
    if repeats_variable(array).any():
        raise GraphError(f"{name}: a scope names a variable twice")
    return array


def repeats_variable(scopes: Int[np.ndarray, "factors arity"]) -> Bool[np.ndarray, " factors"]:
    """Say of each scope whether it names a variable twice."""
    if scopes.shape[1] == 2:
        return scopes[:, 0] == scopes[:, 1]
    ordered = np.sort(scopes, axis=1)
    return (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
