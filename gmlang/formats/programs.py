"""Models of other tools as programs; factor graphs here, networks in `network_programs.py`."""

import re
from dataclasses import dataclass

import numpy as np

from gmlang.formats.names import (
    ModelProgram,
    domain,
    identifier,
    is_range,
    renamed,
    state_names,
    swaps_states,
)
from gmlang.formats.network_programs import network_program
from gmruntime.factors.kinds import AllDifferent, Count, FactorKind, LinearSum, Table, Xor
from gmruntime.formats.graphs.named import NamedGraph
from gmruntime.formats.models import Model
from gmruntime.formats.networks.network import Network
from gmruntime.graph import FactorGraph, num_states


def model_program(model: Model, name: str) -> ModelProgram:
    """Return a model as a program whose tables are data."""
    if isinstance(model, Network):
        return network_program(model)
    named = model if isinstance(model, NamedGraph) else unnamed(model, name)
    return _graph_program(named)


def graph_to_gm(model: FactorGraph | NamedGraph, name: str) -> str:
    """Write a factor graph as a program: each table becomes data, each factor a log-factor."""
    named = model if isinstance(model, NamedGraph) else unnamed(model, name)
    program = _graph_program(named)
    lines = program.text.split("\n")
    for k, line in enumerate(lines):
        if line.startswith("data "):
            lines[k] = f"{line} = {_nested(program.data[line[5 : line.index('[')]])}"
    return "\n".join(lines)


def unnamed(graph: FactorGraph, name: str) -> NamedGraph:
    """Give a graph without names the usual ones: x0, x1 ... with states 0, 1 ..."""
    variables = tuple(f"x{k}" for k in range(graph.num_variables))
    return NamedGraph(name, graph, variables, ((),) * graph.num_variables)


@dataclass(frozen=True, slots=True)
class _Variable:
    """A variable as the program has it.

    Attributes:
        name: in the program.
        count: how many states it has.
        values: their names in the program, in the file's order; () for 0, 1 ...
        is_bit: whether it is a `bool` though the file has the states 0 and 1.
    """

    name: str
    count: int
    values: tuple[str, ...]
    is_bit: bool

    @property
    def domain(self) -> str:
        if self.is_bit:
            return "bool"
        return domain(self.values) if self.values else f"0..{self.count - 1}"

    @property
    def is_swapped(self) -> bool:
        return swaps_states(self.values)

    @property
    def index(self) -> str:
        """As an index of a table, whose axis is turned around where true comes first."""
        is_shifted = is_range(self.values) and self.values[:1] != ("0",)
        return f"{self.name} - {self.values[0]}" if is_shifted else self.name

    def is_state(self, state: int) -> str:
        """As a condition."""
        if self.is_bit:
            return self.name if state else f"not {self.name}"
        return f"{self.name} == {self.values[state] if self.values else state}"

    def times(self, factor: int) -> str:
        """As the number of its state, times a factor."""
        if not self.values and not self.is_bit:
            return f"{factor}*{self.name}"
        return " + ".join(f"{factor * k}*({self.is_state(k)})" for k in range(1, self.count)) or "0"


def _graph_program(named: NamedGraph) -> ModelProgram:
    title = re.sub(r"[^\w .,()-]", " ", f"The factor graph {named.name or 'of a file'}.")
    lines = [f'"{title}"', ""]
    taken: set[str] = set()
    names = [identifier(v, taken) for v in named.variables]
    bits = _bits(named)
    pairs: list[tuple[str, str]] = []
    variables: list[_Variable] = []
    for k, (name, count) in enumerate(zip(names, num_states(named.graph).tolist(), strict=True)):
        values = tuple(state_names(named.states[k], names)) if named.states[k] else ()
        one = _Variable(name, count, values, k in bits)
        variables.append(one)
        was = [(name, named.variables[k]), *zip(values, named.states[k], strict=True)]
        changed = [f"{new} was {old!r}" for new, old in was if new != old]
        if one.is_swapped:
            changed.append("the file has true first")
        pairs += was
        note = f"  # {', '.join(changed)}" if changed else ""
        lines.append(f"var {name} : {one.domain}{note}")
    taken |= {value for one in variables for value in one.values}
    data: dict[str, np.ndarray] = {}
    for block in named.graph.factors:
        for f, scope in enumerate(block.scopes.tolist()):
            cell = identifier(f"f{len(data)}", taken)
            found = _factor(block.kind, f, [variables[v] for v in scope], cell)
            if found.table is not None:
                data[cell] = found.table
            lines += ["", *found.lines]
    return ModelProgram("\n".join(lines) + "\n", data, renamed(pairs))


def _bits(named: NamedGraph) -> set[int]:
    """Return the variables that parities speak of."""
    found: set[int] = set()
    for block in named.graph.factors:
        if isinstance(block.kind, Xor):
            found |= {v for v in block.scopes.reshape(-1).tolist() if not named.states[v]}
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Factor:
    """The lines of a factor, and the table that its data is, if any."""

    lines: list[str]
    table: np.ndarray | None = None


def _factor(kind: FactorKind, f: int, scope: list[_Variable], cell: str) -> _Factor:
    """Write a factor of one of the kinds that files hold.

    Raises:
        ValueError: for another kind.
    """

    def mine(parameter: np.ndarray) -> np.ndarray:
        return parameter[f if len(parameter) > 1 else 0]

    match kind:
        case Table():
            table = mine(kind.log_potentials)
            for axis, one in enumerate(scope):
                table = np.flip(table, axis) if one.is_swapped else table
            if not scope:
                return _Factor([f"factor {_number(float(table))}"])
            shape = ", ".join(str(n) for n in table.shape)
            index = ", ".join(one.index for one in scope)
            return _Factor([f"data {cell}[{shape}] : real", f"factor {cell}[{index}]"], table)
        case Xor():
            names = ", ".join(one.name if one.is_bit else one.is_state(1) for one in scope)
            odd = bool(mine(kind.parities))
            return _Factor([f"constraint {'' if odd else 'not '}xor({names})"])
        case AllDifferent():
            indices = ", ".join(one.times(1) if one.values else one.name for one in scope)
            return _Factor([f"constraint alldifferent({indices})"])
        case LinearSum():
            terms = zip(mine(kind.coefficients).tolist(), scope, strict=True)
            total = " + ".join(one.times(c) for c, one in terms)
            return _sum(total, int(mine(kind.lowest)), mine(kind.log_potentials), cell)
        case Count():
            weights = mine(kind.log_potentials)
            if (weights[:-1] == 0).all():
                literals = zip(mine(kind.negated).tolist(), scope, strict=True)
                all_hold = " and ".join(one.is_state(int(not n)) for n, one in literals)
                if weights[-1] == -np.inf:
                    return _Factor([f"constraint not ({all_hold})"])
                return _Factor([f"prefer {all_hold} weight {_number(float(weights[-1]))}"])
        case _:
            pass
    raise ValueError(f"a factor of the kind {type(kind).__name__} has no place in a program")


def _sum(total: str, lowest: int, weights: np.ndarray, cell: str) -> _Factor:
    """Write a function of a sum: a bound where it is one, else a table of the sums."""
    allowed = np.flatnonzero(weights == 0)
    if len(allowed) and len(allowed) + (weights == -np.inf).sum() == len(weights):
        first, last = int(allowed[0]), int(allowed[-1])
        if last - first + 1 == len(allowed):
            bounds = [f"{total} >= {lowest + first}"] * (first > 0)
            bounds += [f"{total} <= {lowest + last}"] * (last < len(weights) - 1)
            if first == last:
                bounds = [f"{total} == {lowest + first}"]
            return _Factor([f"constraint {bound}" for bound in bounds])
    shift = f" - {lowest}" if lowest > 0 else f" + {-lowest}" if lowest else ""
    lines = [f"data {cell}[{len(weights)}] : real", f"factor {cell}[{total}{shift}]"]
    return _Factor(lines, weights)


def _nested(table: np.ndarray) -> str:
    if table.ndim == 0:
        return _number(float(table))
    return "[" + ", ".join(_nested(row) for row in table) + "]"


def _number(value: float) -> str:
    return "-1e999" if value == -np.inf else repr(value)
