"""DSC, the belief networks of Microsoft's MSBN: rows are named by the numbers of states."""

import re

from gmruntime.formats.located import Words, shown
from gmruntime.formats.networks.network import Distribution, Gathered, Network
from gmruntime.formats.recognise import DSC, refuse_other

_TOKEN = re.compile(
    r'\s+|//[^\n]*|/\*(?:.|\n)*?\*/|,|("[^"\n]*")|([{}()\[\]:;=|])|([^\s{}()\[\]:;=|,"]+)'
)
_SIGNS = "{}()[]:;=|"


def parse_dsc(name: str, text: str) -> Network:
    """Parse the text of a network.

    Raises:
        FormatError: naming the place and what was expected.
    """
    refuse_other(DSC, name, text)
    reader = Words(name, text, _TOKEN)
    gathered = Gathered(reader)
    reader.expect("belief")
    reader.expect("network")
    title = reader.next("a name") if reader.is_quoted() else "unknown"
    while not reader.is_over():
        if reader.at("node"):
            reader.expect("node")
            _node(reader, gathered)
        elif reader.at("probability"):
            reader.expect("probability")
            _probability(reader, gathered)
        elif reader.at("properties", "network"):
            reader.skip_to("{")
            _skip_block(reader)
        else:
            word = shown(reader.peek())
            raise reader.wrong(f"`node` or `probability` is expected here, not `{word}`")
    return gathered.network(title or "unknown", "DSC network")


def _skip_block(reader: Words) -> None:
    depth = 1
    while depth:
        depth += reader.at("{") - reader.at("}")
        reader.next("`}`")


def _node(reader: Words, gathered: Gathered) -> None:
    offset = reader.here()
    name = reader.name("a node's name", _SIGNS)
    reader.expect("{")
    states: list[str] = []
    while not reader.at("}"):
        key = reader.name("an attribute", _SIGNS)
        if key != "type":
            reader.skip_to(";")
            continue
        reader.expect(":")
        if not reader.at("discrete"):
            raise reader.wrong(f"{name} is not discrete: only discrete nodes are read")
        reader.expect("discrete")
        states = _states(reader, name)
    reader.expect("}")
    gathered.declare(name, states, offset)


def _states(reader: Words, name: str) -> list[str]:
    reader.expect("[")
    at, text = reader.here(), reader.next("the number of states")
    reader.expect("]")
    if reader.at("="):
        reader.expect("=")
    states: list[str] = []
    if reader.at("{"):
        reader.expect("{")
        while not reader.at("}"):
            word = reader.next("a state") if reader.is_quoted() else reader.name("a state", _SIGNS)
            # GeNIe leaves the states of intervals without a name.
            states.append(word or f"state{len(states)}")
        reader.expect("}")
    elif text.isascii() and text.isdecimal() and len(text) < 6:
        states = [str(k) for k in range(int(text))]
    reader.expect(";")
    if text != str(len(states)):
        raise reader.error(f"{name} should have {shown(text)} states, not {len(states)}", at)
    return states


def _probability(reader: Words, gathered: Gathered) -> None:
    reader.expect("(")
    start = reader.here()
    names: list[str] = []
    while not reader.at(")"):
        if len(names) == 1 and reader.at("|"):
            reader.expect("|")
            continue
        gathered.known(reader.peek(), reader.here())
        names.append(reader.next("a node"))
    reader.expect(")")
    found = gathered.define(names, start)
    reader.expect("{")
    while not reader.at("}"):
        _row(reader, found)
    gathered.close(found, reader.here())
    reader.expect("}")


def _row(reader: Words, found: Distribution) -> None:
    offset = reader.here()
    if reader.at("default"):
        reader.expect("default")
        reader.expect(":")
        found.rest(_values(reader, found), offset)
    elif reader.at("("):
        reader.expect("(")
        place = [_state(reader, found, parent) for parent in found.parents]
        reader.expect(")")
        reader.expect(":")
        found.row(tuple(place), _values(reader, found), offset)
    elif reader.at("function"):
        raise reader.wrong(f"the distribution of {found.child} is a function: only rows are read")
    elif found.parents:
        raise reader.wrong(f"`(` is expected here, not `{shown(reader.peek())}`")
    else:
        found.row((), _values(reader, found), offset)


def _values(reader: Words, found: Distribution) -> list[float]:
    at = reader.here()
    values: list[float] = []
    while not reader.at(";"):
        values.append(reader.real())
    if len(values) != found.num_states:
        raise reader.error(
            f"a row of {found.child} has {found.num_states} entries, not {len(values)}", at
        )
    reader.expect(";")
    return values


def _state(reader: Words, found: Distribution, parent: str) -> int | slice:
    states = found.states[parent]
    word = reader.peek()
    if word == "*":
        reader.expect("*")
        return slice(None)
    if not reader.is_quoted() and word.isascii() and word.isdecimal() and len(word) < 8:
        if int(word) >= len(states):
            raise reader.wrong(f"{parent} has the states 0..{len(states) - 1}, not {word}")
        reader.next("a state")
        return int(word)
    if word not in states:
        raise reader.wrong(f"`{shown(word)}` is no state of {parent} ({', '.join(states)})")
    return states.index(reader.next("a state"))
