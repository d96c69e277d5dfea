"""Processes, checked: their steps, and when these begin."""

from dataclasses import dataclass

from gmlang.core.ast import Activation, Bind, Expression, Local
from gmlang.core.program import ParameterSymbol


@dataclass(frozen=True, slots=True)
class Leaf:
    """A call that a process makes while it is in that step.

    Attributes:
        number: of the step, from 1.
        shortest, longest: how many slots it lasts, all equally probable; without stalls.
        stall: the probability that it goes on where it would end; None for 0.
    """

    number: int
    call: Activation
    shortest: int
    longest: int
    stall: Expression | None


@dataclass(frozen=True, slots=True)
class Alternative:
    """What may begin when its turn comes.

    Attributes:
        condition: under which it begins, asked in the slot where it would; None for always.
        skip: the probability that it is jumped all the same; None for 0.
        what: a call, or the steps of another process.
    """

    condition: Expression | None
    skip: Expression | None
    what: "Leaf | Sequence"


Sequence = tuple[tuple[Alternative, ...], ...]
"""The steps of a process, one after another; the alternatives of each exclude one another."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process, checked.

    Attributes:
        name: of its model.
        own, parameters: its activation, and what the arguments of that are.
        time, at: its loop, and the slot that it runs through.
        begins: the probability of beginning in each slot; None where it begins in the first.
    """

    name: str
    own: Activation
    parameters: tuple[ParameterSymbol, ...]
    time: Bind
    at: Local
    steps: Sequence
    begins: Expression | None
