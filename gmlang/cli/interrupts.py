"""Ctrl-C and deadlines: a search that is interrupted still answers.

Engines keep to their budget by themselves. Where one cannot, say while its kernels are compiled
for the first time, an alarm interrupts it as Ctrl-C would.
"""

import signal
from types import FrameType, TracebackType
from typing import Self


class Interrupts:
    """Raises KeyboardInterrupt on Ctrl-C, which it notes, and at a deadline, which it does not."""

    def __init__(self) -> None:
        """Begin with none."""
        self.pressed = False
        self._before: object = None

    def __enter__(self) -> Self:
        """Listen; outside the main thread, where nobody can, do nothing."""
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
        self.end_after(0.0)
        if callable(self._before) or isinstance(self._before, signal.Handlers):
            signal.signal(signal.SIGINT, self._before)

    def end_after(self, seconds: float) -> None:
        """Interrupt whatever is at work when so much time has passed; 0 calls the alarm off."""
        if self._before is not None and hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, seconds)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.pressed = True
        raise KeyboardInterrupt
