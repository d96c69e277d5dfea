"""Searches watched step by step: written down as JSON lines, or shown while they run."""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from gmlang.core.program import Assert, Query
from gmlang.queries.dispatch import answer
from gmlang.queries.planning import plan_of
from gmlang.queries.searching import improvements, searched_answer
from gmlang.queries.session import Session, Settings
from gmruntime.answer import Improvement

if TYPE_CHECKING:
    from gmlang.api import Answer, Model

RESCUE_S = 0.2
"""What an interrupted query that has found nothing yet may still spend."""

Watcher = Callable[[Improvement], None]


def watched(
    model: "Model",
    asked: list[Query | Assert],
    settings: Settings,
    *,
    trace: Path | None,
    live: bool,
) -> Iterator[Callable[[], "Answer"]]:
    """Prepare answers, those for a maximum by a search that is watched.

    Args:
        model: asked.
        asked: checked questions.
        settings: how to answer.
        trace: where each improvement is written; then every maximum is searched for.
        live: whether to show searches, those that exact elimination cannot replace, on stderr.
    """
    session = model.session()
    with ExitStack() as stack:
        lines = stack.enter_context(trace.open("w", encoding="utf-8")) if trace else None
        for question in asked:
            match question:
                case Query(kind="map", method="") if lines is not None or (
                    live and _is_searched(session, question, settings)
                ):
                    yield _Search(session, question, settings, lines, live=live)
                case _:
                    yield _Plain(session, question, settings)


class _Plain:
    """A question answered as usual."""

    def __init__(self, session: Session, question: Query | Assert, settings: Settings) -> None:
        self.session, self.question, self.settings = session, question, settings

    def __call__(self) -> "Answer":
        return answer(self.session, self.question, self.settings)


class _Search:
    """A maximum searched for, each improvement written down or shown."""

    def __init__(
        self,
        session: Session,
        question: Query,
        settings: Settings,
        lines: TextIO | None,
        *,
        live: bool,
    ) -> None:
        self.session, self.question, self.settings = session, question, settings
        self.lines, self.live = lines, live

    def __call__(self) -> "Answer":
        steps: list[Improvement] = []
        with ExitStack() as stack:
            watchers: list[Watcher] = [steps.append]
            if self.lines is not None:
                watchers.append(_writer(self.lines, self.question.text))
            if self.live:
                from gmlang.cli.live import LiveSearch

                budget_s = self.question.within_s or self.settings.budget_s
                display = stack.enter_context(LiveSearch(self.question.text, budget_s))
                watchers.append(display.follow)
            for step in improvements(self.session, self.question, self.settings):
                for watcher in watchers:
                    watcher(step)
        return searched_answer(self.session, self.question, steps)


def _writer(lines: TextIO, text: str) -> Watcher:
    def write(step: Improvement) -> None:
        record = {
            "query": text,
            "seconds": round(step.seconds, 6),
            "log_score": _finite(step.log_score),
            "log_bound": _finite(step.log_bound),
            "search": step.engine,
        }
        lines.write(json.dumps(record) + "\n")
        lines.flush()

    return write


def _is_searched(session: Session, question: Query, settings: Settings) -> bool:
    """Say whether a maximum needs the anytime search: exact elimination does not fit."""
    planned = plan_of(session, question, settings).plan
    return planned is not None and not planned.fits


def rescue(session: Session, question: Query | Assert, settings: Settings) -> "Answer | None":
    """Return a quick answer to a query that was interrupted before it found any."""
    if not isinstance(question, Query) or question.kind != "map":
        return None
    brief = replace(question, within_s=RESCUE_S)
    found = searched_answer(session, question, list(improvements(session, brief, settings)))
    return found if found.value is not None else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
