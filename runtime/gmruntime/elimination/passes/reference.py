"""The tree of cliques of an elimination order, and the passes of messages along it.

Everything is in the log domain; messages are rescaled by their largest entry, and no pass divides,
so that forbidden states need no care.

Source: Shafer and Shenoy (1990); Dawid (1992) for maxima; both on a bucket tree (Dechter 1999).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from gmruntime.elimination.layouts.groups import Listed
from gmruntime.elimination.layouts.order import Order
from gmruntime.simplify.network import Network


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """One clique for each variable eliminated: that variable, then those its elimination joins.

    Attributes:
        scopes: of each clique, its own variable first.
        potentials: log potentials of each clique's own factors, aligned and broadcastable.
        parents: the clique that each sends its message to, -1 for a root.
        children: the cliques that send to each.
        constants: log factor that each own potential was divided by.
    """

    scopes: tuple[tuple[int, ...], ...]
    potentials: list[list[np.ndarray]]
    parents: tuple[int, ...]
    children: tuple[tuple[int, ...], ...]
    num_states: np.ndarray


def build_tree(network: Network, order: Order) -> Tree:
    """Assign every factor to the clique of its first eliminated variable."""
    place = {v: k for k, v in enumerate(order.variables)}
    scopes = tuple((v, *c) for v, c in zip(order.variables, order.cliques, strict=True))
    potentials: list[list[np.ndarray]] = [[] for _ in scopes]
    for factor in network.factors:
        clique = min(place[v] for v in factor.scope)
        potentials[clique].append(align(factor.table, factor.scope, scopes[clique]))
    parents = tuple(min((place[v] for v in scope[1:]), default=-1) for scope in scopes)
    children: list[list[int]] = [[] for _ in scopes]
    for k, parent in enumerate(parents):
        if parent >= 0:
            children[parent].append(k)
    return Tree(scopes, potentials, parents, tuple(map(tuple, children)), network.num_states)


def align(table: np.ndarray, scope: tuple[int, ...], target: tuple[int, ...]) -> np.ndarray:
    """Reshape a table so that it broadcasts over the axes of `target`."""
    places = [target.index(v) for v in scope]
    moved = table.transpose(np.argsort(places))
    shape = [1] * len(target)
    for v, size in zip(scope, table.shape, strict=True):
        shape[target.index(v)] = size
    return moved.reshape(shape)


def clique_sum(tree: Tree, clique: int, parts: list[np.ndarray]) -> np.ndarray:
    """Add up log tables over a clique's full shape."""
    shape = tuple(int(tree.num_states[v]) for v in tree.scopes[clique])
    total = np.zeros(shape)
    for part in parts:
        total += part
    return total


def log_sum(table: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Sum over axes in the log domain; all -inf gives -inf."""
    if not axes:
        return table
    largest = table.max(axis=axes, keepdims=True)
    safe = np.where(np.isfinite(largest), largest, 0.0)
    with np.errstate(divide="ignore"):
        total = np.log(np.exp(table - safe).sum(axis=axes))
    return total + safe.reshape(total.shape)


def _log_max(table: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Maximise over axes."""
    return table.max(axis=axes) if axes else table


@dataclass(frozen=True, slots=True, eq=False)
class Upward:
    """The messages towards the roots.

    Attributes:
        messages: of each clique, over its scope without its own variable.
        log_constant: what rescaling took out, plus the roots' values.
        listed: the messages where they are held without their known zeros; else empty.
    """

    messages: list[np.ndarray]
    log_constant: float
    listed: list[Listed] = field(default_factory=list[Listed])


def pass_upward(tree: Tree, is_max: np.ndarray) -> Upward:
    """Eliminate the variables in order.

    Args:
        tree: of cliques.
        is_max: for each clique whether its variable is maximised rather than summed out.
    """
    messages: list[np.ndarray] = []
    log_constant = 0.0
    for clique in range(len(tree.scopes)):
        parts = [*tree.potentials[clique], *incoming(tree, clique, messages)]
        table = clique_sum(tree, clique, parts)
        reduce = _log_max if is_max[clique] else log_sum
        message = reduce(table, (0,))
        largest = float(message.max())
        if not np.isfinite(largest):
            return Upward(messages, float("-inf"))
        log_constant += largest
        messages.append(message - largest)
    return Upward(messages, log_constant)


def incoming(tree: Tree, clique: int, messages: list[np.ndarray]) -> list[np.ndarray]:
    """Return the messages of a clique's children, aligned with it."""
    scope = tree.scopes[clique]
    return [align(messages[c], tree.scopes[c][1:], scope) for c in tree.children[clique]]


def pass_downward(
    tree: Tree, upward: Upward, wanted: frozenset[int], read: Callable[[int, np.ndarray], None]
) -> None:
    """Hand the unnormalised log belief of each clique in `wanted` to `read`.

    A message down to a child multiplies everything the clique knows but that child's own message;
    products from the left and from the right make that cheap without dividing.
    """
    needed = _ancestors(tree, wanted)
    down: dict[int, np.ndarray] = {}
    for clique in range(len(tree.scopes) - 1, -1, -1):
        if clique not in needed:
            continue
        own = list(tree.potentials[clique])
        if clique in down:
            own.append(down.pop(clique)[None])
        inward = incoming(tree, clique, upward.messages)
        base = clique_sum(tree, clique, own)
        if clique in wanted:
            read(clique, clique_sum(tree, clique, [base, *inward]))
        chosen = [k for k, c in enumerate(tree.children[clique]) if c in needed]
        for k, table in _all_but(base, inward, chosen):
            child = tree.children[clique][k]
            down[child] = _to_child(tree, clique, child, table)


def _ancestors(tree: Tree, wanted: frozenset[int]) -> set[int]:
    needed: set[int] = set()
    for clique in wanted:
        while clique >= 0 and clique not in needed:
            needed.add(clique)
            clique = tree.parents[clique]
    return needed


def _all_but(
    base: np.ndarray, inward: list[np.ndarray], chosen: list[int]
) -> list[tuple[int, np.ndarray]]:
    if not chosen:
        return []
    suffix: list[np.ndarray] = [np.zeros((1,) * base.ndim)]
    for part in reversed(inward[1:]):
        suffix.append(suffix[-1] + part)
    suffix.reverse()
    prefix = base
    found: list[tuple[int, np.ndarray]] = []
    for k, part in enumerate(inward):
        if k in chosen:
            found.append((k, prefix + suffix[k]))
        prefix = prefix + part
    return found


def _to_child(tree: Tree, clique: int, child: int, table: np.ndarray) -> np.ndarray:
    separator = tree.scopes[child][1:]
    scope = tree.scopes[clique]
    axes = tuple(k for k, v in enumerate(scope) if v not in separator)
    message = log_sum(table, axes)
    kept = [v for v in scope if v in separator]
    message = message.transpose([kept.index(v) for v in separator])
    largest = float(message.max())
    return message - largest if np.isfinite(largest) else message


def traceback(tree: Tree, upward: Upward, is_max: np.ndarray, assignment: np.ndarray) -> np.ndarray:
    """Fill in the best states of the maximised variables, last eliminated first.

    Args:
        tree: of cliques.
        upward: messages of a pass with the same `is_max`.
        is_max: which cliques were maximised; they must come after all others.
        assignment: observed states filled in; completed in place.
    """
    for clique in range(len(tree.scopes) - 1, -1, -1):
        if not is_max[clique]:
            break
        row = _conditional(tree, upward, clique, assignment)
        assignment[tree.scopes[clique][0]] = int(row.argmax())
    return assignment


def _conditional(tree: Tree, upward: Upward, clique: int, assignment: np.ndarray) -> np.ndarray:
    """Return the log weights of a clique's own variable, the others being assigned."""
    scope = tree.scopes[clique]
    own = int(tree.num_states[scope[0]])
    row = np.zeros(own)
    parts = list(tree.potentials[clique])
    if upward.listed:
        trial = assignment.copy()
        for s in range(own):
            trial[scope[0]] = s
            row[s] = sum(upward.listed[child].at(trial) for child in tree.children[clique])
    else:
        parts.extend(incoming(tree, clique, upward.messages))
    for part in parts:
        index = tuple(
            int(assignment[v]) if part.shape[k] > 1 else 0 for k, v in enumerate(scope) if k > 0
        )
        row = row + part[(slice(None), *index)]
    return row


def sample(
    tree: Tree, upward: Upward, assignments: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw the free variables from the posterior, last eliminated first.

    Args:
        tree: of cliques.
        upward: messages of a pass that sums everywhere.
        assignments: one row for each draw, observed states filled in; completed in place.
        rng: of the draws.
    """
    count = len(assignments)
    for clique in range(len(tree.scopes) - 1, -1, -1):
        scope = tree.scopes[clique]
        states = int(tree.num_states[scope[0]])
        weights = np.zeros((count, states))
        inward = [] if upward.listed else incoming(tree, clique, upward.messages)
        for child in tree.children[clique] if upward.listed else ():
            for s in range(states):
                assignments[:, scope[0]] = s
                weights[:, s] += upward.listed[child].at_rows(assignments)
        for part in [*tree.potentials[clique], *inward]:
            index = [
                assignments[:, v] if part.shape[k] > 1 else np.zeros(count, np.int64)
                for k, v in enumerate(scope)
                if k > 0
            ]
            moved = np.moveaxis(part, 0, -1)
            weights = weights + moved[tuple(index)]
        weights = np.exp(weights - weights.max(axis=1, keepdims=True))
        cumulated = np.cumsum(weights, axis=1)
        draw = rng.random(count)[:, None] * cumulated[:, -1:]
        assignments[:, scope[0]] = np.minimum((draw >= cumulated).sum(axis=1), states - 1)
    return assignments
