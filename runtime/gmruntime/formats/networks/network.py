"""Bayesian networks with their names, and how any format gathers one."""

import math
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from types import EllipsisType

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.factors.kinds import Table
from gmruntime.formats.errors import FormatError
from gmruntime.formats.located import Located
from gmruntime.formats.rows import normalised_rows, row_sums, uneven_rows
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock

ENTRIES_MAX = 1 << 26
"""The tables of a network have at most so many entries, half a gigabyte."""

_PARENTS_MAX = 30
"""NumPy has arrays of at most 32 axes; parents of two states each end at 26 anyway."""


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A Bayesian network with its names.

    Attributes:
        name: of the network.
        states: the names of each variable's states, by variable.
        parents: of each variable.
        tables: as written, axes the parents in order and then the variable; `probabilities` has
            rows that sum to 1.
        warnings: what is said of rows that do not sum to 1, all of them in one sentence, and of
            what else was not as usual.
    """

    name: str
    states: dict[str, tuple[str, ...]]
    parents: dict[str, tuple[str, ...]]
    tables: dict[str, np.ndarray]
    warnings: tuple[str, ...] = ()


def probabilities(network: Network, variable: str) -> Float64[np.ndarray, "*parents states"]:
    """Return P(variable | parents), every row divided by its sum."""
    return normalised_rows(network.tables[variable])


def network_graph(network: Network) -> FactorGraph:
    """Turn a network into a factor graph, one block for each variable, in the file's order."""
    index = {name: k for k, name in enumerate(network.states)}
    variables = tuple(VariableBlock(v, (), len(s)) for v, s in network.states.items())
    factors: list[FactorBlock] = []
    for child in network.tables:
        table = probabilities(network, child)
        scope = np.array([[*(index[p] for p in network.parents[child]), index[child]]], np.int32)
        with np.errstate(divide="ignore"):
            factors.append(FactorBlock(Table(np.log(table)[None]), scope, f"P({child} | ...)"))
    return FactorGraph(variables, tuple(factors))


class Distribution:
    """The distribution of a variable given its parents, as its rows come.

    Attributes:
        child: the variable.
        parents: in order.
        table: axes the parents and then the variable; NaN where nothing was given yet.
        places: the offset of each row in the file, -1 while there is none.
    """

    def __init__(
        self, text: Located, states: dict[str, tuple[str, ...]], names: list[str], offset: int
    ) -> None:
        """Begin without any row; the child is the first of the names."""
        self.text, self.states, self.offset = text, states, offset
        self.child, self.parents = names[0], tuple(names[1:])
        shape = tuple(len(states[v]) for v in (*self.parents, self.child))
        self.table = np.full(shape, np.nan)
        self.places: Int64[np.ndarray, "*parents"] = np.full(shape[:-1], -1, np.int64)
        self._rest: tuple[list[float], int] | None = None

    @property
    def num_states(self) -> int:
        """How many states the variable has."""
        return self.table.shape[-1]

    def row(self, place: tuple[int | slice, ...], values: list[float], offset: int) -> None:
        """Take a row, or several equal ones.

        Raises:
            FormatError: when one of them was given before.
        """
        self._refuse_twice(place, offset)
        self.table[place] = values
        self.places[place] = offset

    def _refuse_twice(self, place: tuple[int | slice | EllipsisType, ...], offset: int) -> None:
        if (self.places[place] < 0).all():
            return
        chosen = np.zeros(self.places.shape, np.bool_)
        chosen[place] = True
        given = np.argwhere(chosen & (self.places >= 0))[0]
        line, _ = self.text.place(int(self.places[tuple(given)]))
        raise self.text.error(
            f"the row {self.row_name(given)} is given twice, first in line {line}", offset
        )

    def rest(self, values: list[float], offset: int) -> None:
        """Give every row that has none once all have come these values.

        Raises:
            FormatError: when such values were given before.
        """
        if self._rest is not None:
            raise self.text.error(f"the default of {self.child} is given twice", offset)
        self._rest = values, offset

    def fill(self) -> None:
        """Give the rows that have no values those of the rest."""
        if self._rest is not None:
            open_ = self.places < 0
            self.table[open_], self.places[open_] = self._rest

    def rows(self, values: list[float], offsets: list[int], offset: int) -> None:
        """Take all entries, the variable's states changing fastest, then the last parent's.

        Raises:
            FormatError: when there are too few or too many, or a row was given before.
        """
        if len(values) != self.table.size:
            shape = " x ".join(map(str, self.table.shape))
            raise self.text.error(
                f"P({self._given()}) has {shape} = {self.table.size} entries, not {len(values)}",
                offset,
            )
        self._refuse_twice((...,), offset)
        self.table[...] = np.array(values, np.float64).reshape(self.table.shape)
        starts = np.array(offsets[:: self.num_states], np.int64)
        self.places[...] = starts.reshape(self.places.shape)

    def row_name(self, place: Int64[np.ndarray, " parents"]) -> str:
        """Return how a row is spoken of: `P(wet | rain = yes)`."""
        given = [f"{p} = {self.states[p][k]}" for p, k in zip(self.parents, place, strict=True)]
        return f"P({self.child} | {', '.join(given)})" if given else f"P({self.child})"

    def _given(self) -> str:
        return f"{self.child} | {', '.join(self.parents)}" if self.parents else self.child


class Gathered:
    """The variables and distributions of a network, as a file declares them.

    Attributes:
        states: of each variable declared so far.
        distributions: those given so far, by variable.
        warnings: what is to be said of the file.
    """

    def __init__(self, text: Located) -> None:
        """Begin with nothing."""
        self.text = text
        self.states: dict[str, tuple[str, ...]] = {}
        self.distributions: dict[str, Distribution] = {}
        self.warnings: list[str] = []
        self._num_entries = 0

    def declare(self, name: str, states: list[str], offset: int, hint: str = "") -> None:
        """Take a variable and its states.

        Raises:
            FormatError: when it has none, or anything comes twice.
        """
        if name in self.states:
            raise self.text.error(f"variable {name} is declared twice", offset)
        if not states:
            raise self.text.error(f"variable {name} has no states", offset)
        seen: set[str] = set()
        for state in states:
            if state in seen:
                raise self.text.error(
                    f"{name} should have {len(states)} different states, found `{state}` twice",
                    offset,
                    hint,
                )
            seen.add(state)
        self.states[name] = tuple(states)

    def known(self, name: str, offset: int) -> str:
        """Return a name, which must be a variable's.

        Raises:
            FormatError: when it is not.
        """
        if name not in self.states:
            raise self.text.error(f"unknown variable `{name}`", offset)
        return name

    def define(self, names: list[str], offset: int) -> Distribution:
        """Begin the distribution of the first name given the others, all of which are known.

        Raises:
            FormatError: when it was given before, names a variable twice, or is too large.
        """
        if not names or len(set(names)) != len(names):
            raise self.text.error("a probability needs a variable, and each of them once", offset)
        child = names[0]
        if child in self.distributions:
            raise self.text.error(f"the probabilities of {child} are given twice", offset)
        self._num_entries += math.prod(len(self.states[v]) for v in names)
        if self._num_entries > ENTRIES_MAX or len(names) > _PARENTS_MAX:
            raise self.text.error(f"the table of {child} is too large", offset)
        found = Distribution(self.text, self.states, names, offset)
        self.distributions[child] = found
        return found

    def close(self, found: Distribution, offset: int) -> None:
        """Give the rows of a distribution that have no values those of the rest.

        Raises:
            FormatError: when there is no rest, naming the first row without values.
        """
        found.fill()
        missing = found.places < 0
        if missing.any():
            row = found.row_name(np.argwhere(missing)[0])
            raise self.text.error(f"no probabilities are given for {row[2:-1]}", offset)

    def network(self, title: str, kind: str) -> Network:
        """Return the network.

        Args:
            title: its name.
            kind: of the file, as in "this is no BIF network".

        Raises:
            FormatError: when a variable has no distribution, or the arrows go round.
        """
        missing = [v for v in self.states if v not in self.distributions]
        if missing:
            names = ", ".join(missing[:5])
            raise FormatError(self.text.file, f"no probabilities are given for {names}")
        if not self.states:
            raise FormatError(self.text.file, f"this is no {kind}: it declares no variable")
        self._refuse_cycles()
        return Network(
            title,
            self.states,
            {v: d.parents for v, d in self.distributions.items()},
            {v: d.table for v, d in self.distributions.items()},
            (*self._uneven(), *self.warnings),
        )

    def _refuse_cycles(self) -> None:
        """Refuse a variable that is its own ancestor.

        Raises:
            FormatError: naming the variables of a cycle, at the place of one of them.
        """
        try:
            TopologicalSorter({v: d.parents for v, d in self.distributions.items()}).prepare()
        except CycleError as error:
            cycle: list[str] = error.args[1]
        else:
            return
        shown = " -> ".join(cycle if len(cycle) < 12 else [*cycle[:10], "...", cycle[-1]])
        raise self.text.error(
            f"the network is no acyclic one: {shown}", self.distributions[cycle[-1]].offset
        )

    def _uneven(self) -> tuple[str, ...]:
        """Name the first row that does not sum to one, and count them all.

        Raises:
            FormatError: when a row has no probability above zero.
        """
        count, first = 0, ""
        for found in self.distributions.values():
            totals = row_sums(found.table)
            empty = ~((totals > 0) & np.isfinite(totals))
            if empty.any():
                place = np.argwhere(empty)[0]
                raise self.text.error(
                    f"the distribution {found.row_name(place)} has no sum above zero",
                    int(found.places[tuple(place)]),
                )
            uneven = uneven_rows(totals)
            if uneven.any() and not first:
                place = np.argwhere(uneven)[0]
                line, column = self.text.place(int(found.places[tuple(place)]))
                total = float(totals[tuple(place)])
                first = f"{line}:{column}", f"{found.row_name(place)}, sums to {total:.8g}"
            count += int(uneven.sum())
        if not first:
            return ()
        return (
            f"{self.text.file}:{first[0]}: {count} of the distributions do not sum to 1 and are "
            f"normalised; the first, {first[1]}",
        )
