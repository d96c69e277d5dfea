"""Expressions of the surface AST as canonical text, with no more parentheses than needed."""

from gmlang.families import CALLED, DENSITIES, LATER
from gmlang.syntax import ast

# How tightly each form binds; a part that binds less tightly than its place is parenthesised.
(
    _CONDITIONAL,
    OR,
    _AND,
    _NOT,
    COMPARE,
    RANGE,
    _TOGETHER,
    SUM,
    PRODUCT,
    _UNARY,
    _POWER,
    _BESIDE,
    _POSTFIX,
) = range(13)

_BINARY = {
    "or": OR,
    "and": _AND,
    "in": COMPARE,
    "+": SUM,
    "-": SUM,
    "*": PRODUCT,
    "/": PRODUCT,
    "//": PRODUCT,
    "%": PRODUCT,
    "**": _POWER,
}


def print_expression(expression: ast.Expression, place: int = _CONDITIONAL) -> str:
    """Write an expression as it would stand where `place` binds that tightly."""
    text, binds = _print(expression)
    return f"({text})" if binds < place else text


def _print(expression: ast.Expression) -> tuple[str, int]:
    match expression:
        case ast.Name():
            return expression.text, _POSTFIX
        case ast.Number():
            return number_text(expression.value), _POSTFIX
        case ast.Boolean():
            return ("true" if expression.value else "false"), _POSTFIX
        case ast.Text():
            return quoted(expression.value), _POSTFIX
        case ast.Attribute():
            return (
                f"{print_expression(expression.owner, _POSTFIX)}.{expression.name.text}",
                _POSTFIX,
            )
        case ast.Index():
            return _index(expression), _POSTFIX
        case ast.Call():
            return _call(expression), _POSTFIX
        case ast.Unary():
            return _unary(expression)
        case ast.Binary():
            return _binary(expression)
        case ast.Compare():
            return _compare(expression), COMPARE
        case ast.Conditional():
            return _conditional(expression), _CONDITIONAL
        case ast.Range():
            dots = ".." if expression.includes_last else "..<"
            first = print_expression(expression.first, _TOGETHER)
            return f"{first}{dots}{print_expression(expression.last, _TOGETHER)}", RANGE
        case ast.Braces():
            return "{" + ", ".join(map(print_argument, expression.items)) + "}", _POSTFIX
        case ast.Brackets():
            return "[" + ", ".join(map(print_argument, expression.items)) + "]", _POSTFIX
        case ast.Tuple():
            return "(" + ", ".join(map(print_expression, expression.items)) + ")", _POSTFIX
        case ast.Juxtaposition():
            return " & ".join(print_expression(p, SUM) for p in expression.parts), _TOGETHER
        case ast.Is():
            thing = print_expression(expression.thing, RANGE)
            return f"{thing} is {' '.join(map(print_expression, expression.models))}", COMPARE
        case ast.MatchExpression():
            raise AssertionError("a match stands only after `~`, `:=` or `=`")


def number_text(value: float) -> str:
    """Write a number so that it reads back as the same value, and a float as a float."""
    if isinstance(value, int):
        return str(value)
    if value == float("inf"):
        return "1e999"
    text = repr(value)
    digits, e, exponent = text.partition("e")
    if e:
        # `1e-9`, as people write it, where Python says `1e-09`.
        return f"{digits}e{int(exponent)}"
    return text if "." in text else text + ".0"


def quoted(text: str) -> str:
    """Write a string literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return '"' + escaped.replace("\t", "\\t") + '"'


def documentation(text: str) -> str:
    """Write a string that documents: over several lines where it has them."""
    if "\n" not in text:
        return quoted(text)
    return '"""' + text.replace("\\", "\\\\").replace('"', '\\"') + '"""'


def _index(expression: ast.Index) -> str:
    parts = [":" if isinstance(i, ast.All) else print_expression(i) for i in expression.indices]
    return f"{print_expression(expression.base, _POSTFIX)}[{', '.join(parts)}]"


def _call(expression: ast.Call) -> str:
    names_parameters = _is_family(expression.function) and expression.given is None
    inside = ", ".join(map(print_argument if names_parameters else _spaced, expression.arguments))
    if expression.had is not None:
        inside += " had " + ", ".join(map(_spaced, expression.had))
    if expression.given is not None:
        inside += " | " + ", ".join(map(_spaced, expression.given))
    return f"{print_expression(expression.function, _POSTFIX)}({inside.strip()})"


def _is_family(function: ast.Expression) -> bool:
    """Say whether an equation in a call names a parameter; elsewhere it is an event."""
    return isinstance(function, ast.Name) and function.text in (*CALLED, *DENSITIES, *LATER)


def print_method(method: ast.Expression) -> str:
    """Write what stands behind `using`: its options are parameters, as a distribution's are."""
    if not isinstance(method, ast.Call):
        return print_expression(method)
    options = ", ".join(map(print_argument, method.arguments))
    return f"{print_expression(method.function, _POSTFIX)}({options})"


def _spaced(argument: ast.Argument) -> str:
    if isinstance(argument, ast.Equation):
        return f"{print_expression(argument.left)} = {print_expression(argument.right)}"
    if isinstance(argument, ast.Comprehension):
        loops = print_argument(argument)[len(print_argument(argument.body)) :]
        return _spaced(argument.body) + loops
    return print_argument(argument)


def print_argument(argument: ast.Argument) -> str:
    """Write an argument of a call, or an item in braces or brackets."""
    match argument:
        case ast.Equation():
            return f"{print_expression(argument.left)}={print_expression(argument.right)}"
        case ast.Pair():
            return f"{print_expression(argument.key)}: {print_expression(argument.value)}"
        case ast.Comprehension():
            loops = " ".join(f"for {print_loop(loop)}" for loop in argument.loops)
            condition = ""
            if argument.condition is not None:
                condition = f" if {print_expression(argument.condition, OR)}"
            return f"{print_argument(argument.body)} {loops}{condition}"
        case _:
            return print_expression(argument)


def print_loop(loop: ast.Loop) -> str:
    """Write `i in 0..<H`."""
    names = ", ".join(name.text for name in loop.names)
    names = f"({names})" if len(loop.names) > 1 else names
    return f"{names} in {print_expression(loop.domain, RANGE)}"


def _unary(expression: ast.Unary) -> tuple[str, int]:
    inner = expression.operand
    if expression.operator == "not":
        if isinstance(inner, ast.Binary) and inner.operator == "in":
            left = print_expression(inner.left, RANGE)
            return f"{left} not in {print_expression(inner.right, RANGE)}", COMPARE
        return f"not {print_expression(inner, _NOT)}", _NOT
    return f"-{print_expression(inner, _UNARY)}", _UNARY


def _binary(expression: ast.Binary) -> tuple[str, int]:
    operator, binds = expression.operator, _BINARY[expression.operator]
    if operator == "**":
        left = print_expression(expression.left, _BESIDE)
        return f"{left} ** {print_expression(expression.right, _UNARY)}", _POWER
    if operator == "in":
        left = print_expression(expression.left, RANGE)
        return f"{left} in {print_expression(expression.right, RANGE)}", COMPARE
    left = print_expression(expression.left, binds)
    right = print_expression(expression.right, binds + 1)
    return f"{left} {operator} {right}", binds


def _compare(expression: ast.Compare) -> str:
    text = print_expression(expression.operands[0], RANGE)
    for operator, operand in zip(expression.operators, expression.operands[1:], strict=True):
        text += f" {operator} {print_expression(operand, RANGE)}"
    return text


def _conditional(expression: ast.Conditional) -> str:
    then = print_expression(expression.then, OR)
    condition = print_expression(expression.condition, OR)
    # A chain reads as a list of cases; beside one in brackets it needs brackets of its own.
    is_chain = not isinstance(expression.then, ast.Conditional)
    otherwise = print_expression(expression.otherwise, _CONDITIONAL if is_chain else OR)
    return f"{then} if {condition} else {otherwise}"


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
