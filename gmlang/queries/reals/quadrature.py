"""An answer by sums over nodes is an estimate: its error is what fewer nodes would have changed.

The same question is put once more to the program with a rule of fewer nodes in the same panels.
What the rules differ by is nearly all the error of the coarser one, so that it is far more than
that of the answer; what rounding adds up to is counted as well.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from typing import cast

import numpy as np

from gmlang.core.check.joint.routes import real_keys
from gmlang.core.program import Query
from gmlang.graph.world.world import Quadrature
from gmlang.queries.answers import Answer, NatsAnswer
from gmlang.queries.reals.bends import may_bend
from gmlang.queries.reals.poles import pole_in
from gmlang.queries.remembered.memory import Memory
from gmlang.queries.session import Session
from gmlang.queries.settings import Settings
from gmruntime.answer import Status
from gmruntime.workspace import Workspace

_ERROR_KIND = "quadrature difference"
"""What the error of such an answer is."""


def over_nodes(
    session: Session,
    query: Query,
    settings: Settings,
    find: Callable[[Session, Query, Settings], Answer],
) -> Answer:
    """Answer a query, as an estimate with its error where that depends on hidden reals."""
    (found,) = all_over_nodes(session, [query], settings, lambda s, q, t: [find(s, q[0], t)])
    return found


def all_over_nodes(
    session: Session,
    queries: Sequence[Query],
    settings: Settings,
    find: Callable[[Session, Sequence[Query], Settings], list[Answer]],
) -> list[Answer]:
    """Do what `over_nodes` does for queries that are answered together."""
    quadrature = session.world.quadrature
    quadrature.is_used = False
    answers = find(session, queries, settings)
    if not quadrature.is_used:
        return answers
    quadrature.is_used = False
    others: list[Answer] = []
    if any(map(_is_of_sums, answers)) and not settings.running().is_spent():
        with suppress(TimeoutError):
            others = find(_coarse(session), queries, replace(settings, memory=None))
    coarse: list[Answer | None] = [*others, *[None] * (len(answers) - len(others))]
    lowered = [
        _moments_known(
            session,
            query,
            _lowered(
                query,
                found,
                other,
                _rounding(quadrature, query, found),
                is_rough=quadrature.is_rough,
            ),
        )
        for query, found, other in zip(queries, answers, coarse, strict=True)
    ]
    return [
        _bending(session, query, settings, found)
        if may_bend(query) and _is_estimate(found)
        else found
        for query, found in zip(queries, lowered, strict=True)
    ]


def _moments_known(session: Session, query: Query, found: Answer) -> Answer:
    """Return an answer, not to be trusted where the mean or the variance asked for may be none."""
    moments = session.world.quadrature.moments
    keys = real_keys(one.value for one in query.asked) & moments.keys()
    needed = 2 if query.summarises else query.moment
    if not keys or not needed or min(moments[key] for key in keys) >= needed:
        return found
    least = min(moments[key] for key in keys)
    told = _NO_MEAN if least == 0 else _NO_DEVIATION
    notes = " · ".join(filter(None, [found.note, told]))
    return replace(found, error=None, error_kind="", note=notes)


_NO_MEAN = "not to be trusted: so much lies far out that a mean may have no value"

_NO_DEVIATION = "not to be trusted: so much lies far out that a deviation may have no value"


def _is_estimate(found: Answer) -> bool:
    return found.status == Status.ESTIMATE.value and found.error_kind == _ERROR_KIND


def _bending(session: Session, query: Query, settings: Settings, found: Answer) -> Answer:
    """Return an answer of which two rules that agree say nothing, or none where there is none."""
    pole = pole_in(session, query, settings)
    value, array = (None, None) if pole else (found.value, found.array)
    told = _UNKNOWN
    if pole:
        told = f"{pole}: its integral has no value"
    elif found.error is not None and isinstance(found.value, float):
        is_far = found.error > _FAR * abs(found.value)
        told += f", and two rules differ by {found.error:.1g}: it may have no value" * is_far
    notes = " · ".join(filter(None, [found.note, told]))
    return replace(found, value=value, array=array, error=None, error_kind="", note=notes)


_UNKNOWN = "no polynomial of a real: no error is known"

_FAR = 0.01
"""Where rules differ by so much of a value, what is added up may have no sum."""


def _is_of_sums(found: Answer) -> bool:
    """Say whether an answer is as good as its sums are."""
    return found.status in (Status.EXACT.value, Status.BOUNDED.value) and found.value is not None


_Rounding = Callable[[float], float]
"""By how much a number may be off that float64 adds up."""

_SUMS = 1e-11
"""Relative to numbers: sums over thousands of nodes are off by less."""


def _rounding(quadrature: Quadrature, query: Query, found: Answer) -> _Rounding:
    """Return what rounds in an answer: sums, and where nodes are, which moves probabilities."""
    misplaced = quadrature.misplaced
    if isinstance(found, NatsAnswer):
        return lambda nats: _SUMS * abs(nats) + misplaced
    if query.moment > 1:
        return lambda variance: (_SUMS + misplaced) * abs(variance)
    # Where all nodes are a bit off, means are by a rounding of their own.
    return lambda number: _SUMS * abs(number) + misplaced * min(1.0, abs(number))


_ROUGHLY = 8.0
"""Where panels are too wide, both rules may be off alike: by more than they differ."""


def _lowered(
    query: Query,
    found: Answer,
    other: Answer | None,
    rounding: _Rounding,
    *,
    is_rough: bool,
) -> Answer:
    """Return an answer as an estimate, with the difference to another of fewer nodes."""
    if not _is_of_sums(found):
        return unproven(found)
    error = None if other is None else _difference(found.value, other.value, rounding)
    error = error if error is None or not is_rough else _ROUGHLY * error
    if found.status == Status.BOUNDED.value:
        error = _and(error, _half_width(found, rounding))
    lowered = replace(
        unproven(found), status=Status.ESTIMATE.value, error=error, error_kind=_ERROR_KIND
    )
    lowered = replace(lowered, method=f"{found.method or 'sums'} over nodes")
    return _without_value(lowered) if _is_beyond(query, found) else lowered


def _is_beyond(query: Query, found: Answer) -> bool:
    """Say whether a mean is no finite number: values at nodes are, unless float64 ends."""
    is_mean = query.moment > 0 and found.array is not None
    return is_mean and not np.isfinite(np.asarray(found.array, np.float64)).all()


def _without_value(found: Answer) -> Answer:
    notes = filter(None, [found.note, "its values are beyond float64"])
    return replace(found, value=None, array=None, error=None, error_kind="", note=" · ".join(notes))


def _coarse(session: Session) -> Session:
    """Return the session that asks with fewer nodes; it is kept, as its graph is."""
    if session.coarse is None:
        kept = session.world.quadrature
        quadrature = Quadrature(is_coarse=True, panels=kept.panels, edges=kept.edges)
        world = replace(session.world, quadrature=quadrature)
        session.coarse = Session(session.program, world, None, Workspace(), memory=Memory())
    session.coarse.seen = session.seen
    return session.coarse


def unproven(found: Answer) -> Answer:
    """Return an answer without the bounds that hold for the sums, but not for the integrals."""
    proven = {"log_lower", "log_upper", "lower", "upper"}
    return replace(found, **{f.name: None for f in fields(found) if f.name in proven})


def _half_width(found: Answer, rounding: _Rounding) -> float | None:
    """Return how far an answer may be from what is proven of its sums; None where nothing is."""
    ends = [getattr(found, name, None) for name in ("lower", "upper", "log_lower", "log_upper")]
    widths = [_difference(found.value, end, rounding) for end in ends if end is not None]
    known = [width for width in widths if width is not None and np.isfinite(width)]
    return max(known) if known and len(known) == len(widths) else None


def _and(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


def _difference(one: object, other: object, rounding: _Rounding) -> float | None:
    """Return by how much the numbers of two answers differ; None where their forms do."""
    match one, other:
        case bool() | str() | None, _:
            return 0.0
        case float() | int(), float() | int():
            if one == other:
                return rounding(one) if np.isfinite(one) else 0.0
            return abs(one - other) + rounding(one)
        case dict(), dict():
            # What is 0 but for rounding may be left out.
            keys = one.keys() | other.keys()
            return _largest(
                [(one.get(k, 0.0), other.get(k, 0.0)) for k in keys], len(keys), rounding
            )
        case list(), list():
            one, other = cast("list[object]", one), cast("list[object]", other)
            if _names(one) and _names(other):
                return _difference(_by_name(one), _by_name(other), rounding)
            pairs = list(zip(one, other, strict=True)) if len(one) == len(other) else []
            return _largest(pairs, len(one), rounding)
        case _:
            return None


def _largest(pairs: list[tuple[object, object]], count: int, rounding: _Rounding) -> float | None:
    found = [_difference(*pair, rounding) for pair in pairs]
    known = [error for error in found if error is not None]
    return max(known, default=0.0) if len(known) == count else None


def _names(records: list[object]) -> bool:
    """Say whether records have what they are told apart by: a text of each."""
    if not all(isinstance(record, dict) for record in records):
        return False
    named = [_by_name([record]) for record in records]
    return all(named) and len({key for one in named for key in one}) == len(records)


def _by_name(records: list[object]) -> dict[str, object]:
    """Return the number of each record by its texts."""
    found: dict[str, object] = {}
    for record in records:
        fields = cast("dict[str, object]", record)
        texts = [value for value in fields.values() if isinstance(value, str)]
        numbers = [value for value in fields.values() if isinstance(value, float)]
        if texts and len(numbers) == 1:
            found["; ".join(texts)] = numbers[0]
    return found
