"""Hugin's NET: chance nodes with states, potentials as nested lists, comments after `%`."""

import re
from collections.abc import Iterator

from gmruntime.formats.located import Words, shown
from gmruntime.formats.networks.network import Gathered, Network
from gmruntime.formats.recognise import NET, refuse_other

_TOKEN = re.compile(
    r'\s+|%[^\n]*|("(?:[^"\\\n]|\\.)*")|([{}()=;|:])|([^\s{}()=;|:"%]+)',
)
_SIGNS = "{}()=;|:"
_UNREAD = ("continuous", "decision", "utility", "function", "instance")


def parse_net(name: str, text: str) -> Network:
    """Parse the text of a network.

    Raises:
        FormatError: naming the place and what was expected, or what is no chance node.
    """
    refuse_other(NET, name, text)
    reader = Words(name, text, _TOKEN)
    gathered = Gathered(reader)
    title, depth = "unknown", 0
    while not reader.is_over():
        offset, word = reader.here(), reader.next("a declaration")
        match word:
            case "net":
                reader.expect("{")
                for key in _attributes(reader):
                    title = reader.peek() if key == "name" and reader.peek() != "(" else title
                    reader.skip_to(";")
            case "class" if not depth:
                title, depth = reader.name("the class's name", _SIGNS), 1
                reader.expect("{")
            case "}" if depth == 1:
                depth = 2
            case _ if word in _UNREAD:
                if reader.at("node"):
                    reader.next("`node`")
                who = shown(reader.peek())
                raise reader.error(
                    f"{who} is a {word} node: only networks of discrete chance nodes are read",
                    offset,
                )
            case "discrete":
                reader.expect("node")
                _node(reader, gathered)
            case "node":
                _node(reader, gathered)
            case "potential":
                _potential(reader, gathered)
            case _ if depth == 1 and reader.at("="):
                # What a class says of itself: its inputs and outputs, how it is drawn.
                reader.skip_to(";")
            case _:
                raise reader.error(
                    f"`node` or `potential` is expected here, not `{shown(word)}`", offset
                )
    if depth == 1:
        raise reader.wrong("the file ends where `}` is expected")
    return gathered.network(title, "NET network")


def _attributes(reader: Words) -> Iterator[str]:
    """Yield the name of each attribute of a block, up to the block's end; the value comes next."""
    while not reader.at("}"):
        key = reader.name("an attribute", _SIGNS)
        reader.expect("=")
        yield key
    reader.expect("}")


def _node(reader: Words, gathered: Gathered) -> None:
    offset = reader.here()
    name = reader.name("a node's name", _SIGNS)
    reader.expect("{")
    states: list[str] = []
    for key in _attributes(reader):
        if key != "states":
            reader.skip_to(";")
            continue
        states = []
        reader.expect("(")
        while not reader.at(")"):
            states.append(_plain(reader.name("a state", _SIGNS)))
        reader.expect(")")
        reader.expect(";")
    gathered.declare(name, states, offset)


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _potential(reader: Words, gathered: Gathered) -> None:
    reader.expect("(")
    start = reader.here()
    names: list[str] = []
    heads = -1
    while not reader.at(")"):
        if heads < 0 and reader.at("|"):
            heads = len(names)
            reader.expect("|")
            continue
        gathered.known(reader.peek(), reader.here())
        names.append(reader.next("a node"))
    reader.expect(")")
    heads = heads if heads >= 0 else len(names)
    if heads != 1:
        raise reader.error(f"a potential of {heads} nodes is not read: it must be of one", start)
    found = gathered.define(names, start)
    reader.expect("{")
    has_data = False
    model = -1
    for key in _attributes(reader):
        if key == "data":
            if has_data:
                raise reader.wrong(f"the data of {names[0]} are given twice")
            has_data = True
            at = reader.here()
            values, offsets = _data(reader, found.num_states)
            found.rows(values, offsets, at)
            reader.expect(";")
        else:
            model = reader.here() if key.startswith("model") else model
            reader.skip_to(";")
    if has_data:
        return
    if model >= 0:
        raise reader.error(
            f"the potential of {names[0]} is given by an expression: only data are read", model
        )
    found.rest([1.0 / found.num_states] * found.num_states, start)
    gathered.close(found, start)
    line, column = reader.place(start)
    gathered.warnings.append(
        f"{reader.file}:{line}:{column}: no data are given for {names[0]}, which is read as uniform"
    )


def _data(reader: Words, num_states: int) -> tuple[list[float], list[int]]:
    """Read nested lists; where there are several, each of the innermost is a row."""
    values: list[float] = []
    offsets: list[int] = []
    depth, row, num_lists = 0, 0, 0
    while True:
        if reader.at("("):
            reader.expect("(")
            depth, row, num_lists = depth + 1, 0, num_lists + 1
        elif reader.at(")"):
            if row and num_lists > 1 and row != num_states:
                raise reader.wrong(f"this row has {row} entries, but there are {num_states} states")
            reader.expect(")")
            depth, row = depth - 1, 0
            if not depth:
                return values, offsets
        elif not depth:
            raise reader.wrong(f"`(` is expected here, not `{shown(reader.peek())}`")
        else:
            offsets.append(reader.here())
            values.append(reader.real())
            row += 1
