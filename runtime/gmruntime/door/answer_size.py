"""How many bytes an answer itself takes, known before anything is done for it."""

from gmruntime.answer import AnyAnswer, Question
from gmruntime.graph import FactorGraph, GraphError

_ALWAYS_BYTES = 1 << 20
"""An answer of so many bytes is given whatever the cap on tables and messages is."""


class AnswerSizeError(GraphError):
    """An answer would by itself take more memory than is allowed."""


def check_answer_size(graph: FactorGraph, query: Question[AnyAnswer], memory_bytes: int) -> None:
    """Refuse a question whose answer does not fit the memory allowed.

    Raises:
        AnswerSizeError: naming the answer, what it takes and what is allowed.
    """
    found = query.answer_bytes(graph)
    if found > max(memory_bytes, _ALWAYS_BYTES):
        raise AnswerSizeError(
            f"{query.described()} takes {found / 2**20:.4g} MiB, and "
            f"{memory_bytes / 2**20:.4g} MiB are allowed; ask for less at a time"
        )
