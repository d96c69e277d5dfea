"""The passes of `tree`, run as compiled programs; same messages, same answers."""

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import Budget
from gmruntime.budget import within as within_budget
from gmruntime.elimination.layouts.groups import listed
from gmruntime.elimination.layouts.order import Order
from gmruntime.elimination.passes.cores import Arena, Run, run
from gmruntime.elimination.passes.program import Cliques, contract, write_downward, write_upward
from gmruntime.elimination.passes.reference import Upward
from gmruntime.simplify.network import Network


def pass_upward_compiled(
    network: Network,
    order: Order,
    is_max: np.ndarray,
    budget: Budget,
    *,
    in_logs: bool,
    alternates: bool = False,
    arena: Arena | None = None,
) -> Upward | None:
    """Eliminate the variables in order; None when a message vanished or time ran out.

    Args:
        network: of the factors.
        order: its cliques sorted by when each variable is eliminated.
        is_max: for each step, whether its variable is maximised; sums come first, unless they
            alternate.
        budget: asked now and then.
        in_logs: whether the messages are wanted afterwards, as logs.
        alternates: whether sums and maxima come in any order.
        arena: memory to use; the messages lie in it.
    """
    try:
        cliques = write_upward(network, order, budget)
    except TimeoutError:
        return None
    reuse = not in_logs
    done = run(cliques.sheet, is_max, budget, alternates=alternates, reuse=reuse, arena=arena)
    if not done.finished:
        return None
    if not in_logs:
        return Upward([], done.log_constant)
    logs = done.values
    if alternates or not is_max.any():
        with np.errstate(divide="ignore"):
            np.log(logs, out=logs)
    axes = cliques.sheet.axes
    messages = [
        done.table(table).reshape([axes.size(axis) for axis in separator])
        for table, separator in zip(cliques.upward, cliques.separators, strict=True)
    ]
    if order.layout is None:
        return Upward(messages, done.log_constant)
    groups = [[axes.of(axis) for axis in separator] for separator in cliques.separators]
    parted = zip(messages, groups, strict=True)
    try:
        rows = [listed(table, parts) for table, parts in within_budget(parted, budget)]
    except TimeoutError:
        return None
    return Upward([], done.log_constant, rows)


def marginals_compiled(
    network: Network,
    order: Order,
    wanted: set[int],
    budget: Budget,
    arena: Arena | None = None,
) -> tuple[dict[int, Float64[np.ndarray, " states"]], float] | None:
    """Return P(x_v) of the wanted free variables, and log Z; None as in `pass_upward_compiled`.

    A separator's two messages multiply to the belief of everything in it, so each variable is
    read from the smallest separator or clique that holds it.
    """
    try:
        cliques = write_upward(network, order, budget)
        sources = _smallest_holders(cliques, wanted)
        needed: set[int] = set()
        for clique, _ in sources.values():
            _add_ancestors(cliques, clique, needed)
        downward = write_downward(cliques, needed)
    except TimeoutError:
        return None
    results: dict[int, int] = {}
    for v, (clique, from_separator) in sources.items():
        within = cliques.separators[clique] if from_separator else cliques.axes[clique]
        if from_separator:
            operands = [cliques.upward[clique]]
        else:
            inward = [cliques.upward[c] for c in cliques.children[clique]]
            operands = [*cliques.own[clique], *inward]
        if clique in downward:
            operands.append(downward[clique])
        results[v] = contract(cliques.sheet, operands, (v,), within)
    count = len(cliques.scopes)
    done = run(cliques.sheet, np.zeros(count, np.bool_), budget, reuse=True, arena=arena)
    if not done.finished:
        return None
    rows = {v: _probabilities(done, table) for v, table in results.items()}
    return rows, done.log_constant


def joint_compiled(
    network: Network,
    order: Order,
    scope: tuple[int, ...],
    budget: Budget,
    arena: Arena | None = None,
) -> np.ndarray | None:
    """Return P(scope), axes as listed; some clique must hold all of it."""
    try:
        cliques = write_upward(network, order, budget)
    except TimeoutError:
        return None
    holders = [k for k, members in enumerate(cliques.scopes) if set(scope) <= set(members)]
    if not holders:
        return None
    clique = min(holders, key=lambda k: cliques.sheet.entries(cliques.axes[k]))
    needed: set[int] = set()
    _add_ancestors(cliques, clique, needed)
    try:
        downward = write_downward(cliques, needed)
    except TimeoutError:
        return None
    operands = [*cliques.own[clique], *(cliques.upward[c] for c in cliques.children[clique])]
    if clique in downward:
        operands.append(downward[clique])
    kept = tuple(sorted(scope, key=cliques.sheet.place.__getitem__))
    table = contract(cliques.sheet, operands, kept, cliques.axes[clique])
    count = len(cliques.scopes)
    done = run(cliques.sheet, np.zeros(count, np.bool_), budget, reuse=True, arena=arena)
    if not done.finished:
        return None
    flat = _probabilities(done, table)
    found = flat.reshape([int(network.num_states[v]) for v in kept])
    return found.transpose([kept.index(v) for v in scope])


def _probabilities(done: Run, table: int) -> np.ndarray:
    row = done.table(table)
    return row / row.sum()


def _smallest_holders(cliques: Cliques, wanted: set[int]) -> dict[int, tuple[int, bool]]:
    """For each wanted variable the clique to read it from, and whether from its separator."""
    best: dict[int, tuple[int, int, bool]] = {}
    for k, scope in enumerate(cliques.scopes):
        own = scope[0]
        size = cliques.sheet.entries(cliques.axes[k])
        if own in wanted and (own not in best or size < best[own][0]):
            best[own] = size, k, False
        narrow = cliques.sheet.entries(cliques.separators[k])
        for v in scope[1:]:
            if v in wanted and (v not in best or narrow < best[v][0]):
                best[v] = narrow, k, True
    return {v: (clique, from_separator) for v, (_, clique, from_separator) in best.items()}


def _add_ancestors(cliques: Cliques, clique: int, needed: set[int]) -> None:
    while clique >= 0 and clique not in needed:
        needed.add(clique)
        clique = cliques.parents[clique]
