"""`gmlang convert`: between programs and the formats of other tools."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gmlang.cli.options import EXIT_ANSWERED, read_assignments, values_options
from gmruntime.printable import printable

if TYPE_CHECKING:
    from gmruntime.formats.networks.network import Network


@click.command()
@click.argument("source", type=click.Path(exists=True, dir_okay=False))
@click.argument("target", type=click.Path(dir_okay=False))
@values_options
def convert(source: str, target: str, files: tuple[str, ...], settings: tuple[str, ...]) -> int:
    """Translate SOURCE, a program or a model of any format that is read, to TARGET.

    TARGET ends in .gm, .uai, .bif, .xmlbif, .fg, .wcsp, .cfn, .dot or .svg. What a format cannot
    hold is written beside it: names to TARGET.names, evidence to TARGET.evid.
    """
    from gmlang.formats.convert import TARGETS

    kind = _kind(target)
    if kind not in ("gm", *TARGETS, "dot", "svg"):
        raise click.UsageError(f"the target must be .gm, .{', .'.join(TARGETS)}, .dot or .svg")
    try:
        _convert(source, target, kind, read_assignments(settings, files))
    except ValueError as error:
        raise click.ClickException(printable(str(error))) from None
    return EXIT_ANSWERED


def _convert(source: str, target: str, kind: str, values: dict[str, object]) -> None:
    """Translate a file.

    Raises:
        ValueError: for files that cannot be read (FormatError), and tables that cannot be written.
        GmError: for mistakes in a program.
    """
    from gmlang.formats.convert import TARGETS, read_named, write_named
    from gmruntime.formats.models import read_model

    found = read_model(source, _warn)
    if found is None and kind == "gm":
        raise click.UsageError("a .gm file is formatted by `gmlang fmt`")
    if found is not None and kind == "gm":
        from gmlang.formats.network_programs import network_to_gm
        from gmlang.formats.programs import graph_to_gm
        from gmruntime.formats.networks.network import Network

        is_network = isinstance(found, Network)
        if isinstance(found, Network):
            _warn_of_swaps(found)
        text = network_to_gm(found) if is_network else graph_to_gm(found, Path(source).name)
        Path(target).write_text(text, "utf-8")
        return
    named = read_named(source, found, values, _warn)
    if kind in TARGETS:
        write_named(named, kind, target, _warn)
        return
    from gmlang.views.graph import to_dot, to_svg

    graph = named.model.graph
    Path(target).write_text(to_dot(graph) if kind == "dot" else to_svg(graph), "utf-8")


def _warn_of_swaps(network: "Network") -> None:
    """Say that a program has false before true, whatever a file has: what is counted changes."""
    from gmlang.formats.names import swaps_states

    swapped = [name for name, states in network.states.items() if swaps_states(states)]
    if swapped:
        shown = ", ".join(swapped[:5]) + (", ..." if len(swapped) > 5 else "")
        _warn(
            f"the states true, false of {shown} become `bool`, whose states are false, true: "
            "written as UAI, state 0 will be false"
        )


def _warn(text: str) -> None:
    click.echo(printable(f"warning: {text}"), err=True)


def _kind(path: str) -> str:
    name = Path(path).name.lower()
    for packed in (".gz", ".bz2", ".xz"):
        name = name.removesuffix(packed)
    return name.rsplit(".", 1)[-1]
