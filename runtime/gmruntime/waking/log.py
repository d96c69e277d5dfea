"""What happened to the activations: who was woken, probed and put back to sleep, and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from gmruntime.arrays import Int64


class Happening(StrEnum):
    """What happened to an activation."""

    WAKE = "wake"
    PROBE = "probe"
    RETIRE = "retire"


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the log.

    Attributes:
        seconds: since the question was asked.
        what: happened.
        variable: the activation.
        by: a variable, what raised its ceiling most, or explained worst; -1 where its prior did.
        ceiling: of its log-odds, before; nats.
        evidence: by which its log-odds then differ from its prior; of one that is probed, at most;
            NaN where it was not computed.
        eps: the probability, at most, that somebody asleep is on, afterwards.
        why: of one that went back to sleep.
    """

    seconds: float
    what: Happening
    variable: int
    by: int
    ceiling: float
    evidence: float
    eps: float
    why: str = ""


def awake_after(events: Iterable[Event]) -> Int64[np.ndarray, " awake"]:
    """Replay a log: who is awake at its end, all having been asleep.

    >>> row = Event(0.0, Happening.WAKE, 3, -1, 0.5, 0.1, 1e-6)
    >>> awake_after([row]).tolist()
    [3]
    """
    awake: dict[int, None] = {}
    for event in events:
        match event.what:
            case Happening.WAKE:
                awake[event.variable] = None
            case Happening.RETIRE:
                awake.pop(event.variable, None)
            case Happening.PROBE:
                pass
    return np.array(sorted(awake), np.int64)
