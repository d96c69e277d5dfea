"""`had`: what would have been, against every assignment of the noise, and bounds that hold it."""

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

import gmlang
from gmlang.diagnostics import GmError
from gmlang.queries.worlds.couplings import COUPLINGS, gumbel, monotone
from gmlang.queries.worlds.transport import best_couplings
from gmruntime.budget import begin_budget
from tests.support.nets import Net, ask, random_net

TOLERANCE = 1e-9


def noisy_net(rng: np.random.Generator, count: int, num_noise: int) -> Net:
    """Draw a network of `count` functions of earlier ones and of noise, which comes first."""
    parents: list[tuple[int, ...]] = []
    tables: list[np.ndarray] = []
    for _ in range(num_noise):
        parents.append(())
        tables.append(rng.dirichlet(np.ones(int(rng.integers(2, 4)))))
    for variable in range(num_noise, num_noise + count):
        some = [p for p in range(num_noise, variable) if rng.random() < 0.5][-2:]
        # Two may share their noise: that is a hidden common cause.
        own = sorted({int(rng.integers(num_noise)), variable - num_noise})
        some = [*(p for p in own if p < num_noise), *some]
        sizes = [tables[p].shape[-1] for p in some]
        size = int(rng.integers(2, 4))
        parents.append(tuple(some))
        tables.append(np.eye(size)[rng.integers(0, size, sizes)])
    return Net(tuple(parents), tuple(tables))


def enumerated(
    net: Net, num_noise: int, variable: int, done: dict[int, int], seen: dict[int, int]
) -> np.ndarray | None:
    """Return P(variable had done | seen): abduction, action, prediction; None where impossible."""
    found = np.zeros(net.states(variable))
    for noise in itertools.product(*(range(net.states(v)) for v in range(num_noise))):
        weight = float(np.prod([net.tables[v][s] for v, s in enumerate(noise)]))
        worlds = [list(noise), [done.get(v, s) for v, s in enumerate(noise)]]
        for v in range(num_noise, net.count):
            for world, fixed in zip(worlds, ({}, done), strict=True):
                row = net.tables[v][tuple(world[p] for p in net.parents[v])]
                world.append(fixed.get(v, int(row.argmax())))
        if all(worlds[0][v] == s for v, s in seen.items()):
            found[worlds[1][variable]] += weight
    return found / found.sum() if found.sum() > 0 else None


def had(net: Net, variable: int, done: dict[int, int], seen: dict[int, int]) -> str:
    """Write the question."""
    behind = ", ".join(f"x{v} = {s}" for v, s in seen.items())
    imagined = ", ".join(f"x{v} = {s}" for v, s in done.items())
    return f"P(x{variable} had {imagined}{' | ' + behind if behind else ''})"


def check_written_noise(seed: int) -> None:
    """Compare where all noise is written down, shared noise among it."""
    rng = np.random.default_rng(seed)
    num_noise = int(rng.integers(2, 4))
    net = noisy_net(rng, int(rng.integers(3, 6)), num_noise)
    x, y = (int(v) for v in rng.choice(np.arange(num_noise, net.count), 2, replace=False))
    done = {x: int(rng.integers(net.states(x)))}
    seen = {
        v: int(rng.integers(net.states(v)))
        for v in range(num_noise, net.count)
        if rng.random() < 0.5
    }
    expected = enumerated(net, num_noise, y, done, seen)
    answer = ask(net.model(), had(net, y, done, seen))
    if expected is None:
        assert answer.status == "impossible"
        return
    assert answer.status == "exact"
    np.testing.assert_allclose(answer.array, expected, atol=TOLERANCE)


@pytest.mark.parametrize("seed", range(12))
def test_written_noise_is_exact(seed: int):
    check_written_noise(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12, 300))
def test_written_noise_is_always_exact(seed: int):
    check_written_noise(seed)


def responding_net(rng: np.random.Generator, count: int, size: int) -> tuple[Net, Net]:
    """Draw a network whose every variable has noise of its own, and the same with noise summed out.

    The noise variables of the first come first, and are as many as the others.
    """
    cells = 6
    parents: list[tuple[int, ...]] = [()] * count
    tables = [rng.dirichlet(np.full(cells, 0.4)) for _ in range(count)]
    seen_parents: list[tuple[int, ...]] = []
    seen_tables: list[np.ndarray] = []
    for v in range(count):
        some = tuple(p for p in range(v) if rng.random() < 0.6)[-2:]
        functions = rng.integers(0, size, [*([size] * len(some)), cells])
        made = np.eye(size)[functions]
        parents.append((*(count + p for p in some), v))
        tables.append(made)
        seen_parents.append(some)
        seen_tables.append(np.einsum("...cs,c->...s", made, tables[v]))
    return Net(tuple(parents), tuple(tables)), Net(tuple(seen_parents), tuple(seen_tables))


def check_bounds(seed: int, size: int) -> None:
    """The truth of a model of responses lies within the bounds, and so does the value."""
    rng = np.random.default_rng(seed)
    count = 4
    full, seen_net = responding_net(rng, count, size)
    drawn = [int(rng.choice(6, p=full.tables[v])) for v in range(count)]
    for v in range(count, 2 * count):
        row = full.tables[v][tuple(drawn[p] for p in full.parents[v])]
        drawn.append(int(row.argmax()))
    x, y = 0, int(rng.integers(1, count))
    done = {x: int((drawn[count + x] + 1) % size)}
    seen = {v: drawn[count + v] for v in range(count) if rng.random() < 0.7}
    shifted = {count + v: s for v, s in seen.items()}
    truth = enumerated(full, count, count + y, {count + x: done[x]}, shifted)
    answer = ask(seen_net.model(), had(seen_net, y, done, seen))
    assert truth is not None
    if answer.status == "exact":
        np.testing.assert_allclose(answer.array, truth, atol=1e-8)
        return
    assert answer.status == "bounded"
    names = list(answer.value)
    lower = np.array([answer.lower[name] for name in names])
    upper = np.array([answer.upper[name] for name in names])
    assert (lower <= truth + 1e-9).all()
    assert (truth <= upper + 1e-9).all()
    assert (lower <= answer.array).all()
    assert (answer.array <= upper).all()


@pytest.mark.parametrize("seed", range(8))
def test_bounds_hold_the_truth(seed: int):
    check_bounds(seed, 2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8, 208))
def test_bounds_always_hold_the_truth(seed: int):
    check_bounds(seed, 2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(80))
def test_bounds_of_three_states_hold_the_truth(seed: int):
    check_bounds(seed, 3)


def check_one_chance(seed: int) -> None:
    """With one mechanism that leaves something to chance the bounds are the linear program's."""
    rng = np.random.default_rng(seed)
    first = rng.dirichlet(np.ones(2))
    table = rng.dirichlet(np.ones(2), size=(2, 2))
    net = Net(((), (0,), (0, 1)), (first, rng.dirichlet(np.ones(2), size=2), table))
    answer = ask(net.model(), "P(x2 had x1 = 1 | x1 = 0, x2 = 0)")
    joint = first * net.tables[1][:, 0]
    # A response of x2 to (x0, x1): 16 functions, the same for all that is seen.
    functions = np.array(list(itertools.product(range(2), repeat=4))).reshape(-1, 2, 2)
    rows, limits = [np.ones(16)], [1.0]
    for a, b in itertools.product(range(2), repeat=2):
        rows.append((functions[:, a, b] == 1).astype(float))
        limits.append(table[a, b, 1])
    weight = sum(joint[a] * table[a, 0, 0] for a in range(2))
    gain = sum(joint[a] * ((functions[:, a, 0] == 0) & (functions[:, a, 1] == 1)) for a in range(2))
    ends = [
        sign * linprog(sign * gain, A_eq=np.array(rows), b_eq=limits).fun / weight
        for sign in (1, -1)
    ]
    np.testing.assert_allclose([answer.lower["1"], answer.upper["1"]], ends, atol=TOLERANCE)


@pytest.mark.parametrize("seed", range(4))
def test_one_chance_is_the_linear_program(seed: int):
    check_one_chance(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4, 40))
def test_one_chance_is_always_the_linear_program(seed: int):
    check_one_chance(seed)


# --- Medicine ------------------------------------------------------------------------------

CAUSES = """
var severe  : bool ~ Bernoulli(0.4)
var treated : bool ~ Bernoulli(0.8 if severe else 0.2)
"""
UNKNOWN = (
    CAUSES
    + """
var well : bool ~ Bernoulli((0.4 if treated else 0.1) if severe else (0.8 if treated else 0.6))
"""
)
UNTREATED = "P(well had treated = true | treated = false, well = false)"


def test_unknown_luck_is_an_interval():
    answer = ask(gmlang.compile(UNKNOWN), UNTREATED)
    assert answer.status == "bounded"
    assert answer.lower["true"] == pytest.approx(5 / 11, abs=TOLERANCE)
    assert answer.upper["true"] == pytest.approx(0.848485, abs=1e-6)
    assert answer.value["true"] == pytest.approx(5 / 11, abs=TOLERANCE)
    assert "line 5" in answer.note


def test_what_is_identified_is_exact():
    answer = ask(gmlang.compile(UNKNOWN), "P(well had treated = false | treated = true)")
    assert answer.status == "exact"
    assert answer.value["true"] == pytest.approx(0.236364, abs=1e-6)
    answer = ask(gmlang.compile(UNKNOWN), "P(well had treated = true)")
    assert answer.value["true"] == pytest.approx(0.64)
    answer = ask(gmlang.compile(UNKNOWN), "P(severe had treated = true | well = true)")
    assert answer.value["true"] == pytest.approx(
        ask(gmlang.compile(UNKNOWN), "P(severe | well)").value["true"]
    )


def test_a_coupling_that_is_named_gives_a_number():
    model = gmlang.compile(UNKNOWN)
    found = {name: ask(model, f"{UNTREATED} using coupling({name})") for name in COUPLINGS}
    assert {one.status for one in found.values()} == {"exact"}
    assert all(name in one.note for name, one in found.items())
    assert found["gumbel"].value["true"] == pytest.approx(found["monotone"].value["true"])
    assert found["independent"].value["true"] == pytest.approx(0.690909, abs=1e-6)


def test_bounds_of_tian_and_pearl():
    """Tian and Pearl (2000), table of their example: 0.625 <= PN <= 0.875 for such numbers."""
    source = """
var x : bool ~ Bernoulli(0.5)
var y : bool ~ Bernoulli(0.8 if x else 0.3)
"""
    answer = ask(gmlang.compile(source), "P(not y had x = false | x = true, y = true)")
    assert answer.lower == pytest.approx((0.8 - 0.3) / 0.8, abs=TOLERANCE)
    assert answer.upper == pytest.approx(0.7 / 0.8, abs=TOLERANCE)


def test_an_assert_holds_where_bounds_say_so():
    model = gmlang.compile(
        f"{UNKNOWN}assert {UNTREATED.replace('well had', 'well = true had')} < 0.9\n"
    )
    assert all(one.held for one in model.run())


# --- Couplings -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", COUPLINGS)
def test_a_coupling_has_its_margins(name: str):
    rows = np.random.default_rng(1).dirichlet(np.ones(4), size=3)
    joint = COUPLINGS[name](rows)
    np.testing.assert_allclose(joint.sum(axis=3), np.broadcast_to(rows[:, None], (3, 3, 4)))
    np.testing.assert_allclose(joint.sum(axis=2), np.broadcast_to(rows[None], (3, 3, 4)))
    assert joint.min() >= 0


def test_gumbel_is_monotone_for_two_states_and_what_is_drawn_for_more():
    rng = np.random.default_rng(2)
    two = rng.dirichlet(np.ones(2), size=5)
    np.testing.assert_allclose(gumbel(two), monotone(two), atol=1e-12)
    p, q = rng.dirichlet(np.ones(3), size=2)
    noise = rng.gumbel(size=(200_000, 3))
    pairs = np.argmax(np.log(p) + noise, 1), np.argmax(np.log(q) + noise, 1)
    drawn = np.zeros((3, 3))
    np.add.at(drawn, pairs, 1 / len(noise))
    np.testing.assert_allclose(gumbel(np.stack([p, q]))[0, 1], drawn, atol=0.006)


def test_transports_are_the_linear_programs():
    rng = np.random.default_rng(3)
    p, q = rng.dirichlet(np.ones(3), size=(2, 6))
    gains = rng.random((6, 3, 3))
    for sign in (1, -1):
        found = best_couplings(p, q, gains, sign, begin_budget(5.0, None))
        for k in range(6):
            rows = [np.eye(3)[i][:, None] * np.ones(3) for i in range(3)]
            rows += [np.ones((3, 1)) * np.eye(3)[j] for j in range(3)]
            matrix = np.array([row.reshape(-1) for row in rows])
            limits = np.concatenate([p[k], q[k]])
            best = -sign * linprog(-sign * gains[k].reshape(-1), A_eq=matrix, b_eq=limits).fun
            assert found[k] == pytest.approx(best, abs=1e-9)


# --- Mistakes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("P(well had treated | do(severe))", "GM276"),
        ("E(severe had treated)", "GM279"),
        ("P(well, severe had treated | not well)", "GM279"),
        ("P(well had treated) using coupling(nothing)", "GM279"),
        ("P(well had treated, not treated)", "GM273"),
        ("P(well had treated ~ Bernoulli(0.5))", "GM601"),
        ("P(well had severe or treated)", "GM278"),
    ],
)
def test_what_has_no_meaning_is_refused(text: str, code: str):
    with pytest.raises(GmError) as caught:
        gmlang.compile(UNKNOWN).query(text)
    assert caught.value.diagnostics[0].code == code


def test_what_a_factor_relates_is_not_imagined():
    source = UNKNOWN + "constraint well or severe\n"
    with pytest.raises(GmError) as caught:
        gmlang.compile(source).query(UNTREATED)
    assert caught.value.diagnostics[0].code == "GM272"


def test_a_random_net_answers_what_do_answers_where_nothing_is_seen():
    rng = np.random.default_rng(4)
    for _ in range(3):
        net = random_net(rng, 5)
        model = net.model()
        x, y = (int(v) for v in rng.permutation(5)[:2])
        imagined = ask(model, f"P(x{y} had x{x} = 1)")
        assert imagined.status == "exact"
        np.testing.assert_allclose(
            imagined.array, ask(model, f"P(x{y} | do(x{x} = 1))").array, atol=TOLERANCE
        )


@pytest.mark.parametrize(
    ("change", "want"), [("y := not x", 0.2), ("y ~ Bernoulli(0.5)", None), ("y = true", None)]
)
def test_what_is_imagined_in_a_changed_world_comes_about_as_there(change: str, want: float | None):
    model = gmlang.compile(
        "var x : bool ~ Bernoulli(0.3)\nvar y : bool := x\n"
        "var z : bool ~ Bernoulli(0.9 if y else 0.2)\n"
    )
    found: Any = model.do(change).query("P(z = true had x = true | x = false)")
    plain: Any = model.do(change).query("P(z = true | x = false)")
    assert found.status == "exact"
    assert found.value == pytest.approx(plain.value if want is None else want, abs=1e-9)
