"""Steps in compiled loops say what their tables do, summed out by NumPy."""

import numpy as np
import pytest

from gmruntime.filtering.planning import planned
from gmruntime.filtering.reference import run
from gmruntime.filtering.running import NOTHING, Belief, Runner, run_once
from gmruntime.filtering.step import (
    NUM_ENTRIES_MAX,
    Potential,
    Step,
    TooWideError,
    Wanted,
)


def _random_step(rng: np.random.Generator, spread: float) -> Step:
    """Draw a step over two variables of before, two of after, and one that is seen."""
    sizes = (2, 3, 2, 3, 4)
    scopes = [(0, 2), (1, 3), (2, 3), (3, 4), (0, 1), (2, 4)]
    potentials = [
        Potential(scope, spread * rng.normal(size=[sizes[v] for v in scope])) for scope in scopes
    ]
    potentials[0].log_values[0, 1] = -np.inf
    return Step(sizes, (0, 1), (2, 3), tuple(potentials), (4,), (), (Wanted((4,)), Wanted((3, 2))))


def _joint(step: Step, belief: np.ndarray, state: int) -> np.ndarray:
    """Add everything up in one table."""
    total = np.zeros(step.num_states)
    total = total + belief.reshape(2, 3, 1, 1, 1)
    for potential in step.potentials:
        shape = [n if v in potential.scope else 1 for v, n in enumerate(step.num_states)]
        total = total + potential.log_values.reshape(shape)
    if state >= 0:
        total[..., [k for k in range(4) if k != state]] = -np.inf
    return total


@pytest.mark.parametrize("spread", [1.0, 50.0, 400.0])
def test_a_step_sums_what_it_multiplies(spread: float):
    rng = np.random.default_rng(int(spread))
    for state in (-1, 0, 3):
        step = _random_step(rng, spread)
        logs = spread * rng.normal(size=6)
        belief = Belief(np.zeros(6), logs, has_plain=False, has_logs=True, shift=0.0)
        gain, found = run_once(planned(step), belief, [state], 10)
        joint = _joint(step, logs, state)
        log_z = np.logaddexp.reduce(joint, axis=None)
        assert gain == pytest.approx(log_z, abs=1e-8)
        own = np.exp(joint - log_z)
        assert found[:4] == pytest.approx(own.sum((0, 1, 2, 3)), abs=1e-9)
        assert found[4:] == pytest.approx(own.sum((0, 1, 4)).T.reshape(-1), abs=1e-9)


def test_compiled_operations_are_those_in_numpy():
    rng = np.random.default_rng(3)
    step = _random_step(rng, 2.0)
    plan = planned(step)
    runner = Runner([plan], Belief(np.ones(6), np.zeros(6), True, True, 0.0))
    gains, found = np.zeros((1, 2)), np.zeros(10)
    runner.run(np.zeros(1, np.int64), np.full((1, 1), -1, np.int32), gains, found, 10)
    operations, tables = plan.operations, plan.tables
    run(operations.rows, operations.left_places, operations.right_places, tables)
    after = int(operations.tables[0, 1])
    own = tables.logs[tables.start[after] : tables.start[after + 1]]
    theirs = runner.left()
    logs = theirs.logs if theirs.has_logs else np.log(theirs.plain)
    assert logs - logs.max() == pytest.approx(own, abs=1e-12)


def test_what_nothing_mentions_weighs_the_same_in_every_state():
    step = Step((3, 2), (), (0,), (), (1,), (), (Wanted((0,)),))
    gain, found = run_once(planned(step), NOTHING, [1], 3)
    assert gain == pytest.approx(np.log(3))
    assert found == pytest.approx([1 / 3] * 3)
    gain, _ = run_once(planned(step), NOTHING, [-1], 3)
    assert gain == pytest.approx(np.log(6))


def test_a_step_that_is_too_wide_says_so():
    scope = tuple(range(24))
    pairs = tuple(Potential((v, v + 1), np.zeros((2, 2))) for v in range(23))
    with pytest.raises(TooWideError) as caught:
        planned(Step((2,) * 24, (), scope, pairs))
    assert caught.value.num_entries > NUM_ENTRIES_MAX
