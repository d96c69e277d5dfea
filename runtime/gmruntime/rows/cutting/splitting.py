"""Splits what rows observe within a component into parts that nothing latent connects.

A part is the same program with all other variables held at their first state, and their tables
left out as those are that a row observes whole. Many rows have the same small parts: what is latent
in them, and what is seen around it. Equal parts are run once.
"""

from dataclasses import replace

import numpy as np

from gmruntime.arrays import Int64, component_of
from gmruntime.budget import Budget
from gmruntime.rows.cutting.components import Instances
from gmruntime.rows.cutting.distinct import distinct

_AT_ONCE = 1 << 20
"""So many cells of scopes are looked at together."""

SHARE_MAX = 0.6
"""Parts are worth it where so many of them are left once equal ones are merged."""


def split(instances: Instances, budget: Budget) -> Instances:
    """Return the parts of all instances where that leaves less to run, else the instances.

    Raises:
        TimeoutError: when the budget ended first.
    """
    if (instances.evidence < 0).all():
        return instances
    scopes = instances.likeness.scopes
    width = max(len(scope) for scope in scopes)
    step = max(1, _AT_ONCE // (len(scopes) * width))
    pieces: list[tuple[np.ndarray, ...]] = []
    num_before = 0
    for start in range(0, instances.count, step):
        budget.check()
        # Most parts are found again and again: they are merged as they come.
        *arrays, owner = _parts(instances, slice(start, min(start + step, instances.count)))
        if not len(owner):
            continue
        first, which = distinct(arrays[0], arrays[1])
        pieces.append((*(array[first] for array in arrays), owner, which + num_before))
        num_before += len(first)
    if not pieces:
        return instances
    evidence, pointers, tables, owner, among = map(np.concatenate, zip(*pieces, strict=True))
    first, which = distinct(evidence, pointers)
    if len(first) > max(instances.count, SHARE_MAX * len(owner)):
        return instances
    which = which[among]
    # Rows are sums of instances, and those now of parts.
    by_owner = np.argsort(owner, kind="stable")
    sizes = np.bincount(owner, minlength=instances.count)
    start = np.cumsum(sizes) - sizes
    repeats = sizes[instances.which]
    rows = np.repeat(instances.rows, repeats)
    offset = np.arange(len(rows)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    place = by_owner[np.repeat(start[instances.which], repeats) + offset]
    return replace(
        instances,
        evidence=np.ascontiguousarray(evidence[first]),
        pointers=np.ascontiguousarray(pointers[first]),
        tables=np.ascontiguousarray(tables[first]),
        rows=rows,
        which=which[place],
    )


def _parts(
    instances: Instances, some: slice
) -> tuple[np.ndarray, np.ndarray, np.ndarray, Int64[np.ndarray, " parts"]]:
    """Find the parts of some instances: evidence, pointers, tables and owner of each."""
    evidence = instances.evidence[some]
    count, num_variables = evidence.shape
    scopes = instances.likeness.scopes
    padded = np.array([[*scope, *[-1] * (max(map(len, scopes)) - len(scope))] for scope in scopes])
    is_there = padded >= 0
    is_latent = evidence < 0
    # Latent variables of all instances are told apart by their place.
    cells = np.arange(count)[:, None, None] * num_variables + padded
    cells = np.where(is_latent[:, padded] & is_there, cells, -1)
    first = cells.max(axis=2, initial=-1)
    is_live = first >= 0
    name = component_of(cells.reshape(-1, padded.shape[1]), count * num_variables)
    latent = np.flatnonzero(is_latent)
    names = np.unique(name[latent])
    number = np.full(count * num_variables, -1)
    number[names] = np.arange(len(names))
    part = np.where(is_live, number[name[np.maximum(first, 0)]], -1)
    instance, factor = np.nonzero(is_live)
    mine = part[instance, factor]
    found = np.zeros((len(names), num_variables), np.int32)
    for k in range(padded.shape[1]):
        there = padded[factor, k] >= 0
        variable = padded[factor[there], k]
        found[mine[there], variable] = evidence[instance[there], variable]
    pointers = np.zeros((len(names), len(scopes)), np.int64)
    tables = np.full((len(names), len(scopes)), -1, np.int64)
    pointers[mine, factor] = instances.pointers[some][instance, factor]
    tables[mine, factor] = instances.tables[some][instance, factor]
    return found, pointers, tables, names // num_variables + (some.start or 0)
