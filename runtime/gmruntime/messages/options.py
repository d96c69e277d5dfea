"""How to pass messages."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BpOptions:
    """Settings of belief propagation; the defaults serve everything.

    Attributes:
        num_sweeps_max: a sweep sends every message once.
        damping: weight of the old message, in [0, 1).
        tolerance: converged when no message changes by more, nats, damping accounted for.
        device: "auto", "cpu" or "cuda".
    """

    num_sweeps_max: int = 1000
    damping: float = 0.3
    tolerance: float = 1e-6
    device: str = "auto"


def options_from(options: dict[str, bool | int | float], device: str) -> BpOptions:
    """Turn the options of `using bp(...)` into settings.

    Raises:
        ValueError: for an unknown option or a value out of range.
    """
    known = {"iters": "num_sweeps_max", "damping": "damping", "tolerance": "tolerance"}
    unknown = [name for name in options if name not in known]
    if unknown:
        raise ValueError(f"bp has no option {unknown[0]!r}; it has {', '.join(known)}")
    iters = int(options.get("iters", 1000))
    damping = float(options.get("damping", 0.3))
    tolerance = float(options.get("tolerance", 1e-6))
    if iters < 1:
        raise ValueError(f"bp: iters must be at least 1, not {iters}")
    if not 0 <= damping < 1:
        raise ValueError(f"bp: damping must be in [0, 1), not {damping}")
    if not tolerance > 0:
        raise ValueError(f"bp: tolerance must be positive, not {tolerance}")
    return BpOptions(iters, damping, tolerance, device)
