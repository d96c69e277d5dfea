"""What is said of reals that are variables, and of integers within intervals, as tables."""

import numpy as np

from gmlang.core.ast import AttributeRef, Expression
from gmlang.core.check.joint.routes import key_of
from gmlang.core.records.reals import ObserveRealLike, PredictReal, PredictWithin
from gmlang.diagnostics import GmError, Span
from gmlang.errors import later
from gmlang.errors import probabilities as errors
from gmlang.graph.builder import Origin, add_tables
from gmlang.graph.lowering.grounder import (
    Grounder,
    Job,
    auxiliary,
    check_memory,
    environment,
    hidden_numbers,
    together,
)
from gmlang.graph.lowering.lower import lower
from gmlang.graph.reals.densities import (
    log_mass_inside,
    log_normal,
    normal_parameters,
)
from gmlang.graph.society.scene import Scene, unsilenced
from gmlang.graph.values import terms
from gmlang.graph.values.chances import probability
from gmlang.graph.values.environment import Env
from gmlang.graph.values.evaluate import evaluate, random_indices
from gmlang.graph.world.places import Reference, locate, locate_reals
from gmlang.graph.world.states import BOOL
from gmlang.graph.world.world import Frame, HiddenReals, RealArray, World, select_rows


def _arrays(world: World, target: AttributeRef) -> tuple[RealArray, HiddenReals | None]:
    array = world.reals[target.thing.entity][target.attribute]
    return array, world.hidden_reals.get(key_of(target))


def predict_hidden(
    scene: Scene, frame: Frame, statement: PredictReal, gates: tuple[Expression, ...]
) -> None:
    """Add what a model predicts of reals none of which is observed, relative to the base.

    Raises:
        GmError: where a parameter leaves the density without meaning, or arrays are predicted.
    """
    if not frame.count:
        return
    grounder, target = scene.grounder, statement.target
    env = environment(grounder, frame)
    array, hidden = _arrays(grounder.world, target)
    places = locate_reals(target, env)
    if places.ndim > 1 or statement.density.family != "Normal":
        raise GmError([later.hidden_array(target.span, target.span.text)])
    mean, sd = np.broadcast_arrays(*normal_parameters(statement.density, env))
    if np.isnan(mean).any():
        raise GmError([errors.missing_mean(statement.span, statement.span.text)])
    assert hidden is not None, "a real without nodes"
    check_memory(grounder.world, statement.span, len(mean), hidden.states.count)
    points = np.array(hidden.states.points)
    logs = log_normal(points, mean[:, None], sd[:, None]) - array.log_background(points)
    ratio = logs - log_mass_inside(mean, sd, array.low, array.high)[:, None]
    if statement.confidence is not None:
        c = probability(statement.confidence, env).reshape(-1, 1)
        with np.errstate(divide="ignore"):
            ratio = np.logaddexp(np.log(c) + ratio, np.log1p(-c))
    _add_said(scene, frame, hidden.variables[places], ratio, gates, statement.span)


def observe_like(
    scene: Scene, frame: Frame, statement: ObserveRealLike, gates: tuple[Expression, ...]
) -> None:
    """Weigh reals by how likely they make what was seen of them with noise; NaN is not seen.

    Raises:
        GmError: where a parameter leaves the density without meaning.
    """
    grounder, target = scene.grounder, statement.target
    env = environment(grounder, frame)
    array, hidden = _arrays(grounder.world, target)
    places = locate_reals(target, env)
    mean, sd = (
        np.broadcast_to(p, (frame.count,)) for p in normal_parameters(statement.density, env)
    )
    is_told = ~np.isnan(mean)
    values = array.values[places]
    origin = Origin("observe", statement.span, scene.model)
    known = np.flatnonzero(is_told & ~np.isnan(values))
    logs = log_normal(values[known], mean[known], sd[known])
    _add_numbers(grounder, select_rows(frame, known), logs, gates, origin)
    rows = np.flatnonzero(is_told & np.isnan(values))
    if len(rows):
        assert hidden is not None, "a real without nodes"
        check_memory(grounder.world, statement.span, len(rows), hidden.states.count)
        logs = log_normal(np.array(hidden.states.points), mean[rows, None], sd[rows, None])
        variables = hidden.variables[places[rows]]
        _add(grounder, select_rows(frame, rows), variables, logs, gates, origin)


# --- Intervals ---------------------------------------------------------------------------


def predict_within(
    scene: Scene,
    frame: Frame,
    statement: PredictWithin,
    gates: tuple[Expression, ...],
    log_base: np.ndarray | None,
) -> None:
    """Add that a number lies in an interval I: inside and outside it is like the base b.

        log (c / b(I)) inside    log ((1 - c) / (1 - b(I))) outside

    Args:
        scene: whose graph grows.
        frame: the instances.
        statement: what is predicted.
        gates: under which conditions.
        log_base: of each state of an integer; None of a real.

    Raises:
        GmError: where the base lies all inside, or all outside.
    """
    grounder, target = scene.grounder, statement.target
    env = environment(grounder, frame)
    low, high = (
        np.asarray(evaluate(end, env), np.float64).reshape(-1, 1)
        for end in (statement.low, statement.high)
    )
    if log_base is not None:
        slot = locate(target, env)
        inside = (slot.states.values() >= low) & (slot.states.values() <= high)
        with np.errstate(divide="ignore"):
            share = np.log((inside * np.exp(log_base)).sum(axis=1))
        tables = _log_within(statement, env, inside, share)
        variables = np.broadcast_to(slot.variables, (frame.count,))
        _add_said(scene, frame, variables, tables, gates, statement.span)
        return
    assert isinstance(target, AttributeRef)
    array, hidden = _arrays(grounder.world, target)
    places = locate_reals(target, env)
    share = np.broadcast_to(_log_share(array, low[:, 0], high[:, 0]), (frame.count,))
    low, high = (np.broadcast_to(end, (frame.count, 1)) for end in (low, high))
    values = array.values[places]
    known = np.flatnonzero(~np.isnan(values))
    rows = np.flatnonzero(np.isnan(values))
    origin = Origin("predict", statement.span, scene.model)
    if len(known):
        inside = (values[:, None] >= low) & (values[:, None] <= high)
        numbers = _log_within(statement, env, inside, share)[known, 0]
        _add_numbers(grounder, select_rows(frame, known), numbers, gates, origin)
    if len(rows):
        assert hidden is not None, "a real without nodes"
        check_memory(grounder.world, statement.span, frame.count, hidden.states.count)
        points = np.array(hidden.states.points)
        tables = _log_within(statement, env, (points >= low) & (points <= high), share)[rows]
        part, variables = select_rows(frame, rows), hidden.variables[places[rows]]
        _add_said(scene, part, variables, tables, gates, statement.span)


def _log_share(array: RealArray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the log of the base's probability of intervals."""
    low, high = np.maximum(low, array.low), np.minimum(high, array.high)
    is_empty = ~(low < high)
    low, high = np.where(is_empty, array.low, low), np.where(is_empty, array.high, high)
    if array.normal is None:
        found = np.log(high - low) - np.log(array.high - array.low)
    else:
        mean, sd = (np.array(p) for p in array.normal)
        found = log_mass_inside(mean, sd, low, high)
        found = found - log_mass_inside(mean, sd, array.low, array.high)
    return np.where(is_empty, -np.inf, found)


def _log_within(
    statement: PredictWithin, env: Env, inside: np.ndarray, log_share: np.ndarray
) -> np.ndarray:
    """Return the log-factor of each state in each instance: (instances or 1, states)."""
    c = np.ones((1, 1))
    if statement.confidence is not None:
        c = probability(statement.confidence, env).reshape(-1, 1)
    log_share = np.minimum(log_share, 0.0).reshape(-1, 1)
    # Less than this is no share of anything, with all the rounding there is.
    is_trivial = (log_share == -np.inf) | (log_share > -1e-12)
    if is_trivial.any():
        share = float(np.exp(log_share[is_trivial][0]))
        raise GmError([errors.all_or_nothing(statement.span, statement.span.text, share)])
    with np.errstate(divide="ignore"):
        outside = np.log1p(-c) - np.log(-np.expm1(log_share))
        return np.where(inside, np.log(c) - log_share, outside)


# --- Factors -----------------------------------------------------------------------------


def _add_said(
    scene: Scene,
    frame: Frame,
    variables: np.ndarray,
    tables: np.ndarray,
    gates: tuple[Expression, ...],
    span: Span,
) -> None:
    """Add a prediction's tables, (instances or 1, states), where nobody silences it."""
    for rows, part, extra in unsilenced(scene, frame, variables, span):
        origin = Origin("predict", span, scene.model, variables[rows])
        own = tables if len(tables) == 1 else tables[rows]
        _add(scene.grounder, part, variables[rows], own, (*gates, *extra), origin)


def _add(
    grounder: Grounder,
    frame: Frame,
    variables: np.ndarray,
    tables: np.ndarray,
    gates: tuple[Expression, ...],
    origin: Origin,
) -> None:
    """Add tables over one variable of each instance, where all gates hold."""
    if not gates:
        add_tables(grounder.builder, tables, variables[:, None], origin, gated=False)
        return
    gate = gates[0]
    if len(gates) > 1 or not isinstance(gate, Reference) or random_indices(gate):
        frame, gate = auxiliary(grounder, frame, together(gates, origin.span), BOOL)
    found = locate(gate, environment(grounder, frame)).variables
    scopes = np.stack([np.broadcast_to(found, (frame.count,)), variables], axis=1)
    add_tables(grounder.builder, tables, scopes, origin, gated=True)


def _add_numbers(
    grounder: Grounder,
    frame: Frame,
    numbers: np.ndarray,
    gates: tuple[Expression, ...],
    origin: Origin,
) -> None:
    """Add numbers, one for each instance, where all gates hold."""
    if frame.count:
        frame, number = hidden_numbers(grounder, frame, numbers, origin.span)
        lower(grounder, frame, Job(terms.Value(number), gates, origin))
