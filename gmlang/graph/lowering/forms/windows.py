"""Two places within a reach, or paid for by how far apart they are: one factor, no table."""

from dataclasses import replace

import numpy as np

from gmlang.core.ast import Aggregate, Apply, Constant, Expression, Reference
from gmlang.core.walk import is_random
from gmlang.graph.lowering.forms.columns import is_plain
from gmlang.graph.lowering.grounder import Grounder, Job, auxiliary, environment, together
from gmlang.graph.values.environment import Env
from gmlang.graph.values.evaluate import evaluate, integers
from gmlang.graph.values.terms import Condition, Value
from gmlang.graph.world.places import locate
from gmlang.graph.world.states import BOOL
from gmlang.graph.world.world import Frame
from gmruntime.factors.kinds import FactorKind, SoftWindow, Window


def add_window(grounder: Grounder, frame: Frame, env: Env, job: Job) -> bool:
    """Add a window for a job; False when its form is none.

    Raises:
        NoValue: where a reach, a price or a cap has no value.
    """
    match job.term:
        case Condition(condition=Apply(operator="within", arguments=arguments) as pair):
            reach = None if is_random(arguments[2]) else arguments[2]
            make = None if reach is None else _hard(pair, reach, frame, grounder)
        case Value(value=value):
            found = _priced(value)
            pair = None if found is None else found[0]
            make = None if found is None else _soft(found, frame, grounder)
        case _:
            return False
    if pair is None or make is None or not all(is_plain(end) for end in pair.arguments[:2]):
        return False
    if env.slots.strays or job.guards:
        return False
    if job.gates and not _is_gate(job):
        frame, reference = auxiliary(grounder, frame, together(job.gates), BOOL)
        grounder.lower(frame, replace(job, gates=(reference,)))
        return True
    scopes = _scopes((*job.gates, *pair.arguments[:2]), frame, grounder)
    if scopes is None:
        return False
    grounder.builder.add_factors(make, scopes, job.origin)
    return True


def _is_gate(job: Job) -> bool:
    return len(job.gates) == 1 and is_plain(job.gates[0])


def _scopes(ends: tuple[Expression, ...], frame: Frame, grounder: Grounder) -> np.ndarray | None:
    """Return the variables of each instance; None where one stands twice, or is known."""
    columns: list[np.ndarray] = []
    for end in ends:
        assert isinstance(end, Reference)
        found = locate(end, environment(grounder, frame)).variables
        columns.append(np.broadcast_to(found, (frame.count,)))
    scopes = np.stack(columns, axis=1).astype(np.int32)
    ordered = np.sort(scopes, axis=1)
    return None if (ordered[:, 1:] == ordered[:, :-1]).any() else scopes


def _sides(pair: Apply, frame: Frame, grounder: Grounder) -> tuple[int, int] | None:
    """Return the rows and columns of the grid that two places lie on."""
    end, width = pair.arguments[0], pair.arguments[-1]
    assert isinstance(width, Constant)
    if not isinstance(end, Reference):
        return None
    count = locate(end, environment(grounder, frame)).states.count
    return count // int(width.value), int(width.value)


def _known(values: np.ndarray, frame: Frame) -> np.ndarray:
    """Return a number for each instance, or one for all."""
    flat = np.asarray(values).reshape(-1)
    if len(flat) > 1 and (flat == flat[0]).all():
        return flat[:1].copy()
    return flat.copy() if len(flat) == frame.count else np.broadcast_to(flat, (frame.count,)).copy()


def _hard(pair: Apply, reach: Expression, frame: Frame, grounder: Grounder) -> FactorKind | None:
    sides = _sides(pair, frame, grounder)
    reaches = _known(integers(reach, environment(grounder, frame)), frame)
    # Nothing is within less than nothing: a table says so.
    if sides is None or (reaches < 0).any():
        return None
    reaches = np.minimum(reaches, max(sides))
    return Window(*sides, reaches, reaches)


# --- Prices ------------------------------------------------------------------------------


def _priced(value: Expression) -> tuple[Apply, list[Expression], Expression | None, bool] | None:
    """Read `-k * min(far(a, b), cap)`.

    Returns:
        the distance, the factors of its price, the cap if there is one, and whether the sign is
        turned.
    """
    match value:
        case Apply(operator="neg", arguments=(inner,)):
            found = _priced(inner)
            return None if found is None else (*found[:3], not found[3])
        case Apply(operator="*", arguments=(left, right)):
            scale, inner = (right, left) if is_random(left) else (left, right)
            found = None if is_random(scale) else _priced(inner)
            return None if found is None else (found[0], [scale, *found[1]], *found[2:])
        case Apply(operator="far"):
            return value, [], None, False
        case Apply(operator="min", arguments=arguments):
            return _capped(arguments)
        case Aggregate(operator="min", items=items) if not any(item.context for item in items):
            return _capped(tuple(item.value for item in items))
        case _:
            return None


def _capped(
    arguments: tuple[Expression, ...],
) -> tuple[Apply, list[Expression], Expression | None, bool] | None:
    if len(arguments) != 2:
        return None
    far, cap = arguments if is_random(arguments[0]) else arguments[::-1]
    is_pair = isinstance(far, Apply) and far.operator == "far" and not is_random(cap)
    return (far, [], cap, False) if is_pair and isinstance(far, Apply) else None


def _soft(
    priced: tuple[Apply, list[Expression], Expression | None, bool],
    frame: Frame,
    grounder: Grounder,
) -> FactorKind | None:
    pair, scales, cap, is_turned = priced
    env, sides = environment(grounder, frame), _sides(pair, frame, grounder)
    if sides is None:
        return None
    slopes = np.array([1.0 if is_turned else -1.0])
    for scale in scales:
        slopes = slopes * np.asarray(evaluate(scale, env), np.float64).reshape(-1)
    most = np.array([float(sum(sides))])
    if cap is not None:
        most = np.asarray(evaluate(cap, env), np.float64).reshape(-1)
    # What rewards distance, or is below nothing, a table says.
    if not (np.isfinite(slopes).all() and (slopes >= 0).all() and (most >= 0).all()):
        return None
    most = np.minimum(most, float(sum(sides)))
    slopes, most = _known(slopes, frame), _known(most, frame)
    caps = slopes * most
    if len(caps) > len(slopes):
        slopes = np.broadcast_to(slopes, caps.shape).copy()
    return SoftWindow(*sides, slopes, caps)
