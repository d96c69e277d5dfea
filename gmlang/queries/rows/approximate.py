"""Answers that rest on Gaussians in the place of sites: estimates, of which no error is known."""

from dataclasses import replace

from gmlang.queries.answers import Answer
from gmlang.queries.reals.quadrature import unproven
from gmlang.queries.session import Prepared
from gmruntime.answer import Status

_METHOD = "expectation propagation"
_UNKNOWN = "no error is known"
_INDEPENDENT = "reals are taken for independent, and spreads may be up to a tenth too small"
_UNSETTLED = "not to be trusted: sweeps did not settle"


def approximated(prepared: Prepared, found: Answer) -> Answer:
    """Return an answer as an estimate where sites were approximated."""
    integrated = prepared.integrated
    if integrated is None or not integrated.eliminated.approximate:
        return found
    if found.status == Status.IMPOSSIBLE.value:
        return found
    how = integrated.eliminated.approximate
    notes = [found.note, _UNKNOWN]
    notes += [_INDEPENDENT] * any(not one.is_joint for one in how)
    notes += [_UNSETTLED] * any(not one.is_settled for one in how)
    return replace(
        unproven(found),
        status=Status.ESTIMATE.value,
        error=None,
        error_kind="",
        method=", ".join(filter(None, [_METHOD, found.method])),
        note=" · ".join(filter(None, notes)),
    )
