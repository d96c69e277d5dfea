"""A learned model with numbers of its own, as a program writes it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from gmlang.core.ast import (
    Activation,
    AttributeRef,
    Bind,
    Bool,
    Constant,
    DataRef,
    Distribution,
    Enum,
    Expression,
    Gate,
    Local,
    Thing,
    Type,
    Where,
)
from gmlang.core.composed import substituted
from gmlang.core.print import show, show_thing
from gmlang.core.program import ModelSymbol, Predict, Use
from gmlang.core.walk import clause_parts, walk
from gmlang.core.walk import parts as parts_of
from gmlang.diagnostics import Source, Span
from gmlang.families import POINT

_INDENT = "    "

_ITSELF = "__itself__"
"""What stands for the thing that the model is about until it is known how that may be called."""

_DIGITS = 6
"""Of a number that was fitted."""


class _Around(NamedTuple):
    """The statement that an expression stands in, and the module that has it, "" for none."""

    span: Span
    module: str


def written_model(
    symbol: ModelSymbol, name: str, entity: str, models: Iterable[ModelSymbol]
) -> str:
    """Write a model that consists of `use` and `predict`, with numbers for its confidences.

    Args:
        symbol: the model.
        name: of it, as the program writes it.
        entity: of what it is about, likewise.
        models: of the program.
    """
    origins = {model.name: model.span.source for model in models}
    modules: dict[Source, str] = {}
    (own,) = symbol.parameters
    assert isinstance(symbol.prior, Constant)
    itself = Thing(symbol.span, own.entity, "", f"{_ITSELF}#0", ())
    lines: list[str] = []
    for statement in substituted(symbol.body, {own.key: itself}):
        match statement:
            case Use(target=target, exceptions=exceptions):
                silenced = ", ".join(map(show, exceptions))
                head = target.span.text.partition("(")[0].strip()
                modules[origins[target.model]] = head.rpartition(".")[0]
                # A name for a member has its values elsewhere.
                given = (
                    a
                    for a in target.arguments
                    if isinstance(a, Thing) or target.span.contains(a.span)
                )
                arguments = ", ".join(map(_argument, given))
                tail = f" except {silenced}" if silenced else ""
                lines.append(f"use {head}({arguments}){tail}")
            case Predict():
                module = modules.get(statement.span.source, "")
                for one in _unrolled(statement, symbol.span.source):
                    lines += _prediction(one, module)
            case _:
                raise AssertionError(type(statement).__name__)
    text = "\n".join(_INDENT + line for line in lines)
    # The authors of the parts may have called something else as this one calls its thing.
    about = own.name
    while re.search(rf"\b{re.escape(about)}\b(?!\()", text):
        about += "_"
    header = f"model {name}({about}: {entity}) prior {_number(symbol.prior.value)}:"
    return "\n".join((header, text.replace(_ITSELF, about)))


def _argument(argument: Expression | Thing) -> str:
    return show_thing(argument) if isinstance(argument, Thing) else show(argument)


def _number(value: float) -> str:
    return f"{float(value):.{_DIGITS}g}"


def _prediction(statement: Predict, module: str) -> Iterator[str]:
    """Write a prediction of some module, with the loops and conditions around it."""
    around, depth = _Around(statement.span, module), 0
    for header in _headers(statement):
        yield _INDENT * depth + header
        depth += 1
    match statement.distribution:
        case Distribution(family=POINT.name, arguments=(value,)):
            said = f"= {_text(value, around)}"
        case _:
            said = f"~ {_text(statement.distribution, around)}"
    sure = ""
    if statement.confidence is not None:
        number = statement.confidence
        shown = _number(number.value) if isinstance(number, Constant) else ""
        sure = f" @ {shown or _text(number, around)}"
    yield f"{_INDENT * depth}predict {show(statement.target)} {said}{sure}"


def _unrolled(statement: Predict, own: Source) -> Iterator[Predict]:
    """Yield a prediction for each name that a loop goes through, where the domain has none here."""
    for place, clause in enumerate(statement.context):
        if not isinstance(clause, Bind) or statement.span.source is own:
            continue
        type_ = _type_of(statement, clause.key)
        if isinstance(type_, Enum) and type_.grid is None:
            others = (*statement.context[:place], *statement.context[place + 1 :])
            for state in range(len(type_.values)):
                value = Constant(clause.span, state, type_)
                one = substituted(replace(statement, context=others), {clause.key: value})
                yield from _unrolled(one, own)
            return
    yield statement


def _type_of(statement: Predict, key: str) -> Type | None:
    """Return the type of a loop's variable; None where nothing mentions it."""
    inside = (statement.target, statement.distribution, *clause_parts(statement.context))
    return next(
        (e.type for one in inside for e in walk(one) if isinstance(e, Local) and e.key == key),
        None,
    )


def _headers(statement: Predict) -> Iterator[str]:
    for clause in statement.context:
        match clause:
            case Bind(key=key, first=first, last=last):
                match _type_of(statement, key):
                    case Bool():
                        domain = "bool"
                    case Enum(grid=grid, name=name):
                        domain = name if grid is None else grid.shown()
                    case _:
                        domain = f"{show(first)}..{show(last)}"
                yield f"for {key.split('#')[0]} in {domain}:"
            case Where(condition=condition) | Gate(condition=condition):
                yield f"if {show(condition)}:"


def _text(expression: Expression, around: _Around) -> str:
    """Write an expression as its author did, but for names that mean something else here."""
    span, outer = expression.span, around.span
    if span.source is not outer.source or not outer.start <= span.start < span.end <= outer.end:
        return show(expression)
    edits: dict[tuple[int, int], str] = {}
    for start, end, new in _renamed(expression, around.module):
        if span.start <= start and end <= span.end:
            edits[start, end] = new
    text = span.text
    for (start, end), new in sorted(edits.items(), reverse=True):
        text = text[: start - span.start] + new + text[end - span.start :]
    return text


def _renamed(expression: Expression, module: str) -> Iterator[tuple[int, int, str]]:
    """Yield the places of names, and what stands there."""
    waiting: list[Expression | Thing] = [expression]
    while waiting:
        one = waiting.pop()
        span = one.span
        match one:
            case Thing():
                if one.key.startswith(_ITSELF):
                    yield span.start, span.end, _ITSELF
                continue
            case Constant():
                if span.text.isidentifier():
                    yield span.start, span.end, show(one)
            case DataRef() if module:
                yield span.start, span.start, f"{module}."
            case AttributeRef(thing=thing):
                waiting.append(thing)
            case Activation(arguments=arguments):
                waiting += [a for a in arguments if isinstance(a, Thing)]
            case _:
                pass
        waiting += parts_of(one)
