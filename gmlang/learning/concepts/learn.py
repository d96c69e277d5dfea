"""All of one `learn model`, from a checked program to the model that it found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NoReturn, TypeVar

import numpy as np

from gmlang.core.concepts import LearnModel
from gmlang.core.program import Program
from gmlang.diagnostics import GmError
from gmlang.errors.learning import concepts as errors
from gmlang.learning.concepts.candidates import (
    KEPT,
    Choice,
    are_few,
    as_masks,
    every_choice,
    extended,
    log_prior,
)
from gmlang.learning.concepts.own_numbers import OwnNumbers, own_numbers
from gmlang.learning.concepts.pieces import Piece, pieces_of
from gmlang.learning.concepts.protests import protests
from gmlang.learning.concepts.refitting import Fit, refit
from gmlang.learning.concepts.result import UNDECIDED, Alternative, LearnedModel
from gmlang.learning.concepts.scoring import score, score_others
from gmlang.learning.concepts.stage import Stage, set_stage
from gmlang.learning.concepts.writing import written_model
from gmlang.learning.methods.climbing import GAIN_MAX
from gmlang.queries.composition.composites import refusal_of
from gmlang.queries.session import Session
from gmlang.queries.settings import Settings
from gmruntime.budget import Budget
from gmruntime.graph import GraphError
from gmruntime.quality import Status, worst

M = TypeVar("M")

_DECIMALS = 9
"""Scores that differ by less are a tie, which the order of the list decides."""


@dataclass(slots=True, eq=False)
class _Search:
    """What has been scored so far.

    Attributes:
        choices: in the order in which they were scored.
        scores, other_scores: a row for each.
        is_over: whether the time was.
    """

    stage: Stage
    pieces: tuple[Piece, ...]
    other_pieces: tuple[Piece, ...]
    budget: Budget
    seed: int
    choices: list[Choice]
    scores: np.ndarray
    other_scores: np.ndarray
    status: Status = Status.EXACT
    is_over: bool = False

    def add(self, choices: list[Choice]) -> None:
        """Score some choices."""
        masks = as_masks(choices, len(self.stage.parts))
        found = score(self.stage, self.pieces, masks, self.budget, self.seed)
        others = score_others(self.stage, self.other_pieces, masks, self.budget, self.seed)
        both = np.concatenate([found.nats, others.nats], axis=1)
        done = np.asarray(~np.isnan(both).any(axis=1))
        self.is_over |= not done.all()
        self.choices += [choice for choice, is_done in zip(choices, done, strict=True) if is_done]
        self.scores = np.concatenate([self.scores, found.nats[done]])
        self.other_scores = np.concatenate([self.other_scores, others.nats[done]])
        self.status = worst((self.status, found.status, others.status))

    def priors(self) -> np.ndarray:
        """Return the log prior of each choice."""
        count = len(self.stage.parts)
        return np.array([log_prior(count, len(choice)) for choice in self.choices])

    def totals(self) -> np.ndarray:
        """Return the score of each choice."""
        return self.priors() + self.scores.sum(axis=1) + self.other_scores.sum(axis=1)


def learn_model(
    program: Program,
    values: Mapping[str, object],
    what: LearnModel,
    budget: Budget,
    seed: int,
    make: Callable[[Program], M],
) -> LearnedModel[M]:
    """Find the models that make up another, from things that it applies to.

    Args:
        program: checked.
        values: data, by core name.
        what: is learned.
        budget: that has begun.
        seed: of the search for elimination orders.
        make: makes the model of a program.

    Raises:
        GmError: for whatever is wrong with the data or the examples, or out of reach.
    """
    stage = set_stage(program, values, what)
    try:
        pieces = pieces_of(stage, stage.examples, budget)
        others = pieces_of(stage, stage.others, budget)
    except GraphError as error:
        raise GmError([errors.beyond_the_runtime(what.span, str(error))]) from error
    except TimeoutError:
        raise GmError([errors.no_time_to_score(what.span)]) from None
    counts = len(stage.examples.things), len(stage.others.things)
    search = _Search(
        *(stage, pieces, others, budget, seed, []),
        *(np.zeros((0, counts[0])), np.zeros((0, counts[1]))),
    )
    is_whole = are_few(len(stage.parts), what.size)
    if is_whole:
        search.add(every_choice(len(stage.parts), what.size))
    else:
        _search_best_first(search)
    if not search.choices:
        raise GmError([errors.no_time_to_score(what.span)])
    return _learned(program, values, search, is_whole=is_whole and not search.is_over, make=make)


def _search_best_first(search: _Search) -> None:
    """Extend the best few choices of each size by each part, while that gains anything."""
    count = len(search.stage.parts)
    level: list[Choice] = [(part,) for part in range(count)]
    for _ in range(min(search.stage.what.size, count)):
        before = len(search.choices)
        known = dict(zip(search.choices, search.totals().tolist(), strict=True))
        search.add(level)
        totals = search.totals()[before:]
        new = search.choices[before:]
        gains = [t > _best_parent(choice, known) for choice, t in zip(new, totals, strict=True)]
        if search.is_over or not any(gains):
            return
        order = np.argsort(-np.round(totals, _DECIMALS), kind="stable")[:KEPT]
        level = extended([new[k] for k in order if totals[k] > -np.inf], count)
        if not level:
            return


def _best_parent(choice: Choice, known: Mapping[Choice, float]) -> float:
    parents = [tuple(p for p in choice if p != left) for left in choice]
    return max((known.get(parent, -np.inf) for parent in parents), default=-np.inf)


# --- What came of it -----------------------------------------------------------------------


def _learned(
    program: Program,
    values: Mapping[str, object],
    search: _Search,
    *,
    is_whole: bool,
    make: Callable[[Program], M],
) -> LearnedModel[M]:
    stage, what = search.stage, search.stage.what
    totals = search.totals()
    if np.isneginf(totals).all():
        _refuse(search)
    order = np.argsort(-np.round(totals, _DECIMALS), kind="stable")
    order = order[totals[order] > -np.inf]
    shares = np.exp(totals[order] - totals[order].max())
    shares /= shares.sum()
    priors = search.priors()
    alternatives = tuple(
        Alternative(
            tuple(stage.parts[p].text for p in search.choices[k]),
            float(totals[k]),
            float(priors[k]),
            float(share),
        )
        for k, share in zip(order.tolist(), shares, strict=True)
    )
    best = search.choices[int(order[0])]
    nothing = _nothing(search)
    status = "stopped" if search.is_over else search.status.value
    symbol = next(symbol for symbol in program.models if symbol.name == what.model)
    symbol = replace(symbol, parts=tuple(stage.parts[p].target for p in best), is_open=False)
    session = Session(program, stage.world)
    settings = Settings(seed=search.seed, budget=search.budget)
    symbol = replace(symbol, soft=refusal_of(session, symbol, settings) is not None)
    notes = _notes(search, alternatives, nothing, is_whole=is_whole)
    fit, written = None, ""
    if what.refit:
        fit, own = _refitted(program, values, search, best, notes)
        if fit is not None:
            symbol = own.model(symbol, [number.after for number in fit.numbers])
            written = written_model(symbol, what.model, what.entity_text, program.models)
    models = tuple(symbol if old.name == what.model else old for old in program.models)
    return LearnedModel(
        what,
        what.model,
        alternatives,
        search.scores[order],
        search.other_scores[order],
        protests(stage, stage.examples, np.array(best, np.int64)),
        status,
        is_whole,
        len(search.choices),
        nothing,
        search.budget.spent_s(),
        tuple(notes),
        symbol.soft,
        fit,
        written,
        make(replace(program, models=models)),
    )


def _refitted(
    program: Program,
    values: Mapping[str, object],
    search: _Search,
    best: Choice,
    notes: list[str],
) -> tuple[Fit | None, OwnNumbers]:
    """Fit the confidences of the best choice; None, and a note, where there is nothing to fit."""
    own = own_numbers(search.stage, best)
    if not own.confidences:
        notes.append("nothing to refit: no part has a confidence that may be fitted")
        return None, own
    try:
        fit = refit(program, values, search.stage, best, own, search.budget, search.seed)
    except TimeoutError:
        notes.append("not refitted: the time was over")
        return None, own
    if not fit.is_converged:
        notes.append(f"refitting stopped: more than {GAIN_MAX} nats may be left")
    return fit, own


def _nothing(search: _Search) -> float:
    """Return what no model at all would score: half of all choices are of none."""
    count = len(search.stage.parts)
    none = np.zeros((1, count), np.bool_)
    found = score(search.stage, search.pieces, none, search.budget, search.seed)
    return log_prior(count, 0) + float(found.nats.sum())


def _notes(
    search: _Search, alternatives: tuple[Alternative, ...], nothing: float, *, is_whole: bool
) -> list[str]:
    stage, best = search.stage, alternatives[0]
    notes: list[str] = []
    if len(alternatives) > 1 and best.share < UNDECIDED * alternatives[1].share:
        notes.append(
            f"undecided: `{best.text}` is {best.share / alternatives[1].share:.2g} times as likely "
            f"as `{alternatives[1].text}`"
        )
    if not stage.others.things.size and nothing > best.score:
        more = float(np.exp(min(nothing - best.score, 700.0)))
        notes.append(f"that no model applies at all is {more:.2g} times as likely")
    unseen = [
        stage.examples.thing(k)
        for k, own in enumerate(stage.examples.own)
        if not stage.is_seen[own].any()
    ]
    if unseen:
        listed = ", ".join(unseen[:3]) + (", ..." if len(unseen) > 3 else "")
        notes.append(f"nothing was seen of {listed}")
    if not is_whole:
        notes.append("shares are among the choices that were scored")
    return notes


def _refuse(search: _Search) -> NoReturn:
    """Say which example no choice allows, and which parts it contradicts."""
    stage = search.stage
    span = stage.what.span
    alone = np.isneginf(search.scores).all(axis=0)
    if alone.any():
        number = int(alone.argmax())
        example = stage.examples.thing(number)
        everything = np.arange(len(stage.parts))
        told = [p for p in protests(stage, stage.examples, everything) if p.example == example]
        refused = tuple(dict.fromkeys((p.part, p.seen) for p in told if np.isneginf(p.nats)))
        raise GmError([errors.contradicted(span, example, refused)])
    raise GmError([errors.contradicted_together(span)])
