"""Certainty of one value: what `predict x = value` predicts."""

import numpy as np

from gmlang.families.family import Domains, Draw, Family, Parameter, Taken


def _log_mass(draw: Draw) -> np.ndarray:
    (value,) = draw.parameters
    return np.where(draw.values == value, 0.0, -np.inf)


POINT = Family(
    name="Point",
    form="",
    help="certain of a value: `predict x = value`",
    example="entity Jar:\n    size : 0..2\nmodel big(x: Jar):\n    predict x.size = 2\n"
    "var it : Jar\nassert P(it.size = 2 | big(it)) == 1\n",
    domains=Domains.ANY,
    law=_log_mass,
    parameters=(Parameter("value", Taken.VALUE),),
    is_called=False,
    is_certain=True,
)
