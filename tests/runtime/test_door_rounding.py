"""Weights so strong that sums round: right, refused, or said to be off by so much."""

import math
import warnings
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gmruntime as gm
from gmruntime.door.rounding import rounding, weigh
from gmruntime.factors.kinds import Count, FactorKind, Potts, Table
from gmruntime.graph import log_score

STATUSES = (gm.Status.BOUNDED, gm.Status.ESTIMATE)
HARD = Table(np.array([[[0.0, -np.inf], [-np.inf, 0.0]]]))


def graph_of(*factors: tuple[FactorKind, list[int]], num_variables: int = 2) -> gm.FactorGraph:
    blocks = tuple(gm.FactorBlock(kind, np.array([scope], np.int32)) for kind, scope in factors)
    return gm.FactorGraph((gm.VariableBlock("x", (num_variables,), 2),), blocks)


def prefer(weight: float, variable: int = 0) -> tuple[FactorKind, list[int]]:
    return Table(np.array([[0.0, weight]])), [variable]


def against(weight: float, variable: int = 0) -> tuple[FactorKind, list[int]]:
    return Table(np.array([[weight, 0.0]])), [variable]


def chance(score: Fraction) -> float:
    """Return 1 / (1 + e^-score), however large the score."""
    return 1.0 / (1.0 + math.exp(-max(min(float(score), 700.0), -700.0)))


@given(
    st.lists(
        st.tuples(st.sampled_from([1e3, 1e7, 1e12, 1e16, 1e99, 0.3, -0.7]), st.booleans()),
        max_size=6,
    )
)
@settings(deadline=None, max_examples=60)
def test_preferences_about_one_variable_keep_their_digits(weights: list[tuple[float, bool]]):
    graph = graph_of(*(prefer(w) if yes else against(w) for w, yes in weights))
    odds = sum((Fraction(w) * (1 if yes else -1) for w, yes in weights), Fraction(0))
    found = gm.infer(graph, gm.Marginals())
    assert found.probabilities[0][0, 1] == pytest.approx(chance(odds), abs=1e-9)
    assert found.quality.status is gm.Status.EXACT
    best = gm.infer(graph, gm.Map())
    assert odds == 0 or best.assignments[0, 0] == (odds > 0)


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60)
def test_what_is_called_exact_is_right(seed: int):
    """Over two variables in any way: by fractions, which never round."""
    rng = np.random.default_rng(seed)
    sizes = [0.3, 1.0, 1e7, 1e12, 1e16]
    factors = [HARD] if rng.random() < 0.5 else []
    weights = [(rng.choice(sizes) * rng.choice([-1, 1]), int(rng.integers(4))) for _ in range(5)]
    parts: list[tuple[FactorKind, list[int]]] = [(kind, [0, 1]) for kind in factors]
    for weight, where in weights:
        match where:
            case 0 | 1:
                parts.append(prefer(weight, where))
            case 2:
                parts.append((Potts(np.array([weight])), [0, 1]))
            case _:
                parts.append((Count(np.array([[0, weight, 0]]), np.zeros((1, 2), bool)), [0, 1]))
    graph = graph_of(*parts)
    scores: dict[tuple[int, int], Fraction] = {}
    for a, b in product(range(2), repeat=2):
        if factors and a != b:
            continue
        says = (a == 1, b == 1, a == b, a != b)
        scores[a, b] = sum((Fraction(w) for w, where in weights if says[where]), Fraction(0))
    most = max(scores.values())
    sizes_of = {ab: math.exp(max(-700.0, float(s - most))) for ab, s in scores.items()}
    right = sum(size for (a, _), size in sizes_of.items() if a) / sum(sizes_of.values())
    found = gm.infer(graph, gm.Marginals())
    if found.quality.status is gm.Status.EXACT:
        assert found.probabilities[0][0, 1] == pytest.approx(right, abs=1e-8)
    else:
        assert found.quality.error_kind == "rounding"
        assert abs(found.probabilities[0][0, 1] - right) <= found.quality.error
    total = gm.infer(graph, gm.LogPartition())
    log_value = float(most) + math.log(sum(sizes_of.values()))
    slack = 1e-9 * max(1.0, abs(log_value)) if total.quality.status is gm.Status.EXACT else 0.0
    assert total.log_lower - slack <= log_value <= total.log_upper + slack
    best = gm.infer(graph, gm.Map())
    # Five ordinary numbers added up are off in their last digit.
    assert float(most) <= best.log_upper + 5 * np.spacing(max(1.0, abs(float(most))))
    if best.quality.status is gm.Status.EXACT:
        assert scores[tuple(best.assignments[0].tolist())] == pytest.approx(most, rel=1e-15)


def test_strong_weights_of_linked_variables_are_said_to_round():
    linked = graph_of((HARD, [0, 1]), prefer(1e16), against(1e16, 1), prefer(0.3))
    found = gm.infer(linked, gm.Marginals())
    assert found.quality.status is gm.Status.ESTIMATE
    assert found.quality.error >= 1.0
    assert "round" in found.quality.note


@pytest.mark.parametrize("weight", [1e308, -1e308, 1e303])
@pytest.mark.parametrize(
    "query", [gm.LogPartition(), gm.Map(), gm.Marginals(), gm.Best(2), gm.Samples(2)], ids=str
)
def test_what_leaves_float64_is_refused_and_never_impossible(weight: float, query: gm.Map):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for ask in (gm.infer, gm.plan):
            with pytest.raises(gm.GraphError, match="nats"):
                ask(graph_of(prefer(weight), prefer(weight)), query)


def test_a_search_puts_the_constant_back():
    steps = list(gm.search(graph_of(prefer(1e9), prefer(2.5, 1)), gm.Map(), budget_s=1.0))
    assert steps[-1].assignment.tolist() == [1, 1]
    assert steps[-1].log_score == 1e9 + 2.5
    assert steps[-1].log_bound >= 1e9 + 2.5


def test_one_strong_weight_leaves_the_others_exact():
    found = gm.infer(graph_of(prefer(1e12), prefer(0.3, 1)), gm.Marginals())
    assert found.quality.status is gm.Status.EXACT
    assert found.probabilities[0][1, 1] == pytest.approx(1 / (1 + math.exp(-0.3)), abs=1e-12)


def test_weights_whose_largest_values_cancel_are_not_called_exact():
    """Links that agree and a count that takes all of it back: digits of the 0.3 are lost."""
    links = [1.1e15, 2.3e15, 1.7e15]
    parts: list[tuple[FactorKind, list[int]]] = [
        (Potts(np.array([weight])), [k, k + 1]) for k, weight in enumerate(links)
    ]
    parts.append((Count(np.full((1, 5), -sum(links)), np.zeros((1, 4), bool)), [0, 1, 2, 3]))
    parts += [(Potts(np.array([0.3])), [0, 2]), prefer(0.3)]
    found = gm.infer(graph_of(*parts, num_variables=4), gm.LogPartition())
    # The three links cancel to the last digit; two states are left, all false and all true.
    right = math.log(math.exp(0.3) + math.exp(0.6))
    assert found.quality.status is gm.Status.BOUNDED
    assert found.log_lower <= right <= found.log_upper


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=10)
def test_many_strong_weights_are_off_by_no_more_than_is_said(seed: int):
    """Leaves that pull their centre by strong weights which almost cancel."""
    rng = np.random.default_rng(seed)
    pulls = rng.uniform(1e12, 3e12, 120)
    pulls = np.concatenate([pulls, -rng.permutation(pulls) + rng.uniform(-0.01, 0.01, 120)])
    parts: list[tuple[FactorKind, list[int]]] = [
        (Table(np.array([[[0.0, -np.inf], [-np.inf, pull]]])), [0, k + 1])
        for k, pull in enumerate(pulls.tolist())
    ]
    found = gm.infer(graph_of(*parts, num_variables=241), gm.LogPartition())
    odds = float(sum(map(Fraction, pulls.tolist()), Fraction(0)))
    right = math.log1p(math.exp(-abs(odds))) + max(odds, 0.0)
    assert found.log_lower - 1e-9 <= right <= found.log_upper + 1e-9


def test_strong_constants_add_up_without_rounding():
    constants = tuple(
        gm.FactorBlock(Table(np.array([value])), np.zeros((1, 0), np.int32))
        for value in (1e16, 0.25, -1e16)
    )
    graph = gm.FactorGraph((gm.VariableBlock("x", (), 1),), constants)
    found, best = gm.infer(graph, gm.LogPartition()), gm.infer(graph, gm.Map())
    assert found.quality.status is best.quality.status is gm.Status.EXACT
    assert found.log_value == best.log_scores[0] == 0.25


def test_a_block_gives_up_only_the_tables_over_the_variables_of_a_strong_one():
    """Rows of one block, some over a strong table's variables in another order."""
    tables = np.array([[[0.0, 1.0], [2.0, 1e16]], [[0.5, 0.0], [0.0, 0.25]]])
    scopes = np.array([[1, 0], [0, 2]], np.int32)
    back = Table(np.array([[[0.0, 0.0], [0.0, -1e16]]]))
    graph = gm.FactorGraph(
        (gm.VariableBlock("x", (3,), 2),),
        (gm.FactorBlock(Table(tables), scopes), gm.FactorBlock(back, np.array([[0, 1]], np.int32))),
    )
    merged = weigh(graph)
    assert merged is not None
    for states in product(range(2), repeat=3):
        exact = sum(
            (
                Fraction(float(table[tuple(states[v] for v in scope)]))
                for table, scope in (
                    (tables[0], (1, 0)),
                    (tables[1], (0, 2)),
                    (back.log_potentials[0], (0, 1)),
                )
            ),
            Fraction(0),
        )
        score = float(log_score(merged.graph, np.array(states, np.int32)))
        assert score + merged.log_constant == float(exact)


def test_assignments_may_matter_by_their_number():
    """Each may be as far below the whole as the log of how many there are."""
    factors = graph_of(prefer(-1e9)).factors
    few = weigh(gm.FactorGraph((gm.VariableBlock("x", (2,), 2),), factors))
    many = weigh(gm.FactorGraph((gm.VariableBlock("x", (7_000_000,), 2),), factors))
    assert few is not None
    assert many is not None
    assert rounding(few, 0.0) == 0.0
    assert rounding(many, 0.0) > 0.0
