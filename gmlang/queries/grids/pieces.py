"""A question's graph taken apart: what laws say of reals in panels, and all the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gmlang.core.check.joint.routes import Key
from gmlang.graph.builder import Builder
from gmlang.graph.grids.given import GridLaw
from gmlang.graph.grids.laws import looked_at, said_by
from gmlang.graph.grids.summing import Summed, floored
from gmlang.graph.lowering.grounder import Grounder
from gmlang.graph.world.world import RealArray
from gmlang.queries.reading import Rows
from gmlang.queries.remembered.asking import ask_graph
from gmlang.queries.session import Prepared
from gmlang.queries.settings import Settings
from gmruntime.answer import Marginals, MarginalsAnswer
from gmruntime.arrays import row_starts
from gmruntime.budget import Budget
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """A question's graph without its reals, and what is said of these.

    Attributes:
        others: factors of finite variables alone.
        laws: that depend on reals.
        arrays: the attributes that are reals in panels.
        variables: of each of these.
        blocks: the number of the block of variables of each.
        evidence: the state of each observed variable; -1 for the others.
        is_whole: whether nothing else is said of the reals, as what a question asks of them.
    """

    prepared: Prepared
    others: tuple[FactorBlock, ...]
    laws: tuple[GridLaw, ...]
    arrays: Mapping[Key, RealArray]
    variables: Mapping[Key, np.ndarray]
    blocks: Mapping[Key, int]
    evidence: np.ndarray
    is_whole: bool

    def graph(self, sizes: Mapping[Key, int], tables: Sequence[FactorBlock]) -> FactorGraph:
        """Return the graph in which reals have so many states, and tables say what they do."""
        blocks = list(self.prepared.builder.variables)
        for key, number in self.blocks.items():
            old = blocks[number]
            blocks[number] = VariableBlock(old.name, old.shape, sizes[key])
        return FactorGraph(tuple(blocks), (*self.others, *tables))

    def said_at(
        self, points: Mapping[Key, np.ndarray], budget: Budget
    ) -> list[tuple[GridLaw, list[Summed]]]:
        """Work all laws out where reals are looked at.

        Raises:
            GmError: where they have no meaning.
            TimeoutError: when there is no time left.
        """
        grounder = self.prepared.grounder
        world = looked_at(grounder.world, dict(points), budget)
        own = Grounder(world, Builder(), grounder.lowering, dict(grounder.names))
        return [(law, list(said_by(own, law))) for law in self.laws]


def pieces_of(prepared: Prepared) -> Pieces:
    """Take a question's graph apart."""
    world, builder = prepared.grounder.world, prepared.builder
    keys = [key for key in world.hidden_reals if key in world.grids]
    arrays = {key: world.reals[key[0]][key[1]] for key in keys}
    found = {key: world.hidden_reals[key].variables for key in keys}
    variables = {key: own[own >= 0] for key, own in found.items()}
    blocks = {key: builder.block_of(int(own[0])) for key, own in variables.items()}
    is_real = np.zeros(builder.num_variables, np.bool_)
    for own in variables.values():
        is_real[own] = True
    known = {number for one in builder.grid_blocks for number in one.factors}
    others: list[FactorBlock] = []
    is_whole = True
    for number, (factors, origin) in enumerate(zip(builder.factors, builder.origins, strict=True)):
        if not is_real[factors.scopes].any():
            others.append(factors)
        elif number not in known and origin.kind != "base":
            is_whole = False
    laws = tuple(one.law for one in builder.grid_blocks)
    evidence = prepared.evidence()[0]
    return Pieces(prepared, tuple(others), laws, arrays, variables, blocks, evidence, is_whole)


def tables_of(summed: Summed) -> FactorBlock:
    """Return what is summed as a block of factors."""
    return FactorBlock(
        Table(floored(summed.logs)), np.ascontiguousarray(summed.scopes, np.int32), "law"
    )


def ask_marginals(
    graph: FactorGraph, variables: np.ndarray, evidence: np.ndarray, settings: Settings
) -> tuple[MarginalsAnswer, Rows]:
    """Ask for marginals of some variables: the answer, and its rows by variable."""
    question = Marginals(np.asarray(variables, np.int32).reshape(-1))
    found = ask_graph(graph, question, evidence, settings, None)
    assert isinstance(found, MarginalsAnswer)
    starts = row_starts([block.size for block in graph.variables])
    return found, Rows(found.probabilities, starts)
