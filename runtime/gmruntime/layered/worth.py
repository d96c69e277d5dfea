"""Whether layers are worth trying: what loading them would cost is spared where they are not."""

from gmruntime.answer import Best, Map
from gmruntime.factors.kinds import LinearSum, NoisyOr
from gmruntime.graph import FactorGraph
from gmruntime.task import Task


def is_layered(task: Task[Map | Best], *, is_quick: bool) -> bool:
    """Say whether layers are worth trying: for wide sums, or for several answers at once."""
    count = task.query.count if isinstance(task.query, Best) else 1
    return has_wide_sums(task.graph) or (is_quick and count > 1)


def has_wide_sums(graph: FactorGraph) -> bool:
    """Say whether some factor is a sum that tables do not serve well."""
    for block in graph.factors:
        count, arity = block.scopes.shape
        match block.kind:
            case LinearSum() if count and arity > 3:
                return True
            case NoisyOr() if count and arity > 10:
                return True
            case _:
                pass
    return False
