"""Every question, gone through by its list: its row is whole, its answers hold, its merge is a law.

A question that is added to the list is tested here without a word more.
"""

import itertools
import pkgutil
import warnings
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import gmruntime as gm
from gmruntime import questions
from gmruntime.answer import AnyAnswer, Question, Way
from gmruntime.factors.kinds import Table
from gmruntime.graph import no_evidence
from gmruntime.policy.trying import ways_for
from gmruntime.policy.ways import RULES
from gmruntime.quality import Quality, Status
from gmruntime.questions import QUESTIONS
from gmruntime.questions.enumerate import Enumeration, enumerate_assignments
from tests.support.random_factors import every_kind, random_loops, tree_around

SHARED = {"assignments", "checks", "enumerate", "idle", "question", "rounding"}
"""Modules of the folder that are no question."""

ASKED = np.array([3, 1], np.int32)

every_question = pytest.mark.parametrize("kind", QUESTIONS, ids=lambda kind: kind.__name__)


def examples(kind: type[Question[AnyAnswer]]) -> Iterator[Question[AnyAnswer]]:
    """Ask in each way that the fields of a question allow."""
    make: Any = kind
    nobody = np.zeros(0, np.int32)
    choices = {"count": [3], "variables": [ASKED]}
    choices |= {"decisions": [nobody], "information": [()], "utilities": [()]}
    required = [one.name for one in fields(kind) if one.default is not None]
    optional = [one.name for one in fields(kind) if one.default is None]
    for chosen in ([], optional) if optional else ([],):
        names = [*required, *chosen]
        for values in itertools.product(*(choices[name] for name in names)):
            yield make(**dict(zip(names, values, strict=True)))


def graphs() -> Iterator[gm.FactorGraph]:
    for seed in range(4):
        yield random_loops(np.random.default_rng(seed), 6, 7, zeros=0.15 * seed)
    for number, (kind, shape) in enumerate(every_kind(np.random.default_rng(0), 2)):
        graph = tree_around(np.random.default_rng(number), kind, shape, zeros=0.0)
        if np.prod([float(b.num_states**b.size) for b in graph.variables]) <= 1 << 14:
            yield graph


def told(value: object) -> object:
    """Write an answer as plain values."""
    if is_dataclass(value):
        return {one.name: told(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, tuple):
        return [told(part) for part in value]
    return repr(value.tolist()) if isinstance(value, np.ndarray) else repr(value)


# --- Rows --------------------------------------------------------------------------------


def test_every_module_has_one_question_and_is_listed_once():
    modules = {module.name for module in pkgutil.iter_modules(questions.__path__)} - SHARED
    owned = [
        value
        for name in modules
        for value in vars(import_module(f"gmruntime.questions.{name}")).values()
        if isinstance(value, type)
        and issubclass(value, Question)
        and value.__module__ == f"gmruntime.questions.{name}"
    ]
    assert len(owned) == len(modules)
    assert sorted(kind.__name__ for kind in owned) == sorted(kind.__name__ for kind in QUESTIONS)


def test_every_way_has_a_rule():
    assert set(RULES) == set(Way)


@every_question
def test_a_row_is_whole(kind: type[Question[AnyAnswer]]):
    assert kind.__doc__
    assert kind.WAYS
    assert (Way.IDLE in kind.WAYS) == (kind.with_idle is not Question.with_idle)
    for query in examples(kind):
        for method in ("", "exact", "bp"):
            assert ways_for(query, method)
        graph = random_loops(np.random.default_rng(0), 6, 7)
        assert query.checked(graph).answer_bytes(graph) >= 0
        assert query.described()


def test_more_assignments_than_floats_hold_are_refused():
    class Plain(Question[AnyAnswer]):
        """Answered by enumeration."""

        def enumerated(self, every: Enumeration, rng: np.random.Generator) -> AnyAnswer:
            return AnyAnswer(every.quality())

    graph = gm.FactorGraph((gm.VariableBlock("x", (3000,), 2),), ())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(gm.GraphError, match="there are more than 1e308, and at most"):
            gm.infer(graph, Plain())
        assert "more than 1e308" in gm.plan(graph, Plain()).engine


def test_a_question_without_an_oracle_cannot_be_asked():
    class Mute(Question[AnyAnswer]):
        """Says nothing of itself."""

    class Careless(Mute):
        """Leaves idle variables out, and does not say what becomes of them."""

        WAYS = (Way.IDLE, Way.ENUMERATION)

        def enumerated(self, every: Enumeration, rng: np.random.Generator) -> AnyAnswer:
            return AnyAnswer(every.quality())

    make: Any = Mute
    with pytest.raises(TypeError, match="enumerated"):
        make()
    graph = gm.FactorGraph((gm.VariableBlock("x", (), 1 << 17),), ())
    with pytest.raises(gm.GraphError, match="Careless does not say"):
        gm.infer(graph, Careless())


@every_question
def test_variables_that_do_not_exist_are_refused(kind: type[Question[AnyAnswer]]):
    graph = random_loops(np.random.default_rng(0), 6, 7)
    for query in examples(kind):
        if getattr(query, "variables", None) is None:
            continue
        changed: Any = query
        with pytest.raises(gm.GraphError, match="names variable 6"):
            gm.infer(graph, replace(changed, variables=np.array([6], np.int32)))


# --- Answers -----------------------------------------------------------------------------


def assert_same(found: AnyAnswer, wanted: AnyAnswer) -> None:
    for one in fields(found):
        if one.name == "quality":
            assert found.quality.status is wanted.quality.status
            continue
        one_value, other = getattr(found, one.name), getattr(wanted, one.name)
        pairs = [(one_value, other)]
        if isinstance(one_value, tuple):
            pairs = list(zip(one_value, other, strict=True))
        for a, b in pairs:
            if a is None or b is None:
                assert a is b
            elif not isinstance(a, np.ndarray) or a.dtype.kind == "f":
                np.testing.assert_allclose(a, b, atol=1e-9)
            else:
                np.testing.assert_array_equal(a, b)


@every_question
def test_answers_are_those_of_the_oracle(kind: type[Question[AnyAnswer]]):
    for graph in graphs():
        evidence = no_evidence(graph)
        for state in (-1, 0):
            evidence[0] = state
            every = enumerate_assignments(graph, evidence)
            for query in examples(kind):
                found = gm.infer(graph, query, evidence=evidence, method="exact", budget_s=60.0)
                wanted = query.enumerated(every, np.random.default_rng(0))
                if isinstance(query, gm.Samples):
                    assert found.quality.status is wanted.quality.status
                    continue
                if wanted.quality.status is Status.IMPOSSIBLE:
                    assert found.quality.status is Status.IMPOSSIBLE
                    continue
                assert_same(found, wanted)


@every_question
def test_a_plan_says_who_will_answer(kind: type[Question[AnyAnswer]]):
    graph = random_loops(np.random.default_rng(0), 6, 7)
    for query in examples(kind):
        found = gm.plan(graph, query)
        answer = gm.infer(graph, query)
        assert found.engine
        if not found.tried:
            assert answer.quality.method in found.engine


def test_draws_of_the_oracle_follow_the_scores():
    graph = random_loops(np.random.default_rng(3), 4, 4)
    every = enumerate_assignments(graph, no_evidence(graph))
    drawn = gm.Samples(4000).enumerated(every, np.random.default_rng(0))
    rows = gm.Marginals().enumerated(every, np.random.default_rng(0)).probabilities[0]
    shares = [np.bincount(drawn.assignments[:, v], minlength=3) / 4000 for v in range(4)]
    np.testing.assert_allclose(np.array(shares), rows, atol=0.04)


# --- Two answers to one question ---------------------------------------------------------


@every_question
def test_a_proof_that_nothing_is_possible_outlasts_an_estimate(kind: type[Question[AnyAnswer]]):
    graph = random_loops(np.random.default_rng(0), 6, 7)
    nowhere = replace(graph.factors[0], kind=Table(np.full((1, 3, 3), -np.inf)))
    nowhere = replace(nowhere, scopes=np.array([[0, 1]], np.int32))
    refuted = replace(graph, factors=(*graph.factors, nowhere))
    for query in examples(kind):
        proof: Any = gm.infer(refuted, query)
        other: Any = gm.infer(graph, query)
        guess = replace(other, quality=Quality(Status.ESTIMATE, "guess", 0.0, 0.1))
        for one, two in ((proof, guess), (guess, proof)):
            merged = query.merged(one, two)
            # An assignment for `Map` is graded by the bound that is left.
            if not isinstance(query, gm.Map):
                assert merged.quality.status is Status.IMPOSSIBLE


def findings(answer: AnyAnswer, rng: np.random.Generator, count: int) -> Iterator[AnyAnswer]:
    """Weaken an answer in ways that an engine might: bounds are looser, statuses lower."""
    changed: Any = answer
    statuses = [Status.EXACT, Status.BOUNDED, Status.ESTIMATE]
    for _ in range(count):
        status = statuses[rng.integers(3)]
        error = float(rng.choice([0.0, 0.5, np.nan]))
        quality = Quality(status, str(rng.choice(["a", "b"])), float(rng.integers(2)), error)
        weaker: dict[str, object] = {"quality": quality}
        for one in fields(answer):
            value = getattr(answer, one.name)
            if "lower" not in one.name and "upper" not in one.name:
                continue
            sign = -1.0 if "lower" in one.name else 1.0
            far = sign * float(rng.choice([0.0, 1.0, 2.0, np.inf]))
            if value is None:
                rows = getattr(changed, "probabilities", ())
                value = rows if rng.integers(2) else None
            if isinstance(value, tuple):
                weaker[one.name] = tuple(
                    np.clip(part + 0.1 * sign * rng.random(part.shape), 0.0, 1.0) for part in value
                )
            elif value is not None:
                weaker[one.name] = value + far
        if status is not Status.EXACT and hasattr(changed, "log_value"):
            weaker["log_value"] = changed.log_value + rng.normal()
        yield replace(changed, **weaker)


@every_question
@pytest.mark.parametrize("seed", range(8))
def test_merging_is_a_law(kind: type[Question[AnyAnswer]], seed: int):
    rng = np.random.default_rng(seed)
    graph = random_loops(rng, 6, 7)
    every = enumerate_assignments(graph, no_evidence(graph))
    for query in examples(kind):
        exact = query.enumerated(every, rng)
        for one, two, three in zip(*(findings(exact, rng, 12) for _ in range(3)), strict=True):
            merged = query.merged(one, two)
            itself = query.merged(one, one)
            assert told(query.merged(itself, itself)) == told(itself)
            assert told(merged) == told(query.merged(two, one))
            assert told(query.merged(merged, three)) == told(
                query.merged(one, query.merged(two, three))
            )
            for part in (one, two):
                assert_no_looser(merged, part)


def assert_no_looser(merged: AnyAnswer, part: AnyAnswer) -> None:
    for one in fields(part):
        for name, sign in (("lower", -1.0), ("upper", 1.0)):
            before, after = getattr(part, one.name), getattr(merged, one.name)
            if name not in one.name or before is None:
                continue
            before = before if isinstance(before, tuple) else (before,)
            after = after if isinstance(after, tuple) else (after,)
            for b, a in zip(before, after, strict=True):
                rows = ~np.isnan(b)
                assert (sign * np.asarray(a)[rows] <= sign * np.asarray(b)[rows]).all()


def test_bounds_of_two_engines_meet_and_the_better_value_stands():
    bounded = Quality(Status.BOUNDED, "a", 0.0)
    one = gm.infer(gm.FactorGraph((), ()), gm.LogPartition())
    low = replace(one, quality=bounded, log_value=1.0, log_lower=0.5, log_upper=4.0)
    high = replace(
        one,
        quality=Quality(Status.ESTIMATE, "b", 0.0, float("nan")),
        log_value=3.0,
        log_lower=2.0,
        log_upper=5.0,
    )
    merged = gm.LogPartition().merged(low, high)
    assert (merged.log_lower, merged.log_value, merged.log_upper) == (2.0, 2.0, 4.0)
    assert merged.quality is bounded


def test_a_bound_that_meets_a_score_proves_it():
    graph = random_loops(np.random.default_rng(0), 6, 7)
    exact = gm.infer(graph, gm.Map())
    score = float(exact.log_scores[0])
    found = replace(exact, quality=Quality(Status.ESTIMATE, "a", 1.0), log_upper=np.inf)
    proof = replace(
        exact,
        quality=Quality(Status.BOUNDED, "b", 0.0),
        assignments=exact.assignments[:0],
        log_scores=exact.log_scores[:0],
        log_upper=score,
    )
    merged = gm.Map().merged(found, proof)
    assert merged.quality.status is Status.EXACT
    np.testing.assert_array_equal(merged.assignments, exact.assignments)
