"""Sites under many coverers, as one factor over what each coverer does."""

import numpy as np

from gmlang.core.ast import Expression, Reference
from gmlang.diagnostics import Span
from gmlang.graph.builder import Origin, add_tables
from gmlang.graph.lowering import table_sizes
from gmlang.graph.lowering.grounder import Grounder, Job, auxiliary, environment
from gmlang.graph.values.environment import Env, whole
from gmlang.graph.values.evaluate import conditions, random_indices
from gmlang.graph.values.ranges import num_entries
from gmlang.graph.values.terms import Coverer, Covers, taking
from gmlang.graph.world.places import collect, locate
from gmlang.graph.world.states import BOOL, States
from gmlang.graph.world.world import Frame
from gmruntime.factors.kinds import Cover
from gmruntime.graph import repeats_variable


def lower_covers(grounder: Grounder, frame: Frame, job: Job, term: Covers) -> bool:
    """Add a cover for each instance; False where one depends on too much, or has no value."""
    columns: list[np.ndarray] = []
    says: list[tuple[np.ndarray, np.ndarray]] = []
    mark = grounder.builder.mark()
    for coverer in term.coverers:
        found = _layer(grounder, frame, term, coverer)
        if found is None:
            grounder.builder.reset(mark)
            return False
        frame, variables, takes, passes = found
        variables = np.broadcast_to(variables, (frame.count,))
        if columns and np.array_equal(variables, columns[-1]):
            # One model covers a site twice: what its first cover leaves, the second may take.
            says[-1] = _one_after_another(*says[-1], takes, passes)
            continue
        columns.append(variables)
        says.append((takes, passes))
    slot = locate(term.target, environment(grounder, frame))
    columns.append(np.broadcast_to(slot.variables, (frame.count,)))
    scopes = np.stack(columns, axis=1)
    if repeats_variable(scopes).any():
        grounder.builder.reset(mark)
        return False
    sizes = tuple(takes.shape[1] for takes, _ in says)
    tables = max(len(takes) for takes, _ in says)
    all_takes = np.full((tables, len(says), max(sizes), slot.states.count), -np.inf)
    all_passes = np.zeros(all_takes.shape[:3])
    for k, (takes, passes) in enumerate(says):
        all_takes[:, k, : sizes[k]], all_passes[:, k, : sizes[k]] = takes, passes
    grounder.builder.add_factors(Cover(all_takes, all_passes, sizes), scopes, job.origin)
    return True


def _one_after_another(
    takes: np.ndarray, passes: np.ndarray, then_takes: np.ndarray, then_passes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return what two covers by one variable do together, as one; the first is nearer."""
    left = np.asarray(passes[..., None] + then_takes)
    return np.logaddexp(takes, left), np.asarray(passes + then_passes)


def _layer(
    grounder: Grounder, frame: Frame, term: Covers, coverer: Coverer
) -> tuple[Frame, np.ndarray, np.ndarray, np.ndarray] | None:
    """Return a variable that says what a coverer does, and what that is in each of its states.

    Returns:
        The frame, the variables, log takes (tables, states, values) and log passes (tables,
        states); None where it depends on too much.
    """
    when: Expression = coverer.when
    if not isinstance(when, Reference) or random_indices(when):
        frame, when = auxiliary(grounder, frame, when, BOOL)
    env = environment(grounder, frame)
    for part in (term.target, when, coverer.distribution, coverer.confidence):
        if part is not None:
            collect(part, env)
    if num_entries(env.slots) > table_sizes.ENTRIES_MAX:
        return None
    site, gate = (env.slots.of[(id(part), env.path)] for part in (term.target, when))
    assert site is not None
    assert gate is not None
    said = _said(term, coverer, when, env, site)
    if site == gate or said is None:
        return None
    takes, passes = said
    others = [k for k in range(len(env.slots.items)) if k not in (site, gate)]
    variables = env.slots.items[gate].variables
    if not others:
        return frame, variables, takes[:, :, 0], passes[:, :, 0]
    span = coverer.distribution.span
    return _told_apart(grounder, env, (gate, *others), takes, passes, span)


def _said(
    term: Covers, coverer: Coverer, when: Expression, env: Env, site: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return log takes (tables, gate, others, values) and log passes, as in `_layer`.

    None where that has no value in some states, which tables leave out.
    """
    holds = conditions(when, env)
    inner = env.gathering().guarded(holds, wanted=True)
    takes, passes = taking(term, coverer, inner)
    if inner.holes:
        return None
    takes, passes = np.where(holds, takes, -np.inf), np.where(holds, passes, 0.0)
    sizes = [slot.states.count for slot in env.slots.items]
    gate = env.slots.of[(id(when), env.path)]
    assert gate is not None
    rest = [k for k in range(len(sizes)) if k not in (site, gate)]
    order = [0, 1 + gate, *(1 + k for k in rest), 1 + site]

    def laid(values: np.ndarray) -> np.ndarray:
        values = whole(values, env)
        values = np.broadcast_to(values, (len(values), *sizes)).transpose(order)
        return values.reshape(len(values), 2, -1, sizes[site])

    return laid(takes), laid(passes)[..., 0]


def _told_apart(
    grounder: Grounder,
    env: Env,
    axes: tuple[int, ...],
    takes: np.ndarray,
    passes: np.ndarray,
    span: Span,
) -> tuple[Frame, np.ndarray, np.ndarray, np.ndarray] | None:
    """Add a variable that tells apart what a coverer does in the states of several variables."""
    both = np.broadcast_to(passes, (len(takes), *passes.shape[1:]))[..., None]
    rows = np.concatenate([takes, both], axis=3).reshape(len(takes), -1, takes.shape[3] + 1)
    found = [np.unique(row, axis=0, return_inverse=True) for row in rows]
    size = max(len(distinct) for distinct, _ in found)
    if size * rows.shape[1] * len(rows) > table_sizes.ENTRIES_MAX:
        return None
    says = np.full((len(rows), size, rows.shape[2]), -np.inf)
    says[:, :, -1] = 0.0
    table = np.full((len(rows), rows.shape[1], size), -np.inf)
    for k, (distinct, which) in enumerate(found):
        says[k, : len(distinct)] = distinct
        table[k, np.arange(rows.shape[1]), which.reshape(-1)] = 0.0
    count = env.frame.count
    slots = [env.slots.items[axis] for axis in axes]
    grounder.num_hidden += 1
    start = grounder.builder.add_variables(f"#{grounder.num_hidden}", (count,), States(0, size))
    own: np.ndarray = np.arange(start, start + count, dtype=np.int64)
    table = table.reshape(len(rows), *(slot.states.count for slot in slots), size)
    scopes = [np.broadcast_to(slot.variables, (count,)) for slot in slots]
    origin = Origin("auxiliary", span)
    add_tables(grounder.builder, table, np.stack([*scopes, own], axis=1), origin, gated=False)
    return env.frame, own, says[:, :, :-1], says[:, :, -1]
