"""The surface AST as canonical text (`gmlang fmt`).

Law: `parse(print_program(p)) == p`, spans aside. `format_source` keeps comments and blank lines.
"""

import io
import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from gmlang.diagnostics import Source, Span
from gmlang.syntax import ast
from gmlang.syntax.parse import parse
from gmlang.syntax.print_expressions import (
    documentation,
    print_argument,
    print_decision,
    print_expression,
    print_loop,
    print_method,
)
from gmlang.syntax.rows import spelt_out

_INDENT = "    "
_LENGTH_MAX = 100
"""Tables that would be wider are written row by row."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of output: its depth, its text, and where in the source it came from."""

    depth: int
    text: str
    start: int
    end: int


def print_program(program: ast.Program) -> str:
    """Write a program without comments."""
    lines = block(program.statements, 0)
    return "".join(_INDENT * line.depth + line.text + "\n" for line in lines)


def format_source(source: Source) -> str:
    """Write a program in its canonical form, comments and single blank lines kept.

    Raises:
        GmError: when the source has syntax mistakes.
    """
    return format_program(parse(source))


def format_program(program: ast.Program) -> str:
    """Write a program that has been read in its canonical form."""
    source = program.span.source
    lines = block(program.statements, 0)
    comments = _comments(source.text)
    output = io.StringIO()
    row_of = _rows(source.text)
    previous_end = -1
    for position, line in enumerate(lines):
        first, last = row_of(line.start), row_of(max(line.start, line.end - 1))
        following = lines[position + 1].start if position + 1 < len(lines) else len(source.text)
        last = min(last, row_of(following) - 1) if row_of(following) > first else first
        while comments and comments[0][0] < first:
            row, text = comments.pop(0)
            blank = previous_end >= 0 and row > previous_end + 1
            output.write(("\n" if blank else "") + _INDENT * line.depth + text + "\n")
            previous_end = row
        blank = previous_end >= 0 and first > previous_end + 1
        trailing: list[str] = []
        while comments and comments[0][0] <= last:
            trailing.append(comments.pop(0)[1])
        suffix = "  " + "  ".join(trailing) if trailing else ""
        output.write(("\n" if blank else "") + _INDENT * line.depth + line.text + suffix + "\n")
        previous_end = max(previous_end, last)
    for row, text in comments:
        blank = previous_end >= 0 and row > previous_end + 1
        output.write(("\n" if blank else "") + text + "\n")
        previous_end = row
    return output.getvalue()


def _rows(text: str) -> Callable[[int], int]:
    starts = [0, *(m.end() for m in re.finditer("\n", text))]
    return lambda position: bisect_right(starts, position) - 1


_PIECES = re.compile(r'"""(?:.|\n)*?"""|"(?:[^"\\\n]|\\.)*"|#[^\n]*')


def _comments(text: str) -> list[tuple[int, str]]:
    """List the comments with their rows."""
    row_of = _rows(text)
    found: list[tuple[int, str]] = []
    for piece in _PIECES.finditer(text):
        if piece.group().startswith("#"):
            found.append((row_of(piece.start()), piece.group().rstrip()))
    return found


def block(statements: tuple[ast.Statement, ...], depth: int) -> list[Line]:
    """Write statements at a depth."""
    return [line for statement in statements for line in _statement(statement, depth)]


def _line(depth: int, text: str, span: Span) -> Line:
    return Line(depth, text, span.start, span.end)


def _statement(statement: ast.Statement, depth: int) -> list[Line]:
    match statement:
        case ast.Entity():
            return _entity(statement, depth)
        case ast.Model():
            header = f"model {statement.name.text}({_parameters(statement.parameters)})"
            header += _prior(statement.prior) + _depth(statement.depth)
            return _headed(header, statement, statement.body, depth)
        case ast.For():
            condition = ""
            if statement.condition is not None:
                condition = f" if {print_expression(statement.condition, 1)}"
            loops = ", ".join(map(print_loop, statement.loops))
            return _headed(f"for {loops}{condition}", statement, statement.body, depth)
        case ast.If():
            return _if(statement, depth, "if")
        case ast.Match():
            subjects = ", ".join(map(print_expression, statement.subjects))
            lines = [_line(depth, f"match {subjects}:", statement.span)]
            for case in statement.cases:
                patterns = ", ".join(map(print_expression, case.patterns))
                lines.append(_line(depth + 1, f"{patterns}:", case.span))
                lines.extend(block(case.body, depth + 2))
            return lines
        case ast.Mechanism():
            target = print_expression(statement.target)
            return _valued(f"{target} {statement.operator}", statement.value, statement.span, depth)
        case ast.VarDeclaration() if statement.value is not None:
            head = f"{_var(statement)} {statement.mechanism}"
            return _valued(head, statement.value, statement.span, depth)
        case ast.DefDeclaration():
            names = ", ".join(name.text for name in statement.parameters)
            head = f"def {statement.name.text}({names}) ="
            return _valued(head, statement.body, statement.span, depth)
        case _:
            return [_line(depth, simple(statement), statement.span)]


def _headed(
    header: str, statement: ast.Model | ast.For, body: tuple[ast.Statement, ...], depth: int
) -> list[Line]:
    return [_line(depth, header + ":", statement.span), *block(body, depth + 1)]


def _entity(statement: ast.Entity, depth: int) -> list[Line]:
    lines = [_line(depth, f"entity {statement.name.text}:", statement.span)]
    for attribute in statement.attributes:
        if isinstance(attribute, ast.Documentation):
            lines.append(_line(depth + 1, documentation(attribute.text), attribute.span))
            continue
        text = (
            f"{attribute.name.text}{_shape(attribute.shape)} : {print_expression(attribute.type)}"
        )
        lines.append(_line(depth + 1, text + _base(attribute.base), attribute.span))
    return lines


def _if(statement: ast.If, depth: int, word: str) -> list[Line]:
    header = f"{word} {print_expression(statement.condition)}:"
    lines = [_line(depth, header, statement.span), *block(statement.then, depth + 1)]
    rest = statement.otherwise
    if len(rest) == 1 and isinstance(rest[0], ast.If):
        return [*lines, *_if(rest[0], depth, "elif")]
    if rest:
        inner = block(rest, depth + 1)
        place = max(0, statement.span.source.text.rfind("else", 0, inner[0].start))
        lines.append(Line(depth, "else:", place, place + 1))
        lines.extend(inner)
    return lines


def _valued(head: str, value: ast.Expression, span: Span, depth: int) -> list[Line]:
    if not isinstance(value, ast.MatchExpression):
        return [_line(depth, f"{head} {print_expression(value)}", span)]
    subjects = ", ".join(map(print_expression, value.subjects))
    lines = [_line(depth, f"{head} match {subjects}:", span)]
    for case in value.cases:
        patterns = ", ".join(map(print_expression, case.patterns))
        value = spelt_out(case.value) if isinstance(case.value, ast.Row) else case.value
        text = f"{patterns} -> {print_expression(value)}"
        lines.append(_line(depth + 1, text, case.span))
    return lines


def simple(statement: ast.Statement) -> str:
    """Write a statement that takes one line."""
    match statement:
        case ast.Import():
            alias = "" if statement.alias is None else f" as {statement.alias.text}"
            return f"import {statement.module}{alias}"
        case ast.FromImport():
            names = ", ".join(name.text for name in statement.names)
            return f"from {statement.module} import {names}"
        case ast.DomainDeclaration():
            return f"domain {statement.name.text} = {print_expression(statement.values)}"
        case ast.DataDeclaration() | ast.ParamDeclaration():
            return _data(statement)
        case ast.VarDeclaration():
            return _var(statement)
        case ast.Composite():
            return _composite(statement)
        case ast.Knows() | ast.Maximize():
            return print_decision(statement)
        case ast.Factor():
            return f"factor {print_expression(statement.value)}{_label(statement.label)}"
        case ast.Prefer():
            condition = print_expression(statement.condition)
            weight = print_expression(statement.weight)
            return f"prefer {condition} weight {weight}{_label(statement.label)}"
        case ast.Constraint():
            return f"constraint {print_expression(statement.condition)}{_label(statement.label)}"
        case ast.Observe():
            return f"observe {_observation(statement)}"
        case ast.Predict():
            return _predict(statement)
        case ast.Cover():
            return _cover(statement)
        case ast.Use():
            exceptions = ", ".join(map(print_expression, statement.exceptions))
            tail = f" except {exceptions}" if exceptions else ""
            return f"use {print_argument(statement.model)}{tail}"
        case ast.Consider():
            return f"consider {', '.join(map(_considered, statement.items))}"
        case ast.Query():
            items = ", ".join(map(print_expression, statement.items))
            return f"query {items}{_options(statement.options)}"
        case ast.Assert():
            return f"assert {print_expression(statement.condition)}{_options(statement.options)}"
        case ast.Learn():
            return _learn(statement)
        case ast.LearnModel():
            return _learn_model(statement)
        case ast.LearnDef():
            return _learn_def(statement)
        case ast.Documentation():
            return documentation(statement.text)
        case _:
            raise AssertionError(type(statement).__name__)


def _data(statement: ast.DataDeclaration | ast.ParamDeclaration) -> str:
    word = "data" if isinstance(statement, ast.DataDeclaration) else "param"
    text = f"{word} {statement.name.text}{_shape(statement.shape)}"
    if statement.type is not None:
        text += f" : {print_expression(statement.type)}"
    if isinstance(statement, ast.ParamDeclaration) and statement.prior is not None:
        text += f" ~ {print_expression(statement.prior)}"
    if isinstance(statement, ast.DataDeclaration) and statement.derived is not None:
        return f"{text} := {print_expression(statement.derived)}"
    if statement.value is None:
        return text
    line = f"{text} = {print_expression(statement.value)}"
    rows = statement.value.items if isinstance(statement.value, ast.Brackets) else ()
    if len(line) <= _LENGTH_MAX or not all(isinstance(row, ast.Brackets) for row in rows):
        return line
    return f"{text} = {_table(statement.value, '')}"


def _table(value: ast.Argument, indent: str) -> str:
    """Print a long table by its rows, and those that are long tables by theirs."""
    inner = indent + _INDENT
    rows = value.items if isinstance(value, ast.Brackets) else ()
    is_flat = not all(isinstance(row, ast.Brackets) for row in rows) or not rows
    line = print_argument(value)
    if is_flat or (indent and len(indent) + len(line) < _LENGTH_MAX):
        return line
    return "\n".join(("[", *(f"{inner}{_table(row, inner)}," for row in rows), f"{indent}]"))


def _learn(statement: ast.Learn) -> str:
    text = f"learn {', '.join(map(print_expression, statement.names))}"
    if statement.source is not None:
        text += f" from {print_expression(statement.source)}"
    if statement.targets:
        text += f" to predict {', '.join(map(print_expression, statement.targets))}"
    return text + _options(statement.options)


def _learn_model(statement: ast.LearnModel) -> str:
    header = f"{statement.name.text}({_parameters(statement.parameters)})"
    text = f"learn model {header} from {print_expression(statement.source)}"
    if statement.others is not None:
        text += f" but not {print_expression(statement.others)}"
    text += f" using {', '.join(map(print_argument, statement.models))}"
    return text + _options(statement.options)


def _learn_def(statement: ast.LearnDef) -> str:
    header = f"{statement.name.text}({_parameters(statement.parameters)})"
    offered = (
        one.text if isinstance(one, ast.Operator) else print_expression(one)
        for one in statement.offered
    )
    text = f"learn def {header} : {print_expression(statement.type)} using {', '.join(offered)}"
    return text + _options(statement.options)


def _var(statement: ast.VarDeclaration) -> str:
    word = "choose" if statement.is_choice else "var" if statement.prior is None else "some"
    name = f"{statement.name.text}{_shape(statement.shape)}"
    text = f"{word} {name} : {print_expression(statement.type)}{_base(statement.base)}"
    return text + _prior(statement.prior) + _label(statement.alias)


def _composite(statement: ast.Composite) -> str:
    parameters = f"({_parameters(statement.parameters)})" if statement.parameters else ""
    parts = " ".join(map(print_expression, statement.parts))
    soft = " soft" if statement.soft else ""
    return f"model {statement.name.text}{parameters} = {parts}{_prior(statement.prior)}{soft}"


def _observation(statement: ast.Observe) -> str:
    target = print_expression(statement.target)
    if statement.value is None:
        return target
    return f"{target} {statement.operator} {print_expression(statement.value)}"


def _considered(item: ast.Expression | ast.Comprehension | ast.AllAbout) -> str:
    if isinstance(item, ast.AllAbout):
        return f"all about {print_expression(item.thing)}"
    return print_argument(item)


def _predict(statement: ast.Predict) -> str:
    text = f"predict {print_expression(statement.target)}"
    if statement.value is not None:
        text += f" {statement.operator} {print_expression(statement.value)}"
    if statement.confidence is not None:
        text += f" @ {print_expression(statement.confidence)}"
    return text + _label(statement.label)


def _cover(statement: ast.Cover) -> str:
    value = print_expression(statement.value)
    text = f"cover {print_expression(statement.target)} {statement.operator} {value}"
    if statement.confidence is not None:
        text += f" @ {print_expression(statement.confidence)}"
    return text + _label(statement.label)


def _shape(shape: tuple[ast.Expression, ...]) -> str:
    return f"[{', '.join(map(print_expression, shape))}]" if shape else ""


def _base(base: ast.Expression | None) -> str:
    return "" if base is None else f" base {print_expression(base)}"


def _prior(prior: ast.Expression | None) -> str:
    return "" if prior is None else f" prior {print_expression(prior)}"


def _depth(depth: ast.Expression | None) -> str:
    return "" if depth is None else f" depth {print_expression(depth)}"


def _label(label: ast.Name | None) -> str:
    return "" if label is None else f" as {label.text}"


def _parameters(parameters: tuple[ast.Parameter, ...]) -> str:
    return ", ".join(f"{p.name.text}: {print_expression(p.type)}" for p in parameters)


def _options(options: tuple[ast.Option, ...]) -> str:
    text = ""
    for option in options:
        if option.keyword == "refit":
            text += " refit"
            continue
        value = print_method(option.value)
        if option.keyword == "within":
            assert isinstance(option.value, ast.Number)
            number = option.value.value
            value = str(int(number)) if number == int(number) else value
            value = f"{value} {option.unit}"
        text += f" {option.keyword} {value}"
    return text
