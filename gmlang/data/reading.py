"""All values given to a program, read by what it declares."""

from collections.abc import Mapping

from gmlang.core.program import Program
from gmlang.data.arrays import from_python
from gmlang.data.inside import check_inside, constant_ends
from gmlang.data.settings import Setting
from gmlang.data.tables import Table
from gmlang.diagnostics import Diagnostic, GmError


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
            found[symbol.name] = array = from_python(symbol, value)
            array.setflags(write=False)
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
