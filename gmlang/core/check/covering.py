"""`cover`, the depths of models, and things that may not exist."""

from collections.abc import Iterator

from gmlang.core.ast import (
    Activation,
    Aggregate,
    Array,
    AttributeRef,
    Bind,
    Bool,
    Call,
    Context,
    Distribution,
    Enum,
    Expression,
    Gate,
    Local,
    Thing,
    VariableRef,
    Whole,
)
from gmlang.core.check import evidence, models
from gmlang.core.check.lints import expressions_of
from gmlang.core.check.predictions import check_confidence, point
from gmlang.core.checking import Checking, PoisonedError, attempt, fail, fresh_key
from gmlang.core.expressions import scalars
from gmlang.core.expressions.distributions import check_distribution
from gmlang.core.names.scope import Env
from gmlang.core.print import show_element
from gmlang.core.program import Consider, ModelSymbol, ParameterSymbol, Statement
from gmlang.core.records.covering import Cover, existence_of, is_existence
from gmlang.core.walk import is_real_reference, parts, type_of, walk
from gmlang.diagnostics import Span
from gmlang.errors import declarations as errors
from gmlang.errors import later
from gmlang.errors import shapes as shape_errors
from gmlang.syntax import ast


def check_cover(state: Checking, env: Env, statement: ast.Cover) -> list[Statement]:
    """Check `cover x.a = v @ c` and `cover x.a ~ D @ c`."""
    if not env.model:
        fail(state, errors.cover_outside_model(statement.span))
    label = statement.label.text if statement.label is not None else ""
    confidence = attempt(lambda: (check_confidence(state, env, statement.confidence),))
    target = _site(state, env, statement.target)
    domain = evidence.domain_of(target)
    if statement.operator == "~":
        distribution = check_distribution(state, env, statement.value, domain)
    else:
        value = scalars.check_scalar(state, env, statement.value, domain)
        distribution = point(value.span, scalars.fit_here(state, env, value, domain))
    if confidence is None:
        raise PoisonedError
    return [Cover(statement.span, (), target, distribution, confidence[0], label)]


def _site(state: Checking, env: Env, written: ast.Expression) -> VariableRef | AttributeRef:
    text = written.span.text
    if models.try_activations(state, env, written) is not None:
        fail(state, errors.not_coverable(written.span, text, is_activation=True))
    target = scalars.check(state, env, written)
    if not isinstance(target, VariableRef | AttributeRef):
        fail(state, errors.not_coverable(written.span, text, is_activation=False))
    if is_real_reference(target):
        fail(state, later.real_elsewhere(written.span, written.span.text))
    if isinstance(target.type, Array):
        rank, element = target.type.rank, show_element(target)
        fail(state, shape_errors.array_predicted(written.span, text, rank, element, "cover"))
    return target


def check_depth(state: Checking, env: Env, written: ast.Expression | None) -> Expression | None:
    """Check a depth: a number, which may depend on variables."""
    if written is None:
        return None
    checked = scalars.check_scalar(state, env, written)
    if isinstance(type_of(checked), Bool | Enum):
        fail(state, errors.depth_not_a_number(checked.span, checked.span.text))
    return scalars.check_number(state, env, written)


# --- What may not exist ------------------------------------------------------------------


def existences(state: Checking) -> Iterator[ModelSymbol]:
    """Yield a model for each entity some things of which may not exist."""
    entities = dict.fromkeys(t.entity for t in state.things if t.prior is not None)
    for entity in {**entities, **state.existences}:
        span = state.entities[entity].span
        parameter = ParameterSymbol(span, fresh_key(state, "x"), "x", entity, None)
        yield ModelSymbol(span, existence_of(entity), (parameter,), None, ())


def while_they_exist(state: Checking, statement: Statement, around: Context) -> Context:
    """Return the conditions that the things exist which a statement names.

    Args:
        state: what the check gathers.
        statement: without what stands around it.
        around: which conditions do.
    """
    maybe = {thing.name for thing in state.things if thing.prior is not None}
    if not maybe or isinstance(statement, Consider):
        return ()
    known: list[Thing] = []
    gates = (clause.condition for clause in around if isinstance(clause, Gate))
    for expression in (*gates, *expressions_of(statement)):
        for thing in _named(expression):
            is_one = not any(isinstance(index, Whole) for index in thing.indices)
            if thing.name in maybe and is_one and not any(_same(thing, t) for t in known):
                known.append(thing)
    return tuple(_exists(statement.span, thing) for thing in known)


def _exists(span: Span, thing: Thing) -> Gate:
    return Gate(span, Activation(span, existence_of(thing.entity), (thing,)))


def _same(one: Thing, other: Thing) -> bool:
    """Say whether two things are the same, wherever they are written."""
    if one.name != other.name:
        return False
    pairs = zip(one.indices, other.indices, strict=True)
    return all(_plain(a) == _plain(b) for a, b in pairs)


def _plain(index: "Expression | Whole") -> object:
    if isinstance(index, Local):
        return index.key
    value = getattr(index, "value", None)
    return index if value is None else value


def _named(expression: Expression) -> Iterator[Thing]:
    """Yield the things that an expression names, those aside that it goes through by itself.

    What `exists` is about is no reason to ask whether it exists.
    """
    match expression:
        case Activation(model=model, arguments=arguments):
            if is_existence(model):
                return
            yield from (a for a in arguments if isinstance(a, Thing))
        case AttributeRef(thing=thing):
            yield thing
        case Call(arguments=arguments):
            yield from (a for a in arguments if isinstance(a, Thing))
        case Aggregate(items=items) | Distribution(items=items) if any(i.context for i in items):
            bound = {c.key for i in items for c in i.context if isinstance(c, Bind)}
            for part in parts(expression):
                for thing in _named(part):
                    inside = (p for i in thing.indices if not isinstance(i, Whole) for p in walk(i))
                    if not any(isinstance(p, Local) and p.key in bound for p in inside):
                        yield thing
            return
        case _:
            pass
    for part in parts(expression):
        yield from _named(part)
