"""The Bayesian interchange format, BIF 0.15: networks with names of variables and states."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.factors.kinds import Table
from gmruntime.formats.errors import FormatError
from gmruntime.formats.recognise import BIF, refuse_other
from gmruntime.formats.rows import normalised_rows, row_sums, uneven_rows
from gmruntime.formats.text import plain_number, read_text
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock

_TOKEN = re.compile(
    r'\s+|//[^\n]*|/\*(?:.|\n)*?\*/|,|\||("[^"\n]*")|([{}()\[\];])|([^\s{}()\[\];,|"]+)'
)

_BRACKETS = ("(", ")", "[", "]", "{", ";")

QUOTE = 'names with brackets, commas or spaces are read in quotes: { "(0,1]", "(1,5]" }'


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A Bayesian network with its names.

    Attributes:
        name: of the network.
        states: the names of each variable's states, by variable.
        parents: of each variable.
        tables: as written, axes the parents in order and then the variable; `probabilities` has
            rows that sum to 1.
        warnings: what is said of rows that do not sum to 1, all of them in one sentence.
    """

    name: str
    states: dict[str, tuple[str, ...]]
    parents: dict[str, tuple[str, ...]]
    tables: dict[str, np.ndarray]
    warnings: tuple[str, ...] = ()


class _Reader:
    """The words of a BIF file, with their places."""

    def __init__(self, file: str, text: str) -> None:
        self.file, self.text = file, text
        self.words: list[tuple[str, int]] = []
        position = 0
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None:
                raise self.error("this character does not belong here", position)
            word = found.group(1) or found.group(2) or found.group(3)
            if word == '""':
                raise self.error("a name between quotes is empty", position)
            if word:
                self.words.append((word.strip('"') if word[0] == '"' else word, position))
            position = found.end()
        self.position = 0

    def error(self, message: str, offset: int | None = None, hint: str = "") -> FormatError:
        if offset is None:
            inside = self.position < len(self.words)
            offset = self.words[self.position][1] if inside else len(self.text)
        line = self.text.count("\n", 0, offset) + 1
        column = offset - (self.text.rfind("\n", 0, offset) + 1) + 1
        return FormatError(self.file, message, line, column, hint)

    def peek(self) -> str:
        return self.words[self.position][0] if self.position < len(self.words) else ""

    def next(self, what: str) -> str:
        if self.position >= len(self.words):
            raise self.error(f"the file ends where {what} is expected")
        self.position += 1
        return self.words[self.position - 1][0]

    def expect(self, word: str) -> None:
        if self.peek() != word:
            raise self.error(f"`{word}` is expected here, not `{self.peek()}`")
        self.position += 1

    def skip_property(self) -> None:
        while self.next("`;`") != ";":
            pass

    def real(self) -> float:
        text = self.peek()
        value = plain_number(text)
        if value != value:
            raise self.error(f"a probability is expected here, not `{text}`")
        if not 0 <= value < float("inf"):
            raise self.error(f"a probability cannot be {text}")
        self.position += 1
        return value


def read_bif(path: str | Path) -> Network:
    """Read a network, packed or not.

    Raises:
        FormatError: naming the place and what was expected.
        OSError: when the file cannot be read.
    """
    return parse_bif(str(path), read_text(path))


def parse_bif(name: str, text: str) -> Network:
    """Parse the text of a network.

    Raises:
        FormatError: naming the place and what was expected.
    """
    refuse_other(BIF, name, text)
    reader = _Reader(name, text)
    title = "network"
    states: dict[str, tuple[str, ...]] = {}
    parents: dict[str, tuple[str, ...]] = {}
    tables: dict[str, np.ndarray] = {}
    while reader.peek():
        word = reader.next("a declaration")
        if word == "network":
            title = reader.next("a name") if reader.peek() != "{" else title
            reader.expect("{")
            while reader.peek() != "}":
                reader.skip_property()
            reader.expect("}")
        elif word == "variable":
            _variable(reader, states)
        elif word == "probability":
            _probability(reader, states, parents, tables)
    missing = [v for v in states if v not in tables]
    if missing:
        raise FormatError(name, f"no probabilities are given for {', '.join(missing[:5])}")
    if not states:
        raise FormatError(name, "this is no BIF network: it declares no variable")
    return Network(title, states, parents, tables, _uneven(name, states, parents, tables))


def probabilities(network: Network, variable: str) -> Float64[np.ndarray, "*parents states"]:
    """Return P(variable | parents), every row divided by its sum."""
    return normalised_rows(network.tables[variable])


def _uneven(
    name: str,
    states: dict[str, tuple[str, ...]],
    parents: dict[str, tuple[str, ...]],
    tables: dict[str, np.ndarray],
) -> tuple[str, ...]:
    """Name the first row that does not sum to one, and count them all.

    Raises:
        FormatError: when a row has no probability above zero.
    """
    count, first = 0, ""
    for variable, table in tables.items():
        totals = row_sums(table)
        if (~((totals > 0) & np.isfinite(totals))).any():
            place = np.argwhere(~((totals > 0) & np.isfinite(totals)))[0]
            row = _row_name(states, parents, variable, place)
            raise FormatError(name, f"the distribution {row} has no sum above zero")
        uneven = uneven_rows(totals)
        if uneven.any() and not first:
            place = np.argwhere(uneven)[0]
            row = _row_name(states, parents, variable, place)
            first = f"{row}, sums to {float(totals[tuple(place)]):.8g}"
        count += int(uneven.sum())
    if not count:
        return ()
    return (
        f"{name}: {count} of the distributions do not sum to 1 and are normalised; "
        f"the first, {first}",
    )


def _row_name(
    states: dict[str, tuple[str, ...]],
    parents: dict[str, tuple[str, ...]],
    variable: str,
    place: np.ndarray,
) -> str:
    given = [f"{p} = {states[p][k]}" for p, k in zip(parents[variable], place, strict=True)]
    return f"P({variable} | {', '.join(given)})" if given else f"P({variable})"


def _variable(reader: _Reader, states: dict[str, tuple[str, ...]]) -> None:
    name = reader.next("a variable's name")
    if name in states:
        reader.position -= 1
        raise reader.error(f"variable {name} is declared twice")
    reader.expect("{")
    while reader.peek() != "}":
        if reader.next("`type`") != "type":
            reader.skip_property()
            continue
        reader.expect("discrete")
        reader.expect("[")
        text = reader.next("the number of states")
        reader.expect("]")
        reader.expect("{")
        values: list[str] = []
        while reader.peek() not in ("}", ""):
            if reader.peek() in _BRACKETS:
                raise reader.error(
                    f"a state's name cannot begin with `{reader.peek()}`", hint=QUOTE
                )
            values.append(reader.next("a state"))
        reader.expect("}")
        reader.expect(";")
        if text != str(len(values)) or len(set(values)) != len(values):
            twice = [value for k, value in enumerate(values) if value in values[:k]]
            found = f"`{twice[0]}` twice" if twice else f"not {len(values)}"
            raise reader.error(f"{name} should have {text} different states, {found}", hint=QUOTE)
        states[name] = tuple(values)
    reader.expect("}")
    if not states.get(name):
        raise reader.error(f"variable {name} has no states")


def _probability(
    reader: _Reader,
    states: dict[str, tuple[str, ...]],
    parents: dict[str, tuple[str, ...]],
    tables: dict[str, np.ndarray],
) -> None:
    reader.expect("(")
    names: list[str] = []
    while reader.peek() not in (")", ""):
        if reader.peek() not in states:
            raise reader.error(f"unknown variable `{reader.peek()}`")
        names.append(reader.next("a variable"))
    reader.expect(")")
    if not names or len(set(names)) != len(names):
        raise reader.error("a probability needs a variable, and each of them once")
    child, mine = names[0], tuple(names[1:])
    if child in tables:
        raise reader.error(f"the probabilities of {child} are given twice")
    shape = tuple(len(states[v]) for v in (*mine, child))
    if np.prod(np.array(shape, np.float64)) > 1 << 26:
        raise reader.error(f"the table of {child} is too large")
    table = np.full(shape, np.nan)
    reader.expect("{")
    while reader.peek() != "}":
        _entry(reader, states, child, mine, table)
    reader.expect("}")
    if np.isnan(table).any():
        place = np.argwhere(np.isnan(table))[0]
        row = ", ".join(states[v][k] for v, k in zip(mine, place, strict=False))
        raise reader.error(f"no probabilities are given for {child} | {row}")
    parents[child] = mine
    tables[child] = table


def _entry(
    reader: _Reader,
    states: dict[str, tuple[str, ...]],
    child: str,
    mine: tuple[str, ...],
    table: np.ndarray,
) -> None:
    word = reader.next("an entry")
    size = len(states[child])
    if word == "table":
        # The child's state changes slowest here, unlike everywhere else.
        values = [reader.real() for _ in range(table.size)]
        reader.expect(";")
        moved = np.array(values).reshape(size, *table.shape[:-1])
        table[...] = np.moveaxis(moved, 0, -1)
    elif word == "default":
        row = [reader.real() for _ in range(size)]
        reader.expect(";")
        table[...] = np.where(np.isnan(table), np.array(row), table)
    elif word == "(":
        place: list[int] = []
        for parent in mine:
            state = reader.peek()
            if state not in states[parent]:
                known = ", ".join(states[parent])
                raise reader.error(f"`{state}` is no state of {parent} ({known})")
            place.append(states[parent].index(reader.next("a state")))
        reader.expect(")")
        table[tuple(place)] = [reader.real() for _ in range(size)]
        reader.expect(";")
    elif word == "property":
        reader.skip_property()
    else:
        reader.position -= 1
        raise reader.error(f"`table`, `default` or `(` is expected here, not `{word}`")


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
