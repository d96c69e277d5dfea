"""Terms over many variables: structured factors where their form allows, else narrower pieces.

An and, or, count or sum over hundreds of variables becomes one factor with a message rule of its
own; what has no such rule is cut into pieces by auxiliary variables.
"""

from dataclasses import replace

import numpy as np

from gmlang.core.ast import Aggregate, Apply, Bool, Distribution, Expression, Integer
from gmlang.core.walk import is_random
from gmlang.graph.lowering.forms.causes import lower_causes
from gmlang.graph.lowering.forms.covers import lower_covers
from gmlang.graph.lowering.forms.different import (
    define_different,
    require_different,
    require_some_equal,
)
from gmlang.graph.lowering.forms.extremes import define_extreme
from gmlang.graph.lowering.forms.literals import conjuncts_of, literals_of, strip_not
from gmlang.graph.lowering.forms.log_factors import each_item, lower_sum
from gmlang.graph.lowering.grounder import Grounder, Job, auxiliary, environment
from gmlang.graph.lowering.plainer import COUNT_COMPARISONS, compared_count, compared_items
from gmlang.graph.lowering.sums.comparisons import (
    OPPOSITE,
    add_comparison,
    comparison,
    difference,
    has_short_sum,
)
from gmlang.graph.lowering.sums.diagrams import lower_comparison
from gmlang.graph.lowering.sums.linear import SUM_RANGE_MAX, LinearForm
from gmlang.graph.lowering.sums.residues import define_remainder, lower_residues
from gmlang.graph.values.evaluate import evaluate, item_frames
from gmlang.graph.values.terms import Condition, Covers, Defined, Drawn, Value
from gmlang.graph.world.places import locate
from gmlang.graph.world.states import BOOL, States
from gmlang.graph.world.world import Frame
from gmruntime.factors.kinds import Count, FactorKind, Or, Xor

_COUNTS = ("any", "exactly", "exactly_one", "at_most", "at_least", "xor", "all", "count", "sum")


def lower_structured(grounder: Grounder, frame: Frame, job: Job) -> bool:
    """Add structured factors for a job; False when its form is none of the known ones."""
    match job.term:
        case Condition():
            return _condition(grounder, frame, job, job.term.condition)
        case Value():
            is_sum = lower_sum(grounder, frame, job, job.term.value)
            return is_sum or lower_residues(grounder, frame, job)
        case Defined():
            is_known = not job.gates and _defined(grounder, frame, job, job.term)
            return is_known or lower_residues(grounder, frame, job)
        case Covers():
            return lower_covers(grounder, frame, job, job.term)
        case Drawn():
            has_factor = lower_causes(grounder, frame, job, job.term)
            return has_factor or lower_residues(grounder, frame, job)
        case _:
            return lower_residues(grounder, frame, job)


# --- Conditions --------------------------------------------------------------------------


def _condition(grounder: Grounder, frame: Frame, job: Job, condition: Expression) -> bool:
    conjuncts = conjuncts_of(condition)
    if len(conjuncts) > 1:
        for conjunct in conjuncts:
            grounder.lower(frame, replace(job, term=Condition(conjunct)))
        return True
    if isinstance(condition, Aggregate) and condition.operator == "all":
        each_item(grounder, frame, job, condition)
        return True
    plain = _plain(job, condition)
    if plain is not condition:
        grounder.lower(frame, replace(job, term=Condition(plain)))
        return True
    if lower_residues(grounder, frame, job):
        return True
    if job.gates:
        if not _has_rule(grounder, frame, job, condition):
            return False
        frame, reified = auxiliary(grounder, frame, condition, BOOL, job.gates)
        grounder.lower(frame, replace(job, term=Condition(reified)))
        return True
    return _hard(grounder, frame, job, condition)


def _plain(job: Job, condition: Expression) -> Expression:
    """Write a condition with plainer ones: counts compared with a variable, min and max."""
    positive, inner = strip_not(condition)
    plain = inner
    if isinstance(inner, Aggregate) and inner.operator in COUNT_COMPARISONS:
        if inner.parameter is not None and is_random(inner.parameter):
            plain = compared_count(inner)
    elif job.is_wide:
        plain = compared_items(inner)
    if plain is inner:
        return condition
    return plain if positive else Apply(plain.span, "not", (plain,), Bool())


def _has_rule(grounder: Grounder, frame: Frame, job: Job, condition: Expression) -> bool:
    inner = condition
    while isinstance(inner, Apply) and inner.operator == "not":
        inner = inner.arguments[0]
    if isinstance(inner, Aggregate):
        return inner.operator in (*_COUNTS[:-2], "alldifferent")
    if isinstance(inner, Apply) and inner.operator == "or":
        return True
    if job.is_wide and isinstance(inner, Apply) and inner.operator in OPPOSITE:
        return True
    return comparison(grounder, frame, inner, parts=False) is not None


def _hard(grounder: Grounder, frame: Frame, job: Job, condition: Expression) -> bool:
    """Add a factor for an ungated condition that has a rule."""
    positive, inner = strip_not(condition)
    if isinstance(inner, Aggregate) and inner.operator == "alldifferent":
        add = require_different if positive else require_some_equal
        return add(grounder, frame, job, inner)
    if isinstance(inner, Aggregate) and inner.operator == "xor":
        frame, literals = literals_of(grounder, frame, _items(grounder, frame, inner))
        parity = (literals.negated.sum(axis=1) % 2 == 1) ^ positive
        _add(grounder, job, Xor(parity), literals.variables)
        return True
    if isinstance(inner, Apply) and inner.operator in OPPOSITE:
        return _compared(grounder, frame, job, inner, positive=positive)
    values = _disjuncts(grounder, frame, inner)
    if values is None:
        return False
    frame, literals = literals_of(grounder, frame, values, lazy=_laziness(inner))
    holds = _count_rule(inner, len(values), frame, grounder)
    allowed = holds if positive else ~holds
    _add(
        grounder, job, Count(np.where(allowed, 0.0, -np.inf), literals.negated), literals.variables
    )
    return True


def _disjuncts(
    grounder: Grounder, frame: Frame, condition: Expression
) -> list[tuple[Expression, Frame]] | None:
    if isinstance(condition, Apply) and condition.operator in ("or", "and"):
        return [(part, frame) for part in condition.arguments]
    if isinstance(condition, Aggregate) and condition.operator in _COUNTS:
        return _items(grounder, frame, condition)
    return None


def _laziness(condition: Expression) -> str:
    """Return "and" or "or" where later parts are asked for only if the earlier ones ask for it."""
    return condition.operator if isinstance(condition, Apply) else ""


def _items(
    grounder: Grounder, frame: Frame, aggregate: Aggregate | Distribution
) -> list[tuple[Expression, Frame]]:
    env = environment(grounder, frame)
    return [
        (aggregate.items[position].value, item_frame)
        for position, item_frame in item_frames(env, aggregate)
    ]


def _count_rule(
    condition: Expression, num_items: int, frame: Frame, grounder: Grounder
) -> np.ndarray:
    """Say for each count of true literals whether the condition holds: (instances or 1, counts)."""
    counts: np.ndarray = np.arange(num_items + 1)[None, :]
    if isinstance(condition, Apply):
        return counts > 0 if condition.operator == "or" else counts == num_items
    assert isinstance(condition, Aggregate)
    k: np.ndarray = np.ones((1, 1), np.int64)
    if condition.parameter is not None:
        k = np.asarray(evaluate(condition.parameter, environment(grounder, frame)))
        k = k.reshape(-1, 1)
    match condition.operator:
        case "any":
            return counts > 0
        case "all":
            return counts == num_items
        case "exactly" | "exactly_one":
            return counts == k
        case "at_most":
            return counts <= k
        case "at_least":
            return counts >= k
        case _:
            raise AssertionError(condition.operator)


def _compared(
    grounder: Grounder, frame: Frame, job: Job, condition: Apply, *, positive: bool
) -> bool:
    """Add a comparison of sums that must hold, or must not."""
    for parts in (False, True) if job.is_wide else (False,):
        form = comparison(grounder, frame, condition, parts=parts)
        if form is None:
            continue
        # A chain reads a function of one variable without an auxiliary variable for it.
        is_chain = form[0].has_functions() and lower_comparison(
            grounder, frame, job, condition, positive=positive
        )
        if not is_chain:
            operator = form[1] if positive else OPPOSITE[form[1]]
            add_comparison(grounder, job, form[0], operator)
        return True
    return job.is_wide and lower_comparison(grounder, frame, job, condition, positive=positive)


# --- Definitions and draws ---------------------------------------------------------------


def _defined(grounder: Grounder, frame: Frame, job: Job, term: Defined) -> bool:
    target = locate(term.target, environment(grounder, frame))
    plain = _plain(job, term.value)
    if plain is not term.value:
        grounder.lower(frame, replace(job, term=Defined(term.target, plain)))
        return True
    positive, inner = strip_not(term.value)
    if isinstance(inner, Aggregate) and inner.operator == "xor":
        items = _items(grounder, frame, inner)
        frame, literals = literals_of(grounder, frame, items, guards=job.guards)
        parity = (literals.negated.sum(axis=1) % 2 == 1) ^ (not positive)
        columns = np.column_stack([literals.variables, target.variables])
        _add(grounder, job, Xor(parity), columns)
        return True
    if _is_junction(inner):
        _junction(grounder, frame, job, target.variables, (positive, inner))
        return True
    if isinstance(inner, Aggregate) and inner.operator in COUNT_COMPARISONS:
        _counted(grounder, frame, job, term, inner)
        return True
    if isinstance(inner, Aggregate) and inner.operator == "alldifferent":
        return define_different(grounder, frame, job, target.variables, (positive, inner))
    return _defined_sum(grounder, frame, job, term) or define_extreme(grounder, frame, job, term)


def _defined_sum(grounder: Grounder, frame: Frame, job: Job, term: Defined) -> bool:
    """Add target = a weighted sum, or target = a comparison of sums of too many values."""
    for parts in (False, True) if job.is_wide else (False,):
        form = difference(term.value, term.target, grounder, frame, parts=parts)
        if form is not None and len(form.terms) >= 3:
            return _equal_inside(grounder, frame, job, term, form)
    if define_remainder(grounder, frame, job, term) or lower_residues(grounder, frame, job):
        return True
    positive, inner = strip_not(term.value)
    if not job.is_wide or has_short_sum(grounder, frame, inner):
        return False
    target = locate(term.target, environment(grounder, frame)).variables
    return lower_comparison(grounder, frame, job, inner, positive=positive, target=target)


def _equal_inside(
    grounder: Grounder, frame: Frame, job: Job, term: Defined, form: LinearForm
) -> bool:
    """Add target = a sum, where `form` is the sum less the target, unless a table tells more."""
    states = locate(term.target, environment(grounder, frame)).states
    low, high = form.bounds()
    # The least and largest sum go with the last and first state of the target.
    first, last = int(low.min()) + states.first + states.count - 1, int(high.max()) + states.first
    if first >= states.first and last < states.first + states.count:
        add_comparison(grounder, job, form, "==")
        return True
    if not job.is_wide or last - first > SUM_RANGE_MAX:
        return False
    # Where the value leaves the domain must be told apart: it is worked out in full first.
    domain = States(first, last - first + 1)
    frame, total = auxiliary(grounder, frame, term.value, domain, job.guards)
    grounder.lower(frame, replace(job, term=Defined(term.target, total)))
    return True


def _is_junction(value: Expression) -> bool:
    return (isinstance(value, Apply) and value.operator in ("or", "and")) or (
        isinstance(value, Aggregate) and value.operator in ("any", "all")
    )


def _junction(
    grounder: Grounder,
    frame: Frame,
    job: Job,
    target: np.ndarray,
    value: tuple[bool, Expression],
) -> None:
    """Add target = (any or all of the literals), perhaps negated."""
    positive, inner = value
    values = _disjuncts(grounder, frame, inner)
    assert values is not None
    operator = inner.operator if isinstance(inner, Apply | Aggregate) else ""
    is_and = operator in ("and", "all")
    lazy = _laziness(inner)
    frame, literals = literals_of(grounder, frame, values, guards=job.guards, lazy=lazy)
    head = np.full((frame.count, 1), is_and ^ (not positive))
    negated = np.concatenate([literals.negated ^ is_and, head], axis=1)
    _add(grounder, job, Or(negated), np.column_stack([literals.variables, target]))


def _counted(
    grounder: Grounder,
    frame: Frame,
    job: Job,
    term: Defined,
    aggregate: Aggregate,
) -> None:
    total = replace(aggregate, operator="count", parameter=None, type=Integer())
    num_items = len(_items(grounder, frame, aggregate))
    frame, count = auxiliary(grounder, frame, total, States(0, num_items + 1), job.guards)
    compared = compared_count(aggregate, count)
    positive, _ = strip_not(term.value)
    value = compared if positive else Apply(aggregate.span, "not", (compared,), Bool())
    grounder.lower(frame, replace(job, term=Defined(term.target, value)))


def _add(grounder: Grounder, job: Job, kind: FactorKind, variables: np.ndarray) -> None:
    grounder.builder.add_factors(kind, variables, job.origin)
