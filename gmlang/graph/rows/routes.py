"""Joint reals, and the parameters that their rows depend on, numbered; what they may not be."""

from gmlang.core.ast import Apply, AttributeRef
from gmlang.core.check.joint.routes import Key, key_of, outer_keys
from gmlang.core.check.lints import expressions_of
from gmlang.core.program import Program, Statement
from gmlang.core.records.reals import (
    DefineReal,
    DrawReal,
    JointStatement,
    ObserveRealLike,
    PredictReal,
    PredictWithin,
)
from gmlang.core.walk import walk
from gmlang.diagnostics import GmError
from gmlang.errors import later
from gmlang.graph.lowering.grounder import Grounder
from gmlang.graph.rows.priors import typical


def declare_joint(grounder: Grounder, program: Program, keys: set[Key]) -> None:
    """Number the joint reals of a program, and the parameters that their rows depend on.

    Raises:
        GmError: where one has ends, or is spoken of as only reals on their own can be.
    """
    if not keys:
        return
    world, outer = grounder.world, outer_keys(program)
    for key in sorted(keys):
        array = world.reals[key[0]].get(key[1])
        if array is None:
            continue
        if key in outer:
            world.outer_reals[key] = world.num_outer_reals
            world.num_outer_reals += array.values.size
            continue
        if array.low > -float("inf") or array.high < float("inf"):
            raise GmError([later.joint_with_ends(array.span, key[1])])
        world.joint_reals[key] = world.num_joint_reals
        world.num_joint_reals += array.values.size
    if world.outer_reals:
        world.outer_values = typical(world)
    for statement in (*program.statements, *(s for m in program.models for s in m.body)):
        _refuse_single(grounder, statement)


def _refuse_single(grounder: Grounder, statement: Statement) -> None:
    outer = grounder.world.outer_reals
    joint = {**grounder.world.joint_reals, **outer}
    match statement:
        case PredictReal(target=target) | PredictWithin(target=AttributeRef() as target):
            if key_of(target) in joint:
                raise GmError([later.predicted_joint(statement.span, target.span.text)])
        case ObserveRealLike(target=target):
            if key_of(target) in outer:
                raise GmError([later.seen_parameter(statement.span, target.span.text)])
            return
        case DrawReal(target=target) | DefineReal(target=target):
            if key_of(target) in outer:
                raise GmError([later.drawn_parameter(statement.span, target.span.text)])
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
