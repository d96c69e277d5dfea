"""Poles of what is asked of a real: there an expectation is an integral that has no value.

Rules give some number all the same, and two of them the same one where a pole is in the middle of a
panel. So what is divided by is looked at between the nodes, by the polynomial through them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import Apply, Constant, Expression
from gmlang.core.print import show
from gmlang.core.program import Asked, Query
from gmlang.core.walk import is_real_reference, walk
from gmlang.graph.lowering.grounder import environment
from gmlang.graph.reals.nodes import panel_order, series_through
from gmlang.graph.values.environment import Env, Slot, Slots, whole
from gmlang.graph.values.evaluate import conditions, evaluate, expand
from gmlang.graph.world.places import collect
from gmlang.graph.world.world import ONE_INSTANCE
from gmlang.queries.reading import flat_rows
from gmlang.queries.session import Prepared, Session, ask, prepare
from gmlang.queries.settings import Settings
from gmruntime import answer as runtime

_TERMS_MAX = 64
"""An expression that is a sum of more terms, written out, is not looked through."""

_ENTRIES_MAX = 1 << 20
"""So many values at nodes are looked through."""

_MASS = 1e-10
"""Where a panel has less probability, a pole changes no digit that is shown."""

_PLACES = np.linspace(-1.0, 1.0, 65)
"""Where a panel is looked at for a change of sign."""

_NEAR = 1e-6
"""So near a pole, in half widths of a panel, how fast values grow is measured."""


@dataclass(frozen=True, slots=True)
class _Term:
    """A product of powers, asked for where all conditions are as wanted."""

    factors: tuple[tuple[Expression, float], ...]
    guards: tuple[tuple[Expression, bool], ...] = ()

    def to(self, power: float) -> "_Term":
        factors = tuple((base, power * exponent) for base, exponent in self.factors)
        return replace(self, factors=factors)

    def times(self, other: "_Term") -> "_Term":
        return _Term((*self.factors, *other.factors), (*self.guards, *other.guards))


def pole_in(session: Session, query: Query, settings: Settings) -> str:
    """Say where what a query expects of a real has a pole, or "" where it has none.

    Args:
        session: with the program.
        query: for means, or for a variance.
        settings: with a budget that has begun.
    """
    asked = [
        (
            one,
            [
                term.to(float(query.moment or 1))
                for term in _terms(one.value)
                if _may_have_pole(term)
            ],
        )
        for one in query.asked
    ]
    if not any(terms for _, terms in asked):
        return ""
    prepared = prepare(session, query, settings.running())
    for one, terms in asked:
        for term in terms:
            if place := _pole_of(prepared, query, settings, one, term):
                return f"`{' '.join(one.value.span.text.split())}` has a pole at {place}"
    return ""


# --- What is asked, as products of powers ------------------------------------------------


def _terms(value: Expression) -> list[_Term]:
    """Write an expression as a sum of products of powers; signs do not matter.

    A sum without divisions is one factor: what is divided by may cancel it.
    """
    match value:
        case Apply(operator="+" | "-", arguments=arguments) if any(map(_divides, walk(value))):
            found = [term for part in arguments for term in _terms(part)]
        case Apply(operator="neg" | "abs", arguments=(inner,)):
            found = _terms(inner)
        case Apply(operator="*" | "/" as operator, arguments=(left, right)):
            if operator == "*":
                others = _terms(right)
            else:
                others = [term.to(-1.0) for term in _powers(right)]
            found = [one.times(other) for one in _terms(left) for other in others]
        case Apply(operator="**", arguments=(base, Constant(value=float() | int() as exponent))):
            found = [term.to(float(exponent)) for term in _powers(base)]
        case Apply(operator="sqrt", arguments=(inner,)):
            found = [term.to(0.5) for term in _powers(inner)]
        case Apply(operator="if", arguments=(condition, then, otherwise)):
            branches = ((condition, True), _terms(then)), ((condition, False), _terms(otherwise))
            found = [
                replace(term, guards=(*term.guards, guard)) for guard, ts in branches for term in ts
            ]
        case _:
            found = []
    return found if 0 < len(found) <= _TERMS_MAX else [_Term(((value, 1.0),))]


def _powers(value: Expression) -> list[_Term]:
    """Write an expression that a power is taken of as products of powers: of no sum of several."""
    found = _terms(value)
    return found if len(found) == 1 or _is_chosen(value) else [_Term(((value, 1.0),))]


def _is_chosen(value: Expression) -> bool:
    return isinstance(value, Apply) and value.operator == "if"


def _divides(value: Expression) -> bool:
    return isinstance(value, Apply) and value.operator in ("/", "**", "sqrt")


def _may_have_pole(term: _Term) -> bool:
    return any(
        exponent < 0 and any(is_real_reference(part) for part in walk(base))
        for base, exponent in term.factors
    )


# --- Where they have poles ---------------------------------------------------------------


def _pole_of(
    prepared: Prepared, query: Query, settings: Settings, asked: Asked, term: _Term
) -> str:
    frame, _ = expand(environment(prepared.grounder, ONE_INSTANCE), asked.context)
    env = replace(environment(prepared.grounder, frame), slots=Slots(), path=()).gathering()
    for part in (*(base for base, _ in term.factors), *(guard for guard, _ in term.guards)):
        collect(part, env)
    sizes = [slot.states.count for slot in env.slots.items]
    if frame.count * float(np.prod(sizes, dtype=np.float64)) > _ENTRIES_MAX:
        return ""
    shape = (frame.count, *sizes)
    with np.errstate(all="ignore"):
        values = [np.broadcast_to(whole(_number(b, env), env), shape) for b, _ in term.factors]
        wanted = np.ones(shape, np.bool_)
        for guard, is_wanted in term.guards:
            wanted &= whole(conditions(guard, env), env) == is_wanted
        wanted &= _possible(prepared, query, settings, env.slots.items, shape)
        exponents = [exponent for _, exponent in term.factors]
        order = panel_order(is_coarse=prepared.grounding.world.quadrature.is_coarse)
        for axis, slot in enumerate(env.slots.items, start=1):
            if slot.states.points:
                each = [_by_panel(v, axis, order) for v in values]
                needed = np.asarray(_by_panel(wanted, axis, order).any(axis=-1))
                for panel, place in _poles(each, exponents, needed):
                    return _shown(term, env, axis, panel, place, order)
    return ""


def _number(base: Expression, env: Env) -> np.ndarray:
    return np.asarray(evaluate(base, env), np.float64)


def _possible(
    prepared: Prepared,
    query: Query,
    settings: Settings,
    slots: Sequence[Slot],
    shape: tuple[int, ...],
) -> np.ndarray:
    """Say where there is probability: in each state, of a real in each panel."""
    evidence, _ = prepared.evidence()
    asked = np.unique(np.concatenate([slot.variables.reshape(-1) for slot in slots]))
    found = ask(prepared, runtime.Marginals(asked.astype(np.int32)), evidence, settings, query)
    assert isinstance(found, runtime.MarginalsAnswer)
    flat = flat_rows(prepared, found.probabilities)
    order = panel_order(is_coarse=prepared.grounding.world.quadrature.is_coarse)
    possible = np.ones(shape, np.bool_)
    for axis, slot in enumerate(slots, start=1):
        shares = flat.of(np.broadcast_to(slot.variables.reshape(-1), shape[:1]))
        if slot.states.points:
            masses = shares.reshape(len(shares), -1, order).sum(axis=-1)
            shares = np.repeat(masses, order, axis=-1)
        own = [shape[0], *([1] * (len(shape) - 1))]
        own[axis] = shape[axis]
        possible &= (shares > _MASS).reshape(own)
    return possible


def _by_panel(values: np.ndarray, axis: int, order: int) -> np.ndarray:
    """Return values with the nodes of a slot last, panel by panel: (rows, panels, order)."""
    return np.moveaxis(values, axis, -1).reshape(-1, values.shape[axis] // order, order)


def _poles(
    values: Sequence[np.ndarray], exponents: Sequence[float], needed: np.ndarray
) -> Iterator[tuple[int, float]]:
    """Give the panels, and the places in them, where a product of powers has a pole."""
    series = [v @ series_through(v.shape[-1]).T for v in values]
    for base, exponent in zip(series, exponents, strict=True):
        if exponent >= 0:
            continue
        seen = np.polynomial.legendre.legval(_PLACES, np.moveaxis(base, -1, 0))
        size = np.abs(seen)
        is_low = size.min(axis=-1) <= 1e-2 * size.max(axis=-1)
        is_low |= (np.sign(seen[..., 1:]) != np.sign(seen[..., :-1])).any(axis=-1)
        for row, panel in np.argwhere(is_low & needed).tolist():
            for place in _roots(base[row, panel]):
                if _grows(place, [one[row, panel] for one in series], exponents):
                    yield panel, place


def _roots(series: np.ndarray) -> list[float]:
    """Return where a panel's polynomial is 0, from -1 to 1."""
    size = np.abs(series).max()
    kept = np.flatnonzero(np.abs(series) > 1e-13 * size)
    if not size or not len(kept) or not kept[-1]:
        return []
    found = np.polynomial.legendre.legroots(series[: kept[-1] + 1])
    is_real = (np.abs(found.imag) < 1e-5) & (np.abs(found.real) < 1 + 1e-7)
    return found.real[is_real].clip(-1.0, 1.0).tolist()


def _grows(place: float, series: Sequence[np.ndarray], exponents: Sequence[float]) -> bool:
    """Say whether a product of powers grows as 1 / distance or faster towards a place."""
    inwards = -np.sign(place) if place else 1.0
    logs = [
        sum(
            e * np.log(np.abs(np.polynomial.legendre.legval(place + inwards * step, s)))
            for s, e in zip(series, exponents, strict=True)
        )
        for step in (1e3 * _NEAR, 1e4 * _NEAR)
    ]
    return bool((logs[0] - logs[1]) / np.log(10.0) > 0.9)


def _shown(term: _Term, env: Env, axis: int, panel: int, place: float, order: int) -> str:
    slot = env.slots.items[axis - 1]
    points = np.array(slot.states.points).reshape(-1, order)[panel]
    x, _ = np.polynomial.legendre.leggauss(order)
    half = (points[-1] - points[0]) / (x[-1] - x[0])
    found = float(points.mean() + half * place)
    at = f"{0.0 if abs(found) < 1e-9 * half else found:.4g}"
    for part in (part for base, _ in term.factors for part in walk(base)):
        if is_real_reference(part) and env.slots.of.get((id(part), ())) == axis - 1:
            return f"{show(part)} = {at}"
    return at
