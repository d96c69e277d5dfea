"""Strings that document what they stand before."""

from collections.abc import Sequence

from gmlang.core.names.scope import Declaration
from gmlang.syntax import ast


def documentation(program: ast.Program) -> tuple[tuple[str, str], ...]:
    """Pair each string with the name it documents; the first may be the module's own, "".

    An attribute goes by `Entity.attribute`.
    """
    found: list[tuple[str, str]] = []
    waiting: str | None = None
    is_first = True
    for statement in program.statements:
        match statement:
            case ast.Documentation(text=text) if is_first:
                found.append(("", text))
            case ast.Documentation(text=text):
                waiting = text
            case _ if isinstance(statement, Declaration) and waiting is not None:
                found.append((statement.name.text, waiting))
                waiting = None
            case _:
                waiting = None
        if isinstance(statement, ast.Entity):
            found += _of_attributes(statement.name.text, statement.attributes)
        is_first = False
    return tuple(found)


def _of_attributes(
    entity: str, attributes: Sequence[ast.AttributeDeclaration | ast.Documentation]
) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    waiting: str | None = None
    for attribute in attributes:
        match attribute:
            case ast.Documentation(text=text):
                waiting = text
            case ast.AttributeDeclaration(name=name):
                if waiting is not None:
                    found.append((f"{entity}.{name.text}", waiting))
                waiting = None
    return found
