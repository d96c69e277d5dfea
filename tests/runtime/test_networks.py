"""Real Bayesian networks: both formats load, and posteriors equal checked references."""

from pathlib import Path

import numpy as np
import pytest

from gmruntime.answer import Marginals, MarginalsAnswer, Status
from gmruntime.formats.networks.bif import read_bif
from gmruntime.formats.networks.network import network_graph
from gmruntime.formats.uai import read_evidence, read_uai
from gmruntime.formats.uai_results import log10, parse_marginals
from gmruntime.graph import FactorGraph, log_score, num_states
from gmruntime.inference import infer
from tests.support.shared import shared_data

DATA = shared_data()
NAMES = (
    sorted(p.name.removesuffix(".bif.gz") for p in (DATA / "bif").glob("*.bif.gz")) if DATA else []
)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not NAMES, reason="no shared data")]


def _folder() -> Path:
    assert DATA is not None
    return DATA / "bif"


def _check(graph: FactorGraph, name: str, number: int) -> None:
    path = _folder() / f"{name}.e{number}.evid"
    evidence = read_evidence(path, graph) if path.exists() else None
    found = infer(graph, Marginals(), evidence=evidence, budget_s=120)
    assert isinstance(found, MarginalsAnswer)
    assert found.quality.status is Status.EXACT
    reference_path = _folder() / f"{name}.e{number}.MAR"
    expected = parse_marginals(reference_path.name, reference_path.read_text())
    rows = [row for block in found.probabilities for row in block.reshape(-1, block.shape[-1])]
    for row, reference in zip(rows, expected, strict=True):
        np.testing.assert_allclose(row, reference, atol=1e-6)
    text = (_folder() / f"{name}.e{number}.PR").read_text().split()
    assert log10(found.log_partition) == pytest.approx(float(text[-1]), abs=1e-6)


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("name", NAMES)
def test_posteriors_equal_the_references(name: str, number: int):
    _check(read_uai(_folder() / f"{name}.uai.gz"), name, number)


@pytest.mark.parametrize("name", NAMES)
def test_the_two_formats_say_the_same(name: str):
    first = read_uai(_folder() / f"{name}.uai.gz")
    second = network_graph(read_bif(_folder() / f"{name}.bif.gz"))
    assert (num_states(first) == num_states(second)).all()
    rng = np.random.default_rng(0)
    draws = (rng.random((20, first.num_variables)) * num_states(first)).astype(np.int32)
    np.testing.assert_allclose(log_score(first, draws), log_score(second, draws), rtol=1e-6)
