"""libDAI's factor graphs (.fg): the first variable of a factor changes fastest, zeros left out."""

import numpy as np

from gmruntime.formats.graphs.named import Factors, NamedGraph
from gmruntime.formats.recognise import FG, refuse_other
from gmruntime.formats.text import Tokens

SIZE_MAX = (1 << 31) - 1


def parse_fg(name: str, text: str) -> NamedGraph:
    """Parse the text of a graph; its variable of label k is called xk.

    Raises:
        FormatError: naming the place and what was expected.
    """
    refuse_other(FG, name, text)
    tokens = Tokens(name, "\n".join(_plain(line) for line in text.split("\n")))
    number = tokens.integer("the number of factors", 0, SIZE_MAX)
    if 2 * number > tokens.left():
        raise tokens.fail(f"{number} factors are expected")
    sizes: dict[int, int] = {}
    found = [_factor(tokens, sizes) for _ in range(number)]
    if tokens.left():
        raise tokens.fail(f"the file goes on after its {number} factors")
    labels = sorted(sizes)
    index = {label: k for k, label in enumerate(labels)}
    factors = Factors([sizes[label] for label in labels])
    for scope, entries, values, at in found:
        shape = factors.shape([index[label] for label in scope])
        if shape is None:
            raise tokens.fail("the table of this factor is too large", at)
        table = np.full(int(np.prod(shape)), -np.inf)
        with np.errstate(divide="ignore"):
            table[entries] = np.log(values)
        factors.table([index[label] for label in scope], table.reshape(shape, order="F"))
    states = ((),) * len(labels)
    return NamedGraph("", factors.graph(), tuple(f"x{label}" for label in labels), states)


def _plain(line: str) -> str:
    # As many characters as before, so that places stay right.
    return " " * len(line) if line.lstrip().startswith("#") else line


def _factor(tokens: Tokens, sizes: dict[int, int]) -> tuple[list[int], np.ndarray, np.ndarray, int]:
    """Read a factor: its labels, the linear indices of its entries, these, and where it stands."""
    start = tokens.position
    arity = tokens.integer("the number of a factor's variables", 0, max(0, tokens.left()))
    scope = [tokens.integer("a variable", 0, SIZE_MAX) for _ in range(arity)]
    if len(set(scope)) != arity:
        raise tokens.fail("a factor names a variable twice", start + 1)
    size = 1
    for label in scope:
        count = tokens.integer("a number of states", 1, SIZE_MAX)
        known = sizes.setdefault(label, count)
        if known != count:
            message = f"variable {label} had {known} states before, not {count}"
            raise tokens.fail(message, tokens.position - 1)
        size *= count
    number = tokens.integer("the number of entries", 0, min(size, SIZE_MAX))
    if 2 * number > tokens.left():
        raise tokens.fail(f"{number} entries are expected")
    entries = np.empty(number, np.int64)
    values = np.empty(number)
    seen: set[int] = set()
    for k in range(number):
        entries[k] = tokens.integer("the index of an entry", 0, size - 1)
        if int(entries[k]) in seen:
            raise tokens.fail(f"entry {entries[k]} is given twice", tokens.position - 1)
        seen.add(int(entries[k]))
        values[k] = tokens.reals(1, "an entry")[0]
    return scope, entries, values, start
