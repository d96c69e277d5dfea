"""Values with their probabilities, in braces."""

from gmlang.families.family import Domains, Family, Gives, Pairs
from gmlang.families.logs import named_probabilities

PROBABILITIES = Family(
    name="Probabilities",
    form="{value: p, ...}",
    help="each value its probability; `rest: p` for each value not named, "
    "`rest` alone for what is left; a value may be random, and lie outside the domain "
    "where its probability is 0",
    example="var x : {dry, damp, wet} ~ {dry: 0.5, wet: 0.1, rest}\n"
    "assert abs(P(x = damp) - 0.4) < 1e-12\n",
    domains=Domains.ANY,
    law=named_probabilities,
    gives=Gives.WRITTEN,
    pairs=Pairs.VALUES,
    is_called=False,
)
