"""A noisy-or with any number of causes, as one factor."""

import numpy as np

from gmlang.core.ast import Distribution, Expression
from gmlang.core.walk import is_random
from gmlang.graph.lowering.forms.literals import literals_of
from gmlang.graph.lowering.grounder import Grounder, Job, environment
from gmlang.graph.values.chances import probability
from gmlang.graph.values.evaluate import item_frames
from gmlang.graph.values.terms import Drawn
from gmlang.graph.world.places import locate
from gmlang.graph.world.world import Frame
from gmruntime.factors.kinds import NoisyOr


def lower_noisy_or(grounder: Grounder, frame: Frame, job: Job, term: Drawn) -> bool:
    """Add the factors of a noisy-or; False when the term is none, or is gated."""
    distribution = term.distribution
    if not isinstance(distribution, Distribution) or distribution.family != "NoisyOr":
        return False
    if job.gates or term.log_base is not None:
        return False
    env = environment(grounder, frame)
    causes: list[tuple[Expression, Frame]] = []
    columns: list[np.ndarray] = []
    for position, item_frame in item_frames(env, distribution):
        item = distribution.items[position]
        assert item.key is not None
        causes.append((item.key, item_frame))
        if is_random(item.value):
            return False
        q = probability(item.value, environment(grounder, item_frame))
        columns.append(_failures(q, frame.count))
    if any(is_random(part) for part in distribution.arguments):
        return False
    leak = probability(distribution.arguments[0], env) if distribution.arguments else np.zeros(1)
    columns.append(_failures(leak, frame.count))
    frame, literals = literals_of(grounder, frame, causes, allow_negated=False)
    target = locate(term.target, environment(grounder, frame))
    scopes = np.column_stack([literals.variables, target.variables])
    grounder.builder.add_factors(NoisyOr(np.stack(columns, axis=1)), scopes, job.origin)
    return True


def _failures(chance: np.ndarray, count: int) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log1p(-np.broadcast_to(chance.reshape(-1), (count,)))
