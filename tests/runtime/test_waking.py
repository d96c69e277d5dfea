"""What sleepers may change never exceeds what is said of it: against enumeration."""

import numpy as np
import pytest

from gmruntime.answer import (
    AnyAnswer,
    AssignmentsAnswer,
    Best,
    Joint,
    JointAnswer,
    LogPartition,
    LogPartitionAnswer,
    Map,
    MarginalMap,
    MarginalMapAnswer,
    Marginals,
    MarginalsAnswer,
    Question,
    Status,
)
from gmruntime.budget import Budget, begin_budget
from gmruntime.factors.kinds import Gated, Table
from gmruntime.graph import Assignment, FactorBlock, FactorGraph, VariableBlock, log_score, validate
from gmruntime.inference import infer
from gmruntime.questions.enumerate import Enumeration, enumerate_assignments, log_partition
from gmruntime.waking.answer import Woken, infer_awake
from gmruntime.waking.ceilings import ceilings_of
from gmruntime.waking.log import Happening, awake_after
from gmruntime.waking.society import Bounded, Waking
from tests.support.societies import NUM_MODELS_MAX, Society, prediction, random_society

_TINY = 1e-9
"""What sums in another order may differ by."""

_NOBODY = np.zeros(0, np.int64)


def _ask(
    graph: FactorGraph, query: Question[AnyAnswer], evidence: Assignment, budget: Budget
) -> AnyAnswer:
    return infer(graph, query, evidence=evidence, budget=budget)


def _woken(society: Society, query: Bounded, how: Waking, budget_s: float = 30.0) -> Woken:
    return infer_awake(
        society.graph,
        query,
        society.activations,
        how,
        evidence=society.evidence,
        budget=begin_budget(budget_s, 1 << 30),
        ask=_ask,
    )


def _marginals(woken: Woken) -> MarginalsAnswer:
    assert isinstance(woken.answer, MarginalsAnswer)
    return woken.answer


def _questions(rng: np.random.Generator, count: int) -> list[Bounded]:
    def some() -> np.ndarray:
        return rng.choice(count, 2, replace=False).astype(np.int32)

    return [
        Marginals(None),
        Marginals(some()),
        Joint(some()),
        LogPartition(),
        Map(),
        MarginalMap(some()),
        Best(int(rng.integers(1, 5)), None),
        Best(int(rng.integers(1, 5)), some()),
    ]


def _check(society: Society, rng: np.random.Generator) -> None:
    graph = validate(society.graph)
    every = enumerate_assignments(graph, society.evidence)
    how = Waking(
        float(rng.choice([0.3, 0.05, 1e-2, 1e-3, 1e-6, 1e-9])),
        None if rng.random() < 0.7 else int(rng.integers(1, 5)),
        spares_few=False,
    )
    for query in _questions(rng, graph.num_variables):
        woken = _woken(society, query, how)
        truth = query.checked(graph).enumerated(every, rng)
        is_impossible = truth.quality.status is Status.IMPOSSIBLE
        assert (woken.answer.quality.status is Status.IMPOSSIBLE) == is_impossible
        assert awake_after(woken.events).tolist() == woken.awake.tolist()
        if not is_impossible:
            _compare(woken, truth, graph, every)
            if how.at_most is None:
                assert woken.eps <= how.eps or not len(woken.asleep)


def _compare(woken: Woken, truth: AnyAnswer, graph: FactorGraph, every: Enumeration) -> None:
    found, is_exact = woken.answer, woken.answer.quality.status is Status.EXACT
    match found, truth:
        case MarginalsAnswer(), MarginalsAnswer():
            _compare_marginals(found, truth, woken.eps)
            total = log_partition(every)
            is_known = is_exact and not np.isnan(found.log_partition)
            assert not is_known or found.log_partition == pytest.approx(total, abs=_TINY)
        case JointAnswer(), JointAnswer():
            error = np.abs(found.probabilities - truth.probabilities).max()
            assert error <= woken.eps + _TINY
        case LogPartitionAnswer() | MarginalMapAnswer(), (
            LogPartitionAnswer() | MarginalMapAnswer()
        ):
            assert found.log_lower - _TINY <= truth.log_value <= found.log_upper + _TINY
            assert not is_exact or abs(found.log_value - truth.log_value) < _TINY
        case AssignmentsAnswer(), AssignmentsAnswer():
            assert found.log_scores == pytest.approx(log_score(graph, found.assignments), abs=_TINY)
            assert found.log_upper >= every.log_scores.max() - _TINY
            if is_exact:
                assert found.log_scores == pytest.approx(truth.log_scores, abs=_TINY)
        case _:
            raise AssertionError


def _compare_marginals(found: MarginalsAnswer, truth: MarginalsAnswer, eps: float) -> None:
    lower = found.probabilities if found.lower is None else found.lower
    upper = found.probabilities if found.upper is None else found.upper
    blocks = zip(truth.probabilities, found.probabilities, lower, upper, strict=True)
    for true, said, least, most in blocks:
        asked = ~np.isnan(true)
        assert (np.isnan(said) == ~asked).all()
        assert np.abs(true - said)[asked].max(initial=0.0) <= eps + _TINY
        for value in (true, said):
            assert (value >= least - _TINY)[asked].all()
            assert (value <= most + _TINY)[asked].all()
    if found.quality.status is Status.BOUNDED:
        assert found.lower is not None


def _checked_facts(society: Society, rng: np.random.Generator) -> None:
    """Check the facts about ceilings themselves, with a random set of sleepers."""
    graph = validate(society.graph)
    every = enumerate_assignments(graph, society.evidence)
    if every.quality().status is Status.IMPOSSIBLE:
        return
    known = ceilings_of(
        graph,
        society.evidence,
        society.activations,
        is_max=False,
        asked=_NOBODY,
        chosen=_NOBODY,
    )
    weights, rows = every.probabilities(), every.assignments
    single = (known.family < 0) & ~np.isnan(known.ceilings)
    able = np.flatnonzero(single & (known.ceilings < np.inf))
    on = rows[:, society.activations[able]] == 1
    chances = weights @ on
    limits = 1.0 / (1.0 + np.exp(-known.ceilings[able]))
    assert (chances <= limits + _TINY).all()
    alone = ~known.coupled[able]
    assert chances[alone] == pytest.approx(limits[alone], abs=_TINY)
    asleep = rng.random(len(able)) < 0.5
    off = ~on[:, asleep].any(axis=1)
    rest = weights[off].sum()
    excess = np.logaddexp(0.0, known.ceilings[able][asleep]).sum()
    assert -np.log(rest) <= excess + _TINY
    event = rng.random(len(rows)) < 0.5
    given = weights[off & event].sum() / rest
    assert abs(given - weights[event].sum()) <= -np.expm1(-excess) + _TINY


@pytest.mark.parametrize("seed", range(24))
def test_answers_lie_within_their_certificates(seed: int) -> None:
    rng = np.random.default_rng(seed)
    _check(random_society(rng, int(rng.integers(3, 8))), rng)


@pytest.mark.parametrize("seed", range(40))
def test_no_odds_exceed_their_ceilings(seed: int) -> None:
    rng = np.random.default_rng((seed, 1))
    _checked_facts(random_society(rng, int(rng.integers(3, 8))), rng)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_a_thousand_societies_keep_their_certificates(part: int) -> None:
    for seed in range(100 * part, 100 * part + 100):
        rng = np.random.default_rng((seed, 2))
        society = random_society(rng, int(rng.integers(3, NUM_MODELS_MAX + 1)))
        _checked_facts(society, rng)
        _check(society, rng)


def _library(seed: int, num_models: int, hidden: int) -> Society:
    """Draw many models of few attributes each, of which some are hidden."""
    rng = np.random.default_rng(seed)
    num_attributes, states, width = 60, 5, 8
    attributes = np.stack([rng.choice(num_attributes, width, False) for _ in range(num_models)])
    tables = np.stack(
        [
            prediction(rng.uniform(0.4, 0.95), int(rng.integers(states)), states)
            for _ in range(attributes.size)
        ]
    )
    priors = rng.uniform(0.001, 0.02, num_models)
    models = num_attributes + np.arange(num_models, dtype=np.int32)
    scopes = np.stack([np.repeat(models, width), attributes.reshape(-1)], axis=1).astype(np.int32)
    graph = FactorGraph(
        (VariableBlock("a", (num_attributes,), states), VariableBlock("m", (num_models,), 2)),
        (
            FactorBlock(Table(np.log(np.stack([1 - priors, priors], 1))), models[:, None]),
            FactorBlock(Gated(tables), scopes),
        ),
    )
    evidence = np.full(graph.num_variables, -1, np.int32)
    evidence[hidden:num_attributes] = rng.integers(0, states, num_attributes - hidden)
    return Society(graph, evidence, models.astype(np.int64))


def test_many_models_answer_as_if_all_were_awake() -> None:
    society = _library(3, 600, 3)
    hidden = np.arange(3, dtype=np.int32)
    woken = _woken(society, Marginals(hidden), Waking(1e-4))
    whole = infer(society.graph, Marginals(None), evidence=society.evidence)
    error = np.abs(_marginals(woken).probabilities[0][:3] - whole.probabilities[0][:3]).max()
    assert 0 < woken.eps <= 1e-4
    assert error <= woken.eps
    likely = np.flatnonzero(whole.probabilities[1][:, 1] > 0.01) + 60
    assert np.isin(likely, np.union1d(woken.awake, woken.decoupled)).all()
    best = _woken(society, Map(), Waking())
    assert best.answer.quality.status is Status.EXACT
    assert len(best.asleep) > 500


def test_where_everything_is_seen_nobody_need_wake() -> None:
    society = _library(4, 300, 0)
    woken = _woken(society, Marginals(None), Waking())
    whole = infer(society.graph, Marginals(None), evidence=society.evidence)
    assert not len(woken.awake)
    assert woken.answer.quality.status is Status.EXACT
    assert _marginals(woken).probabilities[1] == pytest.approx(whole.probabilities[1], abs=_TINY)
    assert _marginals(woken).log_partition == pytest.approx(whole.log_partition, abs=_TINY)


def test_who_retires_changes_no_answer_by_more_than_its_share() -> None:
    society = _library(5, 600, 4)
    woken = _woken(society, Marginals(np.arange(4, dtype=np.int32)), Waking(1e-2))
    gone = [event for event in woken.events if event.what is Happening.RETIRE]
    whole = infer(society.graph, Marginals(None), evidence=society.evidence)
    assert gone
    shares = whole.probabilities[1][np.array([event.variable for event in gone]) - 60, 1]
    assert shares.sum() <= woken.eps
    error = np.abs(_marginals(woken).probabilities[0][:4] - whole.probabilities[0][:4]).max()
    assert error <= woken.eps


def test_a_cause_of_one_unexplained_site_is_woken() -> None:
    # Among many that say nothing of the site, one cause alone predicts what was seen there.
    society = _library(6, 400, 4)
    states, cause = 5, 60 + 400
    graph = society.graph
    factors = (
        *graph.factors,
        FactorBlock(Table(np.log([[0.99, 0.01]])), np.array([[cause]], np.int32)),
        FactorBlock(
            Gated(np.array([prediction(0.97, 2, 50)])),
            np.array([[cause, cause + 1]], np.int32),
        ),
        FactorBlock(
            Gated(np.array([prediction(0.9, 0, states)])), np.array([[cause, 0]], np.int32)
        ),
    )
    site = VariableBlock("site", (1,), 50)
    blocks = (*graph.variables, VariableBlock("cause", (1,), 2), site)
    evidence = np.append(society.evidence, [-1, 2]).astype(np.int32)
    wider = Society(FactorGraph(blocks, factors), evidence, np.append(society.activations, cause))
    woken = _woken(wider, Marginals(np.arange(1, 4, dtype=np.int32)), Waking(1e-3, 20))
    assert cause in woken.awake
    (row,) = [e for e in woken.events if e.variable == cause and e.what is Happening.WAKE]
    assert row.by == cause + 1


def test_the_same_question_wakes_the_same() -> None:
    society = _library(7, 400, 3)
    query = Marginals(np.arange(3, dtype=np.int32))
    one, other = (_woken(society, query, Waking(1e-3)) for _ in range(2))
    assert one.awake.tolist() == other.awake.tolist() == awake_after(one.events).tolist()
    assert [(e.what, e.variable, e.by) for e in one.events] == [
        (e.what, e.variable, e.by) for e in other.events
    ]


def _using_each_other(count: int) -> Society:
    """Let each model but the last use the next one, and all predict one hidden attribute."""
    models = np.arange(1, count + 1, dtype=np.int32)
    tables = np.stack([prediction(0.7, 0, 2)] * count)
    uses = np.array([[-np.inf, -np.log(1e-7)]])
    graph = FactorGraph(
        (VariableBlock("a", (1,), 2), VariableBlock("m", (count,), 2)),
        (
            FactorBlock(Table(np.log([[1 - 1e-7, 1e-7]])), models[:, None]),
            FactorBlock(Gated(tables), np.stack([models, np.zeros_like(models)], axis=1)),
            FactorBlock(Gated(uses), np.stack([models[:-1], models[1:]], axis=1)),
        ),
    )
    evidence = np.full(graph.num_variables, -1, np.int32)
    return Society(graph, evidence, models.astype(np.int64))


@pytest.mark.parametrize("question", [Map(), Marginals(np.zeros(1, np.int32))])
def test_who_is_used_stays_awake_once_the_budget_is_spent(question: Bounded) -> None:
    society, over = _using_each_other(6), Budget(0.0, 1.0, 1 << 30, clock=lambda: 2.0)

    def asleep(budget: Budget) -> int:
        return len(
            infer_awake(
                society.graph,
                question,
                society.activations,
                Waking(spares_few=False),
                evidence=society.evidence,
                budget=budget,
                ask=lambda *asked: infer(*asked[:2], evidence=asked[2]),
            ).asleep
        )

    # One after the other they come to be certain of nothing, each in a pass over all terms.
    assert asleep(begin_budget(30.0, 1 << 30)) == 6
    assert asleep(over) < 6


def test_a_budget_that_is_over_is_kept() -> None:
    society = _library(8, 2000, 4)
    woken = _woken(society, Marginals(np.arange(4, dtype=np.int32)), Waking(1e-9), 0.05)
    whole = infer(society.graph, Marginals(None), evidence=society.evidence)
    error = np.abs(_marginals(woken).probabilities[0][:4] - whole.probabilities[0][:4]).max()
    assert woken.answer.quality.status is Status.ESTIMATE or error <= woken.eps
