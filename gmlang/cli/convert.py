"""`gmlang convert`: between .gm, UAI, BIF and DOT."""

from pathlib import Path

import click

from gmlang.cli.options import read_assignments
from gmruntime.formats.text import FormatError


@click.command()
@click.argument("source", type=click.Path(exists=True, dir_okay=False))
@click.argument("target", type=click.Path(dir_okay=False))
@click.option("--data", "files", multiple=True, metavar="NAME=FILE", help="NPZ, NPY or CSV.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A size or param.")
def convert(source: str, target: str, files: tuple[str, ...], settings: tuple[str, ...]) -> int:
    """Translate SOURCE (.gm, .uai or .bif, packed or not) to TARGET (.gm, .uai or .dot)."""
    from gmlang.converting import graph_to_gm, network_to_gm, read_graph, write_names
    from gmruntime.formats.bif import read_bif
    from gmruntime.formats.uai import write_uai

    kind = _kind(target)
    try:
        if kind == "gm":
            if _kind(source) == "bif":
                Path(target).write_text(network_to_gm(read_bif(source)), "utf-8")
            elif _kind(source) == "uai":
                Path(target).write_text(graph_to_gm(source), "utf-8")
            else:
                raise click.UsageError("a .gm file is formatted by `gmlang fmt`")
            return 0
        graph, names = read_graph(source, read_assignments(settings, files))
        if kind == "uai":
            write_uai(graph, target)
            write_names(graph, names, target)
        elif kind == "dot":
            from gmlang.drawing import to_dot

            Path(target).write_text(to_dot(graph), "utf-8")
        else:
            raise click.UsageError("the target must be .gm, .uai or .dot")
    except FormatError as error:
        raise click.ClickException(str(error)) from None
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    return 0


def _kind(path: str) -> str:
    name = Path(path).name.lower()
    for packed in (".gz", ".bz2", ".xz"):
        name = name.removesuffix(packed)
    return name.rsplit(".", 1)[-1]
