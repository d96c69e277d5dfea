"""Parameters of rows integrated over: weighted settings, and what holds at each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import AttributeRef
from gmlang.core.check.joint.routes import key_of
from gmlang.core.program import Given, ObservedGiven
from gmlang.core.walk import is_real_reference
from gmlang.diagnostics import GmError, Span
from gmlang.errors import later
from gmlang.errors import probabilities as errors
from gmlang.errors.asking import never_above_zero
from gmlang.graph.lowering.grounder import Grounder, environment
from gmlang.graph.observations import array_value
from gmlang.graph.rows.joint import JointReals, real_name
from gmlang.graph.rows.linear import RealRows, has_settings, settings_first
from gmlang.graph.rows.priors import Priors, priors_of, typical
from gmlang.graph.rows.settings import rows_at
from gmlang.graph.values.environment import TRIED
from gmlang.graph.world.names import variable_name
from gmlang.graph.world.places import locate_reals
from gmlang.graph.world.world import ONE_INSTANCE
from gmlang.queries.rows.asked import Term, nowhere
from gmlang.queries.rows.integrating import mixed_graph
from gmruntime.budget import Budget
from gmruntime.continuous.errors import ImproperError, TooLargeError, TooManyBordersError
from gmruntime.continuous.mixed import Rows
from gmruntime.continuous.outer import (
    Domain,
    ImproperDensityError,
    Inside,
    WeightedPoints,
    integrate_mixed,
)
from gmruntime.continuous.outer.domains import constrain
from gmruntime.continuous.outer.engine import PARAMETERS_MAX
from gmruntime.continuous.outer.points import Averages
from gmruntime.continuous.sites.starting import Start, start_at
from gmruntime.graph import FactorGraph

_SHARE = 0.85
"""Of a question's time, for the settings; the rest is for what is asked of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """Settings of all parameters, weighted, and what is integrated at each.

    Attributes:
        points: of the parameters that are not observed, and of chosen reals behind them.
        values: of all parameters but these, (settings, parameters).
        inside: what is integrated.
        memory: bytes that may be taken.
    """

    points: WeightedPoints
    values: np.ndarray
    inside: Inside
    memory: int

    def chosen_values(self) -> np.ndarray:
        """Return the values of the chosen reals at the settings, (settings, chosen)."""
        return self.inside.own(self.points.points)[1]


def seen_parameters(grounder: Grounder, given: Sequence[Given]) -> np.ndarray:
    """Return the value of each parameter that is observed; NaN for the others."""
    world, env = grounder.world, environment(grounder, ONE_INSTANCE)
    found = np.full(world.num_outer_reals, np.nan)
    for (entity, name), start in world.outer_reals.items():
        array = world.reals[entity][name]
        found[start : start + array.values.size] = array.values
    for one in given:
        match one:
            case ObservedGiven(target=AttributeRef() as target, value=value):
                if not is_real_reference(target) or key_of(target) not in world.outer_reals:
                    continue
                places = world.outer_reals[key_of(target)] + locate_reals(target, env)
                values = np.broadcast_to(array_value(value, env, places.ndim), places.shape)
                seen = ~np.isnan(values.astype(np.float64))
                found[places[seen]] = values[seen]
            case _:
                pass
    return found


def at_setting(grounder: Grounder, joint: JointReals, values: np.ndarray) -> JointReals:
    """Return a program's reals with all parameters known, (parameters,)."""
    rows = list(joint.rows)
    for number, made in rows_at(grounder, joint, values[None, :]).items():
        rows[number] = _without_settings(made)
    return replace(joint, rows=tuple(rows), recipes=())


def _without_settings(rows: RealRows) -> RealRows:
    found = settings_first(rows)
    sizes = [s for s, v in zip(rows.linear.sizes, rows.linear.scopes[0], strict=True) if v != TRIED]
    linear = replace(
        rows.linear,
        scopes=found.scopes,
        sizes=tuple(sizes),
        coefficients=found.coefficients[0],
        constants=found.constants[0],
    )
    return replace(rows, linear=linear, weights=found.weights[0], log_scales=found.log_scales[0])


def settle(
    grounder: Grounder,
    joint: JointReals,
    asked: tuple[FactorGraph, np.ndarray, np.ndarray, np.ndarray],
    budget: Budget,
    span: Span,
    chosen: np.ndarray,
) -> Settled:
    """Integrate over the parameters that are not observed.

    Args:
        grounder: of the question.
        joint: the program's reals.
        asked: what is said of finite variables alone, their evidence, that of reals, and that of
            parameters.
        budget: of the question.
        span: of the question.
        chosen: places of reals that are taken for parameters as well, since sites speak of them.

    Raises:
        GmError: where something has no distribution, or there are too many states or parameters.
        TimeoutError: when there is no time left.
    """
    finite, evidence, real_evidence, seen = asked
    world, free = grounder.world, np.flatnonzero(np.isnan(seen))
    if len(free) + len(chosen) > PARAMETERS_MAX:
        raise GmError([later.too_many_parameters(span, len(free) + len(chosen), PARAMETERS_MAX)])
    _refuse_spreads(joint, chosen, span)
    priors = priors_of(world)
    structure = replace(
        joint, rows=tuple(_without_settings(r) if has_settings(r.linear) else r for r in joint.rows)
    )
    mixed = mixed_graph(structure, finite, ())

    def whole(theta: np.ndarray) -> np.ndarray:
        found = np.tile(seen, (len(theta), 1))
        found[:, free] = theta
        return found

    def numbers(theta: np.ndarray) -> tuple[Rows | None, ...]:
        made = rows_at(grounder, joint, whole(theta))
        return tuple(
            _numbers(made[k]) if k in made else None for k in range(len(mixed.real_factors))
        )

    inside = Inside(mixed, numbers, evidence, real_evidence, chosen=chosen)
    open_ = np.full(len(chosen), np.inf)
    lows = np.concatenate([priors.lows[free], -open_])
    highs = np.concatenate([priors.highs[free], open_])
    start: Start | None = None
    try:
        if len(chosen):
            start = _start(inside, typical(world)[:, free], budget)
        found = integrate_mixed(
            inside,
            Domain(lows, highs),
            budget=budget.share(_SHARE),
            rng=np.random.default_rng(0),
            memory=budget.memory_bytes,
            draw=lambda uniform: np.concatenate(
                [
                    _drawn(priors, free, uniform[:, : len(free)]),
                    *([] if start is None else [start.draw(uniform[:, len(free) :])]),
                ],
                axis=1,
            ),
            log_prior=lambda theta: priors.log_density(whole(inside.own(theta)[0])),
            maxima=start.modes if start is not None and start.is_all and not len(free) else None,
        )
    except ImproperDensityError as error:
        if error.parameter >= len(free):
            real = int(chosen[error.parameter - len(free)])
            raise GmError([nowhere(world, int(joint.numbers[real]))]) from None
        raise GmError([errors.nowhere(span, _name(grounder, int(free[0])))]) from None
    except ImproperError as error:
        raise GmError([nowhere(world, int(joint.numbers[error.real]))]) from None
    except TooManyBordersError as error:
        names = [variable_name(world, variable) for variable in error.border]
        raise GmError([errors.too_many_assignments(span, names, error.count)]) from None
    except TooLargeError as error:
        name = real_name(world, int(joint.numbers[error.real]))
        raise GmError([errors.patch_too_large(span, name, error.num_bytes)]) from None
    if not len(found.points.points) and not budget.is_spent():
        _check_deviations(rows_at(grounder, joint, whole(_tried(priors, free))))
    values = whole(inside.own(found.points.points)[0])
    settled = Settled(found.points, values, inside, budget.memory_bytes)
    for parameter in free.tolist():
        if _is_anywhere(settled, parameter):
            raise GmError([errors.nowhere(span, _name(grounder, parameter))])
    return settled


def _refuse_spreads(joint: JointReals, chosen: np.ndarray, span: Span) -> None:
    """Refuse unknown parameters in what reals are drawn from that sites speak of.

    Where a deviation may be 0 their density has a funnel, which climbs run down for ever.
    """
    for rows in joint.rows:
        is_spoken = bool(np.isin(rows.linear.reals, chosen).any())
        if rows.site is None and has_settings(rows.linear) and is_spoken:
            raise GmError([later.parameters_beside_sites(rows.span, span.text)])


def _start(inside: Inside, own: np.ndarray, budget: Budget) -> Start:
    """Find where chosen reals are likely, at a typical setting of what else is unknown."""
    return start_at(
        inside.mixed,
        inside.rows_at(own),
        inside.assignments(),
        inside.real_evidence,
        inside.chosen,
        budget,
    )


def _is_anywhere(settled: Settled, parameter: int) -> bool:
    """Say whether settings are found so far out that no data can have put them there."""
    values, weights = settled.values[:, parameter], np.exp(settled.points.log_weights)
    is_far = (np.abs(values) > 1 / _FAR) | (np.abs(values) < _FAR)
    return float(weights[is_far & (values != 0.0)].sum()) > _FAR_SHARE


_FAR, _FAR_SHARE = 1e-40, 1e-3
"""Beyond 1e40, or nearer to 0 than 1e-40, there is no such share of a distribution."""


_TRIED = 64
"""Values of the parameters: where a deviation is above 0 at none of them, that is what is wrong."""


def _tried(priors: Priors, free: np.ndarray) -> np.ndarray:
    """Return values of parameters by their priors; of those that have none, far and wide."""
    rng = np.random.default_rng(0)
    found = _drawn(priors, free, rng.random((_TRIED, len(free))))
    numbers = rng.standard_normal(found.shape) * 10.0 ** rng.uniform(-1, 1, found.shape)
    return np.where(
        np.isnan(found), constrain(Domain(priors.lows[free], priors.highs[free]), numbers)[0], found
    )


def _check_deviations(made: Mapping[int, RealRows]) -> None:
    """Refuse a standard deviation that is above 0 at no setting, whatever the states.

    Raises:
        GmError: naming its place.
    """
    for rows in made.values():
        is_none = np.isneginf(settings_first(rows).log_scales)
        others = (0, *range(2, is_none.ndim))
        if is_none.all(axis=others).any():
            raise GmError([never_above_zero(rows.span, _TRIED)])


def _name(grounder: Grounder, parameter: int) -> str:
    """Name a parameter as the author would."""
    for (entity, name), start in grounder.world.outer_reals.items():
        size = grounder.world.reals[entity][name].values.size
        if start <= parameter < start + size:
            return name if size == 1 else f"{name}[{parameter - start}]"
    raise AssertionError(parameter)


def _drawn(priors: Priors, free: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    wide = np.full((len(uniform), len(priors.names)), 0.5)
    wide[:, free] = uniform
    return priors.draw(wide)[:, free]


def _numbers(rows: RealRows) -> Rows:
    found = settings_first(rows)
    return Rows(found.coefficients, -found.constants, found.weights, found.log_scales)


# --- What holds at the settings ----------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """What holds of some terms in all assignments of finite variables, at all settings.

    Attributes:
        assignments: of all finite variables.
        shares: how probable each assignment is at each setting, (assignments, settings).
        weights: of the settings; they sum to one.
        means, variances: of each term, (assignments, settings).
        chosen: reals that are numbers at each setting.
    """

    points: WeightedPoints
    assignments: np.ndarray
    shares: np.ndarray
    weights: np.ndarray
    means: tuple[np.ndarray, ...]
    variances: tuple[np.ndarray, ...]
    chosen: np.ndarray

    def varies(self, term: Term) -> bool:
        """Say whether a term depends on the settings by what it is, and not by its law alone."""
        return TRIED in term.scope or bool(np.isin(term.reals, self.chosen).any())

    def average(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return averages of functions, (functions, settings), and by how much they may be off."""
        found = Averages(self.points, len(values))
        found.add(0, values.T)
        return found.result()

    def given_setting(self, values: np.ndarray) -> np.ndarray:
        """Average over assignments, at each setting."""
        return (self.shares * values).sum(axis=0)


def scan(settled: Settled, terms: Sequence[Term], budget: Budget) -> Scan:
    """Solve at all settings, and look at some terms.

    Raises:
        TimeoutError: when there is no time left.
    """
    points, inside = settled.points, settled.inside
    assignments = inside.assignments()
    shape = len(assignments), len(points.points)
    shares = np.zeros(shape)
    means = tuple(np.zeros(shape) for _ in terms)
    variances = tuple(np.zeros(shape) for _ in terms)
    start, chosen = 0, settled.chosen_values()
    for batch in inside.batches(points.points, budget, settled.memory):
        count = batch.logs.shape[1]
        own = slice(start, start + count)
        shares[:, own] = np.exp(batch.logs - batch.log_totals())
        used = shares[:, own] > 0
        for k, term in enumerate(terms):
            coefficients, constants = _at(term, assignments, np.arange(start, start + count))
            known = np.tile(inside.real_evidence[term.reals], (count, 1))
            is_chosen = np.isin(term.reals, inside.chosen)
            columns = np.searchsorted(inside.chosen, term.reals[is_chosen])
            known[:, is_chosen] = chosen[own][:, columns]
            is_known = ~np.isnan(known[0])
            mean = constants + (coefficients[..., is_known] * known[:, is_known]).sum(axis=-1)
            variance = np.zeros(mean.shape)
            for part in batch.parts:
                inner = np.isin(term.reals, part.reals)
                if not inner.any():
                    continue
                where = np.searchsorted(part.reals, term.reals[inner])
                which = part.states_of(assignments, count)[used]
                along = part.solver.along(which, where, coefficients[..., inner][used], budget)
                mean[used] += along[:, 0]
                variance[used] += along[:, 1]
            means[k][:, own], variances[k][:, own] = mean, variance
        start += count
    weights = np.exp(points.log_weights)
    return Scan(points, assignments, shares, weights, means, variances, inside.chosen)


def _at(term: Term, assignments: np.ndarray, settings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a term's numbers in all assignments and at some settings."""
    shape = len(assignments), len(settings)

    def picked(array: np.ndarray) -> np.ndarray:
        index: list[np.ndarray] = []
        for axis, variable in enumerate(term.scope):
            if array.shape[axis] == 1:
                index.append(np.zeros((1, 1), np.int64))
            elif variable == TRIED:
                index.append(settings[None, :])
            else:
                index.append(assignments[:, variable][:, None])
        found = array[tuple(np.broadcast_arrays(*index))] if index else array
        tail = found.shape[2:] if index else found.shape
        return np.array(np.broadcast_to(found, (*shape, *tail)))

    return picked(term.coefficients), picked(term.constant)
