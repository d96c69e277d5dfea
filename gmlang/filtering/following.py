"""A stream followed line by line, as `gmlang filter` does."""

import json
from collections.abc import Iterable, Iterator

from gmlang.diagnostics import GmError
from gmlang.errors.filtering import MISSING_INPUT
from gmlang.filtering.filter import Filter
from gmlang.filtering.rows import rows_in
from gmlang.queries.answers import plain_json


def follow_lines(followed: Filter, lines: Iterable[str], *, ahead: bool) -> Iterator[str]:
    """Yield a JSON object for each row, as soon as it is there.

    Args:
        followed: takes the steps.
        lines: CSV with a header, or a JSON object each.
        ahead: whether each says what the next row may observe.

    Raises:
        BadRowError: when a row cannot be read.
        GmError: when it does not fit the program.
    """
    symbols = {name: followed.inputs.symbols[core] for name, core in followed.inputs.names.items()}
    for row in rows_in(lines, symbols):
        said = followed.step(**row).to_dict()
        if ahead:
            said["ahead"] = plain_json(_coming(followed))
        yield json.dumps(said, allow_nan=False)


def _coming(followed: Filter) -> dict[str, object] | None:
    """Predict the next row; None where that depends on what the row itself will say."""
    try:
        return {name: answer.value for name, answer in followed.ahead().items()}
    except GmError as error:
        if any(one.code != MISSING_INPUT for one in error.diagnostics):
            raise
        return None
