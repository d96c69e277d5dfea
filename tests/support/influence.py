"""Random influence diagrams: variables drawn from those before them, decisions, utilities."""

from dataclasses import dataclass

import numpy as np

import gmruntime as gm
from gmruntime.answer import ExpectedUtility
from gmruntime.factors.kinds import Table


@dataclass(frozen=True, slots=True, eq=False)
class Diagram:
    """Variables in an order in which parents come first.

    Attributes:
        sizes: how many states each has.
        parents: of what is drawn, what it is drawn from; of a decision, what it knows.
        tables: P(variable | parents), its own axis last; None of a decision.
        utilities: scopes and tables.
    """

    sizes: tuple[int, ...]
    parents: tuple[tuple[int, ...], ...]
    tables: tuple[np.ndarray | None, ...]
    utilities: tuple[tuple[tuple[int, ...], np.ndarray], ...]

    @property
    def decisions(self) -> list[int]:
        """The variables that are decided."""
        return [v for v, table in enumerate(self.tables) if table is None]


def random_diagram(rng: np.random.Generator, num_decisions: int, *, recalls: bool) -> Diagram:
    """Draw a diagram; a decision knows some of what was drawn, and all that earlier ones knew."""
    sizes: list[int] = []
    parents: list[tuple[int, ...]] = []
    tables: list[np.ndarray | None] = []
    known: set[int] = set()

    def draw() -> None:
        here = len(sizes)
        chosen = tuple(v for v in range(here) if rng.random() < 0.6)[-3:]
        sizes.append(int(rng.integers(2, 4)))
        parents.append(chosen)
        shape = tuple(sizes[v] for v in chosen)
        table = rng.dirichlet(np.ones(sizes[-1]), size=shape)
        if rng.random() < 0.3:
            table = np.eye(sizes[-1])[table.argmax(axis=-1)]
        tables.append(table)

    for _ in range(num_decisions):
        draw()
        draw()
        new = {v for v in range(len(sizes)) if tables[v] is not None and rng.random() < 0.35}
        known = known | new if recalls else new
        sizes.append(int(rng.integers(2, 4)))
        parents.append(tuple(sorted(known)))
        tables.append(None)
        if recalls:
            known |= {len(sizes) - 1}
    draw()
    utilities: list[tuple[tuple[int, ...], np.ndarray]] = []
    for _ in range(int(rng.integers(1, 4))):
        chosen = rng.choice(len(sizes), size=int(rng.integers(1, 4)), replace=False)
        scope = tuple(sorted(chosen.tolist()))
        utilities.append((scope, rng.normal(0.0, 10.0, size=[sizes[v] for v in scope])))
    for d in (v for v, table in enumerate(tables) if table is None):
        if not any(d in scope for scope, _ in utilities):
            utilities.append(((d,), rng.normal(0.0, 3.0, size=sizes[d])))
    return Diagram(tuple(sizes), tuple(parents), tuple(tables), tuple(utilities))


def as_question(diagram: Diagram) -> tuple[gm.FactorGraph, ExpectedUtility]:
    """Write a diagram for the runtime."""
    blocks: list[gm.FactorBlock] = []
    for v, table in enumerate(diagram.tables):
        if table is not None:
            with np.errstate(divide="ignore"):
                blocks.append(_block((*diagram.parents[v], v), np.log(table)))
    variables = tuple(gm.VariableBlock(f"x{v}", (), k) for v, k in enumerate(diagram.sizes))
    utilities = tuple(_block(scope, table) for scope, table in diagram.utilities)
    decisions = np.array(diagram.decisions, np.int32)
    information = tuple(np.array(diagram.parents[d], np.int32) for d in diagram.decisions)
    return gm.FactorGraph(variables, tuple(blocks)), ExpectedUtility(
        decisions, information, utilities
    )


def _block(scope: tuple[int, ...], table: np.ndarray) -> gm.FactorBlock:
    return gm.FactorBlock(Table(table[None]), np.array([scope], np.int32))
