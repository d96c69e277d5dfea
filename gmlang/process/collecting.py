"""Making large structures without Python's collector looking through them again and again."""

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def nothing_collected() -> Generator[None]:
    """Keep Python from looking for circles of garbage.

    Trees of a program and its statements have none, and looking through them again whenever they
    have grown by a quarter takes longer than making them.
    """
    was_on = gc.isenabled()
    try:
        gc.disable()
        yield
    finally:
        if was_on:
            gc.enable()


def look_through() -> None:
    """Let the collector look through all there is, so that it does not while somebody waits.

    After large structures were made, the next that is made would have it do so.
    """
    if gc.isenabled():
        gc.collect()
