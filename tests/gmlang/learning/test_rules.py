"""What unknown functions may be, listed and written, against lists made by plain Python."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

import gmlang
from gmlang.learning.functions.rules import NUMBER, TRUTH, Leaf, Rules, Wanted, every_rule
from gmlang.learning.functions.writing import written
from gmruntime.budget import begin_budget

_PYTHON: dict[str, Callable[[int, int], int]] = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "//": lambda x, y: x // y,
    "%": lambda x, y: x % y,
    "min": min,
    "max": max,
    "==": lambda x, y: int(x == y),
    "<": lambda x, y: int(x < y),
    ">=": lambda x, y: int(x >= y),
}
_CELLS = list(product(range(-1, 3), range(3)))
_LEAVES = (
    Leaf("x", NUMBER, np.array([x for x, _ in _CELLS], np.int16)),
    Leaf("y", NUMBER, np.array([y for _, y in _CELLS], np.int16)),
    Leaf("-2", NUMBER, np.full(len(_CELLS), -2, np.int16)),
)
_ANY = Wanted(NUMBER, -1000, 1000)


def _every(operators: tuple[str, ...], size: int) -> Rules:
    return every_rule(_LEAVES, operators, (_ANY,), size, begin_budget(20.0, None))


def _by_hand(operators: tuple[str, ...], size: int) -> dict[tuple[bool, tuple[int, ...]], int]:
    """List what values expressions have, conditions apart, with the least size for each."""
    sized: list[list[tuple[bool, tuple[int, ...]]]] = [[] for _ in range(size + 1)]
    sized[1] = [(False, tuple(leaf.values.tolist())) for leaf in _LEAVES]
    found = dict.fromkeys(sized[1], 1)
    for own in range(2, size + 1):
        for left in range(1, own - 1):
            for operator, one, other in product(operators, sized[left], sized[own - 1 - left]):
                if operator in ("//", "%") and 0 in other[1]:
                    continue
                pairs = zip(one[1], other[1], strict=True)
                values = tuple(_PYTHON[operator](a, b) for a, b in pairs)
                key = operator in ("==", "<", ">="), values
                if key not in found:
                    found[key] = own
                    sized[own].append(key)
    return found


@pytest.mark.parametrize("operators", [("+", "%", ">="), ("-", "*", "min"), ("//", "max", "==")])
def test_every_expression_is_there_once_as_short_as_it_can_be(operators: tuple[str, ...]):
    rules, hand = _every(operators, 5), _by_hand(operators, 5)
    found = {
        (bool(kind == TRUTH), tuple(values)): int(size)
        for kind, values, size in zip(rules.kinds, rules.values.tolist(), rules.sizes, strict=True)
    }
    assert found == hand
    assert len(found) == len(rules.sizes)
    assert rules.is_whole


def test_a_rule_is_written_so_that_the_language_reads_the_same():
    operators = ("+", "-", "*", "//", "%", "min", "max", "abs", ">=", "==", "and", "not", "if")
    rules = _every(operators, 6)
    rng, near = np.random.default_rng(3), Wanted(NUMBER, -20, 20)
    chosen = rng.choice(np.flatnonzero(near.accepts(rules.kinds, rules.values)), 40, replace=False)
    lines: list[str] = []
    for k in chosen.tolist():
        lines += [
            f"def f{k}(x, y) = {written(rules, k, _ANY)}",
            f"var v{k}[4, 3] : -20..20",
            f"for i in 0..3, j in 0..2: v{k}[i, j] := f{k}(i - 1, j)",
        ]
    model = gmlang.compile("\n".join(lines))
    for k in chosen.tolist():
        found = np.asarray(model.query(f"MAP(v{k})").array)
        assert np.array_equal(found.reshape(-1), rules.values[k])
