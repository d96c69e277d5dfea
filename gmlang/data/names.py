"""Which data a name from outside means: `k`, or `first.k` where two modules declare one."""

from collections.abc import Iterable, Mapping
from typing import Any

from gmlang.core.parameters import RowsSymbol
from gmlang.core.program import DataSymbol, Program
from gmlang.diagnostics import Diagnostic, GmError
from gmlang.errors import data as errors


def by_core_name(program: Program, values: Mapping[str, object]) -> dict[str, object]:
    """Return values by the names that the core program has for them.

    Raises:
        GmError: naming all that are unknown, or may mean several things.
    """
    diagnostics: list[Diagnostic] = []
    found: dict[str, object] = {}
    given_as: dict[str, str] = {}
    for name, value in values.items():
        symbols = _meant(_given(program), name)
        if not symbols:
            known = [shown(symbol) for symbol in _given(program)]
            diagnostics.append(errors.unknown_binding(name, known))
        elif len(symbols) > 1:
            qualified = [shown(symbol) for symbol in symbols]
            diagnostics.append(errors.ambiguous_binding(name, qualified))
        elif symbols[0].name in found:
            diagnostics.append(errors.given_twice(name, given_as[symbols[0].name]))
        else:
            found[symbols[0].name] = value
            given_as[symbols[0].name] = name
    if diagnostics:
        raise GmError(diagnostics)
    return found


def declared_columns(program: Program, frame: Any) -> dict[str, object]:  # noqa: ANN401 - of any library
    """Return the columns of a data frame, or the entries of a mapping, that a program declares.

    Raises:
        GmError: when none is, or it has no columns.
    """
    columns = frame if isinstance(frame, Mapping) else getattr(frame, "columns", ())
    names = [name for name in columns if isinstance(name, str)]
    found = {name: frame[name] for name in names if is_declared(program, name)}
    if not found:
        known = [shown(symbol) for symbol in program.data]
        raise GmError([errors.no_column(names, known)])
    return found


def symbols_meant(program: Program, name: str) -> list[DataSymbol]:
    """List the data that a name from outside may mean, tables of cases aside."""
    return [s for s in _meant(_given(program), name) if isinstance(s, DataSymbol)]


def is_declared(program: Program, name: str) -> bool:
    """Say whether a name from outside means any data at all."""
    return bool(_meant(_given(program), name))


def shown(symbol: DataSymbol | RowsSymbol) -> str:
    """Return the name by which a symbol is given without doubt."""
    return symbol.outside[0] if symbol.outside else symbol.name


def own_name(symbol: DataSymbol | RowsSymbol) -> str:
    """Return a symbol's name as its own module has it."""
    return shown(symbol).rpartition(".")[2]


def is_rows(program: Program, name: str) -> bool:
    """Say whether a name from outside means a table of cases."""
    return rows_named(program, name) is not None


def rows_named(program: Program, name: str) -> RowsSymbol | None:
    """Return the table of cases that a name from outside means; None where it means none."""
    meant = _meant(_given(program), name)
    return next((symbol for symbol in meant if isinstance(symbol, RowsSymbol)), None)


def _given(program: Program) -> tuple[DataSymbol | RowsSymbol, ...]:
    return (*program.data, *program.rows)


def _meant(symbols: Iterable[DataSymbol | RowsSymbol], name: str) -> list[DataSymbol | RowsSymbol]:
    meant = [symbol for symbol in symbols if name in symbol.outside]
    return [symbol for symbol in meant if shown(symbol) == name] or meant
