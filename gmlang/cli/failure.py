"""A question that could not be answered: it stands in the place of its answer."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gmlang.core.program import Assert, Query
    from gmlang.diagnostics import Diagnostic, GmError


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """Why one question of several has no answer; the others have theirs."""

    question: "Query | Assert"
    error: "GmError"

    def tell(self, told: "set[Diagnostic]") -> None:
        """Write what is wrong to stderr, once however many questions it concerns."""
        from gmlang.diagnostics import render

        new = [d for d in self.error.diagnostics if d not in told]
        told.update(new)
        if new:
            click.echo(render(new), err=True)

    def to_dict(self) -> dict[str, object]:
        """Return the failure as `--json` prints it."""
        first = self.error.diagnostics[0]
        return {
            "query": self.question.text,
            "kind": getattr(self.question, "kind", "assert"),
            "status": "error",
            "answer": None,
            "code": first.code,
            "message": "; ".join(d.message for d in self.error.diagnostics),
        }
