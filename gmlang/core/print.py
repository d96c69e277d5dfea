"""Expressions, types and questions as text, for messages."""

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
    DataRef,
    Dist,
    Distribution,
    EntityType,
    Enum,
    Expression,
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
from gmlang.core.places.grids import Grid
from gmlang.core.program import (
    Asked,
    Assert,
    EventGiven,
    FollowGiven,
    Given,
    ObservedGiven,
    Query,
    VariableGiven,
)
from gmlang.core.records.covering import shown_model
from gmlang.core.records.reals import is_real_thing
from gmlang.core.walk import type_of

_WORDS = {"and", "or", "+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">="}


def clause_text(clause: Bind | Where | Gate) -> str:
    """Write a loop, a filter or a gate of a statement out."""
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
    return shown + "".join(f" {clause_text(clause)}" for clause in item.context)


def _asked(asked: Asked) -> str:
    return show(asked.value) + "".join(f" {clause_text(clause)}" for clause in asked.context)


def _given(given: Given) -> str:
    match given:
        case ObservedGiven(target=target, value=value):
            return f"{show(target)} = {show(value)}"
        case EventGiven(condition=condition):
            return show(condition)
        case VariableGiven(target=target):
            return show(target)
        case FollowGiven():
            return "follow()"


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
        case AttributeRef(thing=thing, attribute=attribute) if is_real_thing(thing.name):
            return attribute + _show_indices(expression.indices)
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
    if is_real_thing(reference.thing.name):
        return indexed(reference.attribute, reference.indices)
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
    if part := _part_of_place(expression):
        return part
    shown = [show(argument) for argument in expression.arguments]
    match expression.operator:
        case "if":
            return f"({shown[1]} if {shown[0]} else {shown[2]})"
        case "not":
            return f"not {shown[0]}"
        case "neg":
            return f"-{shown[0]}"
        case "in_range" | "real_in":
            return f"({shown[0]} in {shown[1]}..{shown[2]})"
        case "in_set":
            return f"({shown[0]} in {{{', '.join(shown[1:])}}})"
        case operator if operator in _WORDS:
            return f"({f' {operator} '.join(shown)})"
        case operator:
            # The last of what places are asked is how many columns their grid has.
            written = shown[:-1] if operator in ("within", "far") else shown
            return f"{operator}({', '.join(written)})"


def _part_of_place(expression: Apply) -> str:
    """Write what stands for the row or the column of a place as an author would; "" for others."""
    match expression:
        case Apply(
            operator="+", arguments=(Apply(operator="//" | "%") as divided, Constant(value=value))
        ):
            first = int(value)
        case Apply(operator="//" | "%"):
            divided, first = expression, 0
        case _:
            return ""
    place = divided.arguments[0]
    match type_of(place):
        case Enum(grid=Grid() as grid):
            is_row = divided.operator == "//"
            part = f"{show(place)}.{'row' if is_row else 'column'}"
            extra = first - (grid.row if is_row else grid.column)
            return f"({part} + {extra})" if extra else part
        case _:
            return ""


def _show_item(item: Item) -> str:
    key = "" if item.key is None else f"{show(item.key)}: "
    value = "what is left" if item.is_left else show(item.value)
    return key + value + "".join(f" {clause_text(clause)}" for clause in item.context)


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
