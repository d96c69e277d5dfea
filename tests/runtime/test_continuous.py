"""Reals eliminated from mixed graphs, against dense linear algebra and fine quadrature."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.continuous import eliminating
from gmruntime.continuous.eliminating import ImproperError, TooManyBordersError
from gmruntime.continuous.mixed import (
    MixedGraph,
    RealBlock,
    RealFactorBlock,
    Rows,
    log_score,
    validate,
)
from gmruntime.factors.kinds.table import Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, num_states
from gmruntime.graph import log_score as finite_log_score
from tests.support.gaussian import eliminated


def random_mixed(rng: np.random.Generator, num_reals: int) -> MixedGraph:
    """Draw three finite variables and some reals; every real has a prior, some weights are < 0."""
    finite = FactorGraph(
        (VariableBlock("a", (), 2), VariableBlock("b", (2,), 3)),
        (
            FactorBlock(Table(rng.normal(size=(1, 2, 3))), np.array([[0, 2]], np.int32)),
            FactorBlock(Table(rng.normal(size=(1, 3))), np.array([[1]], np.int32)),
        ),
    )
    every = np.arange(num_reals, dtype=np.int32)[:, None]
    blocks = [
        RealFactorBlock(
            Rows(
                np.ones((1, 1)),
                rng.normal(size=(num_reals, 1))[:, 0],
                rng.uniform(1.0, 2.0, num_reals),
                np.zeros(1),
            ),
            np.zeros((num_reals, 0), np.int32),
            every,
        )
    ]
    for _ in range(int(rng.integers(0, 4))):
        count, width = int(rng.integers(1, 4)), int(rng.integers(1, 4))
        selectors = [int(v) for v in rng.permutation(3)[: int(rng.integers(0, 3))]]
        sizes = [(2, 3, 3)[v] for v in selectors]
        tables = count if rng.random() < 0.5 else 1
        logs = rng.normal(size=(tables, *sizes))
        if sizes and rng.random() < 0.3:
            logs.reshape(-1)[0] = -np.inf
        blocks.append(
            RealFactorBlock(
                Rows(
                    rng.normal(size=(tables, *sizes, width)),
                    rng.normal(size=(tables, *sizes)),
                    rng.uniform(-0.02, 2.0, size=(tables, *(1 for _ in sizes))),
                    logs,
                ),
                np.tile(np.array([selectors], np.int32).reshape(1, -1), (count, 1)),
                rng.integers(0, num_reals, size=(count, width)).astype(np.int32),
            )
        )
    return validate(MixedGraph(finite, (RealBlock("x", (num_reals,)),), tuple(blocks)))


Part = tuple[tuple[int, ...], float, np.ndarray, np.ndarray]


def oracle(mixed: MixedGraph, values: np.ndarray) -> tuple[np.ndarray, list[Part]]:
    """Return states, log weights, means and covariances of the free reals, from the definition.

    log_score is a quadratic function of the reals: three points along each pair give it.
    """
    free = np.flatnonzero(np.isnan(values))
    start = np.where(np.isnan(values), 0.0, values)
    found: list[Part] = []
    for states in itertools.product(*(range(n) for n in num_states(mixed.finite))):
        row = np.array(states)

        def score(x: np.ndarray, row: np.ndarray = row) -> float:
            full = start.copy()
            full[free] = x
            return float(log_score(mixed, row, full))

        zero = score(np.zeros(len(free)))
        if zero == -np.inf:
            continue
        unit = np.eye(len(free))
        plus = np.array([score(u) for u in unit]).reshape(-1)
        minus = np.array([score(-u) for u in unit]).reshape(-1)
        slope = (plus - minus) / 2
        precision = np.zeros((len(free), len(free)))
        for i, j in itertools.product(range(len(free)), repeat=2):
            precision[i, j] = -(score(unit[i] + unit[j]) - plus[i] - plus[j] + zero)
            if i == j:
                precision[i, i] = -(plus[i] + minus[i] - 2 * zero)
        covariance = np.linalg.inv(precision)
        mean = covariance @ slope
        log = zero + 0.5 * slope @ mean
        log += 0.5 * (len(free) * np.log(2 * np.pi) - np.linalg.slogdet(precision)[1])
        found.append((states, float(log), mean, covariance))
    return free, found


def _log_z(graph: FactorGraph) -> float:
    states = np.array(list(itertools.product(*(range(n) for n in num_states(graph)))))
    return float(np.logaddexp.reduce(finite_log_score(graph, states)))


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.booleans())
def test_log_z_and_moments_are_those_of_the_definition(seed: int, num_reals: int, is_loaded: bool):
    """In compiled loops, and as before these are loaded."""
    rng = np.random.default_rng(seed)
    mixed = random_mixed(rng, num_reals)
    values = np.where(rng.random(num_reals) < 0.3, rng.normal(size=num_reals), np.nan)
    free, parts = oracle(mixed, values)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(eliminating, "is_loaded", lambda: is_loaded)
        found = eliminated(mixed, None, values, (free,))
    log_z = np.logaddexp.reduce([part[1] for part in parts])
    assert _log_z(found.graph) == pytest.approx(log_z, abs=1e-8)
    assert (found.patch_of >= 0).tolist() == np.isnan(values).tolist()
    if not len(free):
        return
    weights = np.exp([part[1] - log_z for part in parts])
    mean = sum(w * part[2] for w, part in zip(weights, parts, strict=True))
    second = sum(
        w * (part[3] + np.outer(part[2] - mean, part[2] - mean))
        for w, part in zip(weights, parts, strict=True)
    )
    (patch,) = [found.patches[k] for k in set(found.patch_of[free].tolist())]
    border = np.zeros(patch.sizes)
    for w, part in zip(weights, parts, strict=True):
        border[tuple(part[0][v] for v in patch.border)] += w
    ours, covariance = patch.moments(border, free)
    assert ours == pytest.approx(mean, abs=1e-7)
    assert covariance == pytest.approx(second, abs=1e-7)
    beliefs = patch.all_beliefs(border)
    where = np.searchsorted(patch.reals, free)
    assert beliefs.mean()[where] == pytest.approx(mean, abs=1e-7)
    assert beliefs.sd()[where] ** 2 == pytest.approx(np.diagonal(second), abs=1e-7)
    direction = rng.normal(size=len(free))
    belief = patch.belief(border, direction, 0.5, reals=free)
    assert belief.mean == pytest.approx(direction @ mean + 0.5, abs=1e-7)
    assert belief.sd**2 == pytest.approx(direction @ second @ direction, abs=1e-7)


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_evidence_is_conditioning(seed: int):
    rng = np.random.default_rng(seed)
    mixed = random_mixed(rng, 3)
    evidence = np.where(rng.random(3) < 0.5, rng.integers(0, 2, 3), -1).astype(np.int32)
    sliced_graph = eliminated(mixed, evidence).graph
    whole = eliminated(mixed).graph
    states = np.array(list(itertools.product(range(2), range(3), range(3))))
    states = states[((evidence < 0) | (states == evidence)).all(axis=1)]
    ours, theirs = finite_log_score(sliced_graph, states), finite_log_score(whole, states)
    assert ours == pytest.approx(theirs, abs=1e-8)


def test_rows_of_no_reals_weigh_states_where_some_are_observed():
    finite = FactorGraph((VariableBlock("z", (2,), 2),), ())
    rows = Rows(np.zeros((1, 2, 2, 0)), np.array([[[1.0, 2.0], [0.5, 0.0]]]), ONE, ONE - 1.0)
    scopes = np.array([[0, 1]], np.int32)
    factor = RealFactorBlock(rows, scopes, np.zeros((1, 0), np.int32))
    mixed = validate(MixedGraph(finite, (), (factor,)))
    for evidence in ([-1, -1], [0, -1], [-1, 1]):
        found = eliminated(mixed, np.array(evidence, np.int32)).graph
        states = np.array([[0, 1]])
        assert finite_log_score(found, states)[0] == pytest.approx(-2.0)


ONE = np.ones((1, 1, 1))


def test_what_nothing_holds_in_place_is_named():
    mixed = _one_row(np.array([[1.0, -1.0]]), 1.0)
    with pytest.raises(ImproperError) as told:
        eliminated(mixed)
    assert told.value.real in (0, 1)


def _one_row(coefficients: np.ndarray, weight: float) -> MixedGraph:
    width = coefficients.shape[1]
    rows = Rows(coefficients, np.zeros(1), np.array([weight]), np.zeros(1))
    scope = np.arange(width, dtype=np.int32)[None]
    factor = RealFactorBlock(rows, np.zeros((1, 0), np.int32), scope)
    return validate(MixedGraph(FactorGraph((), ()), (RealBlock("x", (width,)),), (factor,)))


def test_a_border_of_too_many_states_is_refused():
    finite = FactorGraph((VariableBlock("z", (17,), 2),), ())
    rows = Rows(np.ones((1, 2, 1)), np.zeros((1, 2)), np.ones((1, 1)), np.zeros((1, 1)))
    scopes = np.arange(17, dtype=np.int32)[:, None]
    factor = RealFactorBlock(rows, scopes, np.zeros((17, 1), np.int32))
    mixed = validate(MixedGraph(finite, (RealBlock("x", ()),), (factor,)))
    with pytest.raises(TooManyBordersError) as told:
        eliminated(mixed)
    assert told.value.count == 1 << 17
    assert len(told.value.border) == 17


def test_what_is_observed_leaves_factors_on_finite_variables():
    finite = FactorGraph((VariableBlock("z", (), 2),), ())
    rows = Rows(np.ones((1, 2, 1)), np.array([[0.0, 2.0]]), np.ones((1, 1)), np.zeros((1, 1)))
    factor = RealFactorBlock(rows, np.zeros((1, 1), np.int32), np.zeros((1, 1), np.int32))
    mixed = validate(MixedGraph(finite, (RealBlock("x", ()),), (factor,)))
    found = eliminated(mixed, None, np.array([0.5]))
    assert found.patches == ()
    scores = finite_log_score(found.graph, np.array([[0], [1]]))
    assert scores == pytest.approx([-0.125, -1.125])
    seen = eliminated(mixed, np.array([1], np.int32), np.array([0.5]))
    assert finite_log_score(seen.graph, np.array([[1]])) == pytest.approx([-1.125])


def test_a_real_that_no_row_speaks_of_is_nowhere():
    rows = _one_row(np.ones((1, 1)), 1.0)
    mixed = MixedGraph(rows.finite, (RealBlock("x", (2,)),), rows.real_factors)
    with pytest.raises(ImproperError) as told:
        eliminated(validate(mixed))
    assert told.value.real == 1
    found = eliminated(validate(mixed), None, np.array([np.nan, 3.0]))
    assert found.patch_of.tolist() == [0, -1]
    assert eliminated(validate(MixedGraph(rows.finite, (), ()))).patches == ()


def test_what_no_state_allows_is_impossible():
    rows = Rows(np.ones((1, 1)), np.zeros(1), np.ones(1), np.array([-np.inf]))
    factor = RealFactorBlock(rows, np.zeros((1, 0), np.int32), np.zeros((1, 1), np.int32))
    mixed = validate(MixedGraph(FactorGraph((), ()), (RealBlock("x", ()),), (factor,)))
    (patch,) = eliminated(mixed).patches
    assert float(patch.log_values) == -np.inf
    with pytest.raises(ValueError, match="no state of the border"):
        patch.all_beliefs(np.ones(()))
    with pytest.raises(ValueError, match="real 7 is not of this patch"):
        patch.moments(np.ones(()), np.array([7]))


@pytest.mark.parametrize(
    ("rows", "scopes", "reals", "told"),
    [
        (Rows(np.ones((1, 1)), np.zeros(1), np.ones(1), np.zeros(1)), [[]], [[9]], "names a real"),
        (Rows(np.ones((1, 2)), np.zeros(1), np.ones(1), np.zeros(1)), [[]], [[0]], "coefficients"),
        (Rows(np.ones((1, 1)), np.zeros(1), np.ones(2), np.zeros(1)), [[]], [[0]], "weights"),
        (
            Rows(np.ones((1, 1)), np.zeros(1), np.array([-np.inf]), np.zeros(1)),
            [[]],
            [[0]],
            "is -inf",
        ),
        (Rows(np.ones((1, 1)), np.zeros(1), np.ones(1), np.zeros((1, 2))), [[]], [[0]], "axes"),
        (Rows(*(np.ones((1,) * k) for k in (3, 2, 2, 2))), [[5]], [[0]], "names a variable"),
    ],
)
def test_what_contradicts_itself_is_named(
    rows: Rows, scopes: list[list[int]], reals: list[list[int]], told: str
):
    finite = FactorGraph((VariableBlock("z", (), 2),), ())
    places = np.array(scopes, np.int32).reshape(1, -1)
    factor = RealFactorBlock(rows, places, np.array(reals, np.int32), "mine")
    with pytest.raises(ValueError, match=f"row block 0 \\(mine\\).*{told}"):
        validate(MixedGraph(finite, (RealBlock("x", (2,)),), (factor,)))


def test_evidence_fits_the_graph():
    mixed = _one_row(np.ones((1, 1)), 1.0)
    with pytest.raises(ValueError, match="real_evidence has shape"):
        eliminated(mixed, None, np.zeros(3))
    with pytest.raises(ValueError, match="observed as infinite"):
        eliminated(mixed, None, np.array([np.inf]))


def test_patches_whose_borders_are_alike_are_one_block():
    finite = FactorGraph((VariableBlock("z", (30,), 2),), ())
    every = np.arange(30, dtype=np.int32)[:, None]
    rows = Rows(np.ones((1, 1, 1)), np.array([[0.0, 1.0]]), np.ones((1, 1)), np.zeros((1, 1)))
    looks = Rows(np.ones((1, 1)), np.arange(30.0), np.ones(1), np.zeros(1))
    none = np.zeros((30, 0), np.int32)
    factors = (RealFactorBlock(rows, every, every), RealFactorBlock(looks, none, every))
    found = eliminated(validate(MixedGraph(finite, (RealBlock("x", (30,)),), factors)))
    assert len(found.patches) == 30
    (block,) = found.graph.factors
    for k, patch in enumerate(found.patches):
        assert block.scopes[k].tolist() == list(patch.border)
        assert patch.reals.tolist() == [k]
        # Of x ~ Normal(z, 1) and Normal(k, 1): their difference has variance 2.
        expected = 0.5 * np.log(np.pi) - 0.25 * (k - np.arange(2.0)) ** 2
        assert patch.log_values == pytest.approx(expected, abs=1e-10)
