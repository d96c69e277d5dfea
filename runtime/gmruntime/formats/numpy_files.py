"""NumPy's files, NPY and NPZ: what they announce is checked before anything is made of it.

Pickled objects are never loaded. An array's size stands in its header, which may announce more
than any computer holds, and an archive's members unpack to what they please: both are limited.
"""

import math
import sys
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from gmruntime.formats.errors import FormatError
from gmruntime.formats.files import open_file
from gmruntime.formats.recognise import NPY, NPZ, Format, binary_format, text_format

ARRAY_BYTES_MAX = 1 << 32
"""An array, or all of an archive's, of more than 4 GiB is refused."""

MEMBERS_MAX = 4096
"""An archive of more members is refused before their names are read."""

AXES_MAX = 32

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}

_END_OF_ARCHIVE = b"PK\x05\x06"


def read_npy(path: str | Path) -> np.ndarray:
    """Read an NPY file.

    Raises:
        FormatError: saying what is wrong with it.
        OSError: when it cannot be read.
    """
    with open_file(path) as file, _troubles(str(path)):
        _refuse_other(str(path), file, NPY)
        return _array(file, str(path), ARRAY_BYTES_MAX)


def read_npz(path: str | Path) -> dict[str, np.ndarray]:
    """Read the arrays of an NPZ file, by name.

    Raises:
        FormatError: saying what is wrong with it.
        OSError: when it cannot be read.
    """
    found: dict[str, np.ndarray] = {}
    with open_file(path) as file, _troubles(str(path)):
        _refuse_other(str(path), file, NPZ)
        _refuse_crowd(str(path), file)
        with zipfile.ZipFile(file) as archive:
            left = ARRAY_BYTES_MAX
            for member in archive.infolist():
                name = member.filename.removesuffix(".npy")
                with archive.open(member) as content:
                    found[name] = _array(content, f"{path}: {name}", left)
                left -= found[name].nbytes
    return found


@contextmanager
def _troubles(file: str) -> Generator[None]:
    """Turn whatever NumPy and zipfile say about damaged files into a FormatError."""
    try:
        yield
    except FormatError:
        raise
    except MemoryError:
        raise FormatError(file, "this does not fit into memory") from None
    except Exception as error:
        raise FormatError(file, f"this cannot be read: {error}") from None


def _refuse_other(name: str, file: IO[bytes], expected: Format) -> None:
    """Refuse what is plainly something else, and what cannot be looked at twice."""
    if not file.seekable():
        raise FormatError(name, "arrays are read from files, not from pipes")
    head = file.read(4096)
    file.seek(0)
    found = binary_format(head) or text_format(head.decode("utf-8", "replace"))
    is_empty_archive = expected is NPZ and head.startswith(_END_OF_ARCHIVE)
    if (expected is NPZ and head.startswith(b"PK\x03\x04")) or is_empty_archive:
        return
    if found is None or found != expected:
        what = f"looks like {found.name}" if found is not None else f"is not {expected.name}"
        raise FormatError(name, f"this {what}", hint=found.advice if found is not None else "")


def _refuse_crowd(name: str, file: IO[bytes]) -> None:
    """Refuse an archive of very many members by what its end says."""
    size = file.seek(0, 2)
    file.seek(max(0, size - (1 << 16) - 22))
    tail = file.read()
    place = tail.rfind(_END_OF_ARCHIVE)
    file.seek(0)
    if place < 0 or len(tail) < place + 12:
        raise FormatError(name, "this archive is cut: it has no end")
    if int.from_bytes(tail[place + 10 : place + 12], "little") > MEMBERS_MAX:
        raise FormatError(name, f"this archive has more than {MEMBERS_MAX} members")


def _array(file: IO[bytes], name: str, bytes_max: int) -> np.ndarray:
    """Read one array, if it is plain and not too large."""
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise FormatError(name, f"arrays of format {version} are not read; save it again")
    shape, is_fortran, dtype = _HEADERS[version](file)
    if dtype.hasobject:
        raise FormatError(
            name,
            "this array holds Python objects",
            hint="pickles are never loaded, since that may run any program; "
            "save numbers: array.astype(float)",
        )
    if len(shape) > AXES_MAX or any(size < 0 for size in shape):
        raise FormatError(name, f"this array has {len(shape)} dimensions")
    count = math.prod(shape)
    if count * max(1, dtype.itemsize) > bytes_max:
        shown = " x ".join(map(str, shape))
        message = f"this array announces {shown} entries; {bytes_max >> 20} MiB are read at most"
        raise FormatError(name, message)
    content = _exactly(file, count * dtype.itemsize, name)
    array = np.frombuffer(content, dtype, count)
    _refuse_no_letters(array, name)
    return array.reshape(shape, order="F" if is_fortran else "C")


def _refuse_no_letters(array: np.ndarray, name: str) -> None:
    """Refuse text with numbers beyond Unicode, which Python fails to read letter by letter."""
    if array.dtype.kind != "U" or not array.dtype.itemsize:
        return
    letters = array.view(np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
    if letters.size and letters.max() > sys.maxunicode:
        raise FormatError(name, "this array's text holds what is no letter; its bytes are damaged")


def _exactly(file: IO[bytes], size: int, name: str) -> bytearray:
    """Read so many bytes, piece by piece: an announced size is believed only as they come."""
    content = bytearray()
    while len(content) < size:
        piece = file.read(min(1 << 20, size - len(content)))
        if not piece:
            raise FormatError(name, f"this is cut: {len(content)} of {size} bytes are there")
        content += piece
    return content
