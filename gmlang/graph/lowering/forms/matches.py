"""Predictions about what a random index picks among observed sites: exemplars matched to places.

`predict f.dot[f.row + i, f.column + j] ~ Bernoulli(mask[f.exemplar, i, j])` says for each exemplar
and each place how likely the picture under it is. Once all sites are observed that is a table,

    score[exemplar, place] = sum over p of w[exemplar, p, seen[site(p, place)]],

which is added up by products of matrices, or, where it is large, left to whoever asks as a `Match`.
No pixel of any exemplar at any place is grounded. Where sites lie is whatever the indices say.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import (
    Activation,
    AttributeRef,
    Call,
    Local,
    Thing,
)
from gmlang.core.walk import walk
from gmlang.diagnostics import Diagnostic
from gmlang.errors import grounding as errors
from gmlang.graph.builder import add_tables
from gmlang.graph.lowering import table_sizes
from gmlang.graph.lowering.folding import known_states
from gmlang.graph.lowering.forms.sites import (
    indices_of,
    other_gates,
    plain_gates,
    sites_at,
    sites_of,
)
from gmlang.graph.lowering.grounder import Grounder, Job, environment, hidden_reference
from gmlang.graph.values import terms
from gmlang.graph.values.environment import Env
from gmlang.graph.values.ranges import num_entries
from gmlang.graph.world.places import collect, locate
from gmlang.graph.world.world import Frame, select_rows
from gmruntime.arrays import row_starts, rows_by
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.kind import FactorKind
from gmruntime.factors.kinds import Match
from gmruntime.simplify.memories.attention import sums_by_products

_ENTRIES_AT_ONCE = 1 << 20
"""Of what pixels say, and of the states seen under them, that are added up at once: 8 MiB each."""

_TOLD_MAX, _BYTES_OF_TOLD = 1 << 27, 16
"""Numbers that pixels of exemplars may say: a GiB, and half the memory that is allowed."""

_WORK_MIN = 1 << 27
"""Sums of fewer numbers are tables at once, in a tenth of a second."""

_GROUPS_MAX = 1 << 12
"""So many sets of variables are gone through one by one."""


def match(grounder: Grounder, frame: Frame, job: Job) -> bool:
    """Add predictions about what random indices pick, or leave them out where they sum to one.

    False where neither is known: something that may be picked is not observed.
    """
    if _add_matches(grounder, frame, job):
        return True
    return grounder.world.unspoken is not None and _leave_out(grounder, frame, job)


def _add_matches(grounder: Grounder, frame: Frame, job: Job) -> bool:
    """Add predictions about sites that random indices pick; False where they are not all observed.

    Args:
        grounder: grows.
        frame: the instances, one for each pixel of each prediction.
        job: of what is drawn, with its base, under one gate at most.
    """
    term = job.term
    assert isinstance(term, terms.Drawn)
    groups = _groups(grounder, frame, job)
    if groups is None:
        return False
    known = known_states(grounder)
    is_gated, depended = len(plain_gates(job)) > 0, _depended(frame, job)
    # Members of a family that say the same, each under its own gate, share what is added up.
    alike: dict[tuple[bytes, ...], tuple[list[np.ndarray], Frame]] = {}
    for scope, part in groups:
        inner = scope[1:] if is_gated else scope
        key = inner.tobytes(), *(part.locals[name].tobytes() for name in depended)
        alike.setdefault(key, ([], part))[0].append(scope)
    mark = grounder.builder.mark()
    for scopes, part in alike.values():
        made = _made(grounder, part, job, known, scopes[0])
        if made is None:
            grounder.builder.reset(mark)
            return False
        if isinstance(made, FactorKind):
            grounder.builder.add_factors(made, np.stack(scopes), job.origin)
        else:
            add_tables(grounder.builder, made, np.stack(scopes), job.origin, gated=is_gated)
    return True


def _made(
    grounder: Grounder, part: Frame, job: Job, known: np.ndarray, scope: np.ndarray
) -> FactorKind | np.ndarray | None:
    """Return what instances about the same variables say: a match where it is large, or a table.

    None where a site is not observed, or is none.
    """
    total, step = np.zeros(()), _pixels_at_once(grounder, part, job)
    for first in range(0, part.count, step):
        rows = np.arange(first, min(first + step, part.count))
        said = _said(grounder, select_rows(part, rows), job, known, scope)
        if said is None:
            return None
        if step >= part.count and said.is_large():
            return said.as_match(gated=len(plain_gates(job)) > 0).checked(len(scope), 0)
        total = total + said.summed(grounder.world.budget or UNLIMITED)
    return total[None]


def _pixels_at_once(grounder: Grounder, frame: Frame, job: Job) -> int:
    """Say of how many pixels all that exemplars say is held at once."""
    assert isinstance(job.term, terms.Drawn)
    said = environment(grounder, select_rows(frame, np.zeros(1, np.int64)))
    for part in terms.expressions(job.term)[:-1]:
        collect(part, said)
    count = sites_of(grounder, frame, job.term.target).states.count + 1
    most = min(_TOLD_MAX, grounder.world.memory_bytes / _BYTES_OF_TOLD)
    return max(1, int(most / (num_entries(said.slots) * count)))


def _depended(frame: Frame, job: Job) -> list[str]:
    """List the loop variables and parameters that what is said, or of which site, depends on."""
    found: set[str] = set()
    for expression in (*terms.expressions(job.term), *other_gates(job)):
        for part in walk(expression):
            match part:
                case Local():
                    found.add(part.key)
                case AttributeRef():
                    found.add(part.thing.key)
                case Activation() | Call():
                    found |= {one.key for one in part.arguments if isinstance(one, Thing)}
                case _:
                    pass
    return [key for key in frame.locals if key in found]


def _leave_out(grounder: Grounder, frame: Frame, job: Job) -> bool:
    """Leave predictions out that sum to one, whatever the place and the exemplar are.

    They do where each pixel is about another site. That nothing else speaks of these sites is known
    once all is grounded (`contested`). False where they do not.
    """
    term = job.term
    assert isinstance(term, terms.Drawn)
    assert term.log_base is not None
    groups = _groups(grounder, frame, job)
    if groups is None or not np.isfinite(term.log_base).all():
        return False
    found: list[np.ndarray] = []
    for _, part in groups:
        sites = sites_at(grounder, part, job)
        if sites is None:
            return False
        ordered = np.sort(sites[2], axis=0)
        if ((ordered[1:] == ordered[:-1]) & (ordered[1:] >= 0)).any():
            return False
        found.append(np.unique(ordered[ordered >= 0]))
    assert grounder.world.unspoken is not None
    grounder.world.unspoken += [(own, term.target.span) for own in found]
    return True


def contested(grounder: Grounder) -> Diagnostic | None:
    """Say which prediction was left out although something else speaks of its sites; None: none.

    What is summed without it is no sum then; what is impossible without it is so with it.
    """
    unspoken = grounder.world.unspoken or []
    times = np.zeros(grounder.builder.num_variables, np.int64)
    for sites, _ in unspoken:
        times[sites] += 1
    for block in grounder.builder.factors if unspoken else ():
        np.add.at(times, np.unique(block.scopes), 1)
    for sites, span in unspoken:
        if (times[sites] > 1).any():
            return errors.random_target(span, span.text)
    return None


def _groups(grounder: Grounder, frame: Frame, job: Job) -> list[tuple[np.ndarray, Frame]] | None:
    """Return the instances about the same variables, with these: gate, exemplar, place.

    None where what is said has no such form.
    """
    term = job.term
    assert isinstance(term, terms.Drawn)
    if job.guards or _is_learned(grounder, job):
        return None
    places, said = environment(grounder, frame), environment(grounder, frame)
    for part in (*indices_of(term.target), *other_gates(job)):
        collect(part, places)
    for expression in terms.expressions(term)[:-1]:
        collect(expression, said)
    if not _is_plain(places) or not _is_plain(said):
        return None
    gates = [locate(gate, environment(grounder, frame)) for gate in plain_gates(job)]
    columns = [slot.variables for slot in (*gates, *said.slots.items, *places.slots.items)]
    scopes = np.stack([np.broadcast_to(c.reshape(-1), (frame.count,)) for c in columns], axis=1)
    each, which = np.unique(scopes, axis=0, return_inverse=True)
    entries = num_entries(said.slots) * num_entries(places.slots)
    if len(each) > _GROUPS_MAX or entries > table_sizes.ENTRIES_MAX or _repeats(each):
        return None
    _, order = rows_by(which.reshape(-1), len(each))
    starts = row_starts(np.bincount(which.reshape(-1), minlength=len(each)))
    return [
        (scope, select_rows(frame, np.sort(order[first:end])))
        for scope, first, end in zip(each, starts[:-1], starts[1:], strict=True)
    ]


def _is_learned(grounder: Grounder, job: Job) -> bool:
    learned = grounder.learned
    return learned is not None and learned.concerns(job.expressions())


def _is_plain(env: Env) -> bool:
    """Say whether every reference names a variable, the same in all states."""
    return not env.slots.strays and not env.slots.choices and not env.slots.unreal


def _repeats(scopes: np.ndarray) -> bool:
    """Say whether places and exemplars, or the gate, are the same variable anywhere."""
    ordered = np.sort(scopes, axis=1)
    return bool((ordered[:, 1:] == ordered[:, :-1]).any())


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """What all pixels of all exemplars say, and what is seen.

    Attributes:
        told: of each state, nats; the last is that nothing is said, where there are such places.
        sites: below each pixel at each place.
        picture: what is seen of each site.
        sizes: how many states each variable has that makes the exemplar.
        places: likewise of those that make the place.
    """

    told: np.ndarray
    sites: np.ndarray
    picture: np.ndarray
    sizes: tuple[int, ...]
    places: tuple[int, ...]

    def is_large(self) -> bool:
        """Say whether it is added up when it is asked about, as far as there is time."""
        work = self.told.shape[0] * self.sites.size
        return work >= _WORK_MIN and bool(np.isfinite(self.told).all())

    def as_match(self, *, gated: bool) -> Match:
        """Return the factor."""
        whole = self.told[None], self.sites[None], self.picture[None]
        return Match(*whole, (*self.sizes, *self.places), len(self.sizes), gated)

    def summed(self, budget: Budget) -> np.ndarray:
        """Add all up: an axis for each variable of the exemplar, then for each of the place."""
        found = np.zeros((len(self.told), self.sites.shape[1]))
        step = max(1, _ENTRIES_AT_ONCE // max(1, len(self.told), self.sites.shape[1]))
        for first in range(0, len(self.sites), step):
            some = slice(first, first + step)
            told = np.moveaxis(self.told[:, some], 2, 0)
            found += sums_by_products(told, self.picture[self.sites[some]].T, budget)
        return found.reshape(*self.sizes, *self.places)


def _said(
    grounder: Grounder, frame: Frame, job: Job, known: np.ndarray, scope: np.ndarray
) -> _Said | None:
    """Find what all pixels say; None where a site is not observed, or is none.

    Args:
        grounder: grows.
        frame: the instances about the same variables.
        job: as in `match`.
        known: the state in which each variable is observed.
        scope: these variables.
    """
    term = job.term
    assert isinstance(term, terms.Drawn)
    found = sites_at(grounder, frame, job)
    if found is None:
        return None
    array, places, variables = found
    is_said = variables >= 0
    is_used = np.zeros(len(known) + 1, np.bool_)
    is_used[variables] = True
    own = np.flatnonzero(is_used[:-1])
    if (known[own] < 0).any():
        return None
    others = np.setdiff1d(array.variables(), scope)
    if not len(others):
        return None
    grounder.builder.folded.append(own)
    # Where nothing is said there is one more state, of which nothing is said.
    number = np.zeros(len(known) + 1, np.min_scalar_type(len(own)))
    number[own] = np.arange(len(own))
    number[-1] = len(own)
    picture = np.append(known[own], array.states.count)
    is_whole = bool(is_said.all())
    # The target is a stand-in: what is said of a state depends on the pixel, not on the site. What
    # the exemplar is made of may be a site as well, and keeps an axis of its own.
    frame, stand_in = hidden_reference(
        grounder, frame, np.full(frame.count, others[0]), array.states, term.target.span
    )
    drawn = replace(term, target=stand_in)
    probe = _collected(grounder, select_rows(frame, np.zeros(1, np.int64)), drawn)
    *sizes, count = (slot.states.count for slot in probe.slots.items)
    told = np.zeros((math.prod(sizes), frame.count, count if is_whole else count + 1))
    step = max(1, _ENTRIES_AT_ONCE // max(1, math.prod(sizes) * count))
    for first in range(0, frame.count, step):
        grounder.world.check_time()
        rows = np.arange(first, min(first + step, frame.count))
        env = _collected(grounder, select_rows(frame, rows), drawn)
        logs = np.broadcast_to(terms.log_values(drawn, env), (len(rows), *sizes, count))
        flat = logs.reshape(len(rows), -1, count)
        told[:, rows[0] : rows[-1] + 1, :count] = flat.transpose(1, 0, 2)
    return _Said(
        told,
        number[variables],
        (picture[:-1] if is_whole else picture).astype(np.min_scalar_type(array.states.count)),
        tuple(sizes),
        tuple(slot.states.count for slot in places),
    )


def _collected(grounder: Grounder, frame: Frame, term: terms.Drawn) -> Env:
    """Return the surroundings of what is said, with a slot for the target behind the others."""
    env = environment(grounder, frame)
    for expression in terms.expressions(term):
        collect(expression, env)
    return env
