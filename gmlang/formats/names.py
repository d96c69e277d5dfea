"""Names of other tools as names of the language: their own where they can be, else legible."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from gmlang.words import WORDS

RESERVED_NAMES = frozenset(word.text for word in WORDS)
"""Names that a generated program avoids."""

SIGNS = (("<=", "le_"), (">=", "ge_"), ("<", "lt_"), (">", "gt_"), ("+", "_plus"), ("%", "_pct"))
"""How signs that names of states often have are spelt out."""


def identifier(name: str, taken: set[str]) -> str:
    """Turn any name into one the language allows, different from those taken."""
    for sign, word in SIGNS:
        name = name.replace(sign, word)
    plain = re.sub(r"\W", "_", name)
    if not plain or plain[0].isdigit() or plain[0] == "_":
        plain = "v" + plain
    while plain in RESERVED_NAMES or plain in taken:
        plain += "_"
    taken.add(plain)
    return plain


def state_names(states: Sequence[str], variables: Iterable[str]) -> list[str]:
    """Return a variable's states as the language has them, none of them a variable's name."""
    if sorted(states) == ["false", "true"] or is_range(states):
        return list(states)
    # A word that may mean a variable or a state would be ambiguous in the program.
    taken = set(variables)
    return [identifier(s, taken) for s in states]


def swaps_states(states: Sequence[str]) -> bool:
    """Say whether a file's states become those of `bool` in another order: false, then true."""
    return tuple(states) == ("true", "false")


def is_range(states: Sequence[str]) -> bool:
    """Say whether the states are integers, each one more than the one before."""
    if not states or not all(re.fullmatch(r"0|[1-9]\d{0,8}", state) for state in states):
        return False
    first = int(states[0])
    return [int(state) for state in states] == list(range(first, first + len(states)))


def domain(values: Sequence[str]) -> str:
    """Return the type of a variable with these states, names of the language."""
    if sorted(values) == ["false", "true"]:
        return "bool"
    return f"{values[0]}..{values[-1]}" if is_range(values) else f"{{{', '.join(values)}}}"


_NUM_TOLD = 5
"""So many renamed variables are told of."""


@dataclass(frozen=True, slots=True, eq=False)
class ModelProgram:
    """A program made of a model.

    Attributes:
        text: of the program.
        data: values of its data, by name.
        notes: what its reader should know, such as new names.
    """

    text: str
    data: dict[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    notes: tuple[str, ...] = ()


def renamed(pairs: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Say which names had to change, the first few of them.

    Args:
        pairs: new and old names.
    """
    changed = list(dict.fromkeys(f"{new} was {old!r}" for new, old in pairs if new != old))
    if not changed:
        return ()
    more = f", and {len(changed) - _NUM_TOLD} more" if len(changed) > _NUM_TOLD else ""
    return (f"names that the language does not allow: {', '.join(changed[:_NUM_TOLD])}{more}",)
