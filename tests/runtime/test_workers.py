"""Processes that die alone, parcels that travel once, and executors that are none."""

import os
import signal
import time
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from pickle import PicklingError

import pytest

from gmruntime.workers.parcels import pack, unpack
from gmruntime.workers.processes import Processes
from gmruntime.workers.workers import NUM_WORKERS_MAX, workers_of


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refuse() -> None:
    raise EOFError("not for us")


def unsendable() -> object:
    return lambda: None


def test_a_process_that_dies_costs_its_own_task_alone():
    with Processes(1) as executor:
        first = executor.submit(os.getpid)
        dead, after = executor.submit(die), executor.submit(os.getpid)
        assert isinstance(dead.exception(60), BrokenExecutor)
        assert after.result(60) != first.result(60)


def test_what_cannot_be_sent_or_fails_leaves_the_process_alive():
    with Processes(1) as executor:
        here = executor.submit(os.getpid).result(60)
        with pytest.raises(EOFError, match="not for us"):
            executor.submit(refuse).result(60)
        with pytest.raises(RuntimeError, match="cannot be sent"):
            executor.submit(unsendable).result(60)
        with pytest.raises((AttributeError, PicklingError)):
            executor.submit(lambda: None).result(60)
        assert executor.submit(os.getpid).result(60) == here


def test_a_process_that_cannot_be_started_fails_its_task(monkeypatch: pytest.MonkeyPatch):
    def refused(method: str) -> object:
        raise OSError(f"no more processes to {method}")

    monkeypatch.setattr("gmruntime.workers.processes.get_context", refused)
    with Processes(1) as executor:
        assert isinstance(executor.submit(os.getpid).exception(10), BrokenExecutor)


def test_processes_that_are_at_work_can_be_ended():
    executor = Processes(1)
    pid = executor.submit(os.getpid).result(60)
    at_work, waiting = executor.submit(signal.pause), executor.submit(os.getpid)
    while not at_work.running():
        time.sleep(0.01)
    executor.shutdown(wait=False)
    assert isinstance(at_work.exception(60), BrokenExecutor)
    assert waiting.cancelled()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(RuntimeError):
        executor.submit(os.getpid)


def test_a_parcel_is_unpacked_once():
    parcel = pack({"a": [1, 2]})
    assert unpack(pack(["another"]).by_name()) is None
    value = unpack(parcel)
    assert value == {"a": [1, 2]}
    assert unpack(parcel.by_name()) is value


@pytest.mark.parametrize("nonsense", [3, "pool", ThreadPoolExecutor, object()])
def test_what_is_no_executor_is_refused(nonsense: object):
    with pytest.raises(ValueError, match="executor must be"):
        workers_of(nonsense)


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "two", NUM_WORKERS_MAX + 1, float("nan")])
def test_what_is_no_number_of_workers_is_refused(count: object):
    with ThreadPoolExecutor(1) as executor, pytest.raises(ValueError, match="num_workers must be"):
        workers_of(executor, count)


def test_an_executor_is_asked_how_many_it_has():
    with ThreadPoolExecutor(3) as executor:
        workers = workers_of(executor)
    assert workers is not None
    assert workers.count == 3
    assert workers_of(None) is None
    with pytest.raises(ValueError, match="there is none"):
        workers_of(None, 2)
