"""What an answer notes that was found again instead of being worked out."""

REMEMBERED = "remembered"


def is_remembered(note: str) -> bool:
    """Say whether a note says so.

    >>> is_remembered("there are 3; remembered"), is_remembered("there are 3")
    (True, False)
    """
    return REMEMBERED in note.split("; ")


def with_remembered(note: str) -> str:
    """Return a note that says so, once."""
    return note if is_remembered(note) else "; ".join(filter(None, (note, REMEMBERED)))


def without_remembered(note: str) -> str:
    """Return a note that does not say so.

    >>> without_remembered(with_remembered("there are 3"))
    'there are 3'
    """
    return "; ".join(part for part in note.split("; ") if part != REMEMBERED)
