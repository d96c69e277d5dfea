"""What the places of a graph look up in rows of data, and the graph without it."""

from dataclasses import dataclass, replace

import numpy as np

from gmruntime.arrays import Bool, Float64, Int32, Int64
from gmruntime.factors.kinds import Lookup
from gmruntime.graph import FactorBlock, FactorGraph, no_evidence
from gmruntime.windows.split import Split, split

_CONFIGURATIONS_MAX = 16
"""Contexts with more joint states are left to others: each is a pass."""


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What places look up.

    Attributes:
        row: the variable that says which row of data it is.
        found: the graph without lookups, in components of places.
        others: lookups that mention no place.
        seen: what each row of data shows at all sites.
        site: of each place that looks something up, where it does for each of its states.
        if_true: what each state then is worth where that is seen.
        if_false: what it is worth elsewhere.
        gate: the variable of the context, by number, that must be true; -1 where there is none.
    """

    row: int
    found: Split
    others: tuple[FactorBlock, ...]
    seen: Bool[np.ndarray, "rows sites"]
    site: dict[int, Int64[np.ndarray, " _states"]]
    if_true: dict[int, Float64[np.ndarray, " _states"]]
    if_false: dict[int, Float64[np.ndarray, " _states"]]
    gate: dict[int, int]


def looked_up(graph: FactorGraph, rows: Int32[np.ndarray, "rows variables"]) -> Looked | None:
    """Find what places look up; None where one looks up two things, or there is no forest for it.

    Args:
        graph: validated.
        rows: of evidence, each of which says which row of data it is.
    """
    lookups = [block for block in graph.factors if isinstance(block.kind, Lookup)]
    owners = np.unique(np.concatenate([np.zeros(0, np.int32), *(b.scopes[:, 0] for b in lookups)]))
    if len(owners) != 1 or (rows[:, owners] < 0).any():
        return None
    static = tuple(block for block in graph.factors if not isinstance(block.kind, Lookup))
    found = split(FactorGraph(graph.variables, static), no_evidence(graph))
    if found is None or (rows[:, found.places] >= 0).any():
        return None
    if max(found.num_configurations()) > _CONFIGURATIONS_MAX:
        return None
    number = np.full(graph.num_variables, -1, np.int64)
    number[found.places] = np.arange(len(found.places))
    result = Looked(int(owners[0]), found, (), np.zeros((0, 0), np.bool_), {}, {}, {}, {})
    others: list[FactorBlock] = []
    tables: dict[int, tuple[np.ndarray, int]] = {}
    num_sites = 0
    for block in lookups:
        kind = block.kind
        assert isinstance(kind, Lookup)
        is_about = np.asarray((number[block.scopes] >= 0).any(axis=1))
        if not is_about.all():
            others.append(block.some(~is_about))
        if not is_about.any():
            continue
        if kind.site.ndim != 2 or (number[block.scopes[is_about, -1]] < 0).any():
            return None
        if id(kind.seen) not in tables:
            tables[id(kind.seen)] = kind.seen, num_sites
            num_sites += kind.seen.shape[1]
        if not _add(result, kind, block.scopes, np.flatnonzero(is_about), number, tables):
            return None
    seen = [one for one, _ in tables.values()]
    whole = seen[0] if len(seen) == 1 else np.concatenate(seen, axis=1)
    return replace(result, others=tuple(others), seen=whole) if tables else None


def _add(
    result: Looked,
    kind: Lookup,
    scopes: Int32[np.ndarray, "factors arity"],
    which: Int64[np.ndarray, " about_places"],
    number: Int64[np.ndarray, " variables"],
    tables: dict[int, tuple[np.ndarray, int]],
) -> bool:
    """Note what places look up; False where one looks up two things, or a gate is none."""
    _, first = tables[id(kind.seen)]
    for f in which.tolist():
        v = int(number[scopes[f, -1]])
        if v in result.site:
            return False
        result.gate[v] = -1
        if kind.is_gated:
            context = result.found.contexts[result.found.component[v]]
            here = np.flatnonzero(context == scopes[f, 1])
            if not len(here):
                return False
            result.gate[v] = int(here[0])
        result.site[v] = first + _of(kind.site, f)
        result.if_true[v] = _of(kind.log_if_true, f)
        result.if_false[v] = _of(kind.log_if_false, f)
    return True


def _of(values: np.ndarray, factor: int) -> np.ndarray:
    return values[factor if len(values) > 1 else 0]
