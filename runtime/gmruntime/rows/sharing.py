"""Chunks of rows shared with an executor's workers, and added up in the order they would have here.

Each worker is sent the batches once and, with every evaluation, the tables and some chunks. This
process runs chunks as well; once it is through with its own it runs those of whoever is not back
yet, from the last on. So nobody is waited for, and one that dies costs its share.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field, replace

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import Budget
from gmruntime.quality import Quality
from gmruntime.rows.batches import Batch
from gmruntime.rows.kernels.records import Found
from gmruntime.rows.running import Asked, Chunk, Ran, Summed, chunks_of, run_chunks
from gmruntime.workers.parcels import Parcel, pack, unpack
from gmruntime.workers.workers import Allowance, Workers, allowance

SHARED_PRODUCTS_MIN = 1 << 24
"""Less than some 30 milliseconds' work is not worth the journey."""


_BROUGHT_SHARE = 0.25
"""Of the memory, for what chunks add to the derivatives until all are back."""


@dataclass(slots=True, eq=False)
class Team:
    """Who helps to evaluate a program.

    Attributes:
        workers: to be asked.
        batches: of the program, in their order.
        parcel: the batches, as they travel; packed once, when something is sent.
        was_sent: whether shares may name the parcel.
        helped: how many shares came back.
    """

    workers: Workers
    batches: tuple[Batch, ...]
    parcel: Parcel | None = None
    was_sent: bool = False
    helped: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """What one worker is asked to run.

    Attributes:
        parcel: the batches.
        pool: all tables.
        weights: of the instances of each batch.
        is_max: of each batch, whether the best assignments are looked for.
        chunks: of the batches.
        allowance: what it may take.
    """

    parcel: Parcel
    pool: Float64[np.ndarray, " entries"]
    weights: tuple[Float64[np.ndarray, " _instances"], ...]
    is_max: tuple[bool, ...]
    chunks: tuple[Chunk, ...]
    allowance: Allowance


@dataclass(slots=True, eq=False)
class Brought:
    """What a worker brings back.

    Attributes:
        is_held: whether it knew the batches that were named.
        added: what each chunk adds to the derivatives, in order; those that were finished.
        found: for each of those chunks, what was found for its rows.
    """

    is_held: bool = True
    added: list[Float64[np.ndarray, " _entries"]] = field(default_factory=list[np.ndarray])
    found: list[Found] = field(default_factory=list[Found])


def team_of(workers: Workers, batches: Sequence[Batch]) -> Team:
    """Return a team that has not been sent anything."""
    return Team(workers, tuple(batches))


def with_team(quality: Quality, team: Team | None, before: int = 0) -> Quality:
    """Say how many took part, where so many shares had come back before."""
    if team is None or team.helped == before:
        return quality
    return replace(quality, workers=min(team.workers.count, team.helped - before) + 1)


def run_share(share: Share) -> Brought:
    """Run some chunks: what a worker does."""
    batches = unpack(share.parcel)
    if batches is None:
        return Brought(is_held=False)
    assert isinstance(batches, tuple)
    asked = [Asked(*one) for one in zip(batches, share.weights, share.is_max, strict=True)]
    found = [one.new_found() for one in asked]
    brought = Brought()
    for chunk, own in run_chunks(asked, share.pool, share.chunks, found, share.allowance.begin()):
        if own is None:
            break
        brought.added.append(own)
        brought.found.append(_rows_of(found, chunk))
    return brought


def _rows_of(found: Sequence[Found], chunk: Chunk) -> Found:
    number, first, last = chunk
    return Found(*(array[first:last] for array in found[number]))


def is_worth_sharing(asked: Sequence[Asked], memory_bytes: int) -> bool:
    """Say whether there is enough to do for others, and room for what they bring back."""
    products = sum(one.batch.program.entries * one.batch.instances.count for one in asked)
    sizes = (one.batch.highest - one.batch.lowest for one in asked)
    chunks = (-(-one.batch.instances.count // one.batch.chunk) for one in asked)
    held_bytes = sum(8.0 * size * count for size, count in zip(sizes, chunks, strict=True))
    return products >= SHARED_PRODUCTS_MIN and held_bytes <= _BROUGHT_SHARE * memory_bytes


def run_shared(
    team: Team, asked: Sequence[Asked], pool: Float64[np.ndarray, " entries"], budget: Budget
) -> Ran:
    """Run all batches of a team, until they are done or the budget is spent."""
    chunks = chunks_of(asked)
    found = tuple(one.new_found() for one in asked)
    parts = np.array_split(np.arange(len(chunks)), team.workers.count + 1)
    mine = [chunks[k] for k in parts[0]]
    away = [tuple(chunks[k] for k in part) for part in parts[1:] if len(part)]
    futures = [_sent(team, asked, pool, part, budget) for part in away]
    team.was_sent = True
    here = budget.on_cores(team.workers.cores_here())
    added: dict[Chunk, np.ndarray | None] = dict(run_chunks(asked, pool, mine, found, here))
    for part, future in reversed(list(zip(away, futures, strict=True))):
        added.update(_run_or_taken(team, asked, pool, part, future, found, here))
    summed = Summed(asked, len(pool))
    for chunk in chunks:
        summed.add(chunk, added.get(chunk))
    return Ran(found, summed.total, summed.num_done == len(chunks))


def _sent(
    team: Team, asked: Sequence[Asked], pool: np.ndarray, part: tuple[Chunk, ...], budget: Budget
) -> "Future[Brought] | None":
    if team.parcel is None:
        team.parcel = pack(team.batches)
    parcel = team.parcel.by_name() if team.was_sent else team.parcel
    weights = tuple(one.weights for one in asked)
    mine = allowance(budget, team.workers.count, budget.left_s())
    is_max = tuple(one.is_max for one in asked)
    share = Share(parcel, pool, weights, is_max, part, mine)
    try:
        return team.workers.executor.submit(run_share, share)
    except RuntimeError:
        # The executor was shut down: everything is run here.
        return None


def _run_or_taken(
    team: Team,
    asked: Sequence[Asked],
    pool: np.ndarray,
    part: tuple[Chunk, ...],
    future: "Future[Brought] | None",
    found: Sequence[Found],
    budget: Budget,
) -> Iterator[tuple[Chunk, np.ndarray | None]]:
    """Run a worker's chunks from the last on, until the worker is back."""
    for chunk in reversed(part):
        brought = _brought(future)
        if brought is not None and len(brought.added) == len(part):
            team.helped += 1
            for taken, own, rows in zip(part, brought.added, brought.found, strict=True):
                number, first, last = taken
                for array, new in zip(found[number], rows, strict=True):
                    array[first:last] = new
                yield taken, own
            return
        if brought is not None and not brought.is_held:
            # Next time everybody is sent everything.
            team.was_sent = False
        yield from run_chunks(asked, pool, [chunk], found, budget)
    if future is not None:
        future.cancel()


def _brought(future: "Future[Brought] | None") -> Brought | None:
    """Return what a worker brought back, None where it is away, or brings nothing."""
    if future is None or not future.done():
        return None
    try:
        return future.result()
    except (Exception, CancelledError):
        return None
