"""The Bayesian interchange format, BIF 0.15: networks with names of variables and states."""

import re
from pathlib import Path

import numpy as np

from gmruntime.formats.located import Words
from gmruntime.formats.networks.network import Distribution, Gathered, Network
from gmruntime.formats.recognise import BIF, refuse_other
from gmruntime.formats.text import read_text

_TOKEN = re.compile(
    r'\s+|//[^\n]*|/\*(?:.|\n)*?\*/|,|\||("[^"\n]*")|([{}()\[\];])|([^\s{}()\[\];,|"]+)'
)

_BRACKETS = ("(", ")", "[", "]", "{", ";")

_QUOTE = 'names with brackets, commas or spaces are read in quotes: { "(0,1]", "(1,5]" }'


def read_bif(path: str | Path) -> Network:
    """Read a network, packed or not.

    Raises:
        FormatError: naming the place and what was expected.
        OSError: when the file cannot be read.
    """
    return parse_bif(str(path), read_text(path))


def parse_bif(name: str, text: str) -> Network:
    """Parse the text of a network.

    Raises:
        FormatError: naming the place and what was expected.
    """
    refuse_other(BIF, name, text)
    reader = Words(name, text, _TOKEN)
    for word, offset in reader.words:
        if not word:
            raise reader.error("a name between quotes is empty", offset)
    gathered = Gathered(reader)
    title = "network"
    while not reader.is_over():
        word = reader.next("a declaration")
        if word == "network":
            title = title if reader.at("{") else reader.next("a name")
            reader.expect("{")
            while not reader.at("}"):
                reader.skip_to(";")
            reader.expect("}")
        elif word == "variable":
            _variable(reader, gathered)
        elif word == "probability":
            _probability(reader, gathered)
    return gathered.network(title, "BIF network")


def _variable(reader: Words, gathered: Gathered) -> None:
    offset = reader.here()
    name = reader.next("a variable's name")
    reader.expect("{")
    values: list[str] = []
    while not reader.at("}"):
        if reader.next("`type`") != "type":
            reader.skip_to(";")
            continue
        reader.expect("discrete")
        reader.expect("[")
        text = reader.next("the number of states")
        reader.expect("]")
        reader.expect("{")
        values = []
        while not reader.at("}") and not reader.is_over():
            if reader.at(*_BRACKETS):
                raise reader.wrong(
                    f"a state's name cannot begin with `{reader.peek()}`", hint=_QUOTE
                )
            values.append(reader.next("a state"))
        reader.expect("}")
        reader.expect(";")
        if text != str(len(values)) or len(set(values)) != len(values):
            twice = [value for k, value in enumerate(values) if value in values[:k]]
            found = f"`{twice[0]}` twice" if twice else f"not {len(values)}"
            raise reader.wrong(f"{name} should have {text} different states, {found}", hint=_QUOTE)
    reader.expect("}")
    gathered.declare(name, values, offset)


def _probability(reader: Words, gathered: Gathered) -> None:
    reader.expect("(")
    names: list[str] = []
    start = reader.here()
    while not reader.at(")") and not reader.is_over():
        gathered.known(reader.peek(), reader.here())
        names.append(reader.next("a variable"))
    reader.expect(")")
    found = gathered.define(names, start)
    reader.expect("{")
    while not reader.at("}"):
        _entry(reader, found)
    gathered.close(found, reader.here())
    reader.expect("}")


def _entry(reader: Words, found: Distribution) -> None:
    word, offset = reader.next("an entry"), reader.words[reader.position - 1][1]
    size = found.num_states
    if word == "table":
        # The child's state changes slowest here, unlike everywhere else.
        starts = [at for _, at in reader.words[reader.position :][: found.places.size]]
        values = [reader.real() for _ in range(found.table.size)]
        reader.expect(";")
        rows = np.array(values).reshape(size, -1).T.reshape(-1).tolist()
        found.rows(rows, np.repeat(starts, size).tolist(), offset)
    elif word == "default":
        row = [reader.real() for _ in range(size)]
        reader.expect(";")
        found.rest(row, offset)
    elif word == "(":
        place: list[int | slice] = []
        for parent in found.parents:
            state, known = reader.peek(), found.states[parent]
            if state not in known:
                raise reader.wrong(f"`{state}` is no state of {parent} ({', '.join(known)})")
            place.append(known.index(reader.next("a state")))
        reader.expect(")")
        row = [reader.real() for _ in range(size)]
        reader.expect(";")
        found.row(tuple(place), row, offset)
    elif word == "property":
        reader.skip_to(";")
    else:
        reader.position -= 1
        raise reader.wrong(f"`table`, `default` or `(` is expected here, not `{word}`")
