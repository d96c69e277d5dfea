"""What a search knows of each piece, and how that adds up to an answer for the whole graph."""

from dataclasses import dataclass

import numpy as np

from gmruntime.driver.lanes import Roster
from gmruntime.engine import Incumbent, Report
from gmruntime.factors.kinds import Table
from gmruntime.graph import Assignment, FactorGraph
from gmruntime.quality import is_proved
from gmruntime.simplify.working import Piece, Working, flat_score


@dataclass(slots=True, eq=False)
class Front:
    """The search on one piece: its engines and what they share.

    Attributes:
        piece: the factors and variables searched.
        incumbent: the best assignment and bound so far.
        primal: engines that look for better assignments.
        proof: engines that look for better bounds; exact engines are among them.
        bound_s: the search's clock when the bound last moved.
    """

    piece: Piece
    incumbent: Incumbent
    primal: Roster
    proof: Roster
    bound_s: float = 0.0


def nothing_known() -> Incumbent:
    """Return the incumbent before anything is known."""
    return Incumbent(np.zeros(0, np.int32), float("-inf"), float("inf"))


def is_solved(incumbent: Incumbent) -> bool:
    """Say whether the incumbent is proved best, or that there is none."""
    if incumbent.log_bound == float("-inf"):
        return True
    return is_proved(incumbent.log_score, incumbent.log_bound)


def learn(front: Front, report: Report) -> float:
    """Take over what a report brings, after rescoring it; return the gain in nats.

    A first assignment, or a first bound, counts as one nat.
    """
    before = front.incumbent
    assignment, log_score = before.assignment, before.log_score
    if report.assignment is not None and len(report.assignment) == len(front.piece.variables):
        found = flat_score(front.piece.flat, report.assignment)
        if found > log_score:
            assignment, log_score = report.assignment.astype(np.int32), found
    log_bound = min(before.log_bound, report.log_bound)
    if is_proved(log_score, log_bound):
        log_bound = log_score
    front.incumbent = Incumbent(assignment, log_score, log_bound)
    return _rise(before.log_score, log_score) + _rise(-before.log_bound, -log_bound)


def _rise(before: float, after: float) -> float:
    if not after > before:
        return 0.0
    return after - before if np.isfinite(before) else 1.0


def whole_assignment(working: Working, fronts: list[Front]) -> Assignment | None:
    """Put the pieces' incumbents together; None while one of them has none."""
    assignment = working.settled.copy()
    for front in fronts:
        if not np.isfinite(front.incumbent.log_score):
            return None
        assignment[front.piece.variables] = front.incumbent.assignment
    return assignment[: working.num_variables]


def whole_bound(working: Working, fronts: list[Front], ceiling: float) -> float:
    """Add up the pieces' bounds; `ceiling` is a bound known from elsewhere."""
    total = working.log_constant + sum(front.incumbent.log_bound for front in fronts)
    solved = all(is_solved(front.incumbent) for front in fronts)
    return total if solved or np.isnan(ceiling) else min(total, ceiling)


def ceiling_of(graph: FactorGraph) -> float:
    """Bound every score by the sum of each factor's largest entry; NaN where that costs too much.

    Rounded outwards by more than float64 can lose in the sum.
    """
    total, magnitude = 0.0, 0.0
    for block in graph.factors:
        if not isinstance(block.kind, Table):
            return float("nan")
        count = block.scopes.shape[0]
        potentials = block.kind.log_potentials
        largest = potentials.reshape(len(potentials), -1).max(axis=1)
        repeated = np.broadcast_to(largest, (count,)) if len(largest) == 1 else largest
        total += float(repeated.sum())
        magnitude += float(np.abs(repeated[np.isfinite(repeated)]).sum())
    return total + 1e-12 * magnitude
