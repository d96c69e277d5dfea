"""What is said of joint reals, as rows: draws, definitions, and data that is drawn from reals.

x ~ Normal(m, s)        log f = -log(s sqrt(2 pi)) - 1 / (2 s**2) * (x - m)**2
"""

from collections.abc import Callable, Sequence

import numpy as np

from gmlang.core.ast import AttributeRef, Dist, Distribution, Expression
from gmlang.core.check.joint.laws import NORMAL
from gmlang.core.records.reals import DefineReal, DrawReal, ObserveDrawn, ObserveRealLike
from gmlang.diagnostics import GmError, Span
from gmlang.errors import later
from gmlang.errors import probabilities as errors
from gmlang.graph.builder import Origin, RealRecipe, add_tables
from gmlang.graph.lowering.grounder import Grounder, environment
from gmlang.graph.observations import array_value
from gmlang.graph.reals.densities import check_proportion
from gmlang.graph.rows.evaluating import forms, laws, linear_of, noted_gap
from gmlang.graph.rows.forms import Form, Law, real_numbers
from gmlang.graph.rows.linear import (
    Linear,
    RealDefinition,
    RealRows,
    each_once,
    has_settings,
    some,
    some_rows,
)
from gmlang.graph.rows.sites import family_of, site_rows
from gmlang.graph.values.chances import undefined_where
from gmlang.graph.values.environment import Env, is_tried
from gmlang.graph.values.evaluate import random_indices
from gmlang.graph.world.world import Frame, select_rows, where_text

_LOG_ROOT_2PI = 0.5 * float(np.log(2 * np.pi))


def noted(grounder: Grounder, run: Callable[[Grounder], None]) -> None:
    """Add what is said of reals, and note how to do so again where parameters are tried."""
    builder = grounder.builder
    before = len(builder.real_rows), len(builder.real_definitions)
    run(grounder)
    rows = range(before[0], len(builder.real_rows))
    definitions = range(before[1], len(builder.real_definitions))
    own = (
        tuple(k for k in rows if has_settings(builder.real_rows[k].linear)),
        tuple(k for k in definitions if has_settings(builder.real_definitions[k].linear)),
    )
    if any(own):
        builder.real_recipes.append(RealRecipe(run, *own))


def draw_real(
    grounder: Grounder,
    frame: Frame,
    statement: DrawReal,
    gates: Sequence[Expression] = (),
    *,
    is_first: bool = True,
) -> None:
    """Add what reals are drawn from; where nothing is left to chance they are defined.

    Args:
        grounder: grows.
        frame: the instances.
        statement: says so.
        gates: under which conditions.
        is_first: whether nobody has noted yet that these have a mechanism.

    Raises:
        GmError: where a parameter leaves a law without meaning.
    """
    targets = _targets(grounder, frame, statement.target)
    if is_first:
        grounder.builder.real_mechanisms.append((targets, statement.span))
    for rows, env, holds, law in laws(grounder, frame, statement.law, gates, statement.span):
        own = targets[rows]
        fixed = _without_spread(law.sd, len(rows))
        if env.slots.tried:
            _check_everywhere(law.sd, env, statement.law)
            fixed = np.zeros(len(rows), np.bool_)
        for which, is_fixed in ((~fixed, False), (fixed, True)):
            if not which.any():
                continue
            if is_fixed:
                _define_noisy(grounder, own, law, env, which, holds, statement.span)
                continue
            terms = ((own, np.ones(1)), *((real, -c) for real, c in law.mean.terms))
            off = Law(Form(-law.mean.constant, terms), law.sd)
            rows_of = _rows(off, env, holds, "draw", statement.span)
            grounder.builder.real_rows += _selected(rows_of, which)


def define_real(
    grounder: Grounder, frame: Frame, statement: DefineReal, gates: Sequence[Expression]
) -> None:
    """Note what reals stand for.

    Raises:
        GmError: where that has no value.
    """
    if gates:
        raise GmError([later.gated_definition(statement.span, statement.target.span.text)])
    targets = _targets(grounder, frame, statement.target)
    grounder.builder.real_mechanisms.append((targets, statement.span))
    for rows, env, _, form in forms(grounder, frame, statement.value, (), statement.span):
        linear, _ = linear_of(form, env)
        _add_definition(grounder, targets[rows], linear, statement.span)


def observe_drawn(
    grounder: Grounder, frame: Frame, statement: ObserveDrawn, gates: Sequence[Expression]
) -> None:
    """Add how likely reals make data; NaN is not seen.

    Raises:
        GmError: where a parameter leaves a law without meaning.
    """
    values = array_value(statement.value, environment(grounder, frame), 1).astype(np.float64)
    values = np.broadcast_to(values.reshape(-1), (frame.count,))
    family = family_of(statement.law)
    if family == NORMAL:
        _weigh(grounder, frame, values, statement.law, gates, statement.span)
        return
    seen = np.flatnonzero(~np.isnan(values))
    told = statement.law, tuple(gates), statement.span
    for rows in site_rows(grounder, select_rows(frame, seen), values[seen], family, told):
        if rows.linear.reals.shape[1] or has_settings(rows.linear):
            grounder.builder.real_rows.append(rows)
        else:
            add_finite(grounder, rows)


def look_at_real(
    grounder: Grounder, frame: Frame, statement: ObserveRealLike, gates: Sequence[Expression]
) -> None:
    """Add how likely joint reals make what was seen of them with noise."""
    mean, sd = statement.density.arguments
    values = array_value(mean, environment(grounder, frame), 1).astype(np.float64)
    values = np.broadcast_to(values.reshape(-1), (frame.count,))
    span = statement.density.span
    law = Distribution(span, statement.density.family, (statement.target, sd), (), Dist())
    _weigh(grounder, frame, values, law, gates, statement.span)


def _weigh(
    grounder: Grounder,
    frame: Frame,
    values: np.ndarray,
    law: Expression,
    gates: Sequence[Expression],
    span: Span,
) -> None:
    seen = np.flatnonzero(~np.isnan(values))
    frame, values = select_rows(frame, seen), values[seen]
    if np.isinf(values).any():
        row = int(np.argmax(np.isinf(values)))
        where = where_text(frame, row, grounder.names)
        raise GmError([errors.bad_value(span, NORMAL, float(values[row]), where)])
    for rows, env, holds, found in laws(grounder, frame, law, gates, span):
        if env.slots.tried:
            _check_everywhere(found.sd, env, law)
        else:
            found = _with_spread(grounder, found, env, holds, law.span)
        along = values[rows].reshape(-1, *([1] * len(env.slots.items)))
        away = found.mean.constant - along
        linear = Law(Form(away, found.mean.terms), found.sd)
        made = _rows(linear, env, holds, "observe", span)
        if found.mean.terms or env.slots.tried or grounder.world.joint_reals:
            # Where there are joint reals, rows about none of them become tables with the others'.
            grounder.builder.real_rows.append(made)
        else:
            add_finite(grounder, made)


def _targets(grounder: Grounder, frame: Frame, target: AttributeRef) -> np.ndarray:
    if random_indices(target):
        raise GmError([later.picked_target(target.span, target.span.text)])
    return real_numbers(target, environment(grounder, frame))


def _without_spread(sd: np.ndarray, count: int) -> np.ndarray:
    """Say in which instances a standard deviation is 0 in some state."""
    flat = (sd == 0.0).reshape(sd.shape[0] if sd.ndim else 1, -1).any(axis=1)
    return np.broadcast_to(flat, (count,))


def _with_spread(grounder: Grounder, law: Law, env: Env, holds: np.ndarray, span: Span) -> Law:
    """Return a law of data, which has no meaning where its standard deviation is 0."""
    bad = holds & (law.sd == 0.0)
    if not bad.any():
        return law
    inner = env.gathering()
    undefined_where(bad, law.sd, inner, lambda v, where: errors.bad_spread(span, NORMAL, v, where))
    return Law(law.mean, np.where(noted_gap(grounder, inner), np.nan, law.sd))


def _check_everywhere(sd: np.ndarray, env: Env, law: Expression) -> None:
    """Refuse a spread that depends on parameters in some states, and is 0 in others."""
    sd = sd.reshape(*([1] * (1 + len(env.slots.items) - sd.ndim)), *sd.shape)
    axis = 1 + next(k for k, slot in enumerate(env.slots.items) if is_tried(slot))
    is_none = np.asarray((sd == 0.0).all(axis=axis))
    if is_none.any() and not is_none.all():
        raise GmError([later.spread_in_states(law.span, law.span.text)])


def _check_sizes(law: Law, span: Span) -> None:
    """Refuse numbers whose squares float64 may not have."""
    numbers = [law.mean.constant, *(c for _, c in law.mean.terms)]
    spreads = law.sd[(law.sd > 0.0) & np.isfinite(law.sd)]
    check_proportion(span, np.concatenate([np.ravel(n) for n in numbers]), spreads)


def _rows(law: Law, env: Env, holds: np.ndarray, kind: str, span: Span) -> RealRows:
    """Write laws of 0 = form + noise as rows, which say nothing where not all gates hold."""
    if not env.slots.tried:
        _check_sizes(law, span)
    with np.errstate(divide="ignore"):
        weights = np.where(holds & (law.sd > 0.0), law.sd**-2.0, 0.0)
        # A setting without a meaning is none that anybody has, nor is a state without one.
        none = np.where(holds, -np.inf, 0.0)
        log_scales = np.where(weights > 0.0, -np.log(law.sd) - _LOG_ROOT_2PI, none)
    linear, (weights, log_scales) = linear_of(law.mean, env, (weights, log_scales))
    return RealRows(linear, weights, log_scales, kind, span)


def _selected(rows: RealRows, which: np.ndarray) -> list[RealRows]:
    return [rows if which.all() else some_rows(rows, np.flatnonzero(which))]


def _define_noisy(
    grounder: Grounder,
    targets: np.ndarray,
    law: Law,
    env: Env,
    which: np.ndarray,
    holds: np.ndarray,
    span: Span,
) -> None:
    """Define reals as mean + sd * noise, where sd is 0 in some state; noise ~ Normal(0, 1)."""
    if not holds.all():
        raise GmError([later.gated_definition(span, span.text)])
    numbers = np.arange(len(targets))
    terms = law.mean.terms
    if law.sd.any():
        start = grounder.world.num_joint_reals
        grounder.world.num_joint_reals += len(targets)
        noise = start + numbers
        terms = (*terms, (noise, np.nan_to_num(law.sd)))
        nothing = np.zeros((len(targets), 0), np.int64)
        one = Linear(nothing, (), noise[:, None], np.ones((1, 1)), np.zeros(1))
        made = RealRows(one, np.ones(1), np.full(1, -_LOG_ROOT_2PI), "draw", span)
        grounder.builder.real_rows += _selected(made, which)
    linear, _ = linear_of(Form(law.mean.constant, terms), env)
    rows = np.flatnonzero(which)
    _add_definition(grounder, targets[rows], some(linear, rows), span)


def _add_definition(grounder: Grounder, targets: np.ndarray, linear: Linear, span: Span) -> None:
    for rows, one, _ in each_once(linear, []):
        grounder.builder.real_definitions.append(RealDefinition(targets[rows], one, span))


def add_finite(grounder: Grounder, rows: RealRows) -> None:
    """Add what depends on no real as tables."""
    if rows.site is None:
        logs = rows.log_scales - 0.5 * rows.weights * rows.linear.constants**2
    else:
        shape = rows.linear.count, *rows.linear.constants.shape[1:]
        values = np.moveaxis(np.broadcast_to(rows.linear.constants, shape), 0, -1)
        each = np.moveaxis(rows.site.log_density(values), -1, 0)
        logs = rows.log_scales + np.where(rows.weights > 0.0, rows.weights * each, 0.0)
    for _, one, (table,) in each_once(rows.linear, [logs]):
        tables = np.broadcast_to(table, (len(table), *one.sizes))
        origin = Origin(rows.kind, rows.span)
        add_tables(grounder.builder, np.ascontiguousarray(tables), one.scopes, origin, gated=False)
