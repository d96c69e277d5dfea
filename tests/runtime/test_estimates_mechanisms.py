"""Which factors of a graph are mechanisms, and of which variables."""

import numpy as np
import pytest

from gmruntime.estimates.mechanisms import order_mechanisms
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, no_evidence


@pytest.mark.parametrize("child", [0, 6, 13])
@pytest.mark.parametrize("num_silent", [0, (1 << 13) - 2])
def test_a_large_table_is_a_mechanism_of_the_variable_it_is_normalised_over(
    child: int, num_silent: int
):
    rng = np.random.default_rng(child)
    logs = rng.normal(size=(1 << 13, 2))
    logs -= np.logaddexp.reduce(logs, axis=1, keepdims=True)
    # A corner of the table is looked at first: nothing there tells of the rest.
    logs[:num_silent] = 0.0
    table = np.moveaxis(logs.reshape((2,) * 14), -1, child)[None]
    scopes = np.arange(14, dtype=np.int32)[None]
    graph = FactorGraph((VariableBlock("x", (14,), 2),), (FactorBlock(Table(table), scopes, "f"),))
    owned = order_mechanisms(graph, no_evidence(graph), lambda: False)
    assert owned is not None
    assert owned.owner.tolist() == [child]
    assert np.isnan(owned.log_constant[0]) == bool(num_silent)


def test_factors_that_only_weigh_are_not_ordered_where_they_are_too_many():
    logs = np.random.default_rng(0).normal(size=(30, 2, 2))
    scopes = np.stack([np.arange(30), np.arange(1, 31)], axis=1).astype(np.int32)
    graph = FactorGraph((VariableBlock("x", (31,), 2),), (FactorBlock(Table(logs), scopes, "f"),))
    evidence = no_evidence(graph)
    assert order_mechanisms(graph, evidence, lambda: False, 60.0) is not None
    assert order_mechanisms(graph, evidence, lambda: False, 59.0) is None
