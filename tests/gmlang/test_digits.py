"""examples/society/digits.gm with pictures made up here: each alone, as rows, by the command."""

# pyright: reportIndexIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false
# pyright: reportOperatorIssue=false, reportCallIssue=false, reportReturnType=false

import json
from pathlib import Path

import numpy as np
import pytest

import gmlang
from gmlang.cli import main

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "society" / "digits.gm"
DIGITS = "[P(any(drawn(img, d, k) for k in 0..<K)) for d in 0..<D]"

WRITTEN = """
data proto[D, K, N] : real                    # K prototypes for each of D digits
data pixels[N] : bool
entity Image:
    ink[N] : bool
model drawn(x: Image, d: 0..<D, k: 0..<K) prior 1 / (D * K):
    for i in 0..<N: predict x.ink[i] ~ Bernoulli(proto[d, k, i])
var img : Image
consider drawn(img, d, k) for d in 0..<D, k in 0..<K
constraint exactly_one(drawn(img, d, k) for d in 0..<D for k in 0..<K)
observe img.ink = pixels
query [P(any(drawn(img, d, k) for k in 0..<K)) for d in 0..<D], surprise(img)
"""


def made_up(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw prototypes, pictures, and the probabilities of the digits of each, by arithmetic."""
    rng = np.random.default_rng(5)
    proto = rng.uniform(0.05, 0.95, (3, 4, 60))
    which = rng.integers(12, size=count)
    pixels = rng.random((count, 60)) < proto.reshape(12, 60)[which]
    flat = proto.reshape(12, 60)
    logs = np.log(flat) @ pixels.T + np.log1p(-flat) @ ~pixels.T
    weights = np.exp(logs - logs.max(axis=0)).reshape(3, 4, count).sum(axis=1)
    return proto, pixels, (weights / weights.sum(axis=0)).T


@pytest.mark.parametrize("text", [EXAMPLE.read_text("utf-8"), WRITTEN])
def test_pictures_are_told_apart_alone_and_as_rows(text: str):
    proto, pixels, chances = made_up(9)
    model = gmlang.compile(text).bind(proto=proto)
    for given in ({"pixels": pixels}, {"img.ink": pixels}):
        bound = model if "pixels" in given else model.bind(pixels=np.ma.masked_all(60, bool))
        rows = bound.query(DIGITS, rows=given, budget_s=60.0)
        np.testing.assert_allclose([one.value for one in rows], chances, atol=1e-9)
    for r in (0, 8):
        alone = model.bind(pixels=pixels[r])
        assert alone.query(DIGITS).value == pytest.approx(chances[r], abs=1e-9)
    surprised = model.query("surprise(img)", rows={"pixels": pixels}, budget_s=60.0)
    best = [int(one.value["best"][0].split(", ")[1]) for one in surprised]  # pyright: ignore[reportIndexIssue, reportOptionalSubscript]
    assert best == np.argmax(chances, axis=1).tolist()


def test_the_command_reads_pictures_under_their_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    proto, pixels, chances = made_up(3)
    np.save(tmp_path / "proto.npy", proto)
    np.savez(tmp_path / "test.npz", pixels=pixels, labels=np.arange(3))
    where = f"proto={tmp_path / 'proto.npy'}", f"pixels={tmp_path / 'test.npz'}"
    given = ["--data", where[0], "--each", where[1], "--query", DIGITS, "--json"]
    with pytest.raises(SystemExit) as ended:
        main(["run", str(EXAMPLE), *given])
    assert ended.value.code in (0, None)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    np.testing.assert_allclose([line["answer"] for line in lines], chances, atol=1e-9)


@pytest.mark.parametrize(
    "more", ["factor 0.1 if pixels[0] else 0\n", "for i in 0..0: observe img.ink[i] = pixels[i]\n"]
)
def test_data_with_another_use_is_bound_row_by_row(more: str):
    proto, pixels, _ = made_up(2)
    model = gmlang.compile(WRITTEN + more).bind(proto=proto)
    rows = model.query(DIGITS, rows={"pixels": pixels}, budget_s=60.0)
    for row, found in zip(pixels, rows, strict=True):
        alone = model.bind(pixels=row).query(DIGITS, budget_s=60.0)
        assert found.value == pytest.approx(alone.value, abs=1e-9)
