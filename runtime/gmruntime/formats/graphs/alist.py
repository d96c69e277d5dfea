"""MacKay's alist: a sparse parity-check matrix, each of whose rows is a sum modulo 2 that is 0."""

import numpy as np

from gmruntime.factors.kinds import Xor
from gmruntime.formats.graphs.named import Factors, NamedGraph
from gmruntime.formats.recognise import ALIST, refuse_other
from gmruntime.formats.text import Tokens

SIZE_MAX = 1 << 24


def parse_alist(name: str, text: str) -> NamedGraph:
    """Parse the text of a matrix; bit k of a word is the variable xk, and has the states 0 and 1.

    Lists may be padded with zeros or not: no index is 0.

    Raises:
        FormatError: naming the place and what was expected.
    """
    refuse_other(ALIST, name, text)
    tokens = Tokens(name, "\n".join(_plain(line) for line in text.split("\n")))
    first = next((line for line in text.split("\n") if _plain(line).strip()), "")
    if len(first.split()) == 3:
        raise tokens.fail("a matrix over a field of more than two elements is not read", 2)
    num_bits = tokens.integer("the number of columns (bits)", 1, SIZE_MAX)
    num_checks = tokens.integer("the number of rows (checks)", 0, SIZE_MAX)
    widest = [
        tokens.integer("the largest number of checks of a bit", 0, num_checks),
        tokens.integer("the largest number of bits of a check", 0, num_bits),
    ]
    if num_bits + num_checks > tokens.left():
        raise tokens.fail(f"{num_bits} + {num_checks} lengths of lists are expected")
    by_bit = [tokens.integer("a bit's number of checks", 0, widest[0]) for _ in range(num_bits)]
    by_check = [tokens.integer("a check's number of bits", 0, widest[1]) for _ in range(num_checks)]
    columns = _lists(tokens, by_bit, num_checks, "a check")
    at = tokens.position
    rows = _lists(tokens, by_check, num_bits, "a bit")
    _pads(tokens)
    if tokens.left():
        raise tokens.fail("the file goes on after the lists of its checks")
    ones = {(bit, check) for bit, checks in enumerate(columns) for check in checks}
    for check, bits in enumerate(rows):
        for bit in bits:
            if (bit, check) not in ones:
                message = f"check {check + 1} names bit {bit + 1}, whose list does not name it"
                raise tokens.fail(message, at)
    if sum(by_bit) != sum(by_check):
        raise tokens.fail("the lists of bits name checks whose lists do not name them", at)
    factors = Factors([2] * num_bits)
    for degree in sorted(set(by_check)):
        scopes = [bits for bits in rows if len(bits) == degree]
        if degree:
            factors.kind(Xor(np.zeros(1, np.bool_)), scopes, f"checks of {degree} bits")
    names = tuple(f"x{k}" for k in range(num_bits))
    return NamedGraph("", factors.graph(), names, ((),) * num_bits)


def _plain(line: str) -> str:
    # As many characters as before, so that places stay right.
    return " " * len(line) if line.lstrip().startswith("#") else line


def _lists(tokens: Tokens, lengths: list[int], largest: int, what: str) -> list[list[int]]:
    """Read lists of indices from 1, and return them from 0."""
    found: list[list[int]] = []
    for length in lengths:
        one: list[int] = []
        for _ in range(length):
            _pads(tokens)
            one.append(tokens.integer(what, 1, max(largest, 1)) - 1)
        if len(set(one)) != length:
            raise tokens.fail(f"a list names {what} twice", tokens.position - 1)
        found.append(one)
    return found


def _pads(tokens: Tokens) -> None:
    while tokens.left() and tokens.words[tokens.position] == "0":
        tokens.position += 1
