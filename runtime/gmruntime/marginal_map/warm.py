"""Compiles the loops of this folder ahead of time: the driver, which warms all others, is below."""

from itertools import islice

import numpy as np

from gmruntime.budget import start_budget
from gmruntime.marginal_map.components import Component, Standing
from gmruntime.marginal_map.moving import moves
from gmruntime.marginal_map.scoring import scorer_of
from gmruntime.simplify.network import Factor, Network
from gmruntime.task import Effort

_COUNT = 40
_NUM_MOVES = 4


def warm_up() -> None:
    """Take some moves along a chain of which every other variable is asked."""
    rng = np.random.default_rng(0)
    factors = [Factor((k, k + 1), rng.normal(size=(2, 2))) for k in range(_COUNT - 1)]
    network = Network(tuple(range(_COUNT)), np.full(_COUNT, 2), factors, 0.0)
    asked, summed = tuple(range(0, _COUNT, 2)), tuple(range(1, _COUNT, 2))
    one = Standing(Component(network, asked, summed))
    effort = Effort(start_budget(600.0, 1 << 30), rng)
    scorer = scorer_of(one.component, effort)
    states = np.zeros(len(asked), np.int64)
    one.offer(states, scorer.worth(states, effort), "warming up")
    for _ in islice(moves(one, scorer, effort), _NUM_MOVES):
        pass
