"""The runtime's door: whatever is handed in means what it says, or is refused by name."""

import importlib
import itertools
import math
import pkgutil
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gmruntime as gm
from gmruntime.factors.kinds import (
    AllDifferent,
    Count,
    FactorKind,
    Gated,
    LinearSum,
    Memory,
    NoisyOr,
    Or,
    Potts,
    SoftWindow,
    Table,
    TruncatedLinear,
    TruncatedQuadratic,
    Window,
    Xor,
)
from gmruntime.graph import log_score, validate
from tests.support.random_factors import each_kind, every_kind, nth_kind

REAL_TYPES = (np.int8, np.uint8, np.int32, np.int64, np.uint64, np.bool_, np.float16, np.float32)
TWO = np.zeros((1, 2), np.bool_)
ONES = np.ones(1, np.int64)


def over_pair(kind: FactorKind, num_factors: int = 1, num_states: int = 2) -> gm.FactorGraph:
    scopes = np.tile(np.array([[0, 1]], np.int32), (num_factors, 1))
    return gm.FactorGraph(
        (gm.VariableBlock("x", (2,), num_states),), (gm.FactorBlock(kind, scopes),)
    )


def log_sum(graph: gm.FactorGraph) -> float:
    """Sum over all assignments in the plainest way, with the weights as Python has them."""
    sizes = [block.num_states for block in graph.variables for _ in range(block.size)]
    rows = np.array(list(itertools.product(*map(range, sizes))), np.int32)
    scores = [float(s) for s in log_score(validate(graph), rows)]
    return max(scores) + math.log(math.fsum(math.exp(s - max(scores)) for s in scores))


@pytest.mark.parametrize("dtype", REAL_TYPES)
def test_small_numbers_add_up_as_float64(dtype: type):
    large = {np.bool_: 1, np.int8: 100, np.float16: 60000, np.uint8: 200}.get(dtype, 2**20)
    graph = over_pair(Table(np.full((1, 2, 2), large, dtype)), num_factors=3)
    found = gm.infer(graph, gm.LogPartition())
    assert found.quality.status is gm.Status.EXACT
    assert found.log_value == pytest.approx(3 * large + math.log(4), abs=1e-9)
    best = gm.infer(graph, gm.Map())
    assert best.log_scores[0] == 3 * large


@given(st.integers(0, 2**32 - 1))
def test_every_kind_is_the_same_from_numbers_of_any_type(seed: int):
    rng = np.random.default_rng(seed)
    for kind, shape in every_kind(rng, 2, zeros=0.0):
        block = gm.FactorBlock(kind, np.arange(2 * len(shape), dtype=np.int32).reshape(2, -1))
        names = [field.name for field in fields(kind)]
        make: Any = type(kind)
        narrow = make(**{name: narrowed(getattr(kind, name)) for name in names})
        wide = make(**{name: widened(getattr(narrow, name)) for name in names})
        variables = tuple(gm.VariableBlock("x", (), n) for _ in range(2) for n in shape)
        row = np.array([rng.integers(n) for _ in range(2) for n in shape], np.int32)
        pair = [
            validate(gm.FactorGraph(variables, (gm.FactorBlock(each, block.scopes),)))
            for each in (narrow, wide)
        ]
        assert log_score(pair[0], row) == log_score(pair[1], row)
        for name in names:
            found = getattr(pair[0].factors[0].kind, name)
            if isinstance(found, np.ndarray):
                # Symbols of patterns take as few bytes as hold them.
                assert found.dtype in (np.float64, np.int64, np.bool_, np.uint8)
                assert found.flags.c_contiguous


def narrowed(value: Any) -> Any:
    """Write a parameter in a smaller type, and back to front in memory."""
    if not isinstance(value, np.ndarray):
        return value
    smaller = {"f": np.float32, "i": np.int8, "b": np.uint8}[value.dtype.kind]
    return np.asfortranarray(value.astype(smaller))


def widened(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    return value.astype({"f": np.float64, "i": np.int64, "u": np.bool_}[value.dtype.kind])


def test_what_is_float64_already_is_not_copied():
    table = np.zeros((1, 2, 2))
    kind = validate(over_pair(Table(table))).factors[0].kind
    assert isinstance(kind, Table)
    assert kind.log_potentials is table


def test_a_list_of_numbers_is_a_table():
    kind = Table([[[0, 1], [2, 3]]])  # pyright: ignore[reportArgumentType]
    assert gm.infer(over_pair(kind), gm.Map()).log_scores[0] == 3.0


def test_a_mask_that_hides_nothing_is_none():
    table = np.ma.MaskedArray(np.ones((1, 2, 2)))
    assert gm.infer(over_pair(Table(table)), gm.LogPartition()).log_value == pytest.approx(
        1 + math.log(4)
    )


def floats(shape: tuple[int, ...], value: complex) -> np.ndarray:
    return np.full(shape, value)


FLOAT_KINDS: dict[str, tuple[Callable[[np.ndarray], FactorKind], tuple[int, ...]]] = {
    "Table": (Table, (1, 2, 2)),
    "Gated": (Gated, (1, 2)),
    "Potts": (Potts, (1,)),
    "TruncatedLinear.slopes": (lambda a: TruncatedLinear(a, np.ones(1)), (1,)),
    "TruncatedLinear.caps": (lambda a: TruncatedLinear(np.ones(1), a), (1,)),
    "TruncatedQuadratic.slopes": (lambda a: TruncatedQuadratic(a, np.ones(1)), (1,)),
    "TruncatedQuadratic.caps": (lambda a: TruncatedQuadratic(np.ones(1), a), (1,)),
    "NoisyOr": (NoisyOr, (1, 2)),
    "Count": (lambda a: Count(a, TWO), (1, 3)),
    "LinearSum": (lambda a: LinearSum(np.ones((1, 2), np.int64), np.zeros(1, np.int64), a), (1, 3)),
    "Memory": (Memory, (1, 2, 1, 2)),
}
BAD_FLOATS: dict[str, Callable[[tuple[int, ...]], Any]] = {
    "nan": lambda shape: floats(shape, np.nan),
    "+inf": lambda shape: floats(shape, np.inf),
    "complex": lambda shape: floats(shape, 1j),
    "object": lambda shape: np.full(shape, "1", object),
    "text": lambda shape: np.full(shape, "1"),
    "date": lambda shape: np.full(shape, np.datetime64("2020-01-01")),
    "masked": lambda shape: np.ma.MaskedArray(floats(shape, -1.0), mask=True),
    "beyond 2**53": lambda shape: np.full(shape, -(2**53) - 1, np.int64),
    "axes": lambda shape: floats((*shape, 2), -1.0),
    "rows": lambda shape: floats((2, *shape[1:]), -1.0),
    "ragged": lambda _: [[1.0], [1.0, 2.0]],
    "none": lambda _: None,
}


@pytest.mark.parametrize("wrong", BAD_FLOATS)
@pytest.mark.parametrize("name", FLOAT_KINDS)
def test_numbers_that_mean_nothing_are_refused(name: str, wrong: str):
    make, shape = FLOAT_KINDS[name]
    with pytest.raises(gm.GraphError, match=r"factor block 0"):
        gm.infer(over_pair(make(BAD_FLOATS[wrong](shape))), gm.LogPartition())


@pytest.mark.parametrize(
    "kind",
    [
        TruncatedLinear(-np.ones(1), np.ones(1)),
        TruncatedLinear(np.ones(1), -np.ones(1)),
        TruncatedLinear(np.ones(1), np.ones(2)),
        TruncatedQuadratic(np.full(1, -np.inf), np.ones(1)),
        Count(np.zeros((1, 4)), TWO),
        Count(np.zeros((1, 2)), TWO),
        Count(np.zeros((1, 3)), np.zeros((2, 2), np.bool_)),
        Count(np.zeros((1, 3)), np.zeros((1, 3), np.bool_)),
        Count(np.zeros((2, 3)), np.zeros((3, 2), np.bool_)),
        NoisyOr(np.full((1, 2), 0.5)),
        NoisyOr(np.zeros((1, 3))),
        Xor(np.array([2])),
        Xor(np.array([0.5])),
        Or(np.array([[0, 2]])),
        Or(np.zeros((1, 3), np.bool_)),
        LinearSum(np.full((1, 2), 0.5), np.zeros(1, np.int64), np.zeros((1, 3))),
        LinearSum(np.ones((1, 3), np.int64), np.zeros(1, np.int64), np.zeros((1, 3))),
        LinearSum(np.ones((1, 2), np.int64), np.zeros(2, np.int64), np.zeros((1, 3))),
        LinearSum(np.full((1, 2), 2**62), np.zeros(1, np.int64), np.zeros((1, 3))),
        LinearSum(np.ones((1, 2), np.int64), np.zeros(1, np.int64), np.zeros((1, 0))),
        Window(-2, -1, ONES, ONES),
        Window(1, 2, -ONES, ONES),
        Window(1, 2, ONES / 2, ONES),  # pyright: ignore[reportArgumentType]
        Window(1, 2, np.ones(2, np.int64), np.ones(3, np.int64)),
        SoftWindow(1, 2, np.array([math.nan]), np.ones(1)),
        SoftWindow(1, 2, -np.ones(1), np.ones(1)),
        Memory(np.zeros((1, 2, 2, 2))),
        Table,
        None,
    ],
)
def test_parameters_that_do_not_fit_are_refused(kind: FactorKind):
    with pytest.raises(gm.GraphError, match="factor block 0"):
        gm.infer(over_pair(kind), gm.Map())


def test_a_parameter_of_one_row_is_shared_by_all_factors():
    negated = np.array([[False, False], [True, False], [True, True]])
    lists = np.array([[0.5, -1.0, 2.0]])
    one = over_pair(Count(lists, negated), num_factors=3)
    each = over_pair(Count(np.repeat(lists, 3, axis=0), negated), num_factors=3)
    found = gm.infer(one, gm.LogPartition()).log_value
    assert found == pytest.approx(log_sum(each))
    caps = np.array([0.5, 2.0])
    one = over_pair(TruncatedLinear(np.ones(1), caps), num_factors=2, num_states=4)
    each = over_pair(TruncatedLinear(np.ones(2), caps), num_factors=2, num_states=4)
    assert gm.infer(one, gm.LogPartition()).log_value == pytest.approx(log_sum(each))


@pytest.mark.parametrize(
    ("shape", "num_states"),
    [((-2, -2), 2), ((2.0,), 2), ((2,), 2.5), ((2,), 2**31), ((2,), 0), ((2**31,), 2), (2, 2)],
)
def test_variables_that_cannot_be_are_refused(shape: tuple[int, ...], num_states: int):
    with pytest.raises(gm.GraphError):
        gm.infer(gm.FactorGraph((gm.VariableBlock("x", shape, num_states),), ()), gm.Map())


@pytest.mark.parametrize(
    "scopes",
    [
        [[0, 1]],
        None,
        np.array([0, 1], np.int32),
        np.array([[0.0, 1.0]]),
        np.ma.MaskedArray(np.array([[0, 1]], np.int32), mask=[[True, False]]),
    ],
)
def test_scopes_that_are_no_array_are_refused(scopes: np.ndarray):
    block = gm.FactorBlock(Table(np.zeros((1, 2, 2))), scopes)
    with pytest.raises(gm.GraphError, match="scopes"):
        gm.infer(gm.FactorGraph((gm.VariableBlock("x", (2,), 2),), (block,)), gm.Map())


@pytest.mark.parametrize(
    ("kind", "log_value"),
    [
        (AllDifferent(), 0.0),
        (Xor(np.array([False])), 0.0),
        (Xor(np.array([True])), -math.inf),
        (Count(np.array([[0.25]]), np.zeros((1, 0), np.bool_)), 0.25),
        (Table(np.array([0.5])), 0.5),
        (LinearSum(np.zeros((1, 0), np.int64), np.zeros(1, np.int64), np.array([[2.0]])), 2.0),
        (LinearSum(np.zeros((1, 0), np.int64), np.ones(1, np.int64), np.zeros((1, 1))), -math.inf),
    ],
)
def test_a_factor_of_no_variable_is_a_constant(kind: FactorKind, log_value: float):
    blocks = (gm.FactorBlock(kind, np.zeros((1, 0), np.int32)),)
    graph = gm.FactorGraph((gm.VariableBlock("x", (), 1),), blocks)
    assert gm.infer(graph, gm.LogPartition()).log_value == log_value
    assert gm.infer(graph, gm.Map()).quality.status is not gm.Status.ESTIMATE


@pytest.mark.parametrize(
    "kind", [Or(np.zeros((1, 0), np.bool_)), NoisyOr(np.zeros((1, 0))), Gated(np.zeros(1))]
)
def test_a_factor_without_its_last_variable_is_refused(kind: FactorKind):
    block = gm.FactorBlock(kind, np.zeros((1, 0), np.int32))
    with pytest.raises(gm.GraphError):
        gm.infer(gm.FactorGraph((), (block,)), gm.LogPartition())


def test_no_public_name_is_a_submodule():
    submodules = {found.name for found in pkgutil.iter_modules(gm.__path__)}
    for name in submodules:
        importlib.import_module(f"gmruntime.{name}")
    public = {name for name, value in vars(gm).items() if callable(value)}
    assert {"search", "infer", "plan"} <= public
    assert not public & submodules


@each_kind
@pytest.mark.parametrize("strength", [1.0, 1e300])
def test_blocks_of_no_factors_say_nothing(index: int, strength: float):
    rng = np.random.default_rng(index)
    kind, shape = nth_kind(rng, index, 2)
    # As many parameters as factors: none.
    kind = kind.some(np.zeros(2, np.bool_))
    scopes = np.zeros((0, len(shape)), np.int32)
    table = gm.FactorBlock(
        Table(strength * rng.normal(size=(1, shape[0]))), np.array([[0]], np.int32)
    )
    blocks = tuple(gm.VariableBlock(f"x{k}", (), n) for k, n in enumerate(shape))
    plain = gm.FactorGraph(blocks, (table,))
    graph = gm.FactorGraph(blocks, (gm.FactorBlock(kind, scopes), table))
    first = np.array([0], np.int32)
    for query in (gm.LogPartition(), gm.Map(), gm.Best(2, first), gm.Marginals(first)):
        one, other = gm.infer(graph, query), gm.infer(plain, query)
        assert one.quality.status is other.quality.status
        assert gm.plan(graph, query).engine == gm.plan(plain, query).engine
        for field in ("log_value", "log_scores", "assignments"):
            if hasattr(one, field):
                np.testing.assert_array_equal(getattr(one, field), getattr(other, field))
