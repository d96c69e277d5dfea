"""Answers compared: their values, number by number."""

import pytest


def assert_close(one: object, other: object) -> None:
    """Compare what answers say, numbers to 1e-9."""
    if isinstance(one, dict):
        assert isinstance(other, dict)
        assert one.keys() == other.keys()
        for key in one:
            assert_close(one[key], other[key])
    elif isinstance(one, list):
        assert isinstance(other, list)
        for own, its in zip(one, other, strict=True):
            assert_close(own, its)
    elif isinstance(one, float):
        assert one == pytest.approx(other, abs=1e-9)
    else:
        assert one == other
