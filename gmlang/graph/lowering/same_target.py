"""Statements about the same variable, brought together as one."""

from collections.abc import Sequence

import numpy as np

from gmlang.graph.lowering.grounder import Grounder
from gmlang.graph.world.world import Frame

Members = list[tuple[int, np.ndarray]]
"""Statements by their numbers, and of each the rows of its frame: one for each variable."""


def by_target(
    targets: Sequence[np.ndarray], *orders: Sequence[np.ndarray]
) -> list[tuple[np.ndarray, Members]]:
    """Gather the variables that the same statements are about, in the same order.

    Args:
        targets: for each statement, the variable that each instance is about.
        orders: what says who comes first about a variable, the most important last: numbers shaped
            like the targets. Those that are equal stay in the order of the statements.

    Returns:
        For each group its variables and its members. A statement may be there several times.

    >>> [(found.tolist(), [(k, rows.tolist()) for k, rows in members])
    ...     for found, members in by_target([np.array([7, 8]), np.array([8])])]
    [([7], [(0, [0])]), ([8], [(0, [1]), (1, [0])])]
    """
    counts = [len(own) for own in targets]
    variables = np.concatenate(targets)
    numbers = np.repeat(np.arange(len(counts)), counts)
    rows = np.concatenate([np.arange(count) for count in counts])
    order = np.lexsort((rows, numbers, *(np.concatenate(own) for own in orders), variables))
    found: dict[tuple[int, ...], tuple[list[int], list[list[int]]]] = {}
    starts = np.flatnonzero(np.diff(variables[order], prepend=-1))
    for places in np.split(order, starts[1:]) if len(order) else []:
        chosen, own_rows = found.setdefault(tuple(numbers[places].tolist()), ([], []))
        chosen.append(int(variables[places[0]]))
        own_rows.append(rows[places].tolist())
    groups: list[tuple[np.ndarray, Members]] = []
    for signature, (chosen, own_rows) in found.items():
        columns = np.array(own_rows, np.int64).T
        groups.append((np.array(chosen), list(zip(signature, columns, strict=True))))
    return groups


def side_by_side(
    grounder: Grounder, frames: Sequence[Frame], members: Members, count: int
) -> tuple[Frame, list[dict[str, str]]]:
    """Return one frame with the rows of several, and what their loop variables are called there.

    Args:
        grounder: which learns how these are shown.
        frames: of all statements.
        members: of a group.
        count: of its variables.
    """
    locals_: dict[str, np.ndarray] = {}
    renamed: list[dict[str, str]] = []
    for position, (number, rows) in enumerate(members):
        own = frames[number].locals
        names = {key: f"{key}@{position}" for key in own}
        locals_ |= {names[key]: values[rows] for key, values in own.items()}
        shown = {names[k]: n for k, n in grounder.names.items() if k in names}
        grounder.names.update(shown)
        renamed.append(names)
    return Frame(count, locals_), renamed
