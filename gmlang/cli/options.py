"""What several subcommands share: exit statuses, and reading `--data` and `--set`."""

import math
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gmlang.limits import MEMORY_MAX, SECONDS_MAX, SEED_MAX
from gmruntime.formats.errors import FormatError
from gmruntime.printable import printable

if TYPE_CHECKING:
    from gmlang.api import Model
    from gmlang.queries.answers import Answer

Command = TypeVar("Command", bound=Callable[..., Any])
"""A function that click makes a command of."""

EXIT_ANSWERED = 0
EXIT_MISTAKE = 1
EXIT_USAGE = 2
EXIT_IMPOSSIBLE = 3
EXIT_BUG = 70
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


def _there(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Refuse a GPU that is not there before anything is read."""
    del context, parameter
    if value == "cuda":
        from gmruntime.devices import has_gpu

        if not has_gpu():
            raise click.BadParameter("needs CuPy and a CUDA device, and there is none here")
    return value


class _Picture(click.Path):
    """A file for a picture; refused before anything is answered where none could be drawn."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - as click has it
        """Read the option."""
        from gmlang.views.plots.style import ENDINGS, NEEDED, need_matplotlib

        if not str(value).lower().endswith(ENDINGS):
            self.fail(f"{value!r} does not end in {', '.join(ENDINGS)}", param, ctx)
        try:
            need_matplotlib()
        except ImportError:
            raise click.ClickException(NEEDED) from None
        return super().convert(value, param, ctx)


PICTURE = _Picture(dir_okay=False)


def draw(answers: "Sequence[Answer]", out: str) -> None:
    """Draw answers into a file, and say what could not be drawn."""
    from pathlib import Path

    from gmlang.views.plots.page import plot_answers

    if note := plot_answers(answers, Path(out)):
        click.echo(note, err=True)


class Positive(click.FloatRange):
    """A number above 0, up to a limit: neither NaN nor what a clock or a computer cannot hold."""

    def __init__(self, unit: str, most: float) -> None:
        """Say what is counted, and where to end."""
        super().__init__(0.0, most, min_open=True)
        self.unit, self.most = unit, most

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read the option."""
        try:
            number = float(str(value))
        except ValueError:
            number = math.nan
        if not 0 < number <= self.most:
            expected = f"a number of {self.unit} above 0 and up to {self.most:g}"
            self.fail(f"{value!r} is not {expected}", param, ctx)
        return number


SECONDS = Positive("seconds", SECONDS_MAX)
GIBIBYTES = Positive("GiB", MEMORY_MAX / 2**30)
WHOLE_SEED = click.IntRange(0, SEED_MAX)


def memory_bytes(gibibytes: float | None) -> int | None:
    """Return a cap in bytes; the smallest is one."""
    return None if gibibytes is None else max(1, int(gibibytes * 2**30))


def values_options(command: Command) -> Command:
    """Give a command both ways to hand in values: `--data` and `--set`."""
    data = click.option(
        "--data", "files", multiple=True, metavar="NAME=FILE", help="NPZ, NPY, CSV, TSV or TXT."
    )
    parameters = click.option(
        "--set", "settings", multiple=True, metavar="NAME=VALUE", help="A size or param."
    )
    return data(parameters(command))


device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    callback=_there,
    help="Where messages are passed; auto takes a GPU where there is one and it pays.",
)


def open_program(file: str) -> "Model":
    """Read a program or a model from a file, or a program from stdin when the file is `-`.

    Raises:
        click.ClickException: with the mistake in a model of another tool.
        GmError: with the mistakes in it.
        OSError: when it cannot be read.
    """
    from gmlang.library import PROGRAM_BYTES_MAX, source_of
    from gmlang.loading import compile as compile_text
    from gmlang.loading import load

    if file == "-":
        if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison]
            raise click.UsageError("a program is expected on stdin, which is closed")
        content = sys.stdin.buffer.read(PROGRAM_BYTES_MAX + 1)
        return compile_text(source_of("<stdin>", content).text, "<stdin>")
    try:
        return load(file)
    except FormatError as error:
        raise click.ClickException(printable(str(error))) from None


def read_assignments(
    settings: tuple[str, ...], files: tuple[str, ...], is_rows: Callable[[str], bool] | None = None
) -> dict[str, object]:
    """Read `--set J=1.2` and `--data noisy=img.npz` into values by name.

    Words and tables stay as they are until the program says of what type they are; `is_rows` says
    of a name whether it is a table of cases.

    Raises:
        click.UsageError: for anything that cannot be understood.
        GmError: for tables with mistakes.
    """
    from gmlang.data.settings import Setting, UnusableFile, read_archive, read_file

    values: dict[str, object] = {}
    for text in settings:
        name, value = _split(text, "--set")
        values[name] = Setting(value)
    for text in files:
        try:
            if "=" not in text and text.endswith(".npz"):
                values.update(read_archive(text))
                continue
            name, path = _split(text, "--data")
            values[name] = read_file(name, path, is_rows=is_rows is not None and is_rows(name))
        except UnusableFile as error:
            raise click.UsageError(f"--data {text}: {error}") from error
    return values


def bound(model: "Model", settings: tuple[str, ...], files: tuple[str, ...]) -> "Model":
    """Return the model with what `--set` and `--data` give.

    Raises:
        click.UsageError: for anything that cannot be understood, such as a word for a name that
            nothing declares.
        GmError: for values that do not fit.
    """
    from gmlang.data.names import is_declared, is_rows
    from gmlang.data.scalars import is_number
    from gmlang.data.settings import Setting

    program = model.checked.program
    values = read_assignments(settings, files, lambda name: is_rows(program, name))
    for name, value in values.items():
        is_word = isinstance(value, Setting) and not is_number(value.text)
        if is_word and not is_declared(program, name):
            message = f"--set {name}: `{value}` is no number, and nothing declares `{name}`"
            raise click.UsageError(message)
    return model.bind(**values)


def _split(text: str, option: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name.strip() or not value.strip():
        raise click.UsageError(f"{option} takes NAME=VALUE, not {text!r}")
    return name.strip(), value.strip()
