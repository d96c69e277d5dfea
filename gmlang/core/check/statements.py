"""Statements, flattened: each stands alone with the loops, filters and gates around it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gmlang.core.ast import (
    Apply,
    Bool,
    Constant,
    Context,
    Expression,
    Gate,
    Integer,
    Where,
)
from gmlang.core.check import covering, predictions
from gmlang.core.check.covering import while_they_exist
from gmlang.core.check.deciding.choices import check_knows, check_maximize
from gmlang.core.check.evidence import check_consider, check_mechanism, check_observe
from gmlang.core.checking import Checking, PoisonedError, attempt, each, fail
from gmlang.core.expressions import loops, matching
from gmlang.core.expressions.operators import all_of, join, negation
from gmlang.core.expressions.scalars import check_condition, check_number
from gmlang.core.names.scope import Env, guarded
from gmlang.core.program import (
    LogFactor,
    Require,
    Statement,
)
from gmlang.core.walk import is_random
from gmlang.errors import decisions as decision_errors
from gmlang.errors import types as errors
from gmlang.syntax import ast


@dataclass(frozen=True, slots=True)
class Place:
    """Where statements stand.

    Attributes:
        contexts: usually one; two after an `else` whose `if` was partly known before inference.
        is_gated: inside an `if` or `match` on a random variable.
        is_block: inside any block.
    """

    contexts: tuple[Context, ...] = ((),)
    is_gated: bool = False
    is_block: bool = False


def check_block(
    state: Checking, env: Env, place: Place, statements: Sequence[ast.Statement]
) -> list[Statement]:
    """Check the statements of a block; those with mistakes are reported and left out."""
    found: list[Statement] = []
    for statement in statements:
        checked = attempt(lambda s=statement: _check_statement(state, env, place, s))
        found += checked or []
    return found


def _check_statement(
    state: Checking, env: Env, place: Place, statement: ast.Statement
) -> list[Statement]:
    """Check one statement that is not a declaration, import or question."""
    match statement:
        case ast.For():
            return _for(state, env, place, statement)
        case ast.If():
            return _if(state, env, place, statement)
        case ast.Match():
            return _match(state, env, place, statement)
        case ast.Documentation():
            return []
        case (
            ast.Import()
            | ast.FromImport()
            | ast.DomainDeclaration()
            | ast.DataDeclaration()
            | ast.ParamDeclaration()
            | ast.DefDeclaration()
            | ast.VarDeclaration()
            | ast.Entity()
            | ast.Model()
            | ast.Composite()
        ):
            fail(state, errors.misplaced_declaration(statement.span, _where(env, place)))
        case ast.Learn() | ast.LearnModel() | ast.LearnDef():
            fail(state, errors.misplaced_learning(statement.span, _where(env, place)))
        case ast.Query() | ast.Assert():
            fail(state, errors.misplaced_question(statement.span, _where(env, place)))
        case ast.Predict():
            made = predictions.check_predict(state, env, statement)
        case ast.Cover():
            made = covering.check_cover(state, env, statement)
        case ast.Use():
            made = predictions.check_use(state, env, statement)
        case ast.Mechanism() | ast.Observe() | ast.Consider():
            made = _outer(state, env, place, statement)
        case ast.Factor() | ast.Prefer() | ast.Constraint():
            made = [_score(state, env, statement)]
        case ast.Knows() | ast.Maximize():
            made = _decided(state, env, place, statement)
    found: list[Statement] = []
    for context in place.contexts:
        for one in made:
            whole = context + one.context + while_they_exist(state, one, context)
            found.append(replace(one, context=whole) if whole != one.context else one)
    return found


def _where(env: Env, place: Place) -> errors.Where:
    if env.model:
        return errors.Where.IN_MODEL
    return errors.Where.UNDER_VARIABLES if place.is_gated else errors.Where.IN_BLOCK


def _outer(
    state: Checking,
    env: Env,
    place: Place,
    statement: ast.Mechanism | ast.Observe | ast.Consider,
) -> list[Statement]:
    """Check a statement that stands in no model, and unless it is a mechanism under no gate."""
    span = statement.span
    match statement:
        case ast.Mechanism(target=target):
            if env.model:
                fail(state, errors.mechanism_in_model(span, target.span.text))
            return [check_mechanism(state, env, statement)]
        case ast.Observe():
            if env.model or place.is_gated:
                fail(state, errors.misplaced_evidence(span, _where(env, place)))
            return check_observe(state, env, statement)
        case ast.Consider():
            if env.model or place.is_gated:
                fail(state, errors.misplaced_consideration(span, _where(env, place)))
            groups = each(lambda item: check_consider(state, env, item), statement.items)
            return [one for group in groups for one in group]


def _decided(
    state: Checking, env: Env, place: Place, statement: ast.Knows | ast.Maximize
) -> list[Statement]:
    """Check what decisions know, or are for: outside of models."""
    if isinstance(statement, ast.Maximize):
        if env.model:
            fail(state, decision_errors.misplaced(statement.span, "maximize", _where(env, place)))
        return [*check_maximize(state, env, statement)]
    if env.model or place.is_gated:
        fail(state, decision_errors.misplaced(statement.span, "knows", _where(env, place)))
    return [check_knows(state, env, statement)]


# --- Blocks ------------------------------------------------------------------------------


def _for(state: Checking, env: Env, place: Place, loop: ast.For) -> list[Statement]:
    inner, clauses = loops.enter(state, env, loop.loops)
    added: Context = clauses
    is_gated = place.is_gated
    if loop.condition is not None:
        condition = attempt(lambda: check_condition(state, inner, loop.condition or _never()))
        if condition is not None:
            is_gated = is_gated or is_random(condition)
            added = (*clauses, *_clauses_of(condition))
        inner = guarded(inner)
    contexts = tuple(context + added for context in place.contexts)
    return check_block(state, inner, Place(contexts, is_gated, True), loop.body)


def _never() -> ast.Expression:
    raise AssertionError


def _clauses_of(condition: Expression) -> tuple[Where | Gate, ...]:
    """Turn a condition into clauses: what is known before inference filters, the rest gates.

    The known operands that come first guard the others, as in `t + 1 < T and k.hot[t + 1]`.
    """
    if not is_random(condition):
        return (Where(condition.span, condition),)
    if not (isinstance(condition, Apply) and condition.operator == "and"):
        return (Gate(condition.span, condition),)
    known: list[Expression] = []
    rest = list(condition.arguments)
    while rest and not is_random(rest[0]):
        known.append(rest.pop(0))
    wheres = tuple(Where(operand.span, operand) for operand in known)
    return (*wheres, Gate(condition.span, all_of(condition.span, tuple(rest))))


def _otherwise(condition: Expression) -> list[tuple[Where | Gate, ...]]:
    """Return the contexts, one or two, in which a condition fails."""
    clauses = _clauses_of(condition)
    opposites: list[tuple[Where | Gate, ...]] = []
    wheres = tuple(clause for clause in clauses if isinstance(clause, Where))
    if wheres:
        known = all_of(condition.span, tuple(clause.condition for clause in wheres))
        opposites.append((Where(condition.span, negation(known)),))
    for clause in clauses:
        if isinstance(clause, Gate):
            gate = Gate(clause.span, negation(clause.condition))
            opposites.append((*wheres, gate))
    return opposites


def _if(state: Checking, env: Env, place: Place, branch: ast.If) -> list[Statement]:
    condition = attempt(lambda: check_condition(state, env, branch.condition))
    env = guarded(env)
    if condition is None:
        # The bodies are still checked, for their own mistakes.
        check_block(state, env, replace(place, is_block=True), branch.then)
        check_block(state, env, replace(place, is_block=True), branch.otherwise)
        raise PoisonedError
    is_gated = place.is_gated or is_random(condition)
    then = tuple(context + _clauses_of(condition) for context in place.contexts)
    found = check_block(state, env, Place(then, is_gated, True), branch.then)
    otherwise = tuple(
        context + added for context in place.contexts for added in _otherwise(condition)
    )
    return found + check_block(state, env, Place(otherwise, is_gated, True), branch.otherwise)


def _match(state: Checking, env: Env, place: Place, match_: ast.Match) -> list[Statement]:
    subjects = matching.check_subjects(state, env, match_.subjects)
    earlier: list[tuple[Expression, ...]] = []
    found: list[Statement] = []
    for case in match_.cases:
        row = attempt(
            lambda c=case: matching.row_conditions(state, env, c.span, subjects, c.patterns)
        )
        if row is None:
            check_block(state, guarded(env), replace(place, is_block=True), case.body)
            continue
        excluded = [
            negation(all_of(case.span, before))
            for before in earlier
            if not _are_disjoint(before, row)
        ]
        condition = all_of(case.span, (*row, *excluded))
        earlier.append(row)
        clauses = tuple(
            Gate(part.span, part) if is_random(part) else Where(part.span, part)
            for part in _split_known(condition)
        )
        contexts = tuple(context + clauses for context in place.contexts)
        is_gated = place.is_gated or is_random(condition)
        found += check_block(state, guarded(env), Place(contexts, is_gated, True), case.body)
    return found


def _split_known(condition: Expression) -> list[Expression]:
    """Split a conjunction into what is known before inference, each alone, and the rest."""
    if not (isinstance(condition, Apply) and condition.operator == "and"):
        return [] if condition == Constant(condition.span, True, Bool()) else [condition]
    known = [part for part in condition.arguments if not is_random(part)]
    rest = tuple(part for part in condition.arguments if is_random(part))
    return known + ([all_of(condition.span, rest)] if rest else [])


def _are_disjoint(left: tuple[Expression, ...], right: tuple[Expression, ...]) -> bool:
    """Say whether two rows of patterns can be seen never to hold together."""
    return any(_exclude(a, b) for a, b in zip(left, right, strict=True))


def _exclude(left: Expression, right: Expression) -> bool:
    match left, right:
        case (
            Apply(operator="==", arguments=(_, Constant(value=a))),
            Apply(operator="==", arguments=(_, Constant(value=b))),
        ):
            return a != b
        case Apply(operator="not", arguments=(inner,)), _ if inner == right:
            return True
        case _, Apply(operator="not", arguments=(inner,)) if inner == left:
            return True
        case _:
            return False


# --- Factors -----------------------------------------------------------------------------


def _score(
    state: Checking, env: Env, statement: ast.Factor | ast.Prefer | ast.Constraint
) -> Statement:
    label = statement.label.text if statement.label is not None else ""
    span = statement.span
    match statement:
        case ast.Factor(value=value):
            return LogFactor(span, (), check_number(state, env, value), label)
        case ast.Constraint(condition=condition):
            return Require(span, (), check_condition(state, env, condition), label)
        case ast.Prefer():
            condition = attempt(lambda: check_condition(state, env, statement.condition))
            weight = check_number(state, env, statement.weight)
            if condition is None:
                raise PoisonedError
            zero = Constant(span, 0, Integer())
            type_ = join(state, weight, zero)
            score = Apply(span, "if", (condition, weight, zero), type_)
            return LogFactor(span, (), score, label)
