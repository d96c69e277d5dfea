"""Ctrl-C: a search that is interrupted still answers; the command then ends with its own status."""

import signal
from types import FrameType, TracebackType
from typing import Self


class Interrupts:
    """Notes that Ctrl-C was pressed, and raises KeyboardInterrupt as Python does."""

    def __init__(self) -> None:
        """Begin with none."""
        self.pressed = False
        self._before: object = None

    def __enter__(self) -> Self:
        """Listen; outside the main thread, where nobody can, do nothing."""
        try:
            self._before = signal.signal(signal.SIGINT, self._note)
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
        if callable(self._before) or isinstance(self._before, signal.Handlers):
            signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.pressed = True
        raise KeyboardInterrupt
