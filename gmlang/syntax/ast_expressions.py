"""The expressions of the surface AST; see `gmlang.syntax.ast`, through which all are reached."""

from dataclasses import dataclass

from gmlang.diagnostics import Span


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
    an item `a = b` is an `Equation`. `had` holds what stands after `had`.
    """

    span: Span
    function: "Expression"
    arguments: tuple["Argument", ...]
    given: tuple["Expression | Equation | Comprehension", ...] | None = None
    had: tuple["Expression | Equation | Comprehension", ...] | None = None


@dataclass(frozen=True, slots=True)
class Equation:
    """`a = b` as an argument or condition: `leak=0.1`, `it.color = purple`."""

    span: Span
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Change:
    """`a ~ d` or `a := e` as an argument: in `do(...)`; operator "~" or ":="."""

    span: Span
    target: "Expression"
    operator: str
    value: "Expression"


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
class Row:
    """`{dry: 0.1, wet: 0.9}` as the value of a case, nothing in it left to work out.

    Attributes:
        keys: names, whole numbers, `true` and `false`, as written.
        numbers: one for each key, none negative.
    """

    span: Span
    keys: tuple[str, ...]
    numbers: tuple[int | float, ...]


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
    value: "Expression | Row"


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
    | Change
)
Argument = Expression | Equation | Pair | Comprehension


@dataclass(frozen=True, slots=True)
class Loop:
    """`i in 0..<H`, `(i, j) in edges`: one or more names bound by a range or an array's rows."""

    span: Span
    names: tuple[Name, ...]
    domain: Expression


# --- Steps of processes ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StepCall:
    """`boiling(k, t) lasting 2..4 skip 0.1`."""

    span: Span
    call: Expression
    lasting: Expression | None
    skip: Expression | None


@dataclass(frozen=True, slots=True)
class Step:
    """`then if c: boiling(k, t) else: waiting(k, t)`; `is_next` says that `then` is written."""

    span: Span
    is_next: bool
    condition: Expression | None
    call: StepCall
    otherwise: StepCall | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """`stall 0.15` or `start 0.1`; `word` says which."""

    span: Span
    word: str
    chance: Expression
