"""Outer: integrals over up to twenty real parameters whose log density is known by its values.

`integrate` takes any log density; `integrate_mixed` rows whose numbers depend on parameters, and
integrates everything else at each setting of these.

Above: whoever sums everything else at each setting of the parameters. Below: rows, the budget and
arrays. Invariant: what comes out is an estimate with its error, and says when that is not to be
trusted; a density that cannot be normalised is refused.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from gmruntime.continuous.outer.domains import Domain as Domain
from gmruntime.continuous.outer.domains import unbounded as unbounded
from gmruntime.continuous.outer.engine import integrate as integrate
from gmruntime.continuous.outer.maxima.proper import ImproperDensityError as ImproperDensityError
from gmruntime.continuous.outer.points import WeightedPoints as WeightedPoints

if TYPE_CHECKING:
    from gmruntime.continuous.outer.batches import Inside as Inside
    from gmruntime.continuous.outer.mixed import integrate_mixed as integrate_mixed

_LATER = {
    "Inside": "gmruntime.continuous.outer.batches",
    "integrate_mixed": "gmruntime.continuous.outer.mixed",
}
"""Where what needs compiled loops is, which is loaded when it is asked for."""


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
