"""What several subcommands share: exit statuses, and reading `--data` and `--set`."""

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gmlang.limits import MEMORY_MAX, SECONDS_MAX, SEED_MAX

if TYPE_CHECKING:
    from gmlang.api import Model

EXIT_ANSWERED = 0
EXIT_MISTAKE = 1
EXIT_USAGE = 2
EXIT_IMPOSSIBLE = 3
EXIT_BUG = 70
EXIT_INTERRUPTED = 130


def _there(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Refuse a GPU that is not there before anything is read."""
    del context, parameter
    if value == "cuda":
        from gmruntime.devices import has_gpu

        if not has_gpu():
            raise click.BadParameter("needs CuPy and a CUDA device, and there is none here")
    return value


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


device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    callback=_there,
    help="Where messages are passed; auto takes a GPU where there is one and it pays.",
)


def open_program(file: str) -> "Model":
    """Read a program from a file, or from stdin when the file is `-`.

    Raises:
        GmError: with the mistakes in it.
        OSError: when it cannot be read.
    """
    from gmlang.api import compile as compile_text
    from gmlang.api import load

    if file == "-":
        return compile_text(sys.stdin.buffer.read().decode("utf-8", "replace"), "<stdin>")
    return load(file)


def read_assignments(settings: tuple[str, ...], files: tuple[str, ...]) -> dict[str, object]:
    """Read `--set J=1.2` and `--data noisy=img.npz` into values by name.

    Raises:
        click.UsageError: for anything that cannot be understood.
    """
    values: dict[str, object] = {}
    for text in settings:
        name, value = _split(text, "--set")
        values[name] = _number(name, value)
    for text in files:
        if "=" not in text and text.endswith(".npz"):
            values.update(_whole_archive(text))
            continue
        name, path = _split(text, "--data")
        values[name] = _array(name, path)
    return values


def _split(text: str, option: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name or not value:
        raise click.UsageError(f"{option} takes NAME=VALUE, not {text!r}")
    return name.strip(), value.strip()


def _number(name: str, value: str) -> object:
    if value in ("true", "false"):
        return value == "true"
    for convert in (int, float):
        try:
            return convert(value)
        except ValueError:
            continue
    raise click.UsageError(f"--set {name}: {value!r} is no number")


def _whole_archive(path: str) -> dict[str, object]:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError) as error:
        raise click.UsageError(f"--data {path}: {error}") from error


def _array(name: str, path: str) -> object:
    import numpy as np

    suffix = Path(path).suffix.lower()
    try:
        if suffix == ".npy":
            return np.load(path, allow_pickle=False)
        if suffix == ".npz":
            archive = _whole_archive(path)
            if name in archive:
                return archive[name]
            if len(archive) == 1:
                return next(iter(archive.values()))
            found = ", ".join(archive)
            raise click.UsageError(f"--data {name}={path}: it holds {found}, but no {name}")
        if suffix in (".csv", ".txt", ".tsv"):
            delimiter = {".csv": ",", ".tsv": "\t"}.get(suffix)
            return np.squeeze(np.genfromtxt(path, delimiter=delimiter, dtype=np.float64))
    except (OSError, ValueError) as error:
        raise click.UsageError(f"--data {name}={path}: {error}") from error
    raise click.UsageError(f"--data {name}={path}: .npz, .npy, .csv or .txt is expected")
