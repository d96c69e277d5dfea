"""`gmlang run`: answer the queries of a program."""

import json
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gmlang.cli.jobs import (
    Course,
    Failure,
    Job,
    Learning,
    Plain,
    finish,
    spread_jobs,
    status_of,
    tell,
    warn,
)
from gmlang.cli.options import (
    EXIT_ANSWERED,
    EXIT_MISTAKE,
    GIBIBYTES,
    PICTURE,
    SECONDS,
    WHOLE_SEED,
    bound,
    device_option,
    draw,
    memory_bytes,
    open_program,
    values_options,
)
from gmlang.cli.workers import hired, workers_options
from gmlang.process.interrupts import Interrupts
from gmruntime.printable import printable

if TYPE_CHECKING:
    from gmlang.api import Answer, Model
    from gmlang.cli.jobs import Asked
    from gmlang.core.learned_defs import Learnable
    from gmlang.core.program import Assert, Query
    from gmlang.diagnostics import Diagnostic
    from gmlang.queries.settings import Settings
    from gmlang.views.pages.writing import Trace


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--query", "-q", "texts", multiple=True, help="Ask this instead of the file's own.")
@click.option(
    "--budget", type=SECONDS, default=5.0, show_default=True, help="Seconds for each query."
)
@click.option("--seed", type=WHOLE_SEED, default=0, show_default=True, help="Of everything random.")
@device_option
@values_options
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print a JSON object; with --each, a line for each row.",
)
@click.option("--plot", type=PICTURE, help="Draw the answers there: .png, .svg or .pdf.")
@click.option(
    "--trace", type=click.Path(dir_okay=False), help="Write each improvement and answer there."
)
@click.option("--plan", "only_plan", is_flag=True, help="Say what each query would cost.")
@click.option("--memory", type=GIBIBYTES, help="Cap on tables and messages, GiB.")
@click.option(
    "--remember",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Keep exact answers there, and look for them there.",
)
@click.option("--anew", is_flag=True, help="Work out every answer, even to the same question.")
@click.option(
    "--params",
    type=click.Path(exists=True, dir_okay=False),
    help="What was learned, an NPZ file; nothing is learned again.",
)
@click.option(
    "--each",
    "tables",
    multiple=True,
    metavar="[NAME=]FILE",
    help="Ask every query about each row of a table: NPZ, CSV, TSV or TXT.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), help="Of the rows of --each, the first so many."
)
@click.option(
    "--recogniser",
    type=click.Path(exists=True, dir_okay=False),
    help="Begin searches where it says, made by `gmlang dream`.",
)
@workers_options
def run(
    file: str,
    texts: tuple[str, ...],
    budget: float,
    seed: int,
    device: str,
    files: tuple[str, ...],
    settings: tuple[str, ...],
    as_json: bool,
    plot: str | None,
    trace: str | None,
    only_plan: bool,
    memory: float | None,
    remember: str | None,
    anew: bool,
    params: str | None,
    tables: tuple[str, ...],
    limit: int | None,
    recogniser: str | None,
    workers: int | None,
    dask: str | None,
) -> int:
    """Answer the queries of FILE, a program or a model of another tool; `-` reads a program.

    A model of another tool asks nothing: ask it with --query, by the names that its file has.

    With --each, a query is answered about each row of a table, whose columns are named like
    variables; NAME is a `data NAME : rows` of the program, if it has one. Where NAME is other
    data, FILE has a value of it for each row, such as a picture, which is bound in its turn.
    --budget is then for all rows of a query together. What FILE learns and asserts has nothing
    to do with these rows.
    """
    from gmlang.core.learned_defs import all_learns
    from gmlang.queries.settings import Settings

    each = _one_table(tables)
    model = bound(open_program(file), settings, (*files, *([params] if params else [])))
    how = Settings(budget, seed, device, memory_bytes(memory), remembers=not anew)
    program = model.checked.program
    learns = all_learns(() if params else program.learns, program.concepts, program.defs)
    asked: list[Asked] = _in_order(learns, model.questions)
    if recogniser is not None:
        model = _guided(model, recogniser, learns, each)
    if texts:
        asked = [*learns, *(q for text in texts for q in model.ask(text))]
    if not asked and not model.questions:
        _tell_how_to_ask(file, model)
    cases = None
    if limit is not None and each is None:
        raise click.UsageError("--limit counts rows: give them with --each")
    if each is not None:
        from gmlang.cli.each import read_each

        together = (only_plan, "--plan"), (trace, "--trace"), (plot, "--plot")
        for option in (name for value, name in (*together, (remember, "--remember")) if value):
            raise click.UsageError(f"--each asks about many rows, {option} does not: give one")
        cases = read_each(program, each, limit)
    if only_plan:
        if trace is not None:
            raise click.UsageError("--plan answers nothing: there is no search to --trace")
        if plot is not None:
            raise click.UsageError("--plan answers nothing: there is nothing to --plot")
        if remember is not None:
            raise click.UsageError("--plan answers nothing: there is nothing to --remember")
        return _plan(file, model, asked, how, as_json=as_json)
    if remember is not None:
        if anew:
            raise click.UsageError("--remember looks for answers, --anew does not: give one")
        how = replace(how, folder=_folder(remember))
    with hired(workers, dask) as helpers:
        how = replace(how, workers=helpers)
        if cases is not None:
            from gmlang.cli.each import answer_rows

            return answer_rows(model, asked, cases, how, as_json=as_json)
        return _answer_all(file, model, asked, how, as_json=as_json, trace=trace, plot=plot)


def _one_table(texts: tuple[str, ...]) -> str | None:
    """Return the table of `--each`: a second one would take the place of the first unsaid."""
    if len(texts) > 1:
        way_out = "put the columns of all into one file, such as an NPZ archive"
        raise click.UsageError(f"--each takes one table, and {len(texts)} are given: {way_out}")
    return texts[0] if texts else None


def _guided(
    model: "Model", path: str, learns: "tuple[Learnable, ...]", each: str | None
) -> "Model":
    """Return a model whose searches begin where a recogniser says."""
    from gmlang.learning.dreams.dreaming import guided
    from gmlang.learning.dreams.recogniser import load_recogniser

    if learns:
        raise click.UsageError("--recogniser is for a program that learns nothing: write it first")
    if each is not None:
        raise click.UsageError("--recogniser guides single questions, and --each asks many rows")
    return guided(model, load_recogniser(path))


def _folder(path: str) -> Path:
    """Open the folder that answers are kept in."""
    from gmlang.queries.remembered.folder import opened

    try:
        return opened(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "this is no path"
        raise click.UsageError(f"--remember {path}: {reason.lower()}") from None


def _answer_all(
    file: str,
    model: "Model",
    asked: "list[Asked]",
    settings: "Settings",
    *,
    as_json: bool,
    trace: str | None,
    plot: str | None,
) -> int:
    status = EXIT_ANSWERED
    collected: list[dict[str, object]] = []
    drawn: list[Answer] = []
    told: set[Diagnostic] = set()
    warn(model, told)
    if not asked:
        from gmlang.diagnostics import GmError
        from gmlang.pipeline import told_unasked

        found = told_unasked(model.session)
        if mistakes := [d for d in found if d.severity == "error"]:
            raise GmError(mistakes)
        tell(found, told)
    with _traced(trace, file) as written, Interrupts() as interrupts:
        course = Course(model)
        jobs = _jobs(course, asked, settings, as_json=as_json, trace=written)
        for number, (question, job) in enumerate(zip(asked, jobs, strict=True)):
            answer = finish(question, job, settings, interrupts)
            warn(course.model, told)
            status = status or status_of(answer)
            if isinstance(answer, Failure):
                answer.tell(told)
            if plot is not None and answer is not None and not isinstance(answer, Failure):
                drawn.append(answer)
            if written is not None and answer is not None and not isinstance(answer, Failure):
                written.answer(course.model, answer)
            if answer is None:
                click.echo("interrupted before anything was found", err=True)
            elif as_json:
                collected.append(answer.to_dict())
            elif not isinstance(answer, Failure):
                click.echo(("\n" if number else "") + repr(answer))
                sys.stdout.flush()
            if interrupts.number:
                status = interrupts.exit_status
                break
        if as_json:
            click.echo(json.dumps({"file": file, "queries": collected}, allow_nan=False))
    if plot is not None:
        draw(drawn, plot)
    return status


@contextmanager
def _traced(path: str | None, file: str) -> "Generator[Trace | None]":
    """Open the trace that is asked for; None where none is."""
    if path is None:
        yield None
        return
    from gmlang.views.pages.writing import Trace

    with ExitStack() as stack:
        try:
            lines = stack.enter_context(Path(path).open("w", encoding="utf-8"))
        except OSError as error:
            reason = (error.strerror or "it cannot be written").lower()
            raise click.UsageError(f"--trace {path}: {reason}") from None
        yield Trace(lines, file)


def _tell_how_to_ask(file: str, model: "Model") -> None:
    """Say of a model of another tool how it is asked."""
    from gmruntime.formats.models import holds_model

    if file != "-" and holds_model(file):
        names = [symbol.name for symbol in model.names()]
        if names:
            shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
            click.echo(
                f"{file} asks nothing: --query 'P({names[0]})' asks for one of {shown}", err=True
            )


def _in_order(
    learns: "Sequence[Learnable]", questions: "Sequence[Query | Assert]"
) -> "list[Asked]":
    """Put what is learned between the questions where it stands."""
    found: list[Asked] = []
    done = 0
    for learn in learns:
        found += [*questions[done : learn.position], learn]
        done = learn.position
    return [*found, *questions[done:]]


def _jobs(
    course: Course,
    asked: "list[Asked]",
    settings: "Settings",
    *,
    as_json: bool,
    trace: "Trace | None",
) -> "Iterator[Job]":
    """Prepare the work for each `learn` and question; what follows a `learn` waits for it."""
    from gmlang.core.learned_defs import Learnable

    waiting: list[Query | Assert] = []
    for one in asked:
        if not isinstance(one, Learnable):
            waiting.append(one)
            continue
        yield from _question_jobs(course.model, waiting, settings, as_json=as_json, trace=trace)
        waiting = []
        yield Learning(course, one)
    yield from _question_jobs(course.model, waiting, settings, as_json=as_json, trace=trace)


def _question_jobs(
    model: "Model",
    asked: "list[Query | Assert]",
    settings: "Settings",
    *,
    as_json: bool,
    trace: "Trace | None",
) -> "Iterator[Job]":
    """Prepare the work for each question.

    Where it is traced, each is searched for here; else workers share the questions; else whoever
    sits at a terminal sees how far they are.
    """
    is_live = not as_json and sys.stderr.isatty()
    if trace is None and settings.workers is not None and len(asked) > 1:
        yield from spread_jobs(model, asked, settings)
    elif trace is not None or is_live:
        from gmlang.cli.trace import watched

        yield from watched(model, asked, trace=trace, live=is_live)
    else:
        for question in asked:
            yield Plain(model, question)


def _plan(
    file: str,
    model: "Model",
    asked: "list[Asked]",
    settings: "Settings",
    *,
    as_json: bool,
) -> int:
    """Say what each question would cost; one that cannot be asked stops no other."""
    from gmlang.core.learned_defs import Learnable
    from gmlang.diagnostics import GmError
    from gmlang.queries.planning import plan_of

    status = EXIT_ANSWERED
    told: set[Diagnostic] = set()
    collected: list[dict[str, object]] = []
    warn(model, told)
    if any(isinstance(one, Learnable) for one in asked):
        from gmlang.learning.concepts.placeholders import with_some_parts
        from gmlang.learning.course import with_placeholders

        checked = replace(model.checked, program=with_some_parts(model.checked.program))
        values = with_placeholders(checked.program, model.values)
        model = replace(model, checked=checked, values=values, cache={})
    for question in asked:
        if isinstance(question, Learnable):
            continue
        try:
            planned = plan_of(model.session(), question, settings)
        except GmError as error:
            planned = Failure(question, error)
            planned.tell(told)
            status = EXIT_MISTAKE
        warn(model, told)
        if as_json:
            collected.append(planned.to_dict())
        elif not isinstance(planned, Failure):
            click.echo(printable(str(planned)))
    if as_json:
        click.echo(json.dumps({"file": file, "queries": collected}, allow_nan=False))
    return status
