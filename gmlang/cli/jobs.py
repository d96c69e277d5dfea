"""What `gmlang run` does for one question, on a thread that it may have to leave alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import click

from gmlang.cli.options import EXIT_ANSWERED, EXIT_IMPOSSIBLE, EXIT_MISTAKE
from gmlang.process.interrupts import Interrupts

if TYPE_CHECKING:
    from gmlang.api import Answer, Model
    from gmlang.core.learned_defs import Learnable
    from gmlang.core.program import Assert, Query
    from gmlang.diagnostics import Diagnostic, GmError
    from gmlang.queries.settings import Settings
    from gmlang.queries.spread import Spread

    Asked = Query | Assert | Learnable
    """What a program has answered in its turn."""


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """Why one question of several has no answer: it stands in its place; the others have theirs."""

    question: "Asked"
    error: "GmError"

    def tell(self, told: "set[Diagnostic]") -> None:
        """Write what is wrong to stderr, once however many questions it concerns."""
        from gmlang.diagnostics import render

        new = [d for d in self.error.diagnostics if d not in told]
        told.update(new)
        if new:
            click.echo(render(new), err=True)

    def _kind(self) -> str:
        is_learn = hasattr(self.question, "position")
        return "learn" if is_learn else getattr(self.question, "kind", "assert")

    def to_dict(self) -> dict[str, object]:
        """Return the failure as `--json` prints it."""
        first = self.error.diagnostics[0]
        return {
            "query": self.question.text,
            "kind": self._kind(),
            "status": "error",
            "answer": None,
            "code": first.code,
            "message": "; ".join(d.message for d in self.error.diagnostics),
        }


class Job(Protocol):
    """Finds the answer to one question."""

    def __call__(self, settings: "Settings") -> "Answer":
        """Find it."""
        ...

    def so_far(self) -> "Answer | None":
        """Return what has been found while the work goes on; None when that is nothing."""
        ...


class Plain:
    """A question answered as usual, all at once."""

    def __init__(self, model: "Model", question: "Query | Assert") -> None:
        """Remember what is asked of which model."""
        self.model, self.question = model, question

    def __call__(self, settings: "Settings") -> "Answer":
        """Find the answer."""
        return next(self.model.answer_all([self.question], settings))

    def so_far(self) -> "Answer | None":
        """Return nothing: the engines alone know."""
        return None


class Course:
    """A program's `learn`s and questions, in order: what was learned is known to what follows."""

    def __init__(self, model: "Model") -> None:
        """Begin with nothing learned."""
        self.model = model


class Learning:
    """One `learn`; the model of its course is another one afterwards."""

    def __init__(self, course: Course, what: "Learnable") -> None:
        """Remember what is learned."""
        self.course, self.what = course, what

    def __call__(self, settings: "Settings") -> "Answer":
        """Learn it."""
        from gmlang.learning.turns import learned_by

        answer, self.course.model = learned_by(self.course.model, self.what, settings)
        return answer

    def so_far(self) -> "Answer | None":
        """Return nothing: what a round has found ends with the budget."""
        return None


class Shared:
    """One of several questions that are spread over workers."""

    def __init__(self, spread: "Spread", number: int) -> None:
        """Remember which one."""
        self.spread, self.number = spread, number

    def __call__(self, settings: "Settings") -> "Answer":
        """Find the answer; meanwhile others are found as well, so that no budget here is its."""
        return self.spread.answer(self.number, settings.watch.ended if settings.watch else None)

    def so_far(self) -> "Answer | None":
        """Return nothing: the engines alone know."""
        return None


def spread_jobs(
    model: "Model", asked: "Sequence[Query | Assert]", settings: "Settings"
) -> Iterator[Job]:
    """Send questions to workers, and prepare to take their answers in order."""
    from gmlang.queries.spread import spread_over

    spread = spread_over(model, asked, settings)
    try:
        for number in range(len(asked)):
            yield Shared(spread, number)
    finally:
        spread.dismiss()


def finish(
    question: "Asked",
    job: "Job",
    settings: "Settings",
    interrupts: Interrupts,
) -> "Answer | Failure | None":
    """Do the work; None where it was interrupted and nothing could be found."""
    from gmlang.core.learned_defs import Learnable
    from gmlang.diagnostics import GmError

    try:
        answer = interrupts.answer(lambda watch: job(replace(settings, watch=watch)))
    except GmError as error:
        return Failure(question, error)
    answer = job.so_far() if answer is None else answer
    if answer is not None or interrupts.number:
        return answer
    if isinstance(question, Learnable):
        from gmlang.errors.learning.course import out_of_time

        return Failure(question, GmError([out_of_time(question.span)]))
    from gmlang.queries.dispatch import unanswered

    return unanswered(question, settings)


def status_of(answer: "Answer | Failure | None") -> int:
    """Return the exit status that one answer calls for."""
    match answer:
        case None:
            return EXIT_ANSWERED
        case Failure():
            return EXIT_MISTAKE
        case _ if answer.held is False:
            return EXIT_MISTAKE
        case _ if answer.status == "impossible" and answer.value is None:
            return EXIT_IMPOSSIBLE
        case _:
            return EXIT_ANSWERED


def warn(model: "Model", told: "set[Diagnostic]") -> None:
    """Tell the warnings that are new."""
    tell(model.warnings, told)


def tell(warnings: "Sequence[Diagnostic]", told: "set[Diagnostic]") -> None:
    """Tell those of some warnings that are new."""
    from gmlang.diagnostics import render

    for warning in warnings:
        if warning not in told:
            told.add(warning)
            click.echo(render([warning]), err=True)
