"""How belief propagation is run."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import Literal

from gmruntime.answer import Map, Query

Schedule = Literal["auto", "flooding", "sequential", "residual"]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["float64", "float32"]

_SWEEPS_MAX = (1 << 31) - 1
_FLOAT_MAX = sys.float_info.max

# The ways a user may write an option's name, and the field it sets.
_FIELDS = {
    "iters": "num_sweeps_max",
    "sweeps": "num_sweeps_max",
    "damping": "damping",
    "temperature": "temperature",
    "tolerance": "tolerance",
}


@dataclass(frozen=True, slots=True)
class BpOptions:
    """How belief propagation is run.

    Attributes:
        num_sweeps_max: a sweep updates every message once.
        damping: weight of a message's old value in [0, 1); None starts undamped and damps more
            each time the messages stop settling.
        temperature: 1 is sum-product, 0 is max-product; None takes what the question needs.
        tolerance: converged when residual / (1 - damping) is below this, nats.
        schedule: flooding updates all messages from the last sweep's; sequential from the newest,
            factor after factor; residual likewise, those that will change most first. "auto" goes
            to and fro once over a forest, floods anything else, and goes by residual where that
            does not settle.
        device: "auto" takes a GPU only where there is one and it pays.
        precision: of messages on a GPU.
    """

    num_sweeps_max: int = 400
    damping: float | None = None
    temperature: float | None = None
    tolerance: float = 1e-10
    schedule: Schedule = "auto"
    device: Device = "auto"
    precision: Precision = "float64"


def options_from(
    options: Mapping[str, bool | int | float], device: str, base: BpOptions | None = None
) -> BpOptions:
    """Read options as a user wrote them, such as `bp(iters=50, damping=0)`.

    Raises:
        ValueError: naming the option, what it may be and what it was.

    >>> options_from({"iters": 50, "damping": 0}, "cpu").num_sweeps_max
    50
    """
    found = base or BpOptions()
    for name, value in options.items():
        if name not in _FIELDS:
            raise ValueError(f"bp has no option {name!r}; it has {', '.join(_FIELDS)}")
        found = replace(found, **{_FIELDS[name]: _number(name, value)})
    match device:
        case "auto" | "cpu" | "cuda":
            found = replace(found, device=device)
        case _:
            raise ValueError(f"device must be 'auto', 'cpu' or 'cuda', not {device!r}")
    check(found)
    return found


def _number(name: str, value: bool | int | float) -> int | float:
    """Read an option's value; sweeps are counted, and more than a loop can count are all.

    Raises:
        ValueError: naming the option, what it may be and what it was.
    """
    given: object = value
    if isinstance(given, bool) or not isinstance(given, Real) or value != value:
        raise ValueError(f"{name} must be a number, not {str(value).lower()}")
    if _FIELDS[name] != "num_sweeps_max":
        return float(value) if abs(value) < _FLOAT_MAX else math.inf
    counted = min(value, _SWEEPS_MAX)
    if counted != int(counted):
        raise ValueError(f"{name} must be a whole number, not {value}")
    return int(counted)


def check(options: BpOptions) -> None:
    """Check that the options make sense.

    Raises:
        ValueError: naming the option, what it may be and what it was.
    """
    if options.num_sweeps_max < 1:
        raise ValueError(f"iters must be at least 1, not {options.num_sweeps_max}")
    if options.damping is not None and not 0 <= options.damping < 1:
        raise ValueError(f"damping must be in [0, 1), not {options.damping}")
    if options.temperature is not None and not 0 <= options.temperature <= 1:
        raise ValueError(f"temperature must be in [0, 1], not {options.temperature}")
    if not options.tolerance >= 0:
        raise ValueError(f"tolerance must not be negative, and is {options.tolerance}")


def temperature_for(options: BpOptions, query: Query) -> float:
    """Return the temperature asked for, or the one the question needs."""
    if options.temperature is not None:
        return options.temperature
    return 0.0 if isinstance(query, Map) else 1.0
