"""`consider all about it`: every model, and member of a family, that is about one thing."""

from collections.abc import Iterator

from gmlang.core.ast import Activation, Bind, Clauses, Expression, Local, Thing
from gmlang.core.check.models import need_one_thing
from gmlang.core.checking import Checking, fail, fresh_key
from gmlang.core.expressions.operators import domain_bounds
from gmlang.core.expressions.references import check_thing
from gmlang.core.names.scope import Entry, Env, ModelMeaning, Module, ModuleMeaning
from gmlang.core.program import Consider, ParameterSymbol, Statement
from gmlang.diagnostics import Span
from gmlang.errors import asking as errors
from gmlang.syntax import ast


def check_all_about(state: Checking, env: Env, item: ast.AllAbout) -> list[Statement]:
    """Consider every model of this module, and of those imported whole, about one such thing.

    A family has a member for each value of its other parameters. A model of several things is a
    relation: which others it is about is for the program to say.
    """
    thing = need_one_thing(state, check_thing(state, env, item.thing))
    found: list[Statement] = []
    relations: list[str] = []
    for entry in _models(env.module, set()):
        meaning = state.resolve(state, entry)
        if not isinstance(meaning, ModelMeaning):
            continue
        things = [p for p in meaning.parameters if p.domain is None]
        if [p.entity for p in things] == [thing.entity]:
            found.append(_member(state, item.span, meaning, thing))
        elif thing.entity in (p.entity for p in things):
            relations.append(entry.name)
    if not found:
        fail(state, errors.no_model_about(item.span, thing.entity, relations))
    return found


def _models(module: Module, seen: set[str]) -> Iterator[Entry]:
    """Give the models that a module declares, or imports by name, or with a whole module."""
    seen.add(module.name)
    for entry in list(module.entries.values()):
        match entry.meaning:
            case ModuleMeaning(module=imported):
                if imported.name not in seen:
                    yield from _models(imported, seen)
            case _ if isinstance(entry.declaration, ast.Model | ast.Composite):
                yield entry
            case _:
                pass


def _member(state: Checking, span: Span, model: ModelMeaning, thing: Thing) -> Consider:
    clauses: list[Bind] = []
    arguments: list[Expression | Thing] = []
    for parameter in model.parameters:
        if parameter.domain is None:
            arguments.append(thing)
            continue
        bind, value = _loop(state, span, parameter)
        clauses.append(bind)
        arguments.append(value)
    context: Clauses = tuple(clauses)
    return Consider(span, context, Activation(span, model.name, tuple(arguments)), may_sleep=True)


def _loop(state: Checking, span: Span, parameter: ParameterSymbol) -> tuple[Bind, Local]:
    assert parameter.domain is not None
    key = fresh_key(state, parameter.name)
    first, last = domain_bounds(span, parameter.domain)
    return Bind(span, key, parameter.name, first, last), Local(span, key, parameter.domain)
