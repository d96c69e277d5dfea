"""Bayesian networks written as BIF and as XMLBIF, numbers with all their digits."""

import re
from collections.abc import Iterable
from xml.sax.saxutils import escape

from gmruntime.formats.networks.network import Network

_PLAIN = re.compile(r"[^\s{}()\[\];,|\"/]+")
_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def bif_text(network: Network) -> str:
    """Return a network as BIF; names with signs or spaces stand in quotes.

    Quotes and line breaks within a name, which BIF cannot hold, become `'` and spaces.
    """
    lines = [f"network {_word(network.name)} {{", "}"]
    for name, states in network.states.items():
        listed = ", ".join(map(_word, states))
        lines += [
            f"variable {_word(name)} {{",
            f"  type discrete [ {len(states)} ] {{ {listed} }};",
            "}",
        ]
    for child, table in network.tables.items():
        parents = network.parents[child]
        given = f" | {', '.join(map(_word, parents))}" if parents else ""
        lines.append(f"probability ( {_word(child)}{given} ) {{")
        rows = table.reshape(-1, table.shape[-1]).tolist()
        if not parents:
            lines.append(f"  table {_numbers(rows[0], ', ')};")
        else:
            places = _places([network.states[p] for p in parents])
            for place, row in zip(places, rows, strict=True):
                lines.append(f"  ({', '.join(map(_word, place))}) {_numbers(row, ', ')};")
        lines.append("}")
    return "\n".join(lines) + "\n"


def xmlbif_text(network: Network) -> str:
    """Return a network as XMLBIF 0.3; what XML cannot hold in a name becomes `?`."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<BIF VERSION="0.3">',
        "<NETWORK>",
        f"<NAME>{_escaped(network.name)}</NAME>",
    ]
    for name, states in network.states.items():
        outcomes = "".join(f"<OUTCOME>{_escaped(state)}</OUTCOME>" for state in states)
        named = f"<NAME>{_escaped(name)}</NAME>"
        lines.append(f'<VARIABLE TYPE="nature">{named}{outcomes}</VARIABLE>')
    for child, table in network.tables.items():
        given = "".join(f"<GIVEN>{_escaped(p)}</GIVEN>" for p in network.parents[child])
        lines.append(f"<DEFINITION><FOR>{_escaped(child)}</FOR>{given}<TABLE>")
        rows = table.reshape(-1, table.shape[-1]).tolist()
        lines += [_numbers(row, " ") for row in rows]
        lines.append("</TABLE></DEFINITION>")
    return "\n".join([*lines, "</NETWORK>", "</BIF>"]) + "\n"


def _places(states: list[tuple[str, ...]]) -> Iterable[tuple[str, ...]]:
    """Yield every joint state, the last variable's changing fastest."""
    if not states:
        yield ()
        return
    for first in states[0]:
        for rest in _places(states[1:]):
            yield (first, *rest)


def _word(name: str) -> str:
    if _PLAIN.fullmatch(name):
        return name
    return '"' + re.sub(r"\s", " ", name).replace('"', "'") + '"'


def _escaped(name: str) -> str:
    return escape(_NO_XML.sub("?", name))


def _numbers(row: list[float], between: str) -> str:
    return between.join(map(repr, row))
