"""Rows of a stream as what a filter takes: CSV with a header, or a JSON object a line."""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import cast

from gmlang.core.program import DataSymbol
from gmlang.data.scalars import from_text
from gmlang.errors.data import quoted

_ELEMENT = re.compile(r"(.+)\[(\d{1,6}(?:,\s*\d{1,6})*)\]")
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
    columns = [_column(title.strip()) for title in header]
    if not any(name in symbols for name, _ in columns):
        known = ", ".join(symbols)
        raise BadRowError(f"the header has {', '.join(header)}, and a step takes {known}")
    shapes = _shapes(columns, symbols)
    for number, cells in enumerate(table, 1):
        if not cells:
            continue
        if len(cells) != len(header):
            raise BadRowError(f"row {number}: {len(cells)} cells, and the header has {len(header)}")
        found: dict[str, object] = {n: _nested(shape) for n, shape in shapes.items() if shape}
        for (name, place), cell in zip(columns, cells, strict=True):
            if name not in symbols:
                continue
            value = _value(symbols[name], cell, f"row {number}: {_title(name, place)}")
            if not place:
                found[name] = value
                continue
            inner = found[name]
            for k in place[:-1]:
                inner = cast("list[object]", inner)[k]
            cast("list[object]", inner)[place[-1]] = value
        yield found


_Place = tuple[int, ...]
"""The indices of one value of several that a step has; () of a value that stands alone."""


def _column(title: str) -> tuple[str, _Place]:
    found = _ELEMENT.fullmatch(title)
    return (title, ()) if found is None else (found[1], tuple(map(int, found[2].split(","))))


def _title(name: str, place: _Place) -> str:
    return f"{name}[{', '.join(map(str, place))}]" if place else name


def _shapes(
    columns: Sequence[tuple[str, _Place]], symbols: Mapping[str, DataSymbol]
) -> dict[str, _Place]:
    """Return how many values a row has of some data along each axis; () of a single one.

    Raises:
        BadRowError: naming a column that stands there twice, or that is not there.
    """
    places: dict[str, dict[_Place, None]] = {}
    for name, place in columns:
        if name not in symbols:
            continue
        known = places.setdefault(name, {})
        first = next(iter(known), place)
        if place in known or len(first) != len(place):
            both = " and ".join(dict.fromkeys([_title(name, first), _title(name, place)]))
            raise BadRowError(f"the header has {both}{' twice' if place in known else ''}")
        known[place] = None
    shapes: dict[str, _Place] = {}
    for name, known in places.items():
        shape = tuple(1 + max(sizes) for sizes in zip(*known, strict=True))
        for place in product(*map(range, shape)):
            if place not in known:
                last = _title(name, max(known))
                raise BadRowError(f"the header has {last}, and no {_title(name, place)}")
        shapes[name] = shape
    return shapes


def _nested(shape: _Place) -> object:
    return [_nested(shape[1:]) for _ in range(shape[0])] if shape else None


def _value(symbol: DataSymbol, cell: str, where: str) -> object:
    value = from_text(symbol.type, cell.strip())
    if not isinstance(value, int | float):
        hint = f"; {value.hint}" if value.hint else ""
        raise BadRowError(f"{where} is {quoted(cell)}{hint}")
    return None if value != value else value
