"""Models of other tools, of any format: recognised by what they hold, then by their names."""

from collections.abc import Callable
from pathlib import Path

from gmruntime.formats.files import open_file
from gmruntime.formats.networks.bif import parse_bif
from gmruntime.formats.networks.network import Network
from gmruntime.formats.recognise import (
    BIF,
    GM,
    HEAD_CHARACTERS,
    Format,
    binary_format,
    named_format,
    recognise,
    text_format,
)
from gmruntime.formats.text import read_text
from gmruntime.formats.uai import parse_uai
from gmruntime.graph import FactorGraph


def read_model(
    path: str | Path, warn: Callable[[str], None] = lambda _: None
) -> FactorGraph | Network | None:
    """Read a UAI model or a BIF network, packed or not; None for a gmlang program.

    Args:
        path: of the file.
        warn: told of distributions that do not sum to 1.

    Raises:
        FormatError: naming the place and what was expected, or what the file looks like.
        OSError: when it cannot be read.
    """
    name = str(path)
    if named_format(name) == GM:
        return None
    text = read_text(path)
    found = text_format(text) or named_format(name)
    if found == GM:
        return None
    if found != BIF:
        return parse_uai(name, text, warn)
    network = parse_bif(name, text)
    for warning in network.warnings:
        warn(warning)
    return network


def recognise_file(path: str | Path) -> Format | None:
    """Say what a file looks like, by its first bytes or its name.

    Raises:
        OSError: when it cannot be read.
    """
    with open_file(path) as file:
        head = file.read(HEAD_CHARACTERS)
    return binary_format(head) or recognise(str(path), head.decode("utf-8", "replace"))
