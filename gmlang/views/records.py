"""Plain values as lines: numbers, lists, maps, and records as tables."""

from typing import cast

from gmlang.digits import significant
from gmlang.views.layout import aligned

ITEMS_MAX = 200
"""Of longer lists and maps only the first are written."""

_DIGITS = 4


def value_lines(value: object) -> list[str]:
    """Write plain data."""
    if isinstance(value, bool) or value is None:
        return [str(value).lower()]
    if isinstance(value, int | float):
        return [f"{value:.6g}" if isinstance(value, float) else str(value)]
    if isinstance(value, dict):
        return _map_lines(cast("dict[str, object]", value))
    if isinstance(value, list):
        return _list_lines(cast("list[object]", value))
    return [str(value)]


def _map_lines(value: dict[str, object]) -> list[str]:
    if value and all(isinstance(v, float) for v in value.values()):
        # Of a million entries only the first few are written.
        shown = list(value.items())[:ITEMS_MAX]
        joined = "   ".join(f"{key} {v:.6g}" for key, v in shown)
        entries = aligned([[key, f"{v:.6g}"] for key, v in shown], " ")
        return [joined] if len(joined) <= 80 else [*entries, *[""] * (len(value) - len(shown))]
    lines: list[str] = []
    for key, inner in value.items():
        shown = value_lines(inner)
        if len(shown) == 1:
            lines.append(f"{key} = {shown[0]}")
        else:
            lines.append(f"{key} =")
            lines.extend("  " + line for line in shown)
    return lines


def _list_lines(value: list[object]) -> list[str]:
    if all(isinstance(v, str | int | float | bool) for v in value):
        return [" ".join(value_lines(v)[0] for v in value[:ITEMS_MAX])]
    if table := _table_lines(value):
        return table
    lines: list[str] = []
    for number, inner in enumerate(value[:ITEMS_MAX]):
        shown = value_lines(inner)
        if isinstance(inner, list) and len(shown) == 1:
            lines.append(shown[0])
            continue
        lines.append(f"[{number}] {shown[0]}" if shown else f"[{number}]")
        lines.extend("    " + line for line in shown[1:])
    return lines


def _table_lines(value: list[object]) -> list[str]:
    """Write records with the same plain fields as a table; return [] for anything else."""
    records = [cast("dict[str, object]", inner) for inner in value if isinstance(inner, dict)]
    if not records or len(records) != len(value) or len({tuple(r) for r in records}) != 1:
        return []
    if not all(isinstance(v, str | int | float | bool) for r in records for v in r.values()):
        return []
    return aligned([list(records[0]), *([_cell(v) for v in r.values()] for r in records)])


def _cell(value: object) -> str:
    if isinstance(value, float):
        return significant(value, _DIGITS) if abs(value) > 1e-12 else "0"
    return value_lines(value)[0]
