"""Real attributes that are observed: numbers, so what models predict of them are numbers too.

    factor of an active model = log (c D(v) / b(v) + 1 - c)

with its density D, its confidence c, and the attribute's base b: the prediction relative to it.
"""

from collections.abc import Sequence

import numpy as np

from gmlang.core.ast import Activation, AttributeRef, Expression
from gmlang.core.check.joint.routes import key_of
from gmlang.core.records.reals import ObserveReal, PredictReal
from gmlang.diagnostics import GmError
from gmlang.errors import grounding as errors
from gmlang.errors import later
from gmlang.graph.builder import Origin
from gmlang.graph.lowering.grounder import Grounder, Job, environment, hidden_numbers
from gmlang.graph.lowering.lower import lower
from gmlang.graph.observations import array_value, fitted
from gmlang.graph.reals.densities import log_densities
from gmlang.graph.values import terms
from gmlang.graph.values.chances import probability
from gmlang.graph.world.places import locate, locate_reals
from gmlang.graph.world.states import shown_number
from gmlang.graph.world.world import (
    ONE_INSTANCE,
    Frame,
    RealArray,
    SaidOfReals,
    World,
    where_text,
)


def observe_real(grounder: Grounder, frame: Frame, statement: ObserveReal) -> None:
    """Record what was seen of a real attribute; NaN is not seen.

    Raises:
        GmError: when a value is outside the attribute's range or base, or shapes differ.
    """
    target, span = statement.target, statement.span
    env = environment(grounder, frame)
    array = _array_of(grounder.world, target)
    places = locate_reals(target, env)
    values = fitted(array_value(statement.value, env, places.ndim), places.shape, span)
    seen = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        bad = seen & ((values < array.low) | (values > array.high) | np.isinf(values))
        if key_of(target) not in grounder.world.joint_reals:
            bad |= seen & np.isneginf(array.log_background(values))
    if bad.any():
        row = int(np.argwhere(bad)[0][0])
        what = target.span.text + where_text(frame, row, grounder.names)
        shown = shown_number(values[bad].flat[0].item())
        raise GmError([errors.value_outside_domain(span, what, shown, _range_of(array))])
    before = array.values[places[seen]]
    array.values[places[seen]] = values[seen]
    changed = ~np.isnan(before) & (before != values[seen])
    if changed.any() or (array.values[places[seen]] != values[seen]).any():
        # One number is not another: no assignment agrees with both.
        frame, never = hidden_numbers(grounder, ONE_INSTANCE, np.full(1, -np.inf), span)
        lower(grounder, frame, Job(terms.Value(never), (), Origin("observe", span)))


def _range_of(array: RealArray) -> str:
    return f"real[{array.low:g}, {array.high:g}]" if array.log_base is None else "its base"


def _array_of(world: World, target: AttributeRef) -> RealArray:
    return world.reals[target.thing.entity][target.attribute]


def forget_reals(world: World) -> None:
    """Forget what was observed and said of reals: statements are grounded anew."""
    world.said_of_reals.clear()
    for arrays in world.reals.values():
        for array in arrays.values():
            array.values.fill(np.nan)


def predict_real(
    grounder: Grounder,
    frame: Frame,
    statement: PredictReal,
    gates: tuple[Expression, ...],
    origin: Origin,
) -> None:
    """Add what a model predicts of what was observed in all instances, relative to the base.

    Raises:
        GmError: where a parameter leaves the density without meaning.
    """
    if not frame.count:
        return
    target = statement.target
    env = environment(grounder, frame)
    array = _array_of(grounder.world, target)
    places = locate_reals(target, env)
    values = array.values[places]
    background = array.log_background(values).reshape(frame.count, -1).sum(axis=1)
    ends = array.low, array.high
    ratio = log_densities(statement.density, values, env, ends) - background
    if statement.confidence is not None:
        confidence = probability(statement.confidence, env).reshape(-1)
        with np.errstate(divide="ignore"):
            ratio = np.logaddexp(np.log(confidence) + ratio, np.log1p(-confidence))
    own = next((gate for gate in gates if isinstance(gate, Activation)), None)
    if own is not None:
        grounder.world.said_of_reals.append(
            SaidOfReals(
                target.thing.entity,
                target.attribute,
                places.reshape(frame.count, -1)[:, 0],
                int(np.prod(places.shape[1:], dtype=np.int64)),
                np.broadcast_to(locate(own, env).variables, (frame.count,)).astype(np.int64),
                np.broadcast_to(ratio, (frame.count,)),
                len(gates) > 1,
            )
        )
    frame, number = hidden_numbers(grounder, frame, ratio, statement.span)
    lower(grounder, frame, Job(terms.Value(number), gates, origin))


def are_hidden(grounder: Grounder, frame: Frame, target: AttributeRef) -> np.ndarray:
    """Say in which instances a real, or any of an array of them, is not observed."""
    array = _array_of(grounder.world, target)
    values = array.values[locate_reals(target, environment(grounder, frame))]
    return np.asarray(np.isnan(values).reshape(frame.count, -1).any(axis=1))


def refuse_learned(grounder: Grounder, used: Sequence[Expression | None]) -> None:
    """Refuse to learn what stands in a prediction of a real.

    Raises:
        GmError: naming it.
    """
    learned = grounder.learned
    for expression in filter(None, used):
        if learned is not None and learned.concerns((expression,)):
            raise GmError([later.learned_density(expression.span, expression.span.text)])


def add_bases_of_reals(grounder: Grounder) -> None:
    """Weigh what was observed by the bases that are declared; a uniform one weighs nothing.

    So what is not observed, and that nobody speaks of, counts with the length of its range, as any
    finite attribute counts with its states.
    """
    for entity, arrays in grounder.world.reals.items():
        for array in arrays.values():
            world = grounder.world
            if (entity, array.name) in {**world.joint_reals, **world.outer_reals}:
                continue
            kept = ~np.isnan(array.values)
            count = int(array.values.size - kept.sum())
            kept[world.changed_reals.get((entity, array.name), np.zeros(0, np.int64))] = False
            seen = array.values[kept]
            if array.log_base is not None:
                total = float(array.log_base(seen).sum())
            else:
                hidden = grounder.world.hidden_reals.get((entity, array.name))
                count -= 0 if hidden is None else int((hidden.variables >= 0).sum())
                total = count * array.log_length()
            if total:
                numbers = np.full(1, total)
                frame, number = hidden_numbers(grounder, ONE_INSTANCE, numbers, array.span)
                lower(grounder, frame, Job(terms.Value(number), (), Origin("base", array.span)))
