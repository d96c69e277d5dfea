"""The surface AST: what was written, and where; nothing inferred.

One frozen class for each form of the grammar, `span` first. Unions are closed by an alias, so a
`match` without a default case tells pyright of every form it forgot.
"""

from dataclasses import dataclass

from gmlang.diagnostics import Span
from gmlang.syntax.ast_decisions import Knows as Knows
from gmlang.syntax.ast_decisions import Maximize as Maximize
from gmlang.syntax.ast_expressions import All as All
from gmlang.syntax.ast_expressions import Argument as Argument
from gmlang.syntax.ast_expressions import Attribute as Attribute
from gmlang.syntax.ast_expressions import Binary as Binary
from gmlang.syntax.ast_expressions import Boolean as Boolean
from gmlang.syntax.ast_expressions import Braces as Braces
from gmlang.syntax.ast_expressions import Brackets as Brackets
from gmlang.syntax.ast_expressions import Call as Call
from gmlang.syntax.ast_expressions import Compare as Compare
from gmlang.syntax.ast_expressions import Comprehension as Comprehension
from gmlang.syntax.ast_expressions import Conditional as Conditional
from gmlang.syntax.ast_expressions import Equation as Equation
from gmlang.syntax.ast_expressions import Expression as Expression
from gmlang.syntax.ast_expressions import Index as Index
from gmlang.syntax.ast_expressions import Is as Is
from gmlang.syntax.ast_expressions import Juxtaposition as Juxtaposition
from gmlang.syntax.ast_expressions import Loop as Loop
from gmlang.syntax.ast_expressions import MatchExpression as MatchExpression
from gmlang.syntax.ast_expressions import Name as Name
from gmlang.syntax.ast_expressions import Number as Number
from gmlang.syntax.ast_expressions import Pair as Pair
from gmlang.syntax.ast_expressions import Range as Range
from gmlang.syntax.ast_expressions import Row as Row
from gmlang.syntax.ast_expressions import Text as Text
from gmlang.syntax.ast_expressions import Tuple as Tuple
from gmlang.syntax.ast_expressions import Unary as Unary
from gmlang.syntax.ast_expressions import ValueCase as ValueCase
from gmlang.syntax.ast_learning import Learn as Learn
from gmlang.syntax.ast_learning import LearnDef as LearnDef
from gmlang.syntax.ast_learning import LearnModel as LearnModel
from gmlang.syntax.ast_learning import Operator as Operator
from gmlang.syntax.ast_learning import Option as Option
from gmlang.syntax.ast_learning import Parameter as Parameter

# --- Pieces of statements ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AttributeDeclaration:
    """`color : Color base {...}`, `pose[T] : Pose`, `a, b : bool` is written as two lines."""

    span: Span
    name: Name
    shape: tuple[Expression, ...]
    type: Expression
    base: Expression | None


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
    """`data noisy[H, W] : bool`, `data T = 6`, `data e[N] := f(k)`.

    Of the last, `derived` is what stands after `:=`.
    """

    span: Span
    name: Name
    shape: tuple[Expression, ...]
    type: Expression | None
    value: Expression | None
    derived: Expression | None = None


@dataclass(frozen=True, slots=True)
class ParamDeclaration:
    """`param J = 0.9`, `param A[K, K] : simplex ~ Dirichlet(0.5)`."""

    span: Span
    name: Name
    shape: tuple[Expression, ...]
    type: Expression | None
    prior: Expression | None
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
    """`var x[H, W] : bool base {...} ~ D`; mechanism "~", ":=" or "" with value None.

    `some object[3] : Thing prior 0.3 as o` has a prior, and perhaps an alias; `choose a : bool` is
    a choice.
    """

    span: Span
    name: Name
    shape: tuple[Expression, ...]
    type: Expression
    base: Expression | None
    mechanism: str
    value: Expression | None
    prior: Expression | None = None
    alias: Name | None = None
    is_choice: bool = False


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

    `observe y[i] ~ D` ("~") says what data was drawn from. Of an event the operator is "", and the
    value None. `observe a = 1, b = 2` is parsed as two statements.
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
class Cover:
    """`cover target = value @ c` ("=") or `cover target ~ D @ c` ("~")."""

    span: Span
    target: Expression
    operator: str
    value: Expression
    confidence: Expression | None
    label: Name | None


@dataclass(frozen=True, slots=True)
class Use:
    """`use bird(x) except flying(x), x.color`, `use shown(p, d) for d in stroke`."""

    span: Span
    model: "Expression | Comprehension"
    exceptions: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class AllAbout:
    """`all about it`: every model of one thing."""

    span: Span
    thing: Expression


@dataclass(frozen=True, slots=True)
class Consider:
    """`consider purple(it), digit(img, d) for d in 0..9`, `consider all about it`."""

    span: Span
    items: tuple[Expression | Comprehension | AllAbout, ...]


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
    """`model purple(x: Thing) prior 0.1 depth 2:` and its body; the span covers the header."""

    span: Span
    name: Name
    parameters: tuple[Parameter, ...]
    prior: Expression | None
    depth: Expression | None
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


Statement = (
    Import
    | FromImport
    | DomainDeclaration
    | DataDeclaration
    | ParamDeclaration
    | DefDeclaration
    | VarDeclaration
    | Mechanism
    | Knows
    | Maximize
    | Factor
    | Prefer
    | Constraint
    | Observe
    | Predict
    | Cover
    | Use
    | Consider
    | Query
    | Assert
    | Learn
    | LearnModel
    | LearnDef
    | Documentation
    | Entity
    | Model
    | Composite
    | For
    | If
    | Match
)


@dataclass(frozen=True, slots=True)
class Program:
    """A whole source."""

    span: Span
    statements: tuple[Statement, ...]
