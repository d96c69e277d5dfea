"""The refusal of composites whose parts contradict each other."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gmlang.core.ast import Activation, Thing
from gmlang.core.program import ModelSymbol
from gmlang.diagnostics import Diagnostic, GmError, Span
from gmlang.errors import grounding as errors
from gmlang.errors.acting.calls import NOT_COMPARED
from gmlang.errors.probabilities import IMPROPER
from gmlang.errors.shapes import RANDOM_TARGET
from gmlang.graph.from_core import Grounding
from gmlang.graph.world.names import named_in
from gmlang.queries.composition.blame import OTHER, site_name, sites_of, split
from gmlang.queries.composition.compatibility import (
    REFUSED_BELOW,
    Compatibility,
    joint_compatibility,
    without_arrays_of_reals,
)
from gmlang.queries.session import Session
from gmlang.queries.settings import Settings, begin
from gmruntime.answer import Status

_STATED = ("constraint", "factor", "use")
"""Kinds of statements that count in a composite besides predictions."""

_NO_MISTAKE = (RANDOM_TARGET, IMPROPER, NOT_COMPARED)
"""Codes of what cannot be compared on a stage, where nothing is observed."""

_WARNED_BELOW = -1.5
"""Nats at one site: two predictions of different values, 0.95 each, of four lose 2.05."""


def check_composites(session: Session, settings: Settings) -> list[Diagnostic]:
    """Find the composites whose parts contradict each other and are not marked soft."""
    return _each(session, settings, refusal_of)


def fights(session: Session, settings: Settings) -> list[Diagnostic]:
    """Warn of composites that stand although their parts lose much at a single site."""
    return _each(session, settings, _fight_in)


def _each(
    session: Session,
    settings: Settings,
    look: Callable[[Session, ModelSymbol, Settings], Diagnostic | None],
) -> list[Diagnostic]:
    # All share one budget: checking a program is no question.
    settings = begin(settings, None)
    found: list[Diagnostic] = []
    for symbol in session.program.models:
        if not settings.running().left_s():
            # What was not found out in time is no reason to refuse.
            break
        try:
            told = look(session, symbol, settings)
        except TimeoutError:
            break
        except GmError as error:
            if any(one.code not in _NO_MISTAKE for one in error.diagnostics):
                raise
            # What parts say of sites and reals that are observed is no mistake of theirs.
            continue
        found += [] if told is None else [told]
    return found


def refusal_of(session: Session, symbol: ModelSymbol, settings: Settings) -> Diagnostic | None:
    """Say that the parts of a composite contradict each other; None where they do not.

    Args:
        session: of the program that has the parts.
        symbol: the composite.
        settings: with a budget that has begun.
    """
    stage = _stage_of(session, symbol, settings)
    if stage is None:
        return None
    value = joint_compatibility(stage)
    is_known = value.status is Status.EXACT and value.value < REFUSED_BELOW
    if value.upper < REFUSED_BELOW or is_known:
        return _refusal(stage, symbol, value.value)
    return None


def _fight_in(session: Session, symbol: ModelSymbol, settings: Settings) -> Diagnostic | None:
    """Say that the parts of a composite lose much at a single site; None where they do not.

    The arguments are those of `refusal_of`.
    """
    stage = _stage_of(session, symbol, settings)
    if stage is None or not sites_of(stage.together()):
        return None
    parts, value = split(stage)
    if value.status is not Status.EXACT:
        return None
    sites = [(name, nats) for name, nats, _ in parts if name != OTHER]
    name, nats = min(sites, key=lambda site: site[1], default=(OTHER, 0.0))
    if not _WARNED_BELOW > nats > -np.inf:
        return None
    said = _said(stage.together(), [name])
    return errors.conflicting_site(symbol.span, symbol.name, name, said, nats)


def _stage_of(session: Session, symbol: ModelSymbol, settings: Settings) -> Compatibility | None:
    """Put the parts of a composite on a stage; None where it is not to be checked."""
    if len(symbol.parts) < 2 or symbol.soft:
        return None
    if any(parameter.domain is not None for parameter in symbol.parameters):
        return None
    groups = tuple((_on_stage(symbol, part),) for part in symbol.parts)
    understood = replace(session, program=without_arrays_of_reals(session.program))
    return Compatibility(understood, groups, symbol.span, settings)


def _on_stage(symbol: ModelSymbol, part: Activation) -> Activation:
    """Put a composite's part on fresh things."""
    counts: dict[str, int] = {}
    fresh: dict[str, Thing] = {}
    for parameter in symbol.parameters:
        number = counts.get(parameter.entity, 0)
        counts[parameter.entity] = number + 1
        name = f"<{parameter.entity} {number}>"
        fresh[parameter.key] = Thing(part.span, parameter.entity, name, "", ())
    arguments = tuple(fresh.get(a.key, a) if isinstance(a, Thing) else a for a in part.arguments)
    return replace(part, arguments=arguments)


def _refusal(stage: Compatibility, symbol: ModelSymbol, nats: float) -> Diagnostic:
    parts, _ = split(stage)
    worst = [name for name, change, _ in parts if change < -1e-6]
    said = _said(stage.together(), worst)
    return errors.contradictory_composite(symbol.span, symbol.name, _grouped(worst), said, nats)


def _said(grounding: Grounding, worst: list[str]) -> list[tuple[Span, str, bool]]:
    """List the statements about what is blamed: where, in which model, whether predictions."""
    said: list[tuple[Span, str, bool]] = []
    seen: set[Span] = set()
    blamed = _blamed_variables(grounding, worst)
    origins = grounding.builder.origins
    for origin in (said for whole in origins for said in whole.coverers or (whole,)):
        if not origin.model or origin.span in seen:
            continue
        is_other = origin.kind in _STATED and OTHER in worst
        if is_other or (origin.targets is not None and np.isin(origin.targets, blamed).any()):
            seen.add(origin.span)
            said.append((origin.span, origin.model, not is_other))
    return said


def _blamed_variables(grounding: Grounding, worst: list[str]) -> np.ndarray:
    found: list[int] = []
    for named in named_in(grounding.world):
        for place, v in zip(
            np.ndindex(*named.variables.shape), named.variables.reshape(-1), strict=True
        ):
            key = {int(v): (named.name, place, named.variables.shape)}
            if site_name(key, int(v)) in worst:
                found.append(int(v))
    return np.array(found, np.int64)


def _grouped(names: list[str]) -> str:
    """Join names, consecutive indices as a range: `pose[1..5]`."""
    groups: dict[str, list[int]] = {}
    for name in names:
        base, _, rest = name.partition("[")
        digits = rest.rstrip("]")
        groups.setdefault(base if digits.isdigit() or not rest else name, []).extend(
            [int(digits)] if digits.isdigit() else []
        )
    shown: list[str] = []
    for base, places in groups.items():
        if not places:
            shown.append(base)
        elif len(places) > 1 and places == list(range(places[0], places[-1] + 1)):
            shown.append(f"{base}[{places[0]}..{places[-1]}]")
        else:
            shown.append(f"{base}[{', '.join(map(str, places))}]")
    return ", ".join(shown)
