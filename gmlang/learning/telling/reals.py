"""Observed reals, which nothing is learned from yet.

What models predict of an observed real is a number on their activations, with the observation and
without it. So it would drop out of a score that compares the two: only what is seen *given* the
reals would count, and reals would say nothing of the models that predict them.
"""

import numpy as np

from gmlang.diagnostics import GmError, Span
from gmlang.errors import later
from gmlang.graph.world.world import World


def refuse_reals(world: World, span: Span, about: np.ndarray | None = None) -> None:
    """Refuse to learn where models speak of observed reals.

    Args:
        world: of the grounded program.
        span: of what is learned.
        about: the variables that are learned about; None for all.

    Raises:
        GmError: naming the attribute.
    """
    for entity, attribute in (*world.hidden_reals, *world.joint_reals):
        raise GmError([later.learned_from_real(span, f"{entity}.{attribute}")])
    for said in world.said_of_reals:
        if about is None or np.isin(said.gates, about).any():
            raise GmError([later.learned_from_real(span, f"{said.entity}.{said.attribute}")])
