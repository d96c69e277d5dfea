"""The types of operations, and what can be worked out while checking."""

import math
from collections.abc import Callable

from gmlang.core.ast import (
    Apply,
    Array,
    Bool,
    Constant,
    DataRef,
    Dist,
    Domain,
    Enum,
    Expression,
    Integer,
    IntRange,
    Place,
    Real,
    Type,
    Whole,
)
from gmlang.core.checking import Checking, fail
from gmlang.core.places.grids import Grid
from gmlang.core.places.values import into_grid, is_place
from gmlang.core.print import describe, show, show_type
from gmlang.core.walk import first_variable, is_random, mentions_real, type_of
from gmlang.diagnostics import Diagnostic, Span
from gmlang.errors import forms
from gmlang.errors import probabilities as reals
from gmlang.errors import shapes as shape_errors
from gmlang.errors import types as errors
from gmlang.errors.forms import MadeWhole

# A constant power beyond this many bits is left to the grounding, which works in floats.
_NUM_BITS_MAX = 256


def is_number(type_: Type) -> bool:
    """Say whether arithmetic works on a type: bools count as 0 and 1."""
    return isinstance(type_, Bool | IntRange | Integer | Real)


def is_integer(type_: Type) -> bool:
    """Say whether a type's values are integers: bools count as 0 and 1."""
    return isinstance(type_, Bool | IntRange | Integer)


def same_domain(left: Type, right: Type) -> bool:
    """Say whether two types are the same, wherever they are written."""
    match left, right:
        case IntRange(), IntRange():
            return (show(left.first), show(left.last)) == (show(right.first), show(right.last))
        case _:
            return left == right


def need_number(state: Checking, expression: Expression, operator: str) -> Expression:
    """Check that an operand is a number."""
    type_ = type_of(expression)
    if not is_number(type_):
        fail(state, errors.no_arithmetic(expression.span, operator, describe(type_)))
    return expression


def need_integer(state: Checking, expression: Expression, what: str) -> Expression:
    """Check that an expression is an integer."""
    type_ = type_of(expression)
    if not is_integer(type_):
        fail(state, _not_whole(expression, what))
    return expression


def _not_whole(expression: Expression, needed: str) -> Diagnostic:
    """Say how a real number becomes a whole one: data by its declaration, a literal by itself."""
    written, way = None, MadeWhole.BY_ITSELF
    match expression:
        case DataRef(type=Real()):
            way = MadeWhole.DECLARED
        case Constant(value=float(value)) if value.is_integer():
            written = int(value)
        case Constant():
            pass
        case _ if isinstance(type_of(expression), Real):
            way = MadeWhole.ROUNDED
        case _:
            pass
    found = describe(type_of(expression))
    return forms.not_whole(expression.span, needed, found, way, written)


def need_bool(state: Checking, expression: Expression) -> Expression:
    """Check that an expression is a condition."""
    type_ = type_of(expression)
    if isinstance(type_, Bool):
        return expression
    is_bit = isinstance(expression, Constant) and expression.value in (0, 1)
    fail(state, forms.not_a_condition(expression.span, describe(type_), is_bit=is_bit))


def need_known(
    state: Checking, checked: Expression, what: str, *, is_array: bool = False
) -> Expression:
    """Check that an expression mentions no random variable.

    Args:
        state: grows by the mistake.
        checked: the expression.
        what: it is needed for.
        is_array: whether it is what an array of variables is to equal.
    """
    variable = first_variable(checked)
    if variable is not None:
        fail(state, shape_errors.not_known_yet(checked.span, what, show(variable), is_array))
    return checked


def arithmetic(
    state: Checking, span: Span, operator: str, left: Expression, right: Expression
) -> Expression:
    """Apply an arithmetic operator, at once where both sides are constants."""
    need_number(state, left, operator)
    need_number(state, right, operator)
    is_real = operator == "/" or not (is_integer(type_of(left)) and is_integer(type_of(right)))
    is_zero = isinstance(right, Constant) and right.value == 0 and operator in ("/", "//", "%")
    if operator == "**" and not (isinstance(right, Constant) and right.value >= 0):
        is_real = True
    type_: Type = Real() if is_real else Integer()
    if isinstance(left, Constant) and isinstance(right, Constant) and not is_zero:
        folded = _fold(operator, left.value, right.value)
        if folded is not None:
            return Constant(span, folded, type_)
    return Apply(span, operator, (left, right), type_)


def _fold(operator: str, left: float, right: float) -> int | float | None:
    operations: dict[str, Callable[[float, float], float]] = {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "/": lambda a, b: a / b,
        "//": lambda a, b: a // b,
        "%": lambda a, b: a % b,
    }
    if operator not in operations:
        return None
    if max(_num_bits(left), _num_bits(right)) > _NUM_BITS_MAX:
        return None
    value = operations[operator](left, right)
    return value if math.isfinite(value) else None


def _num_bits(value: float) -> int:
    return value.bit_length() if isinstance(value, int) else 0


def negate(state: Checking, span: Span, operand: Expression) -> Expression:
    """Apply unary minus."""
    need_number(state, operand, "-")
    type_: Type = Integer() if is_integer(type_of(operand)) else Real()
    if isinstance(operand, Constant):
        return Constant(span, -operand.value, type_)
    return Apply(span, "neg", (operand,), type_)


def minus_one(state: Checking, expression: Expression) -> Expression:
    """Return an integer expression less one, for the end of `a..<b`."""
    return arithmetic(
        state, expression.span, "-", expression, Constant(expression.span, 1, Integer())
    )


def negation(condition: Expression) -> Expression:
    """Return the opposite of a condition."""
    match condition:
        case Constant(value=value):
            return Constant(condition.span, not value, Bool())
        case Apply(operator="not", arguments=(inner,)):
            return inner
        case _:
            return Apply(condition.span, "not", (condition,), Bool())


def all_of(span: Span, conditions: tuple[Expression, ...]) -> Expression:
    """Return the conjunction of conditions, flat, without constant trues."""
    flat: list[Expression] = []
    for condition in conditions:
        match condition:
            case Apply(operator="and", arguments=arguments):
                flat += arguments
            case Constant(value=True):
                pass
            case _:
                flat.append(condition)
    if not flat:
        return Constant(span, True, Bool())
    return flat[0] if len(flat) == 1 else Apply(span, "and", tuple(flat), Bool())


def any_of(span: Span, conditions: tuple[Expression, ...]) -> Expression:
    """Return the disjunction of conditions, flat."""
    flat: list[Expression] = []
    for condition in conditions:
        match condition:
            case Apply(operator="or", arguments=arguments):
                flat += arguments
            case _:
                flat.append(condition)
    return flat[0] if len(flat) == 1 else Apply(span, "or", tuple(flat), Bool())


def comparison(
    state: Checking, span: Span, operator: str, left: Expression, right: Expression
) -> Expression:
    """Compare two values of one kind."""
    left_type, right_type = type_of(left), type_of(right)
    comparable = left_type == right_type if isinstance(left_type, Enum) else is_number(left_type)
    if not comparable or isinstance(right_type, Enum) != isinstance(left_type, Enum):
        fail(state, errors.different_domains(span, describe(left_type), describe(right_type)))
    if not is_number(right_type) and not isinstance(right_type, Enum):
        fail(state, errors.different_domains(span, describe(left_type), describe(right_type)))
    if isinstance(left_type, Enum) and operator not in ("==", "!="):
        fail(state, errors.no_arithmetic(span, operator, describe(left_type)))
    if state.real_names and (mentions_real(left) or mentions_real(right)):
        return _with_real(state, span, operator, left, right)
    return Apply(span, operator, (left, right), Bool())


def _with_real(
    state: Checking, span: Span, operator: str, left: Expression, right: Expression
) -> Expression:
    """Compare a real with a number: an interval with its ends, or the contrary of one.

    A real that nothing is left to chance of may be the very end. Where both sides depend on
    variables, it is their difference that is compared with 0.
    """
    if not mentions_real(left):
        left, right, operator = right, left, _MIRRORED.get(operator, operator)
    if operator not in _ORDERED:
        both = mentions_real(right)
        fail(state, reals.equal_reals(span) if both else reals.never_exactly(span, left.span.text))
    if is_random(right):
        left, right = arithmetic(state, span, "-", left, right), Constant(span, 0, Integer())
    is_above = operator in ("<", ">=")
    open_ = Constant(span, math.inf if is_above else -math.inf, Real())
    inside = real_in(span, left, *((right, open_) if is_above else (open_, right)))
    return negation(inside) if operator in ("<", ">") else inside


def real_in(span: Span, real: Expression, low: Expression, high: Expression) -> Expression:
    """Say that a real, or what is linear in some, lies between two numbers that are known."""
    return Apply(span, "real_in", (real, low, high), Bool())


_ORDERED = ("<", "<=", ">", ">=")

_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def join(state: Checking, left: Expression, right: Expression) -> Type:
    """Return the type that two branches have in common."""
    left_type, right_type = type_of(left), type_of(right)
    if same_domain(left_type, right_type):
        return left_type
    if is_place(left_type) and is_place(right_type):
        return Place()
    if is_integer(left_type) and is_integer(right_type):
        return Integer()
    if is_number(left_type) and is_number(right_type):
        return Real()
    fail(state, forms.type_mismatch(right.span, describe(left_type), describe(right_type)))


def fit(state: Checking, expression: Expression, domain: Domain | Integer | Real) -> Expression:
    """Check that a value can belong to a domain; constants are checked to be inside."""
    type_ = type_of(expression)
    match domain, type_:
        case Enum(), Enum() if domain == type_:
            return expression
        case Enum(grid=Grid()), Place():
            return into_grid(state, expression, domain)
        case Bool(), Bool():
            return expression
        case Real(), _ if is_number(type_):
            return expression
        case ((Bool() | IntRange() | Integer()), _) if is_integer(type_):
            return _inside(state, expression, domain)
        case _:
            if is_integer(domain):
                fail(state, _not_whole(expression, _describe_domain(domain)))
            needed, found = _describe_domain(domain), describe(type_)
            fail(state, forms.type_mismatch(expression.span, needed, found))


def _describe_domain(domain: Type) -> str:
    """Name the values of a domain in a sentence."""
    return f"a value of {show_type(domain)}" if isinstance(domain, IntRange) else describe(domain)


def _inside(state: Checking, expression: Expression, domain: Domain | Integer | Real) -> Expression:
    if not isinstance(expression, Constant):
        return expression
    value = int(expression.value)
    if isinstance(domain, Bool):
        if value not in (0, 1):
            fail(state, errors.outside_domain(expression.span, str(value), "bool"))
        return Constant(expression.span, bool(value), Bool())
    if isinstance(domain, IntRange):
        first, last = domain.first, domain.last
        is_below = isinstance(first, Constant) and value < first.value
        is_above = isinstance(last, Constant) and value > last.value
        if is_below or is_above:
            fail(state, errors.outside_domain(expression.span, str(value), show_type(domain)))
    return expression


def domain_bounds(span: Span, domain: Domain) -> tuple[Expression, Expression]:
    """Return the first and last value of a domain."""
    match domain:
        case Bool():
            return Constant(span, 0, Integer()), Constant(span, 1, Integer())
        case Enum(values=values):
            return Constant(span, 0, Integer()), Constant(span, len(values) - 1, Integer())
        case IntRange(first=first, last=last):
            return first, last


def domain_values(domain: Type, num_values_max: int) -> tuple[int, ...] | None:
    """List a domain's values as numbers; None when they are not known yet, or too many."""
    match domain:
        case Bool():
            return (0, 1)
        case Enum(values=values):
            return tuple(range(len(values)))
        case IntRange(first=Constant(value=first), last=Constant(value=last)):
            if last - first >= num_values_max:
                return None
            return tuple(range(int(first), int(last) + 1))
        case _:
            return None


def element_of(type_: Type) -> Type:
    """Return the type of an array's elements, or the type itself."""
    return type_.element if isinstance(type_, Array) else type_


def with_rank(element: Type, rank: int) -> Type:
    """Return the type of an array of so many axes; the element itself for none."""
    if rank == 0:
        return element
    assert not isinstance(element, Dist | Array | Place)
    return Array(element, rank)


def num_whole(indices: tuple[Expression | Whole, ...]) -> int:
    """Count the axes that are kept whole."""
    return sum(isinstance(index, Whole) for index in indices)


def literal_size(expression: Expression) -> int | None:
    """Return a size that is a constant."""
    return int(expression.value) if isinstance(expression, Constant) else None
