"""Traces: a JSON object a line at each improvement of a search."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gmlang.core.program import Assert, Query
from gmlang.queries.dispatch import answer
from gmlang.queries.searching import improvements, searched_answer
from gmlang.queries.session import Settings

if TYPE_CHECKING:
    from gmlang.api import Answer, Model


def traced(
    model: "Model", asked: list[Query | Assert], settings: Settings, path: Path
) -> Iterator["Answer"]:
    """Answer queries; those for a maximum by a search whose improvements are written down."""
    session = model.session()
    with path.open("w", encoding="utf-8") as lines:
        for question in asked:
            if not isinstance(question, Query) or question.kind != "map":
                yield answer(session, question, settings)
                continue
            steps = []
            for step in improvements(session, question, settings):
                steps.append(step)
                record = {
                    "query": question.text,
                    "seconds": round(step.seconds, 6),
                    "log_score": _finite(step.log_score),
                    "log_bound": _finite(step.log_bound),
                    "search": step.engine,
                }
                lines.write(json.dumps(record) + "\n")
                lines.flush()
            yield searched_answer(session, question, steps)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
