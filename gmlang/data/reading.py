"""All values given to a program, read by what it declares."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gmlang.core.parameters import RowsSymbol
from gmlang.core.program import Program
from gmlang.data.arrays import from_python
from gmlang.data.inside import check_inside, constant_ends
from gmlang.data.pictures import Picture
from gmlang.data.places import as_pairs, as_values, pairs_of
from gmlang.data.settings import Setting, UnusableFile, read_file
from gmlang.data.tables import Table
from gmlang.diagnostics import Diagnostic, GmError, Span

if TYPE_CHECKING:
    from gmlang.data.cases import Cases, Given


def read_all(program: Program, values: Mapping[str, object]) -> dict[str, object]:
    """Copy values into arrays of the declared types, so that nobody can change them any more.

    Tables and words stay what they are: how a table is read may depend on sizes not known yet.

    Args:
        program: what declares them.
        values: by the names of the core program.

    Raises:
        GmError: naming every value that is none of its type.
    """
    diagnostics: list[Diagnostic] = []
    found: dict[str, object] = {}
    for symbol in program.data:
        if symbol.name not in values:
            continue
        value = values[symbol.name]
        try:
            if isinstance(value, Table | Setting):
                found[symbol.name] = value
                continue
            if isinstance(value, Picture):
                value = value.as_declared(symbol)
            plain = as_pairs(symbol)
            if plain is not symbol and isinstance(value, str):
                value = pairs_of(symbol, from_python(symbol, value))
            found[symbol.name] = array = from_python(plain, value)
            array.setflags(write=False)
            if plain is not symbol:
                # Whether there are pairs is said where shapes are known.
                if array.shape[-1:] == (2,):
                    as_values(symbol, array)
                continue
            ends = constant_ends(symbol)
            if ends is not None:
                check_inside(symbol, array, *ends)
        except GmError as error:
            diagnostics.extend(error.diagnostics)
    for table in program.rows:
        from gmlang.data.cases import read_cases

        try:
            if table.name in values:
                found[table.name] = read_cases(table, values[table.name])
        except GmError as error:
            diagnostics.extend(error.diagnostics)
    if diagnostics:
        raise GmError(diagnostics)
    return found


def read_given(value: "Given", span: Span) -> "Cases":
    """Read a table of cases that no program declares.

    Args:
        value: in any form that Python has for one, or the path of a file.
        span: of the question about them, where mistakes are shown that are in no file.

    Raises:
        GmError: when it cannot be read, or is no table of cases.
    """
    from gmlang.data.cases import read_cases
    from gmlang.errors.learning import cases as errors

    name, found = "rows", value
    if isinstance(value, str | os.PathLike):
        name = os.fspath(value)
        try:
            found = read_file(name, name, is_rows=True)
        except UnusableFile as error:
            raise GmError([errors.unreadable(span, name, error)]) from None
    return read_cases(RowsSymbol(span, name, (name,)), found)
