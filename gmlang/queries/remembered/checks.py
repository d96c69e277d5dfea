"""Whether an answer from a file can be the answer: whatever can be checked at once is.

An assignment is scored again. That another one would score higher, or that a probability is off,
nobody sees without answering anew; a digest tells of damage, and who may write into the folder is
trusted that far.
"""

import math
from typing import cast

import numpy as np

from gmlang.queries.remembered.files import UnusableError
from gmruntime.answer import (
    Answer,
    AssignmentsAnswer,
    Best,
    JointAnswer,
    LogPartitionAnswer,
    Map,
    MarginalMapAnswer,
    Marginals,
    MarginalsAnswer,
    Query,
    Samples,
    SolutionsAnswer,
)
from gmruntime.graph import block_starts, log_score, num_states
from gmruntime.quality import is_proved, tolerance
from gmruntime.task import Task

_SUM_TOLERANCE = 1e-6
"""Probabilities are added up in float64; damage is larger."""


def check(task: Task[Query], found: Answer) -> None:
    """Refuse what cannot be the answer to a question.

    Raises:
        UnusableError: saying why.
    """
    match found:
        case MarginalsAnswer():
            _check_marginals(task, found)
        case JointAnswer():
            _check_joint(task, found)
        case AssignmentsAnswer():
            _check_assignments(task, found)
        case LogPartitionAnswer():
            _check_ends(found.log_value, found.log_lower, found.log_upper)
        case MarginalMapAnswer():
            _check_states(task, found)
        case SolutionsAnswer():
            _check_count(task, found)


def _need(holds: bool, message: str) -> None:
    if not holds:
        raise UnusableError(message)


def _is_array(value: object, kind: str) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == np.dtype(kind)


def _is_float(value: object) -> bool:
    return isinstance(value, float)


def _check_distribution(p: np.ndarray) -> None:
    """Refuse rows that are no probabilities."""
    _need(bool((p >= 0.0).all()), "a probability is below zero")
    sums = p.sum(axis=-1)
    _need(bool((np.abs(sums - 1.0) <= _SUM_TOLERANCE).all()), "probabilities do not sum to one")


def _check_marginals(task: Task[Query], found: MarginalsAnswer) -> None:
    graph, query = task.graph, task.query
    _need(isinstance(query, Marginals), "it answers another question")
    assert isinstance(query, Marginals)
    _need(found.lower is None and found.upper is None, "an exact answer has no bounds")
    _need(_is_float(found.log_partition), "log Z is no number")
    read = cast("object", found.probabilities)
    _need(isinstance(read, tuple), "blocks are missing")
    blocks = cast("tuple[object, ...]", read)
    _need(len(blocks) == len(graph.variables), "blocks are missing")
    listed = np.arange(graph.num_variables) if query.variables is None else query.variables
    starts = block_starts(graph)
    for number, (block, p) in enumerate(zip(graph.variables, blocks, strict=True)):
        _need(_is_array(p, "<f8"), "probabilities are no floats")
        assert isinstance(p, np.ndarray)
        _need(p.shape == (*block.shape, block.num_states), "a block has another shape")
        first, last = starts[number], starts[number + 1]
        own = listed[(listed >= first) & (listed < last)]
        rows = p.reshape(-1, block.num_states)[own - first]
        _check_distribution(rows)
        seen = task.evidence[own]
        certain = rows[seen >= 0, seen[seen >= 0]]
        off = np.abs(certain - 1.0).max(initial=0.0)
        _need(bool(off <= _SUM_TOLERANCE), "what is observed is not certain")


def _check_joint(task: Task[Query], found: JointAnswer) -> None:
    variables = getattr(task.query, "variables", None)
    p = found.probabilities
    _need(variables is not None and _is_array(p, "<f8"), "probabilities are no floats")
    variables = np.asarray(variables)
    sizes = num_states(task.graph)[variables]
    _need(p.shape == tuple(sizes.tolist()), "it has another shape")
    _check_distribution(p.reshape(1, -1))
    seen = task.evidence[variables]
    index = tuple(int(s) if s >= 0 else slice(None) for s in seen)
    inside = float(np.sum(p[index]))
    _need(abs(inside - 1.0) <= _SUM_TOLERANCE, "what is observed is not certain")


def _check_rows(task: Task[Query], rows: np.ndarray) -> None:
    """Refuse assignments with states that there are not, or that disagree with the evidence."""
    graph, seen = task.graph, task.evidence >= 0
    _need(_is_array(rows, "<i4") and rows.ndim == 2, "assignments are no whole numbers")
    _need(rows.shape[1] == graph.num_variables, "assignments have another length")
    sizes = num_states(graph)
    _need(bool(((rows >= 0) & (rows < sizes)).all()), "a state is out of range")
    agrees = bool((rows[:, seen] == task.evidence[seen]).all())
    _need(agrees, "an assignment disagrees with what is observed")


def _check_assignments(task: Task[Query], found: AssignmentsAnswer) -> None:
    rows, scores, query = found.assignments, found.log_scores, task.query
    _check_rows(task, rows)
    _need(_is_array(scores, "<f8") and scores.shape == (len(rows),), "scores are missing")
    _need(_is_float(found.log_upper), "the bound is no number")
    again = log_score(task.graph, rows)
    _need(bool(np.isfinite(again).all()), "an assignment is impossible")
    apart = np.abs(again - scores)
    allowed = np.array([tolerance(score) for score in again.tolist()])
    _need(bool((apart <= allowed).all()), "an assignment scores otherwise")
    match query:
        case Map():
            _need(len(rows) == 1, "there is more than one assignment")
        case Best():
            _need(1 <= len(rows) <= query.count, "there are too many assignments")
            asked = slice(None) if query.variables is None else query.variables
            _need(len(np.unique(rows[:, asked], axis=0)) == len(rows), "two are the same")
            _need(bool((np.diff(scores) <= allowed[1:]).all()), "the best is not the first")
        case Samples():
            _need(len(rows) == query.count, "draws are missing")
            return
        case _:
            raise UnusableError("it answers another question")
    _need(is_proved(float(scores[0]), found.log_upper), "the best is not proved best")


def _check_ends(value: object, lower: object, upper: object) -> None:
    """Refuse an exact log value that is none, or lies outside its bounds."""
    _need(all(map(_is_float, (value, lower, upper))), "a log value is no number")
    assert isinstance(value, float)
    assert isinstance(lower, float)
    assert isinstance(upper, float)
    _need(math.isfinite(value), "a log value is not finite")
    spare = tolerance(value)
    _need(lower <= value + spare and value <= upper + spare, "it lies outside its bounds")


def _check_states(task: Task[Query], found: MarginalMapAnswer) -> None:
    variables = np.asarray(getattr(task.query, "variables", None))
    _need(_is_array(found.states, "<i4"), "states are no whole numbers")
    _need(found.states.shape == variables.shape, "states are missing")
    sizes = num_states(task.graph)[variables]
    _need(bool(((found.states >= 0) & (found.states < sizes)).all()), "a state is out of range")
    seen = task.evidence[variables]
    _need(bool(((seen < 0) | (seen == found.states)).all()), "it disagrees with what is observed")
    _check_ends(found.log_value, found.log_lower, found.log_upper)


def _check_count(task: Task[Query], found: SolutionsAnswer) -> None:
    _check_ends(found.log_count, found.log_lower, found.log_upper)
    count = found.count
    _need(isinstance(count, int) and count >= 1, "it counts nothing")
    assert isinstance(count, int)
    off = abs(math.log(count) - found.log_count)
    _need(off <= _SUM_TOLERANCE * max(1.0, found.log_count), "its log is another")
    sizes = num_states(task.graph)[task.evidence < 0]
    most = float(np.log(sizes.astype(np.float64)).sum())
    _need(math.log(count) <= most * (1.0 + _SUM_TOLERANCE) + _SUM_TOLERANCE, "it counts too many")
