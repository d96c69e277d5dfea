"""Exact answers about sums by a counting search that goes on from where it stopped."""

import math
from dataclasses import dataclass, field

import numpy as np

from gmruntime.answer import (
    Answer,
    Joint,
    JointAnswer,
    LogPartition,
    LogPartitionAnswer,
    Marginals,
    MarginalsAnswer,
    Quality,
    Query,
    Solutions,
    SolutionsAnswer,
    Status,
)
from gmruntime.budget import Budget
from gmruntime.counting.engine import Counter, begin
from gmruntime.counting.model import lay_out
from gmruntime.counting.sampling import Sampler, sampler_of
from gmruntime.elimination.passes.loading import may_load
from gmruntime.elimination.results import by_block, observed_rows, spread_joint
from gmruntime.elimination.solutions import counted_by_sum
from gmruntime.graph import num_states
from gmruntime.simplify.network import Network
from gmruntime.simplify.states import spread_row
from gmruntime.task import Effort, Task

METHOD = "counting search"

_LOADING_S = 1.0
"""What loading the search's own loops may take beside the compiler's."""

_OUT_OF_REACH_BITS = 80.0
"""A clique of a greedy order that no better order brings below what is eliminated."""

_ALONE_SHARE, _DRAWN_SHARE = 0.5, 0.4
"""Of what is left, for the search before anything is drawn; then for the first draws."""

_DRAWN_MEMORY_SHARE = 0.3
"""Of the memory, for the draws."""

_AHEAD = 2.0
"""Nats by which the draws must be ahead for the search to end."""

_MARGIN = 1e-9
"""Relative: rounding is far smaller."""

_JOINT_STATES_MAX = 256
"""Joint states that are counted one by one."""

_ROUNDED_MAX = 2.0**40
"""Counts up to here are known from their logs."""

_Asked = LogPartition | Solutions | Marginals | Joint


@dataclass(slots=True, eq=False)
class Counting:
    """A question that is being answered by a counting search.

    Attributes:
        task: what is asked.
        network: of the task, reduced.
        counter: the search.
        seed: of what is drawn.
        num_done: joint states that are counted, of a question about a joint distribution.
        logs: what they are worth.
        sampler: draws, once the search has had its first turn.
    """

    task: Task[_Asked]
    network: Network
    counter: Counter
    seed: int = 0
    num_done: int = 0
    logs: list[float] = field(default_factory=list[float])
    sampler: Sampler | None = None

    def go_on(self, budget: Budget) -> Answer | None:
        """Search until the budget is spent; return the answer once there is one."""
        task = self.task
        try:
            match task.query:
                case Joint() as query:
                    return _joint(self, task.asking(query), budget)
                case LogPartition():
                    is_done = self.counter.go_on(budget)
                    return _log_partition(self.counter, budget) if is_done else None
                case Solutions():
                    is_done = self.counter.go_on(budget)
                    return _solutions(self.counter, budget) if is_done else None
                case Marginals() as query:
                    return _marginals(self, task.asking(query), budget)
        except TimeoutError:
            return None

    def finish(self, budget: Budget) -> Answer | None:
        """Search on; of a sum, draw beside it, and let go on alone who has proved more of it."""
        if not isinstance(self.task.query, LogPartition | Solutions):
            return self.go_on(budget)
        found = self.go_on(budget.share(_ALONE_SHARE))
        if found is not None:
            return found
        self._draw(budget.share(_DRAWN_SHARE))
        assert self.sampler is not None
        is_behind = self.counter.log_lower() + _AHEAD < self.sampler.log_lower
        if not (is_behind or self.counter.is_stuck):
            return self.go_on(budget)
        self._draw(budget)
        return None

    def _draw(self, budget: Budget) -> None:
        if self.sampler is None:
            rng = np.random.default_rng((self.seed, 5))
            memory_bytes = int(_DRAWN_MEMORY_SHARE * budget.memory_bytes)
            other = begin(self.counter.laid_out, memory_bytes, is_traced=False)
            self.sampler = sampler_of(other, rng)
        self.sampler.go_on(budget)

    def known(self, budget: Budget) -> LogPartitionAnswer | SolutionsAnswer | None:
        """Return what an unfinished sum has proved: at least so much was added up.

        The value is the mean of what was drawn where that is above, and else that bound.
        """
        if not isinstance(self.task.query, LogPartition | Solutions):
            return None
        lower, error, note = self.counter.log_lower(), math.nan, "the value is the lower bound"
        value, drawn = lower, self.sampler
        if drawn is not None:
            lower = max(lower, drawn.log_lower)
            value = max(lower, drawn.log_mean())
            if value > lower:
                error, note = drawn.effective() ** -0.5, f"estimated from {drawn.described()}"
        if lower == -np.inf:
            return None
        lower -= _MARGIN * (1.0 + abs(lower))
        quality = Quality(Status.ESTIMATE, METHOD, budget.spent_s(), error, note=note)
        if isinstance(self.task.query, LogPartition):
            return LogPartitionAnswer(quality, value, lower)
        return SolutionsAnswer(quality, max(value, 0.0), None, max(0.0, lower))

    def is_out_of_reach(self) -> bool:
        """Say whether no elimination needs to be looked for: no order will be narrow enough."""
        return self.counter.laid_out.clique_bits > _OUT_OF_REACH_BITS


def begun(task: Task[Query], network: Network, effort: Effort) -> Counting | None:
    """Begin to count; None where the search is not for the question or the network.

    Args:
        task: what is asked.
        network: the task's, reduced.
        effort: with time to load the loops, or nothing is begun.
    """
    query, budget = task.query, effort.budget
    if not isinstance(query, LogPartition | Solutions | Marginals | Joint):
        return None
    if network.log_constant == -np.inf or not may_load(budget) or budget.left_s() < _LOADING_S:
        return None
    if isinstance(query, Joint) and len(_joint_states(task.asking(query), network)) == 0:
        return None
    try:
        # Of its own, so that what others draw does not depend on whether it was tried.
        laid_out = lay_out(network, budget, np.random.default_rng((effort.seed, 4)))
    except TimeoutError:
        return None
    if laid_out is None:
        return None
    is_traced = isinstance(query, Solutions | Marginals)
    memory_bytes = int((1.0 - _DRAWN_MEMORY_SHARE) * budget.memory_bytes)
    counter = begin(laid_out, memory_bytes, is_traced=is_traced)
    counting = Counting(task.asking(query), network, counter, effort.seed)
    if isinstance(query, Joint):
        _assume_next(counting, task.asking(query))
    return counting


def _exact(log_value: float, budget: Budget) -> Quality:
    status = Status.EXACT if log_value > -np.inf else Status.IMPOSSIBLE
    return Quality(status, METHOD, budget.spent_s())


def _log_partition(counter: Counter, budget: Budget) -> LogPartitionAnswer:
    value = counter.log_value()
    return LogPartitionAnswer(_exact(value, budget), value, value, value)


def _solutions(counter: Counter, budget: Budget) -> SolutionsAnswer:
    """Return the number with all digits where the trace or rounding gives it."""
    from gmruntime.counting.tracing import count_of

    log_count = counter.log_value()
    if log_count == -np.inf:
        return SolutionsAnswer(_exact(log_count, budget), -np.inf, 0)
    count = None
    if counter.has_trace():
        try:
            count = count_of(counter.search, budget) * math.prod(counter.laid_out.idle_states)
        except TimeoutError:
            count = None
    if count is None and log_count < math.log(_ROUNDED_MAX):
        count = round(math.exp(log_count))
    if count is None:
        return counted_by_sum(_log_partition(counter, budget))
    log_count = math.log(count)
    return SolutionsAnswer(_exact(log_count, budget), log_count, count, log_count, log_count)


# --- Probabilities -----------------------------------------------------------------------


def _marginals(counting: Counting, task: Task[Marginals], budget: Budget) -> MarginalsAnswer | None:
    from gmruntime.counting.tracing import probabilities_of

    counter, network = counting.counter, counting.network
    if not counter.has_trace() or not counter.go_on(budget):
        return None
    graph, query, evidence = task.graph, task.query, task.evidence
    listed = range(graph.num_variables) if query.variables is None else query.variables
    sizes, value = num_states(graph), counter.log_value()
    if value == -np.inf:
        nothing = {int(v): np.full(int(sizes[v]), np.nan) for v in listed}
        quality = _exact(value, budget)
        return MarginalsAnswer(quality, by_block(graph, nothing), log_partition=value)
    found = probabilities_of(counter.search) if counter.has_trace() else None
    if found is None:
        return None
    place = {int(v): k for k, v in enumerate(counter.laid_out.variables)}
    rows = observed_rows(graph, listed, evidence)
    for v in (int(v) for v in listed if evidence[v] < 0):
        size = int(network.num_states[v])
        row = found[place[v], :size] if v in place else np.full(size, 1.0 / size)
        rows[v] = spread_row(network, v, row, int(sizes[v]))
    return MarginalsAnswer(_exact(value, budget), by_block(graph, rows), log_partition=value)


def _free_of(task: Task[Joint]) -> list[int]:
    return sorted({int(v) for v in task.query.variables if task.evidence[v] < 0})


def _joint_states(task: Task[Joint], network: Network) -> list[tuple[int, ...]]:
    """List the joint states of what is asked; none where they are too many."""
    shape = tuple(int(network.num_states[v]) for v in _free_of(task))
    return [] if math.prod(shape) > _JOINT_STATES_MAX else list(np.ndindex(shape))


def _assume_next(counting: Counting, task: Task[Joint]) -> None:
    """Begin with the next joint state; what they have in common is remembered."""
    states = _joint_states(task, counting.network)[counting.num_done]
    place = {int(v): k for k, v in enumerate(counting.counter.laid_out.variables)}
    pairs = zip(_free_of(task), states, strict=True)
    counting.counter.assume({place[v]: x for v, x in pairs if v in place})


def _joint(counting: Counting, task: Task[Joint], budget: Budget) -> JointAnswer | None:
    network, query, evidence = counting.network, task.query, task.evidence
    joint_states = _joint_states(task, network)
    while counting.counter.go_on(budget):
        counting.logs.append(counting.counter.log_value())
        counting.num_done += 1
        if counting.num_done == len(joint_states):
            break
        _assume_next(counting, task)
    if counting.num_done < len(joint_states):
        return None
    free = _free_of(task)
    shape = tuple(int(network.num_states[v]) for v in free)
    logs = np.array(counting.logs).reshape(shape)
    most = float(logs.max())
    whole = tuple(int(n) for n in num_states(task.graph)[query.variables])
    if most == -np.inf:
        return JointAnswer(_exact(most, budget), np.full(whole, np.nan))
    weights = np.exp(logs - most)
    spread = spread_joint(network, weights / weights.sum(), free, query, evidence, whole)
    return JointAnswer(_exact(most, budget), spread)
