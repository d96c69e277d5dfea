"""The factor graph while it grows: variables, factors with their origins, and evidence."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gmlang.diagnostics import Diagnostic, Span
from gmlang.graph.rows.linear import RealDefinition, RealRows
from gmlang.graph.values.environment import Place
from gmlang.graph.world.states import States
from gmruntime.factors.kinds import FactorKind, Gated, Potts, Table, TruncatedLinear
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, repeats_variable

NORMALISED = frozenset(("draw", "define", "call", "prior", "base", "auxiliary", "observe"))
"""Origins of factors that are normalised, whatever is learned, or that are themselves evidence."""


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Which statement a block of factors came from.

    Attributes:
        kind: "draw", "define", "factor", "constraint", "observe", "predict", "use", "base",
            "prior", "call" or "auxiliary".
        span: of the statement.
        model: whose body it stands in, "" outside models.
        targets: for a prediction, the variable that each factor predicts.
        coverers: of factors that several statements make together, each of these, the nearest
            first; the factors have what the first has.
    """

    kind: str
    span: Span
    model: str = ""
    targets: np.ndarray | None = None
    coverers: tuple["Origin", ...] = ()

    def describe(self) -> str:
        """Write the statement and its line."""
        line, _ = self.span.line_column()
        text = " ".join(self.span.text.split())
        return f"{text} (line {line})"


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """Where a statement has no value.

    Attributes:
        scopes: the variables of each instance on which that depends.
        states: of the variables, axis by axis.
        mask: the joint states without a value, one table for each instance or one for all.
        tell: makes the error for an instance and a state of each variable; the texts say which
            states these are.
    """

    scopes: np.ndarray
    states: tuple[States, ...]
    mask: np.ndarray
    tell: Callable[[Place, list[str]], Diagnostic]


Mark = tuple[int, ...]
"""How much has been built at some moment."""


@dataclass(frozen=True, slots=True, eq=False)
class RealRecipe:
    """How rows are made whose numbers depend on parameters.

    Attributes:
        run: adds them to the builder of a grounder, at the settings that its world tries.
        rows, definitions: the numbers of those that depend on parameters.
    """

    run: "Callable[[Any], None]"
    rows: tuple[int, ...]
    definitions: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class GridBlocks:
    """A law that depends on reals in panels: how it is worked out anew, and what it said.

    Attributes:
        law: in all its instances.
        factors: the numbers of its blocks.
    """

    law: Any
    factors: range


GridDraw = tuple[tuple[str, str], np.ndarray, Span]


@dataclass(slots=True, eq=False)
class Builder:
    """What has been built so far.

    Attributes:
        starts: of each block of variables, the index of its first.
        origins: one for each factor block.
        observed: variables, the states they were seen in, and where that is said.
        mechanisms: variables that are drawn or defined, and where.
        edges: parents and children of drawn and defined variables.
        folded: observed variables that tables leave out, since they hold for these states alone.
        presumed: observed variables without which others would not have been observed.
        regions: where statements have no value.
        relaxed: numbers of factor blocks that depend on what stands where there is no value, and
            what they say elsewhere.
        real_rows, real_definitions: what is said of joint reals, and what some of them stand for.
        real_mechanisms: joint reals that are drawn or defined, and where.
        real_recipes: how those rows are made whose numbers depend on parameters.
        grid_blocks: what laws say of reals in panels.
        grid_draws: which of these are drawn: an attribute, its places, and where that is said.
    """

    variables: list[VariableBlock] = field(default_factory=list[VariableBlock])
    factors: list[FactorBlock] = field(default_factory=list[FactorBlock])
    origins: list[Origin] = field(default_factory=list[Origin])
    num_variables: int = 0
    observed: list[tuple[np.ndarray, np.ndarray, Span]] = field(
        default_factory=list[tuple[np.ndarray, np.ndarray, Span]]
    )
    mechanisms: list[tuple[np.ndarray, Span]] = field(default_factory=list[tuple[np.ndarray, Span]])
    edges: list[tuple[np.ndarray, np.ndarray]] = field(
        default_factory=list[tuple[np.ndarray, np.ndarray]]
    )
    folded: list[np.ndarray] = field(default_factory=list[np.ndarray])
    presumed: list[np.ndarray] = field(default_factory=list[np.ndarray])
    regions: list[Region] = field(default_factory=list[Region])
    relaxed: list[tuple[range, tuple[FactorBlock, ...]]] = field(
        default_factory=list[tuple[range, tuple[FactorBlock, ...]]]
    )
    starts: list[int] = field(default_factory=list[int])
    real_rows: list[RealRows] = field(default_factory=list[RealRows])
    real_definitions: list[RealDefinition] = field(default_factory=list[RealDefinition])
    real_mechanisms: list[tuple[np.ndarray, Span]] = field(
        default_factory=list[tuple[np.ndarray, Span]]
    )
    real_recipes: list[RealRecipe] = field(default_factory=list[RealRecipe])
    grid_blocks: list[GridBlocks] = field(default_factory=list[GridBlocks])
    grid_draws: list[GridDraw] = field(default_factory=list[GridDraw])

    def mark(self) -> Mark:
        """Return how much has been built, for `reset`."""
        return (
            len(self.variables),
            len(self.factors),
            self.num_variables,
            len(self.observed),
            len(self.mechanisms),
            len(self.edges),
            len(self.regions),
            len(self.relaxed),
            len(self.folded),
            len(self.presumed),
            len(self.real_rows),
            len(self.real_definitions),
            len(self.real_mechanisms),
            len(self.real_recipes),
            len(self.grid_blocks),
            len(self.grid_draws),
        )

    def reset(self, mark: Mark) -> None:
        """Forget what has been built since a mark."""
        variables, factors, self.num_variables, observed, mechanisms, edges, *rest = mark
        del self.variables[variables:], self.starts[variables:]
        del self.factors[factors:], self.origins[factors:]
        del self.observed[observed:], self.mechanisms[mechanisms:], self.edges[edges:]
        del self.regions[rest[0] :], self.relaxed[rest[1] :], self.folded[rest[2] :]
        del self.presumed[rest[3] :], self.real_rows[rest[4] :]
        del self.real_definitions[rest[5] :], self.real_mechanisms[rest[6] :]
        del self.real_recipes[rest[7] :], self.grid_blocks[rest[8] :]
        del self.grid_draws[rest[9] :]

    def copy(self) -> "Builder":
        """Return a builder that can grow on its own."""
        return Builder(
            list(self.variables),
            list(self.factors),
            list(self.origins),
            self.num_variables,
            list(self.observed),
            list(self.mechanisms),
            list(self.edges),
            regions=list(self.regions),
            relaxed=list(self.relaxed),
            folded=list(self.folded),
            presumed=list(self.presumed),
            starts=list(self.starts),
            grid_blocks=list(self.grid_blocks),
            grid_draws=list(self.grid_draws),
        )

    def add_variables(self, name: str, shape: tuple[int, ...], states: States) -> int:
        """Add a block of variables and return the index of its first."""
        start = self.num_variables
        block = VariableBlock(name, shape, states.count)
        self.variables.append(block)
        self.starts.append(start)
        self.num_variables += block.size
        return start

    def block_of(self, variable: int) -> int:
        """Return the number of the block that a variable is in."""
        # An empty block begins where the next one does.
        return bisect_right(self.starts, variable) - 1

    def add_factors(self, kind: FactorKind, scopes: np.ndarray, origin: Origin) -> None:
        """Add a block of factors."""
        if len(scopes):
            block = FactorBlock(kind, np.ascontiguousarray(scopes, np.int32), origin.describe())
            self.factors.append(block)
            self.origins.append(origin)

    def graph(self) -> FactorGraph:
        """Return what has been built as a factor graph."""
        return FactorGraph(tuple(self.variables), tuple(self.factors))

    def left_out(self) -> frozenset[int]:
        """Return the observed variables of which the graph does not know what else they might be.

        Tables leave them out, or other observations were made because of them.
        """
        return frozenset(int(v) for some in (*self.folded, *self.presumed) for v in some.flat)


def evidence_of(builder: Builder) -> tuple[np.ndarray, bool]:
    """Return the state of each observed variable, and whether observations clash."""
    evidence = np.full(builder.num_variables, -1, np.int32)
    if not builder.observed:
        return evidence, False
    variables = np.concatenate([one.reshape(-1) for one, _, _ in builder.observed])
    states = np.concatenate([one.reshape(-1) for _, one, _ in builder.observed])
    evidence[variables] = states
    return evidence, bool((evidence[variables] != states).any())


def add_tables(
    builder: Builder, log_potentials: np.ndarray, scopes: np.ndarray, origin: Origin, *, gated: bool
) -> None:
    """Add factors given as tables, in the plainest kind that says the same.

    A variable that a scope names twice is merged: only the entries where both agree remain.

    Args:
        builder: grows.
        log_potentials: one table for each factor, or one for all; the gate's axis left out when
            `gated`.
        scopes: the gate first when `gated`.
        origin: where the factors come from.
        gated: whether the factors apply only while the first variable is true.
    """
    if not len(scopes):
        return
    if scopes.shape[1] > 1:
        twice = repeats_variable(scopes)
        if twice.any():
            _add_merged(builder, log_potentials, scopes, origin, twice, gated=gated)
            return
    kind = Gated(log_potentials) if gated else _plainest(log_potentials)
    builder.add_factors(kind, scopes, origin)


def _add_merged(
    builder: Builder,
    log_potentials: np.ndarray,
    scopes: np.ndarray,
    origin: Origin,
    twice: np.ndarray,
    *,
    gated: bool,
) -> None:
    if gated:
        off = np.zeros_like(log_potentials)
        log_potentials = np.stack([off, log_potentials], axis=1)
    shared = log_potentials.shape[0] == 1
    rows = np.flatnonzero(~twice)
    if len(rows):
        tables = log_potentials if shared else log_potentials[rows]
        add_tables(builder, tables, scopes[rows], origin, gated=False)
    rows = np.flatnonzero(twice)
    tables = log_potentials if shared else log_potentials[rows]
    for merger in mergers(scopes[rows]):
        own = tables if shared else tables[merger.rows]
        scope = scopes[rows[merger.rows]][:, merger.kept]
        builder.add_factors(_plainest(merger.merged(own)), scope, origin)


@dataclass(frozen=True, slots=True, eq=False)
class Merger:
    """Scopes that name variables twice in the same places, and what is left when these are one.

    Attributes:
        rows: of the scopes.
        kept: the first axis of each variable, in their order.
        places: for each axis, where in `kept` that of its variable stands.
    """

    rows: np.ndarray
    kept: np.ndarray
    places: np.ndarray

    def merged(self, tables: np.ndarray) -> np.ndarray:
        """Return tables, (tables, axes...), with the entries alone where a variable agrees."""
        if len(self.kept) == len(self.places):
            return tables
        states = np.indices([tables.shape[1 + k] for k in self.kept])
        return tables[(slice(None), *states[self.places])]


def mergers(scopes: np.ndarray) -> Iterator[Merger]:
    """Group scopes by which of their axes are the same variable.

    >>> [(m.rows.tolist(), m.kept.tolist()) for m in mergers(np.array([[7, 8], [9, 9]]))]
    [([1], [0]), ([0], [0, 1])]
    """
    if not repeats_variable(scopes).any():
        every = np.arange(scopes.shape[1])
        yield Merger(np.arange(len(scopes)), every, every)
        return
    patterns = first_places(scopes)
    for pattern in np.unique(patterns, axis=0):
        rows = np.flatnonzero((patterns == pattern).all(axis=1))
        kept = np.flatnonzero(pattern == np.arange(len(pattern)))
        yield Merger(rows, kept, np.searchsorted(kept, pattern))


def first_places(scopes: np.ndarray) -> np.ndarray:
    """Say for each place of each scope where its variable stands first.

    >>> first_places(np.array([[7, 8, 7]])).tolist()
    [[0, 1, 0]]
    """
    return (scopes[:, :, None] == scopes[:, None, :]).argmax(axis=2)


def _plainest(log_potentials: np.ndarray) -> FactorKind:
    if log_potentials.ndim != 3 or log_potentials.shape[1] != log_potentials.shape[2]:
        return Table(log_potentials)
    size = log_potentials.shape[1]
    if size < 3:
        return Table(log_potentials)
    weights = log_potentials[:, 0, 0]
    same = np.eye(size, dtype=np.bool_)
    if (log_potentials == np.where(same, weights[:, None, None], 0.0)).all():
        return Potts(weights.copy())
    slopes = -log_potentials[:, 0, 1]
    caps = -log_potentials.min(axis=(1, 2))
    if np.isfinite(caps).all() and (slopes >= 0).all():
        distance = np.abs(np.arange(size)[:, None] - np.arange(size)[None, :])
        linear = -np.minimum(slopes[:, None, None] * distance, caps[:, None, None])
        if (log_potentials == linear).all():
            return TruncatedLinear(slopes.copy(), caps)
    return Table(log_potentials)
