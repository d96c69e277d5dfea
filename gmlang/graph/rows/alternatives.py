"""Reals drawn under conditions on variables: `if calm[t]: x[t] ~ D else: x[t] ~ E`.

All those of one real are one law, `D if calm[t] else E`. Where no condition holds it has its base.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from gmlang.core.ast import Apply, Constant, Dist, Distribution, Expression, Gate, Real
from gmlang.core.check.joint.laws import NORMAL
from gmlang.core.check.joint.routes import key_of
from gmlang.core.records.reals import DrawReal
from gmlang.core.walk import rename_locals
from gmlang.diagnostics import GmError
from gmlang.errors import probabilities as errors
from gmlang.graph.alternatives import forbid_two, how_many_hold
from gmlang.graph.doing.reals import unset_instances
from gmlang.graph.lowering.grounder import Grounder, environment, together
from gmlang.graph.lowering.same_target import by_target, side_by_side
from gmlang.graph.rows.adding import draw_real, noted
from gmlang.graph.rows.forms import real_numbers
from gmlang.graph.values.evaluate import expand
from gmlang.graph.world.world import ONE_INSTANCE, Frame


def draw_alternatives(grounder: Grounder, statements: Sequence[DrawReal]) -> None:
    """Add what reals are drawn from under conditions.

    Raises:
        GmError: where a parameter leaves a law without meaning.
    """
    outer = [expand(environment(grounder, ONE_INSTANCE), s.context)[0] for s in statements]
    frames = [
        unset_instances(grounder, frame, s.target)
        for s, frame in zip(statements, outer, strict=True)
    ]
    pairs = zip(statements, frames, strict=True)
    targets = [real_numbers(s.target, environment(grounder, frame)) for s, frame in pairs]
    for numbers, members in by_target(targets):
        frame, renamed = side_by_side(grounder, frames, members, len(numbers))
        whens: list[Expression] = []
        laws: list[Expression] = []
        for (number, _), names in zip(members, renamed, strict=True):
            one = statements[number]
            gates = tuple(c.condition for c in one.context if isinstance(c, Gate))
            whens.append(rename_locals(together(gates), names))
            laws.append(rename_locals(one.law, names))
        first = statements[members[0][0]]
        target = rename_locals(first.target, renamed[0])
        spans = [statements[number].span for number, _ in members]
        fewest, most = how_many_hold(grounder, frame, whens)
        if most > 1:
            forbid_two(grounder, frame, first.target, whens, spans)
        base = _base(grounder, first) if fewest < 1 else None
        law = laws[-1]
        if base is not None:
            law = Apply(base.span, "if", (whens[-1], law, base), Dist())
        for when, own in zip(whens[-2::-1], laws[-2::-1], strict=True):
            law = Apply(own.span, "if", (when, own, law), Dist())
        if fewest < 1 and base is None:
            raise GmError([errors.undrawn_somewhere(first.span, first.target.span.text)])
        grounder.builder.real_mechanisms.append((np.asarray(numbers), first.span))
        joined = replace(first, context=(), target=target, law=law)
        noted(grounder, partial(_draw, frame, joined))


def _draw(frame: Frame, statement: DrawReal, grounder: Grounder) -> None:
    draw_real(grounder, frame, statement, is_first=False)


def _base(grounder: Grounder, statement: DrawReal) -> Distribution | None:
    """Return the law that a real has where nothing is drawn; None where there is none."""
    entity, name = key_of(statement.target)
    normal = grounder.world.reals[entity][name].normal
    if normal is None:
        return None
    span = statement.target.span
    numbers = tuple(Constant(span, value, Real()) for value in normal)
    return Distribution(span, NORMAL, numbers, (), Dist())
