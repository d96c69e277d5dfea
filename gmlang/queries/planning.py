"""What a query would cost, before it is answered."""

from dataclasses import dataclass, replace

from gmlang.core.program import Assert, Query
from gmlang.diagnostics import GmError
from gmlang.errors import asking as errors
from gmlang.queries.decisions.solving import follows, with_open_choices
from gmlang.queries.question import Composed, Several
from gmlang.queries.questions import question_of
from gmlang.queries.session import Session, prepare
from gmlang.queries.settings import Settings, begin
from gmlang.queries.waking.asking import may_wake, method_of
from gmlang.queries.worlds.done import world_of
from gmruntime.elimination.plan import Plan, describe
from gmruntime.graph import GraphError
from gmruntime.inference import plan
from gmruntime.waking.answer import FEW
from gmruntime.waking.society import Bounded

_PLANS_MAX = 8
"""Of a list of queries so many are planned one by one."""


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """What a query would cost.

    Attributes:
        text: the query's.
        kind: of it.
        words: what it costs and who will answer.
        plan: the elimination that was looked at; None where several questions would be asked.
    """

    text: str
    kind: str
    words: str
    plan: Plan | None = None

    def __str__(self) -> str:
        """Return it as `--plan` prints it."""
        return f"{self.text}\n  " + self.words.replace("\n", "\n  ")

    def to_dict(self) -> dict[str, object]:
        """Return it as `--plan --json` prints it; None where nothing is known."""
        found = self.plan
        is_known = found is not None and found.order is not None
        return {
            "query": self.text,
            "kind": self.kind,
            "plan": self.words,
            "free_variables": None if found is None else found.num_free,
            "clique_bits": found.clique_bits if found is not None and is_known else None,
            "total_bits": found.total_bits if found is not None and is_known else None,
            "memory_bytes": found.memory_bytes if found is not None and is_known else None,
            "seconds": found.seconds if found is not None and is_known else None,
            "engine": None if found is None else found.engine.rstrip(","),
        }


def plan_of(session: Session, question: Query | Assert, settings: Settings) -> Planned:
    """Say what a query would cost, and which engine will answer it, as the settings stand.

    Raises:
        GmError: when the query does not fit the program.
    """
    if isinstance(question, Assert):
        return Planned(question.text, "assert", "as much as the queries in it")
    session, question = world_of(session, question)
    session = with_open_choices(session) if follows(question) else session
    how = question_of(question).answered
    if isinstance(how, Composed):
        return _composed_plan(session, question, how, settings)
    if isinstance(how, Several):
        words = "several exact answers on the program's graph"
        return Planned(question.text, question.kind, words)
    settings = begin(replace(settings, workspace=session.workspace), question.within_s)
    try:
        prepared = prepare(session, question, settings.running())
    except TimeoutError:
        return Planned(question.text, question.kind, "more than its time before it is even asked")
    evidence, clash = prepared.evidence()
    if clash:
        words = "nothing: what is observed contradicts itself"
        return Planned(question.text, question.kind, words)
    grounding = prepared.grounding
    if prepared.settled is not None:
        count = prepared.settled.points.points.shape[1]
        unknown = f"{count} unknown parameter{'s' * (count != 1)}"
        words = f"an estimate over settings of {unknown}, all else exact at each"
        return Planned(question.text, question.kind, words)
    if prepared.histories is not None:
        words = "an estimate over histories of the last steps, older ones merged"
        return Planned(question.text, question.kind, words)
    asked = how.question(prepared, question)
    may = may_wake(grounding.program, grounding.world, question)
    if may is not None and len(may.activations) > FEW and isinstance(asked, Bounded):
        words = f"an answer about who is awake, of {len(may.activations)} models"
        return Planned(question.text, question.kind, words)
    method, options = method_of(question)
    try:
        found = plan(
            prepared.graph(),
            asked,
            evidence=evidence,
            budget=settings.running(),
            seed=settings.seed,
            device=settings.device,
            method=method,
            options=options,
            workspace=settings.workspace,
        )
    except ValueError as error:
        if not question.method and not isinstance(error, GraphError):
            raise
        raise GmError([errors.refused(question.span, error)]) from error
    return Planned(question.text, question.kind, describe(found), found)


def _composed_plan(session: Session, query: Query, how: Composed, settings: Settings) -> Planned:
    """Say what each of the queries would cost whose answers make one."""
    queries = how.written_out(session.world, query).inner()
    words = [str(plan_of(session, one, settings)) for one in queries[:_PLANS_MAX]]
    if len(queries) > _PLANS_MAX:
        words.append(f"... and {len(queries) - _PLANS_MAX} more")
    return Planned(query.text, query.kind, "\n".join(words) or "nothing: it asks for nothing")
