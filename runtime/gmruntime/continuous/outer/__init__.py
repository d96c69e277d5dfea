"""Outer: integrals over up to twenty real parameters whose log density is known by its values.

Above: whoever sums everything else at each setting of the parameters. Below: the budget and arrays.
Invariant: what comes out is an estimate with its error, and says when that is not to be trusted; a
density that cannot be normalised is refused.
"""

from gmruntime.continuous.outer.domains import Domain as Domain
from gmruntime.continuous.outer.domains import unbounded as unbounded
from gmruntime.continuous.outer.engine import integrate as integrate
from gmruntime.continuous.outer.maxima.proper import ImproperDensityError as ImproperDensityError
from gmruntime.continuous.outer.points import WeightedPoints as WeightedPoints
