"""`learn model`: the name it declares, what it may be made of, and from which things."""

from gmlang.core.asking.options import check_sized_options
from gmlang.core.ast import Activation
from gmlang.core.check import models
from gmlang.core.checking import Checking, attempt, each, fail
from gmlang.core.concepts import SIZE, SIZE_MAX, LearnModel, Offered
from gmlang.core.expressions import loops, references
from gmlang.core.names.scope import Entry, Env, ModelMeaning, ThingMeaning
from gmlang.core.program import ModelSymbol, ParameterSymbol
from gmlang.errors import types as type_errors
from gmlang.errors.acting import calls as call_errors
from gmlang.errors.learning import concepts as errors
from gmlang.syntax import ast


def check_header(
    state: Checking, env: Env, entry: Entry, declaration: ast.LearnModel
) -> ModelMeaning:
    """Check what a learned model is about; the models that it may be made of come before it."""
    parameters = models.check_parameters(state, env, declaration.parameters)
    if len(parameters) != 1 or parameters[0].domain is not None:
        fail(state, errors.one_thing(declaration.name.span, declaration.name.text))
    each(lambda offered: _find_model(state, env, offered), declaration.models)
    name = entry.core_name
    state.model_order.append(entry)
    state.models[name] = ModelSymbol(declaration.span, name, parameters, None, (), is_open=True)
    return ModelMeaning(name, parameters)


def _find_model(
    state: Checking, env: Env, written: ast.Expression | ast.Comprehension
) -> ModelMeaning | None:
    """Check the header of a model that is listed, whatever its arguments are."""
    body = written.body if isinstance(written, ast.Comprehension) else written
    function = body.function if isinstance(body, ast.Call) else body
    if isinstance(function, ast.Name | ast.Attribute):
        return models.find_model(state, env, function)
    return None


def check_learn_model(state: Checking, env: Env, statement: ast.LearnModel) -> LearnModel:
    """Check a `learn model` whose header has been checked."""
    meaning = env.module.entries[statement.name.text].meaning
    assert isinstance(meaning, ModelMeaning)
    (parameter,) = meaning.parameters
    source = attempt(lambda: _things(state, env, parameter, "from", statement.source))
    written = statement.others
    others: str | None = ""
    if written is not None:
        others = attempt(lambda: _things(state, env, parameter, "not", written))
    offered = attempt(lambda: each(lambda m: _offered(state, env, parameter, m), statement.models))
    sized = tuple(option for option in statement.options if option.keyword != "refit")
    size, options = check_sized_options(state, sized, SIZE, SIZE_MAX, errors.bad_size)
    if source is None or others is None or offered is None:
        fail(state, state.diagnostics[-1])
    return LearnModel(
        statement.span,
        " ".join(statement.span.text.split()),
        meaning.name,
        parameter.key,
        parameter.entity,
        statement.parameters[0].type.span.text,
        source,
        others,
        offered,
        len(state.questions),
        size,
        len(sized) < len(statement.options),
        options.within_s,
        options.name,
    )


def _things(
    state: Checking, env: Env, parameter: ParameterSymbol, word: str, written: ast.Expression
) -> str:
    """Return the declared things that a model is learned from."""
    text = written.span.text
    match references.find_dotted(state, env, written):
        case ThingMeaning(symbol=symbol) if symbol.entity == parameter.entity:
            return symbol.name
        case ThingMeaning(symbol=symbol):
            entity = symbol.entity
            fail(state, errors.no_examples(written.span, word, text, parameter.entity, entity))
        case None if isinstance(written, ast.Name):
            references.check_thing(state, env, written)
        case _:
            pass
    fail(state, errors.no_examples(written.span, word, text, parameter.entity, ""))


def _offered(
    state: Checking,
    env: Env,
    parameter: ParameterSymbol,
    written: ast.Expression | ast.Comprehension,
) -> Offered:
    if not isinstance(written, ast.Comprehension):
        return Offered(written.span, (), _tried(state, env, parameter, written))
    if isinstance(written.body, ast.Equation | ast.Pair):
        fail(state, type_errors.not_a_model(written.body.span, written.body.span.text))
    what = "which models are tried"
    inner, context = loops.comprehension(state, env, written.loops, written.condition, what)
    part = _tried(state, inner, parameter, written.body)
    return Offered(written.span, context, part)


def _tried(
    state: Checking, env: Env, parameter: ParameterSymbol, written: ast.Expression
) -> Activation:
    """Check a model that a new one may be made of: it must hold of examples on its own."""
    part = models.check_part(state, env, written, parameter)
    waiting = [part.model]
    while waiting:
        symbol = state.models.get(waiting.pop())
        if symbol is not None and symbol.is_called:
            fail(state, call_errors.not_tried(written.span, symbol.name))
        waiting += [] if symbol is None else [inner.model for inner in symbol.parts]
    return part
