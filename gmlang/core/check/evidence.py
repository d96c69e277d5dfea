"""Mechanisms, evidence and candidates: what may stand neither in a model nor under a gate."""

from collections.abc import Iterator
from dataclasses import replace

from gmlang.core.ast import (
    Activation,
    Apply,
    Array,
    AttributeRef,
    Bind,
    Bool,
    Clauses,
    Constant,
    Dist,
    Domain,
    Expression,
    Local,
    Real,
    Thing,
    VariableRef,
)
from gmlang.core.check import reals
from gmlang.core.check.deciding.choices import is_choice
from gmlang.core.check.joint import laws
from gmlang.core.check.listed_arrays import check_listed
from gmlang.core.check.members import names_holder
from gmlang.core.check.models import try_activations
from gmlang.core.checking import Checking, fail, fresh_key
from gmlang.core.expressions import loops, matching
from gmlang.core.expressions.distributions import check_distribution
from gmlang.core.expressions.operators import (
    comparison,
    domain_bounds,
    element_of,
    fit,
    need_known,
)
from gmlang.core.expressions.references import check_thing, need_one_thing
from gmlang.core.expressions.scalars import (
    check,
    check_condition,
    check_scalar,
    fit_here,
    need_one_array,
)
from gmlang.core.expressions.weights import check_weights
from gmlang.core.names.scope import (
    Entry,
    Env,
    ModelMeaning,
    Module,
    ModuleMeaning,
    visible_names,
)
from gmlang.core.print import describe, show
from gmlang.core.program import (
    Consider,
    Define,
    Draw,
    ObserveLike,
    ObserveValue,
    ParameterSymbol,
    Require,
    Statement,
)
from gmlang.core.records.members import is_held
from gmlang.core.records.processes import is_step
from gmlang.core.walk import is_random, is_real_reference, type_of
from gmlang.diagnostics import Span
from gmlang.errors import asking, decisions, forms, later
from gmlang.errors import names as name_errors
from gmlang.errors import probabilities as real_errors
from gmlang.errors import shapes as shape_errors
from gmlang.errors import types as errors
from gmlang.errors.acting import processes as process_errors
from gmlang.errors.forms import Form
from gmlang.syntax import ast

# --- Mechanisms --------------------------------------------------------------------------


def check_target(
    state: Checking, env: Env, written: ast.Expression, word: str
) -> VariableRef | AttributeRef:
    """Check what a mechanism, prediction or observation is about: a variable or an attribute."""
    target = check(state, env, written)
    if not isinstance(target, VariableRef | AttributeRef):
        fail(state, errors.not_a_variable(written.span, written.span.text, word))
    if is_real_reference(target):
        fail(state, later.real_elsewhere(written.span, written.span.text))
    if word != "observe" and isinstance(target, AttributeRef) and is_held(target.attribute):
        fail(state, errors.holder_for_target(written.span, written.span.text, word))
    return target


def domain_of(target: VariableRef | AttributeRef) -> Domain:
    """Return the domain of a variable, or of an array's elements."""
    domain = element_of(target.type)
    assert isinstance(domain, Domain)
    return domain


def check_mechanism(
    state: Checking, env: Env, mechanism: ast.Mechanism, *, of_choice: bool = False
) -> Statement:
    """Check `target ~ D` or `target := e`; a whole array is drawn element by element.

    `of_choice` says whether a choice may be told what it does, as inside `do(...)`.
    """
    _need_declared(state, env, mechanism)
    real = reals.real_target(state, env, mechanism.target)
    if real is not None:
        return laws.check_mechanism_of_real(state, env, mechanism, real)
    target = check_target(state, env, mechanism.target, mechanism.operator)
    if is_step(target):
        span = mechanism.target.span
        fail(state, process_errors.not_predicted(span, span.text))
    if isinstance(target, VariableRef) and is_choice(state, target.name) and not of_choice:
        fail(state, decisions.said_elsewhere(mechanism.span, show(target)))
    domain = domain_of(target)
    element, clauses = loops.over_axes(state, target)
    assert isinstance(element, VariableRef | AttributeRef)
    if mechanism.operator == "~":
        distribution = check_distribution(state, env, mechanism.value, domain)
        return Draw(mechanism.span, clauses, element, distribution)
    if isinstance(mechanism.value, ast.MatchExpression):
        value = matching.check_match_value(state, env, mechanism.value, domain)
    else:
        value = check_scalar(state, env, mechanism.value, domain)
    return Define(mechanism.span, clauses, element, fit(state, value, domain))


def _need_declared(state: Checking, env: Env, mechanism: ast.Mechanism) -> None:
    name = mechanism.target
    if not isinstance(name, ast.Name) or name.text in env.module.entries or name.text in env.names:
        return
    written = f"{mechanism.operator} {mechanism.value.span.text}"
    fail(state, name_errors.never_declared(name.span, name.text, visible_names(env), written))


# --- Evidence ----------------------------------------------------------------------------


def check_observe(state: Checking, env: Env, statement: ast.Observe) -> list[Statement]:
    """Check evidence: a value, a likelihood or an event."""
    span = statement.span
    real = reals.real_target(state, env, statement.target)
    if real is not None and statement.operator == "~":
        text = statement.target.span.text
        fail(state, real_errors.not_data(statement.target.span, text, is_real=True))
    if real is not None:
        return [reals.check_observe_real(state, env, statement, real)]
    if statement.operator == "~":
        return [laws.check_observe_drawn(state, env, statement)]
    noisy = laws.check_contest(state, env, statement)
    if noisy is not None:
        return [noisy]
    if statement.value is None:
        return [_event(state, env, statement)]
    look = laws.check_look(state, env, statement)
    if look is not None:
        return [look]
    held = names_holder(state, env, statement.target)
    activations = None if held else try_activations(state, env, statement.target)
    if activations is not None and len(activations) == 1:
        target: VariableRef | AttributeRef | Activation = activations[0]
        domain: Domain = Bool()
    else:
        target = check_target(state, env, statement.target, "observe")
        domain = domain_of(target)
    if statement.operator == "like":
        return [_like(state, env, statement, target, domain)]
    value = observed_value(state, env, statement.value, target)
    if isinstance(target, Activation) or isinstance(type_of(value), Array):
        element, clauses = target, ()
    else:
        element, clauses = loops.over_axes(state, target)
        assert isinstance(element, VariableRef | AttributeRef)
    if is_random(value):
        # Evidence is known before inference; that two variables are equal is an event.
        same = comparison(state, span, "==", element, value)
        return [Require(span, clauses, same, "", is_observation=True)]
    return [ObserveValue(span, clauses, element, value)]


def observed_value(
    state: Checking,
    env: Env,
    written: ast.Expression,
    target: VariableRef | AttributeRef | Activation,
) -> Expression:
    """Check the value of an observation: one for all elements, or an array of the same shape."""
    if isinstance(written, ast.Brackets):
        need_one_array(state, target)
        return check_listed(state, env, written, target)
    domain = Bool() if isinstance(target, Activation) else domain_of(target)
    value = check(state, env, written, domain)
    _need_same_shape(state, value, target)
    if not isinstance(type_of(value), Array):
        return fit_here(state, env, value, domain)
    _fit_elements(state, value, domain)
    return need_known(state, value, "what an array was observed to be", is_array=True)


def _event(state: Checking, env: Env, statement: ast.Observe) -> Statement:
    condition = check_condition(state, env, statement.target)
    positive, value = condition, True
    if isinstance(condition, Apply) and condition.operator == "not":
        positive, value = condition.arguments[0], False
    if isinstance(positive, VariableRef | AttributeRef | Activation):
        constant = Constant(statement.span, value, Bool())
        return ObserveValue(statement.span, (), positive, constant)
    return Require(statement.span, (), condition, "", is_observation=True)


def _like(
    state: Checking,
    env: Env,
    statement: ast.Observe,
    target: VariableRef | AttributeRef | Activation,
    domain: Domain,
) -> Statement:
    value = statement.value
    if not isinstance(value, ast.Braces):
        assert value is not None
        fail(state, errors.no_likelihoods(value.span))
    weights = check_weights(state, env, value, domain, is_normalised=False)
    if isinstance(target, Activation):
        return ObserveLike(statement.span, (), target, weights)
    element, clauses = loops.over_axes(state, target)
    assert isinstance(element, VariableRef | AttributeRef)
    return ObserveLike(statement.span, clauses, element, weights)


def _need_same_shape(
    state: Checking, value: Expression, target: VariableRef | AttributeRef | Activation
) -> None:
    value_type, target_type = type_of(value), type_of(target)
    if isinstance(value_type, Dist):
        fail(state, forms.type_mismatch(value.span, Form.VALUE, Form.DISTRIBUTION))
    if not isinstance(value_type, Array):
        return
    rank = target_type.rank if isinstance(target_type, Array) else 0
    if value_type.rank != rank:
        if rank == 0:
            text = value.span.text
            fail(state, shape_errors.array_for_element(value.span, text, value_type.rank))
        fail(state, forms.wrong_rank(value.span, rank, show(target), describe(value_type)))


def _fit_elements(state: Checking, value: Expression, domain: Domain) -> None:
    element = element_of(type_of(value))
    probe = Apply(value.span, "element", (value,), element)
    if isinstance(element, Real) and isinstance(domain, Bool):
        # Images come as floats of 0 and 1; the grounding checks that they are nothing else.
        return
    fit(state, probe, domain)


def check_consider(
    state: Checking, env: Env, item: ast.Expression | ast.Comprehension | ast.AllAbout
) -> list[Statement]:
    """Check one item of `consider`: `m(args)`, alone or repeated, or `all about it`."""
    if isinstance(item, ast.AllAbout):
        return _check_all_about(state, env, item)
    if not isinstance(item, ast.Comprehension):
        if isinstance(item, ast.Juxtaposition):
            fail(state, errors.not_considered(item.span, item.span.text))
        activations = try_activations(state, env, item)
        if activations is None:
            check(state, env, item)
            fail(state, errors.not_a_model(item.span, item.span.text))
        return [Consider(item.span, (), activation) for activation in activations]
    what = "which models are considered"
    inner, context = loops.comprehension(state, env, item.loops, item.condition, what)
    if isinstance(item.body, ast.Pair):
        fail(state, errors.not_a_model(item.body.span, item.body.span.text))
    made = check_consider(state, inner, item.body)
    return [replace(one, context=context) for one in made]


def _check_all_about(state: Checking, env: Env, item: ast.AllAbout) -> list[Statement]:
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
        fail(state, asking.no_model_about(item.span, thing.entity, relations))
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
    # A name for members of a family stands for the family with its last values given.
    activation = Activation(span, model.name, (*arguments, *model.values))
    return Consider(span, context, activation, may_sleep=True)


def _loop(state: Checking, span: Span, parameter: ParameterSymbol) -> tuple[Bind, Local]:
    assert parameter.domain is not None
    key = fresh_key(state, parameter.name)
    first, last = domain_bounds(span, parameter.domain)
    return Bind(span, key, parameter.name, first, last), Local(span, key, parameter.domain)
