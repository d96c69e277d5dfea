"""By what a session finds its questions again: by what was written, and by identity."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeVar

from gmlang.core.program import Assert, Query

NUM_MAX = 1024
"""So many questions are known at a time."""

Question = Query | Assert

_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """A question with its hash, which takes a walk through it to work out.

    Attributes:
        number: the hash.
    """

    question: Question
    number: int

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Named) and self.question == other.question


@dataclass(slots=True, eq=False)
class Names:
    """The questions that a session was asked lately.

    Attributes:
        token: stands for the program with its data.
    """

    token: object = field(default_factory=object)
    _texts: dict[str, Query] = field(default_factory=dict[str, Query])
    _named: dict[int, Named] = field(default_factory=dict[int, Named])
    _lock: Lock = field(default_factory=Lock)

    def written(self, text: str, check: Callable[[], Query]) -> Query:
        """Return the query that a text is, checked when it is new."""
        known = self._texts.get(text)
        if known is None:
            known = check()
            self._note(self._texts, text, known)
        return known

    def named(self, question: Question) -> Named:
        """Return a question by which its answer is found: the same for those that are equal."""
        # What is known here is held here: no other object can have its identity meanwhile.
        known = self._named.get(id(question))
        if known is None:
            known = Named(question, hash(question))
            self._note(self._named, id(question), known)
        return known

    def _note(self, known: dict[_K, _V], key: _K, value: _V) -> None:
        """Add something in place of what has been known for longest."""
        with self._lock:
            if len(known) >= NUM_MAX:
                del known[next(iter(known))]
            known[key] = value
