"""`gmlang run --each`: every query of a program about each row of a table of cases."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from gmlang.cli.jobs import Course, Failure, Learning, Plain, finish, status_of, warn
from gmlang.cli.options import EXIT_ANSWERED
from gmlang.process.interrupts import Interrupts

if TYPE_CHECKING:
    from gmlang.api import Answer, Model
    from gmlang.cli.jobs import Asked
    from gmlang.core.program import Program, Query
    from gmlang.data.cases import Cases
    from gmlang.diagnostics import Diagnostic
    from gmlang.learning.data_rows import DataRows
    from gmlang.queries.each import Seen
    from gmlang.queries.settings import Settings
    from gmruntime.budget import Watch


def read_each(program: "Program", text: str, limit: int | None) -> "Cases | DataRows":
    """Read the table of `--each NAME=FILE`, or of `--each FILE`.

    Args:
        program: what is asked.
        text: of the option.
        limit: so many rows are asked about, the first; None for all.

    Raises:
        click.UsageError: when it cannot be read, or nothing declares NAME.
        GmError: with the mistakes in the table.
    """
    from gmlang.core.parameters import RowsSymbol
    from gmlang.data.cases import read_cases
    from gmlang.data.names import rows_named, shown
    from gmlang.data.settings import UnusableFile, read_file

    name, separator, path = (part.strip() for part in text.partition("="))
    if not separator or os.path.exists(text):
        name, path = "", text
    symbol = rows_named(program, name)
    data = _read_data(program, name, path, text) if symbol is None else None
    if data is not None:
        return data.first(limit)
    if name and symbol is None:
        known = ", ".join(shown(table) for table in program.rows)
        way_out = f"it declares {known}" if known else "give the file alone: --each FILE"
        raise click.UsageError(f"--each {text}: no `data {name}` in the program; {way_out}")
    if symbol is None:
        symbol = RowsSymbol(program.span, path, (path,))
    try:
        table = read_file(shown(symbol), path, is_rows=True)
    except UnusableFile as error:
        raise click.UsageError(f"--each {text}: {error}") from error
    return read_cases(symbol, table).first(limit)


def _read_data(program: "Program", name: str, path: str, text: str) -> "DataRows | None":
    """Read rows whose columns are data; None where they are not."""
    from gmlang.data.names import is_declared
    from gmlang.data.settings import UnusableFile, read_file
    from gmlang.learning.data_rows import data_rows

    if not name:
        return data_rows(program, path, program.span)
    if not is_declared(program, name):
        return None
    try:
        return data_rows(program, {name: read_file(name, path)}, program.span)
    except UnusableFile as error:
        raise click.UsageError(f"--each {text}: {error}") from error


def answer_rows(
    model: "Model",
    asked: "Sequence[Asked]",
    cases: "Cases | DataRows",
    settings: "Settings",
    *,
    as_json: bool,
) -> int:
    """Answer every query about each row, and learn and check once what else the program says.

    Returns:
        The exit status: that of the first row, or question, that calls for one.
    """
    from gmlang.core.program import Query
    from gmlang.data.observed import variables_for_data
    from gmlang.learning.data_rows import DataRows
    from gmlang.learning.rows import seen_in

    status = EXIT_ANSWERED
    told: set[Diagnostic] = set()
    if isinstance(cases, DataRows):
        seen: Seen | DataRows = cases
    else:
        missing, cases = variables_for_data(model.checked.program, cases)
        model = model.bind(**missing) if missing else model
        seen = seen_in(cases)
    course = Course(model)
    warn(model, told)
    with Interrupts() as interrupts:
        for number, question in enumerate(asked):
            if isinstance(question, Query):
                answers = _answers(course.model, question, seen, settings, interrupts)
            else:
                answers = _once(course, question, settings, interrupts)
            warn(course.model, told)
            if isinstance(answers, Failure):
                answers.tell(told)
                status = status or status_of(answers)
            else:
                statuses = (status_of(answer) for answer in answers)
                status = status or next(filter(None, statuses), EXIT_ANSWERED)
            if as_json:
                _print_records(answers, has_rows=isinstance(question, Query))
            elif not isinstance(answers, Failure):
                _print_text(question, answers, is_first=not number)
            if interrupts.number:
                count = len(answers) if isinstance(answers, list) else 0
                if isinstance(question, Query):
                    click.echo(f"interrupted after {count} of {seen.count} rows", err=True)
                status = interrupts.exit_status
                break
    return status


def _once(
    course: Course, question: "Asked", settings: "Settings", interrupts: Interrupts
) -> "list[Answer] | Failure":
    """Learn, or check an assertion, as without rows."""
    from gmlang.core.program import Assert, Query

    if isinstance(question, Query | Assert):
        job = Plain(course.model, question)
    else:
        job = Learning(course, question)
    found = finish(question, job, settings, interrupts)
    if found is None:
        return []
    return found if isinstance(found, Failure) else [found]


def _answers(
    model: "Model",
    query: "Query",
    seen: "Seen | DataRows",
    settings: "Settings",
    interrupts: Interrupts,
) -> "list[Answer] | Failure":
    """Answer a query about each row; where that is interrupted, about as many as there was time."""
    from gmlang.diagnostics import GmError
    from gmlang.learning.data_rows import DataRows, answers_of_data
    from gmlang.queries.dispatch import unanswered

    found: list[Answer] = []

    def find(watch: "Watch") -> None:
        own = replace(settings, watch=watch)
        if isinstance(seen, DataRows):
            found.extend(answers_of_data(model, query, seen, own))
        else:
            found.extend(model.answer_each(query, seen, own))

    try:
        interrupts.answer(find)
    except GmError as error:
        return Failure(query, error)
    answers = list(found)
    nothing = unanswered(query, settings)
    if not interrupts.number:
        return [*answers, *[nothing] * (seen.count - len(answers))]
    while answers and answers[-1].value is None and answers[-1].note == nothing.note:
        answers.pop()
    return answers


def _print_records(answers: "list[Answer] | Failure", *, has_rows: bool) -> None:
    """Print a line of JSON for each row; what has nothing to do with rows has one line."""
    if isinstance(answers, Failure):
        click.echo(json.dumps(answers.to_dict(), allow_nan=False))
        return
    lines: list[str] = []
    for number, answer in enumerate(answers):
        row = {"row": number + 1} if has_rows else {}
        lines.append(json.dumps({**row, **answer.to_dict()}, allow_nan=False))
    click.echo("\n".join(lines), nl=bool(lines))
    sys.stdout.flush()


def _print_text(question: "Asked", answers: "list[Answer]", *, is_first: bool) -> None:
    from gmlang.core.program import Query
    from gmlang.views.rows import rows_lines

    if isinstance(question, Query):
        lines = list(rows_lines(question.text, answers))
    else:
        lines = [repr(answer) for answer in answers]
    click.echo("\n".join(lines if is_first else ["", *lines]))
    sys.stdout.flush()
