"""Which data a program looks up: mentioned in factors alone, once in each.

Each entry of such a factor's table then depends on one element of the data at most.
"""

from dataclasses import replace

from gmlang.core.ast import Aggregate, Bool, Call, DataRef
from gmlang.core.program import LogFactor, Program, Require, Statement
from gmlang.core.walk import walk
from gmlang.data.observed import num_mentions
from gmlang.graph.world.bindings import needed_by


def looked_up(program: Program, given: frozenset[str]) -> tuple[str, ...] | None:
    """Return the data that factors look up among what is made of some data, and that itself.

    Args:
        program: checked.
        given: names of data that rows give.

    Returns:
        names in the order of declaration; None where such data has any other use.
    """
    changed = changed_with(program, given)
    symbols = {symbol.name: symbol for symbol in program.data}
    if any(symbols[name].derived is None for name in changed if name not in given):
        return None
    bodies = [statement for model in program.models for statement in model.body]
    statements: list[Statement] = [*program.statements, *bodies]
    counts = {name: sum(num_mentions(one, name) for one in statements) for name in changed}
    used = tuple(name for name in changed if counts[name])
    rest = replace(program, data=(), questions=())
    if any(num_mentions(rest, name) != counts[name] for name in changed):
        return None
    if not used or not all(isinstance(symbols[name].type, Bool) for name in used):
        return None
    return used if all(_is_looked_up(one, frozenset(used)) for one in statements) else None


def changed_with(program: Program, given: frozenset[str]) -> tuple[str, ...]:
    """List data, and all that is made of it, in the order of declaration."""
    changed = set(given)
    for symbol in program.data:
        if not changed.isdisjoint(needed_by(symbol)):
            changed.add(symbol.name)
    return tuple(symbol.name for symbol in program.data if symbol.name in changed)


def thinned(program: Program, names: frozenset[str]) -> Program:
    """Leave out factors and constraints that do not mention some data: the others stay as they are.

    Args:
        program: checked.
        names: of the data.
    """

    def kept(statements: tuple[Statement, ...]) -> tuple[Statement, ...]:
        return tuple(
            one
            for one in statements
            if not isinstance(one, LogFactor | Require)
            or any(num_mentions(one, name) for name in names)
        )

    models = tuple(replace(model, body=kept(model.body)) for model in program.models)
    return replace(program, statements=kept(program.statements), models=models)


def _is_looked_up(statement: Statement, names: frozenset[str]) -> bool:
    total = sum(num_mentions(statement, name) for name in names)
    if not total:
        return True
    if not isinstance(statement, LogFactor) or total != 1:
        return False
    if any(num_mentions(statement.context, name) for name in names):
        return False
    # What is added up over loops, or handed to a function, looks at more than one element.
    inner = [part for part in walk(statement.value) if isinstance(part, Aggregate | Call)]
    is_plain = not any(num_mentions(part, name) for part in inner for name in names)
    mentioned = [one for one in walk(statement.value) if isinstance(one, DataRef)]
    return is_plain and any(one.name in names for one in mentioned)
