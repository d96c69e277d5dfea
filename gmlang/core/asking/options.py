"""What stands behind a query: `within 200 ms`, `using bp(iters=50)`, `as name`."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from gmlang.core.checking import Checking, each, fail
from gmlang.core.composed import Calculation, QueryList
from gmlang.core.program import Query
from gmlang.diagnostics import Diagnostic, Span
from gmlang.errors import asking as errors
from gmlang.errors.acting import doing as doing_errors
from gmlang.limits import SECONDS, SECONDS_MAX, is_seconds
from gmlang.syntax import ast

WAKE = "wake"
"""The method that says how many models may be awake."""

COUPLING = "coupling"
"""The method that says how chance carries over to a world that is imagined."""

_COUPLED = "monotone", "gumbel", "independent"
"""How it may."""


@dataclass(frozen=True, slots=True)
class Options:
    """What stands behind a query."""

    within_s: float | None = None
    method: str = ""
    method_options: tuple[tuple[str, bool | int | float], ...] = ()
    name: str = ""


def check_options(state: Checking, written: tuple[ast.Option, ...]) -> Options:
    """Check the options of a query; a later one replaces an earlier of its kind."""
    options = Options()
    for option in written:
        match option.keyword:
            case "within":
                options = replace(options, within_s=_seconds(state, option))
            case "using":
                method, values = _method(state, option.value)
                options = replace(options, method=method, method_options=values)
            case _:
                options = replace(options, name=option.value.span.text)
    return options


def check_sized_options(
    state: Checking,
    written: tuple[ast.Option, ...],
    size: int,
    most: int,
    refused: Callable[[Span, int | float, int], Diagnostic],
) -> tuple[int, Options]:
    """Check the options of something that is searched for.

    Args:
        state: of the check.
        written: the options.
        size: where none is written.
        most: the largest size.
        refused: reports another.
    """
    for option in written:
        if option.keyword != "size":
            continue
        assert isinstance(option.value, ast.Number)
        if not 1 <= option.value.value <= most:
            fail(state, refused(option.span, option.value.value, most))
        size = int(option.value.value)
    return size, check_options(state, tuple(o for o in written if o.keyword != "size"))


def with_options(query: Query, options: Options) -> Query:
    """Return a query with its options; those that it is made of are asked alike."""
    alike = replace(options, within_s=None, name="")
    match query:
        case Calculation(queries=queries):
            query = replace(query, queries=tuple(with_options(one, alike) for one in queries))
        case QueryList(items=items):
            items = tuple(replace(i, query=with_options(i.query, alike)) for i in items)
            query = replace(query, items=items)
        case _:
            pass
    return replace(
        query,
        within_s=options.within_s,
        method=options.method,
        method_options=options.method_options,
        name=options.name,
    )


def _seconds(state: Checking, option: ast.Option) -> float:
    value = option.value
    units = {"ms": 1e-3, "s": 1.0, "min": 60.0}
    if not isinstance(value, ast.Number) or option.unit not in units or value.value <= 0:
        fail(state, errors.bad_time(option.span))
    # Integers may be larger than any float.
    seconds = min(value.value, 2 * SECONDS_MAX * 1000) * units[option.unit]
    if not is_seconds(seconds):
        fail(state, errors.time_out_of_range(option.span, SECONDS))
    return seconds


def _method(
    state: Checking, value: ast.Expression
) -> tuple[str, tuple[tuple[str, bool | int | float], ...]]:
    if isinstance(value, ast.Name):
        return value.text, ()
    if isinstance(value, ast.Call) and value.function.span.text == WAKE:
        return WAKE, _waking(state, value)
    if isinstance(value, ast.Call) and value.function.span.text == COUPLING:
        return COUPLING, _coupling(state, value)
    if not isinstance(value, ast.Call) or not isinstance(value.function, ast.Name):
        fail(state, errors.bad_method(value.span))

    def option(argument: ast.Argument) -> tuple[str, bool | int | float]:
        match argument:
            case ast.Equation(
                left=ast.Name(text=text), right=ast.Number(value=number) | ast.Boolean(value=number)
            ):
                return text, number
            case ast.Equation(
                left=ast.Name(text=text),
                right=ast.Unary(operator="-", operand=ast.Number(value=number)),
            ):
                return text, -number
            case _:
                fail(state, errors.bad_method_option(argument.span))

    return value.function.text, each(option, value.arguments)


def _coupling(state: Checking, call: ast.Call) -> tuple[tuple[str, bool | int | float], ...]:
    """Check `coupling(gumbel)`."""
    match call.arguments:
        case (ast.Name(text=text),) if text in _COUPLED:
            return ((text, True),)
        case _:
            fail(state, doing_errors.unknown_coupling(call.span, _COUPLED))


def _waking(state: Checking, call: ast.Call) -> tuple[tuple[str, bool | int | float], ...]:
    """Check `wake(eps=1e-6, at_most=200)`, or `wake(off)`."""
    match call.arguments:
        case (ast.Name(text="off"),):
            return (("off", True),)
        case _:
            return each(lambda argument: _waking_option(state, argument), call.arguments)


def _waking_option(state: Checking, argument: ast.Argument) -> tuple[str, bool | int | float]:
    match argument:
        case ast.Equation(left=ast.Name(text="eps"), right=ast.Number(value=eps)):
            if not 0 < eps < 0.5:
                fail(state, errors.eps_out_of_range(argument.span, eps))
            return "eps", float(eps)
        case ast.Equation(left=ast.Name(text="at_most"), right=ast.Number(value=most)):
            if most < 1 or most != int(most):
                fail(state, errors.too_few_awake(argument.span, most))
            return "at_most", int(min(most, 2**31))
        case ast.Equation(left=ast.Name(text=name)) if name not in ("eps", "at_most"):
            fail(state, errors.unknown_wake_option(argument.span, name))
        case _:
            fail(state, errors.neither_off_nor_how(argument.span))
