"""One query in, one answer out, whatever its kind."""

from collections.abc import Sequence
from dataclasses import replace

from gmlang.core.composed import Calculation
from gmlang.core.program import Assert, Query
from gmlang.queries.answers import NO_TIME, Answer, AssertAnswer, changed, with_quality
from gmlang.queries.composed.calculate import calculate, numbers_of
from gmlang.queries.composed.together import prepare_together, together
from gmlang.queries.composed.writing_out import calculated
from gmlang.queries.decisions.solving import as_followed, following, follows, under_policy
from gmlang.queries.grids.refining import is_first_look, refined
from gmlang.queries.question import Composed, Several, Single
from gmlang.queries.questions import answer_class, question_of
from gmlang.queries.reading import asked_once
from gmlang.queries.reals.quadrature import all_over_nodes, over_nodes
from gmlang.queries.remembered.whole import find_whole, keep_whole, key_of
from gmlang.queries.rows.approximate import approximated
from gmlang.queries.rows.preparing import refuse_joint
from gmlang.queries.session import Prepared, Session, ask, ground_before, prepare
from gmlang.queries.settings import Settings, begin
from gmlang.queries.worlds.done import world_of, world_of_all
from gmlang.queries.worlds.imagined import as_imagined
from gmruntime.answer import Answer as RuntimeAnswer
from gmruntime.answer import Marginals
from gmruntime.budget import Budget, now_s

LATE_S = 0.25
"""Of queries that share a budget, the later ones are begun until so long after its end: what is
small is answered all the same."""


def answer(session: Session, question: Query | Assert, settings: Settings) -> Answer:
    """Answer a query, or check an assertion.

    Raises:
        GmError: when the question does not fit the program or its data.
    """
    asked = compared(question) if isinstance(question, Assert) else question
    start_s = now_s()
    key = key_of(session, question, settings)
    known = None if key is None else find_whole(session, key, start_s)
    if known is not None:
        return known
    here, inner = world_of(session, asked)
    if here is session:
        ground_first(session, asked, settings)
        start_s = now_s()
    memory = here.memory if settings.remembers else None
    settings = replace(settings, workspace=here.workspace, memory=memory, guide=here.guide)
    try:
        if isinstance(question, Assert):
            settings = begin(settings, None)
            found = _check_assertion(session, question, settings)
        else:
            settings = begin(settings, question.within_s)
            found = over_nodes(here, inner, settings, answer_within)
    except TimeoutError:
        # Its time was over before the runtime could be asked.
        found = unanswered(question, settings)
    found = changed(found.as_it_says(), seconds=now_s() - start_s, name=asked.name)
    # What a budget has cut short may say less than it might.
    if key is not None and not settings.running().is_spent():
        keep_whole(session, key, question, found)
    return found


def answer_within(session: Session, query: Query, settings: Settings) -> Answer:
    """Answer a query within a budget that has begun, in the world that it is about."""
    if follows(query):
        return under_policy(session, query, settings, _answered)
    return _answered(session, query, settings)


def _answered(session: Session, query: Query, settings: Settings) -> Answer:
    match question_of(query).answered:
        case Several(answer=answer_it):
            refuse_joint(session.program, query)
            return answer_it(session, query, settings)
        case Composed(written_out=written_out, compose=compose):
            whole = written_out(session.world, query)
            return compose(session.world, whole, _answer_each(session, whole.inner(), settings))
        case Single() if is_first_look(session):
            from gmlang.queries.grids.certifying import certified

            own = refined(session, query, settings)
            over = over_nodes(own, query, settings, answer_within)
            return certified(own, query, settings, over)
        case Single(question, impossible=impossible):
            prepared = prepare(session, query, settings.running())
            evidence, clash = prepared.evidence()
            if clash:
                return contradicted(query, impossible)
            if prepared.histories is not None:
                from gmlang.queries.rows.switching.over_histories import answer_followed

                return answer_followed(prepared, query, settings)
            if prepared.settled is not None:
                from gmlang.queries.rows.over_settings import answer_settled

                return answer_settled(prepared, query, settings)
            is_whole = prepared.integrated is not None and query.names_states
            if prepared.asked_reals is not None or is_whole:
                from gmlang.queries.rows.answering import answer_reals

                return approximated(prepared, answer_reals(prepared, query, settings))
            found = ask(prepared, question(prepared, query), evidence, settings, query)
            if prepared.twin is not None:
                found = as_imagined(prepared, query, found, evidence, settings.running())
            return approximated(prepared, written(prepared, query, found))


def written(prepared: Prepared, query: Query, found: RuntimeAnswer) -> Answer:
    """Write what the runtime answered to a query that it answers as it is, with how good it is."""
    how = question_of(query).answered
    assert isinstance(how, Single)
    quality = found.quality if how.quality is None else how.quality(prepared, query, found)
    return with_quality(how.read(prepared, query, found), quality).as_it_says()


def seconds_for(question: Query | Assert, settings: Settings) -> float:
    """Return the seconds that a question may take: its own, or those of the settings."""
    own_s = question.within_s if isinstance(question, Query) else None
    return own_s or settings.budget_s


def unanswered(question: Query | Assert, settings: Settings) -> Answer:
    """Return the answer that says nothing, for a question that was left alone."""
    seconds = seconds_for(question, settings)
    is_query = isinstance(question, Query)
    made = answer_class(question) if is_query else AssertAnswer
    name = question.name if is_query else ""
    return made(question.text, "estimate", seconds=seconds, name=name, note=NO_TIME)


def _answer_each(session: Session, queries: Sequence[Query], settings: Settings) -> list[Answer]:
    """Answer queries that share one budget: what is no exact answer gets its share of the time."""
    found: dict[int, Answer] = {}
    for numbers in together(queries):
        part = len(numbers) / (len(queries) - len(found))
        shared = replace(settings, estimate_share=settings.estimate_share * part)
        group = [queries[number] for number in numbers]
        if found and is_late(settings.running()):
            found.update({number: unanswered(queries[number], settings) for number in numbers})
        elif len(group) > 1:
            try:
                here, group = world_of_all(session, group)
                answers = all_over_nodes(here, group, shared, _answer_at_once)
            except TimeoutError:
                answers = [unanswered(query, settings) for query in group]
            found.update(zip(numbers, answers, strict=True))
        else:
            found[numbers[0]] = answer(session, group[0], shared)
    return [found[number] for number in range(len(queries))]


def is_late(budget: Budget) -> bool:
    """Say whether a budget was ended, or is over so long that nothing more is begun."""
    return budget.is_spent() and not 0.0 <= budget.spent_s() - budget.seconds < LATE_S


def _answer_at_once(session: Session, group: Sequence[Query], settings: Settings) -> list[Answer]:
    """Answer queries that need marginals under the same conditions by one question."""
    start_s = now_s()
    session = following(session, group[0], settings)
    if is_first_look(session):
        session = refined(session, group[0], settings)
    prepared, pieces = prepare_together(session, group, settings.running(), prepare)
    evidence, clash = prepared.evidence()
    if clash:
        return [contradicted(query, None) for query in group]
    wanted = Marginals(asked_once(prepared))
    found = ask(prepared, wanted, evidence, settings, group[0])
    answers: list[Answer] = []
    for query, piece in zip(group, pieces, strict=True):
        # To read an answer takes time too: of thousands, as much as to find them.
        is_over = bool(answers) and is_late(settings.running())
        one = unanswered(query, settings) if is_over else written(piece, query, found)
        one = as_followed(session, one if is_over else approximated(prepared, one))
        answers.append(changed(one, seconds=now_s() - start_s, name=query.name))
    return answers


def contradicted(query: Query, value: object) -> Answer:
    """Return the answer where two observations contradict each other; `value` is what it has."""
    note = "two observations contradict each other"
    return answer_class(query)(query.text, "impossible", value, note=note)


def ground_first(session: Session, query: Query, settings: Settings) -> None:
    """Make the program's own graph, which serves all its questions, before the clock starts."""
    session, query = world_of(session, query)
    if settings.budget is not None or session.base is not None or session.is_world:
        return
    match question_of(query).answered:
        case Composed(written_out=written_out):
            for inner in written_out(session.world, query).inner():
                ground_first(session, inner, settings)
        case Several(needs_graph=False):
            pass
        case _:
            ground_before(session, query, settings.allowed_bytes())


def compared(question: Assert) -> Calculation:
    """Return the calculation whose value an assertion is about."""
    return Calculation(
        question.span, question.text, expression=question.condition, queries=question.queries
    )


def _check_assertion(session: Session, question: Assert, settings: Settings) -> Answer:
    """Check a test inside a program; `held` says whether it holds.

    Raises:
        GmError: when a query in it has no single number as its answer.
    """
    whole = calculated(session.world, compared(question))
    answers = _answer_each(session, whole.queries, settings)
    numbers = numbers_of(whole.expression, answers)
    shown = (f"{answers[k].text} = {answers[k].shown_number(n)}" for k, n in numbers.items())
    # What is not known holds nothing up, whichever way it is compared.
    found = calculate(session.world, whole.expression, answers)
    held = bool(found.value)
    return AssertAnswer(question.text, found.status.value, held, note="; ".join(shown))
