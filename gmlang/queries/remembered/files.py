"""An answer of the runtime as arrays by name, and back: what an NPZ file holds.

One array, `about`, is a JSON text as bytes: the version that wrote it, the class of the answer, its
plain fields, and a digest of everything else. Nothing is ever unpickled.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, cast

import numpy as np

from gmruntime.answer import (
    Answer,
    AssignmentsAnswer,
    Best,
    Joint,
    JointAnswer,
    LogPartition,
    LogPartitionAnswer,
    Map,
    MarginalMap,
    MarginalMapAnswer,
    Marginals,
    MarginalsAnswer,
    Quality,
    Query,
    Samples,
    Solutions,
    SolutionsAnswer,
    Status,
)

_ABOUT = "about"

_METHOD_MAX = 200

_CLASSES: Mapping[type[Any], type[Answer]] = {
    Marginals: MarginalsAnswer,
    Joint: JointAnswer,
    LogPartition: LogPartitionAnswer,
    Map: AssignmentsAnswer,
    Best: AssignmentsAnswer,
    Samples: AssignmentsAnswer,
    MarginalMap: MarginalMapAnswer,
    Solutions: SolutionsAnswer,
}


class UnusableError(ValueError):
    """A file does not hold what was written."""


def to_arrays(answer: Answer, key: bytes) -> dict[str, np.ndarray] | None:
    """Write an exact answer as arrays; None where it is of a class that is not written."""
    if type(answer) not in _CLASSES.values():
        return None
    plain: dict[str, object] = {}
    arrays: dict[str, np.ndarray] = {}
    for one in fields(answer):
        value = getattr(answer, one.name)
        match value:
            case Quality():
                continue
            case np.ndarray():
                arrays[one.name] = value
            case tuple():
                blocks = cast("tuple[np.ndarray, ...]", value)
                plain[one.name] = len(blocks)
                arrays |= {f"{one.name}.{number}": block for number, block in enumerate(blocks)}
            case int():
                # Python itself refuses to write more than some thousand decimal digits.
                plain[one.name] = f"{value:x}"
            case _:
                plain[one.name] = value
    quality = answer.quality
    about = {
        "key": key.hex(),
        "kind": type(answer).__name__,
        "fields": plain,
        "method": quality.method,
        "seconds": quality.seconds,
        "note": quality.note,
        "workers": quality.workers,
    }
    about["digest"] = _digest(about, arrays)
    text = json.dumps(about).encode()
    return {_ABOUT: np.frombuffer(text, np.uint8), **arrays}


def from_arrays(arrays: Mapping[str, np.ndarray], key: bytes, query: Query) -> Answer:
    """Read an answer to a question.

    Raises:
        UnusableError: when something else is there than what is written for such a question.
    """
    about = _about(arrays)
    rest = {name: array for name, array in arrays.items() if name != _ABOUT}
    digest = about.pop("digest", None)
    if digest != _digest(about, rest):
        raise UnusableError("its digest is another")
    kind = _CLASSES[type(query)]
    if about.get("key") != key.hex() or about.get("kind") != kind.__name__:
        raise UnusableError("it answers another question")
    plain = about.get("fields")
    if not isinstance(plain, dict):
        raise UnusableError("it has no fields")
    values = _values(kind, cast("dict[str, object]", plain), rest)
    return kind(_quality(about), **values)


def _about(arrays: Mapping[str, np.ndarray]) -> dict[str, object]:
    written = arrays.get(_ABOUT)
    if written is None or written.dtype != np.uint8 or written.ndim != 1:
        raise UnusableError("it does not say what it is")
    try:
        about: object = json.loads(written.tobytes())
    except (ValueError, RecursionError):
        raise UnusableError("it does not say what it is") from None
    if not isinstance(about, dict):
        raise UnusableError("it does not say what it is")
    return cast("dict[str, object]", about)


def _digest(about: Mapping[str, object], arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.blake2b(json.dumps(about, sort_keys=True).encode(), digest_size=16)
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _quality(about: Mapping[str, object]) -> Quality:
    method, note, seconds = about.get("method"), about.get("note"), about.get("seconds")
    workers = about.get("workers")
    for text in (method, note):
        # It is shown: what steers a terminal is no text of ours.
        if not isinstance(text, str) or len(text) > _METHOD_MAX or not text.isprintable():
            raise UnusableError("it names no method")
    if not isinstance(seconds, float) or not 0.0 <= seconds < math.inf:
        raise UnusableError("it took no time")
    if not isinstance(workers, int) or not 1 <= workers < 1 << 31:
        raise UnusableError("nobody found it")
    assert isinstance(method, str)
    assert isinstance(note, str)
    return Quality(Status.EXACT, method, seconds, note=note, workers=workers)


def _values(
    kind: type[Answer], plain: Mapping[str, object], arrays: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """Return the fields of an answer, the quality aside."""
    values: dict[str, Any] = {}
    used: set[str] = set()
    for one in fields(kind):
        if one.name == "quality":
            continue
        if one.name in arrays:
            values[one.name] = arrays[one.name]
            used.add(one.name)
            continue
        if one.name not in plain:
            raise UnusableError(f"it has no {one.name}")
        value = plain[one.name]
        if isinstance(value, int) and not isinstance(value, bool):
            names = [f"{one.name}.{number}" for number in range(min(value, len(arrays) + 1))]
            if not set(names) <= arrays.keys():
                raise UnusableError(f"of {one.name} a part is missing")
            values[one.name] = tuple(arrays[name] for name in names)
            used.update(names)
        elif isinstance(value, str):
            values[one.name] = _whole(value)
        elif value is None or isinstance(value, float):
            values[one.name] = value
        else:
            raise UnusableError(f"{one.name} is nothing that is written")
    if used != set(arrays):
        raise UnusableError("it holds more than an answer")
    return values


def _whole(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        raise UnusableError("a number is none") from None
