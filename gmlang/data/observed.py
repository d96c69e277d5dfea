"""Rows whose columns are data that the program only observes: they mean the variables observed.

`observe img.ink = pixels` makes `pixels` another name of `img.ink`, where nothing else uses it: a
table with a column `pixels` says of each row what the program would observe.
"""

from dataclasses import replace

import numpy as np

from gmlang.core.ast import Activation, AttributeRef, Bool, DataRef, Real, VariableRef, Whole
from gmlang.core.check.lints import expressions_of
from gmlang.core.print import show
from gmlang.core.program import DataSymbol, ObserveValue, Program
from gmlang.core.walk import walk
from gmlang.data.cases import Cases
from gmlang.data.names import symbols_meant


def variables_for_data(program: Program, cases: Cases) -> tuple[dict[str, object], Cases]:
    """Name columns after the variables that are observed to be the data they are named like.

    Returns:
        that data, all of it missing, by the names it is given by, and the cases.
    """
    missing: dict[str, object] = {}
    columns = list(cases.columns)
    for number, column in enumerate(columns):
        symbols = symbols_meant(program, column.name)
        target = _observed_as(program, symbols[0].name) if len(symbols) == 1 else None
        if target is not None:
            missing[column.name] = _nothing(symbols[0], np.shape(column.cells)[1:])
            columns[number] = replace(column, name=target)
    return missing, replace(cases, columns=tuple(columns))


def _nothing(symbol: DataSymbol, shape: tuple[int, ...]) -> object:
    kind = bool if isinstance(symbol.type, Bool) else float
    kind = kind if isinstance(symbol.type, Bool | Real) else int
    return np.ma.masked_all(shape, kind)


def _observed_as(program: Program, name: str) -> str | None:
    """Return the variable that is observed to be some data; None where that has another use."""
    found: str | None = None
    bodies = [statement for model in program.models for statement in model.body]
    priors = [model.prior for model in program.models if model.prior is not None]
    for statement in (*program.statements, *bodies):
        if found is None and isinstance(statement, ObserveValue) and _is_whole(statement, name):
            found = show(statement.target).replace("[:]", "").partition("[:,")[0]
        elif any(_mentions(expression, name) for expression in expressions_of(statement)):
            return None
    return None if any(_mentions(prior, name) for prior in priors) else found


def _mentions(expression: object, name: str) -> bool:
    parts = walk(expression)  # pyright: ignore[reportArgumentType]
    return any(isinstance(part, DataRef) and part.name == name for part in parts)


def _is_whole(statement: ObserveValue, name: str) -> bool:
    """Say whether a whole variable is observed to be the whole of some data, whatever holds."""
    value, target = statement.value, statement.target
    if statement.context or not isinstance(value, DataRef) or value.name != name:
        return False
    indices = (*value.indices, *_indices(target))
    return all(isinstance(index, Whole) for index in indices)


def _indices(target: VariableRef | AttributeRef | Activation) -> tuple[object, ...]:
    match target:
        case VariableRef():
            return target.indices
        case AttributeRef():
            return (*target.thing.indices, *target.indices)
        case Activation():
            return ("an activation has no name of its own here",)
