"""Several threads at once say what one says."""

# pyright: reportArgumentType=false

import gc
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

import gmlang
from gmlang.graph.world.world import Quadrature
from gmlang.library import text_source
from gmlang.process.collecting import nothing_collected
from gmlang.syntax.parse import parse

MIXED = """
entity T:
    h : real base Normal(1.7, 0.2)
    b : bool
model tall(x: T) prior 0.3:
    predict x.h ~ Normal(1.9, 0.08) @ 0.9
model glad(x: T) prior 0.2:
    predict x.b = true @ 0.9
var it : T
consider tall(it), glad(it)
"""


def at_once(tasks: list[Callable[[], object]], num_threads: int = 4) -> list[object]:
    with ThreadPoolExecutor(num_threads) as pool:
        return [one.result() for one in [pool.submit(task) for task in tasks]]


@pytest.mark.parametrize("seed", range(2))
def test_no_thread_changes_the_status_of_anothers_answer(seed: int):
    """Whether an answer depends on hidden reals is known to the thread that answers."""
    model = gmlang.compile(MIXED)
    asked = [f"P(it.h > {1 + k / 100:.2f})" for k in range(25)]
    asked += ["P(glad(it))", "P(it.b)", "P(glad(it) | it.b = true)"] * 8
    Random(seed).shuffle(asked)

    def task(question: str) -> Callable[[], object]:
        return lambda: model.query(question).status

    found = at_once([task(question) for question in asked])
    assert found == ["estimate" if "it.h" in question else "exact" for question in asked]


def test_a_quadrature_goes_to_another_process_unmarked():
    quadrature = Quadrature()
    quadrature.is_used = True
    assert not pickle.loads(pickle.dumps(quadrature)).is_used


def test_texts_are_read_by_several_threads():
    """Shapes of lines are learned by whoever reads them first, and kept for all."""
    texts = [
        "".join(f"var x{k}_{n} : 0..{n + 2}\nobserve x{k}_{n} = {n % 2}\n" for n in range(40))
        + f"query P(x{k}_0)\n"
        for k in range(24)
    ]
    sources = [text_source(f"t{k}", text) for k, text in enumerate(texts)]
    found = at_once([lambda source=source: parse(source) for source in sources])
    assert found == [parse(source) for source in sources]


def test_the_collector_is_on_again_however_it_ended():
    assert gc.isenabled()
    with nothing_collected():
        assert not gc.isenabled()
        with pytest.raises(ValueError, match="inner"), nothing_collected():
            raise ValueError("inner")
        assert not gc.isenabled()
    assert gc.isenabled()

    def collected_nothing() -> None:
        with nothing_collected():
            assert sum(range(10_000))

    at_once([collected_nothing] * 200)
    assert gc.isenabled()
