"""What was learned, written into the program: each declaration with its value.

Everything else stays byte for byte; a `learn` becomes a comment that says what it was learned from,
a `learn model` the composite that it found.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zipfile import ZipFile

import numpy as np

from gmlang.diagnostics import Source
from gmlang.learning.results.result import Learned
from gmlang.syntax import ast
from gmlang.syntax.parse import parse

_NUMBERS_MAX = 10_000
"""More numbers than this are for a file of arrays."""

DIGITS = 10
"""Of each number: rows of a simplex then sum to one far within what is accepted."""


def written(
    source: Source,
    found: Sequence[Learned[Any]],
    origins: Sequence[str],
    declared_anew: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return a program's text with what was learned as the values of its params.

    Args:
        source: of the program.
        found: for each of its `learn`s what came of it, in order.
        origins: for each, what it was learned from.
        declared_anew: by the names of models and functions that were learned, what they are.

    Raises:
        ValueError: when a param is another module's, or there are too many numbers.
    """
    program = parse(source)
    values = {name: value for learned in found for name, value in learned.values.items()}
    check_writable(source, {name: value.size for name, value in values.items()})
    declared = _declared(program)
    edits = [_value_edit(declared[name], value) for name, value in values.items()]
    learns = [s for s in program.statements if isinstance(s, ast.Learn)]
    if len(learns) == len(found):
        for statement, learned, origin in zip(learns, found, origins, strict=True):
            span = statement.span
            edits.append((span.start, span.end, f"# {_provenance(learned, origin)}"))
    for statement in program.statements:
        if not isinstance(statement, ast.LearnModel | ast.LearnDef):
            continue
        if statement.name.text in declared_anew:
            span = statement.span
            edits.append((span.start, span.end, declared_anew[statement.name.text]))
    text = source.text
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def check_writable(source: Source, sizes: Mapping[str, int]) -> None:
    """Make sure that a program can be written with values for some params.

    Args:
        source: of the program.
        sizes: how many numbers each param has, by its name.

    Raises:
        ValueError: when a param is another module's, or there are too many numbers.
    """
    declared = _declared(parse(source))
    for name in sizes:
        if name not in declared:
            raise ValueError(f"`{name}` is declared in another file: write a .npz")
    total = sum(sizes.values())
    if total > _NUMBERS_MAX:
        raise ValueError(f"{total} numbers are too many for a program: write a .npz")


def _declared(program: ast.Program) -> dict[str, ast.ParamDeclaration]:
    return {s.name.text: s for s in program.statements if isinstance(s, ast.ParamDeclaration)}


def _value_edit(declaration: ast.ParamDeclaration, value: np.ndarray) -> tuple[int, int, str]:
    text = _number_lists(value)
    if declaration.value is not None:
        return declaration.value.span.start, declaration.value.span.end, text
    return declaration.span.end, declaration.span.end, f" = {text}"


def _number_lists(value: np.ndarray) -> str:
    """Write numbers as the language reads them.

    >>> _number_lists(np.array([0.25, 0.75]))
    '[0.25, 0.75]'
    """
    if value.ndim:
        return f"[{', '.join(_number_lists(part) for part in value)}]"
    return f"{float(value):.{DIGITS}g}"


def _provenance(learned: Learned[Any], origin: str) -> str:
    parts = [f"learned from {origin}"]
    if learned.posterior is not None:
        parts.append(f"log evidence at least {learned.objective:.6g}")
    elif learned.method == "pseudo":
        parts.append(f"pseudo-likelihood and prior {learned.objective:.6g}")
    elif np.isfinite(learned.objective):
        parts.append(f"F = {learned.objective:.6g}")
    if learned.held_out is not None:
        parts.append(f"held out {learned.held_out.mean:.6g} nats a case")
    parts += [learned.status, learned.method, f"seed {learned.seed}"]
    return ", ".join(parts)


def write_arrays(path: Path, values: Mapping[str, np.ndarray]) -> None:
    """Write arrays as an NPZ archive, whatever their names are."""
    with ZipFile(path, "w") as archive:
        for name, value in values.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.asarray(value), allow_pickle=False)
