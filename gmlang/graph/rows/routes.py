"""Which reals are joint: those that depend on each other, or that data depends on.

All others are looked at one by one, at nodes (`gmlang.graph.reals`).
"""

from collections.abc import Iterable, Iterator

from gmlang.core.ast import Apply, AttributeRef, Context, Expression
from gmlang.core.check.joint.laws import NORMAL
from gmlang.core.check.lints import expressions_of
from gmlang.core.print import show
from gmlang.core.program import Program, Statement
from gmlang.core.records.reals import (
    DefineReal,
    DrawReal,
    JointStatement,
    ObserveDrawn,
    ObserveReal,
    ObserveRealLike,
    PredictReal,
    PredictWithin,
)
from gmlang.core.walk import is_real_reference, parts, walk
from gmlang.diagnostics import GmError
from gmlang.errors import later
from gmlang.graph.lowering.grounder import Grounder

Key = tuple[str, str]
"""An entity, and a real attribute of it."""


def joint_keys(
    program: Program,
    asked: Iterable[tuple[Context, Expression]] = (),
    *,
    relates: bool = False,
) -> set[Key]:
    """Return the reals that a program relates to each other or to data, and those asked for so.

    Args:
        program: checked.
        asked: further expressions; those that compare sums or differences of reals relate them, and
            so do others of several, where nothing is said of these that only nodes understand.
        relates: whether all reals in these are related.
    """
    if not any(entity.reals for entity in program.entities):
        return set()
    found: set[Key] = set()
    for statement in program.statements:
        match statement:
            case DrawReal(target=target, law=said) | DefineReal(target=target, value=said):
                found |= {key_of(target), *_outside_intervals(said)}
            case ObserveDrawn(law=law):
                found |= set(_outside_intervals(law))
            case _:
                pass
    for _, expression in asked:
        keys = set(_outside_intervals(expression))
        is_of_several = len({show(p) for p in walk(expression) if is_real_reference(p)}) > 1
        if relates or (is_of_several and keys and _may_be_joint(program, keys)):
            found |= keys
        for part in walk(expression):
            match part:
                case Apply(operator="real_in", arguments=(subject, *_)):
                    if not is_real_reference(subject):
                        found |= set(_outside_intervals(subject))
                case _:
                    pass
    return found


def _may_be_joint(program: Program, keys: set[Key]) -> bool:
    """Say whether reals are normal, or flat, and nothing is said of them but what was seen."""
    for entity in program.entities:
        for real in entity.reals:
            is_normal = real.base is None or real.base.family == NORMAL
            is_open = real.low is None and real.high is None
            if (entity.name, real.name) in keys and not (is_normal and is_open):
                return False
    for statement in (*program.statements, *(s for m in program.models for s in m.body)):
        if isinstance(statement, ObserveRealLike | JointStatement | ObserveReal):
            continue
        if real_keys(expressions_of(statement)) & keys:
            return False
    return True


def key_of(target: AttributeRef) -> Key:
    """Return the attribute that a reference names."""
    return target.thing.entity, target.attribute


def real_keys(expressions: Iterable[Expression]) -> set[Key]:
    """Return the reals that expressions mention."""
    return {
        key_of(part)
        for expression in expressions
        for part in walk(expression)
        if isinstance(part, AttributeRef) and is_real_reference(part)
    }


def _outside_intervals(expression: Expression) -> Iterator[Key]:
    """Give the reals in an expression that count by their value."""
    if isinstance(expression, AttributeRef) and is_real_reference(expression):
        yield key_of(expression)
    if isinstance(expression, Apply) and expression.operator == "real_in":
        return
    for part in parts(expression):
        yield from _outside_intervals(part)


def declare_joint(grounder: Grounder, program: Program, keys: set[Key]) -> None:
    """Number the joint reals of a program.

    Raises:
        GmError: where one has ends, or is spoken of as only reals on their own can be.
    """
    world = grounder.world
    for entity, name in sorted(keys):
        array = world.reals[entity].get(name)
        if array is None:
            continue
        if array.low > -float("inf") or array.high < float("inf"):
            raise GmError([later.joint_with_ends(array.span, name)])
        world.joint_reals[entity, name] = world.num_joint_reals
        world.num_joint_reals += array.values.size
    if world.joint_reals:
        for statement in (*program.statements, *(s for m in program.models for s in m.body)):
            _refuse_single(grounder, statement)


def _refuse_single(grounder: Grounder, statement: Statement) -> None:
    joint = grounder.world.joint_reals
    match statement:
        case PredictReal(target=target) | PredictWithin(target=AttributeRef() as target):
            if key_of(target) in joint:
                raise GmError([later.predicted_joint(statement.span, target.span.text)])
        case ObserveRealLike():
            return
        case _:
            pass
    if isinstance(statement, JointStatement):
        return
    for expression in expressions_of(statement):
        for part in walk(expression):
            match part:
                case Apply(operator="real_in", arguments=(AttributeRef() as subject, *_)):
                    if key_of(subject) in joint:
                        raise GmError([later.condition_on_joint(part.span, part.span.text)])
                case _:
                    pass
