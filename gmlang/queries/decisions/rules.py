"""Policies in the author's words: what each choice does in each state of what it knows."""

from dataclasses import dataclass
from itertools import islice, product

import numpy as np

from gmlang.graph.world.names import Named, named_in
from gmlang.graph.world.states import States
from gmlang.graph.world.world import World
from gmruntime.answer import Policy

_ROWS_MAX = 20
"""Of a rule, as text; the others are counted."""


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """What one choice does.

    Attributes:
        choice: its name.
        knows: names of what it looks at; the axes of `array`.
        states: of each axis, by name.
        labels: of the choice's own states.
        array: int[*states], which of `labels` is chosen.
    """

    choice: str
    knows: tuple[str, ...]
    states: tuple[tuple[str, ...], ...]
    labels: tuple[str, ...]
    array: np.ndarray

    def at(self, **known: object) -> str:
        """Return what is chosen where so much is known.

        >>> Rule("a", ("z",), (("no", "yes"),), ("left", "right"), np.array([0, 1])).at(z="yes")
        'right'
        """
        place = tuple(
            names.index(_text(known[name]))
            for name, names in zip(self.knows, self.states, strict=True)
        )
        return self.labels[int(self.array[place])]

    def plain(self) -> object:
        """Return it as nested maps by what is known, or the one state that is always chosen."""
        return _nested(self.array, self.states, self.labels)

    def lines(self) -> list[str]:
        """Write what is known, and what is chosen then, in columns."""
        if not self.knows:
            return [f"{self.choice} = {self.labels[int(self.array)]}"]
        places = islice(product(*(range(len(names)) for names in self.states)), _ROWS_MAX)
        rows = [(*self.knows, self.choice)]
        for place in places:
            known = (names[k] for names, k in zip(self.states, place, strict=True))
            rows.append((*known, self.labels[int(self.array[place])]))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        written = ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)) for r in rows]
        more = self.array.size - _ROWS_MAX
        return [*map(str.rstrip, written), *([f"... and {more} more"] if more > 0 else [])]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool | np.bool_) else str(value)


def _nested(
    array: np.ndarray, states: tuple[tuple[str, ...], ...], labels: tuple[str, ...]
) -> object:
    if not states:
        return labels[int(array)]
    return {name: _nested(array[k], states[1:], labels) for k, name in enumerate(states[0])}


def rules_of(world: World, policies: tuple[Policy, ...]) -> dict[int, Rule]:
    """Name policies, by the variables that they decide."""
    names = named_in(world)
    return {policy.decision: _rule(names, policy) for policy in policies}


def _rule(names: list[Named], policy: Policy) -> Rule:
    choice, own = _name(names, policy.decision)
    known = [_name(names, v) for v in policy.known.tolist()]
    return Rule(
        choice,
        tuple(name for name, _ in known),
        tuple(tuple(states.all_labels()) for _, states in known),
        tuple(own.all_labels()),
        policy.actions,
    )


def _name(names: list[Named], variable: int) -> tuple[str, States]:
    for named in names:
        places = np.flatnonzero(named.variables.reshape(-1) == variable)
        if not places.size:
            continue
        if not named.variables.shape:
            return named.name, named.states
        place = np.unravel_index(places[0], named.variables.shape)
        return f"{named.name}[{', '.join(str(int(k)) for k in place)}]", named.states
    raise AssertionError(variable)
