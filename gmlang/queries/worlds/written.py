"""Interventions as Python has them: texts, and values by name."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from gmlang.core.from_syntax import Checked, check_query
from gmlang.library import text_source
from gmlang.queries.worlds.done import done_in
from gmlang.syntax.parse import parse_query


def done_to(checked: Checked, changes: Sequence[str], values: Mapping[str, object]) -> Checked:
    """Return a program to whose variables something was done.

    Args:
        checked: the program.
        changes: as they stand inside `do(...)`.
        values: by the names of variables: states, and arrays or lists of them, None for one that
            comes about as it did.

    Raises:
        GmError: when one is no change of the program's variables.
    """
    written = [*changes, *(f"{name} = {_written(value)}" for name, value in values.items())]
    if not written:
        return checked
    asked = parse_query(text_source("<do>", f"logZ(| do({', '.join(written)}))"))
    done = tuple(change for query in check_query(checked, asked) for change in done_in(query))
    program = checked.program
    return replace(checked, program=replace(program, done=(*program.done, *done)))


def _written(value: object) -> str:
    """Write a value as gmlang does."""
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return "_"
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, np.ndarray):
        return _written(value.tolist())
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    return str(value)
