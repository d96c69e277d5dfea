"""The standard streams made fit for use: none of them missing, none that cannot write a name."""

import io
import os
import sys


def prepare_streams() -> None:
    """Put nothing in the place of closed streams, and escapes where an encoding lacks a letter."""
    _fill_descriptors()
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
        elif not isinstance(stream, io.TextIOWrapper):
            continue
        elif mode == "w":
            stream.reconfigure(errors="backslashreplace")
        elif not stream.isatty():
            # Programs are UTF-8 wherever they come from.
            stream.reconfigure(encoding="utf-8", errors="replace")


def _fill_descriptors() -> None:
    """Take the numbers of closed streams, so that no file of ours is written to as one."""
    if os.name != "posix":
        return
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(handle)
