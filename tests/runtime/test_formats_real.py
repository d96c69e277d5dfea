"""Real files: every model is read, and the two forms of a network agree."""

import numpy as np
import pytest

from gmruntime.formats.networks.bif import read_bif
from gmruntime.formats.networks.network import network_graph
from gmruntime.formats.uai import read_evidence, read_query, read_uai
from gmruntime.formats.uai_results import parse_marginals, parse_partition
from gmruntime.graph import log_score, num_states, validate
from tests.support.shared import need_shared_data

pytestmark = pytest.mark.slow


def test_every_model_with_its_evidence_and_query_is_read() -> None:
    for path in sorted((need_shared_data() / "uai").glob("*/*.uai.gz")):
        graph = read_uai(path)
        validate(graph)
        for ending, read in ((".evid", read_evidence), (".query", read_query)):
            beside = path.with_name(path.name.removesuffix(".gz") + ending)
            if beside.exists():
                read(beside, graph)


def test_networks_score_as_their_uai_twins() -> None:
    rng = np.random.default_rng(0)
    for path in sorted((need_shared_data() / "bif").glob("*.bif.gz")):
        twin = path.with_name(path.name.replace(".bif.gz", ".uai.gz"))
        one, other = network_graph(read_bif(path)), read_uai(twin)
        states = num_states(one)
        assert states.tolist() == num_states(other).tolist()
        rows = rng.integers(0, states, (20, len(states))).astype(np.int32)
        np.testing.assert_allclose(log_score(one, rows), log_score(other, rows), rtol=1e-5)


def test_stored_results_are_read() -> None:
    folder = need_shared_data() / "bif"
    for path in sorted(folder.glob("*.MAR")):
        for row in parse_marginals(path.name, path.read_text("utf-8")):
            assert row.sum() == pytest.approx(1.0, abs=1e-5)
    for path in sorted(folder.glob("*.PR")):
        assert parse_partition(path.name, path.read_text("utf-8")) <= 1e-9
