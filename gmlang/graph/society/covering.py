"""What covers what: the coverers of each site brought together, in the order of their depths.

Statements are noted one by one, as `lower` takes them apart: each with the conditions under which
it covers, and its site known. Once all are, every site has one term: the mixture of its coverers.
A depth that depends on variables stands for a coverer at each of its values, of which one applies.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import (
    Activation,
    Apply,
    AttributeRef,
    Bool,
    Constant,
    Expression,
    Real,
    VariableRef,
)
from gmlang.core.program import Consider, Statement, Use
from gmlang.core.walk import is_random, rename_locals
from gmlang.diagnostics import GmError
from gmlang.errors import declarations as errors
from gmlang.graph.builder import Origin
from gmlang.graph.doing.changing import without_changed
from gmlang.graph.lowering.forms.columns import values_of
from gmlang.graph.lowering.grounder import Grounder, Job, environment, together
from gmlang.graph.lowering.same_target import Members, by_target, side_by_side
from gmlang.graph.society.activations import used_parts
from gmlang.graph.society.scene import Scene, unsilenced
from gmlang.graph.statements import declared_log_base
from gmlang.graph.values import terms
from gmlang.graph.values.environment import Env, whole
from gmlang.graph.values.evaluate import conditions, evaluate, expand
from gmlang.graph.values.ranges import WRITTEN_OUT_MAX, num_entries
from gmlang.graph.world.places import collect, locate
from gmlang.graph.world.world import ONE_INSTANCE, Frame, select_rows

_DEPTHS_MAX = 64
"""A depth that depends on variables may be so many numbers: a coverer stands at each of them."""


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """A coverer at a depth of its own in each instance.

    Attributes:
        when: it is there.
        sites: the variable that it covers, in each instance.
        depths: likewise.
        ranks: which comes first of those at the same depth, likewise.
    """

    frame: Frame
    term: terms.Covered
    origin: Origin
    when: Expression
    sites: np.ndarray
    depths: np.ndarray
    ranks: np.ndarray


def ground_covers(scene: Scene, statements: Sequence[Statement]) -> None:
    """Add what the coverers that were noted make of each site.

    Args:
        scene: outside models.
        statements: those outside models, which say what is considered first.

    Raises:
        GmError: when one does not fit the data.
    """
    grounder = scene.grounder
    if not grounder.covers:
        return
    ranks = _ranks(grounder, statements)
    layers = [layer for noted in grounder.covers for layer in _layers(scene, *noted, ranks)]
    columns = zip(*((each.sites, each.ranks, each.depths) for each in layers), strict=True)
    for sites, members in by_target(*columns) if layers else ():
        _ground_sites(grounder, layers, sites, members)


def _ranks(grounder: Grounder, statements: Sequence[Statement]) -> np.ndarray:
    """Number the activations in the order in which they are considered; the others come last."""
    count = grounder.builder.num_variables
    ranks = count + np.arange(count)
    known = np.zeros(count, np.bool_)
    number = 0
    for statement in statements:
        if not isinstance(statement, Consider | Use):
            continue
        frame, _ = expand(environment(grounder, ONE_INSTANCE), statement.context)
        if frame.count == 0:
            continue
        parts = [found for _, found in used_parts(grounder, statement.target, frame)]
        columns = [np.broadcast_to(found, (frame.count,)) for found in parts]
        order, first = np.unique(np.stack(columns, axis=1).reshape(-1), return_index=True)
        new = ~known[order]
        ranks[order[new]] = number - count + first[new]
        known[order] = True
        number += frame.count * len(parts)
    return ranks


def _layers(scene: Scene, frame: Frame, job: Job, ranks: np.ndarray) -> Iterator[_Layer]:
    """Yield a coverer for each depth that it may have, where nobody silences it."""
    grounder, term = scene.grounder, job.term
    assert isinstance(term, terms.Covered)
    assert isinstance(term.own, Activation)
    inside = replace(scene, model=job.origin.model, own=term.own)
    sites = _each(locate(term.target, environment(grounder, frame)).variables, frame)
    for rows, part, extra in unsilenced(inside, frame, sites, job.origin.span):
        part, kept = without_changed(grounder.world, part, sites[rows])
        rows = rows[kept]
        when = together((*job.gates, *extra))
        may = _may_hold(when, environment(grounder, part))
        rows, part = rows[may], select_rows(part, may)
        if part.count == 0:
            continue
        env = environment(grounder, part)
        own = ranks[_each(locate(term.own, env).variables, part)]
        depth = term.depth
        if depth is None or not is_random(depth):
            known = np.zeros(1) if depth is None else np.asarray(evaluate(depth, env), np.float64)
            depths = _each(known, part)
            yield _Layer(part, term, job.origin, when, sites[rows], depths, own)
            continue
        for value in _values(depth, env):
            at = Apply(depth.span, "==", (depth, Constant(depth.span, value, Real())), Bool())
            depths = np.full(part.count, value)
            both = together((when, at))
            yield _Layer(part, term, job.origin, both, sites[rows], depths, own)


def _each(values: np.ndarray, frame: Frame) -> np.ndarray:
    return np.broadcast_to(values.reshape(-1), (frame.count,))


def _may_hold(when: Expression, env: Env) -> np.ndarray:
    """Say in which instances a condition holds in some state, where that is soon known.

    An index that depends on variables is compared with every site, and may be few of them.
    """
    every = np.ones(env.frame.count, np.bool_)
    if not isinstance(when, Apply):
        return every
    collect(when, env)
    if num_entries(env.slots) * env.frame.count > WRITTEN_OUT_MAX or env.slots.strays:
        return every
    inner = env.gathering()
    holds = whole(conditions(when, inner), inner)
    if inner.holes:
        return every
    return every & holds.any(axis=tuple(range(1, holds.ndim)))


def _values(depth: Expression, env: Env) -> list[float]:
    """List the numbers that a depth may be, which depends on variables."""
    values = values_of(depth, env)
    if values is None or len(values) > _DEPTHS_MAX:
        count = None if values is None else len(values)
        span = depth.span
        raise GmError([errors.depth_too_fine(span, span.text, count, _DEPTHS_MAX)])
    return values.tolist()


def _ground_sites(
    grounder: Grounder, layers: Sequence[_Layer], sites: np.ndarray, members: Members
) -> None:
    frames = [layer.frame for layer in layers]
    frame, renamed = side_by_side(grounder, frames, members, len(sites))
    coverers: list[terms.Coverer] = []
    origins: list[Origin] = []
    for (number, _), names in zip(members, renamed, strict=True):
        layer = layers[number]
        confidence = layer.term.confidence
        coverers.append(
            terms.Coverer(
                rename_locals(layer.when, names),
                rename_locals(layer.term.distribution, names),
                None if confidence is None else rename_locals(confidence, names),
            )
        )
        origins.append(replace(layer.origin, targets=sites))
    target = rename_locals(layers[members[0][0]].term.target, renamed[0])
    assert isinstance(target, VariableRef | AttributeRef)
    term = terms.Covers(target, tuple(coverers), declared_log_base(grounder, target))
    origin = replace(origins[0], coverers=tuple(origins))
    grounder.lower(frame, Job(term, (), origin))
