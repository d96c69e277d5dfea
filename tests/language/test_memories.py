"""What an index of patterns says of every position is one factor, however it is written."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gmlang
from gmruntime.factors.kinds import Memory

MEMORY = Path(__file__).parents[2] / "examples" / "society" / "memory.gm"
M, N = 40, 12

FORMS = {
    "prefer": "for i in 0..<N: prefer x[i] == pattern[m, i] weight 1.5",
    "factor": "for i in 0..<N: factor said[m, i] if x[i] else 0.0",
    "sum": "factor sum(said[m, i] for i in 0..<N if x[i])",
    "predict": "for i in 0..<N: predict x[i] ~ Bernoulli(chance[m, i])",
    "backwards": "for i in 0..<N: prefer pattern[m, N - 1 - i] == x[i] weight 1.5",
}

HEAD = """
data pattern[M, N] : bool
data said[M, N] : real
data chance[M, N] : real
data seen[N] : bool
var m : 0..<M
var x[N] : bool
observe x = seen
"""


def given(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "pattern": rng.random((M, N)) < 0.5,
        "said": rng.normal(size=(M, N)).round(3),
        "chance": rng.uniform(0.05, 0.95, (M, N)).round(3),
        "seen": np.ma.MaskedArray(rng.random(N) < 0.5, mask=rng.random(N) < 0.6),
    }


def logs_of(form: str, data: dict[str, np.ndarray]) -> np.ndarray:
    """Return what each pattern says of each state of each position, by hand: (M, N, 2)."""
    pattern, chance = data["pattern"], data["chance"]
    states = np.arange(2)
    match form:
        case "prefer":
            return np.where(pattern[..., None] == states, 1.5, 0.0)
        case "backwards":
            return np.where(pattern[:, ::-1, None] == states, 1.5, 0.0)
        case "factor" | "sum":
            return np.stack([np.zeros((M, N)), data["said"]], axis=2)
        case _:
            # A prediction divides by the base, which is uniform.
            return np.log(np.stack([1 - chance, chance], axis=2)) - np.log(0.5)


def expected(logs: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return P(m), P(x[i]) and the score of the best assignment."""
    kept = np.array(logs)
    mask = np.ma.getmaskarray(seen)
    for i in np.flatnonzero(~mask):
        kept[:, i, 1 - int(seen.data[i])] = -np.inf
    weight = np.logaddexp(kept[..., 0], kept[..., 1]).sum(axis=1)
    index = np.exp(weight - weight.max())
    index /= index.sum()
    inner = np.exp(kept - np.logaddexp(kept[..., 0], kept[..., 1])[..., None])
    best = kept.max(axis=2).sum(axis=1).max()
    return index, np.einsum("m,mi->i", index, inner[..., 1]), float(best)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(3))
def test_every_form_is_one_memory_with_exact_answers(form: str, seed: int):
    data = given(seed)
    model = gmlang.compile(HEAD + FORMS[form]).bind(**data)
    kinds = [block for block in model.graph().factors if len(block.scopes)]
    assert [type(block.kind) for block in kinds] == [Memory]
    assert len(kinds[0].scopes) == 1
    index, ones, best = expected(logs_of(form, data), data["seen"])
    found: Any = model.query("P(m)")
    assert found.status == "exact"
    told = [found.probabilities[str(k)] for k in range(M)]
    np.testing.assert_allclose(told, index, atol=1e-12)
    found = model.query("P(x)")
    assert found.status == "exact"
    np.testing.assert_allclose([row["true"] for row in found.value], ones, atol=1e-12)
    found = model.query("MAP(x)")
    assert found.status == "exact"
    assert found.log_score == pytest.approx(best, abs=1e-9)
    found = model.query("MMAP(m)")
    assert found.status == "exact"
    assert index[int(found.value["m"])] == pytest.approx(index.max())


def test_rows_have_the_answers_of_programs_that_observe_them():
    data = given(5)
    model = gmlang.compile(HEAD + FORMS["prefer"]).bind(**data)
    free = model.bind(seen=np.ma.MaskedArray(np.zeros(N, bool), mask=True))
    rng = np.random.default_rng(6)
    rows = np.ma.MaskedArray(rng.random((5, N)) < 0.5, mask=rng.random((5, N)) < 0.5)
    for question in ("P(x)", "P(m)", "MAP(x)", "logZ()"):
        found = free.query(question, rows={"x": rows})
        for row, own in zip(rows, found, strict=True):
            alone = model.bind(seen=row).query(question)
            assert own.status == alone.status == "exact"
            if question == "MAP(x)":
                assert own.log_score == pytest.approx(alone.log_score, abs=1e-9)
            else:
                assert_close(own.value, alone.value)


def assert_close(one: object, other: object) -> None:
    if isinstance(one, list):
        assert isinstance(other, list)
        for own, its in zip(one, other, strict=True):
            assert_close(own, its)
    elif isinstance(one, dict):
        assert isinstance(other, dict)
        assert one.keys() == other.keys()
        for key in one:
            assert_close(one[key], other[key])
    else:
        assert one == pytest.approx(other, abs=1e-12)


def test_several_indices_over_the_same_patterns_are_one_block():
    program = """
data pattern[M, N] : bool
var m[3] : 0..<M
var x[3, N] : bool
for e in 0..<3, i in 0..<N: prefer x[e, i] == pattern[m[e], i] weight 2
for i in 0..<N: observe x[1, i] = pattern[7, i]
"""
    model = gmlang.compile(program).bind(pattern=given(1)["pattern"])
    (block,) = (b for b in model.graph().factors if isinstance(b.kind, Memory))
    assert block.scopes.shape == (3, N + 1)
    assert block.kind.num_tables == 1
    assert model.query("MAP(m[1])").value == {"m[1]": "7"}
    found: Any = model.query("P(m[0])")
    assert found.probabilities["3"] == pytest.approx(1 / M)


def test_positions_that_something_joins_stay_and_answers_are_exact():
    joined = HEAD + FORMS["factor"] + "\nfactor 2 if x[0] == x[1] else 0\n"
    data = given(2)
    data["seen"] = np.ma.MaskedArray(np.zeros(N, bool), mask=True)
    found: Any = gmlang.compile(joined).bind(**data).query("P(x[0])")
    assert found.status == "exact"
    logs = logs_of("factor", data)
    others = np.logaddexp(logs[:, 2:, 0], logs[:, 2:, 1]).sum(axis=1)
    pair = others[:, None, None] + logs[:, 0, :, None] + logs[:, 1, None, :] + 2 * np.eye(2)
    weight = np.exp(pair - pair.max())
    assert found.probabilities["true"] == pytest.approx(weight[:, 1].sum() / weight.sum())


def test_few_positions_and_small_tables_stay_tables():
    program = "data p[M, N] : bool\nvar m : 0..<M\nvar x[N] : bool\n" + FORMS["prefer"].replace(
        "pattern", "p"
    )
    for shape in ((40, 5), (4, 12)):
        model = gmlang.compile(program).bind(p=np.zeros(shape, bool))
        assert not any(isinstance(block.kind, Memory) for block in model.graph().factors)


def test_half_a_picture_recalls_the_whole_in_the_example():
    rng = np.random.default_rng(0)
    pattern = rng.random((300, 100)) < 0.4
    seen = np.ma.MaskedArray(pattern[123], mask=np.arange(100) >= 50)
    model = gmlang.load(MEMORY).bind(pattern=pattern, seen=seen)
    answers: Any = model.run()
    told, best = answers
    assert (told.status, best.status) == ("exact", "exact")
    assert [row["true"] > 0.5 for row in told.value] == pattern[123].tolist()
    assert [state == "true" for state in best.value["x"]] == pattern[123].tolist()
