"""Blame: which predictions take how much from the compatibility of models."""

import re
from dataclasses import replace

import numpy as np

from gmlang.graph.from_core import Grounding
from gmlang.graph.world.names import named_in
from gmlang.queries.composition.compatibility import ROUNDING_NATS, Compatibility, LogZ, combined
from gmruntime.answer import Status
from gmruntime.quality import worst

OTHER = "other statements"
"""What is blamed that is no prediction."""


def split(stage: Compatibility) -> tuple[list[tuple[str, float, str]], LogZ]:
    """Split the compatibility of groups of models by what they predict.

    Predictions are admitted site by site, in the order of the variables; each site is blamed for
    what its admission changes, so the parts sum to the whole.

    Returns:
        For each site: its name, nats, and a sentence; then the whole, as good as the worst part.
    """
    together = tuple(range(len(stage.groups)))
    grounding = stage.together()
    sites = sites_of(grounding)
    stage.num_left = (1 + len(sites)) * (1 + len(together))
    names = {
        int(v): (named.name, place, named.variables.shape)
        for named in named_in(grounding.world)
        for place, v in zip(
            np.ndindex(*named.variables.shape), named.variables.reshape(-1), strict=True
        )
    }
    hidden = frozenset(sites)
    before = 0.0
    value = LogZ(0.0, 0.0, 0.0, Status.EXACT)
    statuses: list[Status] = []
    parts: list[tuple[str, float, str]] = []
    # First everything that is no prediction, such as `use` and constraints, then site by site.
    for site in (None, *sites):
        hidden = hidden - {site}
        value = combined(
            stage.log_z(together, hidden), [stage.log_z((k,), hidden) for k in together]
        )
        statuses.append(value.status)
        change = value.value - before if np.isfinite(value.value) else float("-inf")
        if site is not None or abs(change) > ROUNDING_NATS:
            name = site_name(names, site)
            parts.append((name, change, _sentence(name, change)))
        if not np.isfinite(value.value):
            break
        before = value.value
    return parts, replace(value, status=worst(statuses))


def sites_of(grounding: Grounding) -> list[int]:
    """List the variables that are predicted, ascending."""
    found: set[int] = set()
    for origin in grounding.builder.origins:
        if origin.kind == "predict" and origin.targets is not None:
            found.update(map(int, np.unique(origin.targets)))
    return sorted(found)


def _plain_name(name: str) -> str:
    """Name what is predicted without the nameless things of a stage."""
    if name.startswith("<"):
        return name.split(">.", 1)[1]
    return re.sub(r"\(\)$", "", re.sub(r"<[^>]*>(?:, )?", "", name).replace(", )", ")"))


def site_name(
    names: dict[int, tuple[str, tuple[int, ...], tuple[int, ...]]], site: int | None
) -> str:
    """Name the variable that predictions are about; None stands for everything else."""
    if site is None:
        return OTHER
    name, place, _ = names[site]
    plain = _plain_name(name)
    return plain + (f"[{', '.join(map(str, place))}]" if place else "")


def _sentence(name: str, nats: float) -> str:
    if abs(nats) < 1e-9:
        return f"{name}: independent"
    return f"{name}: {'agree' if nats > 0 else 'conflict'}, {nats:+.3f} nats"
