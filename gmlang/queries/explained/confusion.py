"""From where on an explanation is called confused: what the program's own samples say.

Samples of the society, of the sites that are observed, are explained like what was seen. Where the
margin or the gain is below what all but some of them have, what was seen is not like them.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gmlang.queries.explained.explanations import Asking, explain
from gmlang.queries.explained.society import Society
from gmlang.queries.remembered.asking import ask_graph
from gmruntime.answer import AssignmentsAnswer, Samples, Status
from gmruntime.workspace import digest_of

if TYPE_CHECKING:
    from gmlang.queries.settings import Settings

PART = 0.15
"""Of the samples, so many have a smaller margin; and so many a smaller gain."""

_SAMPLES = 200
"""The part above is then known to 0.025, its standard deviation."""

_ROUNDING = 1e-9
"""Nats: numbers closer than this are the same, worked out in another order."""

_BYTES = 256
"""What thresholds take in memory."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where on an explanation is called confused.

    Attributes:
        margin: nats; a smaller one is.
        gain: nats, likewise.
        num_samples: that they come from; 0 where they were given.
        is_certain: whether the samples were drawn from the society exactly, and explained so.
    """

    margin: float
    gain: float
    num_samples: int = 0
    is_certain: bool = True

    def is_confused(self, margin: float, gain: float) -> bool:
        """Say whether an explanation with these is confused."""
        return margin < self.margin - _ROUNDING or gain < self.gain - _ROUNDING


def thresholds_of(society: Society, asking: Asking) -> Thresholds | None:
    """Find from where on a society calls what it sees confused; None without time or samples.

    They are kept for whoever asks of the same society.
    """
    settings = asking.settings
    key = _key(society, asking, settings)
    if key is not None and settings.memory is not None:
        known = settings.memory.find(key)
        if isinstance(known, Thresholds):
            return known
    try:
        found = _sampled(society, asking)
    except TimeoutError:
        return None
    if found is not None and key is not None and settings.memory is not None:
        settings.memory.keep(key, found, settings.running().spent_s(), _BYTES)
    return found


def _key(society: Society, asking: Asking, settings: "Settings") -> tuple[str, bytes] | None:
    query = asking.query
    what = (
        *(society.graph, society.evidence, society.sites.variables, society.choices),
        *(society.groups, society.sites.log_bases, settings.seed, query.method),
        query.method_options,
    )
    try:
        return "confusion", digest_of(what)
    except TypeError:
        return None


def _sampled(society: Society, asking: Asking) -> Thresholds | None:
    """Draw samples, and explain them."""
    budget = asking.settings.running()
    budget.check()
    drawn = ask_graph(
        society.graph, Samples(_SAMPLES), society.evidence, asking.settings, asking.query, 0.5
    )
    assert isinstance(drawn, AssignmentsAnswer)
    budget.check()
    if len(drawn.assignments) < max(1, _SAMPLES):
        return None
    seen = drawn.assignments[:, society.sites.variables].astype(np.int32)
    explained = [one for one in explain(society, seen, asking) if one is not None]
    if not explained:
        return None
    margin, gain = (
        float(np.quantile(values, PART, method="lower"))
        for values in ([e.margin for e in explained], [e.gain for e in explained])
    )
    statuses = (drawn.quality.status, *(one.status for one in explained))
    is_certain = all(status is Status.EXACT for status in statuses)
    return Thresholds(margin, gain, len(explained), is_certain)
