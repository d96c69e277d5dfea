"""Answers about what would have been: how sure they are, and what they depend on."""

from dataclasses import replace

import numpy as np

from gmlang.core.program import Query
from gmlang.diagnostics import GmError, Span
from gmlang.errors.acting import doing as errors
from gmlang.queries.reading import asked_once
from gmlang.queries.session import Prepared
from gmlang.queries.worlds.bounds import coupling_bounds
from gmlang.queries.worlds.twin import Twin
from gmruntime import answer as runtime
from gmruntime.answer import Answer as RuntimeAnswer
from gmruntime.answer import Status
from gmruntime.budget import Budget

_CLOSED = 1e-9
"""Bounds no further apart leave nothing open."""

_TOO_WIDE = "bounds over what chance may carry over need too large tables (GM277)"
_NO_TIME = "there was no time for bounds over what chance may carry over"


def as_imagined(
    prepared: Prepared, query: Query, found: RuntimeAnswer, evidence: np.ndarray, budget: Budget
) -> RuntimeAnswer:
    """Return an answer about an imagined world with what is proven of it, whatever the coupling.

    Args:
        prepared: the query's graph, with the copies of what would have been otherwise.
        query: about it.
        found: what the runtime says under the coupling that was asked for, or the monotone one.
        evidence: a state for each observed variable, -1 for the others.
        budget: of the query.

    Raises:
        GmError: for a joint distribution, of which bounds say nothing.
    """
    twin = prepared.twin
    if twin is None or not twin.pairs or found.quality.status is Status.IMPOSSIBLE:
        return found
    if twin.is_named:
        name = query.method_options[0][0]
        return _noted(found, found.quality.status, f"under the {name} coupling")
    if not isinstance(found, runtime.MarginalsAnswer):
        raise GmError([errors.each_alone(query.span)])
    spans = _spans(twin)
    said = f"how chance carries over in {spans} is not said; the value is the monotone coupling's"
    try:
        return _bounded(prepared, twin, found, evidence, budget, said)
    except TimeoutError:
        return _noted(found, Status.ESTIMATE, f"{_NO_TIME}; {said}")


def _bounded(
    prepared: Prepared,
    twin: Twin,
    found: runtime.MarginalsAnswer,
    evidence: np.ndarray,
    budget: Budget,
    said: str,
) -> RuntimeAnswer:
    lower, values, upper = ([p.copy() for p in found.probabilities] for _ in range(3))
    starts = np.cumsum([0, *(block.size for block in prepared.variables())])
    width = 0.0
    for variable in asked_once(prepared).tolist():
        ends = coupling_bounds(prepared.builder, twin, evidence, variable, budget)
        if ends is None:
            return _noted(found, Status.ESTIMATE, f"{_TOO_WIDE}; {said}")
        block = int(np.searchsorted(starts, variable, side="right")) - 1
        row = variable - int(starts[block])
        for some, own in ((lower, ends[0]), (upper, ends[1])):
            some[block].reshape(-1, own.size)[row] = own
        inside = values[block].reshape(-1, ends[0].size)
        inside[row] = np.clip(inside[row], *ends)
        width = max(width, float((ends[1] - ends[0]).max()))
    if width < _CLOSED and found.quality.status is Status.EXACT:
        return found
    changed = replace(found, probabilities=tuple(values), lower=tuple(lower), upper=tuple(upper))
    return _noted(changed, Status.BOUNDED, said)


def _spans(twin: Twin) -> str:
    spans = dict.fromkeys(pair.mechanism.span for pair in twin.pairs)
    shown = [_shown(span) for span in list(spans)[:2]]
    return ", ".join(shown) + (" and others" if len(spans) > 2 else "")


def _shown(span: Span) -> str:
    line, _ = span.line_column()
    return f"`{' '.join(span.text.split())}` (line {line})"


def _noted(found: RuntimeAnswer, status: Status, note: str) -> RuntimeAnswer:
    quality = found.quality
    whole = f"{quality.note}; {note}" if quality.note else note
    return replace(found, quality=replace(quality, status=status, note=whole))
