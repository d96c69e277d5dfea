"""A `match` that gives each combination of some variables a row of numbers: one table, not cases.

Networks are written like this, with thousands of rows. What is not exactly of this form, or has a
mistake in it, is left to the general way, `matching.check_rows`, which means the same.
"""

import itertools
import math
from collections.abc import Sequence

import numpy as np

from gmlang.core.ast import (
    Array,
    Bool,
    Dist,
    Distribution,
    Domain,
    Enum,
    Real,
    Reference,
    Tabulated,
    Type,
)
from gmlang.core.checking import Checking, attempt
from gmlang.core.expressions import matching, weights
from gmlang.core.expressions.operators import domain_values
from gmlang.core.names.scope import Env
from gmlang.core.tolerances import PROBABILITY_ROUNDING, SUM_DIGITS, SUM_ROUNDING
from gmlang.core.walk import type_of
from gmlang.families.categorical import CATEGORICAL
from gmlang.syntax import ast

Labels = dict[str, int]
"""The values of a domain as they are written, and their positions."""


def check_table(
    state: Checking, env: Env, match_: ast.MatchExpression, domain: Domain
) -> Distribution | None:
    """Check a match whose rows are all written out; None when it is of another form, or wrong."""
    rows = [case.value for case in match_.cases if isinstance(case.value, ast.Row)]
    labels = _labels(env, domain)
    if len(rows) < len(match_.cases) or labels is None:
        return None
    subjects = attempt(lambda: matching.check_subjects(state, env, match_.subjects)) or ()
    axes = [_labels(env, type_of(s)) if isinstance(s, Reference) else None for s in subjects]
    known = [axis for axis in axes if axis is not None]
    if len(known) < len(axes) or not known:
        return None
    sizes = [len(axis) for axis in known]
    cells = _cells([case.patterns for case in match_.cases], known)
    numbers = _numbers(rows, labels)
    if cells is None or numbers is None or len(np.unique(cells)) < math.prod(sizes):
        return None
    _note_uneven(state, rows, numbers)
    table = np.zeros((math.prod(sizes), len(labels)))
    # Of rows for the same values the first counts.
    table[cells[::-1]] = numbers[::-1]
    firsts = tuple(
        int(next(iter(axis))) if _is_range(type_of(s)) else 0
        for s, axis in zip(subjects, known, strict=True)
    )
    written = Tabulated(match_.span, subjects, firsts, table.reshape(*sizes, -1), Array(Real(), 1))
    return Distribution(match_.span, CATEGORICAL.name, (written,), (), Dist())


def _is_range(type_: Type) -> bool:
    return not isinstance(type_, Enum | Bool)


def _labels(env: Env, domain: Type) -> Labels | None:
    """List how the values of a domain are written; None when not known, or not meant for sure."""
    values = domain_values(domain, weights.NUM_VALUES_MAX)
    match domain:
        case _ if values is None:
            return None
        case Bool():
            names = ("false", "true")
        case Enum(values=names):
            if any(name in env.names or name in env.module.entries for name in names):
                return None
        case _:
            names = tuple(map(str, values))
    return {name: position for position, name in enumerate(names)}


def _cells(rows: Sequence[tuple[ast.Expression, ...]], axes: Sequence[Labels]) -> np.ndarray | None:
    """Find which combination each row is for, counted with the last axis fastest."""
    cells: list[int] = []
    for written in rows:
        patterns = written
        if len(axes) > 1 and len(written) == 1 and isinstance(written[0], ast.Tuple):
            patterns = written[0].items
        if len(patterns) != len(axes):
            return None
        cell = 0
        for pattern, axis in zip(patterns, axes, strict=True):
            position = axis.get(_text(pattern))
            if position is None:
                return None
            cell = cell * len(axis) + position
        cells.append(cell)
    return np.array(cells, np.int64)


def _text(pattern: ast.Expression) -> str:
    """Return how a single value is written; nothing for patterns of another form."""
    match pattern:
        case ast.Name(text=text):
            return "" if text == "_" else text
        case ast.Boolean(value=value):
            return "true" if value else "false"
        case ast.Number(value=int() as value):
            return str(value)
        case _:
            return ""


def _numbers(rows: Sequence[ast.Row], labels: Labels) -> np.ndarray | None:
    """Return the probabilities, a line for each row; None when they are none, or do not fit."""
    numbers = np.zeros((len(rows), len(labels)))
    alike: dict[tuple[str, ...], list[int]] = {}
    for position, row in enumerate(rows):
        alike.setdefault(row.keys, []).append(position)
    for keys, places in alike.items():
        columns = {labels[key] for key in keys if key in labels}
        if len(columns) < len(keys):
            return None
        order = [labels[key] for key in keys]
        numbers[np.ix_(places, order)] = [rows[place].numbers for place in places]
    is_right = abs(numbers.sum(axis=1) - 1.0) <= SUM_DIGITS - SUM_ROUNDING
    return numbers if is_right.all() and numbers.max() <= 1.0 + PROBABILITY_ROUNDING else None


def _note_uneven(state: Checking, rows: Sequence[ast.Row], numbers: np.ndarray) -> None:
    """Note the rows that do not quite sum to one."""
    is_off = abs(numbers.sum(axis=1) - 1.0) > SUM_ROUNDING / 2
    for row in itertools.compress(rows, is_off):
        weights.check_total(state, row.span, float(sum(row.numbers)))
