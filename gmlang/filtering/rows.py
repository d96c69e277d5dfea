"""Rows of a stream as what a filter takes: CSV with a header, or a JSON object a line."""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from gmlang.core.program import DataSymbol
from gmlang.data.scalars import from_text
from gmlang.errors.data import quoted

_ELEMENT = re.compile(r"(.+)\[\d+(?:,\s*\d+)*\]")
"""The header of one value of several that a step has, such as `y[0]`."""


class BadRowError(ValueError):
    """A row that cannot be read."""


def rows_in(lines: Iterable[str], symbols: Mapping[str, DataSymbol]) -> Iterator[dict[str, object]]:
    """Yield what each row gives, by the names of data, as soon as it is there.

    Columns of other names are left out; values that stand for none are None.

    Args:
        lines: of the stream.
        symbols: the data that comes step by step, by the names from outside.

    Raises:
        BadRowError: naming the row that cannot be read.
    """
    waiting = iter(lines)
    first = next((line for line in waiting if line.strip()), "")
    if first.lstrip().startswith("{"):
        yield from _objects(_with(first, waiting))
    elif first:
        yield from _cells(_with(first, waiting), symbols)


def _with(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _objects(lines: Iterator[str]) -> Iterator[dict[str, object]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found: object = json.loads(line)
        except ValueError as error:
            raise BadRowError(f"row {number}: {error}") from None
        if not isinstance(found, dict):
            raise BadRowError(f"row {number}: a JSON object is expected, not {line.strip()[:40]}")
        yield cast("dict[str, object]", found)


def _cells(lines: Iterator[str], symbols: Mapping[str, DataSymbol]) -> Iterator[dict[str, object]]:
    table = csv.reader(lines, skipinitialspace=True)
    header = next(table)
    matches = [_ELEMENT.fullmatch(title.strip()) for title in header]
    names = [m[1] if m else title.strip() for m, title in zip(matches, header, strict=True)]
    if not any(name in symbols for name in names):
        known = ", ".join(symbols)
        raise BadRowError(f"the header has {', '.join(header)}, and a step takes {known}")
    for number, cells in enumerate(table, 1):
        if not cells:
            continue
        if len(cells) != len(header):
            raise BadRowError(f"row {number}: {len(cells)} cells, and the header has {len(header)}")
        found: dict[str, object] = {}
        for name, match, cell in zip(names, matches, cells, strict=True):
            if name not in symbols:
                continue
            value = _value(symbols[name], cell, f"row {number}: {name}")
            if match is None:
                found[name] = value
            else:
                cast("list[object]", found.setdefault(name, [])).append(value)
        yield found


def _value(symbol: DataSymbol, cell: str, where: str) -> object:
    value = from_text(symbol.type, cell.strip())
    if not isinstance(value, int | float):
        hint = f"; {value.hint}" if value.hint else ""
        raise BadRowError(f"{where} is {quoted(cell)}{hint}")
    return None if value != value else value
