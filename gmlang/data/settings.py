"""What the command line is given: `--set J=1.2`, and the files of `--data`."""

from dataclasses import dataclass
from pathlib import Path

from gmlang.data.pictures import ENDINGS as PICTURE_ENDINGS
from gmlang.data.tables import read_table
from gmlang.errors.declarations import VISION
from gmruntime.formats.errors import FormatError

_TABLE_ENDINGS = (".csv", ".tsv", ".txt")


class UnusableFile(Exception):
    """A file that cannot be opened, or is of no format that data has."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The text of `--set name=text`: read once the declared type is known."""

    text: str

    def __str__(self) -> str:
        return self.text


def read_file(name: str, path: str, *, is_rows: bool = False) -> object:
    """Read the file of `--data name=path`; of a table of cases, an archive has the columns.

    Raises:
        UnusableFile: when it cannot be read, or its ending is none of those known.
        GmError: for a table with mistakes.
    """
    # A program without `--data` starts sooner without the readers.
    from gmruntime.formats.models import recognise_file
    from gmruntime.formats.numpy_files import read_npy

    suffix = Path(path).suffix.lower()
    try:
        if suffix == ".npy":
            return read_npy(path)
        if suffix == ".npz":
            archive = read_archive(path)
            return archive if is_rows else _of_archive(name, archive)
        if suffix in _TABLE_ENDINGS:
            return read_table(name, path)
        if suffix in PICTURE_ENDINGS and not is_rows:
            return _read_picture(path)
        looks = recognise_file(path)
    except (OSError, FormatError) as error:
        raise UnusableFile(str(error)) from error
    found = f"; this looks like {looks.name}" if looks is not None else ""
    raise UnusableFile(f"a file that ends in .npz, .npy, .csv, .tsv or .txt is expected{found}")


def _read_picture(path: str) -> object:
    from gmlang.data.pictures import NoPillowError, PictureError, read_picture

    try:
        return read_picture(path)
    except NoPillowError:
        raise UnusableFile(f"reading pictures needs Pillow: {VISION}") from None
    except PictureError as error:
        raise UnusableFile(str(error)) from error


def read_archive(path: str) -> dict[str, object]:
    """Read all arrays of an NPZ archive.

    Raises:
        UnusableFile: when it cannot be read.
    """
    from gmruntime.formats.numpy_files import read_npz

    try:
        return {**read_npz(path)}
    except (OSError, FormatError) as error:
        raise UnusableFile(str(error)) from error


def _of_archive(name: str, archive: dict[str, object]) -> object:
    own = name.rpartition(".")[2]
    for key in (name, own):
        if key in archive:
            return archive[key]
    if len(archive) == 1:
        return next(iter(archive.values()))
    raise UnusableFile(f"it holds {', '.join(archive) or 'nothing'}, but no {name}")
