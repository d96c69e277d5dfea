"""Core programs as text, for `gmlang dump --phase core` and for messages."""

from collections.abc import Iterator
from dataclasses import replace

from gmlang.core.ast import (
    Activation,
    Aggregate,
    Apply,
    Array,
    AttributeRef,
    Bind,
    Bool,
    Call,
    Cases,
    Constant,
    Context,
    DataRef,
    Dist,
    Distribution,
    EntityType,
    Enum,
    Expression,
    Function,
    Gate,
    Integer,
    IntRange,
    Item,
    Listed,
    Local,
    Place,
    QueryValue,
    Real,
    Size,
    Tabulated,
    Thing,
    Type,
    VariableRef,
    Where,
    Whole,
)
from gmlang.core.composed import Calculation, ListItem, QueryList
from gmlang.core.covering import Cover, is_existence, shown_model
from gmlang.core.grids import Grid
from gmlang.core.learned_defs import all_learns
from gmlang.core.program import (
    Asked,
    Assert,
    Consider,
    DataSymbol,
    Define,
    Draw,
    EntitySymbol,
    EventGiven,
    Given,
    LogFactor,
    ModelSymbol,
    ObservedGiven,
    ObserveLike,
    ObserveValue,
    Predict,
    PredictActive,
    Program,
    Query,
    Require,
    Statement,
    Use,
    VariableGiven,
    VariableSymbol,
)
from gmlang.core.reals import Density, ObserveReal, PredictReal

_WORDS = {"and", "or", "+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">="}


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
        yield f"var {_show_variable(variable)}"
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
    return "".join(f"{_clause(clause)}: " for clause in context)


def _clause(clause: Bind | Where | Gate) -> str:
    match clause:
        case Bind(key=key, first=first, last=last):
            return f"for {key} in {show(first)}..{show(last)}"
        case Where(condition=condition):
            return f"where {show(condition)}"
        case Gate(condition=condition):
            return f"if {show(condition)}"


def show_question(question: Query | Assert) -> str:
    """Write one query or assert out."""
    if isinstance(question, Assert):
        return f"assert {show(question.condition)}"
    if isinstance(question, Calculation):
        return f"query {show(question.expression)}"
    if isinstance(question, QueryList):
        return f"query [{', '.join(map(_show_listed, question.items))}]"
    asked = ", ".join(_asked(asked) for asked in question.asked)
    given = ", ".join(_given(given) for given in question.given)
    what = asked or question.about()
    return f"query {question.kind}({what}{f' | {given}' if given else ''})"


def _show_listed(item: ListItem) -> str:
    shown = show_question(item.query).removeprefix("query ")
    return shown + "".join(f" {_clause(clause)}" for clause in item.context)


def _asked(asked: Asked) -> str:
    return show(asked.value) + "".join(f" {_clause(clause)}" for clause in asked.context)


def _given(given: Given) -> str:
    match given:
        case ObservedGiven(target=target, value=value):
            return f"{show(target)} = {show(value)}"
        case EventGiven(condition=condition):
            return show(condition)
        case VariableGiven(target=target):
            return show(target)


def show(expression: Expression) -> str:
    """Write an expression out, every operation in brackets."""
    match expression:
        case Constant():
            return _show_constant(expression)
        case Local(key=key):
            return key.split("#")[0]
        case Size(name=name):
            return name
        case DataRef(name=name) | VariableRef(name=name):
            return name + _show_indices(expression.indices)
        case AttributeRef(thing=thing, attribute=attribute):
            return f"{show_thing(thing)}.{attribute}{_show_indices(expression.indices)}"
        case Activation(model=model, arguments=arguments):
            shown = (show_thing(a) if isinstance(a, Thing) else show(a) for a in arguments)
            return f"{shown_model(model)}({', '.join(shown)})"
        case Call(function=function, arguments=arguments):
            shown = (show_thing(a) if isinstance(a, Thing) else show(a) for a in arguments)
            return f"{function.name}({', '.join(shown)})"
        case Apply():
            return _show_apply(expression)
        case Aggregate(operator=operator, items=items, parameter=parameter):
            first = [] if parameter is None else [show(parameter)]
            return f"{operator}({', '.join([*first, *map(_show_item, items)])})"
        case Distribution(family=family, arguments=arguments, items=items):
            return f"{family}({', '.join([*map(show, arguments), *map(_show_item, items)])})"
        case Cases(conditions=conditions, values=values):
            rows = zip(conditions, values, strict=True)
            return "{" + "; ".join(f"{show(c)} -> {show(v)}" for c, v in rows) + "}"
        case Tabulated(indices=indices, table=table):
            return f"{table.tolist()}[{', '.join(map(show, indices))}]"
        case QueryValue(span=span):
            return span.text
        case Listed(shape=shape, elements=elements):
            return _show_listed_array(shape, ["_" if e is None else show(e) for e in elements])


def _show_listed_array(shape: tuple[int, ...], shown: list[str]) -> str:
    for size in reversed(shape):
        rows = range(0, len(shown), size) if size else ()
        shown = [f"[{', '.join(shown[k : k + size])}]" for k in rows] or ["[]"]
    return shown[0]


def show_thing(thing: Thing) -> str:
    """Write a thing out."""
    return (thing.name or thing.key.split("#")[0]) + _show_indices(thing.indices)


def show_element(reference: DataRef | VariableRef | AttributeRef) -> str:
    """Write one element of an array: `x[i, j]`, `it[i].pose[j]`."""
    letters = iter("ijklmnopqrstuvwxyz")

    def indexed(name: str, indices: tuple[Expression | Whole, ...]) -> str:
        shown = (next(letters) if isinstance(i, Whole) else show(i) for i in indices)
        return f"{name}[{', '.join(shown)}]" if indices else name

    if not isinstance(reference, AttributeRef):
        return indexed(reference.name, reference.indices)
    thing = indexed(show_thing(replace(reference.thing, indices=())), reference.thing.indices)
    return f"{thing}.{indexed(reference.attribute, reference.indices)}"


def _show_constant(constant: Constant) -> str:
    match constant.type:
        case Enum(values=values):
            return values[int(constant.value)]
        case Bool():
            return "true" if constant.value else "false"
        case _:
            return f"{constant.value!r}"


def _show_indices(indices: tuple[Expression | Whole, ...]) -> str:
    if all(isinstance(index, Whole) for index in indices):
        return ""
    shown = (":" if isinstance(index, Whole) else show(index) for index in indices)
    return f"[{', '.join(shown)}]"


def _show_apply(expression: Apply) -> str:
    shown = [show(argument) for argument in expression.arguments]
    match expression.operator:
        case "if":
            return f"({shown[1]} if {shown[0]} else {shown[2]})"
        case "not":
            return f"not {shown[0]}"
        case "neg":
            return f"-{shown[0]}"
        case "in_range":
            return f"({shown[0]} in {shown[1]}..{shown[2]})"
        case "in_set":
            return f"({shown[0]} in {{{', '.join(shown[1:])}}})"
        case operator if operator in _WORDS:
            return f"({f' {operator} '.join(shown)})"
        case operator:
            # The last of what places are asked is how many columns their grid has.
            written = shown[:-1] if operator in ("within", "far") else shown
            return f"{operator}({', '.join(written)})"


def _show_item(item: Item) -> str:
    key = "" if item.key is None else f"{show(item.key)}: "
    value = "what is left" if item.is_left else show(item.value)
    return key + value + "".join(f" {_clause(clause)}" for clause in item.context)


def show_type(type_: Type) -> str:
    """Name a type as an author would."""
    match type_:
        case Bool():
            return "bool"
        case Enum(name=name, grid=Grid() as grid):
            return name or grid.shown()
        case Enum(name=name, values=values):
            return name or f"{{{', '.join(values)}}}"
        case IntRange(first=first, last=last, name=name):
            return name or f"{show(first)}..{show(last)}"
        case Integer():
            return "int"
        case Real():
            return "real"
        case Dist():
            return "distribution"
        case Place():
            return "place"
        case EntityType(name=name):
            return name
        case Array(element=element, rank=rank):
            return f"array[{', '.join([':'] * rank)}] of {show_type(element)}"


def describe(type_: Type) -> str:
    """Name a type in a sentence: "a number", "a Color"."""
    match type_:
        case Bool():
            return "a bool"
        case Enum(grid=Grid()):
            return f"a place of {show_type(type_)}"
        case Enum():
            return f"a value of {show_type(type_)}"
        case IntRange() | Integer():
            return "an integer"
        case Real():
            return "a real number"
        case Dist():
            return "a distribution"
        case Place():
            return "a place"
        case EntityType(name=name):
            return f"a {name}"
        case Array():
            return f"an {show_type(type_)}"
