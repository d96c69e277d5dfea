"""Values with weights of any scale, which are divided by their sum."""

import numpy as np

from gmlang.families.family import Domains, Draw, Family, Gives, Pairs


def _log_weights(draw: Draw) -> np.ndarray:
    """Return the logs of the weights; values that several pairs name have the sum of theirs.

    The values not named have the weight of `_`, each, or none.
    """
    logs, named = np.full(draw.values.shape, -np.inf), np.zeros(draw.values.shape, np.bool_)
    rest: np.ndarray | None = None
    for here, log_weight in draw.pairs:
        if here is None:
            rest = log_weight
            continue
        named = named | here
        logs = np.logaddexp(logs, np.where(here, log_weight, -np.inf))
    return logs if rest is None else np.where(named, logs, rest)


WEIGHTS = Family(
    name="Weights",
    form="Weights({value: w, ...})",
    help="each value in proportion to its weight; `_: w` for each value not named",
    example="var x : 0..3 ~ Weights({v: v + 1 for v in 0..3})\n"
    "assert abs(P(x = 3) - 0.4) < 1e-12\n",
    domains=Domains.ANY,
    law=_log_weights,
    gives=Gives.LOG_WEIGHTS,
    pairs=Pairs.VALUES,
)
