"""Where a part of a function's body stands: the instances that ask for it, and what lies around."""

from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import (
    Apply,
    Bool,
    Call,
    Constant,
    Dist,
    Distribution,
    Expression,
    Integer,
    Local,
    Real,
)
from gmlang.core.walk import parts
from gmlang.diagnostics import Span
from gmlang.families.uniform import UNIFORM
from gmlang.graph.values.environment import Env
from gmlang.graph.values.evaluate import conditions


class Divided(Exception):
    """Instances disagree about a known condition."""

    def __init__(self, condition: Expression) -> None:
        """Remember the condition."""
        super().__init__()
        self.condition = condition


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where an expression stands.

    Attributes:
        env: the instances that ask for it.
        outer: the loop variables of the frame, by which instances may be taken apart.
        locals: those by which these may be, and the items of aggregates around; None where all
            are kept together, under their conditions.
        calls: those whose bodies are around, outermost first.
        is_decided: whether a known condition was met since the first of them.
        at_random: a random condition that was.
    """

    env: Env
    outer: frozenset[str]
    locals: frozenset[str] | None
    calls: tuple[Call, ...] = ()
    is_decided: bool = False
    at_random: Expression | None = None

    def under(self, condition: Expression) -> "Place":
        """Return the place behind a random condition."""
        return replace(self, at_random=self.at_random or condition)


def decided(condition: Expression, env: Env) -> tuple[np.ndarray, np.ndarray]:
    """Evaluate a known condition in all instances; the second mask says where it has no value."""
    inner = env.still().gathering()
    holds = np.broadcast_to(conditions(condition, inner), (env.frame.count,))
    undefined = np.zeros(env.frame.count, np.bool_)
    for hole in inner.holes or ():
        undefined = undefined | hole.mask
    return holds & ~undefined, undefined


def truth(condition: Expression) -> bool | None:
    """Return what a condition is whatever the states; None where that is open, as far as is seen.

    It may still have no value in some of them.
    """
    match condition:
        case Constant(value=value):
            return bool(value)
        case Apply(operator="not", arguments=(inner,)):
            found = truth(inner)
            return None if found is None else not found
        case Apply(operator="and" | "or" as operator, arguments=arguments):
            parts_ = {truth(argument) for argument in arguments}
            decides = operator == "or"
            if decides in parts_:
                return decides
            return None if None in parts_ else not decides
        case _:
            return None


def mentioned(condition: Expression) -> set[str]:
    """Return the loop variables that a condition mentions."""
    found, pending = set[str](), [condition]
    while pending:
        part = pending.pop()
        if isinstance(part, Local):
            found.add(part.key)
        pending.extend(parts(part))
    return found


def nothing(span: Span, type_: object) -> Expression:
    """Return what stands where no instance asks for anything."""
    match type_:
        case Dist():
            return Distribution(span, UNIFORM.name, (), (), Dist())
        case Bool():
            return Constant(span, False, Bool())
        case Real():
            return Constant(span, 0.0, Real())
        case _:
            return Constant(span, 0, Integer())
