"""Damaged models say in which line they are; what else is damaged, `tests/fuzz/damage.py` holds."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.formats.errors import FormatError
from gmruntime.formats.networks.bif import parse_bif
from gmruntime.formats.uai import parse_evidence, parse_uai
from gmruntime.graph import validate
from tests.fuzz.damage import BIF, NUMBERS, UAI, damage

SEEDS = st.integers(0, (1 << 32) - 1)


def damaged(seed: int, originals: tuple[bytes, ...]) -> str:
    rng = random.Random(seed)
    return damage(rng, rng.choice(originals)).decode("utf-8", "replace")


@settings(max_examples=200, deadline=None)
@given(seed=SEEDS)
def test_a_damaged_model_is_valid_or_refused_with_its_line(seed: int) -> None:
    try:
        validate(parse_uai("m.uai", damaged(seed, UAI)))
    except FormatError as error:
        assert error.line > 0  # noqa: PT017


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS)
def test_damaged_evidence_is_read_or_refused(seed: int) -> None:
    graph = parse_uai("m.uai", UAI[0].decode())
    try:
        parse_evidence("e", damaged(seed, NUMBERS), graph)
    except FormatError as error:
        assert str(error)  # noqa: PT017


def test_a_count_in_another_script_is_no_count() -> None:
    with pytest.raises(FormatError, match="should have"):
        parse_bif("n.bif", BIF.decode().replace("[ 2 ]", "[ ¹2 ]"))
