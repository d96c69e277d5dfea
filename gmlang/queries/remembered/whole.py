"""What a question returned, kept for whoever asks it again in the same session."""

from collections.abc import Hashable

from gmlang.core.program import Assert, Query
from gmlang.queries.answers import Answer
from gmlang.queries.question import Single
from gmlang.queries.questions import question_of
from gmlang.queries.remembered.copies import to_give, to_keep
from gmlang.queries.remembered.notes import with_remembered
from gmlang.queries.session import Session
from gmlang.queries.settings import Settings
from gmruntime.answer import Status
from gmruntime.budget import now_s

_BYTES_OF_KEY, _BYTES_OF_LETTER = 1000, 100
"""A checked question takes roughly so much, and so much for each letter of its text."""


def key_of(session: Session, question: Query | Assert, settings: Settings) -> Hashable | None:
    """Return all that an exact answer depends on; None where it is not to be remembered.

    A question that is part of another is found by what the runtime said of it.
    """
    if not settings.remembers or settings.budget is not None:
        return None
    known = session.names.named(question)
    return (
        session.names.token,
        known,
        settings.seed,
        settings.device,
        settings.memory_bytes,
        settings.folder,
    )


def find_whole(session: Session, key: Hashable, start_s: float) -> Answer | None:
    """Return an answer that was kept, with the seconds since the question was asked."""
    found = session.memory.find(key)
    if not isinstance(found, Answer):
        return None
    return to_give(found, now_s() - start_s, with_remembered(found.note))


def keep_whole(session: Session, key: Hashable, question: Query | Assert, found: Answer) -> None:
    """Keep an answer if it is final."""
    if not _is_final(question, found):
        return
    kept = to_keep(found)
    if kept is not None:
        answer, num_bytes = kept
        num_bytes += _BYTES_OF_KEY + _BYTES_OF_LETTER * len(question.text)
        session.memory.keep(key, answer, found.seconds, num_bytes)


def _is_final(question: Query | Assert, found: Answer) -> bool:
    """Say whether nothing could be found out that the answer does not say."""
    if found.status == Status.EXACT.value:
        return True
    # Of several answers one may be impossible and another an estimate.
    is_single = isinstance(question, Query) and isinstance(question_of(question).answered, Single)
    return is_single and found.status == Status.IMPOSSIBLE.value
