"""Recognisers made from dreams: a logistic layer from what is observed to all else.

Source of the idea: Hinton, Dayan, Frey and Neal (1995), "The wake-sleep algorithm for unsupervised
neural networks"; of the steps: Kingma and Ba (2015), "Adam".
"""

from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from gmlang.core.program import Assert, Query
from gmlang.diagnostics import GmError
from gmlang.errors.learning import dreams as errors
from gmlang.graph.builder import Builder, evidence_of
from gmlang.learning.dreams.recogniser import Recogniser, program_digest
from gmlang.queries.session import Session, base_grounding, prepare
from gmlang.queries.worlds.done import does_something
from gmruntime.answer import Samples, Status
from gmruntime.budget import Budget, begin_budget
from gmruntime.estimates.drawing import drawn_by_mechanisms
from gmruntime.graph import FactorGraph, GraphError
from gmruntime.inference import infer

COUNT = 20_000
"""So many draws are made where nobody says."""

_KEPT_APART = 0.1
"""The part of the draws that only a score is made of."""

_HIDDEN = 0.15
"""The part of what is observed that a draw does not show: questions may leave some of it open."""

_BATCH, _EPOCHS = 512, 15

_RATE, _DECAY = 0.03, 1e-5
"""The length of the first steps, and how far weights are drawn to 0."""

_ENTRIES_MAX = 1 << 26
"""A layer of more weights is refused."""


M = TypeVar("M")


def guided(model: M, recogniser: Recogniser) -> M:
    """Return a model whose searches for the best assignment begin where a recogniser says.

    Raises:
        GmError: when it was made from another program, or the data has mistakes.
    """
    mine: Any = model
    return replace(mine, cache={"session": recogniser.guides(mine.session())})


def dream(
    model: Any,  # noqa: ANN401 - a Model, which stands above
    *,
    count: int = COUNT,
    seed: int = 0,
    budget_s: float = 60.0,
) -> Recogniser:
    """Make a recogniser from draws of a program in which nothing is observed.

    It looks at what the program observes, and its queries behind their bars, and proposes states
    for all other variables.

    Args:
        model: a `gmlang.Model`, whose data is bound.
        count: of draws, at least 10.
        seed: of the draws and of the order in which they are gone through.
        budget_s: wall-clock seconds; fewer rounds are made where they are over.

    Raises:
        GmError: when the data has mistakes, nothing is observed, or nothing can be drawn.
    """
    if count < 10:
        raise ValueError(f"count is a number of at least 10, not {count}")
    budget = begin_budget(budget_s, None)
    session = model.session()
    builder = base_grounding(session).builder
    observed = _observed(session, model.questions)
    if not len(observed):
        raise GmError([errors.nothing_observed()])
    draws = _draws(builder, count, seed, budget)
    states = np.concatenate(
        [np.zeros(0, np.int64), *(np.full(b.size, b.num_states) for b in builder.variables)]
    )
    rest = np.setdiff1d(np.arange(len(states)), observed)
    asked = rest[states[rest] > 1]
    if states[observed].sum() * states[asked].sum() > _ENTRIES_MAX:
        raise GmError([errors.too_wide_to_dream()])
    rng = np.random.default_rng(seed)
    shown = _one_hot(draws[:, observed], states[observed])
    wanted = _one_hot(draws[:, asked], states[asked])
    apart = max(1, round(_KEPT_APART * len(draws)))
    weights, bias = _fitted(shown[apart:], wanted[apart:], states, observed, asked, rng, budget)
    told = _segments(shown[:apart] @ weights + bias, states[asked])
    common = _segments(wanted[apart:].mean(axis=0)[None], states[asked])
    right = (
        _right(told, wanted[:apart]),
        _right(np.broadcast_to(common, told.shape), wanted[:apart]),
    )
    return Recogniser(program_digest(builder), observed, asked, weights, bias, right)


def _observed(session: Session, questions: tuple[Query | Assert, ...]) -> np.ndarray:
    """List the variables that the program, or a query of it behind its bar, observes."""
    base = base_grounding(session)
    evidence, _ = evidence_of(base.builder)
    found = {int(v) for v in np.flatnonzero(evidence >= 0)}
    for question in questions:
        if not isinstance(question, Query) or not question.given or does_something(question):
            continue
        try:
            prepared = prepare(session, question)
        except GmError:
            # Whoever asks it is told.
            continue
        if prepared.grounding.world.variables is base.world.variables:
            own, _ = prepared.evidence()
            found |= {int(v) for v in np.flatnonzero(own[: len(evidence)] >= 0)}
    return np.array(sorted(found), np.int64)


def _draws(builder: Builder, count: int, seed: int, budget: Budget) -> np.ndarray:
    """Draw assignments of a program in which nothing is observed."""
    kept = [
        block
        for block, origin in zip(builder.factors, builder.origins, strict=True)
        if origin.kind != "observe"
    ]
    graph = FactorGraph(tuple(builder.variables), tuple(kept))
    try:
        drawn = drawn_by_mechanisms(graph, count, np.random.default_rng(seed), budget.share(0.5))
    except TimeoutError:
        drawn = None
    if drawn is not None:
        return drawn
    try:
        found = infer(graph, Samples(count), budget=budget.share(0.5), seed=seed)
    except (GraphError, OverflowError) as error:
        raise GmError([errors.refused_draws(error)]) from None
    if found.quality.status is Status.IMPOSSIBLE:
        raise GmError([errors.nothing_to_dream()])
    if found.quality.status is not Status.EXACT or len(found.assignments) < 10:
        raise GmError([errors.inexact_draws(found.quality.note)])
    return found.assignments


def _one_hot(draws: np.ndarray, states: np.ndarray) -> np.ndarray:
    found = np.zeros((len(draws), int(states.sum())), np.float32)
    places = np.cumsum(states) - states + draws
    np.put_along_axis(found, places, 1.0, axis=1)
    return found


def _segments(scores: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Return which state of each asked variable has the highest score."""
    first = np.cumsum(states) - states
    parts = [scores[:, f : f + n].argmax(axis=1) for f, n in zip(first, states, strict=True)]
    return np.stack(parts, axis=1) + first if parts else np.zeros((len(scores), 0), np.int64)


def _right(places: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.take_along_axis(wanted, places, axis=1).mean()) if places.size else 1.0


def _fitted(
    shown: np.ndarray,
    wanted: np.ndarray,
    states: np.ndarray,
    observed: np.ndarray,
    asked: np.ndarray,
    rng: np.random.Generator,
    budget: Budget,
) -> tuple[np.ndarray, np.ndarray]:
    """Fit the layer by Adam, some of what is observed hidden each time."""
    first = np.cumsum(states[asked]) - states[asked]
    owner = np.repeat(np.arange(len(asked)), states[asked])
    share = wanted.mean(axis=0)
    bias = np.log(share + 1.0 / len(wanted)).astype(np.float32)
    weights = np.zeros((shown.shape[1], wanted.shape[1]), np.float32)
    moments = [np.zeros_like(one) for one in (weights, bias, weights, bias)]
    group = np.repeat(np.arange(len(observed)), states[observed])
    step = 0
    for _ in range(_EPOCHS):
        order = rng.permutation(len(shown))
        for begin in range(0, len(order), _BATCH):
            if budget.is_spent() or not len(asked):
                return weights, bias
            rows = order[begin : begin + _BATCH]
            is_shown = rng.random((len(rows), len(observed))) >= _HIDDEN * rng.random(
                (len(rows), 1)
            )
            seen = shown[rows] * is_shown[:, group]
            scores = seen @ weights + bias
            scores -= np.maximum.reduceat(scores, first, axis=1)[:, owner]
            chances = np.exp(scores)
            chances /= np.add.reduceat(chances, first, axis=1)[:, owner]
            off = (chances - wanted[rows]) / len(rows)
            slopes = (seen.T @ off + _DECAY * weights, off.sum(axis=0))
            step += 1
            rate = _RATE * np.sqrt(1.0 - 0.999**step) / (1.0 - 0.9**step)
            for k, (own, slope) in enumerate(zip((weights, bias), slopes, strict=True)):
                mean, square = moments[k], moments[k + 2]
                mean += 0.1 * (slope - mean)
                square += 0.001 * (slope * slope - square)
                own -= rate * mean / (np.sqrt(square) + 1e-8)
    return weights, bias
