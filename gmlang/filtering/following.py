"""A stream followed line by line, as `gmlang filter` does."""

import json
from collections.abc import Iterable, Iterator, Mapping

from gmlang.core.from_syntax import Checked
from gmlang.core.program import Query
from gmlang.diagnostics import GmError
from gmlang.errors.filtering import MISSING_INPUT
from gmlang.filtering.filter import Filter, chain_and_numbers
from gmlang.filtering.questions import check_question
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


def own_questions(
    checked: Checked, values: Mapping[str, object], over: str
) -> tuple[list[str], list[str]]:
    """Return those of a program's own questions that a filter answers, and the others.

    Raises:
        GmError: when the program is no chain.
    """
    chain, numbers = chain_and_numbers(checked, values, over)
    asked: list[str] = []
    others: list[str] = []
    for question in checked.program.questions:
        try:
            if isinstance(question, Query):
                check_question(question, chain, numbers, {}, set())
                asked.append(question.text)
        except GmError:
            others.append(question.text)
    return asked, others
