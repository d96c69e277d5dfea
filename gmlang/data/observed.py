"""Rows whose columns are data that the program only observes: they mean the variables observed.

`observe img.ink = pixels` makes `pixels` another name of `img.ink`, where nothing else uses it: a
table with a column `pixels` says of each row what the program would observe.
"""

from dataclasses import fields, is_dataclass, replace
from typing import cast

import numpy as np

from gmlang.core.ast import AttributeRef, Bool, DataRef, Real, VariableRef, Whole
from gmlang.core.print import show_type
from gmlang.core.program import DataSymbol, ObserveValue, Program
from gmlang.data.cases import Cases
from gmlang.data.names import symbols_meant
from gmlang.diagnostics import Span


def variables_for_data(program: Program, cases: Cases) -> tuple[dict[str, object], Cases]:
    """Name columns after the variables that are observed to be the data they are named like.

    Returns:
        that data, all of it missing, by the names it is given by, and the cases.
    """
    missing: dict[str, object] = {}
    columns = list(cases.columns)
    for number, column in enumerate(columns):
        symbols = symbols_meant(program, column.name)
        target = observed_as(program, symbols[0].name) if len(symbols) == 1 else None
        if target is not None:
            missing[column.name] = _nothing(symbols[0], np.asarray(column.cells).shape[1:])
            columns[number] = replace(column, name=target)
    return missing, replace(cases, columns=tuple(columns))


def _nothing(symbol: DataSymbol, shape: tuple[int, ...]) -> object:
    kind = bool if isinstance(symbol.type, Bool) else float
    kind = kind if isinstance(symbol.type, Bool | Real) else int
    return np.ma.masked_all(shape, kind)


def observed_as(program: Program, name: str) -> str | None:
    """Return what is observed to be some data, whole by whole; None where it has another use."""
    if num_mentions(program, name) != 1:
        return None
    domains = {one.name: (one.domain, len(one.shape)) for one in program.variables}
    symbols = {symbol.name: symbol for symbol in program.data}
    for entity in program.entities:
        for one in entity.attributes:
            domains[f"{entity.name}.{one.name}"] = (one.domain, len(one.shape))
    for statement in program.statements:
        match statement:
            case ObserveValue(context=(), target=target, value=DataRef(name=own) as value):
                if own != name or not all(isinstance(i, Whole) for i in value.indices):
                    continue
            case _:
                continue
        match target:
            case VariableRef(name=variable, indices=indices):
                shown, key = variable, variable
            case AttributeRef(thing=thing, attribute=attribute, indices=indices):
                if thing.key or thing.indices or not thing.name:
                    return None
                shown, key = f"{thing.name}.{attribute}", f"{thing.entity}.{attribute}"
            case _:
                return None
        domain, axes = domains.get(key, (None, 0))
        is_whole = len(indices) in (0, axes) and all(isinstance(i, Whole) for i in indices)
        is_alike = domain is not None and show_type(domain) == show_type(symbols[name].type)
        fits = is_alike and axes == len(symbols[name].shape)
        return shown if is_whole and fits else None
    return None


def num_mentions(held: object, name: str) -> int:
    """Count where a record mentions data, its own declaration aside."""
    count, seen = 0, set[int]()
    waiting: list[object] = [held]
    while waiting:
        one = waiting.pop()
        if isinstance(one, DataRef) and one.name == name:
            count += 1
        if isinstance(one, tuple | list):
            waiting.extend(cast("tuple[object, ...]", one))
        elif is_dataclass(one) and not isinstance(one, Span | type) and id(one) not in seen:
            seen.add(id(one))
            waiting.extend(getattr(one, field.name) for field in fields(one))
            if isinstance(one, DataSymbol) and one.derived is not None:
                own = one.derived.arguments
                count += sum(isinstance(a, DataSymbol) and a.name == name for a in own)
    return count
