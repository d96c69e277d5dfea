"""An interrupt does not cut an import, or Numba's reading of its tables, in two."""

import signal
import sys
import time
from types import FrameType, ModuleType

import pytest

from gmlang.interrupts import Interrupts, is_fragile


def frame_in(module: str, function: str) -> FrameType | None:
    """Return the frame of a function of that name and module, which has ended."""
    made = ModuleType(module)
    exec(f"import sys\ndef {function}():\n    return sys._getframe()\n", made.__dict__)
    return made.__dict__[function]()


def test_imports_and_numbas_refresh_are_fragile() -> None:
    assert is_fragile(frame_in("importlib._bootstrap", "_find_and_load"))
    assert is_fragile(frame_in("numba.core.base", "refresh"))
    assert not is_fragile(frame_in("numba.core.base", "call_function"))
    assert not is_fragile(frame_in("gmruntime.driver", "refresh"))
    assert not is_fragile(None)


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_an_interrupt_waits_until_it_may() -> None:
    made = ModuleType("numba.core.base")
    made.__dict__.update(signal=signal, time=time)
    lines = "def refresh(done):\n    signal.raise_signal(signal.SIGINT)\n    time.sleep(0.1)\n"
    exec(lines + "    done.append(1)\n", made.__dict__)
    done: list[int] = []

    def work() -> None:
        made.__dict__["refresh"](done)
        time.sleep(60.0)

    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt):
        work()
    assert done == [1]
    assert interrupts.pressed
