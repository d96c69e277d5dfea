"""How many assignments have a score above zero, as an exact integer of any size."""

import numpy as np

from gmruntime.elimination.passes.reference import Tree, align
from gmruntime.simplify.network import Network


def count_solutions(network: Network, tree: Tree) -> int:
    """Count by eliminating with Python's integers, which do not overflow."""
    if network.log_constant == -np.inf:
        return 0
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
    return total
