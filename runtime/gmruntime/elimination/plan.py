"""What an exact answer would cost: bits, bytes and seconds, before anything is computed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from gmruntime.answer import (
    AnyAnswer,
    Best,
    Joint,
    LogPartition,
    MarginalMap,
    Marginals,
    Query,
    Question,
    Solutions,
)
from gmruntime.budget import Budget
from gmruntime.elimination.k_best import lists_cost
from gmruntime.elimination.layouts.groups import (
    ENTRIES_PER_SECOND,
    best_laid_out,
    laid_out_bits,
    may_be_listed,
)
from gmruntime.elimination.layouts.order import Order, largest_live
from gmruntime.elimination.orders.best import EASY_BITS, best_order, best_orders
from gmruntime.elimination.orders.key import key_of
from gmruntime.elimination.orders.restarts import SHARE
from gmruntime.elimination.passes.loading import LOADING_S, is_loaded, may_load
from gmruntime.simplify.network import Network
from gmruntime.simplify.simplified import simplified
from gmruntime.task import Effort, Task

NUMPY_ENTRIES_PER_SECOND = 4e7
"""Clique entries that one core combines and sums out a second with NumPy, as measured."""

_GPU_ENTRIES_MIN = 1 << 26
"""With fewer clique entries the launches take longer than the cores."""

_FRESH_S_PER_BYTE = 1e-9
"""What it takes to touch memory for the first time: as measured, 0.2e-9 where the machine has it
at hand and 2.4e-9 where a virtual one must ask for it."""

_COMPILED_VARIABLES = 3000
"""From so many variables on it pays too: NumPy takes tens of microseconds for each table."""

COMPILED_BITS = 17.0
"""From so many entries of all cliques on, loading the compiled kernel pays."""

# So many entries, and tables, take NumPy a fraction of what loading compiled loops takes.
_UNLOADED_BITS = math.log2(0.25 * LOADING_S * NUMPY_ENTRIES_PER_SECOND)
_UNLOADED_STEPS = int(0.25 * LOADING_S / 3e-5)

# With a larger clique there are too many slices for any budget.
_BITS_MAX = 46.0

# Of the time left, for the search and the layouts; by its steps the search takes less.
_PLAN_SHARE = 0.5

_ORDER_SHARE = 0.15
_ORDER_STEPS_PER_SECOND = 2e8
_ORDER_STEPS_MAX = 3e9

# So many of the cheapest orders are laid out where tables hold zeros.
_NUM_ORDERS = 12
_LAYOUTS_PER_SECOND = 0.4
_SHARE_WITH_ZEROS = 0.05

VARIABLES_MAX = 60_000
"""With more free variables the orders themselves would take too long to find."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """An elimination that could be run.

    Attributes:
        num_free: how many variables are to be eliminated.
        total_bits: log2 of all clique entries together.
        clique_bits: log2 of the entries of the largest clique.
        memory_bytes: that the tables will occupy.
        seconds: predicted.
        fresh_s: of these, what touching fresh memory takes.
        compiled: whether the compiled kernel will run it.
        fits: whether it keeps to the budget.
        network: what is eliminated; None when some factor has no table.
        order: how; None when no order was found within the limits.
        device: "cpu" or "cuda".
        engine: who will answer, in words.
        ran_out: whether time was out before an order was found, so that nothing is known of it.
        has_rule: whether elimination can answer the question at all.
        tried: what is tried first, where only trying shows whether it answers.
    """

    num_free: int
    total_bits: float
    clique_bits: float
    memory_bytes: float
    seconds: float
    fresh_s: float
    compiled: bool
    fits: bool
    network: Network | None = field(repr=False)
    order: Order | None = field(repr=False)
    device: str = "cpu"
    engine: str = "exact elimination"
    ran_out: bool = False
    has_rule: bool = True
    tried: tuple[str, ...] = ()


def reduced(task: Task[Query], effort: Effort) -> Network | None:
    """Return what is eliminated; None where a factor has no table, or there is no time for it."""
    if _is_too_large(task):
        return None
    try:
        # Before anything is looked up: for that, the whole graph is gone through.
        effort.budget.check()
        return simplified(task, effort)
    except TimeoutError:
        return None


def _is_too_large(task: Task[Query]) -> bool:
    num_free = int((task.evidence < 0).sum())
    return num_free > VARIABLES_MAX or task.graph.num_factors > 4 * VARIABLES_MAX


def plan(task: Task[Query], effort: Effort, network: Network | None = None) -> Plan:
    """Find a good elimination order and predict what it costs.

    Args:
        task: what is asked.
        effort: what planning and the answer may take.
        network: the task's, where it is known.
    """
    num_free = int((task.evidence < 0).sum())
    if _is_too_large(task):
        return _hopeless(num_free, None)
    try:
        # Before anything is looked up: for that, the whole graph is gone through.
        effort.budget.check()
        network = network or simplified(task, effort)
        if network is None:
            return _hopeless(num_free, None)
        return _ordered(network, task.query, effort)
    except TimeoutError:
        return replace(_hopeless(num_free, network), ran_out=True)


def _ordered(network: Network, query: Query, effort: Effort) -> Plan:
    """Find an order, or take a known one, and say what it costs.

    Raises:
        TimeoutError: when the budget ended before there was any order.
    """
    budget = effort.budget
    stages: dict[int, int] = {}
    if isinstance(query, MarginalMap):
        asked = {int(v) for v in query.variables}
        stages = {} if asked.issuperset(network.free) else dict.fromkeys(asked, 1)
    # Of the whole budget, not of what is left: how much is searched must not depend on the clock.
    steps_max = min(_ORDER_STEPS_MAX, _ORDER_SHARE * budget.seconds * _ORDER_STEPS_PER_SECOND)
    # Of its own, so that what is drawn later does not depend on whether an order was known.
    order_rng = effort.rng.spawn(1)[0]
    is_listed = not isinstance(query, Best)
    kept = max(1, int(min(_NUM_ORDERS, _LAYOUTS_PER_SECOND * budget.seconds)))
    easy_bits = _UNLOADED_BITS if _is_plain(query) else EASY_BITS

    def key() -> object:
        # In draws, and in ties, the order shows: one that was found otherwise is not taken.
        search = easy_bits, kept, _passes(query), repr(order_rng.bit_generator.seed_seq)
        return key_of(network, stages, steps_max, is_listed=is_listed), *search

    def find_order() -> Order | None:
        loading_s = 0.0 if is_loaded() else LOADING_S
        part = budget.until(_PLAN_SHARE * budget.left_s() + loading_s)
        if not is_listed:
            return best_order(
                network, order_rng, bits_max=_BITS_MAX, steps_max=steps_max, budget=part
            )
        limits = _Limits(part, steps_max, kept, easy_bits)
        return _laid_out_order(network, order_rng, limits, _passes(query), stages)

    order = effort.once(Order, key, find_order)
    if order is None:
        return _hopeless(len(network.free), network)
    return costed(query, budget, network, order)


@dataclass(frozen=True, slots=True)
class _Limits:
    """What the search for an order may take: time, steps, and orders that are laid out."""

    budget: Budget
    steps_max: float
    num_kept: int
    easy_bits: float


def _laid_out_order(
    network: Network,
    rng: np.random.Generator,
    limits: _Limits,
    passes: float,
    stages: Mapping[int, int],
) -> Order | None:
    """Find an order that is cheap once known zeros are left out.

    The search is paid for by what it may save. Where there are zeros, that is known only when
    tables have been laid out: a short search comes first.
    """
    hard = any(may_be_listed(network))

    def search(share: float) -> list[Order]:
        return best_orders(
            network,
            rng,
            stages=stages,
            bits_max=_BITS_MAX,
            steps_max=0.5 * limits.steps_max if hard else limits.steps_max,
            num_kept=limits.num_kept if hard else 1,
            share=share,
            budget=limits.budget,
            easy_bits=limits.easy_bits,
        )

    orders = search(_SHARE_WITH_ZEROS if hard else SHARE)
    if not orders or not hard:
        return orders[0] if orders else None
    quick = best_laid_out(network, orders, passes, limits.budget)
    bits = laid_out_bits(quick)
    share = SHARE * 2.0 ** (bits - orders[0].total_bits)
    if len(orders) == 1 or share < 1.5 * _SHARE_WITH_ZEROS:
        return quick
    more = search(share)
    if not more or more[0].total_bits > orders[0].total_bits + 1:
        return quick
    second = best_laid_out(network, more, passes, limits.budget)
    return min((quick, second), key=laid_out_bits)


def no_plan(task: Task[Question[AnyAnswer]]) -> Plan:
    """Return the plan of a question that elimination has no rule for."""
    return replace(_hopeless(int((task.evidence < 0).sum()), None), has_rule=False)


def _hopeless(num_free: int, network: Network | None) -> Plan:
    never = math.inf
    return Plan(num_free, never, never, never, never, never, False, False, network, None)


def _passes(query: Query) -> float:
    """Say how many times an answer goes through all cliques."""
    match query:
        case Marginals() | Joint():
            return 4.0
        case Best():
            return 2.0 + query.count
        case _:
            return 1.0


def _is_plain(query: Query) -> bool:
    """Say whether NumPy is quicker until a compiled loop has been loaded.

    In draws, and in which of equal maxima is found, the order of elimination would be seen.
    """
    return isinstance(query, LogPartition | Marginals | Joint | Solutions) and not is_loaded()


def costed(query: Query, budget: Budget, network: Network, order: Order) -> Plan:
    """Predict what eliminating in this order costs."""
    num_steps = len(order.variables)
    layout = order.layout
    total_bits = order.total_bits if layout is None else layout.total_bits
    clique_bits = order.clique_bits if layout is None else layout.clique_bits
    # Only the compiled passes leave zeros out.
    large = total_bits > COMPILED_BITS or num_steps > _COMPILED_VARIABLES or layout is not None
    # NumPy's cliques are dense, whatever zeros are known.
    plain = order.total_bits <= _UNLOADED_BITS and num_steps <= _UNLOADED_STEPS
    plain = plain and _is_plain(query) and 40.0 * 2.0**order.total_bits <= budget.memory_bytes
    compiled = large and not plain and not isinstance(query, Best)
    passes = _passes(query)
    entries = 2.0**total_bits
    rate = ENTRIES_PER_SECOND if compiled else NUMPY_ENTRIES_PER_SECOND
    seconds = passes * entries / rate + (4e-5 if compiled else 3e-5 * passes) * num_steps
    if layout is None:
        sizes = [2.0 ** float(np.log2(network.num_states[list(c)]).sum()) for c in order.cliques]
    else:
        sizes = list(layout.message_entries)
    if isinstance(query, Marginals | Joint):
        memory = 16.0 * sum(sizes)
    elif isinstance(query, LogPartition | Solutions):
        memory = 8.0 * largest_live(order, sizes)
    else:
        memory = 8.0 * sum(sizes)
    if not compiled:
        memory += 32.0 * 2.0**clique_bits
    if isinstance(query, Best):
        scopes = [(v, *c) for v, c in zip(order.variables, order.cliques, strict=True)]
        in_lists = lists_cost(scopes, network.num_states, query.count)
        if in_lists[0] < seconds and in_lists[1] <= budget.memory_bytes:
            seconds, memory = in_lists[0], memory + in_lists[1]
    fresh = _FRESH_S_PER_BYTE * memory
    seconds += fresh
    fits = memory <= budget.memory_bytes and seconds <= max(budget.left_s(), 0.05)
    fits = fits and (not compiled or may_load(budget))
    return Plan(
        len(network.free),
        total_bits,
        clique_bits,
        memory,
        seconds,
        fresh,
        compiled,
        fits,
        network,
        order,
    )


def on_device(found: Plan, device: str) -> Plan:
    """Let a GPU run a plan that is large enough for it, or that it was asked to run."""
    if device == "cpu" or not found.compiled or not found.fits:
        return found
    entries = 0.0 if found.order is None else 2.0**found.total_bits
    if device == "auto" and entries < _GPU_ENTRIES_MIN:
        return found
    from gmruntime.devices import has_gpu

    if not has_gpu():
        return found
    from gmruntime.elimination.passes.gpu import fits_gpu

    return replace(found, device="cuda") if fits_gpu(int(found.memory_bytes / 8)) else found


def needs(found: Plan) -> str:
    """Say what an exact answer would need; nothing where that is not known."""
    if found.network is None or found.ran_out:
        return ""
    if found.order is None:
        return f"an exact answer would need tables of more than 2^{_BITS_MAX:.0f} entries"
    gib = found.memory_bytes / 2**30
    return f"an exact answer would need {gib:.3g} GiB and about {found.seconds:.2g} s"


def describe(found: Plan) -> str:
    """Say in a few lines what a plan costs and who will answer."""
    if not found.has_rule:
        cost = "nothing to eliminate"
    elif found.ran_out:
        cost = "no time to find out what an exact answer costs"
    elif found.order is None:
        cost = f"no elimination order within 2^{_BITS_MAX:.0f} entries"
    else:
        cost = (
            f"largest clique 2^{found.clique_bits:.1f} entries, "
            f"all cliques 2^{found.total_bits:.1f}\n"
            f"about {found.memory_bytes / 2**20:.1f} MiB and {found.seconds:.2g} s"
        )
    first = f" unless {' or '.join(found.tried)} answers first" if found.tried else ""
    return f"{found.num_free} free variables; {cost}; {found.engine} will answer{first}"
