"""From a term and a frame to blocks of factors: tables where they fit, structure where not."""

import math
from dataclasses import replace

import numpy as np

from gmlang.core.ast import Aggregate
from gmlang.diagnostics import Diagnostic, GmError
from gmlang.errors import grounding as errors
from gmlang.graph.lowering import folding, narrowing, structure, table_sizes
from gmlang.graph.lowering.forms.windows import add_window
from gmlang.graph.lowering.grounder import (
    Grounder,
    Job,
    auxiliary,
    environment,
    together,
    unrolled_jobs,
)
from gmlang.graph.lowering.learned.calls import cut_call
from gmlang.graph.lowering.learned.tables import add_learned
from gmlang.graph.lowering.splitting import (
    outside_items,
    split_on_condition,
    split_on_guard,
    split_on_switch,
    uniform_groups,
)
from gmlang.graph.lowering.sums.linear import linear_form
from gmlang.graph.lowering.tables import add_table
from gmlang.graph.lowering.undefined import lower_undefined
from gmlang.graph.values import terms
from gmlang.graph.values.environment import Env, NoValue
from gmlang.graph.values.evaluate import RaggedItems
from gmlang.graph.values.ranges import num_entries
from gmlang.graph.world.names import variable_name
from gmlang.graph.world.places import collect
from gmlang.graph.world.states import BOOL
from gmlang.graph.world.world import Frame, select_rows


def lower(grounder: Grounder, frame: Frame, job: Job) -> None:
    """Add the factors of a term for every instance of a frame.

    Raises:
        GmError: when an expression is too wide for a table and has no structure to exploit, or
            when it has no value in some instance, which no gate or guard can exclude.
        TimeoutError: when the question has no time left.
    """
    if frame.count == 0:
        return
    grounder.world.check_time()
    mark, num_covers = grounder.builder.mark(), len(grounder.covers)
    try:
        _lower(grounder, frame, job)
    except NoValue as error:
        if not (job.gates or job.guards) or len(error.rows) not in (1, frame.count):
            raise
        grounder.builder.reset(mark)
        del grounder.covers[num_covers:]
        rows = np.broadcast_to(error.rows, (frame.count,))
        lower_undefined(grounder, select_rows(frame, rows), job, error.diagnostics[0])
        lower(grounder, select_rows(frame, ~rows), job)


def _lower(grounder: Grounder, frame: Frame, job: Job) -> None:
    if grounder.world.has_functions:
        groups = unrolled_jobs(grounder, frame, job)
        if len(groups) > 1 or groups[0][1] is not job:
            for rows, plain in groups:
                grounder.lower(select_rows(frame, rows), plain)
            return
    if grounder.unknown is not None and cut_call(grounder, frame, job, known_only=True):
        return
    parts = outside_items(job.expressions())
    if split_on_condition(grounder, frame, job, parts):
        return
    if split_on_switch(grounder, frame, job, parts):
        return
    try:
        groups = uniform_groups(grounder, frame, parts)
    except NoValue:
        if split_on_guard(grounder, frame, job):
            return
        raise
    for part in groups:
        _lower_uniform(grounder, part, job)


# --- Tables ------------------------------------------------------------------------------


def _lower_uniform(grounder: Grounder, frame: Frame, job: Job) -> None:
    env = environment(grounder, frame)
    try:
        for expression in job.expressions():
            collect(expression, env)
    except RaggedItems:
        for row in range(frame.count):
            _lower_uniform(grounder, select_rows(frame, np.array([row])), job)
        return
    except NoValue:
        if split_on_guard(grounder, frame, job):
            return
        raise
    if env.slots.strays and split_on_guard(grounder, frame, job):
        return
    if isinstance(job.term, terms.Covered):
        grounder.covers.append((frame, job))
        return
    _note_edges(grounder, env, job)
    if grounder.unknown is not None and cut_call(grounder, frame, job, known_only=False):
        return
    job = replace(job, num_entries=num_entries(env.slots))
    if grounder.learned is not None and grounder.learned.concerns(job.expressions()):
        add_learned(grounder, env, job, grounder.learned)
        return
    if add_window(grounder, frame, env, job):
        return
    few = len(env.slots.items) <= 3
    is_mixed = isinstance(job.term, terms.Covers)
    if job.num_entries <= table_sizes.SMALL_ENTRIES and not is_mixed:
        add_table(grounder, env, job)
    elif structure.lower_structured(grounder, frame, job):
        return
    elif isinstance(job.term, terms.Needed) and job.is_wide and len(job.gates) > 1:
        frame, both = auxiliary(grounder, frame, together(job.gates), BOOL)
        lower(grounder, frame, replace(job, gates=(both,)))
    elif job.num_entries <= (table_sizes.ENTRIES_MAX if few else table_sizes.PLAIN_ENTRIES):
        add_table(grounder, env, job)
    elif not folding.add_folded(grounder, env, job, table_sizes.PLAIN_ENTRIES):
        if narrowing.lower_narrowed(grounder, frame, job):
            return
        if job.num_entries <= table_sizes.ENTRIES_MAX:
            add_table(grounder, env, job)
        elif not folding.add_folded(grounder, env, job, table_sizes.ENTRIES_MAX):
            raise GmError([_too_wide(env, job)])


def _too_wide(env: Env, job: Job) -> Diagnostic:
    span = job.origin.span
    slots = env.slots.items
    count = math.prod(slot.states.count for slot in slots)
    shown = str(count) if count < 10**9 else f"2^{math.log2(count):.0f}"
    variables = [
        (variable_name(env.world, int(slot.variables.flat[0])), slot.states.count) for slot in slots
    ]
    named = [(name, size) for name, size in variables if not name.startswith("#")]
    return errors.too_wide(span, span.text, named or variables, shown, _adds_reals(env, job))


def _adds_reals(env: Env, job: Job) -> bool:
    sums = [
        p
        for p in outside_items(job.expressions())
        if isinstance(p, Aggregate) and p.operator == "sum"
    ]
    return any(linear_form(part, env, parts=True) is None for part in sums)


def _note_edges(grounder: Grounder, env: Env, job: Job) -> None:
    if job.origin.kind not in ("draw", "define", "call"):
        return
    assert isinstance(job.term, terms.Drawn | terms.Defined)
    axis = env.slots.of[(id(job.term.target), env.path)]
    assert axis is not None
    child = env.slots.items[axis].variables.astype(np.int32)
    own = id(job.term.target)
    if any(number == axis and key[0] != own for key, number in env.slots.of.items()):
        grounder.builder.edges.append((child, child))
    for number, slot in enumerate(env.slots.items):
        if number != axis:
            parents, children = np.broadcast_arrays(slot.variables.astype(np.int32), child)
            unreal = env.slots.unreal.get(number)
            if unreal is not None:
                parents, children = parents[~unreal], children[~unreal]
            grounder.builder.edges.append((parents, children))
