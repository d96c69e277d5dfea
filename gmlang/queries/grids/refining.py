"""Panels of reals in laws: cut where the density is not known well, wider where mass is at an end.

Panels are spread evenly at first. In each the density is the polynomial through its nodes; what its
last two Legendre coefficients add up to is what the panel may be off by (Trefethen, Approximation
Theory and Approximation Practice, chapter 8). No panel is left out for having no mass.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import AttributeRef, Distribution
from gmlang.core.check.joint.routes import Key, grid_keys, key_of
from gmlang.core.program import Query
from gmlang.diagnostics import GmError
from gmlang.errors import probabilities as errors
from gmlang.graph.grids.edges import first_edges, is_beyond, split, wider, with_breaks
from gmlang.graph.grids.summing import floored
from gmlang.graph.reals.nodes import Nodes, nodes_of, panel_order, series_through
from gmlang.graph.world.world import Quadrature, RealArray
from gmlang.queries.grids.pieces import Pieces, ask_marginals, pieces_of, tables_of
from gmlang.queries.remembered.memory import Memory
from gmlang.queries.session import Session, prepare
from gmlang.queries.settings import Settings
from gmruntime.answer import Status
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock
from gmruntime.workspace import Workspace

_ROUNDS_MAX = 24

_OFF_MAX = 1e-11
"""Of a distribution, a panel may be off by so much."""

_LOOKS_LEFT = 4
"""After another look so many more are needed for the answer, in time."""

_ROUGH = 1e-8
"""Where all panels may be off by more, two rules may differ by less than they are off."""

_SHARE = 0.35
"""Of a question's time, for panels; the rest is for the answer."""

_PARTS = 4
"""Panels that are too wide are cut into so many."""

_NODES_MIN, _NODES_MAX = {1: 288, 2: 144, 3: 60}, {1: 1536, 2: 768, 3: 120}
"""Nodes of a real, by how many reals a law has together: tables stay below some million entries."""

_WORKED_OUT = 1e8
"""So many logs are worked out for a law, in all its instances."""


@dataclass(frozen=True, slots=True, eq=False)
class _Round:
    """What one look says of a real.

    Attributes:
        off: by how much each panel may be off.
        below, above: whether mass is left beyond the first panel, and beyond the last.
        moments: how many moments it has, as far as can be seen: 0, 1 or 2.
        is_anywhere: whether mass is as far out as numbers go.
    """

    off: np.ndarray
    below: bool
    above: bool
    moments: int
    is_anywhere: bool


def is_first_look(session: Session) -> bool:
    """Say whether a program has reals in panels of which nobody knows where these are best."""
    return session.world.quadrature.edges is None and bool(grid_keys(session.program))


def refined(session: Session, query: Query, settings: Settings) -> Session:
    """Return the session that looks at reals in panels that are narrow enough for a question.

    Raises:
        GmError: when the question does not fit the program.
        TimeoutError: when its time was over before anything was known.
    """
    key = tuple(given.span.text for given in query.given)
    known = session.refined.get(key)
    if known is None:
        quadrature = _quadrature_for(session, query, settings)
        # What was looked at to find them is not what is asked for.
        session.world.quadrature.is_used = False
        world = replace(session.world, quadrature=quadrature)
        known = Session(session.program, world, None, Workspace(), memory=Memory())
        if not quadrature.is_rough:
            session.refined[key] = known
    known.seen = session.seen
    return known


def _quadrature_for(session: Session, query: Query, settings: Settings) -> Quadrature:
    """Find where panels end, whether they are narrow enough, and which moments reals have."""
    budget = settings.running()
    prepared = prepare(session, query, budget)
    pieces, world = pieces_of(prepared), prepared.grounder.world
    edges = {
        key: with_breaks(first_edges(array, world.grids[key]), _kinks(pieces, key), array)
        for key, array in pieces.arrays.items()
    }
    moments: dict[Key, int] = {}
    is_rough = True
    if prepared.evidence()[1] or not edges:
        return Quadrature(edges=edges)
    most = {key: _most_nodes(pieces, key) for key in edges}
    within = replace(settings, budget=budget.share(_SHARE), memory=None)
    for number in range(_ROUNDS_MAX):
        if within.running().is_spent():
            break
        start_s = budget.spent_s()
        looked = _look(pieces, edges, within)
        if looked is None:
            break
        took_s = budget.spent_s() - start_s
        moments = {key: one.moments for key, one in looked.items()}
        _check_held(query, pieces, looked)
        is_rough = any(one.off.sum() > _ROUGH for one in looked.values())
        new = {
            key: _next_edges(edges[key], looked[key], array, most[key])
            for key, array in pieces.arrays.items()
        }
        if all(len(new[key]) == len(edges[key]) for key in edges):
            break
        more = max((len(new[k]) / len(edges[k])) ** world.grids[k] for k in edges)
        # The first look loads what the others only run.
        if number and took_s * more * _LOOKS_LEFT > budget.left_s():
            break
        edges = new
    return Quadrature(edges=edges, moments=moments, is_rough=is_rough)


def _check_held(query: Query, pieces: Pieces, looked: Mapping[Key, "_Round"]) -> None:
    """Refuse a real, of which nothing is said itself, that is anywhere however far one looks."""
    for key, one in looked.items():
        if one.is_anywhere and pieces.arrays[key].prior is None:
            raise GmError([errors.nowhere(query.span, key[1])])


def _kinks(pieces: Pieces, key: Key) -> np.ndarray:
    """Return where densities have a kink that are known to: at data, where a law is of Laplace."""
    found = [np.zeros(0)]
    for law in pieces.laws:
        match law.law:
            case Distribution(family="Laplace", arguments=(AttributeRef() as centre, _)) if (
                law.values is not None and key_of(centre) == key
            ):
                found.append(np.unique(law.values))
            case _:
                pass
    kinks = np.unique(np.concatenate(found))
    return kinks if len(kinks) <= _KINKS_MAX else kinks[:0]


_KINKS_MAX = 32


def _most_nodes(pieces: Pieces, key: Key) -> int:
    """Return in how many nodes a real may be looked at: tables, and what makes them, stay small."""
    together = pieces.prepared.grounder.world.grids[key]
    count = max([1, *(law.frame.count for law in pieces.laws)])
    room = int((_WORKED_OUT / count) ** (1 / together))
    return max(_NODES_MIN[together], min(_NODES_MAX[together], room))


def _next_edges(edges: np.ndarray, looked: _Round, array: RealArray, most: int) -> np.ndarray:
    order = panel_order(is_coarse=False)
    if len(edges) * order >= most:
        return edges
    room = max(1, (most // order - len(edges)) // (_PARTS - 1))
    which = looked.off > _OFF_MAX
    which[np.argsort(-looked.off)[room:]] = False
    found = split(edges, which, _PARTS, array)
    if looked.below or looked.above:
        found = wider(found, array, below=looked.below, above=looked.above)
    return found


def _look(
    pieces: Pieces, edges: Mapping[Key, np.ndarray], settings: Settings
) -> dict[Key, _Round] | None:
    """Find the density of each real; None where it is not known what it is."""
    nodes = {key: nodes_of(own, is_coarse=False) for key, own in edges.items()}
    points = {key: own.points for key, own in nodes.items()}
    tables: list[FactorBlock] = []
    for key, array in pieces.arrays.items():
        logs = np.log(nodes[key].weights)
        if array.log_base is not None:
            logs = logs + array.log_base(points[key])
        scopes = pieces.variables[key][:, None].astype(np.int32)
        tables.append(FactorBlock(Table(floored(logs[None, :])), scopes, "base"))
    try:
        said = pieces.said_at(points, settings.running())
    except (GmError, TimeoutError):
        return None
    tables += [tables_of(one) for _, own in said for one in own]
    graph = pieces.graph({key: len(own) for key, own in points.items()}, tables)
    asked = np.concatenate(list(pieces.variables.values()))
    answer, rows = ask_marginals(graph, asked, pieces.evidence, settings)
    if answer.quality.status is Status.IMPOSSIBLE:
        return None
    return {
        key: _judged(rows.of(pieces.variables[key]), nodes[key], pieces.arrays[key], own)
        for key, own in edges.items()
    }


def _judged(masses: np.ndarray, nodes: Nodes, array: RealArray, edges: np.ndarray) -> _Round:
    """Judge panels by the probabilities of all places of a real, (places, nodes)."""
    order = panel_order(is_coarse=False)
    weights, points = nodes.weights.reshape(-1, order), nodes.points
    density = masses.reshape(len(masses), -1, order) / weights
    series = density @ series_through(order).T
    off = np.abs(series[..., -2:]).sum(axis=-1) * weights.sum(axis=1)
    has_end = edges[0] <= array.low, edges[-1] >= array.high
    ends = [_of_ends(masses), *(_of_ends(masses * s) for s in _powers(points))]
    far = [(~np.array(has_end) & (one > _FAR)).any() for one in ends]
    moments = 0 if far[1] else 1 if far[2] else 2
    below, above = ((~np.array(has_end)) & (ends[moments] > _OFF_MAX)).tolist()
    is_held = ends[0] < _FAR
    reach = is_beyond(edges, array)
    is_anywhere = any(one and not held for one, held in zip(reach, is_held.tolist(), strict=True))
    return _Round(off.max(axis=0), below, above, moments, is_anywhere)


_FAR = 1e-6
"""Where so much of a moment is at the last node, it may have no value."""


def _powers(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    size = np.abs(points) / np.abs(points).max()
    return size, size**2


def _of_ends(masses: np.ndarray) -> np.ndarray:
    """Return what share the first node has and the last, of whichever place it is the most."""
    shares = masses[:, [0, -1]] / masses.sum(axis=1, keepdims=True)
    return np.nan_to_num(shares).max(axis=0)
