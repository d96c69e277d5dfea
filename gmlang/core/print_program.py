"""Core programs as text, for `gmlang dump --phase core`."""

from collections.abc import Iterator

from gmlang.core.ast import (
    Context,
    Expression,
    Function,
    Thing,
)
from gmlang.core.learned_defs import all_learns
from gmlang.core.print import clause_text, show, show_question, show_thing, show_type
from gmlang.core.program import (
    Consider,
    DataSymbol,
    Define,
    Draw,
    EntitySymbol,
    LogFactor,
    ModelSymbol,
    ObserveLike,
    ObserveValue,
    Predict,
    PredictActive,
    Program,
    Require,
    Statement,
    Use,
    VariableSymbol,
)
from gmlang.core.records.covering import Cover, is_existence
from gmlang.core.records.decisions import Knows, Maximize
from gmlang.core.records.reals import (
    DefineReal,
    Density,
    DrawReal,
    ObserveDrawn,
    ObserveReal,
    ObserveRealLike,
    PredictReal,
    PredictWithin,
)


def show_program(program: Program) -> str:
    """Write a checked program out as text, one declaration or statement a line."""
    return "\n".join(_program_lines(program)) + "\n"


def _program_lines(program: Program) -> Iterator[str]:
    if program.sizes:
        yield f"sizes {', '.join(program.sizes)}"
    for data in program.data:
        yield _show_data(data)
    for table in program.rows:
        yield f"data {table.name} : rows"
    for entity in program.entities:
        yield from _entity_lines(entity)
    for variable in program.variables:
        yield f"{'choose' if variable.is_choice else 'var'} {_show_variable(variable)}"
    for thing in program.things:
        word = "var" if thing.prior is None else "some"
        prior = "" if thing.prior is None else f" prior {show(thing.prior)}"
        yield f"{word} {thing.name}{_shape(thing.shape)} : {thing.entity}{prior}"
    for function in program.functions:
        yield _show_function(function)
    for model in program.models:
        if not is_existence(model.name):
            yield from _model_lines(model)
    for member in program.members:
        values = ", ".join(map(show, member.values))
        yield f"model {member.name} = {member.model}({values})"
    for statement in program.statements:
        yield _show_statement(statement)
    for number, question in enumerate((*program.questions, None)):
        yield from (
            learn.text
            for learn in all_learns(program.learns, program.concepts, program.defs)
            if learn.position == number
        )
        if question is not None:
            yield show_question(question)


def _show_data(data: DataSymbol) -> str:
    word = "param" if data.is_param else "data"
    shape = ", ".join(size if isinstance(size, str) else show(size) for size in data.shape)
    value = "" if data.value is None else f" = {show(data.value)}"
    literal = "" if data.literal is None else " = [...]"
    if data.derived is not None:
        literal = f" := {data.derived.span.text}"
    name = f"{data.name}[{shape}]" if shape else data.name
    type_ = show_type(data.type) if data.parameter is None else data.parameter.kind.value
    prior = ""
    if data.parameter is not None and data.parameter.prior is not None:
        prior = f" ~ {data.parameter.prior.span.text}"
    return f"{word} {name} : {type_}{prior}{value}{literal}"


def _show_function(function: Function) -> str:
    parameters = [
        f"{show_thing(p)}: {p.entity}"
        if isinstance(p, Thing)
        else f"{show(p)}: {show_type(p.type)}"
        for p in function.parameters
    ]
    body = "" if function.body is None else f" = {show(function.body)}"
    return f"def {function.name}({', '.join(parameters)}) : {show_type(function.type)}{body}"


def _entity_lines(entity: EntitySymbol) -> Iterator[str]:
    yield f"entity {entity.name}:"
    for attribute in entity.attributes:
        yield f"    {_show_variable(attribute)}"
    for real in entity.reals:
        ends = ("..." if end is None else show(end) for end in (real.low, real.high))
        base = "" if real.base is None else f" base {_density(real.base)}"
        yield f"    {real.name}{_shape(real.shape)} : real[{', '.join(ends)}]{base}"


def _density(density: Density) -> str:
    return f"{density.family}({', '.join(map(show, density.arguments))})"


def _show_variable(variable: VariableSymbol) -> str:
    base = "" if variable.base is None else f" base {show(variable.base)}"
    return f"{variable.name}{_shape(variable.shape)} : {show_type(variable.domain)}{base}"


def _shape(shape: tuple[Expression, ...]) -> str:
    return f"[{', '.join(show(size) for size in shape)}]" if shape else ""


def _model_lines(model: ModelSymbol) -> Iterator[str]:
    kinds = [
        p.entity or (show_type(p.domain) if p.domain is not None else "") for p in model.parameters
    ]
    header = ", ".join(f"{p.key}: {kind}" for p, kind in zip(model.parameters, kinds, strict=True))
    prior = "" if model.prior is None else f" prior {show(model.prior)}"
    parts = f" = {' and '.join(show(part) for part in model.parts)}" if model.parts else ""
    prior += "" if model.depth is None else f" depth {show(model.depth)}"
    soft = " soft" if model.soft else ""
    yield f"model {model.name}({header}){parts}{prior}{soft}:"
    for statement in model.body:
        yield f"    {_show_statement(statement)}"


def _show_statement(statement: Statement) -> str:
    """Write one statement out, its context first."""
    context = _context(statement.context)
    match statement:
        case Draw(target=target, distribution=distribution):
            return f"{context}{show(target)} ~ {show(distribution)}"
        case Define(target=target, value=value):
            return f"{context}{show(target)} := {show(value)}"
        case Knows(target=target, known=known):
            listed = ", ".join(f"{_context(one.context)}{show(one.value)}" for one in known)
            return f"{context}{show(target)} knows {listed}"
        case Maximize(value=value, coefficient=coefficient, name=name):
            times = "" if value is None else f" * {show(value)}"
            return f"{context}maximize {show(coefficient)}{times}{_label(name)}"
        case LogFactor(value=value, label=label):
            return f"{context}factor {show(value)}{_label(label)}"
        case Require(condition=condition, label=label, is_observation=is_observation):
            word = "observe" if is_observation else "constraint"
            return f"{context}{word} {show(condition)}{_label(label)}"
        case ObserveValue(target=target, value=value) | ObserveReal(target=target, value=value):
            return f"{context}observe {show(target)} = {show(value)}"
        case ObserveLike(target=target, weights=weights):
            return f"{context}observe {show(target)} like {show(weights)}"
        case Predict(target=target, distribution=distribution, label=label):
            confidence = _confidence(statement.confidence)
            return (
                f"{context}predict {show(target)} ~ {show(distribution)}{confidence}{_label(label)}"
            )
        case PredictReal(target=target, density=density, label=label):
            said = f"{_density(density)}{_confidence(statement.confidence)}{_label(label)}"
            return f"{context}predict {show(target)} ~ {said}"
        case ObserveRealLike(target=target, density=density):
            return f"{context}observe {show(target)} like {_density(density)}"
        case DrawReal(target=target, law=law):
            return f"{context}{show(target)} ~ {show(law)}"
        case DefineReal(target=target, value=value):
            return f"{context}{show(target)} := {show(value)}"
        case ObserveDrawn(value=value, law=law):
            return f"{context}observe {show(value)} ~ {show(law)}"
        case PredictWithin(target=target, low=low, high=high, label=label):
            said = f"{show(low)}..{show(high)}{_confidence(statement.confidence)}{_label(label)}"
            return f"{context}predict {show(target)} in {said}"
        case PredictActive(target=target, is_positive=is_positive, label=label):
            sign = "" if is_positive else "not "
            confidence = _confidence(statement.confidence)
            return f"{context}predict {sign}{show(target)}{confidence}{_label(label)}"
        case Cover(target=target, distribution=distribution, label=label):
            shown = f"{show(distribution)}{_confidence(statement.confidence)}{_label(label)}"
            return f"{context}cover {show(target)} ~ {shown}"
        case Use(target=target, exceptions=exceptions):
            excepted = ", ".join(show(exception) for exception in exceptions)
            return f"{context}use {show(target)}{f' except {excepted}' if excepted else ''}"
        case Consider(target=target):
            asleep = " # may sleep" if statement.may_sleep else ""
            return f"{context}consider {show(target)}{asleep}"


def _label(label: str) -> str:
    return f" as {label}" if label else ""


def _confidence(confidence: Expression | None) -> str:
    return "" if confidence is None else f" @ {show(confidence)}"


def _context(context: Context) -> str:
    return "".join(f"{clause_text(clause)}: " for clause in context)
