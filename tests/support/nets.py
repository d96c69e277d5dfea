"""Random Bayesian networks, as programs and as arrays: what everything else is measured against."""

from dataclasses import dataclass
from typing import Any

import numpy as np

import gmlang
from gmlang.api import Model


@dataclass(frozen=True, slots=True, eq=False)
class Net:
    """A Bayesian network: for each variable its parents, and its table, (parents..., states)."""

    parents: tuple[tuple[int, ...], ...]
    tables: tuple[np.ndarray, ...]

    @property
    def count(self) -> int:
        """How many variables there are."""
        return len(self.parents)

    def states(self, variable: int) -> int:
        """Return how many states a variable has."""
        return self.tables[variable].shape[-1]

    def replaced(self, variable: int, table: np.ndarray, parents: tuple[int, ...] = ()) -> "Net":
        """Return the network in which a variable comes about otherwise."""
        all_parents, tables = list(self.parents), list(self.tables)
        all_parents[variable], tables[variable] = parents, table
        return Net(tuple(all_parents), tuple(tables))

    def set_to(self, variable: int, state: int) -> "Net":
        """Return the network in which a variable is set to a state."""
        return self.replaced(variable, np.eye(self.states(variable))[state])

    def joint(self) -> np.ndarray:
        """Return the joint distribution, an axis for each variable."""
        found = np.ones([self.states(v) for v in range(self.count)])
        for variable, (parents, table) in enumerate(zip(self.parents, self.tables, strict=True)):
            axes = [*parents, variable]
            order = np.argsort(axes)
            shape = [self.states(v) if v in axes else 1 for v in range(self.count)]
            found = found * table.transpose(order).reshape(shape)
        return found

    def model(self, latent: tuple[int, ...] = ()) -> Model:
        """Return the program, whose variables are x0, x1, ..."""
        lines: list[str] = []
        for variable, (parents, table) in enumerate(zip(self.parents, self.tables, strict=True)):
            sizes = ", ".join(map(str, table.shape))
            places = ", ".join(f"x{p}" for p in parents)
            drawn = f"t{variable}[{places}]" if parents else f"t{variable}"
            word = "latent var" if variable in latent else "var"
            lines.append(f"data t{variable}[{sizes}] : real")
            domain = f"0..{self.states(variable) - 1}"
            lines.append(f"{word} x{variable} : {domain} ~ Categorical({drawn})")
        data: dict[str, Any] = {f"t{variable}": table for variable, table in enumerate(self.tables)}
        return gmlang.compile("\n".join(lines) + "\n", **data)


def network_of(net: Net) -> Any:
    """Return a network as pyAgrum has it."""
    from tests.support.agrum import pyagrum

    found = pyagrum.BayesNet()
    for variable in range(net.count):
        found.add(pyagrum.RangeVariable(f"x{variable}", "", 0, net.states(variable) - 1))
    for variable, parents in enumerate(net.parents):
        for parent in parents:
            found.addArc(f"x{parent}", f"x{variable}")
    for variable, (parents, table) in enumerate(zip(net.parents, net.tables, strict=True)):
        for place in np.ndindex(*table.shape[:-1]):
            named = {f"x{p}": int(s) for p, s in zip(parents, place, strict=True)}
            found.cpt(f"x{variable}")[named] = table[place].tolist()
    return found


def random_net(rng: np.random.Generator, count: int, num_states: int = 3) -> Net:
    """Draw a network whose variables depend on up to three earlier ones."""
    parents: list[tuple[int, ...]] = []
    tables: list[np.ndarray] = []
    for variable in range(count):
        own = int(rng.integers(2, num_states + 1))
        some = [p for p in range(variable) if rng.random() < 0.5][-3:]
        sizes = [tables[p].shape[-1] for p in some]
        parents.append(tuple(some))
        tables.append(rng.dirichlet(np.ones(own), size=sizes))
    return Net(tuple(parents), tuple(tables))


def marginal(joint: np.ndarray, variable: int, seen: dict[int, int]) -> np.ndarray:
    """Return P(variable | seen) of a joint distribution."""
    place = tuple(
        slice(seen[v], seen[v] + 1) if v in seen else slice(None) for v in range(joint.ndim)
    )
    found = joint[place].sum(axis=tuple(v for v in range(joint.ndim) if v != variable))
    return found / found.sum()


def ask(model: Model, text: str, **how: Any) -> Any:
    """Return the answer to a query, whatever its class."""
    return model.query(text, **how)
