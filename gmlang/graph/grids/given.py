"""A law in all its instances, and what is left of it where reals that it names are observed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import AttributeRef, Constant, Distribution, Expression, Real, VariableRef
from gmlang.core.walk import is_real_reference, mentions_real, replace_part, walk
from gmlang.diagnostics import Span
from gmlang.graph.lowering.grounder import Grounder, environment
from gmlang.graph.values.environment import Env
from gmlang.graph.world.places import locate_reals
from gmlang.graph.world.world import Frame, select_rows


@dataclass(frozen=True, slots=True, eq=False)
class GridLaw:
    """A law in all its instances.

    Attributes:
        law: that chooses among no reals.
        gates: conditions under which it holds.
        values: of data that is drawn; None where a variable or a real is.
        target: that variable, or real.
    """

    frame: Frame
    law: Distribution
    gates: tuple[Expression, ...]
    span: Span
    values: np.ndarray | None
    target: VariableRef | AttributeRef | None

    def mentions_reals(self) -> bool:
        """Say whether it depends on any."""
        parts = (self.law, *(() if self.target is None else (self.target,)))
        return any(map(mentions_real, parts))


def with_seen(grounder: Grounder, law: GridLaw) -> Iterator[GridLaw]:
    """Give a law apart for the instances in which reals were observed: these are numbers there."""
    pending = [law]
    while pending:
        one = pending.pop()
        found = next(_observed(grounder, one), None)
        if found is None:
            yield one
            continue
        reference, values = found
        for value in np.unique(values[~np.isnan(values)]).tolist():
            rows = np.flatnonzero(values == value)
            number = Constant(reference.span, float(value), Real())
            plain = replace_part(one.law, reference, number)
            assert isinstance(plain, Distribution)
            pending.append(_some(replace(one, law=plain), rows))
        if np.isnan(values).any():
            # Those that are left have it hidden, and it is looked at no more.
            yield from with_seen(grounder, _some(one, np.flatnonzero(np.isnan(values))))


def _observed(grounder: Grounder, law: GridLaw) -> Iterator[tuple[AttributeRef, np.ndarray]]:
    """Give the reals of a law that are observed in some instance, with their values in each."""
    for part in walk(law.law):
        if isinstance(part, AttributeRef) and is_real_reference(part):
            values = _values(grounder, law.frame, part)
            if not np.isnan(values).all():
                yield part, values


def _values(grounder: Grounder, frame: Frame, reference: AttributeRef) -> np.ndarray:
    """Return what a real was observed to be in each instance; NaN where it was not."""
    array = grounder.world.reals[reference.thing.entity][reference.attribute]
    places = locate_reals(reference, environment(grounder, frame)).reshape(-1)
    return np.broadcast_to(array.values[places], (frame.count,))


def _some(law: GridLaw, rows: np.ndarray) -> GridLaw:
    values = None if law.values is None else law.values[rows]
    return replace(law, frame=select_rows(law.frame, rows), values=values)


def with_seen_target(grounder: Grounder, law: GridLaw) -> Iterator[GridLaw]:
    """Give a law apart for the instances in which the real that is drawn was observed."""
    if not isinstance(law.target, AttributeRef) or not is_real_reference(law.target):
        yield law
        return
    values = _values(grounder, law.frame, law.target)
    seen, hidden = np.flatnonzero(~np.isnan(values)), np.flatnonzero(np.isnan(values))
    if len(seen):
        yield replace(_some(law, seen), values=values[seen], target=None)
    if len(hidden):
        yield _some(law, hidden)


def note_edges(grounder: Grounder, env: Env, law: GridLaw) -> None:
    """Note on what a variable, or a real, depends that is drawn."""
    if law.target is None:
        return
    own = id(law.target)
    axis = env.slots.of[own, env.path]
    assert axis is not None
    child = env.slots.items[axis].variables.astype(np.int32)
    for (reference, _), number in env.slots.of.items():
        if number is not None and reference != own:
            parents = env.slots.items[number].variables.astype(np.int32)
            parents, children = np.broadcast_arrays(parents, child)
            grounder.builder.edges.append((parents, children))
