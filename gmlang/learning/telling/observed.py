"""What rows leave open, and by what else may be learned where sums over that are out of reach."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from gmlang.graph.world.names import named_in
from gmlang.learning.dependence.forms import chosen, numbers_of
from gmlang.learning.problem import Problem
from gmlang.learning.rows import Rows
from gmruntime.arrays import Bool


@dataclass(frozen=True, slots=True)
class Latent:
    """A variable that some row leaves open.

    Attributes:
        name: as the author would say; "" for one that a statement is written with.
        row: of the rows to learn from.
        block: of the tables, one that mentions it.
    """

    name: str
    row: int
    block: int


def _is_evidence(problem: Problem, block: int) -> bool:
    """Say whether a block says what was seen, and not how likely that is."""
    origin = problem.grounding.builder.origins[problem.tables.sources[block]]
    return origin.kind == "observe"


def told_blocks(problem: Problem) -> tuple[int, ...]:
    """List the blocks that say how likely assignments are: all but what is said of evidence."""
    return tuple(
        b for b in range(len(problem.tables.graph.factors)) if not _is_evidence(problem, b)
    )


def first_latent(problem: Problem) -> Latent | None:
    """Return a variable on which a factor depends and that some row leaves open; None for none."""
    graph, evidence = problem.tables.graph, problem.rows.evidence
    is_latent = np.ones(graph.num_variables, np.bool_)
    is_latent[: evidence.shape[1]] = (evidence < 0).any(axis=0)
    for block in told_blocks(problem):
        scopes = graph.factors[block].scopes
        found = scopes[is_latent[scopes]]
        if not len(found):
            continue
        first = int(found.min())
        row = int(np.flatnonzero(evidence[:, first] < 0)[0])
        for named in named_in(problem.grounding.world):
            where = np.argwhere(named.variables == first)
            if len(where):
                place = ", ".join(map(str, where[0].tolist()))
                return Latent(named.name + (f"[{place}]" if place else ""), row, block)
        return Latent("", row, block)
    return None


def reached(problem: Problem, rows: Rows) -> Bool[np.ndarray, " numbers"]:
    """Say of each number whether it is in a part of the graph of which some row saw anything.

    Of any other part log Z is the same with all that was seen as without.
    """
    graph, told = problem.tables.graph, frozenset(told_blocks(problem))
    is_seen = np.zeros(graph.num_variables, np.bool_)
    is_seen[: rows.evidence.shape[1]] = (rows.evidence >= 0).any(axis=0)
    pairs: list[np.ndarray] = [np.zeros((2, 0), np.int64)]
    for number, block in enumerate(graph.factors):
        if number not in told:
            is_seen[block.scopes] = True
        if block.scopes.shape[1]:
            firsts = np.broadcast_to(block.scopes[:, :1], block.scopes.shape)
            pairs.append(np.stack([firsts.reshape(-1), block.scopes.reshape(-1)]))
    ends = np.hstack(pairs)
    size = (graph.num_variables,) * 2
    count, part = connected_components(csr_matrix((np.ones(ends.shape[1]), tuple(ends)), size))
    is_part_seen = np.zeros(count, np.bool_)
    is_part_seen[part[is_seen]] = True
    found = np.zeros(problem.layout.size, np.bool_)
    for number, form in problem.tables.forms:
        keep = np.asarray(is_part_seen[part[graph.factors[number].scopes]].any(axis=1))
        if keep.any():
            found[numbers_of(chosen(form, keep), problem.layout)] = True
    return found


def other_methods(problem: Problem) -> tuple[str, ...]:
    """List the methods that sum over less than expected counts do."""
    if problem.is_folded:
        return ()
    pseudo = ("pseudo",) if problem.normaliser and first_latent(problem) is None else ()
    chains = () if problem.targets.size else ("cd(5)",)
    return (*pseudo, *chains)
