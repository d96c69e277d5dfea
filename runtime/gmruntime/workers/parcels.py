"""What every share of a task needs, sent to a worker once and named from then on.

An executor does not say which worker a share will come to. So the first shares carry the parcel,
later ones only its name; a worker that does not hold it says so, and is sent it.
"""

import hashlib
import pickle
from collections import OrderedDict
from dataclasses import dataclass, replace
from threading import Lock

_NUM_HELD_MAX = 2
"""A worker keeps the parcels of so many tasks: that of now, and one for whoever shares it."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A pickled value, or the name of one.

    Attributes:
        name: the digest of the content.
        content: pickled; None where the receiver should hold it already.
    """

    name: str
    content: bytes | None

    def by_name(self) -> "Parcel":
        """Return the parcel without its content."""
        return replace(self, content=None)


# The one thing a worker remembers between shares. It is a cache: what is in it is what was sent.
_held: OrderedDict[str, object] = OrderedDict()
_lock = Lock()


def pack(value: object) -> Parcel:
    """Make a parcel of a value.

    >>> unpack(pack([1, 2]).by_name()) is None, unpack(pack([1, 2])), unpack(pack([1, 2]).by_name())
    (True, [1, 2], [1, 2])
    """
    content = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    return Parcel(hashlib.sha256(content).hexdigest(), content)


def unpack(parcel: Parcel) -> object | None:
    """Return the value, the same object for the same parcel; None where it is not held here."""
    with _lock:
        if parcel.name not in _held:
            if parcel.content is None:
                return None
            _held[parcel.name] = pickle.loads(parcel.content)
            while len(_held) > _NUM_HELD_MAX:
                _held.popitem(last=False)
        _held.move_to_end(parcel.name)
        return _held[parcel.name]
