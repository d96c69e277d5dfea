"""A program before its models are learned, with some parts in place of those to be found."""

from dataclasses import replace

from gmlang.core.ast import Activation, Bind, Constant
from gmlang.core.composed import substituted
from gmlang.core.concepts import LearnModel, Offered
from gmlang.core.program import Program


def with_some_parts(program: Program) -> Program:
    """Return a program in which learned models consist of the first that are listed.

    What a question costs can then be foreseen. A model whose list has loops that data decides
    stays open.
    """
    found: dict[str, tuple[Activation, ...]] = {}
    for what in program.concepts:
        parts = _first_parts(what)
        if parts:
            found[what.model] = parts
    models = tuple(
        replace(symbol, parts=found[symbol.name], soft=True, is_open=False)
        if symbol.name in found
        else symbol
        for symbol in program.models
    )
    return replace(program, models=models)


def _first_parts(what: LearnModel) -> tuple[Activation, ...]:
    parts = [_first(offered) for offered in what.offered]
    return tuple(part for part in parts if part is not None)[: what.size]


def _first(offered: Offered) -> Activation | None:
    constants: dict[str, Constant] = {}
    for clause in offered.context:
        if not isinstance(clause, Bind) or not isinstance(clause.first, Constant):
            return None
        constants[clause.key] = clause.first
    return substituted(offered.target, constants)
