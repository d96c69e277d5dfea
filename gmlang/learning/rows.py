"""Cases as rows of evidence: columns matched to variables, cells to states."""

import re
from dataclasses import dataclass
from typing import cast

import numpy as np

from gmlang.core.ast import Bool, Enum, Integer
from gmlang.core.program import Program
from gmlang.data.arrays import read_column
from gmlang.data.cases import Cases, Column, Given, weights_of
from gmlang.data.observed import variables_for_data
from gmlang.data.reading import read_given
from gmlang.data.scalars import DataType, Unreadable, read_all, stored
from gmlang.diagnostics import Diagnostic, GmError, Span
from gmlang.errors.learning import cases as errors
from gmlang.graph.world.names import Named, named_in
from gmlang.graph.world.states import States
from gmlang.graph.world.world import World
from gmlang.queries.each import Seen
from gmruntime.arrays import Float64, Int32

_WEIGHT = "weight"
"""The column of weights, unless a variable is called so."""

_MISTAKES_MAX = 20
"""So many columns with mistakes are told of at once."""

_INDEX = re.compile(r"\[\s*(\d+(?:\s*,\s*\d+)*)\s*\]")
_NAMES_MAX = 2000
"""Instances of models beyond so many are not offered where a column is unknown."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What was seen.

    Attributes:
        evidence: the state of each variable in each row, -1 where it was not seen.
        weights: of each row.
        numbers: which row of the table each is.
        num_cells: of the table, weights left out.
        num_empty: of them.
    """

    evidence: Int32[np.ndarray, "rows variables"]
    weights: Float64[np.ndarray, " rows"]
    numbers: np.ndarray
    num_cells: int = 0
    num_empty: int = 0

    def chosen(self, rows: np.ndarray) -> "Rows":
        """Return some of the rows."""
        return Rows(
            self.evidence[rows],
            self.weights[rows],
            self.numbers[rows],
            self.num_cells,
            self.num_empty,
        )

    @property
    def empty(self) -> float:
        """The part of the cells that say nothing."""
        return self.num_empty / self.num_cells if self.num_cells else 0.0

    @property
    def total(self) -> float:
        """The sum of the weights."""
        return float(self.weights.sum())


def read_rows(world: World, cases: Cases, own: np.ndarray, weight: str | None) -> Rows:
    """Turn cases into evidence.

    Args:
        world: of the grounded program.
        cases: the table.
        own: what the program itself observes, in each case: a state for each variable, or -1.
        weight: the column of weights; None for one called "weight", if there is one.

    Raises:
        GmError: with the first columns that name no variable, and the first bad cell of others.
    """
    named = {one.name: one for one in named_in(world)}
    evidence = np.tile(own, (cases.num_rows, 1)).astype(np.int32)
    weights = np.ones(cases.num_rows)
    taken: dict[int, str] = {}
    num_cells = num_empty = 0
    mistakes = _missing_weight(cases, weight)
    for column in cases.columns:
        if column.name == (weight or _WEIGHT) and (weight is not None or _WEIGHT not in named):
            weights = weights_of(cases, column)
            continue
        try:
            variables, states = _matched(cases, column, named, world)
            _claim(cases, column, variables, taken)
            found = _states(cases, column, variables, states)
        except GmError as error:
            mistakes += error.diagnostics
            if len(mistakes) >= _MISTAKES_MAX:
                break
            continue
        num_cells += found.size
        num_empty += int((found < 0).sum())
        before = own[variables.reshape(-1)]
        clash = (found >= 0) & (before >= 0) & (found != before)
        if clash.any():
            row = int(clash.any(axis=1).argmax())
            where, text = cases.place(row, column.number), cases.row_text(row)
            mistakes.append(errors.column_against_observed(where, cases.name, column.name, text))
            continue
        evidence[:, variables.reshape(-1)] = np.where(found >= 0, found, before)
    if mistakes:
        raise GmError(mistakes)
    return Rows(evidence, weights, np.arange(cases.num_rows), num_cells, num_empty)


def rows_given(program: Program, value: Given, span: Span) -> tuple[dict[str, object], Seen]:
    """Return a table of a caller in Python, or in a file, as rows to ask about.

    Args:
        program: that is asked.
        value: the table, or its path.
        span: of the query about it.

    Returns:
        data that has nothing where rows have it, by name, and the rows.

    Raises:
        GmError: when it cannot be read, or is no table of cases.
    """
    missing, cases = variables_for_data(program, read_given(value, span))
    return missing, seen_in(cases)


def seen_in(cases: Cases) -> Seen:
    """Return cases as rows to ask about: each cell means what it means to whoever learns.

    They are read once for all questions that are asked in one world.
    """
    known: list[tuple[World, np.ndarray]] = []

    def states(world: World) -> Int32[np.ndarray, "rows variables"]:
        for other, found in known:
            # A question's own world has the same dicts as the one it was copied from.
            if other.variables is world.variables and other.models is world.models:
                return found
        ends = [int(one.variables.max()) + 1 for one in named_in(world) if one.variables.size]
        nothing = np.full(max(ends, default=0), -1, np.int32)
        found = read_rows(world, cases, nothing, None).evidence
        known[:] = [(world, found)]
        return found

    return Seen(cases.num_rows, states)


def _missing_weight(cases: Cases, weight: str | None) -> list[Diagnostic]:
    names = [column.name for column in cases.columns]
    if weight is None or weight in names:
        return []
    return [errors.no_weights(cases.span, cases.name, weight, names)]


def _matched(
    cases: Cases, column: Column, named: dict[str, Named], world: World
) -> tuple[np.ndarray, States]:
    """Return the variables that a column is about, and their states."""
    found = named.get(column.name)
    if found is not None:
        return found.variables, found.states
    base = _INDEX.sub("", column.name).replace(" ", "")
    place = tuple(
        int(k) for group in _INDEX.findall(column.name) for k in group.replace(" ", "").split(",")
    )
    found = named.get(base)
    if found is None and base in world.data:
        where = cases.place(-1, column.number)
        raise GmError([errors.column_of_data(where, cases.name, column.name)])
    if found is None or not place:
        where = cases.place(-1, column.number)
        known = [name for name in named if "(" not in name] + [n for n in named if "(" in n]
        raise GmError([errors.unknown_column(where, cases.name, column.name, known[:_NAMES_MAX])])
    shape = found.variables.shape
    if len(place) != len(shape) or any(k >= size for k, size in zip(place, shape, strict=False)):
        where = cases.place(-1, column.number)
        raise GmError([errors.column_outside(where, cases.name, column.name, base, shape)])
    return found.variables[place], found.states


def _claim(cases: Cases, column: Column, variables: np.ndarray, taken: dict[int, str]) -> None:
    """Refuse a variable that two columns are about."""
    for variable in variables.reshape(-1).tolist():
        if variable in taken:
            where, other = cases.place(-1, column.number), taken[variable]
            raise GmError([errors.columns_alike(where, cases.name, column.name, other)])
        taken[variable] = column.name


def _states(
    cases: Cases, column: Column, variables: np.ndarray, states: States
) -> Int32[np.ndarray, "rows own"]:
    """Read the cells of a column; -1 where they are empty."""
    found = _read(cases, column, states)
    width = max(1, variables.size)
    if isinstance(found, tuple):
        index, reason = found
        raise GmError([_bad_cell(cases, column, index // width, reason, states)])
    shape = (cases.num_rows, *variables.shape)
    if found.shape != shape and not (found.size == 0 and cases.num_rows == 0):
        where, given = cases.place(-1, column.number), found.shape[1:]
        raise GmError([errors.wrong_width(where, cases.name, column.name, given, variables.shape)])
    flat = found.reshape(cases.num_rows, variables.size)
    seen = ~np.isnan(flat) if flat.dtype == np.float64 else np.ones(flat.shape, np.bool_)
    numbers = np.where(seen, flat, states.first).astype(np.int64) - states.first
    outside = (numbers < 0) | (numbers >= states.count)
    if outside.any():
        row = int(outside.any(axis=1).argmax())
        value = int(np.asarray(flat[row][outside[row]][0]))
        raise GmError([_bad_cell(cases, column, row, Unreadable(str(value)), states)])
    return np.where(seen, numbers, -1).astype(np.int32)


def _read(cases: Cases, column: Column, states: States) -> np.ndarray | tuple[int, Unreadable]:
    """Read the cells of a column: words of a file as such, whatever else as data is read."""
    if cases.table is None:
        return read_column(_type(states), column.name, cases.span, column.cells)
    words = cast("list[str]", column.cells)
    values = read_all(_type(states), words)
    if isinstance(values, tuple) or not words:
        return values if isinstance(values, tuple) else np.zeros(0, np.int64)
    return stored(_type(states), values, (len(words),))


def _type(states: States) -> DataType:
    if states.is_bool:
        return Bool()
    return Enum(states.name, states.labels) if states.labels else Integer()


def _bad_cell(
    cases: Cases, column: Column, row: int, reason: Unreadable, states: States
) -> Diagnostic:
    where: Span = cases.place(row, column.number)
    return errors.bad_case(
        where,
        cases.name,
        cases.row_text(row),
        column.name,
        reason.shown,
        states.describe(),
        reason.hint,
    )
