"""A question that could not be answered: it stands in the place of its answer."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gmlang.core.concepts import LearnModel
    from gmlang.core.parameters import Learn
    from gmlang.core.program import Assert, Query
    from gmlang.diagnostics import Diagnostic, GmError


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """Why one question of several has no answer; the others have theirs."""

    question: "Query | Assert | Learn | LearnModel"
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
