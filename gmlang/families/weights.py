"""Values with their probabilities, in braces."""

import numpy as np

from gmlang.families.family import Domains, Draw, Family, Gives, Pairs

_NOTHING = 1e-15
"""Probabilities that sum to one leave the rest no more than this, by rounding."""


def _probabilities(draw: Draw) -> np.ndarray:
    """Return the probabilities; the values not named share what is left of 1."""
    p, named = np.zeros(draw.values.shape), np.zeros(draw.values.shape, np.bool_)
    has_rest = False
    for here, probability in draw.pairs:
        if here is None:
            has_rest = True
            continue
        named = named | here
        p = np.where(here, probability, p)
    if has_rest:
        num_left = (~named).sum(axis=draw.axis, keepdims=True)
        left = 1.0 - p.sum(axis=draw.axis, keepdims=True)
        # What rounding leaves is nothing: a value that cannot be must not become possible.
        left = np.where(np.abs(left) <= _NOTHING, 0.0, left)
        p = np.where(named, p, left / np.maximum(num_left, 1))
    return p


WEIGHTS = Family(
    name="Weights",
    form="{value: p, ...}",
    help="each value its probability; `rest: p` for the values not named",
    example="var x : {dry, damp, wet} ~ {dry: 0.5, wet: 0.1, rest}\n"
    "assert abs(P(x = damp) - 0.4) < 1e-12\n",
    domains=Domains.ANY,
    law=_probabilities,
    gives=Gives.WRITTEN,
    pairs=Pairs.VALUES,
    is_called=False,
)
