"""The surface AST of what learns, and of the pieces that it shares with other statements."""

from dataclasses import dataclass

from gmlang.diagnostics import Span
from gmlang.syntax.ast_expressions import Comprehension, Expression, Name


@dataclass(frozen=True, slots=True)
class Parameter:
    """`x: Thing`, `t: 0..<T` in a model's header."""

    span: Span
    name: Name
    type: Expression


@dataclass(frozen=True, slots=True)
class Option:
    """`within 200 ms`, `using bp(iters=50)`, `as posterior`, `restarts 10`, `size 3`, `refit`.

    keyword "within": value the number, unit "ms" or "s"; "using": value the call; "as": value the
    name; "refit": value true.
    """

    span: Span
    keyword: str
    value: Expression
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Learn:
    """`learn A, B from patients to predict y using em restarts 10 within 60 s`.

    `source` is None where the program's own observations are the one case; an option `restarts`
    has the number as its value.
    """

    span: Span
    names: tuple[Expression, ...]
    source: Expression | None
    targets: tuple[Expression, ...]
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class LearnModel:
    """`learn model zarf(x: Thing) from ex but not others using purple, jar size 2 refit`.

    `others` is None without `but not`; an option `size` has the number as its value.
    """

    span: Span
    name: Name
    parameters: tuple[Parameter, ...]
    source: Expression
    others: Expression | None
    models: tuple[Expression | Comprehension, ...]
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Operator:
    """`+`, `>=`, `and`, `if`: an operator by itself, which an unknown function may be made of."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class LearnDef:
    """`learn def carry(x: 0..9, y: 0..9) : 0..1 using +, >=, 0..10 size 7 within 10 s`.

    `offered` are operators, constants and names of functions.
    """

    span: Span
    name: Name
    parameters: tuple[Parameter, ...]
    type: Expression
    offered: tuple[Expression | Operator, ...]
    options: tuple[Option, ...]
