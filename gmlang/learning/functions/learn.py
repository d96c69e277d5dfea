"""All the `learn def`s of a program, from a checked program to the rules that they are."""

from collections.abc import Callable, Mapping
from typing import NoReturn, TypeVar

import numpy as np

from gmlang.core.learned_defs import DEF_SIZE_MAX, LearnDefs
from gmlang.core.program import Program
from gmlang.diagnostics import GmError
from gmlang.errors.learning import functions as errors
from gmlang.learning.functions.asking import RULES_MAX, question_of
from gmlang.learning.functions.pieces import place_text
from gmlang.learning.functions.result import (
    LISTED_MAX,
    UNDECIDED,
    LearnedDefs,
    RuleChoice,
    rule_texts,
    values_of,
)
from gmlang.learning.functions.scoring import scored, values
from gmlang.learning.functions.search import Found, Search, begin_search, search
from gmlang.learning.functions.stage import Stage, set_stage
from gmruntime.budget import Budget
from gmruntime.graph import GraphError

M = TypeVar("M")

_NEGLIGIBLE = 1e-9
"""What has at most this share of the posterior is below what is shown of any share."""

_EXPLAINED_S = 0.3
"""So long it may take to say why nothing was found, when the time is over."""

_BLAMED_MAX = 1 << 14
"""Of so many rules it is looked for the one that fails least."""


def learn_defs(
    program: Program,
    given: Mapping[str, object],
    whats: LearnDefs,
    budget: Budget,
    seed: int,
    make: Callable[[Mapping[str, object]], M],
) -> LearnedDefs[M]:
    """Find the unknown functions of a program, all together.

    Args:
        program: checked.
        given: data, by core name.
        whats: are learned.
        budget: that has begun.
        seed: of the search for elimination orders.
        make: makes the model that has the functions' values, by core name.

    Raises:
        GmError: for whatever is wrong with the data, where no rule explains what is seen, or it is
            out of reach.
    """
    try:
        stage = set_stage(program, given, whats, budget)
        looked = begin_search(stage, budget, seed)
    except GraphError as error:
        raise GmError([errors.beyond_the_runtime(whats.span, str(error))]) from error
    except TimeoutError:
        raise GmError([errors.no_time(whats.span)]) from None
    if not looked.seen.is_possible:
        raise GmError([errors.contradicted_beside(whats.span)])
    found = search(looked)
    if not len(found.totals):
        _refuse(looked, found)
    return _learned(stage, found, budget, make)


def _learned(
    stage: Stage, found: Found, budget: Budget, make: Callable[[Mapping[str, object]], M]
) -> LearnedDefs[M]:
    functions, whats = stage.functions, stage.whats
    total = float(np.logaddexp.reduce(found.totals))
    shares = np.exp(found.totals - total)
    combos = found.combos[:RULES_MAX]
    is_open = found.is_over or np.isposinf(found.left)
    left = float("nan") if is_open else float(np.exp(min(0.0, found.left - total)))
    alternatives = tuple(
        RuleChoice(
            rule_texts(functions, combo),
            tuple(f.size(int(k)) for f, k in zip(functions, combo, strict=True)),
            float(score),
            sum(float(f.log_prior[k]) for f, k in zip(functions, combo, strict=True)),
            float(share),
        )
        for combo, score, share in zip(combos[:LISTED_MAX], found.totals, shares, strict=False)
    )
    is_whole = all(function.rules.is_whole for function in functions)
    size = min(function.rules.size for function in functions)
    status = "stopped" if found.is_over or not is_whole else "exact"
    if status == "exact" and is_open:
        status = "estimate"
    if status == "exact" and not left <= _NEGLIGIBLE:
        status = "bounded"
    learned = {
        function.what.name: values_of(function, int(candidate))
        for function, candidate in zip(functions, combos[0], strict=True)
    }
    notes = _notes(alternatives, found, left, size, is_whole=is_whole)
    return LearnedDefs(
        whats,
        tuple(one.shown for one in whats.defs),
        alternatives,
        combos,
        shares[: len(combos)],
        functions,
        status,
        left,
        len(found.totals),
        size,
        budget.spent_s(),
        tuple(notes),
        question_of(functions, found.combos, shares),
        make(learned),
    )


def _notes(
    alternatives: tuple[RuleChoice, ...], found: Found, left: float, size: int, *, is_whole: bool
) -> list[str]:
    notes: list[str] = []
    if len(alternatives) > 1 and alternatives[0].share < UNDECIDED * alternatives[1].share:
        times = alternatives[0].share / alternatives[1].share
        notes.append(f"undecided: the best is {times:.2g} times as likely as the next")
    if not is_whole:
        notes.append(f"all rules up to size {size} were looked at, and some larger ones")
    if found.is_over or np.isposinf(found.left):
        why = "the time was over: " if found.is_over else ""
        notes.append(f"{why}shares are among the rules that were scored")
    elif left > _NEGLIGIBLE:
        notes.append(f"rules that were not scored have at most {left:.2g} of the posterior")
    return notes


# --- Where nothing explains everything -----------------------------------------------------


def _refuse(looked: Search, found: Found) -> NoReturn:
    """Say what no function explains, or what the best rules fail to.

    Raises:
        GmError: always.
    """
    stage, whats = looked.stage, looked.stage.whats
    if found.is_over:
        raise GmError([errors.no_time(whats.span)])
    if not all(function.rules.is_whole for function in stage.functions):
        size = min(function.rules.size for function in stage.functions)
        raise GmError([errors.no_time_for_larger(whats.span, size)])
    looked.budget = looked.budget.at_least(_EXPLAINED_S)
    functions = range(len(stage.functions))
    best, example = "", ""
    try:
        _refuse_contradiction(looked)
        combo = _least_failing(looked)
        best = "; ".join(rule_texts(stage.functions, combo))
        example = _first_failure(looked, combo, list(functions))
    except TimeoutError:
        pass
    names = [one.shown for one in whats.defs]
    size = max(function.rules.size for function in stage.functions)
    raise GmError([errors.nothing_fits(whats.span, names, size, best, example, DEF_SIZE_MAX)])


def _refuse_contradiction(looked: Search) -> None:
    """Refuse what no function whatsoever explains.

    Raises:
        GmError: naming the first such place.
    """
    stage = looked.stage
    for piece in looked.pieces(range(len(stage.functions))):
        nothing_said = piece.free[None, :]
        span = stage.whats.span
        if values(piece, nothing_said, looked.budget, looked.seed, span)[0] == -np.inf:
            example = place_text(stage, piece.places[0])
            raise GmError([errors.no_rule_allowed(span, example)])


def _least_failing(looked: Search) -> np.ndarray:
    """Return the combination that makes the fewest places impossible, as far as is looked."""
    stage = looked.stage
    count = len(stage.functions)
    combo = np.zeros(count, np.int64)
    fixed: list[int] = []
    for number in sorted(range(count), key=lambda k: len(stage.functions[k].codes), reverse=True):
        fixed.append(number)
        size = min(len(stage.functions[number].codes), _BLAMED_MAX)
        combos = np.tile(combo, (size, 1))
        combos[:, number] = np.arange(size)
        failing = np.zeros(size)
        scored(
            looked.pieces(fixed),
            *(looked.codes, combos, looked.budget, looked.seed, stage.whats.span, failing),
        )
        combo[number] = int(failing.argmin())
    return combo


def _first_failure(looked: Search, combo: np.ndarray, functions: list[int]) -> str:
    """Name the first place that a combination makes impossible."""
    stage = looked.stage
    places: list[tuple[int, int, int]] = []
    for piece in looked.pieces(functions):
        for place in range(len(piece.cells)):
            pairs = zip(piece.functions.tolist(), piece.cells[place].tolist(), strict=True)
            pattern = np.array([[looked.codes[f][combo[f], cell] for f, cell in pairs]])
            found = values(piece, pattern, looked.budget, looked.seed, stage.whats.span)
            if found[0] == -np.inf:
                places.append(piece.places[place])
    if not places:
        return ""
    first = min(places, key=lambda one: (stage.links[one[0]][one[1]].span.start, one[2]))
    return place_text(stage, first)
