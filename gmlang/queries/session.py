"""A grounded program that is ready to be asked, and what every kind of question needs of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from gmlang.core.ast import Context, Expression
from gmlang.core.check.joint.routes import Key, joint_keys, real_keys
from gmlang.core.mentions import expressions_of, held_in, mentions
from gmlang.core.program import (
    DoGiven,
    EventGiven,
    FollowGiven,
    Given,
    ObservedGiven,
    Program,
    Query,
    VariableGiven,
)
from gmlang.core.walk import is_real_reference
from gmlang.diagnostics import Diagnostic, GmError, Span
from gmlang.graph.builder import Builder, Origin, evidence_of
from gmlang.graph.from_core import Begun, Grounding, begin_grounding, ground
from gmlang.graph.gathering import joined_variables
from gmlang.graph.holders import add_holders, leave_out_implied
from gmlang.graph.lowering.grounder import Grounder, Job, environment
from gmlang.graph.lowering.lower import lower
from gmlang.graph.observations import observe, observe_alike
from gmlang.graph.regions import check_regions
from gmlang.graph.values import terms
from gmlang.graph.world.axes import Part
from gmlang.graph.world.instances import all_exist
from gmlang.graph.world.places import locate_array
from gmlang.graph.world.world import ONE_INSTANCE, World
from gmlang.process.collecting import look_through, nothing_collected
from gmlang.queries.decisions.decided import Followed, set_by_loop, settle_choices
from gmlang.queries.reals.seen import nodes_matter, with_seen_reals
from gmlang.queries.remembered.asking import ask_graph, ask_graph_rows
from gmlang.queries.remembered.memory import Memory
from gmlang.queries.remembered.names import Names
from gmlang.queries.rows.preparing import asked_beside, check_takes_joint, integrated, reals_of
from gmlang.queries.settings import Guide, Settings
from gmlang.queries.targets import Target, picked, target_of
from gmlang.queries.waking.asking import AwakePart, awake, may_wake, with_sleepers
from gmlang.queries.worlds.twin import Twin, imagine
from gmruntime.answer import Answer as RuntimeAnswer
from gmruntime.answer import Query as RuntimeQuery
from gmruntime.budget import Budget
from gmruntime.graph import FactorGraph, VariableBlock
from gmruntime.waking.answer import Woken
from gmruntime.workspace import Workspace

if TYPE_CHECKING:
    from gmlang.queries.rows.asked import AskedReals
    from gmlang.queries.rows.integrating import Integrated
    from gmlang.queries.rows.settings import Settled
    from gmlang.queries.rows.switching.histories import Histories

GROUNDED_S = 0.25
"""A question may take so long to be grounded, however short its budget: most are at once."""

_MANY_BLOCKS = 4096
"""Programs of so many are looked through by the collector once, before they are asked."""


@dataclass(slots=True, eq=False)
class Session:
    """A checked program with its data, grounded once and asked many times.

    Attributes:
        base: the program without any query's instances; None until it is first needed.
        workspace: what is kept from query to query.
        warnings: what grounding the program, and queries about other instances, brought to light.
        memory: answers that were given; models with other data may share it.
        names: by which its questions are found there.
        seen: variables, their states and what said so: evidence of every question.
        guide: says where searches for a maximum begin; None lets them begin where they like.
        coarse: asks the same with fewer nodes of hidden reals; None until that is needed.
        worlds: in which something was done, by what that was, as it is written out.
        is_world: whether it is one of these: its program is grounded within a question's budget.
        followed: what choices do that no condition sets.
        refined: by what a question supposes, asks the same with panels that fit it.
    """

    program: Program
    world: World
    base: Grounding | None = None
    workspace: Workspace = field(default_factory=Workspace)
    warnings: list[Diagnostic] = field(default_factory=list[Diagnostic])
    memory: Memory = field(default_factory=Memory)
    names: Names = field(default_factory=Names)
    seen: tuple[tuple[np.ndarray, np.ndarray, Span], ...] = ()
    guide: Guide | None = None
    coarse: "Session | None" = None
    worlds: "dict[str, Session]" = field(default_factory=dict[str, "Session"])
    is_world: bool = False
    followed: Followed | None = None
    refined: "dict[object, Session]" = field(default_factory=lambda: {})


@dataclass(slots=True, eq=False)
class Prepared:
    """A query's own graph: the program's, its evidence, and auxiliary variables for its events.

    Attributes:
        asked_reals: what is asked for in terms of joint reals; None where no such real is.
        integrated: the graph without its joint reals; None where there are none.
        is_contradicted: whether a joint real was observed to be two numbers.
        settled: settings of what their rows depend on; None where all of that is known.
        histories: the graph, where reals have too many states around them to add up; else None.
        conditioned: variables behind the bar whose value is left open (indep).
        twin: copies of what would have been otherwise; None where nothing is imagined.
        told: by the identity of a query, itself and what its answers speak of: worked out once for
            many rows.
    """

    grounding: Grounding
    grounder: Grounder
    targets: list[Target] = field(default_factory=list[Target])
    asked_reals: "AskedReals | None" = None
    integrated: "Integrated | None" = None
    is_contradicted: bool = False
    settled: "Settled | None" = None
    histories: "Histories | None" = None
    conditioned: list[int] = field(default_factory=list[int])
    twin: Twin | None = None
    told: dict[int, tuple[Query, tuple[Part, ...]]] = field(
        default_factory=dict[int, tuple[Query, tuple[Part, ...]]]
    )

    @property
    def builder(self) -> Builder:
        """The graph so far."""
        return self.grounder.builder

    def graph(self) -> FactorGraph:
        """Return the query's factor graph, gathered, with joint reals integrated out.

        Raises:
            GmError: where there are too many states around some.
        """
        if self.histories is not None:
            raise GmError([self.histories.refusal])
        return self.finite_graph() if self.integrated is None else self.integrated.graph

    def finite_graph(self) -> FactorGraph:
        """Return the graph of what is said of finite variables alone."""
        builder = self.builder
        factors = self.grounding.gathered.of(builder.factors)
        return FactorGraph(self.variables(), factors)

    def variables(self) -> tuple[VariableBlock, ...]:
        """Return the blocks of that graph's variables."""
        return joined_variables(self.builder.variables)

    def evidence(self) -> tuple[np.ndarray, bool]:
        """Return the state of each observed variable, and whether observations clash."""
        evidence, clash = evidence_of(self.builder)
        return evidence, clash or self.is_contradicted


def check_defined(grounding: Grounding) -> Grounding:
    """Return a grounded program that has a value wherever its own evidence leads.

    Raises:
        GmError: with the statements that have none in some state that nothing excludes.
    """
    evidence, clash = evidence_of(grounding.builder)
    if not clash:
        check_regions(grounding.builder, grounding.world, evidence)
    return grounding


def base_grounding(
    session: Session, memory_bytes: int | None = None, budget: Budget | None = None
) -> Grounding:
    """Return the grounded program, grounding it, within memory, when that has not been done."""
    if session.base is None:
        within = budget if session.is_world else None
        found = session.program, session.world
        grounding = ground(*found, budget=within, memory_bytes=memory_bytes)
        session.base = _heard(session, grounding)
    return session.base


def ground_before(session: Session, query: Query, memory_bytes: int) -> None:
    """Ground the program where its own graph serves a query, which mentions nothing new."""
    extra = mentions(query)
    if not extra or _are_joint(session, extra):
        base_grounding(session, memory_bytes)
    elif session.base is None:
        begun = begin_grounding(session.program, session.world, extra)
        if begun.is_own:
            _finished(session, begun, None, memory_bytes)


def grounding_for(session: Session, query: Query, budget: Budget | None) -> Grounding:
    """Return the program's graph with the instances that a query mentions."""
    extra = mentions(query)
    memory_bytes = None if budget is None else budget.memory_bytes
    if not extra:
        return base_grounding(session, memory_bytes, budget)
    base, relates, reals = session.base, query.relates_reals, real_keys(e for _, e in extra)
    if _are_joint(session, extra):
        base, reals = base_grounding(session, memory_bytes, budget), set[Key]()
    if base is not None and not reals and all_exist(base.world, extra, base.names):
        return base
    joint = joint_keys(session.program, extra, relates=relates)
    program = with_seen_reals(session.program, query, joint) if reals else session.program
    begun = begin_grounding(program, session.world, extra, relates=relates)
    return _finished(session, begun, budget, memory_bytes)


def _are_joint(session: Session, extra: list[tuple[Context, Expression]]) -> bool:
    """Say whether what a query mentions are reals, and each one that the program relates."""
    reals = real_keys(e for _, e in extra)
    return bool(reals) and reals <= joint_keys(session.program)


def _finished(
    session: Session, begun: Begun, budget: Budget | None, memory_bytes: int | None
) -> Grounding:
    """Ground what was begun, once where it is the program's own graph, which all questions need."""
    if not begun.is_own:
        return _heard(session, begun.finish(budget))
    if session.base is None:
        within = budget if session.is_world else None
        session.base = _heard(session, begun.finish(within, memory_bytes))
    return session.base


def _heard(session: Session, grounding: Grounding) -> Grounding:
    """Note the warnings that were not heard before."""
    with nothing_collected():
        session.warnings += [w for w in grounding.warnings if w not in session.warnings]
        grounding.gathered.keep(grounding.builder.factors)
    if session.base is None and len(grounding.builder.factors) >= _MANY_BLOCKS:
        look_through()
    return grounding


def prepare(session: Session, query: Query, budget: Budget | None = None) -> Prepared:
    """Build a query's own graph: instances it mentions, its conditions, its events.

    Args:
        session: with the program.
        query: whose graph it is.
        budget: of the query, a moment after whose end it gives up; None takes the time it needs.

    Raises:
        GmError: when the query does not fit the program or its data, or meets a state in which a
            statement has no value.
        TimeoutError: when the budget ended first.
    """
    prepared = prepare_for_rows(session, query, budget)
    check_defined(replace(prepared.grounding, builder=prepared.builder))
    evidence, clash = prepared.evidence()
    if prepared.grounding.joint is not None and not clash:
        graph = prepared.finite_graph(), evidence, prepared.asked_reals
        found = integrated(prepared.grounder, prepared.grounding.joint, query, graph, budget)
        prepared.integrated, prepared.settled = found.integrated, found.settled
        prepared.asked_reals = found.asked
        prepared.histories = found.histories
        prepared.is_contradicted = not (found.integrated or found.settled or found.histories)
    # An answer is read however late it comes.
    prepared.grounding.world.allow(None, None)
    return prepared


def prepare_for_rows(session: Session, query: Query, budget: Budget | None) -> Prepared:
    """Do what `prepare` does, but leave to `check_rows` whether all has a value."""
    budget = budget and budget.at_least(GROUNDED_S)
    quadrature = session.world.quadrature
    was_used = quadrature.is_used
    base = grounding_for(session, query, budget)
    check_takes_joint(base, query)
    world = replace(
        base.world,
        hidden=dict(base.world.hidden),
        data=dict(base.world.data),
        holders=dict(base.world.holders),
    )
    world.allow(budget, None if budget is None else budget.memory_bytes)
    world.has_functions = True  # A question may call what the program does not.
    grounder = Grounder(world, base.builder.copy(), lower, dict(base.names), 1_000_000)
    prepared = Prepared(replace(base, world=world), grounder)
    held = held_in(expression for _, expression in expressions_of(query))
    if held:
        add_holders(grounder, session.program.statements, held.items())
        leave_out_implied(grounder)
    grounder.builder.observed.extend(session.seen)
    for given in observe_alike(grounder, query.given):
        world.check_time()
        _condition(prepared, given)
    if query.imagined:
        prepared.twin = imagine(grounder, session.program, query)
    prepared.asked_reals = reals_of(grounder, base.joint, query)
    asked = query.asked
    if prepared.asked_reals is not None:
        asked = asked_beside(grounder, query.asked) if query.names_states else ()
    prepared.targets = [target_of(prepared.grounder, one) for one in asked]
    settle_choices(session.program, grounder, query, prepared.targets, session.followed)
    quadrature.is_used = was_used or nodes_matter(
        base.world, grounder.builder, query, prepared.targets, prepared.evidence
    )
    return prepared


def _condition(prepared: Prepared, given: Given) -> None:
    grounder = prepared.grounder
    match given:
        case ObservedGiven(target=target) if is_real_reference(target):
            pass  # It was observed when the program was grounded, or is where reals are integrated.
        case EventGiven() if set_by_loop(prepared.grounding.program, grounder, given):
            pass
        case ObservedGiven():
            observe(grounder, ONE_INSTANCE, given.target, given.value, given.span)
        case EventGiven(span=span, condition=condition):
            job = Job(terms.Condition(condition), (), Origin("observe", span))
            lower(grounder, ONE_INSTANCE, job)
        case VariableGiven():
            frame, target = picked(grounder, ONE_INSTANCE, given.target)
            variables, _ = locate_array(target, environment(grounder, frame))
            prepared.conditioned.extend(int(v) for v in variables.reshape(-1))
        case DoGiven():
            raise AssertionError("a question about another world is asked there")
        case FollowGiven():
            pass


def ask(
    prepared: Prepared,
    question: RuntimeQuery,
    evidence: np.ndarray,
    settings: Settings,
    query: Query,
    estimate_share: float = 1.0,
) -> RuntimeAnswer:
    """Put a question about a query's own graph to the runtime.

    Args:
        prepared: with the query's graph.
        question: about it.
        evidence: a state for each observed variable, -1 for the others.
        settings: with a budget that has begun.
        query: that is being answered.
        estimate_share: of the time that is left, for an answer that is not exact; the rest is for
            others of the query.

    Raises:
        GmError: when the query's `using` is not understood.
    """
    woken = ask_awake(prepared, question, evidence, settings, query, estimate_share)
    whole = prepared.graph(), question, evidence
    return with_sleepers(woken) if woken else ask_graph(*whole, settings, query, estimate_share)


def ask_awake(
    prepared: Prepared,
    question: RuntimeQuery,
    evidence: np.ndarray,
    settings: Settings,
    query: Query,
    estimate_share: float = 1.0,
    *,
    everyone: bool = False,
) -> Woken | None:
    """Do what `ask` does while models may sleep, all where `everyone`; None where none may."""
    grounding = prepared.grounding
    may = may_wake(grounding.program, grounding.world, query, everyone=everyone)
    if may is None:
        return None

    def inner(part: AwakePart, budget: Budget) -> RuntimeAnswer:
        within = replace(settings, budget=budget, memory=None)
        return ask_graph(*part, within, query, estimate_share)

    asked = prepared.graph(), question, evidence
    return awake(may, grounding.world, asked, settings, query, inner)


def ask_rows(
    prepared: Prepared,
    question: RuntimeQuery,
    rows: np.ndarray,
    settings: Settings,
    query: Query,
) -> Iterator[RuntimeAnswer | None]:
    """Do what `ask` does for many rows, in order, in one budget; None where there was no time."""
    return ask_graph_rows(prepared.graph(), question, rows, settings, query)
