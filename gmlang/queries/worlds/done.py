"""The worlds that questions are about: the program's own, and those in which something was done.

A question with `do(...)` behind its bar is the same question without it, about the program to
whose variables that was done. Each such world is grounded once, and kept as the program's own is.
"""

from collections.abc import Sequence
from dataclasses import replace

from gmlang.core.print import show_change
from gmlang.core.program import Assert, DoGiven, Query
from gmlang.core.records.doing import Intervention
from gmlang.queries.session import Session

_WORLDS_MAX = 16
"""So many worlds are kept grounded; of more the first is grounded again when it is needed."""


def does_something(question: Query | Assert) -> bool:
    """Say whether a question, or one that it is made of, is about a world of its own."""
    if isinstance(question, Assert):
        return any(map(does_something, question.queries))
    return bool(done_in(question)) or any(map(does_something, question.inner()))


def done_in(query: Query) -> tuple[Intervention, ...]:
    """List what a question itself does."""
    return tuple(given.change for given in query.given if isinstance(given, DoGiven))


def world_of(session: Session, query: Query) -> tuple[Session, Query]:
    """Return the session of the world that a question is about, and the question about it."""
    done = done_in(query)
    if not done:
        return session, query
    given = tuple(one for one in query.given if not isinstance(one, DoGiven))
    return _world(session, done), replace(query, given=given)


def world_of_all(session: Session, group: Sequence[Query]) -> tuple[Session, list[Query]]:
    """Do what `world_of` does for questions under the same conditions."""
    found = [world_of(session, query) for query in group]
    return found[0][0], [query for _, query in found]


def _world(session: Session, done: tuple[Intervention, ...]) -> Session:
    key = "; ".join(map(show_change, done))
    # What a row of evidence says is said in no world that is kept.
    known = None if session.seen else session.worlds.get(key)
    # What is wrong with it is said where it stands.
    if known is not None and (known.base is not None or known.program.done[-1] == done[-1]):
        return known
    while not session.seen and len(session.worlds) >= _WORLDS_MAX:
        del session.worlds[next(iter(session.worlds))]
    made = Session(
        replace(session.program, done=(*session.program.done, *done)),
        session.world,
        warnings=session.warnings,
        seen=session.seen,
        is_world=True,
    )
    if not session.seen:
        session.worlds[key] = made
    return made
