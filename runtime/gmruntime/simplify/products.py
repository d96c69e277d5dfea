"""Takes apart a table that is a product: its variables do not meet in it.

What evidence leaves of a factor is often one. A noisy-or whose effect is known to be absent is a
product over its causes (Heckerman 1989), a naive Bayes table over its classes; as one table either
would join variables that have nothing to do with each other.
"""

import numpy as np

SIZE_MAX = 1024
"""Entries of a table that is looked at; larger ones are no remains of evidence."""

TOLERANCE = 1e-12
"""Products of probabilities differ by rounding only, nats."""


def parts_of(scope: tuple[int, ...], table: np.ndarray) -> list[tuple[tuple[int, ...], np.ndarray]]:
    """Return log tables over single variables, and what is left of one over the others.

    Args:
        scope: of the table.
        table: log; one with -inf in it is left whole.

    >>> table = np.log(np.outer([0.5, 0.25], [1.0, 0.125]))
    >>> [part for part, _ in parts_of((3, 7), table)]
    [(3,), (7,)]
    """
    if len(scope) < 2 or table.size > SIZE_MAX or not np.isfinite(table).all():
        return [(scope, table)]
    found: list[tuple[tuple[int, ...], np.ndarray]] = []
    rest, left = table, scope
    for v in scope:
        if len(left) == 1:
            break
        axis = left.index(v)
        first = rest.take([0], axis=axis)
        change = rest - first
        others = tuple(a for a in range(rest.ndim) if a != axis)
        low, high = change.min(axis=others), change.max(axis=others)
        if (high - low > TOLERANCE).any():
            continue
        found.append(((v,), change.mean(axis=others)))
        rest, left = first.reshape(np.delete(rest.shape, axis)), left[:axis] + left[axis + 1 :]
    return [*found, (left, rest)] if found else [(scope, table)]
