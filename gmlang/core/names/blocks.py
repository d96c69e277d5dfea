"""Where a block ends, by how deep its lines are."""


def block_end(text: str, start: int) -> int:
    r"""Return where the block ends whose header begins at a place: before a line no deeper.

    >>> block_end("for i in d:\n    x\n\n  y\nz\n", 0)
    22
    """
    line = text.rfind("\n", 0, start) + 1
    width = _width(text, line)
    at = text.find("\n", start)
    # A header may go on over several lines within brackets; those are deeper as a rule.
    while at >= 0:
        end = text.find("\n", at + 1)
        written = text[at + 1 : end if end >= 0 else len(text)]
        if written.strip() and written.strip()[0] not in "#)]}" and _width(text, at + 1) <= width:
            return at
        at = end
    return len(text)


def _width(text: str, line: int) -> int:
    at = line
    while at < len(text) and text[at] in " \t":
        at += 1
    return len(text[line:at].expandtabs(8))
