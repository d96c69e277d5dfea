"""How many assignments have a score above zero, as an exact integer of any size."""

import math
from dataclasses import dataclass, replace

import numpy as np

from gmruntime.answer import LogPartitionAnswer, SolutionsAnswer, Status
from gmruntime.elimination.passes.reference import Tree, align
from gmruntime.simplify.network import Network

_WITHOUT_LAST_DIGITS = "its last digits were not counted"

LOG_TOLERANCE = 1e-9
"""Relative: the log of a sum of floats of one sign, rounded at every step, is closer than this."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A number of solutions.

    Attributes:
        log_count: its log; -inf when there are none.
        count: the number itself; None where there was time for its log only.
    """

    log_count: float
    count: int | None


def counted_by_sum(found: LogPartitionAnswer) -> SolutionsAnswer:
    """Say what log Z of a graph of zeros and ones tells of the number of its ones.

    Its last digits are not known even where it is exact: then it lies between two numbers.
    """
    quality, log_count = found.quality, found.log_value
    match quality.status:
        case Status.IMPOSSIBLE:
            return SolutionsAnswer(quality, -np.inf, 0)
        case Status.EXACT:
            margin = LOG_TOLERANCE * max(1.0, log_count)
            close = replace(quality, status=Status.BOUNDED, note=_WITHOUT_LAST_DIGITS)
            return SolutionsAnswer(close, log_count, None, log_count - margin, log_count + margin)
        case Status.BOUNDED | Status.ESTIMATE:
            # There may be none, but a number that is not 0 is at least 1.
            lower = found.log_lower if found.log_lower == -np.inf else max(found.log_lower, 0.0)
            value = max(log_count, 0.0)
            return SolutionsAnswer(quality, value, None, lower, max(found.log_upper, value))


def count_solutions(network: Network, tree: Tree) -> Counted:
    """Count by eliminating with Python's integers, which do not overflow."""
    if network.log_constant == -np.inf:
        return Counted(-np.inf, 0)
    messages: list[np.ndarray] = []
    total = 1
    for clique, scope in enumerate(tree.scopes):
        shape = tuple(int(tree.num_states[v]) for v in scope)
        allowed = np.ones(shape, np.bool_)
        for part in tree.potentials[clique]:
            allowed &= part > -np.inf
        counts: np.ndarray = allowed.astype(object)
        for child in tree.children[clique]:
            counts = counts * align(messages[child], tree.scopes[child][1:], scope)
        message = np.asarray(counts.sum(axis=0), object)
        if tree.parents[clique] < 0:
            total *= int(message)
        messages.append(message)
    return Counted(math.log(total) if total else -np.inf, total)
