"""What makes the command start quickly; Python users and tests never come here."""

import dataclasses
import functools


def skip_representations() -> None:
    """Let the records that are defined from now on do without a `repr`.

    The command shows none, and compiling some hundreds of them takes a tenth of the time.
    """
    if not isinstance(dataclasses.dataclass, functools.partial):
        plain = functools.partial(dataclasses.dataclass, repr=False)
        dataclasses.dataclass = plain  # pyright: ignore[reportAttributeAccessIssue]
