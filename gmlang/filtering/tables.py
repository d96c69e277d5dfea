"""The last step of a window as tables, over what was believed before it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from gmlang.core.program import Query
from gmlang.diagnostics import GmError, Span
from gmlang.errors import filtering as errors
from gmlang.filtering.chains.chain import Chain
from gmlang.filtering.chains.reading import Said
from gmlang.filtering.places import LASTING, Known, Numbering, Place, numbering_of, places_of
from gmlang.filtering.reals.rules import RealRule
from gmlang.graph.builder import Builder
from gmlang.graph.from_core import Grounding
from gmlang.queries.questions.probability import Joint
from gmlang.queries.session import Prepared
from gmruntime.factors.decompose import to_tables
from gmruntime.factors.kinds import Table
from gmruntime.filtering.planning import joined_potentials
from gmruntime.filtering.step import Potential, Step, Wanted
from gmruntime.graph import FactorBlock, FactorGraph, num_states, table_indices, validate


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The last step of some.

    Attributes:
        step: as tables.
        left: the variables whose joint belief it leaves, in order.
        prepared: the graph of each question; None where it cannot be asked yet.
        parts: where the answer to each lies in what is found after the step.
        width: how much that is.
        real: what the step says of reals; None where there are none.
    """

    step: Step
    left: tuple[Known, ...]
    prepared: tuple[Prepared | None, ...]
    parts: tuple[slice, ...]
    width: int
    real: RealRule | None = None

    def blind(self, places: Sequence[Place]) -> tuple[Step, list[int]]:
        """Return the step as if no data were seen, which asks for what may be, and its sizes.

        What the program itself observes in it stays, as all else that it says.
        """
        own = [*self.step.seen, *[-1] * (len(places) - len(self.step.seen))]
        wanted = tuple(Wanted((v,)) if v >= 0 else None for v in own)
        step = replace(self.step, seen=(), wanted=wanted)
        return step, [self.step.num_states[v] if v >= 0 else 0 for v in own]


@dataclass(slots=True, eq=False)
class Taken:
    """The last step of a window, while it is taken from its graph.

    Attributes:
        chain: the program.
        span: of it.
        queries: asked after each step.
        lags: of what runs over time, how many steps are remembered.
        lasting: the arrays of no step that are remembered.
        places: what was found that may be observed in a step; grows.
        grounding: of the window.
        num_steps: of it.
        before: what the step before left.
        numbers: of the step's variables, by what they are known as; auxiliary ones by their index.
    """

    chain: Chain
    span: Span
    queries: tuple[Query, ...]
    lags: Mapping[tuple[str, ...], int]
    lasting: frozenset[tuple[str, ...]]
    places: list[Place]
    grounding: Grounding
    num_steps: int
    before: tuple[Known, ...]
    numbering: Numbering = field(init=False)
    numbers: dict[object, int] = field(default_factory=dict[object, int])
    sizes: list[int] = field(default_factory=list[int])

    def __post_init__(self) -> None:
        world, builder = self.grounding.world, self.grounding.builder
        self.numbering = numbering_of(self.chain, world, builder.num_variables, self.num_steps)

    def window(self, prepared: Sequence[Prepared | None]) -> Window:
        """Return the last step."""
        builder = self.grounding.builder
        self._check_bases(builder)
        before = tuple(self._number_known(one.step_later()) for one in self.before)
        potentials = list(self._potentials(builder))
        shown = list(self._observed(builder))
        seen = self._seen()
        left = self._left()
        free = self._free(left)
        wanted: list[Wanted | None] = []
        parts: list[slice] = []
        width = 0
        for query, one in zip(self.queries, prepared, strict=True):
            own = self._wanted(query, one)
            scopes = [one.scope for one in own if one is not None]
            more = sum(math.prod(self.sizes[v] for v in scope) for scope in scopes)
            parts.append(slice(width, width + more))
            width += more
            wanted += own
        after = tuple(self._number_known(one) for one in left)
        step = Step(
            tuple(self.sizes),
            before,
            after,
            joined_potentials(potentials),
            seen,
            joined_potentials(shown),
            tuple(wanted),
            free,
        )
        return Window(step, left, tuple(prepared), tuple(parts), width)

    def _check_bases(self, builder: Builder) -> None:
        """Refuse what is drawn a step after its base distribution was taken for it."""
        world, times = self.grounding.world, self.numbering.time
        based = {(name,) for name, one in world.variables.items() if one.log_base is not None}
        for entity, attributes in world.attributes.items():
            based |= {(entity, n) for n, one in attributes.items() if one.log_base is not None}
        for variables, span in builder.mechanisms:
            said = self._said(span)
            is_new = said is not None and (said.is_repeated or said.first == self.num_steps)
            for v in variables[(times[variables] >= 0) & is_new].reshape(-1).tolist():
                known = self.numbering.known(v)
                if known is not None and known.back > 0 and known.name in based:
                    raise GmError([errors.not_followed(span, span.text)])

    # --- Variables ---

    def _number(self, builder: Builder, variable: int, states: np.ndarray) -> int:
        """Return the step's number of a variable of a graph, auxiliary ones included."""
        known = self.numbering.known(variable)
        if known is not None:
            return self._number_known(known)
        # What questions add is their own; what the program adds all of them know.
        is_shared = variable < self.grounding.builder.num_variables
        return self._numbered(variable if is_shared else (id(builder), variable), states[variable])

    def _number_known(self, known: Known) -> int:
        return self._numbered(known, self.numbering.num_states(known))

    def _numbered(self, key: object, num_states: int) -> int:
        if key not in self.numbers:
            self.numbers[key] = len(self.sizes)
            self.sizes.append(int(num_states))
        return self.numbers[key]

    def _left(self) -> tuple[Known, ...]:
        """List what later steps, or questions, need of this one and those before."""
        found = [
            one
            for name in self.numbering.names
            if name in self.lasting
            for one in self.numbering.all_of(name, LASTING)
        ]
        for name in self.chain.axes:
            for back in range(min(self.lags.get(name, 0), self.num_steps)):
                found += self.numbering.all_of(name, back)
        return tuple(found)

    def _free(self, left: Sequence[Known]) -> float:
        """Return the log of the number of states of new variables that nothing speaks of."""
        kept, total = set(left), 0.0
        for name in self.numbering.names:
            is_over_time = name in self.chain.axes
            if not is_over_time and self.num_steps > 1:
                continue
            for one in self.numbering.all_of(name, 0 if is_over_time else LASTING):
                if one not in self.numbers and one not in kept:
                    total += float(np.log(self.numbering.num_states(one)))
        return total

    # --- What is said ---

    def _said(self, span: Span) -> Said | None:
        return next((one for one in self.chain.said if one.span.contains(span)), None)

    def _are_new(self, span: Span, model: str, kind: str, scopes: np.ndarray) -> np.ndarray:
        """Say which factors of a statement are new in the last step."""
        said = None if kind in ("base", "prior") else self._said(span)
        if kind == "base" or (said is not None and said.is_whole):
            return self.numbering.are_new(scopes)
        if said is None and not (kind == "prior" or model):
            raise GmError([errors.not_followed(span, span.text)])
        if said is None:
            is_new = self.num_steps == 1
        else:
            is_new = said.is_repeated or said.first == self.num_steps
        return np.full(len(scopes), is_new)

    def _potentials(self, builder: Builder) -> Iterator[Potential]:
        """Yield the factors that are new, as tables."""
        blocks: list[FactorBlock] = []
        joint = self.grounding.joint
        # Rows about no real have become tables: they are taken with the others.
        taken = {id(rows.span) for rows in joint.raw} if joint is not None else set[int]()
        for block, origin in zip(builder.factors, builder.origins, strict=True):
            if id(origin.span) in taken:
                continue
            new = self._are_new(origin.span, origin.model, origin.kind, block.scopes)
            if new.any():
                blocks.append(block.some(new))
        yield from self._as_tables(builder, blocks)

    def _as_tables(self, builder: Builder, blocks: Sequence[FactorBlock]) -> Iterator[Potential]:
        graph = validate(FactorGraph(tuple(builder.variables), tuple(blocks)))
        tables = to_tables(graph)
        if tables is None:
            alone = (FactorGraph(graph.variables, (block,)) for block in graph.factors)
            wide = next(one.factors[0].label for one in alone if to_tables(one) is None)
            raise GmError([errors.not_followed(self.span, wide)])
        states = num_states(tables)
        for block in tables.factors:
            assert isinstance(block.kind, Table)
            own = table_indices(block)
            for scope, table in zip(block.scopes.tolist(), own.tolist(), strict=True):
                numbers = tuple(self._number(builder, v, states) for v in scope)
                yield Potential(numbers, block.kind.log_potentials[table])

    def _observed(self, builder: Builder) -> Iterator[Potential]:
        """Yield what is seen in this step, whatever its places hold."""
        for variables, states, span in builder.observed:
            flat = variables.reshape(-1)
            new = self._are_new(span, "", "observe", flat[:, None])
            yield from self._states(builder, flat[new], states.reshape(-1)[new])

    def _states(
        self, builder: Builder, variables: np.ndarray, states: np.ndarray
    ) -> Iterator[Potential]:
        """Yield that variables are in certain states."""
        counts = num_states(FactorGraph(tuple(builder.variables), ()))
        for v, state in zip(variables.tolist(), states.tolist(), strict=True):
            table = np.full(counts[v], -np.inf)
            table[state] = 0.0
            yield Potential((self._number(builder, v, counts),), table)

    def _seen(self) -> tuple[int, ...]:
        """Return the variable of each place of what may be seen."""
        world, names = self.grounding.world, self.grounding.names
        here = places_of(self.chain, world, self.numbering, names)
        known = {place.key: number for number, place in enumerate(self.places)}
        for place in here:
            if place.key not in known:
                known[place.key] = len(self.places)
                self.places.append(place)
        found = [-1] * len(self.places)
        for place in here:
            found[known[place.key]] = self._number_known(place.variable)
        return tuple(found)

    def _wanted(self, query: Query, prepared: Prepared | None) -> list[Wanted | None]:
        """Return the distributions that a question needs."""
        if prepared is None:
            return [None]
        base, own = self.grounding.builder, prepared.builder
        blocks = own.factors[len(base.factors) :]
        potentials = list(self._as_tables(own, blocks)) if blocks else []
        for variables, seen, _ in own.observed[len(base.observed) :]:
            potentials += self._states(own, variables.reshape(-1), seen.reshape(-1))
        given = joined_potentials(potentials)
        states = num_states(FactorGraph(tuple(own.variables), ()))
        numbers = [
            self._number(own, int(v), states)
            for target in prepared.targets
            for v in target.variables.reshape(-1)
        ]
        if isinstance(query, Joint):
            return [Wanted(tuple(numbers), given)]
        return [Wanted((number,), given) for number in numbers]
