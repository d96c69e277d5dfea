"""Which engines search a piece: chosen from what it looks like, never from where it is from."""

import numpy as np

from gmruntime.bounds.ascent import DualAscent
from gmruntime.branching.engine import Branching
from gmruntime.budget import Budget
from gmruntime.driver.enumeration import Enumeration, is_tiny
from gmruntime.driver.exact import ExactElimination
from gmruntime.driver.lanes import Entry, Roster, roster_of
from gmruntime.engine import Engine
from gmruntime.flat import FlatGraph
from gmruntime.primal.cutset.engine import Neighbourhoods
from gmruntime.primal.flips.engine import Flips
from gmruntime.primal.mini_buckets import MiniBuckets
from gmruntime.primal.replicas.engine import NUM_EDGES_MIN, ReplicaAnnealing
from gmruntime.primal.terrain import Terrain
from gmruntime.primal.trees.engine import TreeAnnealing
from gmruntime.simplify.propagation import NUM_ENTRIES_MAX, compact, num_entries

# A step of tabu search looks at every state of every variable. It is at its best on dense graphs;
# on large sparse ones trees and cutsets move much more at a time.
_FLIP_STATES_SPARSE_MAX, _FLIP_STATES_MAX, _DENSE_DEGREE = 4_000, 20_000, 8.0

# On pieces with more table entries than this, an engine's first turn takes a good part of a second.
_NUM_ENTRIES_SLOW = 1 << 18

# What gathering the tables for proofs takes for each of their entries, as measured.
_S_PER_ENTRY = 1e-7


def _primal_engines(
    flat: FlatGraph, budget: Budget, rng: np.random.Generator, device: str
) -> list[Engine]:
    """List the engines that look for better assignments, most promising first."""
    terrain = Terrain(flat)
    rngs = rng.spawn(5)
    engines: list[Engine] = [Neighbourhoods(terrain, budget, rngs[0])]
    degree = float(len(flat.edge_variable)) / max(1, len(flat.num_states))
    states = int(flat.num_states.sum())
    if states <= _FLIP_STATES_SPARSE_MAX or (
        degree >= _DENSE_DEGREE and states <= _FLIP_STATES_MAX
    ):
        engines.append(Flips(terrain, budget, rngs[1]))
    engines += [
        TreeAnnealing(terrain, budget, rngs[2]),
        Neighbourhoods(terrain, budget, rngs[3], wanders=True),
    ]
    if device != "cpu" and len(flat.edge_variable) >= NUM_EDGES_MIN:
        engines.append(ReplicaAnnealing(terrain, budget, rngs[4]))
    return engines


def rosters(
    flat: FlatGraph, budget: Budget, rng: np.random.Generator, device: str
) -> tuple[Roster, Roster]:
    """List the engines for both sides of a search, which keep off a GPU on the device "cpu".

    Returns:
        those that look for better assignments, and those that look for tighter bounds. Branch and
        bound is among both: where rules are hard it often finds what local changes cannot.
    """
    first, second, third, fourth = rng.spawn(4)
    if is_tiny(flat):
        return roster_of([]), roster_of([Enumeration(flat)])
    primal = roster_of(_primal_engines(flat, budget, first, device))
    exact = ExactElimination(flat, budget, third, device)
    proof = roster_of([MiniBuckets(flat, budget, second), exact])
    count = num_entries(flat)
    if count <= NUM_ENTRIES_MAX and _S_PER_ENTRY * count <= budget.left_s():
        # They read tables from their first entry to their last: slicing has scattered them.
        own = compact(flat)
        branching = Entry(Branching(own, budget))
        proof.entries[:0] = [Entry(DualAscent(own, budget, fourth, device)), branching]
        proof.steady = branching
        primal.entries.append(branching)
    primal.patient = proof.patient = count > _NUM_ENTRIES_SLOW
    return primal, proof
