"""Models of other tools, of any format: recognised by what they hold, then by their names."""

from collections.abc import Callable
from pathlib import Path

from gmruntime.formats.files import open_file
from gmruntime.formats.graphs.alist import parse_alist
from gmruntime.formats.graphs.cfn import parse_cfn
from gmruntime.formats.graphs.fg import parse_fg
from gmruntime.formats.graphs.named import NamedGraph
from gmruntime.formats.graphs.wcsp import parse_wcsp
from gmruntime.formats.networks.bif import parse_bif
from gmruntime.formats.networks.dsc import parse_dsc
from gmruntime.formats.networks.net import parse_net
from gmruntime.formats.networks.network import Network, network_graph
from gmruntime.formats.networks.xdsl import parse_xdsl
from gmruntime.formats.networks.xmlbif import parse_xmlbif
from gmruntime.formats.recognise import (
    ALIST,
    BIF,
    CFN,
    DSC,
    FG,
    GM,
    HEAD_CHARACTERS,
    NET,
    PACKED,
    UAI,
    WCSP,
    XDSL,
    XMLBIF,
    Format,
    binary_format,
    named_format,
    recognise,
)
from gmruntime.formats.text import read_text
from gmruntime.formats.uai import parse_uai
from gmruntime.graph import FactorGraph

Model = FactorGraph | NamedGraph | Network
"""What a file of another tool holds: a graph without names, one with names, or a network."""

_PARSERS: dict[str, Callable[[str, str], NamedGraph | Network]] = {
    BIF.key: parse_bif,
    XMLBIF.key: parse_xmlbif,
    NET.key: parse_net,
    DSC.key: parse_dsc,
    XDSL.key: parse_xdsl,
    WCSP.key: parse_wcsp,
    CFN.key: parse_cfn,
    FG.key: parse_fg,
    ALIST.key: parse_alist,
}


def read_model(path: str | Path, warn: Callable[[str], None] = lambda _: None) -> Model | None:
    """Read a model of any format, packed or not; None for a gmlang program.

    Args:
        path: of the file.
        warn: told of distributions that do not sum to 1, and of what else is unusual.

    Raises:
        FormatError: naming the place and what was expected, or what the file looks like.
        OSError: when it cannot be read.
    """
    name = str(path)
    if named_format(name) == GM:
        return None
    text = read_text(path)
    found = recognise(name, text)
    if found == GM:
        return None
    parse = _PARSERS.get(found.key) if found is not None else None
    if parse is None:
        return parse_uai(name, text, warn)
    model = parse(name, text)
    for warning in model.warnings:
        warn(warning)
    return model


def graph_of(model: Model) -> FactorGraph:
    """Return the factor graph of a model."""
    match model:
        case Network():
            return network_graph(model)
        case NamedGraph():
            return model.graph
        case FactorGraph():
            return model


def holds_model(path: str | Path) -> bool:
    """Say whether a file holds a model of another tool, packed or not; pipes are not looked into.

    Raises:
        FormatError: when it is packed and cannot be unpacked.
        OSError: when it cannot be read.
    """
    if named_format(str(path)) == GM or not Path(path).is_file():
        return False
    found = recognise_file(path)
    if found in PACKED:
        found = recognise(str(path), read_text(path))
    return found is not None and found.key in (UAI.key, *_PARSERS)


def recognise_file(path: str | Path) -> Format | None:
    """Say what a file looks like, by its first bytes or its name.

    Raises:
        OSError: when it cannot be read.
    """
    with open_file(path) as file:
        head = file.read(HEAD_CHARACTERS)
    return binary_format(head) or recognise(str(path), head.decode("utf-8", "replace"))
