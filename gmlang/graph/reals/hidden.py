"""Reals that are not observed: variables whose states are the nodes of a rule.

The nodes are chosen by all that a program says of an attribute, in any instance, so that they are
known before any statement is grounded; what a question compares with is among it.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from gmlang.core.ast import (
    Aggregate,
    Apply,
    AttributeRef,
    Context,
    Distribution,
    Expression,
    Gate,
)
from gmlang.core.check.joint.routes import Key, key_of
from gmlang.core.check.lints import expressions_of
from gmlang.core.program import Program, Statement
from gmlang.core.records.reals import ObserveReal, ObserveRealLike, PredictReal, PredictWithin
from gmlang.core.walk import is_real_reference, parts, walk
from gmlang.diagnostics import GmError
from gmlang.errors import later
from gmlang.errors import probabilities as errors
from gmlang.families.priors import PRIORS
from gmlang.graph.builder import Origin
from gmlang.graph.doing.reals import observations
from gmlang.graph.grids.edges import away_from_ends, first_edges
from gmlang.graph.grids.summing import floored
from gmlang.graph.lowering.grounder import Grounder, environment
from gmlang.graph.observations import array_value, fitted, heard
from gmlang.graph.reals.densities import normal_parameters
from gmlang.graph.reals.fineness import ImproperError, Said
from gmlang.graph.reals.nodes import NODES_MAX, TooFineError, misplaced_by, nodes_of, panels_of
from gmlang.graph.values.chances import probability
from gmlang.graph.values.environment import Env
from gmlang.graph.values.evaluate import evaluate, expand, random_indices
from gmlang.graph.world.instances import model_frame
from gmlang.graph.world.places import locate_reals
from gmlang.graph.world.states import States
from gmlang.graph.world.world import ONE_INSTANCE, Frame, HiddenReals, Quadrature, RealArray
from gmruntime.arrays import Float64
from gmruntime.factors.kinds import Table

_lock = Lock()


@dataclass(slots=True, eq=False)
class _Gathered:
    """What is said of an attribute: columns to be joined, one row for each that is said.

    Attributes:
        places: of all that is mentioned.
        predicted: places, means, deviations, confidences.
        looks: places, means, deviations, and whether they count in any case.
        breaks: ends of intervals.
    """

    places: list[np.ndarray] = field(default_factory=lambda: [])
    predicted: list[np.ndarray] = field(default_factory=lambda: [])
    looks: list[np.ndarray] = field(default_factory=lambda: [])
    breaks: list[np.ndarray] = field(default_factory=lambda: [])


def declare_hidden(
    grounder: Grounder, program: Program, asked: Iterable[tuple[Context, Expression]]
) -> None:
    """Give every real that is not observed, and of which something is said, a variable.

    Args:
        grounder: grows; the instances of models exist.
        program: that is grounded.
        asked: further expressions that compare reals, such as a question's.

    Raises:
        GmError: where nothing holds a real in place.
    """
    world = grounder.world
    if not any(world.reals.values()):
        return
    seen = _observed(grounder, (*program.statements, *observations(program)))
    gathered: dict[Key, _Gathered] = {}
    for frame, statement in _statements(grounder, program):
        # What is wrong with a statement is told where it is grounded.
        with suppress(GmError):
            _gather(grounder, frame, statement, seen, gathered)
    for context, expression in asked:
        with suppress(GmError):
            _gather_breaks(grounder, ONE_INSTANCE, context, expression, gathered)
    for key, found in gathered.items():
        if key in world.joint_reals or key in world.outer_reals:
            continue
        array = world.reals[key[0]][key[1]]
        hidden = np.zeros(seen[key].shape, np.bool_)
        hidden[np.concatenate(found.places)] = True
        hidden &= ~seen[key]
        if hidden.any():
            _declare(grounder, key, array, found, hidden)


def _statements(grounder: Grounder, program: Program) -> Iterator[tuple[Frame, Statement]]:
    """Give what is said of reals, with the instances of whose model it is."""
    everything: list[tuple[Frame, tuple[Statement, ...]]] = [(ONE_INSTANCE, program.statements)]
    tables = (grounder.world.models[symbol.name] for symbol in program.models)
    everything += [(model_frame(t.symbol, t.rows), t.symbol.body) for t in tables if len(t.keys)]
    for frame, statements in everything:
        for statement in statements:
            if any(is_real_reference(p) for e in expressions_of(statement) for p in walk(e)):
                yield frame, statement


def _observed(grounder: Grounder, statements: Iterable[Statement]) -> dict[Key, np.ndarray]:
    """Say which places of each attribute are observed, as numbers that they may be."""
    seen = {
        (entity, name): np.zeros(array.values.shape, np.bool_)
        for entity, arrays in grounder.world.reals.items()
        for name, array in arrays.items()
    }
    for statement in statements:
        if isinstance(statement, ObserveReal):
            with suppress(GmError):
                frame, _ = expand(environment(grounder, ONE_INSTANCE), statement.context)
                env = environment(grounder, frame)
                places = locate_reals(statement.target, env)
                values = array_value(statement.value, env, places.ndim)
                values = fitted(values, places.shape, statement.span)
                key = key_of(statement.target)
                array = grounder.world.reals[key[0]][key[1]]
                # Any other is a mistake, told where it is grounded.
                may_be = (values >= array.low) & (values <= array.high)
                may_be &= ~np.isneginf(array.log_background(values))
                seen[key][places[may_be]] = True
    return seen


# --- What is said ------------------------------------------------------------------------


def _gather(
    grounder: Grounder,
    frame: Frame,
    statement: Statement,
    seen: dict[Key, np.ndarray],
    gathered: dict[Key, _Gathered],
) -> None:
    outer, _ = expand(environment(grounder, frame), statement.context)
    match statement:
        case PredictReal(target=target, density=density, confidence=confidence):
            outer = heard(grounder, outer, confidence)
            env = environment(grounder, outer)
            places = locate_reals(target, env)
            is_hidden = ~seen[key_of(target)][places]
            if is_hidden.ndim > 1 or not is_hidden.any():
                return
            mean, sd = normal_parameters(density, env)
            sure = np.ones(1) if confidence is None else probability(confidence, env).reshape(-1)
            found = gathered.setdefault(key_of(target), _Gathered())
            found.places.append(places[is_hidden])
            columns = np.broadcast_arrays(places, mean, sd, sure)
            # A mean that is missing is a mistake, told where it is grounded.
            is_said = is_hidden & ~np.isnan(columns[1])
            found.predicted.append(np.stack(columns, axis=1)[is_said])
        case ObserveRealLike(target=target, density=density):
            env = environment(grounder, outer)
            mean, sd = normal_parameters(density, env)
            places = locate_reals(target, env)
            always = not any(isinstance(clause, Gate) for clause in statement.context)
            found = gathered.setdefault(key_of(target), _Gathered())
            found.places.append(places)
            columns = np.broadcast_arrays(places, mean, sd, np.array([float(always)]))
            found.looks.append(np.stack(columns, axis=1)[~np.isnan(columns[1])])
        case PredictWithin(target=AttributeRef() as target) if is_real_reference(target):
            env = environment(grounder, heard(grounder, outer, statement.confidence))
            ends = [np.asarray(evaluate(e, env)) for e in (statement.low, statement.high)]
            _add_breaks(env, gathered, target, ends)
        case ObserveReal():
            return
        case _:
            pass
    for expression in expressions_of(statement):
        _gather_breaks(grounder, outer, (), expression, gathered)


def _gather_breaks(
    grounder: Grounder,
    frame: Frame,
    context: Context,
    expression: Expression,
    gathered: dict[Key, _Gathered],
) -> None:
    """Note with what an expression compares reals, in all its instances."""
    if not any(is_real_reference(part) for part in walk(expression)):
        return
    frame, _ = expand(environment(grounder, frame), context)
    stack = [(expression, frame)]
    while stack:
        part, at = stack.pop()
        if isinstance(part, Apply) and part.operator == "real_in":
            target, *ends = part.arguments
            if not isinstance(target, AttributeRef) or key_of(target) in grounder.world.joint_reals:
                continue
            env = environment(grounder, at)
            _add_breaks(env, gathered, target, [np.asarray(evaluate(end, env)) for end in ends])
        elif is_real_reference(part):
            assert isinstance(part, AttributeRef)
            _add_breaks(environment(grounder, at), gathered, part, [])
        elif isinstance(part, Aggregate | Distribution):
            for item in part.items:
                inner, _ = expand(environment(grounder, at), item.context)
                stack += [(e, inner) for e in (item.value, item.key) if e is not None]
            stack += [(e, at) for e in getattr(part, "arguments", ())]
        else:
            stack += [(inner, at) for inner in parts(part)]


def _add_breaks(
    env: Env, gathered: dict[Key, _Gathered], target: AttributeRef, ends: list[np.ndarray]
) -> None:
    # An index that is random may pick any of them.
    array = env.world.reals[target.thing.entity][target.attribute]
    every: np.ndarray = np.arange(array.values.size)
    places = every if random_indices(target) else locate_reals(target, env).reshape(-1)
    found = gathered.setdefault(key_of(target), _Gathered())
    found.places.append(places)
    found.breaks += [end.reshape(-1).astype(np.float64) for end in ends]


# --- The variables -----------------------------------------------------------------------


def _declare(
    grounder: Grounder, key: Key, array: RealArray, found: _Gathered, hidden: np.ndarray
) -> None:
    world = grounder.world
    if key in world.grids:
        known = (world.quadrature.edges or {}).get(key)
        first = first_edges(array, world.grids[key]) if known is None else known
        edges = _with_breaks(array, found, first)
    else:
        if array.prior is not None and array.prior[0] in PRIORS:
            raise GmError([later.prior_of_single(array.span, array.name, array.prior[0])])
        edges = _panels(array, _each_said(array, found, hidden), world.quadrature)
    nodes = nodes_of(edges, is_coarse=world.quadrature.is_coarse)
    states = States(0, len(nodes.points), points=tuple(nodes.points.tolist()))
    count = int(hidden.sum())
    start = grounder.builder.add_variables(array.name, (count,), states)
    variables = np.full(hidden.shape, -1, np.int64)
    variables[hidden] = start + np.arange(count)
    world.hidden_reals[key] = HiddenReals(variables, states, np.log(nodes.weights))
    world.quadrature.is_used = True
    with _lock:
        # Beside an end of a real panels are as narrow as floats, and what is there hardly matters.
        inner = away_from_ends(edges, array) if key in world.grids else edges
        world.quadrature.misplaced = max(world.quadrature.misplaced, misplaced_by(inner))


def _with_breaks(array: RealArray, found: _Gathered, known: np.ndarray) -> np.ndarray:
    """Return where panels end of a real that laws depend on; ends of intervals are among them."""
    breaks = np.concatenate([np.zeros(0), *found.breaks])
    inside = breaks[(breaks > array.low) & (breaks < array.high)]
    return np.unique(np.append(known, inside))


def _panels(
    array: RealArray, said: dict[bytes, Said], quadrature: Quadrature
) -> Float64[np.ndarray, " edges"]:
    """Return where panels end; what was said before needs no new ones."""
    key = array.span, *said
    # Another thread may empty it at any time.
    kept = quadrature.panels.get(key)
    if kept is not None:
        return kept
    try:
        edges = panels_of(list(said.values()))
    except ImproperError:
        told = errors.improper(array.span, array.name, is_vague=array.normal is not None)
        raise GmError([told]) from None
    except TooFineError:
        raise GmError([errors.too_fine(array.span, array.name, NODES_MAX)]) from None
    if len(quadrature.panels) >= _KEPT_MAX:
        quadrature.panels.clear()
    quadrature.panels[key] = edges
    return edges


_KEPT_MAX = 32
"""Panels for so many questions are kept."""


def _each_said(array: RealArray, found: _Gathered, hidden: np.ndarray) -> dict[bytes, Said]:
    """List what is said of each place, once where it is the same of several, by all of it.

    Looks that depend on what is not known may count or not; and a question may leave each out.
    """
    breaks = np.concatenate([np.zeros(0), *found.breaks])
    breaks = breaks[np.isfinite(breaks)]
    predicted = _by_place(found.predicted, hidden)
    looks = _by_place(found.looks, hidden)
    nothing = np.zeros((0, 4))
    ends = np.array([array.low, array.high, *(array.normal or ())])
    common = ends.tobytes() + np.unique(breaks).tobytes()
    said: dict[bytes, Said] = {}
    for place in np.flatnonzero(hidden).tolist():
        rows, seen = predicted.get(place, nothing)[:, 1:], looks.get(place, nothing)[:, 1:]
        for kept, is_supposed in _subsets(seen):
            key = b"|".join([common, rows.tobytes(), kept.tobytes()])
            if key not in said or (said[key].is_supposed and not is_supposed):
                said[key] = Said(
                    array.low,
                    array.high,
                    array.normal,
                    means=rows[:, 0],
                    sds=rows[:, 1],
                    confidences=rows[:, 2],
                    look_means=kept[:, 0],
                    look_sds=kept[:, 1],
                    breaks=breaks,
                    is_supposed=is_supposed,
                )
    return said


_LEFT_OUT_MAX = 16
"""Of more looks at one real each is not left out in turn."""


def _subsets(looks: np.ndarray) -> Iterator[tuple[np.ndarray, bool]]:
    """Give the looks that may count together, and whether that is only supposed."""
    yield looks, False
    if (looks[:, 2] == 0).any():
        yield looks[looks[:, 2] > 0], False
    if len(looks):
        yield looks[:0], True
    for k in range(len(looks) if 1 < len(looks) <= _LEFT_OUT_MAX else 0):
        yield np.delete(looks, k, axis=0), True


def _by_place(columns: list[np.ndarray], hidden: np.ndarray) -> dict[int, np.ndarray]:
    """Return the rows about each hidden place, in an order that depends on them alone."""
    rows = np.concatenate([np.zeros((0, 4)), *columns])
    rows = rows[hidden[rows[:, 0].astype(np.int64)]]
    rows = rows[np.lexsort(rows.T[::-1])]
    places, starts = np.unique(rows[:, 0].astype(np.int64), return_index=True)
    ends = np.append(starts, len(rows))
    return {p: rows[ends[k] : ends[k + 1]] for k, p in enumerate(places.tolist())}


def add_bases_of_hidden(grounder: Grounder) -> None:
    """Weigh the nodes: a base that is declared by its density, another not at all."""
    for (entity, name), hidden in grounder.world.hidden_reals.items():
        array = grounder.world.reals[entity][name]
        weights = hidden.log_weights
        if array.log_base is not None:
            weights = weights + array.log_base(np.array(hidden.states.points))
        if (entity, name) in grounder.world.grids:
            weights = floored(weights)
        variables = hidden.variables[hidden.variables >= 0]
        origin = Origin("base", array.span)
        grounder.builder.add_factors(Table(weights[None, :]), variables[:, None], origin)
