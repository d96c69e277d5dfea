"""A row of probabilities, one for each value, from data or written in brackets."""

import numpy as np

from gmlang.families.family import Domains, Draw, Family, Gives, Parameter, Taken


def _probabilities(draw: Draw) -> np.ndarray:
    (row,) = draw.parameters
    return row


CATEGORICAL = Family(
    name="Categorical",
    form="Categorical(vector)",
    help="each value has its entry of the vector, which is data or `[p, ...]`",
    example="data row[2, 3] = [[0.2, 0.5, 0.3], [1, 0, 0]]\nvar z : 0..1\n"
    "var x : 0..2 ~ Categorical(row[z])\nassert abs(P(x = 1 | z = 0) - 0.5) < 1e-12\n",
    domains=Domains.ANY,
    law=_probabilities,
    gives=Gives.WRITTEN,
    parameters=(Parameter("p", Taken.ROW),),
)
