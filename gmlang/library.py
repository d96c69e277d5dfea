"""Finding a module: beside the file first, then in the standard library."""

from importlib.resources import files
from pathlib import Path

from gmlang.diagnostics import Source


def find_module(name: str, beside: Path | None) -> Source | None:
    """Return the source of a module, or None when there is none.

    Args:
        name: dotted, such as "things" or "vision.grid".
        beside: the folder of the importing file; None when it has none.
    """
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        return None
    if beside is not None:
        path = beside.joinpath(*parts[:-1], f"{parts[-1]}.gm")
        if path.is_file():
            return Source(str(path), path.read_text("utf-8"))
    resource = files("gmstdlib").joinpath(*parts[:-1], f"{parts[-1]}.gm")
    if not resource.is_file():
        return None
    return Source(f"gmstdlib/{'/'.join(parts)}.gm", resource.read_text("utf-8"))
