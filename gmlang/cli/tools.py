"""`gmlang check fmt graph dump plot repl lsp dream filter`."""

import sys
from pathlib import Path

import click

from gmlang.cli.options import (
    EXIT_ANSWERED,
    EXIT_IMPOSSIBLE,
    EXIT_MISTAKE,
    PICTURE,
    SECONDS,
    WHOLE_SEED,
    bound,
    open_program,
    read_assignments,
    values_options,
)
from gmlang.phases import PHASES
from gmruntime.printable import printable, printable_line


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print the mistakes as JSON.")
def check(files: tuple[str, ...], as_json: bool) -> int:
    """Look for mistakes in FILES without running anything."""
    import json

    from gmlang.diagnostics import Diagnostic, GmError, render
    from gmlang.loading import load
    from gmlang.pipeline import told_unasked

    found: list[Diagnostic] = []
    for file in files:
        try:
            model = load(file)
            found.extend([*model.checked.warnings, *told_unasked(model.session)])
        except GmError as error:
            found.extend(error.diagnostics)
    if as_json:
        click.echo(json.dumps([_plain(diagnostic) for diagnostic in found]))
    elif found:
        click.echo(render(found), err=True)
    mistakes = [d for d in found if d.severity == "error"]
    return EXIT_MISTAKE if mistakes else EXIT_ANSWERED


def _plain(diagnostic: object) -> dict[str, object]:
    from gmlang.diagnostics import Diagnostic

    assert isinstance(diagnostic, Diagnostic)
    plain: dict[str, object] = {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    }
    if diagnostic.span is not None:
        line, column = diagnostic.span.line_column()
        plain |= {"file": diagnostic.span.source.name, "line": line, "column": column}
        plain["length"] = diagnostic.span.end - diagnostic.span.start
    return plain


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--write", "-w", is_flag=True, help="Change the files instead of printing.")
@click.option("--check", "only_check", is_flag=True, help="Only say which files would change.")
def fmt(files: tuple[str, ...], write: bool, only_check: bool) -> int:
    """Print FILES in their one canonical form."""
    from gmlang.library import read_source
    from gmlang.syntax.print import format_source

    changed: list[str] = []
    for file in files:
        source = read_source(Path(file))
        text = format_source(source)
        if text != source.text:
            changed.append(file)
        if write and text != source.text:
            Path(file).write_text(text, "utf-8")
        elif not write and not only_check:
            click.echo(text, nl=False)
    if only_check:
        for file in changed:
            click.echo(printable_line(f"would change {file}"), err=True)
        return EXIT_MISTAKE if changed else EXIT_ANSWERED
    return EXIT_ANSWERED


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("-o", "--out", type=click.Path(dir_okay=False), help=".svg or .dot. [default: DOT]")
@values_options
def graph(file: str, out: str | None, files: tuple[str, ...], settings: tuple[str, ...]) -> int:
    """Draw the factor graph of FILE (a program or a model of another tool), plates collapsed."""
    from gmlang.formats.convert import drawn_graph
    from gmlang.views.graph import to_dot, to_svg
    from gmruntime.formats.errors import FormatError

    try:
        found = drawn_graph(file, read_assignments(settings, files))
    except FormatError as error:
        raise click.ClickException(str(error)) from None
    if out is None:
        click.echo(to_dot(found), nl=False)
        return EXIT_ANSWERED
    text = to_svg(found) if out.endswith(".svg") else to_dot(found)
    Path(out).write_text(text, "utf-8")
    return EXIT_ANSWERED


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--phase", type=click.Choice(PHASES), default="core")
@values_options
def dump(file: str, phase: str, files: tuple[str, ...], settings: tuple[str, ...]) -> int:
    """Show what a phase of the compiler made of FILE."""
    from gmlang.library import read_source
    from gmlang.loading import load
    from gmlang.pipeline import show_phase

    if phase == "syntax":
        # What does not check can be read all the same.
        from gmlang.syntax.parse import parse
        from gmlang.syntax.print import print_program

        click.echo(print_program(parse(read_source(Path(file)))), nl=False)
        return EXIT_ANSWERED
    model = load(file)
    values = {} if phase == "core" else bound(model, settings, files).values
    click.echo(printable(show_phase(phase, model.checked, values)), nl=False)
    return EXIT_ANSWERED


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("-o", "--out", type=PICTURE, default="plot.png", show_default=True)
@click.option("--query", "-q", "texts", multiple=True, help="Ask this instead of the file's own.")
@click.option(
    "--budget", type=SECONDS, default=5.0, show_default=True, help="Seconds for each query."
)
@values_options
@click.pass_context
def plot(
    context: click.Context,
    file: str,
    out: str,
    texts: tuple[str, ...],
    budget: float,
    files: tuple[str, ...],
    settings: tuple[str, ...],
) -> int:
    """Draw the answers of FILE, a program, or a trace from --trace: value and bound in time."""
    from gmlang.cli.run import run
    from gmlang.views.plots.trace import is_trace, plot_trace

    if not is_trace(Path(file)):
        how = {"texts": texts, "budget": budget, "files": files, "settings": settings}
        return int(context.invoke(run, file=file, plot=out, **how))
    try:
        plot_trace(Path(file), Path(out))
    except ValueError as error:
        raise click.ClickException(f"{file}: {error}") from None
    return EXIT_ANSWERED


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("-o", "--out", type=click.Path(dir_okay=False), help="[default: FILE.html]")
def show(file: str, out: str | None) -> int:
    """Show a run as a page of HTML: of FILE, a trace that `gmlang run --trace` wrote."""
    from gmlang.views.pages.page import show as page_of

    path = Path(out) if out is not None else Path(file).with_suffix(".html")
    try:
        page = page_of(file)
    except ValueError as error:
        raise click.ClickException(printable_line(f"{file}: {error}")) from None
    try:
        page.save(path)
    except OSError as error:
        reason = (error.strerror or "it cannot be written").lower()
        raise click.ClickException(printable_line(f"{path}: {reason}")) from None
    click.echo(printable_line(f"wrote {path}"), err=True)
    return EXIT_ANSWERED


@click.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False))
@values_options
def repl(file: str | None, files: tuple[str, ...], settings: tuple[str, ...]) -> int:
    """Explore FILE, or an empty program, interactively."""
    from gmlang.repl.loop import run_repl

    return run_repl(file, read_assignments(settings, files))


@click.command()
@click.option("--stdio", is_flag=True, hidden=True, help="What editors ask for; there is no other.")
def lsp(stdio: bool) -> int:
    """Serve editors: the Language Server Protocol over standard input and output."""
    del stdio
    try:
        from gmlang.editor.lsp.server import serve
    except ImportError:
        message = "the language server needs pygls: pip install 'gmlang[lsp]'"
        raise click.ClickException(message) from None
    serve()
    return EXIT_ANSWERED


@click.command()
def warm() -> int:
    """Compile the runtime's loops, so that no first question has to wait for it."""
    from gmruntime.driver.warm import warm_up
    from gmruntime.marginal_map.warm import warm_up as warm_up_sums

    click.echo("compiling; this takes some minutes, once", err=True)
    warm_up()
    warm_up_sums()
    return EXIT_ANSWERED


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@values_options
@click.option(
    "-o", "--out", type=click.Path(dir_okay=False), required=True, help="Write it there, .rec.npz."
)
@click.option(
    "--samples",
    type=click.IntRange(10, 10_000_000),
    default=20_000,
    show_default=True,
    help="How many draws of the program it is made from.",
)
@click.option("--seed", type=WHOLE_SEED, default=0, show_default=True, help="Of everything random.")
@click.option("--within", type=SECONDS, default=60.0, show_default=True, help="Seconds at most.")
def dream(
    file: str,
    files: tuple[str, ...],
    settings: tuple[str, ...],
    out: str,
    samples: int,
    seed: int,
    within: float,
) -> int:
    """Make a recogniser of FILE from draws of the program itself.

    `gmlang run FILE --recogniser OUT` then begins its searches where it says. What is observed may
    be other than it was here.
    """
    from gmlang.learning.dreams.dreaming import dream as dreamed

    if not out.endswith(".npz"):
        raise click.UsageError(f"-o takes a file that ends in .npz, not {out!r}")
    model = bound(open_program(file), settings, files)
    recogniser = dreamed(model, count=samples, seed=seed, budget_s=within)
    try:
        recogniser.save(out)
    except OSError as error:
        reason = (error.strerror or "it cannot be written").lower()
        raise click.UsageError(f"-o {out}: {reason}") from None
    click.echo(repr(recogniser))
    click.echo(f"wrote {out}", err=True)
    return EXIT_ANSWERED


@click.command(name="filter")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--over", default="", metavar="SIZE", help="The size that is time; found if it can.")
@click.option("--ask", "-q", "texts", multiple=True, help="Ask this instead of the file's own.")
@click.option("--ahead", is_flag=True, help="Predict what the next row observes, as well.")
@values_options
def follow(
    file: str,
    over: str,
    texts: tuple[str, ...],
    ahead: bool,
    files: tuple[str, ...],
    settings: tuple[str, ...],
) -> int:
    """Follow FILE over time: a row of its data a line in (CSV or JSON), a JSON object a line out.

    Each row is answered at once, at a cost that does not grow.
    """
    from gmlang.diagnostics import GmError
    from gmlang.filtering.beginning import own_questions
    from gmlang.filtering.following import follow_lines
    from gmlang.filtering.rows import BadRowError

    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison]
        raise click.UsageError("rows are expected on stdin, which is closed")
    model = bound(open_program(file), settings, files)
    asked = texts
    if not texts:
        asked, others = own_questions(model.checked, model.values, over)
        for other in others:
            click.echo(printable_line(f"not asked, being about all steps: {other}"), err=True)
    followed = model.filter(over, ask=asked)
    try:
        for line in follow_lines(followed, sys.stdin, ahead=ahead):
            click.echo(line)
    except BadRowError as error:
        raise click.ClickException(printable(str(error))) from None
    except GmError:
        click.echo(f"row {followed.num_steps + 1}:", err=True)
        raise
    return EXIT_IMPOSSIBLE if followed.log_z == float("-inf") else EXIT_ANSWERED
