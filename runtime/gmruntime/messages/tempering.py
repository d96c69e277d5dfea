"""Factors at a temperature: f^(1/T), whose sum-product messages are those of f at T."""

from gmruntime.factors.kind import FactorKind
from gmruntime.factors.kinds.table import Table


def at_temperature(kind: FactorKind, shape: tuple[int, ...], temperature: float) -> FactorKind:
    """Raise a factor to the power of 1 / temperature; 0 leaves it, and messages maximise.

    A kind that has no such form is written as tables, at any temperature.

    Args:
        kind: of a block of factors.
        shape: the number of states at each position.
        temperature: in [0, 1].
    """
    found = kind.tempered(shape, temperature)
    return found or Table(kind.log_tables(shape)).tempered(shape, temperature)
