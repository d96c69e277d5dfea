"""What the command line is given: `--set J=1.2`, and the files of `--data`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gmlang.data.tables import read_table

TABLE_ENDINGS = (".csv", ".tsv", ".txt")


class UnusableFile(Exception):
    """A file that cannot be opened, or is of no format that data has."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The text of `--set name=text`: read once the declared type is known."""

    text: str

    def __str__(self) -> str:
        return self.text


def read_file(name: str, path: str) -> object:
    """Read the file of `--data name=path`.

    Raises:
        UnusableFile: when it cannot be read, or its ending is none of those known.
        GmError: for a table with mistakes.
    """
    suffix = Path(path).suffix.lower()
    try:
        if suffix == ".npy":
            return np.load(path, allow_pickle=False)
        if suffix == ".npz":
            return _of_archive(name, read_archive(path))
        if suffix in TABLE_ENDINGS:
            return read_table(name, path)
    except (OSError, ValueError, EOFError) as error:
        raise UnusableFile(str(error)) from error
    raise UnusableFile("a file that ends in .npz, .npy, .csv, .tsv or .txt is expected")


def read_archive(path: str) -> dict[str, object]:
    """Read all arrays of an NPZ archive.

    Raises:
        UnusableFile: when it cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError) as error:
        raise UnusableFile(str(error)) from error


def _of_archive(name: str, archive: dict[str, object]) -> object:
    own = name.rpartition(".")[2]
    for key in (name, own):
        if key in archive:
            return archive[key]
    if len(archive) == 1:
        return next(iter(archive.values()))
    raise UnusableFile(f"it holds {', '.join(archive) or 'nothing'}, but no {name}")
