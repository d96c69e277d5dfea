"""Searches watched step by step: written into a trace, or shown while they run."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from gmlang.cli.jobs import Job, Plain
from gmlang.core.program import Assert, Consider, Query
from gmlang.diagnostics import GmError
from gmlang.queries.dispatch import answer, ground_first, seconds_for
from gmlang.queries.planning import plan_of
from gmlang.queries.questions.map import Map
from gmlang.queries.questions.mmap import distribution_of
from gmlang.queries.searching import improvements, searched_answer
from gmlang.queries.session import Session, base_grounding, ground_before
from gmlang.queries.settings import Settings, begin
from gmruntime.answer import Improvement
from gmruntime.matches.looking import has_matches

if TYPE_CHECKING:
    from gmlang.api import Answer, Model
    from gmlang.views.pages.writing import Trace

_LOOKING_SHARE = 0.7
"""Of the time, for what is believed on the way; the rest is for the answer itself."""

_FIRST_S, _LATER = 0.02, 0.4
"""The next look takes so long, or so much of the time that has passed."""

_Watcher = Callable[[Improvement], None]


def watched(
    model: "Model",
    asked: list[Query | Assert],
    *,
    trace: "Trace | None",
    live: bool,
) -> Iterator[Job]:
    """Prepare answers, those for a maximum by a search that is watched.

    Where models may sleep, what becomes of them is written down as well, and maxima are found as
    they are without a trace, by whoever is awake.

    Args:
        model: asked.
        asked: checked questions.
        trace: where each improvement is written; then every maximum is searched for.
        live: whether to show searches, those that exact elimination cannot replace, on stderr.
    """
    for question in asked:
        match question:
            case Map(method="") if not _may_wake(model):
                yield _Search(model, question, trace, live=live)
            case _ if trace is not None:
                yield _Looking(model, question, trace)
            case _:
                yield Plain(model, question)


def _may_wake(model: "Model") -> bool:
    """Say whether a program leaves it open which of its models are awake."""
    statements = model.checked.program.statements
    return any(isinstance(s, Consider) and s.may_sleep for s in statements)


class _Heard(Plain):
    """A question answered as usual; what becomes of models that may sleep is written down."""

    def __init__(self, model: "Model", question: Query | Assert, trace: "Trace") -> None:
        super().__init__(model, question)
        self.trace = trace

    def __call__(self, settings: Settings) -> "Answer":
        """Find the answer."""
        return super().__call__(replace(settings, heard=self.trace.events))


class _Looking(_Heard):
    """A question about exemplars, asked again as more of them were looked at; each time written."""

    def __call__(self, settings: Settings) -> "Answer":
        """Find the answer, after what there was on the way."""
        session, question = self.model.session(), self.question
        if isinstance(question, Query) and not question.method:
            ground_first(session, question, settings)
            belief = distribution_of(question)
            if belief is not None and has_matches(base_grounding(session).builder.graph()):
                settings = begin(settings, question.within_s)
                self._look(belief, settings)
                found = super().__call__(settings)
                return replace(found, seconds=settings.running().spent_s())
        return super().__call__(settings)

    def _look(self, belief: Query, settings: Settings) -> None:
        """Ask what is believed at times that are ever further apart, until it is exact."""
        budget, session = settings.running(), self.model.session()
        part, next_s = budget.share(_LOOKING_SHARE), 0.0
        while True:
            inner = replace(settings, budget=part.until(next_s), remembers=False)
            try:
                found = answer(session, belief, inner)
            except GmError:
                # Whoever asks the question itself says why.
                return
            if isinstance(found.value, dict):
                self.trace.belief(self.model, self.question.text, found, budget.spent_s())
            next_s = max(_FIRST_S, _LATER * budget.spent_s())
            if found.status != "estimate" or part.left_s() < next_s:
                return


class _Search:
    """A maximum searched for, each improvement written down or shown."""

    def __init__(
        self,
        model: "Model",
        question: Map,
        trace: "Trace | None",
        *,
        live: bool,
    ) -> None:
        self.model, self.question = model, question
        self.trace, self.live = trace, live
        self.steps: list[Improvement] = []

    def so_far(self) -> "Answer | None":
        if not any(step.is_found for step in self.steps):
            return None
        return searched_answer(self.model.session(), self.question, list(self.steps))

    def __call__(self, settings: Settings) -> "Answer":
        session = self.model.session()
        # What is found out about the question beforehand is done in its time.
        ground_before(session, self.question, settings.allowed_bytes())
        settings = begin(settings, self.question.within_s)
        if self.trace is None and not _is_searched(session, self.question, settings):
            return answer(session, self.question, settings)
        with ExitStack() as stack:
            watchers: list[_Watcher] = [self.steps.append]
            if self.trace is not None:
                watchers.append(partial(self.trace.step, self.model, self.question))
            if self.live:
                from gmlang.cli.live import LiveSearch

                budget_s = seconds_for(self.question, settings)
                display = stack.enter_context(LiveSearch(self.question.text, budget_s))
                if settings.watch is not None:
                    settings.watch.when_left.append(display.live.stop)
                watchers.append(display.follow)
            for step in improvements(session, self.question, settings):
                for watcher in watchers:
                    watcher(step)
        return searched_answer(session, self.question, self.steps, settings.running())


def _is_searched(session: Session, question: Map, settings: Settings) -> bool:
    """Say whether a maximum needs the anytime search: exact elimination does not fit."""
    planned = plan_of(session, question, settings).plan
    return planned is not None and not planned.fits
