"""One step of a chain: the program is grounded for a few steps, and the last one is taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from gmlang.core.mentions import mentions
from gmlang.core.program import Query
from gmlang.diagnostics import GmError, Span
from gmlang.errors import filtering as errors
from gmlang.filtering.chains.chain import Chain
from gmlang.filtering.places import LASTING, Known, Place
from gmlang.filtering.reals.asked import asked_of_reals
from gmlang.filtering.reals.rules import Entries, RealRule, real_rule
from gmlang.filtering.reals.taking import RealStep, numbering_of_reals
from gmlang.filtering.tables import Taken, Window
from gmlang.graph.from_core import Grounding, ground
from gmlang.graph.rows.substituting import Definitions
from gmlang.graph.world.bindings import bind
from gmlang.graph.world.world import World
from gmlang.queries.session import Prepared, Session, check_defined, prepare_for_rows

_OUTSIDE = ("GM406",)
"""Codes of an index that is outside: of what is asked, while there are not enough steps yet."""


@dataclass(slots=True, eq=False)
class Follower:
    """What all windows of a chain have in common.

    Attributes:
        chain: the program.
        values: its data, but for what runs over time.
        queries: asked after each step, which the last one of a window stands for.
        span: of the program.
        lags: of what runs over time, how many steps are remembered.
        lasting: the arrays of no step that are remembered.
        entries: the data that laws of reals are linear in.
        places: what was found that may be observed in a step; grows.
    """

    chain: Chain
    values: Mapping[str, object]
    queries: tuple[Query, ...]
    span: Span
    lags: Mapping[tuple[str, ...], int]
    lasting: frozenset[tuple[str, ...]]
    entries: Entries
    places: list[Place] = field(default_factory=list[Place])

    def window(
        self,
        num_steps: int,
        rows: Mapping[str, np.ndarray],
        before: Sequence[Known],
        real_before: Sequence[Known] = (),
    ) -> Window:
        """Ground some steps and take the last.

        Args:
            num_steps: how many; `chain.num_first` where there were as many or more.
            rows: what the last steps were given, by data, time first; 0 or missing for what laws
                of reals are linear in.
            before: what the step before left.
            real_before: the reals that it left.

        Raises:
            GmError: where a statement or a question does not fit its data.
            NotLinearError: where some data should have been given with its values.
        """
        grounding = self._grounded(num_steps, rows)
        world, joint = grounding.world, grounding.joint
        for entity, attribute in world.hidden_reals:
            raise GmError([errors.not_followed(self.span, f"{entity}.{attribute}".lstrip(":"))])
        base = grounding
        if joint is not None:
            # Questions name reals by their numbers, whatever is said of them.
            count = world.num_joint_reals
            open_ = Definitions((), np.full(count, -1), np.zeros(count, np.int64))
            base = replace(
                grounding, joint=replace(joint, places=np.arange(count), definitions=open_)
            )
        session = Session(grounding.program, world, base=base)
        prepared = [self._prepared(session, query, num_steps) for query in self.queries]
        taken = Taken(
            self.chain,
            self.span,
            self.queries,
            self.lags,
            self.lasting,
            self.places,
            grounding,
            num_steps,
            tuple(before),
        ).window(prepared)
        if joint is None:
            return taken
        step = RealStep(self.chain, grounding, joint, num_steps, tuple(real_before))
        return replace(taken, real=self._real_rule(step, rows, prepared))

    def _real_rule(
        self,
        step: RealStep,
        rows: Mapping[str, np.ndarray],
        prepared: Sequence[Prepared | None],
    ) -> RealRule:
        """Take the rows of the last step, and what questions need of its reals."""
        num_steps = step.num_steps
        asked = [
            None if one is None or one.asked_reals is None else asked_of_reals(one, query)
            for query, one in zip(self.queries, prepared, strict=True)
        ]
        missing = frozenset(
            (name, k)
            for name in self.entries.exact
            for k in np.flatnonzero(np.isnan(rows[name][-1].reshape(-1))).tolist()
        )

        def at(changed: Mapping[tuple[str, int, int], float]) -> RealStep:
            other = {name: np.array(array, np.float64) for name, array in rows.items()}
            for (name, element, back), value in changed.items():
                other[name].reshape(num_steps, -1)[num_steps - 1 - back, element] = value
            found = self._grounded(num_steps, {**rows, **{n: other[n] for n, *_ in changed}})
            assert found.joint is not None
            return replace(step, grounding=found, joint=found.joint)

        left = self._left_reals(step.grounding.world, num_steps)
        return real_rule(at, step, left, asked, self.entries, missing)

    def _grounded(self, num_steps: int, rows: Mapping[str, np.ndarray]) -> Grounding:
        chain = self.chain
        given = dict(self.values)
        for name, axis in chain.inputs.items():
            given[name] = np.moveaxis(rows[name], 0, axis)
        if any(symbol.name == chain.size for symbol in chain.program.data):
            given[chain.size] = num_steps
        program = chain.said_by(num_steps)
        world = bind(program, given)
        # A model that is asked about exists from the first step on.
        extra = [pair for query in self.queries for pair in mentions(query)]
        return check_defined(ground(program, world, extra))

    def _left_reals(self, world: World, num_steps: int) -> tuple[Known, ...]:
        """List the reals that later steps, or questions, need of this one and those before."""
        numbering = numbering_of_reals(self.chain, world, num_steps)
        found: list[Known] = []
        for name in numbering.names:
            if name in self.lasting:
                found += numbering.all_of(name, LASTING)
            elif name in self.chain.axes:
                for back in range(min(self.lags.get(name, 0), num_steps)):
                    found += numbering.all_of(name, back)
        return tuple(found)

    def _prepared(self, session: Session, query: Query, num_steps: int) -> Prepared | None:
        try:
            prepared = prepare_for_rows(session, query, None)
            check_defined(replace(prepared.grounding, builder=prepared.builder))
            prepared.grounding.world.allow(None, None)
            return prepared
        except GmError as error:
            is_early = num_steps < self.chain.num_first
            if is_early and all(one.code in _OUTSIDE for one in error.diagnostics):
                return None
            raise
