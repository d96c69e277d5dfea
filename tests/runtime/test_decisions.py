"""Decisions: the optimum over policies, or bounds that hold, against enumeration and pyAgrum."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

import gmruntime as gm
from gmruntime.answer import ExpectedUtility, Policy
from gmruntime.budget import UNLIMITED
from gmruntime.decisions.alternating import alternate, planned
from gmruntime.elimination.passes.loading import load
from gmruntime.factors.kinds import Table
from gmruntime.graph import no_evidence
from gmruntime.quality import Status
from gmruntime.questions.enumerate import enumerate_assignments
from gmruntime.simplify.network import Factor, Network
from tests.support.agrum import pyagrum
from tests.support.influence import Diagram, as_question, random_diagram

OIL = Diagram(
    (3, 2, 4, 2),
    ((), (), (0, 1), (1, 2)),
    (
        np.array([0.5, 0.3, 0.2]),
        None,
        np.array(
            [
                [[0, 0, 0, 1], [0.6, 0.3, 0.1, 0]],
                [[0, 0, 0, 1], [0.3, 0.4, 0.3, 0]],
                [[0, 0, 0, 1], [0.1, 0.4, 0.5, 0]],
            ]
        ),
        None,
    ),
    (((0, 3), np.array([[0.0, -70], [0, 50], [0, 200]])), ((1,), np.array([0.0, -10]))),
)
"""Raiffa (1968): the oil, whether to test, what the test says, whether to drill."""


def value_of(graph: gm.FactorGraph, query: ExpectedUtility, policies: tuple[Policy, ...]) -> float:
    """Add up the utility of every assignment that policies allow."""
    every = enumerate_assignments(graph, no_evidence(graph))
    weights = np.exp(every.log_scores)
    for policy in policies:
        states = every.assignments
        weights *= states[:, policy.decision] == policy.actions[tuple(states[:, policy.known].T)]
    total = np.zeros(len(weights))
    for block in query.utilities:
        assert isinstance(block.kind, Table)
        for scope in block.scopes:
            total += block.kind.log_potentials[(0, *every.assignments[:, scope].T)]
    return float(weights @ total / weights.sum())


def oracle(graph: gm.FactorGraph, query: ExpectedUtility) -> float | None:
    """Return the optimum over all policies; None where they are too many."""
    every = enumerate_assignments(graph, no_evidence(graph))
    try:
        return query.checked(graph).enumerated(every, np.random.default_rng(0)).value
    except gm.GraphError:
        return None


def test_the_oil_wildcatter_tests_and_drills_unless_the_test_says_none():
    graph, query = as_question(OIL)
    found = gm.infer(graph, query)
    assert found.quality.status is Status.EXACT
    assert found.value == pytest.approx(22.5, abs=1e-9)
    assert found.policies[0].actions == 1
    # The states of the test: none, open, closed, not made.
    assert found.policies[1].actions[1].tolist()[:3] == [0, 1, 1]


def test_knowing_the_oil_is_worth_what_it_saves():
    graph, query = as_question(OIL)
    knowing = replace(query, information=(query.information[0], np.array([0, 1, 2], np.int32)))
    gain = gm.infer(graph, knowing).value - gm.infer(graph, query).value
    assert gain == pytest.approx(0.3 * 50 + 0.2 * 200 - 22.5, abs=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_with_recall_the_value_is_the_optimum(seed: int):
    rng = np.random.default_rng(seed)
    graph, query = as_question(random_diagram(rng, int(rng.integers(1, 3)), recalls=True))
    found = gm.infer(graph, query)
    assert found.quality.status is Status.EXACT
    assert value_of(graph, query, found.policies) == pytest.approx(found.value, abs=1e-9)
    best = oracle(graph, query)
    if best is not None:
        assert found.value == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_without_recall_bounds_hold_and_policies_keep_to_what_is_known(seed: int):
    rng = np.random.default_rng(seed)
    graph, query = as_question(random_diagram(rng, 2, recalls=False))
    found = gm.infer(graph, query)
    for policy, known in zip(found.policies, query.information, strict=True):
        assert set(policy.known.tolist()) <= set(known.tolist())
    assert value_of(graph, query, found.policies) == pytest.approx(found.value, abs=1e-9)
    best = oracle(graph, query)
    if best is not None:
        assert found.lower <= best + 1e-9
        assert best <= found.upper + 1e-9
        if found.quality.status is Status.EXACT:
            assert found.value == pytest.approx(best, abs=1e-7)


def alternated(network: Network, stages: dict[int, int], *, compiled: bool) -> float:
    found = planned(network, stages, np.random.default_rng(0), UNLIMITED)
    assert found is not None
    decisions = frozenset(v for v, stage in stages.items() if stage % 2)
    passed = alternate(replace(found, compiled=compiled), decisions, UNLIMITED, lambda _: False)
    return passed.log_value


@pytest.mark.parametrize("seed", range(10))
def test_compiled_loops_alternate_as_numpy_does_and_as_the_joint_table_says(seed: int):
    load()
    rng = np.random.default_rng(seed)
    count = 6
    factors: list[Factor] = []
    for _ in range(7):
        scope = tuple(sorted(rng.choice(count, size=int(rng.integers(1, 4)), replace=False)))
        table = rng.normal(size=(3,) * len(scope))
        table[rng.random(table.shape) < 0.1] = -np.inf
        factors.append(Factor(tuple(map(int, scope)), table))
    network = Network(tuple(range(count)), np.full(count, 3), factors, 0.0)
    stages = {v: int(rng.integers(0, 4)) for v in range(count)}
    joint = np.zeros((3,) * count)
    for factor in factors:
        joint = joint + factor.table.reshape([3 if v in factor.scope else 1 for v in range(count)])
    value = np.exp(joint)
    for stage in range(4):
        axes = tuple(v for v in range(count) if stages[v] == stage)
        value = (value.max if stage % 2 else value.sum)(axis=axes, keepdims=True)
    with np.errstate(divide="ignore"):
        wanted = float(np.log(value).reshape(()))
    for compiled in (False, True):
        assert alternated(network, stages, compiled=compiled) == pytest.approx(wanted, abs=1e-9)


def test_evidence_that_a_decision_changes_is_refused():
    graph, query = as_question(OIL)
    evidence = no_evidence(graph)
    evidence[2] = 0
    with pytest.raises(gm.GraphError, match="depends on a decision"):
        gm.infer(graph, query, evidence=evidence)
    # Once it is settled whether to test, what the test says is evidence like any other.
    evidence[1] = 1
    p = np.array([0.5 * 0.6, 0.3 * 0.3, 0.2 * 0.1])
    best = max(0.0, float(p @ [-70, 50, 200]) / p.sum()) - 10.0
    assert gm.infer(graph, query, evidence=evidence).value == pytest.approx(best, abs=1e-9)


def test_impossible_evidence_leaves_nothing_to_decide():
    graph, query = as_question(OIL)
    evidence = no_evidence(graph)
    evidence[1:3] = [0, 0]
    assert gm.infer(graph, query, evidence=evidence).quality.status is Status.IMPOSSIBLE


def test_what_contradicts_itself_is_refused():
    graph, query = as_question(OIL)
    for wrong, told in (
        (replace(query, information=query.information[:1]), "2 decisions and 1 lists"),
        (replace(query, decisions=query.decisions[::-1]), "is not decided before"),
        (replace(query, decisions=np.array([1, 1], np.int32)), "names a variable twice"),
        (replace(query, decisions=np.array([1, 9], np.int32)), "names variable 9"),
    ):
        with pytest.raises(gm.GraphError, match=told):
            gm.infer(graph, wrong)


def test_a_budget_that_is_too_short_leaves_bounds():
    rng = np.random.default_rng(0)
    graph, query = as_question(random_diagram(rng, 4, recalls=False))
    found = gm.infer(graph, query, budget_s=1e-6)
    best = gm.infer(graph, query, budget_s=20.0)
    assert found.quality.status is Status.BOUNDED
    assert found.lower <= best.lower + 1e-9
    assert best.upper <= found.upper + 1e-9


def agrum_meu(diagram: Diagram) -> float:
    """Ask pyAgrum's LIMID inference, with what each decision knows spelled out."""
    made = pyagrum.InfluenceDiagram()
    for v, (size, table) in enumerate(zip(diagram.sizes, diagram.tables, strict=True)):
        one = pyagrum.RangeVariable(f"x{v}", "", 0, size - 1)
        (made.addDecisionNode if table is None else made.addChanceNode)(one)
    for v, parents in enumerate(diagram.parents):
        for p in parents:
            made.addArc(f"x{p}", f"x{v}")
    for k, (scope, _) in enumerate(diagram.utilities):
        made.addUtilityNode(pyagrum.LabelizedVariable(f"u{k}", "", 1))
        for p in scope:
            made.addArc(f"x{p}", f"u{k}")
    for v, (parents, table) in enumerate(zip(diagram.parents, diagram.tables, strict=True)):
        if table is not None:
            for state in np.ndindex(table.shape[:-1]):
                named = {f"x{p}": int(s) for p, s in zip(parents, state, strict=True)}
                made.cpt(f"x{v}")[named] = table[state].tolist()
    for k, (scope, table) in enumerate(diagram.utilities):
        for state in np.ndindex(table.shape):
            named = {f"x{p}": int(s) for p, s in zip(scope, state, strict=True)}
            made.utility(f"u{k}")[named] = [float(table[state])]
    inference = pyagrum.ShaferShenoyLIMIDInference(made)
    if len(diagram.decisions) > 1:
        inference.addNoForgettingAssumption([f"x{d}" for d in diagram.decisions])
    inference.makeInference()
    return float(inference.MEU()["mean"])


@pytest.mark.slow
def test_two_hundred_diagrams_are_worth_what_pyagrum_says_or_provably_more():
    beaten = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        diagram = random_diagram(rng, int(rng.integers(1, 4)), recalls=True)
        graph, query = as_question(diagram)
        found = gm.infer(graph, query)
        assert found.quality.status is Status.EXACT
        with warnings.catch_warnings():
            # Inside pyAgrum they would crash it.
            warnings.simplefilter("ignore")
            told = agrum_meu(diagram)
        assert told <= found.value + 1e-6
        if told < found.value - 1e-6:
            # Written out, our policies are worth more: pyAgrum missed the optimum.
            assert value_of(graph, query, found.policies) == pytest.approx(found.value, abs=1e-9)
            beaten += 1
    assert beaten <= 30


@pytest.mark.slow
def test_limited_memory_is_bounded_and_mostly_optimal():
    met, tried = 0, 0
    for seed in range(100):
        graph, query = as_question(random_diagram(np.random.default_rng(seed), 2, recalls=False))
        best = oracle(graph, query)
        if best is None:
            continue
        found = gm.infer(graph, query)
        assert found.lower <= best + 1e-9
        assert best <= found.upper + 1e-9
        tried += 1
        met += abs(found.value - best) < 1e-6
    assert met >= 0.95 * tried
