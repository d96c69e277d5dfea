"""One question asked of many rows of evidence: the answers it has with what each row observes.

A question that the runtime answers as it is (`Single`) is grounded once and put to it for all rows
at once; one made of others has these answered for all rows; what looks at the graph itself
(`Several`) is asked with each row among its observations. Equal rows are answered once.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import repeat
from typing import TypeVar

import numpy as np

from gmlang.core.program import Query
from gmlang.diagnostics import GmError, Source, Span
from gmlang.errors import asking as errors
from gmlang.errors import later
from gmlang.graph.builder import evidence_of
from gmlang.graph.from_core import Grounding
from gmlang.graph.regions import check_regions
from gmlang.graph.values.environment import NoValue
from gmlang.graph.world.names import named_in
from gmlang.graph.world.states import States
from gmlang.graph.world.world import World
from gmlang.queries.answers import Answer
from gmlang.queries.composed.together import prepare_together, together
from gmlang.queries.decisions.said import has_choices
from gmlang.queries.decisions.solving import with_open_choices
from gmlang.queries.dispatch import (
    answer_within,
    contradicted,
    ground_first,
    is_late,
    unanswered,
    written,
)
from gmlang.queries.question import Composed, Several, Single
from gmlang.queries.questions import question_of
from gmlang.queries.reading import asked_once
from gmlang.queries.reals.quadrature import over_nodes
from gmlang.queries.remembered.copies import to_give
from gmlang.queries.session import (
    Prepared,
    Session,
    ask_rows,
    base_grounding,
    grounding_for,
    prepare_for_rows,
)
from gmlang.queries.settings import Settings, begin
from gmlang.queries.worlds.done import world_of, world_of_all
from gmruntime.answer import Marginals
from gmruntime.answer import Query as RuntimeQuery
from gmruntime.arrays import Bool, Int32, Int64
from gmruntime.budget import Budget
from gmruntime.rows.cutting.distinct import distinct

_T = TypeVar("_T")

_CELL_BYTES = 16
"""What a cell of the evidence takes: as it is read, joined to a query's own, merged and asked."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Rows of evidence, read for whatever world a question is asked in.

    Attributes:
        count: of the rows.
        states: of a world, the state of each of its first variables in each row, -1 where it was
            not seen; all that have a name are among them.
    """

    count: int
    states: Callable[[World], Int32[np.ndarray, "rows variables"]]


@dataclass(frozen=True, slots=True, eq=False)
class _Evidence:
    """What the rows and a query observe together.

    Attributes:
        states: of each variable, in each distinct row; -1 where it is not observed.
        clashes: whether a distinct row contradicts what the query or the program observes.
        which: for each row, the distinct one; these are numbered in the order of the rows.
        first: where each distinct row stands first.
    """

    states: Int32[np.ndarray, "distinct variables"]
    clashes: Bool[np.ndarray, " distinct"]
    which: Int64[np.ndarray, " rows"]
    first: Int64[np.ndarray, " distinct"]


def answer_each(session: Session, query: Query, seen: Seen, settings: Settings) -> Iterator[Answer]:
    """Yield the answer to a query about each row, in order, all within one budget.

    Each is the answer that the query has where the program observes the row as well, with the
    seconds from the query to that answer. A row that contradicts is impossible; what there is
    no time for, or a calculation has no value for, is not known of that row.

    Raises:
        GmError: when the query or the rows do not fit the program.
    """
    ground_first(session, query, settings)
    read_first(session, query, seen, settings)
    memory = session.memory if settings.remembers else None
    settings = replace(settings, workspace=session.workspace, memory=memory)
    settings = begin(settings, query.within_s)
    budget, found = settings.running(), _each(session, query, seen, settings)
    nothing, late = unanswered(query, settings), None
    for one in _in_time(found, nothing, seen.count, budget):
        if one is nothing:
            # There may be a million of them, and the time is over.
            late = late or replace(nothing, seconds=budget.spent_s(), name=query.name)
            yield late
        else:
            yield replace(one, seconds=budget.spent_s(), name=query.name)


def _in_time(found: Iterator[_T], nothing: _T, count: int, budget: Budget) -> Iterator[_T]:
    """Yield so many of what is found, and in its place what says nothing once it is late."""
    for number in range(count):
        its = None
        with suppress(TimeoutError):
            its = None if is_late(budget) else next(found, None)
        if its is None:
            # Late is late for all that follow, and an iterator that has raised is over.
            yield from repeat(nothing, count - number)
            return
        yield its


def _each(session: Session, query: Query, seen: Seen, settings: Settings) -> Iterator[Answer]:
    session, query = world_of(session, query)
    if query.imagined:
        raise GmError([later.imagined_rows(query.span, query.text)])
    if has_choices(session.program) and not query.decides:
        return _several(session, query, Several(answer_within), seen, settings)
    match question_of(query).answered:
        case Single():
            return _single(session, query, seen, settings)
        case Several() as how:
            return _several(session, query, how, seen, settings)
        case Composed() as how:
            return _composed(session, query, how, seen, settings)


def _single(session: Session, query: Query, seen: Seen, settings: Settings) -> Iterator[Answer]:
    how = question_of(query).answered
    assert isinstance(how, Single)
    prepared = prepare_for_rows(session, query, settings.running())
    question = how.question(prepared, query)
    pieces = [(query, prepared)]
    for (answer,) in _put(prepared, question, pieces, seen, settings):
        yield answer


def _group(
    session: Session, group: Sequence[Query], seen: Seen, settings: Settings
) -> Iterator[Sequence[Answer]]:
    """Answer queries that need marginals under the same conditions by one question."""
    session, group = world_of_all(session, group)
    prepared, pieces = prepare_together(session, group, settings.running(), prepare_for_rows)
    question = Marginals(asked_once(prepared))
    return _put(prepared, question, list(zip(group, pieces, strict=True)), seen, settings)


def _put(
    prepared: Prepared,
    question: RuntimeQuery,
    pieces: Sequence[tuple[Query, Prepared]],
    seen: Seen,
    settings: Settings,
) -> Iterator[Sequence[Answer]]:
    """Put a question to the runtime for all rows, and write its answers for each query.

    Args:
        prepared: with the graph that is asked about.
        question: about it.
        pieces: the queries that it answers, each with its own targets.
        seen: the rows.
        settings: with a budget that has begun.
    """
    first, _ = pieces[0]
    _refuse_hidden(prepared, first)
    evidence = _evidence(prepared, seen, first, settings)
    possible = evidence.states[~evidence.clashes]
    _check_rows(prepared, possible)
    answers = ask_rows(prepared, question, possible, settings, first)

    def distinct_ones() -> Iterator[Sequence[Answer]]:
        for is_clash in evidence.clashes.tolist():
            if is_clash:
                yield [contradicted(query, _impossible_value(query)) for query, _ in pieces]
                continue
            found = next(answers)
            if found is None:
                yield [unanswered(query, settings) for query, _ in pieces]
            else:
                yield [written(piece, query, found) for query, piece in pieces]

    return _of_rows(evidence.which, distinct_ones())


def _refuse_hidden(prepared: Prepared, query: Query) -> None:
    """Refuse rows where reals are hidden: each would have to be asked about twice."""
    world = prepared.grounding.world
    if world.hidden_reals or world.joint_reals:
        raise GmError([later.rows_of_reals(query.span, query.span.text)])


def _impossible_value(query: Query) -> object:
    how = question_of(query).answered
    return how.impossible if isinstance(how, Single) else None


def _several(
    session: Session, query: Query, how: Several, seen: Seen, settings: Settings
) -> Iterator[Answer]:
    """Ask a question of several parts about each distinct row."""
    budget = settings.running()
    if not how.needs_graph:
        # What it is about is nothing that rows observe; they have to be read all the same.
        states_in(seen, base_grounding(session, settings.allowed_bytes()), query, settings)
        answer = over_nodes(session, query, settings, how.answer).as_it_says()
        yield from (to_give(answer, answer.seconds, answer.note) for _ in range(seen.count))
        return
    own = replace(session, base=grounding_for(session, query, budget))
    prepared = prepare_for_rows(with_open_choices(own), query, budget)
    _refuse_hidden(prepared, query)
    evidence = _evidence(prepared, seen, query, settings)
    possible = evidence.states[~evidence.clashes]
    _check_rows(prepared, possible)
    if how.each is not None:
        told = how.each(prepared, query, possible, settings)
        clashes = evidence.clashes.tolist()
        found = (
            [contradicted(query, None) if clash else next(told).as_it_says()] for clash in clashes
        )
        for (answer,) in _of_rows(evidence.which, found):
            yield answer
        return
    rows = states_in(seen, prepared.grounding, query, settings)
    texts = _texts(prepared.grounding.world)

    def distinct_ones() -> Iterator[Sequence[Answer]]:
        for number, r in enumerate(evidence.first.tolist()):
            share = replace(settings, budget=budget.share(1.0 / (len(evidence.first) - number)))
            one = replace(own, seen=tuple(_observed(rows[r], texts)))
            try:
                yield [how.answer(one, query, share).as_it_says()]
            except TimeoutError:
                yield [unanswered(query, settings)]

    for (answer,) in _of_rows(evidence.which, distinct_ones()):
        yield answer


def _composed(
    session: Session, query: Query, how: Composed, seen: Seen, settings: Settings
) -> Iterator[Answer]:
    """Answer what a question is made of, for all rows, and put that together for each."""
    whole = how.written_out(session.world, query)
    for answers in _inner(session, whole.inner(), seen, settings):
        try:
            yield how.compose(session.world, whole, answers)
        except NoValue as error:
            # One row divides by zero, say: that is no mistake in the others.
            why = "; ".join(found.message for found in error.diagnostics)
            yield replace(unanswered(query, settings), note=why)


def _inner(
    session: Session, queries: Sequence[Query], seen: Seen, settings: Settings
) -> Iterator[Sequence[Answer]]:
    """Answer queries that share one budget, each for all rows; yield all answers about each row."""
    columns: dict[int, Sequence[Answer]] = {number: () for number in range(len(queries))}
    num_done = 0
    for numbers in together(queries):
        group = [queries[number] for number in numbers]
        part = len(numbers) / (len(queries) - num_done)
        num_done += len(numbers)
        shared = replace(settings, budget=settings.running().share(part))
        shared = begin(shared, group[0].within_s)
        if len(group) > 1:
            found = _group(session, group, seen, shared)
        else:
            found = ((one,) for one in _each(session, group[0], seen, shared))
        nothing = [unanswered(query, settings) for query in group]
        rows = _in_time(found, nothing, seen.count, shared.running())
        for number, column in zip(numbers, zip(*rows, strict=True), strict=False):
            name = queries[number].name
            columns[number] = [replace(one, name=name) for one in column] if name else column
    yield from zip(*(columns[number] for number in range(len(queries))), strict=True)


def read_first(session: Session, query: Query, seen: Seen, settings: Settings) -> None:
    """Read the rows, once for all queries as the program is grounded: before the clock starts.

    Raises:
        GmError: where they do not fit the memory or the program.
    """
    if session.base is not None or not seen.count:
        states_in(seen, base_grounding(session, settings.allowed_bytes()), query, settings)


def states_in(
    seen: Seen, grounding: Grounding, query: Query, settings: Settings
) -> Int32[np.ndarray, "rows variables"]:
    """Read the rows for a grounded program, where they fit the memory.

    Raises:
        GmError: where they do not, or do not fit the program.
    """
    variables = grounding.builder.num_variables
    needed = _CELL_BYTES * seen.count * variables
    if needed > settings.allowed_bytes():
        raise GmError([errors.rows_too_large(query.span, seen.count, variables, needed)])
    return seen.states(grounding.world)


def _evidence(prepared: Prepared, seen: Seen, query: Query, settings: Settings) -> _Evidence:
    """Join what rows observe to what the query and the program observe."""
    own, is_clash = prepared.evidence()
    found = states_in(seen, prepared.grounding, query, settings)
    rows = np.full((seen.count, len(own)), -1, np.int32)
    rows[:, : found.shape[1]] = found
    clashes = ((rows >= 0) & (own >= 0) & (rows != own)).any(axis=1) | is_clash
    rows = np.where(rows >= 0, rows, own)
    first = which = np.zeros(0, np.int64)
    if seen.count:
        first, which = distinct(rows, clashes[:, None].astype(np.int32))
    return _Evidence(rows[first], clashes[first], which, first)


def _of_rows(
    which: Int64[np.ndarray, " rows"], found: Iterator[Sequence[Answer]]
) -> Iterator[Sequence[Answer]]:
    """Yield the answers about each row by those about the distinct ones: a copy for each."""
    known: list[Sequence[Answer]] = []
    for d in which.tolist():
        if d < len(known):
            yield [to_give(one, one.seconds, one.note) for one in known[d]]
            continue
        its = next(found, None)
        if its is None:
            return
        known.append(its)
        yield its


# --- Rows as observations of a program -------------------------------------------------------


def _texts(world: World) -> dict[int, tuple[str, States]]:
    """Name each variable, as `wet` or `x[2]`, with its states."""
    found: dict[int, tuple[str, States]] = {}
    for named in named_in(world):
        for place in np.ndindex(*named.variables.shape):
            index = f"[{', '.join(map(str, place))}]" if place else ""
            found[int(named.variables[place])] = named.name + index, named.states
    return found


def _observed(
    row: Int32[np.ndarray, " variables"], texts: dict[int, tuple[str, States]]
) -> Iterator[tuple[np.ndarray, np.ndarray, Span]]:
    """Write what a row observes as the program would, and where: in a text of its own."""
    for v in np.flatnonzero(row >= 0).tolist():
        # Which row of data it is has no name, and no states but numbers.
        name, states = texts.get(v, ("row", None))
        text = f"{name} = {row[v] if states is None else states.label(int(row[v]))}"
        span = Span(Source("the row", text), 0, len(text))
        yield np.array([v]), row[v : v + 1], span


def _check_rows(prepared: Prepared, rows: np.ndarray) -> None:
    """Check that a query has a value wherever rows of evidence lead.

    Args:
        prepared: with the query's graph.
        rows: the state of each observed variable, the query's own among them, in each row.

    Raises:
        GmError: with the statements that have none in some state that nothing excludes.
        TimeoutError: when the budget ended first.
    """
    builder, world = prepared.builder, prepared.grounding.world
    try:
        check_regions(builder, world, evidence_of(builder)[0])
    except GmError:
        # What a row says may exclude what the query alone does not.
        for row in rows:
            check_regions(builder, world, row)
            if world.budget is not None:
                world.budget.check()
    world.allow(None, None)
