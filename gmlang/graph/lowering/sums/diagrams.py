"""Comparisons of sums as chains of partial sums, merged where no future tells them apart.

A sum of real numbers, or of weights of many digits, takes too many values to be counted up. But a
comparison asks little of it: what is certain to hold or to fail is settled, and of the rest only
those partial sums are told apart that some continuation tells apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import Apply, Expression
from gmlang.graph.builder import add_tables
from gmlang.graph.lowering.forms.columns import ranked
from gmlang.graph.lowering.grounder import Grounder, Job, environment
from gmlang.graph.lowering.sums.comparisons import MIRRORED, difference
from gmlang.graph.lowering.sums.linear import LinearForm, PartRows, realise
from gmlang.graph.lowering.sums.moves import APPLY, Move, Pending, moves_of, one_move
from gmlang.graph.values.arithmetic import COMPARISONS
from gmlang.graph.values.environment import Slot
from gmlang.graph.world.states import States
from gmlang.graph.world.world import Frame
from gmruntime.factors.automaton import Automaton, chain_tables, num_entries
from gmruntime.factors.layers import NUM_STATES_MAX, NUM_STATES_MAX_TOTAL, minimal

ENTRIES_MAX = 1 << 24
"""The tables of a chain, all its instances together, may have this many entries."""


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Moves, and what the number that they lead to is compared with."""

    moves: list[Move]
    operator: str
    bound: Move
    is_whole: bool


def lower_comparison(
    grounder: Grounder,
    frame: Frame,
    job: Job,
    condition: Expression,
    *,
    positive: bool,
    target: np.ndarray | None = None,
) -> bool:
    """Add a comparison as a chain; False when it is none, or a table is as small.

    Args:
        grounder: grows.
        frame: the instances.
        job: whose condition it is.
        condition: the comparison.
        positive: whether it must hold, or must not.
        target: variables that say whether it does, instead.
    """
    if not isinstance(condition, Apply) or condition.operator not in COMPARISONS:
        return False
    found = _read(grounder, frame, condition)
    if found is None:
        return False
    sources = [m.source for m in (*found.moves, found.bound) if m.source is not None]
    if len(sources) + (target is not None) < 3:
        return False
    groups = _groups(found, frame.count)
    room = min(float(ENTRIES_MAX), job.num_entries)
    automata: list[Automaton] = []
    for rows in groups:
        automaton = _automaton(found, int(rows[0]), positive, is_defined=target is not None)
        if automaton is None:
            return False
        room -= num_entries(automaton)
        if room < 0:
            return False
        automata.append(automaton)
    known: dict[int, Slot] = {}
    columns = [_variables(grounder, source, known, frame.count) for source in sources]
    if target is not None:
        columns.append(np.broadcast_to(target, (frame.count,)))
    scopes = np.stack(columns, axis=1)
    for rows, automaton in zip(groups, automata, strict=True):
        _lay(grounder, job, automaton, scopes[rows])
    return True


def _read(grounder: Grounder, frame: Frame, condition: Apply) -> Comparison | None:
    left, right = condition.arguments
    form = difference(left, right, grounder, frame, parts=True)
    if form is not None:
        return _of_whole_numbers(form, condition.operator)
    env = environment(grounder, frame)
    for main, other, operator in (
        (left, right, condition.operator),
        (right, left, MIRRORED[condition.operator]),
    ):
        bound = one_move("start", other, env)
        moves = None if bound is None else moves_of(main, env)
        if bound is not None and moves is not None and len(moves) > 1:
            return Comparison(moves, operator, bound, is_whole=False)
    return None


def _of_whole_numbers(form: LinearForm, operator: str) -> Comparison | None:
    """Read a sum of whole numbers from its largest term on: little is left open after it."""
    if len(form.terms) < 3:
        return None
    terms = form.terms
    reach = [-int(np.abs(c).max()) * (source.states.count - 1) for source, c in terms]
    moves = [Move("start", None, form.constant[:, None])]
    for k in np.argsort(reach, kind="stable"):
        source, coefficients = terms[k]
        own = _of_one_variable(source)
        if own is not None:
            source, states = own
        else:
            states = np.arange(source.states.count)[None, :]
        moves.append(Move("+", source, coefficients[:, None] * states))
    return Comparison(moves, operator, Move("start", None, np.zeros((1, 1), np.int64)), True)


def _of_one_variable(source: Slot | PartRows) -> tuple[Slot, np.ndarray] | None:
    """Read a part that depends on one variable from that: its number in each of the states."""
    if isinstance(source, Slot):
        return None
    part = source.part
    move = one_move("start", part.value, part.env)
    if move is None or not isinstance(move.source, Slot):
        return None
    numbers = (move.values - part.steps.first) / part.steps.step
    numbers = np.broadcast_to(numbers, (part.env.frame.count, numbers.shape[1]))[source.rows]
    slot = Slot(move.source.variables[source.rows], move.source.states)
    return slot, numbers.astype(np.int64)


def _groups(found: Comparison, count: int) -> list[np.ndarray]:
    """Group the instances that read the same numbers."""
    columns = [m.values for m in (*found.moves, found.bound) if len(m.values) > 1]
    if not columns:
        return [np.arange(count)]
    _, group = np.unique(np.concatenate(columns, axis=1), axis=0, return_inverse=True)
    order = np.argsort(group.reshape(-1), kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group.reshape(-1)[order])) + 1)


def _variables(
    grounder: Grounder,
    source: Slot | PartRows | Pending,
    known: dict[int, Slot],
    count: int,
) -> np.ndarray:
    if isinstance(source, Pending):
        return ranked(grounder, source.value, source.env, source.distinct)
    return np.broadcast_to(realise(grounder, source, known).variables, (count,))


def _lay(grounder: Grounder, job: Job, automaton: Automaton, scopes: np.ndarray) -> None:
    tables, widths = chain_tables(automaton)
    size = len(scopes)
    between: list[np.ndarray] = []
    for width in widths:
        grounder.num_hidden += 1
        name = f"#{grounder.num_hidden}"
        start = grounder.builder.add_variables(name, (size,), States(0, width))
        between.append(np.arange(start, start + size))
    laid = [np.stack([scopes[:, 0], scopes[:, 1], between[0]], axis=1)]
    for k in range(1, len(widths)):
        laid.append(np.stack([between[k - 1], scopes[:, k + 1], between[k]], axis=1))
    laid.append(np.stack([between[-1], scopes[:, -1]], axis=1))
    for table, scope in zip(tables, laid, strict=True):
        add_tables(grounder.builder, table, scope, job.origin, gated=False)


# --- Layers ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Reach:
    """Where a number so far can lead: slope * number + something in least..most."""

    slope: float
    least: float
    most: float


def _automaton(
    found: Comparison, row: int, positive: bool, *, is_defined: bool
) -> Automaton | None:
    """Build the chain of one instance."""
    steps = _steps(found, row)
    bound = _row(found.bound, row)
    reaches, margin = _reaches(found, row)
    layer = _Layer(np.zeros(1, np.int64 if found.is_whole else np.float64), 0, 0)
    successors: list[np.ndarray] = []
    num_total = 0
    last = len(steps) - 1
    compares_variable = found.bound.source is not None
    for k, step in enumerate(steps):
        if len(layer.numbers) * max(len(values) for _, values in step) > NUM_STATES_MAX_TOTAL:
            return None
        numbers = _after(layer.numbers[:, None], step)
        if k == last and not compares_variable:
            holds = layer.with_settled(COMPARISONS[found.operator](numbers, bound[0]))
            return _finish(successors, holds, positive, is_defined=is_defined)
        settled = _settled(found.operator, numbers, reaches[k], bound, margin)
        layer, after = _next_layer(layer, numbers, settled)
        num_total += len(layer.numbers)
        if len(layer.numbers) > NUM_STATES_MAX or num_total > NUM_STATES_MAX_TOTAL:
            return None
        successors.append(after)
    holds = layer.with_settled(COMPARISONS[found.operator](layer.numbers[:, None], bound[None, :]))
    return _finish(successors, holds, positive, is_defined=is_defined)


def _finish(
    successors: list[np.ndarray], holds: np.ndarray, positive: bool, *, is_defined: bool
) -> Automaton:
    agrees = holds == positive
    if not is_defined:
        return minimal(successors, np.where(agrees, 0.0, -np.inf)[None])
    same = np.where(np.eye(2, dtype=np.bool_), 0.0, -np.inf)
    return minimal([*successors, agrees.astype(np.int64)], same[None])


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """Numbers that are told apart; after them a state that holds for sure, and one that fails."""

    numbers: np.ndarray
    num_true: int
    num_false: int

    def with_settled(self, rows: np.ndarray) -> np.ndarray:
        """Add the rows of the settled states to those of the numbers."""
        width = rows.shape[1]
        true = np.ones((self.num_true, width), rows.dtype)
        return np.concatenate([rows, true, np.zeros((self.num_false, width), rows.dtype)])


def _next_layer(
    before: _Layer, numbers: np.ndarray, settled: tuple[np.ndarray, np.ndarray]
) -> tuple[_Layer, np.ndarray]:
    true, false = settled
    is_open = ~(true | false)
    distinct, place = np.unique(numbers[is_open], return_inverse=True)
    num_true = int(bool(before.num_true) or bool(true.any()))
    num_false = int(bool(before.num_false) or bool(false.any()))
    after = np.where(true, len(distinct), len(distinct) + num_true)
    after[is_open] = place.reshape(-1)
    width = numbers.shape[1]
    stay = [
        np.full((before.num_true, width), len(distinct)),
        np.full((before.num_false, width), len(distinct) + num_true),
    ]
    return _Layer(distinct, num_true, num_false), np.concatenate([after, *stay])


def _settled(
    operator: str, numbers: np.ndarray, reach: _Reach, bound: np.ndarray, margin: float
) -> tuple[np.ndarray, np.ndarray]:
    """Say where a comparison is certain to hold, and where to fail, whatever is still to come."""
    centre = numbers * reach.slope if margin else numbers
    low, high = centre + reach.least, centre + reach.most
    low, high = (low - margin, high + margin) if margin else (low, high)
    least, most = bound.min(), bound.max()
    nowhere = np.zeros(numbers.shape, np.bool_)
    match operator:
        case "<=":
            return high <= least, low > most
        case "<":
            return high < least, low >= most
        case ">=":
            return low >= most, high < least
        case ">":
            return low > most, high <= least
        case "==":
            return nowhere, (low > most) | (high < least)
        case _:
            return (low > most) | (high < least), nowhere


def _row(move: Move, row: int) -> np.ndarray:
    return move.values[row if len(move.values) > 1 else 0]


def _steps(found: Comparison, row: int) -> list[list[tuple[str, np.ndarray]]]:
    """List for each variable what is done when it is read: its own move, and known ones after."""
    steps: list[list[tuple[str, np.ndarray]]] = []
    opening: list[tuple[str, np.ndarray]] = []
    for move in found.moves:
        entry = (move.operator, _row(move, row))
        if move.source is not None:
            steps.append([*opening, entry])
            opening = []
        elif steps:
            steps[-1].append(entry)
        else:
            opening.append(entry)
    return steps


def _after(numbers: np.ndarray, step: Sequence[tuple[str, np.ndarray]]) -> np.ndarray:
    for operator, values in step:
        numbers = APPLY[operator](numbers, values[None, :])
    return numbers


def _reaches(found: Comparison, row: int) -> tuple[list[_Reach], float]:
    """Say after each variable where the rest can lead, and how far rounding may move it."""
    reach = _Reach(1, 0, 0)
    size = float(np.abs(_row(found.bound, row)).max())
    reaches: list[_Reach] = []
    after = reach
    for move in reversed(found.moves):
        values = _row(move, row)
        if move.source is not None:
            reaches.append(after)
        reach, ends = _before(reach, move.operator, values)
        size += float(np.abs(ends).max())
        if move.source is not None:
            after = reach
    margin = 0.0 if found.is_whole else 1e-15 * (len(found.moves) + 2) * size
    return reaches[::-1], margin


def _before(reach: _Reach, operator: str, values: np.ndarray) -> tuple[_Reach, np.ndarray]:
    """Say where a number can lead before a move, and by how much the move itself may change it."""
    slope = reach.slope
    match operator:
        case "*":
            return replace(reach, slope=slope * float(values[0])), np.zeros(1)
        case "/":
            return replace(reach, slope=slope / float(values[0])), np.zeros(1)
        case "-":
            ends = slope * -values
        case "from":
            ends, slope = slope * values, -slope
        case _:
            ends = slope * values
    return _Reach(slope, reach.least + ends.min(), reach.most + ends.max()), ends
