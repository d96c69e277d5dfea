"""Data that a function makes of other data: `data e[16, R, C] : bool := edges(picture, 16)`."""

from gmlang.core.ast import Expression
from gmlang.core.checking import Checking, each, fail
from gmlang.core.expressions import literals, references, scalars
from gmlang.core.names.scope import DataMeaning, Env, ModuleMeaning
from gmlang.core.program import DataSymbol, Derived
from gmlang.errors import declarations as errors
from gmlang.library import is_of_library
from gmlang.syntax import ast


def check_derived(state: Checking, env: Env, written: ast.Expression) -> Derived:
    """Check what stands after `:=`; which functions there are, Python knows when data is bound."""
    if not isinstance(written, ast.Call) or written.given is not None or written.had is not None:
        fail(state, errors.no_call(written.span))
    function = _function(state, env, written.function)
    arguments = each(lambda one: _argument(state, env, one), written.arguments)
    imported = (module for module in env.module.imports)
    modules = [m.name for m in imported if is_of_library(m.program.span.source)]
    return Derived(written.span, function, tuple(arguments), tuple(dict.fromkeys(modules)))


def _function(state: Checking, env: Env, written: ast.Expression) -> str:
    match written:
        case ast.Name(text=text):
            return text
        case ast.Attribute(owner=owner, name=name):
            match references.find_dotted(state, env, owner):
                case ModuleMeaning(module=module) if is_of_library(module.program.span.source):
                    return f"{module.name}.{name.text}"
                case _:
                    pass
        case _:
            pass
    fail(state, errors.no_call(written.span))


def _argument(
    state: Checking, env: Env, written: ast.Argument
) -> DataSymbol | Expression | literals.Literal:
    """Return data that is handed over whole, a list of constants, or a number."""
    match written:
        case ast.Name() | ast.Attribute():
            match references.find_dotted(state, env, written):
                case DataMeaning(symbol=symbol) if symbol.parameter is not None:
                    fail(state, errors.of_learned(written.span, written.span.text))
                case DataMeaning(symbol=symbol) if symbol.shape:
                    return symbol
                case _:
                    pass
        case ast.Brackets():
            return literals.check_literal(state, env, written, None)
        case ast.Equation() | ast.Pair() | ast.Comprehension():
            fail(state, errors.no_call(written.span))
        case _:
            pass
    return scalars.check_known(state, env, written, "what data is derived from")
