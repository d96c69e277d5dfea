"""What a question changes of reals that are looked at in nodes, and whether they matter to it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from gmlang.core.ast import AttributeRef
from gmlang.core.check.joint.routes import Key, key_of
from gmlang.core.program import ObservedGiven, Program, Query
from gmlang.core.records.reals import ObserveReal
from gmlang.core.walk import is_real_reference
from gmlang.graph.builder import Builder
from gmlang.graph.reals.together import hang_together
from gmlang.graph.world.world import World
from gmlang.queries.targets import Target


def with_seen_reals(program: Program, query: Query, joint: set[Key]) -> Program:
    """Return a program that observes the reals behind a query's bar: they are numbers then.

    Joint ones are integrated, or not, once the graph is known.
    """
    seen = tuple(
        ObserveReal(given.span, (), given.target, given.value)
        for given in query.given
        if isinstance(given, ObservedGiven)
        and isinstance(given.target, AttributeRef)
        and is_real_reference(given.target)
        and key_of(given.target) not in joint
    )
    return replace(program, statements=(*program.statements, *seen)) if seen else program


def nodes_matter(
    world: World,
    builder: Builder,
    query: Query,
    targets: Sequence[Target],
    evidence: Callable[[], tuple[np.ndarray, bool]],
) -> bool:
    """Say whether an answer may depend on reals that are not observed.

    It does not where what is asked for hangs together with none of them, given what is observed.
    """
    hidden = world.hidden_reals.values()
    if not hidden or not query.asks_marginals or not targets or world.joint_reals:
        return bool(hidden)
    seen, clash = evidence()
    asked = np.concatenate([target.variables.reshape(-1) for target in targets])
    nodes = np.concatenate([one.variables[one.variables >= 0] for one in hidden])
    return clash or hang_together(builder, seen, asked, nodes)
