"""Members of families: what names one, and `template(it)`, the one that holds of a thing."""

from gmlang.core.ast import Activation, AttributeRef, Expression, Local, Thing
from gmlang.core.checking import Checking, fail
from gmlang.core.expressions import references
from gmlang.core.expressions.operators import num_whole, with_rank
from gmlang.core.names.scope import Env, ModelMeaning
from gmlang.core.program import ParameterSymbol
from gmlang.core.records.members import NamedMember, held_attribute
from gmlang.core.walk import walk
from gmlang.errors import types as errors
from gmlang.syntax import ast


def named_member(
    name: str,
    declaration: ast.Composite,
    parameters: tuple[ParameterSymbol, ...],
    parts: tuple[Activation, ...],
) -> NamedMember | None:
    """Return what `model purple = coloured(purple)` names; None where it is a composite.

    A name for members has one part, which takes all the parameters in order and then values.

    Args:
        name: declared, in the core program.
        declaration: as written.
        parameters: its own.
        parts: what it is said to be.
    """
    # A domain that is written for a value may be narrower than the family's.
    has_values = bool(declaration.parameters) and any(p.domain for p in parameters)
    if declaration.prior is not None or declaration.soft or has_values:
        return None
    if len(parts) != 1 or len(parts[0].arguments) <= len(parameters):
        return None
    (part,) = parts
    opened, given = part.arguments[: len(parameters)], part.arguments[len(parameters) :]
    pairs = zip(opened, parameters, strict=True)
    if not all(_is_parameter(argument, parameter) for argument, parameter in pairs):
        return None
    values = tuple(value for value in given if isinstance(value, Expression))
    keys = {parameter.key for parameter in parameters}
    if len(values) != len(given) or any(_mentions(value, keys) for value in values):
        return None
    return NamedMember(part.span, name, part.model, values)


def _is_parameter(argument: Expression | Thing, parameter: ParameterSymbol) -> bool:
    match argument:
        case Thing(key=key):
            return key == parameter.key
        case Local(key=key):
            return key == parameter.key
        case _:
            return False


def _mentions(value: Expression, keys: set[str]) -> bool:
    return any(isinstance(part, Local) and part.key in keys for part in walk(value))


def names_holder(state: Checking, env: Env, written: ast.Expression) -> bool:
    """Say whether `template(it)` is written: a family of one value, given its thing alone."""
    if not isinstance(written, ast.Call) or len(written.arguments) != 1:
        return False
    function = written.function
    if not isinstance(function, ast.Name | ast.Attribute):
        return False
    meaning = references.find_dotted(state, env, function)
    if not isinstance(meaning, ModelMeaning) or len(meaning.parameters) != 2:
        return False
    (argument,) = written.arguments
    things = [p for p in meaning.parameters if p.domain is None]
    return (
        len(things) == 1
        and isinstance(argument, ast.Expression)
        and references.try_thing(state, env, argument) is not None
    )


def check_holder(state: Checking, env: Env, call: ast.Call, model: ModelMeaning) -> AttributeRef:
    """Check `template(it)`: an attribute of the thing, which is the member that holds of it.

    Args:
        state: of the check.
        env: the surroundings.
        call: of which `names_holder` is true.
        model: the family.
    """
    (argument,) = call.arguments
    assert isinstance(argument, ast.Expression)
    thing = references.check_thing(state, env, argument)
    (about,) = (p for p in model.parameters if p.domain is None)
    (value,) = (p for p in model.parameters if p.domain is not None)
    assert value.domain is not None
    if thing.entity != about.entity:
        text = argument.span.text
        fail(state, errors.wrong_entity(argument.span, text, about.entity, thing.entity))
    type_ = with_rank(value.domain, num_whole(thing.indices))
    state.held.setdefault(model.name, call.span)
    return AttributeRef(call.span, thing, held_attribute(model.name), model.values, type_)
