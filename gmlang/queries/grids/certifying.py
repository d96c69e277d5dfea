"""What is proven where all laws are concave in each real: log Z, and probabilities of states.

Each real becomes a variable whose states are cells of a scale on which logs are concave, tails
among them. One graph has less in each state than there is, another has more. Z lies between theirs,
and so does the part of Z in which an event holds, the other part likewise: hence its probability.
Cells are halved where both graphs differ most.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.check.joint.routes import Key, real_keys
from gmlang.core.program import Query
from gmlang.diagnostics import GmError
from gmlang.graph.grids.given import GridLaw
from gmlang.graph.grids.scales import Axis, axes_of, is_concave
from gmlang.graph.grids.summing import DEEP, Summed
from gmlang.graph.world.world import RealArray
from gmlang.queries.answers import Answer
from gmlang.queries.grids.pieces import Pieces, ask_marginals, pieces_of
from gmlang.queries.questions.logz import LogZ
from gmlang.queries.questions.probability import Event, Marginal, written_bounds
from gmlang.queries.reading import Rows
from gmlang.queries.remembered.asking import ask_graph
from gmlang.queries.session import Session, prepare
from gmlang.queries.settings import Settings
from gmruntime.answer import LogPartition, LogPartitionAnswer, Status
from gmruntime.continuous.grids.concave import Around, around, log_integrals
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock

_GOAL = 1e-4
"""Nats between bounds on log Z that are near enough."""

_CELLS_MAX = 1 << 12
_STATES_MAX = 1 << 22
"""A real has so many cells, and a table of a real and all finite variables beside it entries."""

_FURTHEST = {Axis.ITSELF: 1e15, Axis.LOG: 600.0, Axis.LOGIT: 32.0}
"""Cells end there at first, and tails begin: beside 1 there are few floats."""

_SHARE = 0.6
"""Of what is left of a question's time, for its bounds."""

_MOST = 0.95
"""Of the gap, that of the cells that are halved."""

_DIGITS = 2.0**-42
"""Relative to what numbers are added up from, they are off by less: a thousand roundings."""

_SUMS = 1e-10
"""Relative to log Z, and in nats: sums over the states of a graph are off by less."""


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """The cells of a real attribute: a scale, and where they end on it."""

    axis: Axis
    edges: np.ndarray
    ends: tuple[bool, bool]


@dataclass(frozen=True, slots=True, eq=False)
class _Between:
    """What the graph with less and the one with more say: rows of variables, and log Z."""

    below: Rows
    above: Rows
    log_zs: tuple[float, float]

    def log_ends(self) -> tuple[float, float]:
        """Return bounds on log Z."""
        low, high = self.log_zs
        return low - _SUMS * (1 + abs(low)), high + _SUMS * (1 + abs(high))

    def chances(self, variables: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bound the probabilities of the states of some variables."""
        low, high = self.log_ends()
        least = self.below.of(variables) * np.exp(low - high)
        most = self.above.of(variables)
        # A part between a and A, and a rest between b and B: its share is at least a / (a + B).
        rest_most = np.maximum(1.0 - most, 0.0) + _SUMS
        rest_least = np.maximum(1.0 - self.below.of(variables), 0.0) * np.exp(low - high)
        with np.errstate(invalid="ignore", divide="ignore"):
            lower = least / (least + rest_most)
            upper = most / (most + np.maximum(rest_least - _SUMS, 0.0))
        lower, upper = np.nan_to_num(lower) - _SUMS, np.nan_to_num(upper, nan=1.0) + _SUMS
        return np.clip(lower, 0.0, 1.0), np.clip(upper, 0.0, 1.0)


def certified(session: Session, query: Query, settings: Settings, found: Answer) -> Answer:
    """Return an answer with bounds, where they can be proven in time; else as it is.

    Args:
        session: with panels that fit the question.
        query: the question.
        settings: with a budget that has begun.
        found: its answer by sums over nodes.
    """
    is_asked = isinstance(query, LogZ | Marginal | Event) and not query.method
    if not is_asked or found.status != Status.ESTIMATE.value or found.value is None:
        return found
    budget = settings.running()
    within = replace(settings, budget=budget.share(_SHARE), memory=None)
    try:
        prepared = prepare(session, query, budget)
        between = _between(pieces_of(prepared), within)
    except (TimeoutError, GmError):
        return found
    if between is None:
        return found
    low, high = between.log_ends()
    method = "chords and tangents over cells, elimination"
    proven = replace(found, status=Status.BOUNDED.value, error=None, error_kind="", method=method)
    if isinstance(query, LogZ):
        assert isinstance(found.value, float)
        return replace(
            proven, value=min(max(found.value, low), high), log_lower=low, log_upper=high
        )
    lower, upper = written_bounds(prepared, between.chances)
    return replace(proven, lower=lower, upper=upper)


def _between(pieces: Pieces, settings: Settings) -> _Between | None:
    """Narrow bounds down while there is time; None where nothing can be proven."""
    cells = _first_cells(pieces)
    if cells is None:
        return None
    best: _Between | None = None
    targets = [target.variables.reshape(-1) for target in pieces.prepared.targets]
    reals = list(pieces.variables.values())
    asked = np.unique(np.concatenate([*targets, *reals]))
    while True:
        found = _bounded(pieces, cells, asked, settings)
        if found is None:
            return best
        best = found
        low, high = found.log_ends()
        if high - low <= _GOAL or settings.running().is_spent():
            return best
        new = {key: _finer(pieces, key, own, found) for key, own in cells.items()}
        if all(np.array_equal(new[key].edges, cells[key].edges) for key in cells):
            return best
        cells = new


# --- Cells -------------------------------------------------------------------------------


def _first_cells(pieces: Pieces) -> dict[Key, _Cells] | None:
    """Choose scales, and cells as panels are; None where logs are not known to be concave."""
    if not pieces.is_whole:
        return None
    world = pieces.prepared.grounder.world
    edges = world.quadrature.edges or {}
    found: dict[Key, _Cells] = {}
    for key, array in pieces.arrays.items():
        laws = [law for law in pieces.laws if _is_about(law, key)]
        axes = (a for a in axes_of(array) if all(is_concave(law, a) for law in laws))
        axis = next(axes, None)
        if axis is None or key not in edges:
            return None
        ends = axis.ends(array)
        t = axis.from_real(edges[key])
        t = t[(-_FURTHEST[axis] < t) & (t < _FURTHEST[axis])]
        t = np.unique(np.append(t, [end for end in ends if np.isfinite(end)]))
        if len(t) < 2:
            return None
        # A panel is as wide as twelve nodes can tell, which is wider than two lines can.
        t = np.unique(np.concatenate([t, *(t[:-1] + np.diff(t) * k / 4 for k in (1, 2, 3))]))
        has_ends = bool(np.isfinite(ends[0])), bool(np.isfinite(ends[1]))
        found[key] = _told_apart(_Cells(axis, t, has_ends))
    return found


def _is_about(law: GridLaw, key: Key) -> bool:
    return key in real_keys([law.law, *(() if law.target is None else (law.target,))])


def _finer(pieces: Pieces, key: Key, cells: _Cells, found: _Between) -> _Cells:
    """Halve the cells in which the graphs differ most; a tail that matters begins further out."""
    low, high = found.log_ends()
    variables = pieces.variables[key]
    gaps = found.above.of(variables) - np.exp(low - high) * found.below.of(variables)
    gap = np.maximum(gaps, 0.0).sum(axis=0)
    order = np.argsort(-gap)
    count = int(np.searchsorted(np.cumsum(gap[order]), _MOST * gap.sum())) + 1
    room = _CELLS_MAX - len(gap)
    if room <= 0:
        return cells
    chosen = np.zeros(len(gap), np.bool_)
    chosen[order[: min(count, room)]] = True
    edges, (has_low, has_high) = cells.edges, cells.ends
    inner = chosen[(0 if has_low else 1) : (len(chosen) if has_high else -1)]
    parts = [edges, (edges[:-1] + np.diff(edges) / 2)[inner]]
    reach = (edges[-1] - edges[0]) / 2
    if not has_low and chosen[0]:
        parts.append(edges[0] - reach * np.arange(1, 9) / 8)
    if not has_high and chosen[-1]:
        parts.append(edges[-1] + reach * np.arange(1, 9) / 8)
    return _told_apart(replace(cells, edges=np.unique(np.concatenate(parts))))


def _looked(cells: _Cells) -> tuple[Around, np.ndarray]:
    """Return where what is said is worked out, below, at and above ends of cells: and the reals.

    Where floats are on the scale is known better than which float is nearest to a place there.
    """
    points = cells.axis.to_real(around(cells.edges, cells.ends).points)
    return Around(cells.axis.from_real(points), cells.ends), points


def _told_apart(cells: _Cells) -> _Cells:
    """Leave out ends of cells beside which there are too few floats."""
    for _ in range(_TRIES):
        is_apart = _looked(cells)[0].are_apart()
        is_apart[0] |= cells.ends[0]
        is_apart[-1] |= cells.ends[1]
        if is_apart.all() or is_apart.sum() < _FEWEST:
            break
        cells = replace(cells, edges=cells.edges[is_apart])
    return cells


_TRIES, _FEWEST = 8, 3


# --- Both graphs -------------------------------------------------------------------------


def _bounded(
    pieces: Pieces, cells: Mapping[Key, _Cells], asked: np.ndarray, settings: Settings
) -> _Between | None:
    """Ask both graphs; None where something is not proven, or not answered exactly."""
    looks = {key: _looked(own) for key, own in cells.items()}
    where = {key: one for key, (one, _) in looks.items()}
    points = {key: one for key, (_, one) in looks.items()}
    if not all(own.are_apart().all() for own in where.values()):
        return None
    flat = {key: own.reshape(-1) for key, own in points.items()}
    try:
        said = pieces.said_at(flat, settings.running())
    except TimeoutError:
        return None
    sizes = {key: own.num_cells() for key, own in where.items()}
    tables: tuple[list[FactorBlock], list[FactorBlock]] = [], []
    for key, own in cells.items():
        about = [one for law, every in said if _is_about(law, key) for one in every]
        for place in pieces.variables[key].tolist():
            known = where[key], points[key], pieces.arrays[key]
            made = _tables(pieces, own.axis, known, about, place)
            if made is None:
                return None
            for k in range(2):
                tables[k].append(made[k])
    rows: list[Rows] = []
    log_zs: list[float] = []
    for made in tables:
        graph = pieces.graph(sizes, made)
        answer, own = ask_marginals(graph, asked, pieces.evidence, settings)
        log_z = ask_graph(graph, LogPartition(), pieces.evidence, settings, None)
        assert isinstance(log_z, LogPartitionAnswer)
        if {answer.quality.status, log_z.quality.status} != {Status.EXACT}:
            return None
        rows.append(own)
        log_zs.append(log_z.log_value)
    return _Between(rows[0], rows[1], (log_zs[0], log_zs[1]))


def _tables(
    pieces: Pieces,
    axis: Axis,
    known: tuple[Around, np.ndarray, RealArray],
    about: list[Summed],
    place: int,
) -> tuple[FactorBlock, FactorBlock] | None:
    """Bound the integrals over cells of all that is said of a real, in each state beside it."""
    where, points, array = known
    t, x = where.points.reshape(-1), points.reshape(-1)
    base = axis.log_stretch(t)
    size = 4 * (1 + np.abs(t))
    if array.log_base is not None:
        density = array.log_base(x)
        base = base + density
        size = size + 4 * np.abs(np.where(np.isfinite(density), density, 0.0))
    own = [
        (one.scopes[row], one.logs[row], one.roundings[row])
        for one in about
        for row in np.flatnonzero((one.scopes == place).any(axis=1))
    ]
    scopes = [[int(v) for v in scope if v != place] for scope, *_ in own]
    count: dict[int, int] = {}
    for (_, logs, _), scope in zip(own, scopes, strict=True):
        count |= dict(zip(scope, logs.shape, strict=False))
    beside = sorted(v for v in count if pieces.evidence[v] < 0)
    shape = [count[v] for v in beside]
    if float(np.prod([float(n) for n in shape])) * len(t) > _STATES_MAX:
        return None
    logs = np.broadcast_to(base, (*shape, len(t))).copy()
    roundings = np.broadcast_to(size, (*shape, len(t))).copy()
    for (_, one, rounding), scope in zip(own, scopes, strict=True):
        if len(scope) + 1 != one.ndim:
            return None
        logs += _beside(one, scope, beside, pieces.evidence)
        roundings += _beside(rounding, scope, beside, pieces.evidence)
    values = np.moveaxis(logs.reshape(*shape, 3, -1), -2, 0)
    slack = _DIGITS * roundings.reshape(*shape, 3, -1).max(axis=-2)
    lower, upper = log_integrals(where, values, slack)
    if np.isposinf(upper).any() or np.isnan(upper).any() or np.isnan(lower).any():
        return None
    lower = np.where(lower < lower.max() - DEEP, -np.inf, lower)
    upper = np.maximum(upper, upper.max() - DEEP)
    scope = np.array([[*beside, place]], np.int32)
    low, high = (FactorBlock(Table(made[None]), scope, "law") for made in (lower, upper))
    return low, high


def _beside(
    table: np.ndarray, scope: list[int], beside: list[int], evidence: np.ndarray
) -> np.ndarray:
    """Return a table with an axis for each variable beside a real; those observed are taken."""
    index = tuple(int(evidence[v]) if evidence[v] >= 0 else slice(None) for v in scope)
    found = table[index]
    kept = [v for v in scope if evidence[v] < 0]
    order = np.argsort([beside.index(v) for v in kept])
    found = np.transpose(found, (*order, found.ndim - 1))
    places = {beside.index(v): found.shape[k] for k, v in enumerate(kept[i] for i in order)}
    return found.reshape(*(places.get(k, 1) for k in range(len(beside))), found.shape[-1])
