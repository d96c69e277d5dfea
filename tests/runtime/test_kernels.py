"""Every message rule equals its definition, the loop over the factor's table."""

import numpy as np
import pytest

from gmruntime.messages.tempering import at_temperature
from tests.support.messages import outgoing_of_table
from tests.support.random_factors import each_kind, nth_kind, with_zeros


def assert_same_logs(found: np.ndarray, wanted: np.ndarray, tolerance: float = 1e-9) -> None:
    assert not np.isnan(found).any()
    assert (np.isneginf(found) == np.isneginf(wanted)).all()
    finite = np.isfinite(wanted)
    assert np.abs(found[finite] - wanted[finite]).max(initial=0.0) < tolerance


@pytest.mark.parametrize("temperature", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("tables", [1, 3])
@each_kind
def test_every_kind_sends_what_its_table_sends(index: int, temperature: float, tables: int):
    rng = np.random.default_rng(5)
    scale = temperature or 1.0
    for kind, shape in [nth_kind(rng, index, tables)]:
        told = [with_zeros(rng, rng.normal(size=(2, 3, n)), 0.15) for n in shape]
        tempered = at_temperature(kind, shape, temperature)
        said = tempered.messages([m / scale for m in told], temperature == 0.0)
        written = kind.log_tables(shape) / scale
        for row in range(2):
            for f in range(3):
                table = written[f if len(written) > 1 else 0]
                heard = [m[row, f] / scale for m in told]
                wanted = outgoing_of_table(table, heard, is_max=temperature == 0.0)
                for k in range(len(shape)):
                    assert_same_logs(said[k][row, f], wanted[k])


def test_all_different_of_many_values_prefers_what_is_left():
    told = [np.full((1, 1, 10), -5.0) for _ in range(10)]
    for k in range(9):
        told[k][0, 0, k] = 0.0
    told[9][:] = 0.0
    from gmruntime.factors.kinds import AllDifferent

    said = AllDifferent().messages(told, is_max=False)
    assert said[9][0, 0].argmax() == 9
