"""The best policies of a prepared graph, and questions about who follows them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.program import FollowGiven, ObservedGiven, Query
from gmlang.core.records.decisions import Maximize
from gmlang.diagnostics import GmError, Span
from gmlang.errors import decisions as errors
from gmlang.errors import later
from gmlang.queries.answers import Answer, changed
from gmlang.queries.decisions.decided import Followed
from gmlang.queries.decisions.following import check_evidence, descendants, edges_of, in_order
from gmlang.queries.decisions.said import Knowledge, choices_of, knowledge_of, utilities_of
from gmlang.queries.remembered.asking import ask_utility
from gmlang.queries.session import Prepared, Session, prepare
from gmlang.queries.settings import Settings
from gmruntime.answer import ExpectedUtility, ExpectedUtilityAnswer, Status

_DECIDING_SHARE = 0.6
"""Of the time of a question about who follows the best policy, for finding that."""


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """What the runtime says of the decisions of a graph.

    Attributes:
        prepared: the graph.
        found: the answer; None where two observations contradict each other.
        constant: of the utility, in addition to what the answer says.
        num_free: how many choices no condition sets.
    """

    prepared: Prepared
    found: ExpectedUtilityAnswer | None
    constant: float
    num_free: int = 0

    @property
    def is_possible(self) -> bool:
        """Whether what is observed may be."""
        found = self.found
        return found is not None and found.quality.status is not Status.IMPOSSIBLE


Further = Callable[[Prepared, Knowledge], Knowledge]
"""Says what else is known, for a question about what that is worth."""


def solve(
    session: Session,
    query: Query,
    settings: Settings,
    further: Further = lambda _, knowledge: knowledge,
) -> Solved:
    """Find the best policies under the conditions of a query.

    Raises:
        GmError: where there is nothing to gain, or a choice that is set depends on none.
    """
    program = session.program
    prepared = prepare(session, query, settings.running())
    grounder, world = prepared.grounder, prepared.grounding.world
    world.allow(None, settings.running().memory_bytes)
    utilities, constant = utilities_of(program, grounder)
    if not any(isinstance(statement, Maximize) for statement in program.statements):
        raise GmError([errors.no_utility(query.span)])
    evidence, clash = prepared.evidence()
    if clash:
        return Solved(prepared, None, constant)
    choices = choices_of(program, world)
    free = choices[evidence[choices] < 0]
    knowledge = further(prepared, knowledge_of(program, grounder))
    knowledge = {int(v): knowledge.get(int(v), ()) for v in free}
    count = grounder.builder.num_variables
    edges = edges_of(grounder.builder, world, knowledge)
    order = in_order(program, world, edges, free, count)
    after = descendants(edges, free, count)
    check_evidence(grounder.builder, world, after, free, evidence)
    information = tuple(np.array(knowledge[int(v)], np.int32) for v in order)
    question = ExpectedUtility(order.astype(np.int32), information, utilities)
    found = ask_utility(prepared.graph(), question, evidence, settings, query)
    return Solved(prepared, found, constant, len(free))


def follows(query: Query) -> bool:
    """Say whether a query asks about who follows the best policy."""
    return any(isinstance(given, FollowGiven) for given in query.given)


def following(session: Session, query: Query, settings: Settings) -> Session:
    """Return the session in whose graphs choices follow the best policy, where a query asks so.

    What is best is found under the choices that the query sets, without what else it observes.

    Raises:
        GmError: for what would have been otherwise, of which the copies have no policies.
    """
    if not follows(query) or session.followed is not None:
        return session
    if query.imagined:
        raise GmError([later.imagined_policy(query.imagined[0].span)])
    names = {symbol.name for symbol in session.program.variables if symbol.is_choice}
    given = tuple(
        one
        for one in query.given
        if isinstance(one, ObservedGiven) and getattr(one.target, "name", "") in names
    )
    nobody = replace(with_open_choices(session), seen=_set_by_row(session))
    part = replace(settings, budget=settings.running().share(_DECIDING_SHARE))
    solved = solve(nobody, replace(query, given=given), part)
    found = solved.found
    if found is None:
        return nobody
    if solved.is_possible and len(found.policies) < solved.num_free:
        # Nobody knows what who follows the best policy does.
        raise TimeoutError
    is_best = found.quality.status is Status.EXACT or not solved.num_free
    return replace(session, followed=Followed(found.policies, is_best))


def with_open_choices(session: Session) -> Session:
    """Return the session in which what is asked for need not be decided."""
    return replace(session, followed=Followed((), is_best=False))


def _set_by_row(session: Session) -> tuple[tuple[np.ndarray, np.ndarray, Span], ...]:
    """Return what a row of evidence says of choices."""
    if not session.seen or session.base is None:
        return ()
    choices = choices_of(session.program, session.base.world)
    return tuple(one for one in session.seen if np.isin(one[0], choices).all())


def under_policy(
    session: Session,
    query: Query,
    settings: Settings,
    answer: Callable[[Session, Query, Settings], Answer],
) -> Answer:
    """Answer a query about who follows the best policy; an estimate where none is proved best."""
    followed = following(session, query, settings)
    return as_followed(followed, answer(followed, query, settings))


def as_followed(session: Session, found: Answer) -> Answer:
    """Say of an answer that it is about a policy that may not be the best."""
    followed = session.followed
    if followed is None or followed.is_best or found.status == Status.IMPOSSIBLE.value:
        return found
    note = " · ".join(filter(None, (found.note, "under the best policy found, not proved best")))
    return changed(found, status=Status.ESTIMATE.value, note=note)
