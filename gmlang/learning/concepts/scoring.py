"""What candidates say of examples: log Z of all of them together, by one program for each piece."""

from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from gmlang.diagnostics import GmError, Span
from gmlang.errors.learning import concepts as errors
from gmlang.learning.concepts.pieces import Piece
from gmlang.learning.concepts.stage import Stage, held_open
from gmruntime.arrays import Bool, Float64, Int32
from gmruntime.budget import Budget
from gmruntime.graph import FactorGraph, GraphError
from gmruntime.quality import Status, worst
from gmruntime.rows.row_program import compile_rows

_CELLS_MAX = 1 << 24
"""So many cells of evidence are handed over at a time, 64 MiB."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What was found; NaN where the time was over before.

    Attributes:
        nats: log P(example | candidate), for each candidate and example.
        status: how good log Z is.
    """

    nats: Float64[np.ndarray, "candidates examples"]
    status: Status


def score(
    stage: Stage,
    pieces: tuple[Piece, ...],
    chosen: Bool[np.ndarray, "candidates parts"],
    budget: Budget,
    seed: int,
) -> Scores:
    """Score candidates by examples that they apply to.

        log Z(S active, the rest not, example) - log Z(S active, the rest not)

    Where examples hang together S is active in all of them, but each is told on its own. What S
    itself brings along, such as the parts of a composite, is left to it; what cannot be at all
    scores -inf.

    Raises:
        GmError: when log Z is out of reach.
    """
    pins = np.where(held_open(stage, chosen), -1, chosen.astype(np.int32)).astype(np.int32)
    count = sum(len(piece.members) for piece in pieces)
    nats = np.zeros((len(chosen), count))
    status = Status.EXACT
    for piece in pieces:
        blank = np.full_like(piece.evidence[:1], -1)
        span = stage.what.span
        before, first = _log_z(piece, piece.plain, blank, pins, budget, seed, span)
        after, second = _log_z(piece, piece.seen, piece.evidence, pins, budget, seed, span)
        with np.errstate(invalid="ignore"):
            found = np.where(np.isneginf(before), -np.inf, after - before)
        nats[:, piece.members] = found
        status = worst((status, first, second))
    return Scores(nats, status)


def score_others(
    stage: Stage,
    pieces: tuple[Piece, ...],
    chosen: Bool[np.ndarray, "candidates parts"],
    budget: Budget,
    seed: int,
) -> Scores:
    """Score candidates by examples that they do not apply to.

        log P(not all of S active | example), with all that is listed open

    It is summed over which part, in their order, is the first that is not active: only positive
    numbers are added.

    Raises:
        GmError: when log Z is out of reach, or an example is impossible.
    """
    count = sum(len(piece.members) for piece in pieces)
    nats = np.zeros((len(chosen), count))
    status = Status.EXACT
    if not count:
        return Scores(nats, status)
    owner, pins = _first_inactive(chosen)
    for piece in pieces:
        span = stage.what.span
        found, own = _log_z(piece, piece.seen, piece.evidence, pins, budget, seed, span)
        whole, status = found[0], worst((status, own))
        if np.isneginf(whole).any():
            name = stage.others.thing(int(piece.members[np.isneginf(whole).argmax()]))
            raise GmError([errors.contradicted(span, name, ())])
        total = np.full((len(chosen), len(piece.members)), -np.inf)
        np.logaddexp.at(total, owner, found[1:] - whole)
        nats[:, piece.members] = np.minimum(total, 0.0)
    return Scores(nats, status)


def _first_inactive(
    chosen: Bool[np.ndarray, "candidates parts"],
) -> tuple[np.ndarray, Int32[np.ndarray, "rows parts"]]:
    """List for each candidate the ways in which not all of it is active.

    Returns:
        The candidate of each, and what is pinned: first of all a row with nothing, of nobody.
    """
    rows = [np.full(chosen.shape[1], -1, np.int32)]
    owner: list[int] = []
    for number, mask in enumerate(chosen):
        parts = np.flatnonzero(mask)
        for place, part in enumerate(parts):
            row = rows[0].copy()
            row[parts[:place]] = 1
            row[part] = 0
            rows.append(row)
            owner.append(number)
    return np.array(owner, np.int64), np.stack(rows)


def _log_z(
    piece: Piece,
    graph: FactorGraph,
    evidence: Int32[np.ndarray, "examples variables"],
    pins: Int32[np.ndarray, "candidates parts"],
    budget: Budget,
    seed: int,
    span: Span,
) -> tuple[Float64[np.ndarray, "candidates examples"], Status]:
    """Find log Z for all candidates and examples; what was seen of parts counts as well.

    Args:
        piece: what they are part of.
        graph: of it.
        evidence: of each example.
        pins: for each candidate, whether each part is active; -1 leaves it open.
        budget: that has begun.
        seed: of the search for orders.
        span: of the `learn model`.
    """
    distinct, which = np.unique(evidence, axis=0, return_inverse=True)
    which = which.reshape(-1)
    found = np.full((len(pins), len(distinct)), np.nan)
    status = Status.EXACT
    step = max(1, _CELLS_MAX // max(1, len(pins) * len(piece.given)))
    for first in range(0, len(distinct), step):
        part = np.where(piece.given >= 0, piece.given, distinct[first : first + step])
        rows = np.repeat(part[None], len(pins), axis=0)
        own = rows[:, :, piece.active]
        clash = ((own >= 0) & (pins[:, None] >= 0) & (own != pins[:, None])).any(axis=2)
        rows[:, :, piece.active] = np.where(pins[:, None] >= 0, pins[:, None], own)
        rows[:, :, piece.alike[:, 0]] = pins[:, None, piece.alike[:, 1]]
        flat = rows.reshape(-1, rows.shape[2])
        try:
            # Weights of 0 spare the way back: no counts are asked for.
            program = compile_rows(
                graph, flat, np.zeros(len(flat)), budget=budget, seed=seed, is_kept=False
            )
            answer = program.evaluate(budget=budget)
        except (GraphError, OverflowError) as error:
            _refuse(span, str(error))
        except TimeoutError:
            continue
        log_z = answer.log_partition.reshape(len(pins), -1)
        found[:, first : first + step] = np.where(clash, -np.inf, log_z)
        status = worst((status, answer.quality.status))
    return found[:, which], status


def _refuse(span: Span, reason: str) -> NoReturn:
    raise GmError([errors.beyond_the_runtime(span, reason)])
