"""What the runtime answered, kept for every question that comes down to the same.

A marginal or joint distribution is found by what is left of the graph once it is known what is
observed, and only by the factors that some path joins to what is asked: evidence that says nothing
about it makes no other question. All else is found by the whole graph and all evidence.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from gmlang.queries.remembered.memory import Memory
from gmlang.queries.remembered.notes import REMEMBERED
from gmruntime.answer import (
    Answer,
    Joint,
    Marginals,
    MarginalsAnswer,
    Query,
    Status,
    at_seconds,
    with_note,
)
from gmruntime.door.answer_size import check_answer_size
from gmruntime.door.rounding import weigh
from gmruntime.factors.kinds import Memory as Remembering
from gmruntime.graph import validate
from gmruntime.simplify.joined import relevant_factors
from gmruntime.simplify.simplified import simplified
from gmruntime.task import Effort, Task
from gmruntime.workspace import bytes_of, digest_of, owned

FACTORS_MAX = 10_000
"""Of larger graphs it is not looked at what matters: each factor takes some microseconds."""

_FINAL = (Status.EXACT, Status.IMPOSSIBLE)


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """How a question is to be answered, as far as an exact answer depends on it.

    Neither the time nor the memory is among these: who has more finds nothing better than an exact
    answer.
    """

    seed: int
    device: str
    method: str
    options: tuple[tuple[str, bool | int | float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where answers are kept.

    Attributes:
        memory: in this process.
        folder: on disk; None for nowhere.
    """

    memory: Memory
    folder: Path | None


def recall(
    task: Task[Query], effort: Effort, terms: Terms, places: Places, find: Callable[[], Answer]
) -> Answer:
    """Return what was answered before, else answer and keep that if it is final.

    Args:
        task: what is asked.
        effort: what answering may take; what it works out on the way is kept in its workspace.
        terms: how to answer.
        places: where to look and to keep.
        find: answers.

    Raises:
        GraphError: when the graph contradicts itself, or the answer alone takes more memory than is
            allowed; and whatever `find` raises.
    """
    # Whoever is late already has no time to find out what was asked.
    key = None if effort.budget.is_spent() else _key_of(task, effort, terms)
    if key is None:
        return find()
    check_answer_size(task.graph, task.query, effort.budget.memory_bytes)
    found = cast("Answer | None", places.memory.find(key))
    if found is None:
        found = _read(places, key, task)
    if found is not None:
        _write(places, key, found)
        return _again(found, effort)
    start_s = effort.budget.spent_s()
    answer = find()
    # What a budget has cut short may say less than it might.
    if answer.quality.status not in _FINAL or effort.budget.is_spent():
        return answer
    kept = at_seconds(_by_itself(owned(answer)), effort.budget.spent_s() - start_s)
    _keep(places.memory, key, kept)
    _write(places, key, kept)
    return answer


def _read(places: Places, key: bytes, task: Task[Query]) -> Answer | None:
    """Look on disk."""
    if places.folder is None:
        return None
    from gmlang.queries.remembered.folder import find_in

    found = find_in(places.folder, key, task)
    if found is not None:
        _keep(places.memory, key, found)
    return found


def _write(places: Places, key: bytes, answer: Answer) -> None:
    """Keep on disk what is not there."""
    if places.folder is not None:
        from gmlang.queries.remembered.folder import keep_in

        keep_in(places.folder, key, answer)


def _again(found: Answer, effort: Effort) -> Answer:
    return with_note(at_seconds(owned(found), effort.budget.spent_s()), REMEMBERED)


def _keep(memory: Memory, key: bytes, answer: Answer) -> None:
    memory.keep(key, answer, answer.quality.seconds, bytes_of(answer) + len(key))


def _by_itself(answer: Answer) -> Answer:
    """Return an answer without what it says beside what was asked: evidence left out counts there.

    It is ours alone.
    """
    if isinstance(answer, MarginalsAnswer):
        return replace(answer, log_partition=float("nan"))
    return answer


def _key_of(task: Task[Query], effort: Effort, terms: Terms) -> bytes | None:
    """Say in a few bytes all that an answer depends on; None where that is not known."""
    query, evidence = task.query, task.evidence
    how = (terms.seed, terms.device, terms.method, terms.options)
    try:
        asked = _relevant(task, effort, terms)
        if asked is not None:
            return digest_of(("relevant", query, asked, how))
        blocks = [(block.shape, block.num_states) for block in task.graph.variables]
        factors = [(block.kind, block.scopes) for block in task.graph.factors]
        return digest_of(("whole", query, blocks, factors, evidence, how))
    except TypeError:
        # Too large, or a kind of factor that holds what nobody knows to compare.
        return None


def _relevant(task: Task[Query], effort: Effort, terms: Terms) -> object | None:
    """Return what decides a marginal or joint distribution; None where the whole graph may.

    Raises:
        TypeError: where the graph cannot be told by what is in it.
    """
    graph, query, evidence = task.graph, task.query, task.evidence
    if not isinstance(query, Marginals | Joint) or terms.method not in ("", "exact"):
        return None
    if query.variables is None or graph.num_factors > FACTORS_MAX:
        return None
    if any(isinstance(block.kind, Remembering) for block in graph.factors):
        # What is left of one is found by going through it, which is how it is answered.
        return None
    graph = validate(graph)
    # Once for all that is found by it on the way.
    digest_of((graph,), effort.told)
    # Of strong weights the whole answer says what it lost, or is refused.
    if weigh(graph) is not None:
        return None
    query = query.checked(graph).without_single_states(graph)
    assert query.variables is not None
    try:
        network = simplified(Task(graph, query, evidence), effort)
    except TimeoutError:
        return None
    if network is None:
        return None
    variables = np.unique(query.variables)
    factors = relevant_factors(network, variables.tolist())
    if factors is None:
        return None
    nothing = np.zeros(0, np.int64)
    return (
        [(block.shape, block.num_states) for block in graph.variables],
        evidence[variables],
        network.num_states[variables],
        [network.labels.get(int(v), nothing) for v in variables],
        [(factor.scope, factor.table) for factor in factors],
    )
