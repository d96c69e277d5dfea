"""Answers kept on disk: one NPZ file each in a folder that somebody named, and nowhere else.

A file is named by a digest of the question and of the version that answered it. It is written
beside its place and renamed, so that nobody reads half of one; whatever cannot be read, or fails
its check, is deleted, and answered anew.
"""

import errno
import hashlib
import os
import zipfile
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import cast

import numpy as np

from gmlang.queries.remembered.checks import check
from gmlang.queries.remembered.files import UnusableError, from_arrays, to_arrays
from gmruntime.answer import Answer, Query, Status
from gmruntime.formats.numpy_files import read_npz
from gmruntime.task import Task

_FORMAT = 1
"""Counts up when the files change, or what answers are found by."""

_FILE_BYTES_MAX = 1 << 28
"""Larger files are neither written nor read."""


def opened(path: object) -> Path:
    """Return a folder to keep answers in; it is made where there is none.

    Raises:
        OSError: where that is not possible, or nothing can be written there.
        TypeError: for what is no path.
        ValueError: for a path that no system has.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError
    if not os.fspath(path):
        raise ValueError
    folder = Path(cast("str | os.PathLike[str]", path)).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "nothing can be written there")
    return folder


@cache
def _version() -> str | None:
    """Return the version of gmlang; None where it is run without being installed."""
    try:
        return version("gmlang")
    except PackageNotFoundError:
        return None


def _path_of(folder: Path, key: bytes) -> Path | None:
    """Return where an answer is kept that this version of gmlang gave; None where none is known."""
    own = _version()
    if own is None:
        return None
    digest = hashlib.blake2b(key, digest_size=16, person=f"gm{_FORMAT}".encode())
    digest.update(own.encode())
    return folder / f"{digest.hexdigest()}.npz"


def find_in(folder: Path, key: bytes, task: Task[Query]) -> Answer | None:
    """Read an answer that was kept; None where there is none that stands its check."""
    path = _path_of(folder, key)
    if path is None:
        return None
    try:
        # A pipe would have us wait, and a directory is nobody's answer.
        if not path.is_file():
            return None
        _refuse_packed(path)
        found = from_arrays(read_npz(path), key, task.query)
        check(task, found)
    except Exception:
        # Whatever a file may do to those that read it, it is only a file: the question is
        # answered without it.
        with suppress(OSError):
            path.unlink()
        return None
    return found


def keep_in(folder: Path, key: bytes, answer: Answer) -> None:
    """Write an exact answer, unless it is there; where that is not possible it is not kept.

    Nor is it where nobody knows which version gave it.

    That nothing is possible is not kept: no file could be checked.
    """
    path = _path_of(folder, key)
    if path is None or answer.quality.status is not Status.EXACT:
        return
    with suppress(OSError):
        if path.exists():
            return
        arrays = to_arrays(answer, key)
        if arrays is None or sum(array.nbytes for array in arrays.values()) > _FILE_BYTES_MAX // 2:
            return
        _write(path, arrays)


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.stem}", suffix=".part", delete=False
    ) as file:
        try:
            np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]
            file.close()
            os.replace(file.name, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(file.name)
            raise


def _refuse_packed(path: Path) -> None:
    """Refuse what unpacks to more than it is.

    Raises:
        UnusableError: when it is too large, or packed, as no file of ours is.
    """
    if path.stat().st_size > _FILE_BYTES_MAX:
        raise UnusableError("it is too large")
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    packed = any(member.compress_type != zipfile.ZIP_STORED for member in members)
    if packed or sum(member.file_size for member in members) > _FILE_BYTES_MAX:
        raise UnusableError("it is packed")
