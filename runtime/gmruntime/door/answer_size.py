"""How many bytes an answer itself takes, known before anything is done for it."""

import math

import numpy as np

from gmruntime.answer import Best, Joint, Marginals, Query, Samples
from gmruntime.graph import FactorGraph, GraphError, block_starts, num_states

ALWAYS_BYTES = 1 << 20
"""An answer of so many bytes is given whatever the cap on tables and messages is."""


class AnswerSizeError(GraphError):
    """An answer would by itself take more memory than is allowed."""


def check_answer_size(graph: FactorGraph, query: Query, memory_bytes: int) -> None:
    """Refuse a question whose answer does not fit the memory allowed.

    Raises:
        AnswerSizeError: naming the answer, what it takes and what is allowed.
    """
    found = answer_bytes(graph, query)
    if found > max(memory_bytes, ALWAYS_BYTES):
        raise AnswerSizeError(
            f"{_what(query)} takes {found / 2**20:.4g} MiB, and {memory_bytes / 2**20:.4g} MiB "
            "are allowed; ask for less at a time"
        )


def answer_bytes(graph: FactorGraph, query: Query) -> int:
    """Count the bytes of an answer's arrays."""
    match query:
        case Marginals():
            return sum(
                8 * block.size * block.num_states
                for block, is_asked in zip(graph.variables, asked_blocks(graph, query), strict=True)
                if is_asked
            )
        case Joint():
            return 8 * math.prod(int(n) for n in num_states(graph)[query.variables])
        case Samples():
            return query.count * (4 * graph.num_variables + 8)
        case Best():
            # There are no more answers than assignments.
            bits = float(np.log2(np.maximum(1, num_states(graph))).sum())
            count = min(query.count, 2 ** math.ceil(min(bits, 62.0)))
            return count * (4 * graph.num_variables + 8)
        case _:
            return 0


def asked_blocks(graph: FactorGraph, query: Marginals) -> list[bool]:
    """Say of each block whether one of its variables is asked about."""
    if query.variables is None:
        return [True] * len(graph.variables)
    starts = block_starts(graph)
    owners = np.searchsorted(starts, query.variables, side="right") - 1
    asked = np.zeros(len(graph.variables), np.bool_)
    asked[owners] = True
    return asked.tolist()


def _what(query: Query) -> str:
    match query:
        case Samples() | Best():
            return f"an answer of {query.count} assignments"
        case Joint():
            return f"the joint distribution of {len(query.variables)} variables"
        case _:
            return "the marginals of all states asked for"
