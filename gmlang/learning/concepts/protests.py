"""What speaks against the parts of a learned model: their own predictions of what was seen.

Not how much better the examples would be told without a part: two parts that predict the same
hide each other there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gmlang.graph.builder import Origin
from gmlang.learning.concepts.stage import Cast, Stage, leaves
from gmruntime.arrays import num_entries
from gmruntime.factors.kinds import FactorKind
from gmruntime.graph import FactorBlock, num_states

_PROTEST_NATS = -0.5
"""Predictions that make what was seen less likely than this, relative to the base, are told."""

_OPEN_STATES_MAX = 4096
"""A statement that depends on more joint states of what is not known is passed over."""

_KINDS = frozenset(("predict", "constraint", "factor"))


@dataclass(frozen=True, slots=True)
class Protest:
    """A part that did not expect what was seen.

    Attributes:
        part: as a program writes it.
        example: as a program writes it.
        seen: what it did not expect: `shape = box`, or the statement that does not hold.
        nats: log P(seen | part) - log base(seen), at best where more is unknown.
    """

    part: str
    example: str
    seen: str
    nats: float


def protests(stage: Stage, cast: Cast, chosen: np.ndarray) -> tuple[Protest, ...]:
    """List what speaks against each part of a choice, example by example.

    Args:
        stage: with the parts.
        cast: the examples.
        chosen: the numbers of the parts.
    """
    states = stage.evidence.copy()
    is_chosen = np.isin(np.arange(len(stage.parts)), chosen)
    states[cast.active] = np.where(states[cast.active] < 0, is_chosen, states[cast.active])
    counts = num_states(stage.grounding.builder.graph())
    found = [
        (number, Protest(stage.parts[part].text, cast.thing(number), seen, nats))
        for part in chosen.tolist()
        for number, seen, nats in _of_part(stage, cast, part, states, counts)
    ]
    return tuple(protest for _, protest in sorted(found, key=lambda pair: pair[0]))


def _of_part(
    stage: Stage, cast: Cast, part: int, states: np.ndarray, counts: np.ndarray
) -> Iterator[tuple[int, str, float]]:
    builder = stage.grounding.builder
    for model, variables in leaves(stage, part, cast):
        number = {int(variable): k for k, variable in enumerate(variables)}
        for block, origin in zip(builder.factors, builder.origins, strict=True):
            if origin.model != model or origin.kind not in _KINDS:
                continue
            rows = np.flatnonzero(np.isin(block.scopes, variables).any(axis=1))
            for row in rows.tolist():
                gate = next(v for v in block.scopes[row].tolist() if v in number)
                own = cast.own[number[gate]]
                observed = own[stage.evidence[own] >= 0]
                nats = _nats(block, row, gate, states, counts, observed)
                if nats is not None and nats < _PROTEST_NATS:
                    yield number[gate], _seen(stage, origin, block, row, states), nats


def _nats(
    block: FactorBlock,
    row: int,
    gate: int,
    states: np.ndarray,
    counts: np.ndarray,
    observed: np.ndarray,
) -> float | None:
    """Return what a factor adds while its part is active, at best; None where nothing was seen."""
    scope = block.scopes[row]
    known = np.where(scope == gate, 1, states[scope])
    if not (np.isin(scope, observed) & (scope != gate)).any():
        return None
    free = np.flatnonzero(known < 0)
    sizes = counts[scope[free]]
    if num_entries(sizes.tolist()) > _OPEN_STATES_MAX:
        return None
    joint = np.indices(sizes.tolist()).reshape(len(free), -1).T if len(free) else None
    rows = np.repeat(known[None], 1 if joint is None else len(joint), axis=0)
    if joint is not None:
        rows[:, free] = joint
    on = _values(block.kind, row, rows)
    rows[:, scope == gate] = 0
    off = _values(block.kind, row, rows)
    with np.errstate(invalid="ignore"):
        change = on - off
    change = change[~np.isnan(change)]
    return float(change.max()) if change.size else None


def _values(kind: FactorKind, row: int, states: np.ndarray) -> np.ndarray:
    table = row if kind.num_tables > 1 else 0
    return kind.log_values(np.full(len(states), table, np.int64), states.astype(np.int64))


def _seen(stage: Stage, origin: Origin, block: FactorBlock, row: int, states: np.ndarray) -> str:
    """Say what a part did not expect: a value of an attribute, or a statement."""
    text = " ".join(origin.span.text.split())
    if origin.targets is None:
        return text
    target = origin.targets[row] if len(origin.targets) == len(block.scopes) else None
    for name, attribute in stage.grounding.world.attributes[stage.what.entity].items():
        size = int(np.prod(attribute.shape, dtype=np.int64))
        for variable in block.scopes[row].tolist():
            offset = variable - attribute.starts
            inside = np.flatnonzero((offset >= 0) & (offset < size))
            is_target = target is None or variable == target
            if not inside.size or not is_target or states[variable] < 0:
                continue
            place = np.unravel_index(int(offset[inside[0]]), attribute.shape)
            where = f"[{', '.join(str(int(k)) for k in place)}]" if attribute.shape else ""
            return f"{name}{where} = {attribute.states.label(int(states[variable]))}"
    return text
