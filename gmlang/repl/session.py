"""What an interactive session holds, and how it answers.

What has been said is kept as statements; saying something again replaces it.
"""

import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gmlang.api import Model
from gmlang.core.concepts import LearnModel
from gmlang.core.from_syntax import check
from gmlang.core.learned_defs import LearnDefs
from gmlang.core.parameters import Learn
from gmlang.core.program import Assert, Query
from gmlang.data.names import by_core_name, is_declared
from gmlang.diagnostics import Source, Span
from gmlang.library import find_module
from gmlang.process.interrupts import Interrupts, TerminatedError
from gmlang.queries.answers import NO_TIME, Answer
from gmlang.queries.questions import QUERY_FORMS
from gmlang.queries.remembered.memory import Memory
from gmlang.queries.settings import Settings
from gmlang.repl.text import Piece
from gmlang.syntax import ast
from gmruntime.budget import Watch

if TYPE_CHECKING:
    from gmlang.learning.concepts.result import LearnedModel
    from gmlang.learning.functions.result import LearnedDefs


@dataclass(frozen=True, slots=True, eq=False)
class ReplSession:
    """What has been said, and how to answer.

    Attributes:
        pieces: the statements, in order.
        past: the pieces before each entry that changed them, for `undo`.
        model: of the statements, checked, with `values` bound.
        values: data and parameters.
        folder: where imports are looked up; None without a file.
        is_over: whether the user has left.
        is_timed: whether each reply says how long it took.
        remembers: whether an exact answer that was given before is given again.
        asked: the last query, for `more`.
        num_entries: taken so far; numbers the sources of diagnostics.
        memory: of such answers.
    """

    pieces: tuple[Piece, ...] = ()
    past: tuple[tuple[Piece, ...], ...] = ()
    model: Model | None = None
    values: Mapping[str, object] = field(default_factory=dict[str, object])
    folder: Path | None = None
    is_over: bool = False
    is_timed: bool = False
    budget_s: float = 5.0
    seed: int = 0
    remembers: bool = True
    asked: str = ""
    num_entries: int = 0
    memory: Memory = field(default_factory=Memory)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the session says to an entry."""

    text: str
    is_error: bool = False


def model_of(session: ReplSession, pieces: tuple[Piece, ...] | None = None) -> Model:
    """Check what has been said, or other pieces with the same data.

    Raises:
        GmError: with the mistakes.
    """
    if pieces is None and session.model is not None:
        return session.model
    statements = tuple(s for p in session.pieces if pieces is None for s in p.statements)
    statements += tuple(s for p in pieces or () for s in p.statements)
    said = ast.Program(Span(Source("<session>", ""), 0, 0), statements)
    checked = check(said, partial(find_module, beside=session.folder), QUERY_FORMS)
    program = checked.program
    known = {k: v for k, v in session.values.items() if is_declared(program, k)}
    return Model(checked, by_core_name(program, known), memory=session.memory)


def ask(session: ReplSession, text: str, within_s: float | None = None) -> str:
    """Answer queries; Ctrl-C ends the one at work, which keeps what it found.

    Raises:
        GmError: when the text is no query about what has been said.
    """
    model = model_of(session)
    questions = model.ask(text)
    if within_s is not None:
        questions = tuple(replace(question, within_s=within_s) for question in questions)
    return answers(session, model, questions)


def learn(session: ReplSession, what: Learn) -> tuple[ReplSession, str]:
    """Learn params, and keep what was found as their values; Ctrl-C gives the best so far.

    Raises:
        GmError: when the data has mistakes, or counts are out of reach.
    """
    # A session that learns nothing starts sooner without SciPy.
    from gmlang.learning.course import Terms, finished
    from gmlang.learning.learn import How

    model = session.model
    assert model is not None
    terms = Terms(How(seed=session.seed))
    with Interrupts(keeps_process=True) as interrupts:
        found = interrupts.answer(lambda watch: finished(model.learn_one(what, terms, watch)))
    if found is None:
        return session, "interrupted"
    values = {**session.values, **found.values}
    return replace(session, values=values, model=found.model), repr(found)


def learn_concept(
    session: ReplSession, what: LearnModel
) -> "tuple[LearnedModel[Model] | None, str]":
    """Learn a model; Ctrl-C gives what was scored so far.

    Raises:
        GmError: when the examples have mistakes, or it is out of reach.
    """
    # A session that learns nothing starts sooner without SciPy.
    from gmlang.learning import turns

    model = session.model
    assert model is not None
    with Interrupts(keeps_process=True) as interrupts:
        found = interrupts.answer(
            lambda watch: turns.learn_concept(
                model, what, Settings(seed=session.seed, watch=watch), turns.SECONDS_FOR_A_MODEL
            )
        )
    return found, "interrupted" if found is None else repr(found)


def learn_functions(
    session: ReplSession, what: LearnDefs
) -> "tuple[LearnedDefs[Model] | None, str]":
    """Learn functions; Ctrl-C gives the best so far.

    Raises:
        GmError: when the data has mistakes, or no rule explains what is seen.
    """
    # A session that learns nothing starts sooner without SciPy.
    from gmlang.learning import turns

    model = session.model
    assert model is not None
    with Interrupts(keeps_process=True) as interrupts:
        found = interrupts.answer(
            lambda watch: turns.learn_functions(
                model, what, Settings(seed=session.seed, watch=watch), turns.SECONDS_FOR_FUNCTIONS
            )
        )
    return found, "interrupted" if found is None else repr(found)


def answers(session: ReplSession, model: Model, questions: tuple[Query | Assert, ...]) -> str:
    """Answer checked questions; the text of a lone one is not repeated.

    Raises:
        TerminatedError: with the answers, when SIGTERM ended the last.
    """
    replies: list[str] = []
    settings = Settings(session.budget_s, session.seed, remembers=session.remembers)
    with Interrupts(keeps_process=True) as interrupts:
        for question in questions:

            def find(watch: Watch, question: Query | Assert = question) -> Answer:
                return next(model.answer_all([question], replace(settings, watch=watch)))

            answer = interrupts.answer(find)
            if answer is None:
                replies.append("interrupted" if interrupts.number else NO_TIME)
                break
            shown = repr(answer)
            head, _, body = shown.partition("\n")
            alone = len(questions) == 1 and body and head == answer.text
            replies.append(re.sub(r"^  ", "", body, flags=re.MULTILINE) if alone else shown)
            if interrupts.number:
                break
    if interrupts.number == signal.SIGTERM:
        raise TerminatedError("\n".join(replies))
    return "\n".join(replies)
