"""A sum of utilities as one product: a chain of flags, each saying whether one has been paid.

    sum_k g_k(x)  =  sum over flags b_1 .. b_{K-1} of  prod_k T_k(b_{k-1}, b_k, x)
    T_k(0, 0) = T_k(1, 1) = 1,  T_k(0, 1) = g_k,  T_k(1, 0) = 0,  b_0 = 0,  b_K = 1

Exactly one gain is paid in each term. Those settled last in time stand last, so that where a
decision is maximised there is one flag left, which says whether one of the earlier ones is paid:
where it is, all actions are worth the same, and where it is not, what is still to come counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from gmruntime.decisions.problem import Problem
from gmruntime.decisions.stages import flag_stage, settled
from gmruntime.simplify.network import Factor, Network


@dataclass(frozen=True, slots=True, eq=False)
class Flagged:
    """A network whose log Z is the log of the expected gain, times that of the evidence.

    Attributes:
        network: with the flags behind all other variables.
        stages: of all variables.
        first_flag: the number of the first flag; variables from it on are flags.
    """

    network: Network
    stages: dict[int, int]
    first_flag: int


def flagged(problem: Problem, stages: Mapping[int, int], more: tuple[Factor, ...] = ()) -> Flagged:
    """Add the gains, of which there is at least one, to a network, and policies as factors."""
    network = problem.network
    first = len(network.num_states)
    numbered = dict(stages)
    gains = sorted(problem.gains, key=lambda gain: settled(gain, stages), reverse=True)
    num_flags = len(gains) - 1
    factors = [*network.factors, *more]
    for k, gain in enumerate(gains):
        with np.errstate(divide="ignore"):
            paid = np.log(gain.table)
        table = np.full((*paid.shape, 2, 2), -np.inf)
        table[..., 0, 0] = table[..., 1, 1] = 0.0
        table[..., 0, 1] = paid
        scope = gain.scope
        if k < num_flags:
            numbered[first + k] = flag_stage(gain, stages)
            scope = (*scope, first + k)
        else:
            table = table[..., 1]
        if k > 0:
            scope = (*scope[: len(gain.scope)], first + k - 1, *scope[len(gain.scope) :])
        else:
            table = table[..., 0, :] if num_flags else table[..., 0]
        factors.append(Factor(scope, table))
    flags = range(first, first + num_flags)
    states = np.concatenate([network.num_states, np.full(num_flags, 2, network.num_states.dtype)])
    wide = replace(network, free=(*network.free, *flags), num_states=states, factors=factors)
    return Flagged(wide, numbered, first)
