"""Ctrl-C and deadlines: a search that is interrupted still answers.

Engines keep to their budget by themselves. Where one cannot, say while its kernels are compiled
for the first time, an alarm interrupts it as Ctrl-C would. An import, or Numba's reading of its own
tables, would be left half done, and fail ever after; so an interrupt waits until they are over.
"""

import _thread
import signal
import threading
from types import FrameType, TracebackType
from typing import Self

# How often an interrupt that came at a bad moment tries again, seconds.
AGAIN_S = 0.01


class Interrupts:
    """Raises KeyboardInterrupt on Ctrl-C, which it notes, and at a deadline, which it does not."""

    def __init__(self) -> None:
        """Begin with none."""
        self.pressed = False
        self._before: object = None
        self._listens = False

    def __enter__(self) -> Self:
        """Listen; outside the main thread, where nobody can, do nothing."""
        self._listens = True
        try:
            self._before = signal.signal(signal.SIGINT, self._note)
            if hasattr(signal, "SIGALRM"):
                signal.signal(signal.SIGALRM, self._ring)
        except ValueError:
            self._before = None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Listen no more."""
        self._listens = False
        self.end_after(0.0)
        if callable(self._before) or isinstance(self._before, signal.Handlers):
            signal.signal(signal.SIGINT, self._before)

    def end_after(self, seconds: float) -> None:
        """Interrupt whatever is at work when so much time has passed; 0 calls the alarm off."""
        if self._before is not None and hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, seconds)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        if self._listens:
            _raise_when_safe(number, frame)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.pressed = True
        _raise_when_safe(number, frame)


def _raise_when_safe(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, or send the signal again a moment later."""
    if not is_fragile(frame):
        raise KeyboardInterrupt
    timer = threading.Timer(AGAIN_S, _send, (number,))
    timer.daemon = True
    timer.start()


def _send(number: int) -> None:
    """Send the main thread a signal; where the system can, it wakes what waits there."""
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, signal.Signals(number))
    else:
        _thread.interrupt_main(signal.Signals(number))


def is_fragile(frame: FrameType | None) -> bool:
    """Say whether what runs here, or what called it, must not be left half done."""
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        is_refresh = frame.f_code.co_name == "refresh" and module.startswith("numba.")
        if is_refresh or module == "importlib._bootstrap":
            return True
        frame = frame.f_back
    return False
