"""What stands for each of some things: `some object[3] : Thing prior 0.3 as o`.

A statement that names `o` is repeated for each thing, and so is what a query asks.
"""

from dataclasses import replace
from typing import Any

from gmlang.core.names.scope import Module
from gmlang.diagnostics import Span
from gmlang.syntax import ast


def spread(module: Module, statement: ast.Statement) -> ast.Statement:
    """Return a statement outside models with the loops over things that it does not write."""
    aliases = _aliases(module)
    loops = _loops(aliases, statement) if aliases else ()
    return ast.For(statement.span, loops, None, (statement,)) if loops else statement


def spread_query(module: Module, query: ast.Query) -> ast.Query:
    """Return a query in which what is asked of each thing is listed."""
    aliases = _aliases(module)
    if not aliases:
        return query
    return replace(query, items=tuple(_item(aliases, item) for item in query.items))


def _aliases(module: Module) -> dict[str, ast.VarDeclaration]:
    if module.aliases is None:
        module.aliases = {
            declared.alias.text: declared
            for declared in module.program.statements
            if isinstance(declared, ast.VarDeclaration) and declared.alias is not None
        }
    return module.aliases


def _item(aliases: dict[str, ast.VarDeclaration], item: ast.Expression) -> ast.Expression:
    loops = _loops(aliases, item)
    if not loops:
        return item
    return ast.Brackets(item.span, (ast.Comprehension(item.span, item, loops, None),))


def _loops(aliases: dict[str, ast.VarDeclaration], node: object) -> tuple[ast.Loop, ...]:
    named = _names(node)
    return tuple(
        _loop(declared.span, alias, declared.name.text)
        for alias, declared in aliases.items()
        if alias in named
    )


def _loop(span: Span, alias: str, things: str) -> ast.Loop:
    return ast.Loop(span, (ast.Name(span, alias),), ast.Name(span, things))


def _names(node: Any) -> set[str]:  # noqa: ANN401 - any node of the AST
    """Gather the names that a node mentions, those that its own loops bind aside."""
    match node:
        case ast.Name(text=text):
            return {text}
        case ast.Attribute(owner=owner):
            return _names(owner)
        case ast.Comprehension(loops=loops) | ast.For(loops=loops):
            bound = {name.text for loop in loops for name in loop.names}
            domains = {name for loop in loops for name in _names(loop.domain)}
            return domains | (_parts(node) - bound)
        case ast.Loop(domain=domain):
            return _names(domain)
        case tuple():
            return {name for part in node for name in _names(part)}
        case _:
            return _parts(node)


def _parts(node: Any) -> set[str]:  # noqa: ANN401 - any node of the AST
    slots = getattr(type(node), "__slots__", ())
    held = (getattr(node, part) for part in slots if part not in ("span", "label", "loops"))
    return {name for part in held for name in _names(part)}
