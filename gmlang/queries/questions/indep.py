"""indep: whether two variables are independent, given others."""

from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.asking.arguments import check_references, need_count
from gmlang.core.ast import Bool, Type
from gmlang.core.checking import Checking
from gmlang.core.names.scope import Env
from gmlang.core.program import Query
from gmlang.diagnostics import GmError
from gmlang.errors import asking as errors
from gmlang.queries.answers import Answer, with_quality
from gmlang.queries.question import Question, Several
from gmlang.queries.reading import check_joint, joint_too_large
from gmlang.queries.remembered.asking import ask_graph
from gmlang.queries.session import Session, prepare
from gmlang.queries.settings import Settings
from gmlang.syntax import ast
from gmruntime.answer import Joint, JointAnswer, Status
from gmruntime.constraints.feasible import is_possible
from gmruntime.elimination.separation import are_separated
from gmruntime.graph import Assignment, FactorGraph

_INDEPENDENT_BELOW = 1e-9
"""Two variables are called independent when no probability differs by more than this, relatively.

Relatively, because events may be as rare as they like and still depend on each other.
"""

_SEPARATED_SHARE = 0.2
"""Of the time, for finding out whether evidence is possible that separates two variables."""


class Indep(Query):
    """Whether P(a, b | c) = P(a | c) P(b | c) for all values."""

    __slots__ = ()
    kind = "indep"
    names_states = True

    def as_number(self) -> tuple[Query, Type] | None:
        """Stand for 1 where they are independent, else for 0."""
        return self, Bool()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class IndepAnswer(Answer):
    """Whether they are; None where that is not known.

    Attributes:
        largest_difference: of conditional probabilities; None where the graph alone says it.
    """

    kind = "indep"

    largest_difference: float | None = None

    @property
    def details(self) -> dict[str, object]:
        """The difference."""
        difference = self.largest_difference
        return {} if difference is None else {"largest_difference": difference}


def _check(state: Checking, env: Env, call: ast.Call) -> Query:
    need_count(state, call, 2, "two variables")
    return Indep(call.span, call.span.text, check_references(state, env, call.arguments))


def _answer(session: Session, query: Indep, settings: Settings) -> Answer:
    """Compare the joint distribution with the product, or look at the graph.

    Only exact probabilities and the graph itself may say so; an estimate leaves it open.
    """
    prepared = prepare(session, query, settings.running())
    evidence, clash = prepared.evidence()
    if clash:
        return IndepAnswer(query.text, "impossible")
    if len(prepared.targets) != 2 or any(t.variables.shape for t in prepared.targets):
        raise GmError([errors.compares_two_variables(query.span)])
    first, second = (int(t.variables) for t in prepared.targets)
    if first == second:
        raise GmError([errors.compared_with_itself(query.span)])
    variables = np.array([first, second, *prepared.conditioned], np.int32)
    graph = prepared.graph()
    apart = are_separated(graph, evidence, first, second, frozenset(prepared.conditioned))
    builder = prepared.builder
    sizes = [builder.variables[builder.block_of(int(v))].num_states for v in variables]
    if apart and joint_too_large(query, sizes) is not None:
        return _separated(IndepAnswer(query.text), graph, evidence, settings)
    check_joint(query, sizes)
    share = _SEPARATED_SHARE if apart else 1.0
    found = ask_graph(graph, Joint(variables), evidence, settings, query, share)
    assert isinstance(found, JointAnswer)
    base = IndepAnswer(query.text)
    match found.quality.status:
        case Status.IMPOSSIBLE:
            return with_quality(base, found.quality)
        case Status.EXACT:
            value, largest = _independence(found.probabilities)
            # What the graph says holds for numbers of any size.
            value = value or apart
            base = replace(base, value=value, largest_difference=largest)
            return with_quality(base, found.quality)
        case _ if apart:
            return _separated(base, graph, evidence, settings)
        case _:
            note = "not known: the graph joins them, and their joint distribution is an estimate"
            return replace(base, status="estimate", method=found.quality.method, note=note)


def _separated(
    base: Answer, graph: FactorGraph, evidence: Assignment, settings: Settings
) -> Answer:
    """Answer from the graph alone about two variables that nothing joins.

    They are independent only where what is given is possible.
    """
    base = replace(base, method="separation")
    rng = np.random.default_rng(settings.seed)
    match is_possible(graph, evidence, settings.running(), rng):
        case True:
            note = "nothing joins them once what is given is known"
            return replace(base, status="exact", value=True, note=note)
        case False:
            return replace(base, status="impossible")
        case None:
            note = "not known: nothing joins them, but what is given may be impossible"
            return replace(base, status="estimate", note=note)


def _independence(joint: np.ndarray) -> tuple[bool, float]:
    """Say whether the first two axes are independent given the others, and how much they differ.

    The difference is of conditional probabilities.
    """
    p = joint.reshape(*joint.shape[:2], -1)
    p = p[:, :, p.sum(axis=(0, 1)) > 0.0]
    p = p / p.sum(axis=(0, 1), keepdims=True)
    product = p.sum(axis=1, keepdims=True) * p.sum(axis=0, keepdims=True)
    difference = np.abs(p - product)
    larger = np.maximum(p, product)
    # Numbers below the normal ones have lost their digits.
    is_close = (difference <= _INDEPENDENT_BELOW * larger) | (larger < np.finfo(p.dtype).tiny)
    value = bool(is_close.all())
    return value, float(difference.max(initial=0.0))


INDEP = Question(
    word="indep",
    help="whether variables are independent",
    shortest="indep(a, b)",
    form="indep(a, b | c)",
    example="var c : bool\n"
    "var a : bool ~ Bernoulli(0.9 if c else 0.1)\n"
    "var b : bool ~ Bernoulli(0.8 if c else 0.2)\n"
    "query indep(a, b)\n"
    "assert indep(a, b | c) and not indep(a, b)\n",
    check=_check,
    leaves_open=True,
    kinds=((Indep, IndepAnswer),),
    answered=Several(_answer),
)
