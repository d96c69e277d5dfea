"""An effect that any of its causes may have, each with a probability, or none of them: a leak."""

from typing import TYPE_CHECKING

import numpy as np

from gmlang.families.family import Domains, Draw, Family, Pairs, chance

if TYPE_CHECKING:
    from gmruntime.factors import kinds


def _log_mass(draw: Draw) -> np.ndarray:
    """Return the logs.

    log P(false) = log(1 - leak) + sum over the causes that hold of log(1 - p)
    """
    (leak,) = draw.parameters
    log_none = np.log1p(-leak)
    for holds, p in draw.pairs:
        assert holds is not None
        log_none = log_none + np.where(holds, np.log1p(-p), 0.0)
    return np.where(draw.values > 0, np.log(-np.expm1(log_none)), log_none)


def _factor(causes: np.ndarray, parameters: tuple[np.ndarray, ...]) -> "kinds.NoisyOr":
    from gmruntime.factors.kinds import NoisyOr  # The whole runtime, which a highlighter spares.

    with np.errstate(divide="ignore"):
        return NoisyOr(np.log1p(-np.column_stack([causes, *parameters])))


NOISY_OR = Family(
    name="NoisyOr",
    form="NoisyOr(cause: p, ..., leak=p)",
    help="P(false) = (1 − leak) · product over true causes of (1 − p)",
    example="var flu : bool ~ Bernoulli(0.1)\nvar cold : bool ~ Bernoulli(0.3)\n"
    "var fever : bool ~ NoisyOr(flu: 0.9, cold: 0.2, leak=0.05)\n"
    "assert abs(P(fever = false | flu = true, cold = true) - 0.95 * 0.1 * 0.8) < 1e-12\n",
    domains=Domains.TWO_VALUES,
    law=_log_mass,
    parameters=(chance("leak", default=0.0),),
    pairs=Pairs.CAUSES,
    factor=_factor,
)
