"""Reading programs, and finding modules: beside the file first, then in the standard library."""

from importlib.resources import files
from pathlib import Path

from gmlang.diagnostics import GmError, Source
from gmlang.errors.grounding import not_a_text
from gmlang.errors.syntax import mistakes as errors
from gmruntime.formats.errors import FormatError
from gmruntime.formats.files import read_file, too_large
from gmruntime.formats.recognise import (
    GM,
    TABLE,
    UAI_NUMBERS,
    refuse_binary,
    refuse_other,
    text_format,
)

PROGRAM_BYTES_MAX = 1 << 26
"""A program of more, 64 MiB, is refused: reading it would take minutes; data belongs into files."""


def read_source(path: Path) -> Source:
    """Read a program as UTF-8.

    Raises:
        GmError: when it is too large, no text, or begins like another format.
        OSError: when it cannot be read.
    """
    try:
        return source_of(str(path), read_file(path, PROGRAM_BYTES_MAX))
    except FormatError as error:
        raise GmError([errors.unreadable(str(path), error)]) from None


def source_of(name: str, content: bytes) -> Source:
    """Decode a program.

    Raises:
        GmError: when it is too large, no UTF-8, or begins like another format.
    """
    try:
        if len(content) > PROGRAM_BYTES_MAX:
            raise too_large(name, PROGRAM_BYTES_MAX)
        refuse_binary(name, content)
        text = content.decode("utf-8-sig")
        refuse_other(GM, name, text)
    except FormatError as error:
        raise GmError([errors.unreadable(name, error)]) from None
    except UnicodeDecodeError as error:
        raise GmError([errors.not_utf8(name, error.start)]) from None
    return Source(name, text)


def refuse_data(source: Source) -> None:
    """Say of a text that is no program what it looks like, where it looks like data.

    Raises:
        GmError: when it does.
    """
    found = text_format(source.text)
    if found in (TABLE, UAI_NUMBERS):
        raise GmError([errors.another_format(source.name, found, GM)])


def find_module(name: str, beside: Path | None) -> Source | None:
    """Return the source of a module, or None when there is none.

    Args:
        name: dotted, such as "things" or "vision.grid".
        beside: the folder of the importing file; None when it has none.

    Raises:
        GmError: when what is found is no program.
        OSError: when it cannot be read.
    """
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        return None
    if beside is not None:
        path = beside.joinpath(*parts[:-1], f"{parts[-1]}.gm")
        if path.is_file():
            return read_source(path)
    resource = files("gmstdlib").joinpath(*parts[:-1], f"{parts[-1]}.gm")
    if not resource.is_file():
        return None
    return Source(f"gmstdlib/{'/'.join(parts)}.gm", resource.read_text("utf-8"))


def is_of_library(source: Source) -> bool:
    """Say whether a program is a module of the standard library."""
    return source.name.startswith("gmstdlib/")


def text_source(name: str, text: object) -> Source:
    """Return a text from Python as a source; bytes and whatever else are refused."""
    if not isinstance(text, str):
        raise GmError([not_a_text(text)])
    return Source(name, text)
