"""Laws of data that are not normal, as sites: rows of another family.

y ~ StudentT(df, c, s)          log t((c - y) / s) - log s
k ~ Bernoulli(logistic(e))      log phi(e; k, 1)
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from gmlang.core.ast import Apply, Cases, Distribution, Expression
from gmlang.core.check.joint.laws import NORMAL
from gmlang.core.check.joint.sites import LOCATED, centre_of
from gmlang.diagnostics import GmError, Span
from gmlang.errors import later
from gmlang.errors import probabilities as errors
from gmlang.errors.data import Needed, Of, bad_number
from gmlang.families.binomial import BINOMIAL
from gmlang.families.poisson import POISSON
from gmlang.graph.lowering.grounder import Grounder, environment
from gmlang.graph.rows.evaluating import forms, laws, linear_of
from gmlang.graph.rows.forms import Form
from gmlang.graph.rows.linear import RealRows
from gmlang.graph.values.evaluate import evaluate
from gmlang.graph.world.world import Frame, select_rows, where_text

if TYPE_CHECKING:
    from gmruntime.continuous.sites.families import Site

_FAMILIES = {
    "StudentT": "student",
    "Cauchy": "student",
    "Laplace": "laplace",
    "Logistic": "logistic",
    POISSON.name: "poisson",
}
"""As the runtime calls them; of shares it is the link that says it."""

_LINKS = {"logistic": "logit", "normal_cdf": "probit"}

_Told = tuple[Expression, tuple[Expression, ...], Span]
"""A law, its gates, and the place of the statement."""


def family_of(law: Expression) -> str:
    """Return the family of a law, or of all cases of one.

    Raises:
        GmError: where these are of several.
    """
    found = {one.family: None for one in _each(law)}
    if len(found) > 1:
        raise GmError([later.mixed_laws(law.span, [*found])])
    return next(iter(found), NORMAL)


def _each(law: Expression) -> Iterator[Distribution]:
    match law:
        case Distribution():
            yield law
        case Apply(operator="if", arguments=(_, *branches)):
            for branch in branches:
                yield from _each(branch)
        case Cases(values=values):
            for value in values:
                yield from _each(value)
        case _:
            raise AssertionError("no law of a real")


def site_rows(
    grounder: Grounder, frame: Frame, values: np.ndarray, family: str, told: _Told
) -> Iterator[RealRows]:
    """Return how likely reals make data, as sites.

    Args:
        grounder: of the program.
        frame: the instances.
        values: what was seen in each.
        family: of the law.
        told: by which statement.

    Raises:
        GmError: where data cannot be what is said, or a parameter leaves a law without meaning.
    """
    law, gates, span = told
    if not frame.count:
        return
    if family in LOCATED:
        _check(values, np.isfinite(values), Needed.NUMBER, (frame, grounder, family, span))
        yield from _located(grounder, frame, values, family, told)
        return
    pieces = [*_each(law)]
    if len(pieces) > 1:
        raise GmError([later.mixed_laws(law.span, [family, family])])
    site = _counted(grounder, frame, values, pieces[0], span)
    for rows, env, holds, form in forms(grounder, frame, centre_of(pieces[0]), gates, span):
        weights = np.where(holds, 1.0, 0.0)
        linear, (weights, scales) = linear_of(form, env, (weights, np.zeros(1)))
        yield RealRows(linear, weights, scales, "observe", span, site.some(rows))


def _located(
    grounder: Grounder, frame: Frame, values: np.ndarray, family: str, told: _Told
) -> Iterator[RealRows]:
    """Return sites of (centre - y) / scale, so that the scale may be whatever a coefficient may."""
    law, gates, span = told
    freedom = np.ones(frame.count)
    if family == "StudentT":
        freedom = _same(law, lambda one: _numbers(grounder, frame, one.arguments[0]), law.span)
        _check(
            freedom,
            freedom > 0.0,
            Needed.ABOVE_ZERO,
            (frame, grounder, family, law.span),
            Of.FREEDOM,
        )
    columns = [np.zeros(frame.count), np.ones(frame.count)]
    if _FAMILIES[family] == "student":
        columns.insert(1, freedom)
    site = _site(_FAMILIES[family], np.stack(columns, axis=1))
    for rows, env, holds, found in laws(grounder, frame, law, gates, span):
        along = values[rows].reshape(-1, *([1] * len(env.slots.items)))
        is_scale = found.sd > 0.0
        if not env.slots.tried and (holds & (found.sd == 0.0)).any():
            where = where_text(env.frame, 0, env.names)
            raise GmError([errors.bad_spread(law.span, family, 0.0, where)])
        by = np.where(is_scale, 1.0 / np.where(is_scale, found.sd, 1.0), 1.0)
        form = Form(found.mean.constant - along, found.mean.terms).times(by)
        weights = np.where(holds & is_scale, 1.0, 0.0)
        none = np.where(holds, -np.inf, 0.0)
        scales = np.where(weights > 0.0, np.log(by), none)
        linear, (weights, scales) = linear_of(form, env, (weights, scales))
        yield RealRows(linear, weights, scales, "observe", span, site.some(rows))


def _same(law: Expression, find: Callable[[Distribution], np.ndarray], span: Span) -> np.ndarray:
    """Return what all cases of a law agree on."""
    found = [find(one) for one in _each(law)]
    if any((one != found[0]).any() for one in found[1:]):
        raise GmError([later.mixed_laws(span, ["StudentT", "StudentT"])])
    return found[0]


def _numbers(grounder: Grounder, frame: Frame, expression: Expression) -> np.ndarray:
    values = np.asarray(evaluate(expression, environment(grounder, frame)), np.float64)
    return np.broadcast_to(values.reshape(-1), (frame.count,))


def _counted(
    grounder: Grounder, frame: Frame, values: np.ndarray, law: Distribution, span: Span
) -> "Site":
    """Return sites of what happens with a random chance."""
    family, whole = law.family, (values == np.floor(values)) & np.isfinite(values)
    seen = frame, grounder, family, span
    if family == POISSON.name:
        _check(values, whole & (values >= 0), Needed.COUNT, seen)
        return _site("poisson", values[:, None].copy())
    trials, needed = np.ones(frame.count), Needed.ZERO_OR_ONE
    if family == BINOMIAL.name:
        trials, needed = _numbers(grounder, frame, law.arguments[0]), Needed.UP_TO_TRIALS
        is_count = (trials >= 0) & (trials == np.floor(trials)) & np.isfinite(trials)
        _check(trials, is_count, Needed.COUNT, (frame, grounder, family, law.span), Of.TRIALS)
    _check(values, whole & (values >= 0) & (values <= trials), needed, seen)
    link = law.arguments[-1]
    assert isinstance(link, Apply)
    return _site(_LINKS[link.operator], np.stack([values, trials], axis=1))


def _site(family: str, numbers: np.ndarray) -> "Site":
    # Nothing of this is loaded for programs that have none.
    from gmruntime.continuous.sites.families import Site

    return Site(family, numbers)


_Seen = tuple[Frame, Grounder, str, Span]
"""The instances, the grounder, the family and the place of what is checked."""


def _check(
    values: np.ndarray, is_right: np.ndarray, needed: Needed, seen: _Seen, of: Of = Of.SEEN
) -> None:
    if is_right.all():
        return
    frame, grounder, family, span = seen
    row = int(np.argmin(is_right))
    where = where_text(select_rows(frame, np.array([row])), 0, grounder.names)
    raise GmError([bad_number(span, family, of, float(values[row]), needed, where)])
