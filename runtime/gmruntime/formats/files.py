"""Files of text as bytes: unpacked whatever their name, never more of them than is allowed.

A packed file of a kilobyte may unpack to a terabyte, a device never ends, and a pipe may have no
writer. So everything is read in pieces, counted as they come.
"""

import io
import math
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from gmruntime.budget import now_s
from gmruntime.formats.errors import FormatError
from gmruntime.formats.recognise import refuse_binary

if TYPE_CHECKING:
    import gzip
    import lzma

BYTES_MAX = 1 << 29
"""A file of more, 512 MiB, or one that unpacks to more, is refused."""

PLAIN_BYTES = 1 << 26
"""Up to 64 MiB a file may unpack to whatever its own size."""

_GROWTH_MAX = 100
"""Beyond that it may grow so many times: text of numbers packs to a fifth or a thirtieth."""

_PIECE_BYTES = 1 << 18

WRITER_WAIT_S = 5.0
"""A named pipe that nobody has opened for writing is given up after so long."""

_LZMA_MEMORY_MAX = 1 << 28
"""Four times what `xz -9` needs; a file may ask for gigabytes before it has any content."""


class _Decoder(Protocol):
    """What `bz2` and `lzma` have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes: ...


def read_file(path: str | Path, bytes_max: int = BYTES_MAX) -> bytes:
    """Read a file as it is.

    Raises:
        FormatError: when it is larger than allowed.
        OSError: when it cannot be read.
    """
    with open_file(path) as file:
        return _gathered(path, _pieces(file), bytes_max)


def read_unpacked(path: str | Path, bytes_max: int = BYTES_MAX) -> bytes:
    """Read a file, unpacking gzip, bzip2 and xz whatever its name.

    Raises:
        FormatError: when it cannot be unpacked, or is larger than allowed once it is.
        OSError: when it cannot be read.
    """
    # A program is never packed, and starts sooner without these.
    import bz2
    import gzip
    import lzma
    import zlib

    with open_file(path) as file:
        head = file.peek(6)[:6]
        growth_max = _growth_max(file)
        try:
            if head.startswith(b"\x1f\x8b"):
                with gzip.GzipFile(fileobj=file) as inner:
                    return _gathered(path, _pieces(inner), bytes_max, growth_max)
            if head.startswith(b"BZh"):
                pieces = _decoded(file, bz2.BZ2Decompressor)
                return _gathered(path, pieces, bytes_max, growth_max)
            if head.startswith(b"\xfd7zXZ"):
                return _gathered(path, _decoded(file, _xz), bytes_max, growth_max)
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise FormatError(str(path), f"cannot be unpacked: {error}") from None
        return _gathered(path, _pieces(file), bytes_max)


def _xz() -> "lzma.LZMADecompressor":
    import lzma

    return lzma.LZMADecompressor(memlimit=_LZMA_MEMORY_MAX)


def _growth_max(file: io.BufferedReader) -> float:
    """Return how many bytes a packed file may grow to; nothing is known of a pipe's size."""
    status = os.fstat(file.fileno()) if file.seekable() else None
    if status is None or not stat.S_ISREG(status.st_mode):
        return math.inf
    return max(PLAIN_BYTES, _GROWTH_MAX * status.st_size)


def _gathered(
    path: str | Path, pieces: Iterator[bytes], bytes_max: int, growth_max: float = math.inf
) -> bytes:
    found: list[bytes] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > bytes_max:
            raise too_large(str(path), bytes_max)
        if size > growth_max:
            raise FormatError(
                str(path),
                f"this unpacks to more than {_GROWTH_MAX} times its size",
                hint="where that is meant, unpack it and name the unpacked file",
            )
        if not found:
            # Bombs, devices without end and films are known by their first piece.
            refuse_binary(str(path), piece)
        found.append(piece)
    return b"".join(found)


def too_large(file: str, bytes_max: int) -> FormatError:
    """Return the error of a file that is larger than allowed."""
    shown = f"{bytes_max >> 20} MiB" if bytes_max >= 1 << 20 else f"{bytes_max} bytes"
    return FormatError(file, f"this is too large: at most {shown} are read, once unpacked")


def _pieces(file: "io.BufferedReader | gzip.GzipFile") -> Iterator[bytes]:
    while piece := file.read(_PIECE_BYTES):
        yield piece


def _decoded(file: io.BufferedReader, make: Callable[[], _Decoder]) -> Iterator[bytes]:
    """Unpack streams that follow one another.

    Raises:
        EOFError: when the last one is cut.
    """
    decoder, data = make(), file.read(_PIECE_BYTES)
    while True:
        if piece := decoder.decompress(data, _PIECE_BYTES):
            yield piece
        data = b""
        if decoder.eof:
            # Zeros may pad a stream of xz.
            data = (decoder.unused_data or file.read(_PIECE_BYTES)).lstrip(b"\0")
            if not data:
                return
            decoder = make()
        elif decoder.needs_input:
            data = file.read(_PIECE_BYTES)
            if not data:
                raise EOFError("the file ends too early")


def open_file(path: str | Path) -> io.BufferedReader:
    """Open a file for reading; a pipe must be opened by its writer within a while.

    Raises:
        OSError: when it cannot be read.
    """
    file = open(path, "rb", opener=_opened)  # noqa: SIM115 - the caller closes it
    try:
        if stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
            return io.BufferedReader(_Prefixed(_first_bytes(file.fileno(), str(path)), file))
        os.set_blocking(file.fileno(), True)
    except BaseException:
        file.close()
        raise
    return file


def _opened(path: str, flags: int) -> int:
    # Without this, opening a pipe would wait for ever for its writer.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _first_bytes(handle: int, path: str) -> bytes:
    """Wait for a pipe's writer, and return what came first; from then on reading waits.

    Raises:
        TimeoutError: when nobody opens the pipe for writing.
    """
    deadline_s = now_s() + WRITER_WAIT_S
    has_writer = False
    while True:
        try:
            first = os.read(handle, _PIECE_BYTES)
        except BlockingIOError:
            has_writer = True
            time.sleep(0.005)
            continue
        if first or has_writer:
            os.set_blocking(handle, True)
            return first
        if now_s() > deadline_s:
            raise TimeoutError(f"nobody writes to the pipe {path}")
        time.sleep(0.02)


class _Prefixed(io.RawIOBase):
    """A raw file with bytes put back before it."""

    def __init__(self, first: bytes, rest: io.BufferedReader) -> None:
        self.first, self.rest = first, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        if self.first:
            count = min(len(buffer), len(self.first))
            buffer[:count], self.first = self.first[:count], self.first[count:]
            return count
        return self.rest.readinto1(buffer)

    def close(self) -> None:
        self.rest.close()
        super().close()
