"""Questions, evidence and settings either mean what they say or are refused by name."""

from typing import Any

import numpy as np
import pytest

import gmruntime as gm

GRAPH = gm.FactorGraph((gm.VariableBlock("x", (2,), 2),), ())
QUERIES: list[Any] = [
    None,
    gm.Map,
    gm.Marginals,
    "map",
    gm.Best(0),
    gm.Best(-1),
    gm.Best(1.5),  # pyright: ignore[reportArgumentType]
    gm.Samples("3"),  # pyright: ignore[reportArgumentType]
    gm.Samples(-1),
]
BAD_VARIABLES: list[Any] = [[7], [-1], [2**32], [0.5], [[0, 1]], ["x"], [None], 0, [True]]


@pytest.mark.parametrize("query", QUERIES)
def test_a_question_that_is_none_is_refused(query: Any):
    for ask in (gm.infer, gm.search, gm.plan):
        with pytest.raises(gm.GraphError):
            ask(GRAPH, query)


@pytest.mark.parametrize("variables", BAD_VARIABLES)
@pytest.mark.parametrize("ask", [gm.Marginals, gm.Joint, gm.MarginalMap, lambda v: gm.Best(3, v)])
def test_variables_that_are_not_there_are_refused(ask: Any, variables: Any):
    with pytest.raises(gm.GraphError, match="variables"):
        gm.infer(GRAPH, ask(variables))


@pytest.mark.parametrize(
    "evidence",
    [[0.7, -1], [2**32, -1], [2, -1], [-2, -1], [0], [[0, 0]], "01", 0, [None, 0], [True, False]],
)
def test_evidence_that_means_nothing_is_refused(evidence: Any):
    with pytest.raises(gm.GraphError, match="evidence"):
        gm.infer(GRAPH, gm.Map(), evidence=evidence)


def test_the_first_contradiction_of_evidence_is_named():
    with pytest.raises(gm.GraphError, match=r"2 for variable 1, whose states are 0\.\.1"):
        gm.infer(GRAPH, gm.Map(), evidence=np.array([0, 2]))


@pytest.mark.parametrize(
    "settings",
    [
        {"seed": 1.5},
        {"seed": -1},
        {"seed": None},
        {"device": "gpu"},
        {"device": "CPU"},
        {"device": None},
        {"device": 0},
        {"budget_s": "3"},
        {"budget_s": float("nan")},
        {"budget_s": 0},
        {"budget_s": None},
        {"memory_bytes": 0},
        {"memory_bytes": 1.5},
        {"budget": 3.0},
        {"method": "best"},
        {"method": None},
        {"options": {"iters": 3}},
        {"options": 3},
        {"workspace": 3},
        {"estimate_share": None},
        {"estimate_share": -1.0},
        {"budget_s": -(2**2000)},
    ],
    ids=lambda settings: str(settings)[:30],
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, Any]):
    with pytest.raises(ValueError, match=next(iter(settings)).removesuffix("s")):
        gm.infer(GRAPH, gm.Map(), **settings)


@pytest.mark.parametrize("value", ["x", None, True, float("nan"), 1j])
def test_an_option_that_is_no_number_is_refused(value: Any):
    with pytest.raises(ValueError, match="iters"):
        gm.infer(GRAPH, gm.Map(), method="bp", options={"iters": value})


def test_more_seconds_than_float64_holds_are_without_end():
    assert gm.infer(GRAPH, gm.Map(), budget_s=10**400).quality.status is gm.Status.EXACT


def test_lists_and_integers_of_any_type_are_understood():
    joint = gm.infer(GRAPH, gm.Joint([1, 0]), evidence=[np.int8(1), -1])  # pyright: ignore
    assert joint.probabilities.tolist() == [[0.0, 0.5], [0.0, 0.5]]
    best = gm.infer(GRAPH, gm.Best(np.int16(2)), seed=np.uint8(3))  # pyright: ignore
    assert len(best.assignments) == 2


@pytest.mark.parametrize("graph", [None, GRAPH.variables, gm.FactorGraph])
def test_what_is_no_graph_is_refused(graph: Any):
    with pytest.raises(gm.GraphError, match="graph"):
        gm.infer(graph, gm.Map())
