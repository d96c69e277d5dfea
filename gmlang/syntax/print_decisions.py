"""What decisions may depend on, and what they are for, as text."""

from gmlang.syntax import ast
from gmlang.syntax.print_expressions import print_argument, print_expression


def print_decision(statement: ast.Knows | ast.Maximize) -> str:
    """Print one of them."""
    if isinstance(statement, ast.Knows):
        return f"{print_expression(statement.target)} knows {_known(statement.known)}"
    label = "" if statement.label is None else f" as {statement.label.text}"
    return f"maximize {print_expression(statement.value)}{label}"


def _known(items: tuple[ast.Expression | ast.Comprehension, ...]) -> str:
    """Print what a decision knows, loops once behind all that they hold for."""
    parts: list[str] = []
    for item, after in zip(items, (*items[1:], None), strict=True):
        shares = (
            isinstance(item, ast.Comprehension)
            and isinstance(after, ast.Comprehension)
            and item.loops == after.loops
            and item.condition == after.condition
        )
        whole = item.body if shares and isinstance(item, ast.Comprehension) else item
        parts.append(print_argument(whole))
    return ", ".join(parts)
