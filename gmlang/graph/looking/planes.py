"""Where each entry of a program's tables is looked up, found by grounding with patterns of data.

An entry that depends on one element has one of two numbers, those where everything is false and
where everything is true. Element k, in binary, says in which of the patterns

    pattern b:  element k is true where digit b of k is 1

the entry has the second number: so few groundings tell the element of every entry.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import Context, Expression
from gmlang.core.program import Program
from gmlang.diagnostics import GmError
from gmlang.graph.builder import Builder
from gmlang.graph.from_core import Grounding, ground
from gmlang.graph.gathering import Gathered
from gmlang.graph.looking.statements import thinned
from gmlang.graph.world.states import States
from gmlang.graph.world.world import World
from gmruntime.arrays import Bool, Float64, Int64
from gmruntime.budget import Budget
from gmruntime.factors.kinds import FactorKind, Gated, Lookup, Table
from gmruntime.graph import FactorBlock

_NUM_CHECKS = 2
"""Patterns of chance that are grounded as well: what was found must say what they make."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where the entries of a block of factors are looked up.

    Attributes:
        block: its number.
        site: of each entry, an element of the data that is looked up, one name after the other.
        if_true: what the entry is where that is true.
        if_false: what it is elsewhere.
        is_gated: whether the block has a gate.
    """

    block: int
    site: Int64[np.ndarray, "tables *states"]
    if_true: Float64[np.ndarray, "tables_or_one *states"]
    if_false: Float64[np.ndarray, "tables_or_one *states"]
    is_gated: bool


@dataclass(frozen=True, slots=True, eq=False)
class Looking:
    """A grounded program, and which of its tables depend on data that is looked up.

    Attributes:
        grounding: with some data.
        names: of the data, in the order of its elements.
        shapes: of each.
        places: the blocks that depend on it.
    """

    grounding: Grounding
    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    places: tuple[Place, ...]

    @property
    def num_sites(self) -> int:
        """How many elements the data has."""
        return sum(int(np.prod(shape)) for shape in self.shapes)

    def with_rows(self, seen: Bool[np.ndarray, "rows sites"]) -> tuple[Grounding, int]:
        """Return the program's graph for many rows of data, and the variable that says which."""
        base = self.grounding
        builder = base.builder.copy()
        row = builder.add_variables("row", (), States(0, len(seen)))
        for place in self.places:
            block = builder.factors[place.block]
            kind = Lookup(seen, place.site, place.if_true, place.if_false, place.is_gated)
            rows = np.full((len(block.scopes), 1), row, np.int32)
            builder.factors[place.block] = replace(
                block, kind=kind, scopes=np.hstack([rows, block.scopes])
            )
        gathered = Gathered()
        gathered.keep(builder.factors)
        return replace(base, builder=builder, gathered=gathered), row


def look(
    program: Program,
    world: World,
    extra: Iterable[tuple[Context, Expression]],
    names: tuple[str, ...],
    budget: Budget,
) -> Looking | None:
    """Find out where a program looks data up; None where patterns of it change anything else.

    Args:
        program: that mentions the data as `looked_up` says.
        world: with some data.
        extra: expressions of a query.
        names: of the data.
        budget: ends it.

    Raises:
        TimeoutError: when the budget is spent.
    """
    extra = list(extra)
    shapes = tuple(world.data[name].shape for name in names)
    elements = np.arange(sum(int(np.prod(shape)) for shape in shapes))
    if not len(elements):
        return None

    def made(pattern: Bool[np.ndarray, " sites"]) -> Builder:
        budget.check()
        own = _with_data(world, names, shapes, pattern)
        return ground(program, own, extra, memory_bytes=budget.memory_bytes).builder

    try:
        grounding = ground(program, world, extra, memory_bytes=budget.memory_bytes)
        thin = thinned(program, frozenset(names))
        numbers = _numbers_in(grounding.builder, ground(thin, world, extra).builder)
        if numbers is not None:
            program = thin
        nothing, everything = (made(elements < end) for end in (0, len(elements)))
        which = _varying(nothing, everything)
        if which is None or (numbers is not None and not set(which) <= numbers.keys()):
            return None
        sites = [np.zeros(_logs(nothing.factors[k].kind).shape, np.int64) for k in which]
        for digit in range(int(len(elements) - 1).bit_length()):
            own = made((elements >> digit) & 1 > 0)
            if not _is_between(nothing, everything, own, which):
                return None
            for site, k in zip(sites, which, strict=True):
                low, high, now = (_logs(b.factors[k].kind) for b in (nothing, everything, own))
                site |= ((now == high) & (high != low)).astype(np.int64) << digit
        places = tuple(
            _place(k, site, nothing.factors[k], everything.factors[k])
            for k, site in zip(which, sites, strict=True)
        )
        if any(place.site.max(initial=0) >= len(elements) for place in places):
            return None
        rng = np.random.default_rng(0)
        patterns = [rng.random(len(elements)) < 0.5 for _ in range(_NUM_CHECKS)]
        if not all(_agrees(places, nothing, made(pattern), pattern) for pattern in patterns):
            return None
    except GmError:
        # What some pattern makes impossible, or gives no value, depends on data otherwise.
        return None
    if numbers is not None:
        places = tuple(replace(place, block=numbers[place.block]) for place in places)
    return Looking(grounding, names, shapes, places)


def _numbers_in(builder: Builder, own: Builder) -> dict[int, int] | None:
    """Say which blocks of a program those of one with fewer statements are.

    None where that has other variables, or other blocks.
    """
    if _variables(own) != _variables(builder):
        return None
    spans = {id(origin.span) for origin in own.origins}
    theirs = [k for k, origin in enumerate(builder.origins) if id(origin.span) in spans]
    if len(theirs) != len(own.factors):
        return None
    for block, k in zip(own.factors, theirs, strict=True):
        its = builder.factors[k]
        if type(block.kind) is not type(its.kind) or not np.array_equal(block.scopes, its.scopes):
            return None
        if not _is_same(block.kind, its.kind):
            return None
    return dict(enumerate(theirs))


def _with_data(
    world: World, names: tuple[str, ...], shapes: tuple[tuple[int, ...], ...], pattern: np.ndarray
) -> World:
    data, start = dict(world.data), 0
    for name, shape in zip(names, shapes, strict=True):
        size = int(np.prod(shape))
        data[name] = pattern[start : start + size].reshape(shape).astype(world.data[name].dtype)
        start += size
    return World(dict(world.sizes), data, set(world.missing))


def _logs(kind: FactorKind) -> np.ndarray:
    assert isinstance(kind, Table | Gated)
    return kind.log_potentials


def _place(number: int, site: np.ndarray, low: FactorBlock, high: FactorBlock) -> Place:
    if_true, if_false = _logs(high.kind), _logs(low.kind)
    # One table for all, where all have the same two numbers.
    short = [one[:1] if (one == one[:1]).all() else one for one in (if_true, if_false)]
    return Place(number, site, short[0], short[1], isinstance(low.kind, Gated))


# --- Comparing what was built ------------------------------------------------------------


def _varying(one: Builder, other: Builder) -> list[int] | None:
    """List the blocks whose tables differ; None where anything else does."""
    if not _is_alike(one, other):
        return None
    found: list[int] = []
    for k, (a, b) in enumerate(zip(one.factors, other.factors, strict=True)):
        if type(a.kind) is not type(b.kind) or not np.array_equal(a.scopes, b.scopes):
            return None
        if _is_same(a.kind, b.kind):
            continue
        if not isinstance(a.kind, Table | Gated) or _logs(a.kind).shape != _logs(b.kind).shape:
            return None
        if len(_logs(a.kind)) != len(a.scopes):
            return None
        found.append(k)
    return found


def _is_same(one: object, other: object) -> bool:
    """Say whether two kinds have the same parameters."""
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in one.__dataclass_fields__  # pyright: ignore[reportAttributeAccessIssue]
    )


def _variables(builder: Builder) -> list[tuple[str, tuple[int, ...], int]]:
    return [(block.name, block.shape, block.num_states) for block in builder.variables]


def _is_alike(one: Builder, other: Builder) -> bool:
    """Say whether two graphs differ in the numbers of their factors at most."""
    if _variables(one) != _variables(other) or len(one.factors) != len(other.factors):
        return False
    if one.relaxed or other.relaxed or len(one.regions) != len(other.regions):
        return False
    pairs = [
        *((a.scopes, b.scopes) for a, b in zip(one.regions, other.regions, strict=True)),
        *((a.mask, b.mask) for a, b in zip(one.regions, other.regions, strict=True)),
    ]
    for name in ("observed", "mechanisms", "edges", "folded", "presumed"):
        own, its = getattr(one, name), getattr(other, name)
        if len(own) != len(its):
            return False
        for a, b in zip(own, its, strict=True):
            parts = zip(a, b, strict=True) if isinstance(a, tuple) else [(a, b)]
            pairs += [(p, q) for p, q in parts if isinstance(p, np.ndarray)]
    return all(np.array_equal(p, q) for p, q in pairs)


def _is_between(nothing: Builder, everything: Builder, own: Builder, which: list[int]) -> bool:
    """Say whether each entry of the blocks that vary has one of the two numbers, and no other."""
    varies = _varying(nothing, own)
    if varies is None or not set(varies) <= set(which):
        return False
    for k in which:
        low, high, now = (_logs(b.factors[k].kind) for b in (nothing, everything, own))
        if not ((now == low) | (now == high)).all():
            return False
    return True


def _agrees(places: tuple[Place, ...], nothing: Builder, own: Builder, pattern: np.ndarray) -> bool:
    """Say whether the places tell what a pattern makes of the program."""
    varies = _varying(nothing, own)
    if varies is None or not set(varies) <= {place.block for place in places}:
        return False
    return all(
        np.array_equal(
            np.where(pattern[place.site], place.if_true, place.if_false),
            _logs(own.factors[place.block].kind),
        )
        for place in places
    )
