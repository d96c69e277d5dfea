"""A row of probabilities that a comprehension lists: one for each value, in order."""

from gmlang.families.family import Domains, Family, Gives, Pairs, Parameter, Taken
from gmlang.families.logs import named_probabilities

LISTED = Family(
    name="Listed",
    form="",
    help="each value its entry of a list, as `Categorical` is given one",
    example="var x : 0..3 ~ Categorical([(v + 1) / 10 for v in 0..3])\n"
    "assert abs(P(x = 3) - 0.4) < 1e-12\n",
    domains=Domains.ANY,
    law=named_probabilities,
    gives=Gives.WRITTEN,
    parameters=(Parameter("length", Taken.LENGTH),),
    pairs=Pairs.VALUES,
    is_called=False,
)
