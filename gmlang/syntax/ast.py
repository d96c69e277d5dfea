"""The surface AST: what was written, and where; nothing inferred.

One frozen class for each form of the grammar, `span` first. Unions are closed by an alias, so a
`match` without a default case tells pyright of every form it forgot.
"""

from dataclasses import dataclass

from gmlang.diagnostics import Span

# --- Expressions -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Name:
    """`rain`; `_` is the name "_"."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Number:
    """`0.9`, `3`: an int where no point or exponent is written, else a float."""

    span: Span
    value: int | float


@dataclass(frozen=True, slots=True)
class Boolean:
    """`true` or `false`."""

    span: Span
    value: bool


@dataclass(frozen=True, slots=True)
class Text:
    """`"a string"`."""

    span: Span
    value: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """`it.color`."""

    span: Span
    owner: "Expression"
    name: Name


@dataclass(frozen=True, slots=True)
class Index:
    """`x[i, j+1]`; an index may be `All`."""

    span: Span
    base: "Expression"
    indices: tuple["Expression | All", ...]


@dataclass(frozen=True, slots=True)
class All:
    """A lone `:` as an index, the whole axis."""

    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    """`f(a, b, leak=c)`, `NoisyOr(d[i]: q[i] for i in ..., leak=l)`, `sum(e for i in ... if c)`.

    `P(a | c, d = e)` and the like: `given` holds what stands after the bar, None without a bar;
    an item `a = b` is an `Equation`. `had` holds what stands after `had` (reserved).
    """

    span: Span
    function: "Expression"
    arguments: tuple["Argument", ...]
    given: tuple["Expression | Equation", ...] | None = None
    had: tuple["Expression | Equation", ...] | None = None


@dataclass(frozen=True, slots=True)
class Equation:
    """`a = b` as an argument or condition: `leak=0.1`, `it.color = purple`."""

    span: Span
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Pair:
    """`key: value` as an argument or in braces."""

    span: Span
    key: "Expression"
    value: "Expression"


@dataclass(frozen=True, slots=True)
class Comprehension:
    """`body for i in 0..<n for j in 0..<m if c`: repeats an argument."""

    span: Span
    body: "Expression | Pair"
    loops: tuple["Loop", ...]
    condition: "Expression | None"


@dataclass(frozen=True, slots=True)
class Unary:
    """`-a`, `not a`; operator "-" or "not"."""

    span: Span
    operator: str
    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Binary:
    """`a + b` and the like; operator one of + - * / // % ** and or in &."""

    span: Span
    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Compare:
    """A chain `a <= b < c`: operators[k] stands between operands[k] and operands[k + 1]."""

    span: Span
    operators: tuple[str, ...]
    operands: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Conditional:
    """`a if c else b`."""

    span: Span
    condition: "Expression"
    then: "Expression"
    otherwise: "Expression"


@dataclass(frozen=True, slots=True)
class Range:
    """`a..b` (includes_last) or `a..<b`."""

    span: Span
    first: "Expression"
    last: "Expression"
    includes_last: bool


@dataclass(frozen=True, slots=True)
class Braces:
    """`{red, green}`, `{dry: 0.1, wet: 0.9}`; never empty."""

    span: Span
    items: tuple["Expression | Pair | Comprehension", ...]


@dataclass(frozen=True, slots=True)
class Brackets:
    """`[a, b]`, `[P(digit(img, d)) for d in 0..9]`."""

    span: Span
    items: tuple["Expression | Comprehension", ...]


@dataclass(frozen=True, slots=True)
class Tuple:
    """`(a, b)`."""

    span: Span
    items: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Juxtaposition:
    """`purple jar`, or `purple & jar`: a composition of models; two parts or more."""

    span: Span
    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Is:
    """`it is purple jar`: `models` are the parts of the composition."""

    span: Span
    thing: "Expression"
    models: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class MatchExpression:
    """`match a, b:` with `pattern, pattern -> value` cases, as a value (after `~` or `:=`)."""

    span: Span
    subjects: tuple["Expression", ...]
    cases: tuple["ValueCase", ...]


@dataclass(frozen=True, slots=True)
class ValueCase:
    """`pattern, pattern -> value`; a pattern is an expression, `_` or a range."""

    span: Span
    patterns: tuple["Expression", ...]
    value: "Expression"


Expression = (
    Name
    | Number
    | Boolean
    | Text
    | Attribute
    | Index
    | Call
    | Unary
    | Binary
    | Compare
    | Conditional
    | Range
    | Braces
    | Brackets
    | Tuple
    | Juxtaposition
    | Is
    | MatchExpression
)
Argument = Expression | Equation | Pair | Comprehension

# --- Pieces of statements ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Loop:
    """`i in 0..<H`, `(i, j) in edges`: one or more names bound by a range or an array's rows."""

    span: Span
    names: tuple[Name, ...]
    domain: Expression


@dataclass(frozen=True, slots=True)
class Parameter:
    """`x: Thing`, `t: 0..<T` in a model's header."""

    span: Span
    name: Name
    type: Expression


@dataclass(frozen=True, slots=True)
class AttributeDeclaration:
    """`color : Color base {...}`, `pose[T] : Pose`, `a, b : bool` is written as two lines."""

    span: Span
    name: Name
    shape: tuple[Expression, ...]
    type: Expression
    base: Expression | None


@dataclass(frozen=True, slots=True)
class Option:
    """`within 200 ms`, `using bp(iters=50)`, `as posterior` behind a query.

    keyword "within": value the number, unit "ms" or "s"; "using": value the call; "as": value the
    name.
    """

    span: Span
    keyword: str
    value: Expression
    unit: str = ""


# --- Statements --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Import:
    """`import things`, `import things as t`; `module` is dotted."""

    span: Span
    module: str
    alias: Name | None


@dataclass(frozen=True, slots=True)
class FromImport:
    """`from things import purple, jar`."""

    span: Span
    module: str
    names: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class DomainDeclaration:
    """`domain Color = {red, green}`, `domain Digit = 0..9`."""

    span: Span
    name: Name
    values: Expression


@dataclass(frozen=True, slots=True)
class DataDeclaration:
    """`data noisy[H, W] : bool`, `data T = 6`."""

    span: Span
    name: Name
    shape: tuple[Expression, ...]
    type: Expression | None
    value: Expression | None


@dataclass(frozen=True, slots=True)
class ParamDeclaration:
    """`param J = 0.9`."""

    span: Span
    name: Name
    shape: tuple[Expression, ...]
    type: Expression | None
    value: Expression | None


@dataclass(frozen=True, slots=True)
class DefDeclaration:
    """`def clip(a, lo, hi) = min(hi, max(lo, a))`."""

    span: Span
    name: Name
    parameters: tuple[Name, ...]
    body: Expression


@dataclass(frozen=True, slots=True)
class VarDeclaration:
    """`var x[H, W] : bool base {...} ~ D`; mechanism "~", ":=" or "" with value None."""

    span: Span
    name: Name
    shape: tuple[Expression, ...]
    type: Expression
    base: Expression | None
    mechanism: str
    value: Expression | None


@dataclass(frozen=True, slots=True)
class Mechanism:
    """`target ~ distribution` or `target := expression`; operator "~" or ":="."""

    span: Span
    target: Expression
    operator: str
    value: Expression


@dataclass(frozen=True, slots=True)
class Factor:
    """`factor e as label`: a log-factor, nats."""

    span: Span
    value: Expression
    label: Name | None


@dataclass(frozen=True, slots=True)
class Prefer:
    """`prefer condition weight w as label`."""

    span: Span
    condition: Expression
    weight: Expression
    label: Name | None


@dataclass(frozen=True, slots=True)
class Constraint:
    """`constraint condition as label`."""

    span: Span
    condition: Expression
    label: Name | None


@dataclass(frozen=True, slots=True)
class Observe:
    """`observe event`, `observe x = value` (operator "="), `observe x like {...}` ("like").

    operator "" and value None for an event. `observe a = 1, b = 2` is parsed as two statements.
    """

    span: Span
    target: Expression
    operator: str
    value: Expression | None


@dataclass(frozen=True, slots=True)
class Predict:
    """`predict target = value @ c` ("="), `predict target ~ D @ c` ("~"), `predict m(x) @ c` ("").

    `predict not m(x)` has a `Unary` target.
    """

    span: Span
    target: Expression
    operator: str
    value: Expression | None
    confidence: Expression | None
    label: Name | None


@dataclass(frozen=True, slots=True)
class Use:
    """`use bird(x) except flying(x), x.color`."""

    span: Span
    model: Expression
    exceptions: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Consider:
    """`consider purple(it), digit(img, d) for d in 0..9`."""

    span: Span
    items: tuple[Expression | Comprehension, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """`query P(a | b), MAP(x) within 200 ms`: options apply to every item."""

    span: Span
    items: tuple[Expression, ...]
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Assert:
    """`assert P(tub = true) in 0.0103..0.0105`."""

    span: Span
    condition: Expression
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Documentation:
    """A string alone on a line; documents the next declaration, or the module when it is first."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Entity:
    """`entity Thing:` and its attributes."""

    span: Span
    name: Name
    attributes: tuple[AttributeDeclaration | Documentation, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """`model purple(x: Thing) prior 0.1:` and its body; the span covers the header."""

    span: Span
    name: Name
    parameters: tuple[Parameter, ...]
    prior: Expression | None
    body: tuple["Statement", ...]


@dataclass(frozen=True, slots=True)
class Composite:
    """`model purple_jar = purple jar prior 0.1 soft`; parts are model names or calls."""

    span: Span
    name: Name
    parameters: tuple[Parameter, ...]
    parts: tuple[Expression, ...]
    prior: Expression | None
    soft: bool


@dataclass(frozen=True, slots=True)
class For:
    """`for i in 0..<H, j in 0..<W if c:` and its body; the span covers the header."""

    span: Span
    loops: tuple[Loop, ...]
    condition: Expression | None
    body: tuple["Statement", ...]


@dataclass(frozen=True, slots=True)
class If:
    """`if c: ... elif d: ... else: ...`; an `elif` is an `If` alone in `otherwise`."""

    span: Span
    condition: Expression
    then: tuple["Statement", ...]
    otherwise: tuple["Statement", ...]


@dataclass(frozen=True, slots=True)
class Match:
    """`match a, b:` with blocks of statements."""

    span: Span
    subjects: tuple[Expression, ...]
    cases: tuple["StatementCase", ...]


@dataclass(frozen=True, slots=True)
class StatementCase:
    """`pattern, pattern:` and its block."""

    span: Span
    patterns: tuple[Expression, ...]
    body: tuple["Statement", ...]


@dataclass(frozen=True, slots=True)
class Reserved:
    """A form of a later milestone (`learn`, `choose`, `maximize`, `then` ...): "not yet"."""

    span: Span
    keyword: str


Statement = (
    Import
    | FromImport
    | DomainDeclaration
    | DataDeclaration
    | ParamDeclaration
    | DefDeclaration
    | VarDeclaration
    | Mechanism
    | Factor
    | Prefer
    | Constraint
    | Observe
    | Predict
    | Use
    | Consider
    | Query
    | Assert
    | Documentation
    | Entity
    | Model
    | Composite
    | For
    | If
    | Match
    | Reserved
)


@dataclass(frozen=True, slots=True)
class Program:
    """A whole source."""

    span: Span
    statements: tuple[Statement, ...]
