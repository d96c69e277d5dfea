"""An effect of any number of causes, as one factor, where the family has such a one."""

import numpy as np

from gmlang.core.ast import Distribution, Expression
from gmlang.core.walk import is_random
from gmlang.families import family_named
from gmlang.graph.lowering.forms.literals import literals_of
from gmlang.graph.lowering.grounder import Grounder, Job, environment
from gmlang.graph.values.chances import probability
from gmlang.graph.values.distributions import parameter_values
from gmlang.graph.values.evaluate import item_frames
from gmlang.graph.values.terms import Drawn
from gmlang.graph.world.places import locate
from gmlang.graph.world.world import Frame


def lower_causes(grounder: Grounder, frame: Frame, job: Job, term: Drawn) -> bool:
    """Add the factors of a draw with causes; False when its family has none, or it is gated."""
    distribution = term.distribution
    if not isinstance(distribution, Distribution):
        return False
    family = family_named(distribution.family)
    if family.factor is None or job.gates or term.log_base is not None:
        return False
    env = environment(grounder, frame)
    causes: list[tuple[Expression, Frame]] = []
    chances: list[np.ndarray] = []
    for position, item_frame in item_frames(env, distribution):
        item = distribution.items[position]
        assert item.key is not None
        causes.append((item.key, item_frame))
        if is_random(item.value):
            return False
        q = probability(item.value, environment(grounder, item_frame))
        chances.append(_one_each(q, frame.count))
    if any(is_random(part) for part in distribution.arguments):
        return False
    parameters = tuple(
        _one_each(parameter_values(distribution, family, k, env), frame.count)
        for k in range(len(family.parameters))
    )
    columns = np.stack(chances, axis=1) if chances else np.zeros((frame.count, 0))
    frame, literals = literals_of(grounder, frame, causes, allow_negated=False)
    target = locate(term.target, environment(grounder, frame))
    scopes = np.column_stack([literals.variables, target.variables])
    grounder.builder.add_factors(family.factor(columns, parameters), scopes, job.origin)
    return True


def _one_each(chance: np.ndarray, count: int) -> np.ndarray:
    return np.broadcast_to(chance.reshape(-1), (count,))
