"""One question asked of many rows of evidence: the answers that `infer` gives to each.

log Z, marginals, small joint distributions and the best assignment come from one program for all
rows; whatever else is asked, or is too wide for a program, is asked row by row with what was found
kept between them. Workers of an executor take chunks of the rows of a program.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, cast

import numpy as np

from gmruntime.answer import (
    AnyAnswer,
    AssignmentsAnswer,
    Joint,
    JointAnswer,
    LogPartition,
    LogPartitionAnswer,
    Map,
    Marginals,
    MarginalsAnswer,
    Question,
)
from gmruntime.arrays import Bool, Float64, Int32
from gmruntime.budget import Budget
from gmruntime.elimination.passes.loading import is_loaded
from gmruntime.factors.decompose import to_tables
from gmruntime.factors.kinds import Table
from gmruntime.graph import (
    FactorBlock,
    FactorGraph,
    GraphError,
    VariableBlock,
    block_starts,
    log_score,
    num_states,
)
from gmruntime.quality import Quality, Status
from gmruntime.rows.batches import Batch, Writer
from gmruntime.rows.checked import checked_tables
from gmruntime.rows.cutting.components import pool_of
from gmruntime.rows.cutting.tables import TableGraph, as_tables
from gmruntime.rows.program import TooWideError, watched
from gmruntime.rows.row_program import METHOD, RowProgram, compiled, quality_of, runner
from gmruntime.rows.running import Asked
from gmruntime.rows.scoring.families import chances_of_members
from gmruntime.rows.scoring.scores import Scored, scored
from gmruntime.rows.sharing import Team, team_of, with_team
from gmruntime.rows.stars import answers_of_stars
from gmruntime.rows.summing import Runner, Sums, pooled, summed
from gmruntime.workers.workers import Workers

_PLANNING_SHARE = 0.3
"""Of the time, for programs: without one there are other engines."""

SHARE_MAX = 0.5
"""Of the time, that a program may be expected to take."""

FEW = 32
"""So many rows are asked one by one in less time than loading compiled loops takes."""

_JOINT_STATES_MAX = 256
"""A joint distribution of more states is asked row by row: its table has their square."""

_PRODUCT_S = 1e-8
"""What a product takes on one core, there and back, where tables do not fit the cache."""

PROGRAMMED = (LogPartition, Marginals, Joint, Map)
"""Questions for which there is a program for all rows, unless that is too wide."""

_A = TypeVar("_A", bound=AnyAnswer)


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Rows of evidence and what they may take.

    Attributes:
        graph: validated.
        rows: a state for each observed variable, -1 for the others.
        budget: of all rows together.
        rng: of the search for orders.
        workers: who take some of the rows; None for nobody.
        scored: what the graph and the rows were made of, where they were scored.
    """

    graph: FactorGraph
    rows: Int32[np.ndarray, "rows variables"]
    budget: Budget
    rng: np.random.Generator
    workers: Workers | None = None
    scored: Scored | None = None

    def program(self, tables: TableGraph, is_asked: Bool[np.ndarray, " variables"]) -> RowProgram:
        """Compile the rows.

        Raises:
            TooWideError: where they take more memory, or about more time, than there is.
            TimeoutError: when the budget for programs ended first.
        """
        pool = pool_of(tables.graph)
        planning = self.budget.share(_PLANNING_SHARE)
        writer = Writer(tables.graph, pool, self.rng, planning, False, is_asked, {})
        program = compiled(tables, self.rows, np.ones(len(self.rows)), writer)
        products = sum(
            batch.program.entries * batch.instances.count
            for group in program.groups
            for batch in group.batches
        )
        if products * _PRODUCT_S > SHARE_MAX * self.budget.left_s():
            raise TooWideError(f"{products:g} products are more than there is time for")
        return program

    def narrowed(self) -> "Case":
        """Return the case with as much as possible in scores."""
        found = scored(self.graph, self.rows, self.budget)
        return replace(self, graph=found.graph, rows=found.rows, scored=found)

    @property
    def log_scale(self) -> Float64[np.ndarray, " rows"]:
        """Of each row, what is to be added to log Z and scores."""
        return np.zeros(len(self.rows)) if self.scored is None else self.scored.log_scale

    def team(self, batches: Sequence[Batch]) -> Team | None:
        """Return who helps with the batches of a program."""
        return None if self.workers is None else team_of(self.workers, batches)

    def runner(self, team: Team | None) -> Runner:
        """Return what runs batches, with the help of a team."""
        return runner("cpu", team, self.budget)


def answer_rows(
    case: Case, query: Question[_A], one_by_one: Callable[[int], _A | None]
) -> Iterator[_A | None]:
    """Yield the answer of each row, in order.

    Args:
        case: the rows.
        query: checked.
        one_by_one: asks about one row alone; None where there is no time for it.
    """
    found = _together(case, query)
    for r in range(len(case.rows)):
        its = None if found is None else found(r)
        yield one_by_one(r) if its is None else cast("_A", its)


def _together(case: Case, query: Question[AnyAnswer]) -> Callable[[int], AnyAnswer | None] | None:
    """Answer all rows by one program, where there is one for the question and it fits."""
    if not len(case.rows):
        return None
    stars = answers_of_stars(case.graph, query, case.rows, case.budget)
    if stars is not None:
        return stars
    try:
        match query:
            case LogPartition():
                return _log_partitions(case)
            case Marginals():
                return _marginals(case, query)
            case Joint():
                return _joints(case, query)
            case Map():
                return _maxima(case)
            case _:
                return None
    except (GraphError, TimeoutError):
        # Too large, or too late: whoever answers single rows has other engines.
        return None


def _summed(case: Case, program: RowProgram) -> tuple[Sums, list[Quality]]:
    """Run a program; a quality for each row."""
    tables = checked_tables(program.tables.graph, None)
    team = case.team([batch for group in program.groups for batch in group.batches])
    run = case.runner(team)
    nothing = np.zeros(len(program.log_idle))
    pool = pooled(program.pool, tables)
    sums = summed(program.groups, pool, program.log_idle, nothing, case.budget, run)
    first = np.unique(program.which, return_index=True)[1]
    sums = replace(sums, log_z=sums.log_z + case.log_scale[first])
    error = 0.0 if case.scored is None else case.scored.error
    whole = with_team(quality_of(program, tables, sums, sums.log_z, case.budget, error), team)
    qualities = [
        replace(whole, status=Status.IMPOSSIBLE if log_z == -np.inf else whole.status, note="")
        for log_z in sums.log_z
    ]
    return sums, qualities


def _log_partitions(case: Case) -> Callable[[int], AnyAnswer | None]:
    case = case.narrowed()
    tables = as_tables(case.graph, budget=case.budget)
    program = case.program(tables, np.zeros(tables.graph.num_variables, bool))
    sums, qualities = _summed(case, program)

    def of(r: int) -> LogPartitionAnswer | None:
        d = int(program.which[r])
        log_z, quality = float(sums.log_z[d]), qualities[d]
        if np.isnan(log_z):
            return None
        if quality.status is Status.ESTIMATE:
            return LogPartitionAnswer(quality, log_z)
        return LogPartitionAnswer(quality, log_z, log_z, log_z)

    return of


def _marginals(case: Case, query: Marginals) -> Callable[[int], MarginalsAnswer | None]:
    own = case.narrowed()
    assert own.scored is not None
    count = case.graph.num_variables
    is_asked = np.zeros(own.graph.num_variables, bool)
    is_asked[slice(0, count) if query.variables is None else query.variables] = True
    wanted = is_asked[:count].copy()
    for number, family in enumerate(own.scored.families):
        is_asked[count + number] = is_asked[family.members].any()
        is_asked[family.members] = False
    found = _beliefs_of(own, is_asked)
    return found if own.graph is case.graph else _of_members(case, own.scored, wanted, found)


def _of_members(
    case: Case,
    made: Scored,
    is_asked: Bool[np.ndarray, " variables"],
    found: Callable[[int], MarginalsAnswer | None],
) -> Callable[[int], MarginalsAnswer | None]:
    """Say of members what was found of their families."""
    starts, num_blocks = block_starts(case.graph), len(case.graph.variables)
    places: list[tuple[int, int, np.ndarray]] = []
    for number, family in enumerate(made.families):
        which = np.searchsorted(starts, family.members, side="right") - 1
        places += [
            (number, k, np.flatnonzero((which == k) & is_asked[family.members]))
            for k in np.unique(which[is_asked[family.members]]).tolist()
        ]

    def of(r: int) -> MarginalsAnswer | None:
        its = found(r)
        if its is None:
            return None
        own = list(its.probabilities[:num_blocks])
        for number, k, some in places:
            chances = chances_of_members(its.probabilities[num_blocks + number])
            told = np.array(own[k]).reshape(-1, 2)
            told[made.families[number].members[some] - starts[k]] = chances[some]
            own[k] = told.reshape(own[k].shape)
        return replace(its, probabilities=tuple(own))

    return of


def _beliefs_of(
    case: Case, is_wanted: Bool[np.ndarray, " variables"]
) -> Callable[[int], MarginalsAnswer | None]:
    """Sum what rows say of some variables of a case that was scored; leave out its own."""
    tables = as_tables(case.graph, budget=case.budget)
    is_asked = np.zeros(tables.graph.num_variables, bool)
    is_asked[: len(is_wanted)] = is_wanted
    program = case.program(tables, is_asked)
    sums, qualities = _summed(case, program)
    blocks = _beliefs(case, program, sums, is_asked)
    for block in blocks:
        block[np.isneginf(sums.log_z)] = np.nan
    shapes = [(*block.shape, block.num_states) for block in case.graph.variables]
    nothing = tuple(np.broadcast_to(np.nan, shape) for shape in shapes)
    told = [k for k, block in enumerate(blocks) if block.size]

    def of(r: int) -> MarginalsAnswer | None:
        d = int(program.which[r])
        log_z = float(sums.log_z[d])
        if np.isnan(log_z):
            return None
        own = list(nothing)
        for k in told:
            own[k] = blocks[k][d].reshape(shapes[k])
        return MarginalsAnswer(qualities[d], tuple(own), log_partition=log_z)

    return of


def _beliefs(
    case: Case, program: RowProgram, sums: Sums, is_asked: Bool[np.ndarray, " variables"]
) -> list[Float64[np.ndarray, "distinct _variables _states"]]:
    """Gather what each distinct row believes, block by block; one that is not asked is empty."""
    starts = block_starts(case.graph)
    own = case.rows[np.unique(program.which, return_index=True)[1]]
    blocks: list[np.ndarray] = []
    beliefs: dict[int, np.ndarray] = {}
    for block, start in zip(case.graph.variables, starts, strict=False):
        asked = np.flatnonzero(is_asked[start : start + block.size])
        shape = (len(own), block.size if len(asked) else 0, block.num_states)
        blocks.append(np.full(shape, np.nan))
        for k in asked:
            # Of an idle variable nothing is known, of an observed one all.
            states = own[:, start + k]
            blocks[-1][:, k] = 1.0 / block.num_states
            blocks[-1][states >= 0, k] = np.eye(block.num_states)[states[states >= 0]]
            beliefs[int(start + k)] = blocks[-1][:, k]
    found = iter(sums.found)
    for group in program.groups:
        for batch in group.batches:
            its, instances = next(found), batch.instances
            rows = group.rows[instances.rows.reshape(len(instances.variables), -1)]
            which = instances.which.reshape(rows.shape)
            at = 0
            for local in watched(batch.program):
                size = int(instances.likeness.num_states[local])
                for c, v in enumerate(instances.variables[:, local]):
                    latent = own[rows[c], v] < 0
                    told = its.beliefs[which[c][latent], at : at + size]
                    beliefs[int(v)][rows[c][latent]] = told
                at += size
    return blocks


def _joints(case: Case, query: Joint) -> Callable[[int], AnyAnswer | None] | None:
    """Ask for the marginals of one more variable, which says in which states the others are."""
    graph, asked = case.graph, query.variables
    shape = num_states(graph)[asked].tolist()
    count = int(np.prod(shape, dtype=np.float64))
    is_small = len(asked) > 0 and 1 <= count <= _JOINT_STATES_MAX
    if not is_small or len(set(asked.tolist())) < len(asked):
        return None
    same = np.full((1, *shape, count), -np.inf)
    places = np.indices(shape).reshape(len(shape), -1)
    same[(0, *places, np.arange(count))] = 0.0
    joint = graph.num_variables
    scope = np.array([[*asked.tolist(), joint]], np.int32)
    wider = FactorGraph(
        (*graph.variables, VariableBlock("joint", (), count)),
        (*graph.factors, FactorBlock(Table(same), scope, "joint")),
    )
    open_ = np.full((len(case.rows), 1), -1, np.int32)
    own = replace(case, graph=wider, rows=np.hstack([case.rows, open_]))
    found = _marginals(own, Marginals(np.array([joint], np.int32)))

    def of(r: int) -> JointAnswer | None:
        its = found(r)
        if its is None:
            return None
        return JointAnswer(its.quality, its.probabilities[-1].reshape(shape))

    return of


def _maxima(case: Case) -> Callable[[int], AnyAnswer | None] | None:
    if not is_loaded() and len(case.rows) <= FEW:
        return None
    count, case = case.graph.num_variables, case.narrowed()
    assert case.scored is not None
    tables = as_tables(case.graph, to_tables, case.budget)
    program = case.program(tables, np.zeros(tables.graph.num_variables, bool))
    logs = pooled(program.pool, checked_tables(tables.graph, None)).logs
    asked = [
        Asked(replace(batch, num_lanes=0), np.zeros(batch.instances.count), is_max=True)
        for group in program.groups
        for batch in group.batches
    ]
    team = case.team([one.batch for one in asked])
    ran = case.runner(team)(asked, logs)
    if not ran.is_whole:
        return None
    first = np.unique(program.which, return_index=True)[1]
    # What nothing tells of takes its first state.
    states = np.full((len(first), tables.graph.num_variables), 0, np.int32)
    own = case.rows[first]
    states[:, : own.shape[1]] = np.maximum(own, 0)
    found = iter(ran.found)
    for group in program.groups:
        for batch in group.batches:
            its, instances = next(found), batch.instances
            parts = instances.which.reshape(len(instances.variables), -1)
            rows = group.rows[instances.rows.reshape(len(instances.variables), -1)]
            for c, variables in enumerate(instances.variables):
                states[rows[c][:, None], variables] = np.maximum(its.states[parts[c]], 0)
    assignments = states[:, : case.graph.num_variables]
    scores = log_score(case.graph, assignments) + case.log_scale[first]
    for number, family in enumerate(case.scored.families):
        assignments[np.arange(len(first)), family.members[assignments[:, count + number]]] = 1
    assignments = assignments[:, :count]
    quality_of_all = with_team(Quality(Status.EXACT, METHOD, case.budget.spent_s()), team)

    def of(r: int) -> AssignmentsAnswer:
        d = int(program.which[r])
        if scores[d] == -np.inf:
            nobody = np.zeros((0, count), np.int32)
            quality = replace(quality_of_all, status=Status.IMPOSSIBLE)
            return AssignmentsAnswer(quality, nobody, np.zeros(0), -np.inf)
        score = float(scores[d])
        return AssignmentsAnswer(quality_of_all, assignments[d][None], scores[d : d + 1], score)

    return of
