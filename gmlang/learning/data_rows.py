"""Rows of data: a question asked of a program with each row's data bound, row by row.

Row i has the answer of `model.bind(pixels=X[i]).query(...)`. Where a program says no more of the
data than that variables are what it says, rows are evidence about these variables, which are asked
about together; else the program is grounded anew for each row.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike, fspath
from typing import Any, Protocol, cast

import numpy as np

from gmlang.core.from_syntax import Checked
from gmlang.core.mentions import mentions
from gmlang.core.program import DataSymbol, Predict, Program, Query
from gmlang.data.arrays import from_python
from gmlang.data.cases import Given
from gmlang.data.names import by_core_name, is_declared
from gmlang.data.observed import num_mentions, observed_as
from gmlang.data.reading import read_given
from gmlang.data.settings import UnusableFile, read_archive
from gmlang.diagnostics import GmError, Span
from gmlang.errors import declarations as errors
from gmlang.graph.looking.planes import Looking, look
from gmlang.graph.looking.statements import changed_with, looked_up
from gmlang.graph.lowering.forms.sites import is_moving
from gmlang.graph.world.bindings import bound_again
from gmlang.graph.world.instances import all_exist
from gmlang.learning.rows import rows_given, seen_in
from gmlang.queries.answers import Answer
from gmlang.queries.dispatch import answer, is_late, unanswered
from gmlang.queries.each import Seen, answer_each
from gmlang.queries.session import Session
from gmlang.queries.settings import Settings, begin
from gmlang.queries.worlds.done import does_something

_ROWS_MIN = 8
"""Fewer rows are bound one by one: to find out what is looked up takes some groundings."""

_LOOKING_SHARE = 0.3
"""Of the time, to find that out: there is another way."""

_ROWS_MAX = 256
"""Rows that are asked about together."""

_CELLS_MAX = 1 << 25
"""What these may look up, and observe, together."""


class Bound(Protocol):
    """A program with its data, which can be bound to other data and asked."""

    @property
    def checked(self) -> Checked:
        """The program."""
        ...

    def bind(self, frame: object = None, /, **data: object) -> "Bound":
        """Return it with other data."""
        ...

    def session(self) -> Session:
        """Return what answers questions about it."""
        ...

    def answer_each(self, query: Query, seen: Seen, settings: Settings) -> Iterator[Answer]:
        """Answer a query about each row of evidence."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class DataRows:
    """Rows whose columns are data of a program.

    Attributes:
        columns: of each data, by the name in the core program, its value in each row, in order.
        count: of the rows.
    """

    columns: Mapping[str, Any]
    count: int

    def first(self, limit: int | None) -> "DataRows":
        """Return the first rows, so many; None for all."""
        if limit is None or limit >= self.count:
            return self
        return DataRows({name: own[:limit] for name, own in self.columns.items()}, limit)

    def row(self, number: int) -> dict[str, object]:
        """Return the data of a row."""
        return {name: values[number] for name, values in self.columns.items()}


def data_rows(program: Program, given: object, span: Span) -> DataRows | None:
    """Return rows whose columns are data; None where none is.

    Args:
        program: that declares it.
        given: columns by name, the path of an NPZ archive with them, or any other table; of a data
            frame, or a list of mappings, all columns must be data.
        span: of the question, where mistakes are shown.

    Raises:
        GmError: where only some columns are data, or they are not equally long.
    """
    if isinstance(given, str | PathLike) and fspath(given).lower().endswith(".npz"):
        try:
            given = read_archive(fspath(given))
        except UnusableFile:
            # Whoever reads cases says what is wrong with the file.
            return None
    if isinstance(given, str | PathLike):
        return None
    is_mapping, known = isinstance(given, Mapping), _variables(program)
    if is_mapping:
        table = cast("Mapping[object, Any]", given)
    else:
        table = {one.name: one.cells for one in read_given(cast("Given", given), span).columns}
    names = [name for name in table if isinstance(name, str)]
    own = [name for name in names if name not in known and is_declared(program, name)]
    tables = [name for name in own if any(name in table.outside for table in program.rows)]
    if not own or tables or not (is_mapping or len(own) == len(table)):
        return None
    if len(own) < len(table):
        others = [str(name) for name in table if name not in own]
        raise GmError([errors.rows_of_both(span, own[0], others[0])])
    columns = {name: _by_position(table[name], name, span) for name in own}
    lengths = {name: len(values) for name, values in columns.items()}
    first = own[0]
    for name, length in lengths.items():
        if length != lengths[first]:
            raise GmError([errors.columns_differ(span, first, lengths[first], name, length)])
    return DataRows(by_core_name(program, columns), lengths[first])


def _by_position(values: Any, name: str, span: Span) -> Sequence[Any] | np.ndarray:  # noqa: ANN401 - of any library
    """Return what holds the rows so that a number picks the row in that place.

    A column of a data frame would look for the row that is labelled so.
    """
    if not isinstance(values, np.ndarray) and hasattr(values, "__array__"):
        values = np.asarray(values)
    is_array = isinstance(values, np.ndarray) and values.ndim > 0
    if is_array or (isinstance(values, Sequence) and not isinstance(values, str | bytes)):
        return cast("Sequence[Any] | np.ndarray", values)
    raise GmError([errors.no_rows(span, name)])


def _variables(program: Program) -> set[str]:
    """List the names of variables, and of things, which evidence may be about."""
    return {one.name for one in (*program.variables, *program.things)}


def answers_given(model: Bound, query: Query, given: Given, settings: Settings) -> Iterator[Answer]:
    """Yield the answer to a query about each row of a caller in Python, in order.

    Raises:
        GmError: when the query, the data or the rows have mistakes.
    """
    table = data_rows(model.checked.program, given, query.span)
    if table is not None:
        return answers_of_data(model, query, table, settings)
    missing, seen = rows_given(model.checked.program, given, query.span)
    return (model.bind(**missing) if missing else model).answer_each(query, seen, settings)


def answers_of_data(
    model: Bound, query: Query, rows: DataRows, settings: Settings
) -> Iterator[Answer]:
    """Yield the answer to a query about each row, in order, all within one budget.

    Raises:
        GmError: when the query, or the data of some row, does not fit the program.
    """
    if not rows.count:
        return
    evidence = _as_evidence(model.checked.program, query, rows)
    if evidence is not None:
        bare, seen = evidence
        yield from model.bind(**bare).answer_each(query, seen, settings)
        return
    settings = begin(settings, query.within_s)
    query = replace(query, within_s=None)
    budget = settings.running()
    num_done = 0
    for found in _looked_up(model, query, rows, settings):
        num_done += 1
        yield found
    for number in range(num_done, rows.count):
        if is_late(budget):
            late = replace(unanswered(query, settings), seconds=budget.spent_s(), name=query.name)
            yield from (late for _ in range(number, rows.count))
            return
        share = replace(settings, budget=budget.share(1.0 / (rows.count - number)))
        own = model.bind(**_outside(model.checked.program, rows.row(number)))
        yield answer(own.session(), query, share)


def _outside(program: Program, values: Mapping[str, object]) -> dict[str, object]:
    """Return values by the names that the world outside has for them."""
    symbols = {symbol.name: symbol for symbol in program.data}
    return {symbols[name].outside[0]: value for name, value in values.items()}


# --- Data that is looked up --------------------------------------------------------------


def _looked_up(model: Bound, query: Query, rows: DataRows, settings: Settings) -> Iterator[Answer]:
    """Yield answers about the first rows, as many as can be asked about together, some at a time.

    None can where they are few, or the program does more with the data than look numbers up.
    """
    program, given = model.checked.program, frozenset(rows.columns)
    if does_something(query):
        # Another world's graph would have to be known for all rows.
        return
    names = looked_up(program, given) if rows.count >= _ROWS_MIN else None
    if names is None or any(num_mentions(query, name) for name in changed_with(program, given)):
        return
    session = model.bind(**_outside(program, rows.row(0))).session()
    try:
        part = settings.running().share(_LOOKING_SHARE)
        looking = look(program, session.world, (), names, part)
    except TimeoutError:
        return
    if looking is None or not _exists_all(looking, query):
        return
    builder = looking.grounding.builder
    step = max(1, min(_ROWS_MAX, _CELLS_MAX // (looking.num_sites + builder.num_variables)))
    for first in range(0, rows.count, step):
        some = range(first, min(first + step, rows.count))
        budget = settings.running()
        seen = None if is_late(budget) else _seen(session, looking, rows, some)
        if seen is None:
            return
        base, row = looking.with_rows(seen)
        states = np.full((len(some), base.builder.num_variables), -1, np.int32)
        states[:, row] = np.arange(len(some))
        own = Session(program, session.world, base)
        share = replace(settings, budget=budget.share(len(some) / (rows.count - first)))
        yield from answer_each(own, query, Seen(len(some), lambda _, s=states: s), share)


def _exists_all(looking: Looking, query: Query) -> bool:
    """Say whether a query mentions nothing but what the program has."""
    base = looking.grounding
    return all_exist(base.world, mentions(query), base.names)


def _seen(session: Session, looking: Looking, rows: DataRows, some: range) -> np.ndarray | None:
    """Return what is looked up in some rows; None where some is missing, or of another size.

    What is wrong with a row is said where it is bound alone.
    """
    changed = changed_with(session.program, frozenset(rows.columns))
    found = np.empty((len(some), looking.num_sites), np.bool_)
    for own, number in zip(found, some, strict=True):
        try:
            world = bound_again(session.program, session.world, rows.row(number), changed)
        except GmError:
            return None
        start = 0
        for name, shape in zip(looking.names, looking.shapes, strict=True):
            array = world.data[name]
            if array.shape != shape or name in world.missing:
                return None
            own[start : start + array.size] = array.reshape(-1)
            start += array.size
    return found


# --- Data that is only observed ----------------------------------------------------------


def _as_evidence(
    program: Program, query: Query, rows: DataRows
) -> tuple[dict[str, object], Seen] | None:
    """Return the data with nothing in it, and rows of evidence, where the data is only observed."""
    bodies = [statement for model in program.models for statement in model.body]
    if any(
        isinstance(one, Predict) and is_moving(one.target) for one in (*program.statements, *bodies)
    ):
        # What is predicted must be known to be observed when the program is grounded.
        return None
    symbols = {symbol.name: symbol for symbol in program.data}
    bare: dict[str, object] = {}
    columns: dict[str, np.ndarray] = {}
    for name, values in rows.columns.items():
        symbol, target = symbols[name], observed_as(program, name)
        if target is None or num_mentions(query, name) or target in columns or not symbol.shape:
            return None
        found = _read(symbol, values)
        bare[name] = np.ma.MaskedArray(np.zeros(found.shape[1:], found.dtype), mask=True)
        columns[target] = found
    return _outside(program, bare), seen_in(read_given(columns, query.span))


def _read(symbol: DataSymbol, values: object) -> np.ndarray:
    """Read the data of all rows as its type says; what is missing is NaN."""
    return from_python(replace(symbol, shape=("rows", *symbol.shape)), values)
