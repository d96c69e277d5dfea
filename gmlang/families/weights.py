"""Values with weights of any scale, which are divided by their sum."""

import numpy as np

from gmlang.families.family import Domains, Draw, Family, Gives, Pairs


def _log_weights(draw: Draw) -> np.ndarray:
    """Return the logs of the weights; values that several pairs name have the sum of theirs."""
    logs = np.full(draw.values.shape, -np.inf)
    for here, log_weight in draw.pairs:
        assert here is not None, "weights leave nothing"
        logs = np.logaddexp(logs, np.where(here, log_weight, -np.inf))
    return logs


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
