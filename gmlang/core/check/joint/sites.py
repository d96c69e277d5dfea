"""Laws of data that are not normal: around a centre, or of what happens with a random chance.

StudentT(df, c, s)  Laplace(c, s)  Cauchy(c, s)  Logistic(c, s)     c linear in reals
Bernoulli(p)  Binomial(n, p)      p = logistic(e) or normal_cdf(e), e linear in reals
Poisson(exp(e))
"""

from collections.abc import Iterator

from gmlang.core.ast import Apply, Bool, Constant, Dist, Distribution, Expression, Real
from gmlang.core.checking import Checking, each, fail
from gmlang.core.expressions import scalars
from gmlang.core.expressions.operators import is_number, need_known
from gmlang.core.names.scope import Env
from gmlang.core.print import show
from gmlang.core.walk import first_variable, type_of
from gmlang.diagnostics import Diagnostic
from gmlang.errors import later
from gmlang.errors import probabilities as errors
from gmlang.errors import shapes as shape_errors
from gmlang.families.bernoulli import BERNOULLI
from gmlang.families.binomial import BINOMIAL
from gmlang.families.poisson import POISSON
from gmlang.syntax import ast

LOCATED = {"Normal": 0, "Laplace": 0, "Cauchy": 0, "Logistic": 0, "StudentT": 1}
"""Where the centre stands among the parameters; the scale, or standard deviation, comes next."""

_LINKED = (BERNOULLI.name, BINOMIAL.name, POISSON.name)
"""The others; their last parameter is a link of a sum of reals."""

_LINKS = {POISSON.name: ("exp",)}
_SHARES = ("logistic", "normal_cdf")


def bad_site(law: Distribution) -> Iterator[Diagnostic]:
    """Find what keeps a law of data from being a row, or a site, of one number linear in reals."""
    name = law.family
    if name not in LOCATED and name not in _LINKED:
        yield later.law(law.span, name)
        return
    if name in _LINKED:
        chance, links = law.arguments[-1], _LINKS.get(name, _SHARES)
        if not (isinstance(chance, Apply) and chance.operator in links):
            yield later.link(chance.span, chance.span.text, name, links)
    for number in law.arguments[:-1] if name in _LINKED else law.arguments[: LOCATED[name]]:
        variable = first_variable(number)
        if variable is not None:
            yield shape_errors.parameter_not_known(number.span, name, show(variable))


def centre_of(law: Distribution) -> Expression:
    """Return what is linear in reals: a centre, or the argument of a link."""
    if law.family in LOCATED:
        return law.arguments[LOCATED[law.family]]
    link = law.arguments[-1]
    assert isinstance(link, Apply)
    return link.arguments[0]


def spread_of(law: Distribution) -> Expression | None:
    """Return a scale or standard deviation; None where there is none."""
    return law.arguments[LOCATED[law.family] + 1] if law.family in LOCATED else None


# --- Contests ----------------------------------------------------------------------------


def contest(
    state: Checking, env: Env, written: ast.Expression
) -> tuple[Expression, Distribution] | None:
    """Read `skill[a] + Normal(0, 6) > skill[b]`: what is seen, and the law that it was drawn from.

    Noise of a normal law on either side: the difference is above 0 with probability
    normal_cdf(difference / standard deviation).

    Returns:
        None where no noise is written.
    """
    match written:
        case ast.Compare(operands=(left, right), operators=(">" | ">=" | "<" | "<=" as sign,)):
            pass
        case _:
            return None
    terms = [*_terms(left, 1), *_terms(right, -1)]
    noises = [(term, by) for term, by in terms if _is_noise(term)]
    if not noises:
        return None
    whole = _difference(state, env, [pair for pair in terms if not _is_noise(pair[0])], written)
    square: Expression | None = None
    for noise, by in noises:
        assert isinstance(noise, ast.Call)
        arguments = scalars.plain_arguments(state, noise)
        if len(arguments) != 2:
            fail(state, errors.density_arguments(noise.span, "Normal"))
        mean, sd = each(lambda e: scalars.check_number(state, env, e), arguments)
        sd = need_known(state, sd, "the standard deviation of noise")
        span = noise.span
        whole = Apply(span, "+" if by > 0 else "-", (whole, mean), Real())
        own = Apply(span, "*", (sd, sd), Real())
        square = own if square is None else Apply(span, "+", (square, own), Real())
    assert square is not None
    span = written.span
    if sign in ("<", "<="):
        whole = Apply(span, "neg", (whole,), Real())
    spread = Apply(span, "sqrt", (square,), Real())
    link = Apply(span, "normal_cdf", (Apply(span, "/", (whole, spread), Real()),), Real())
    return Constant(span, True, Bool()), Distribution(span, BERNOULLI.name, (link,), (), Dist())


def _terms(written: ast.Expression, by: int) -> list[tuple[ast.Expression, int]]:
    match written:
        case ast.Binary(operator="+" | "-" as operator, left=left, right=right):
            return [*_terms(left, by), *_terms(right, by if operator == "+" else -by)]
        case _:
            return [(written, by)]


def _is_noise(written: ast.Expression) -> bool:
    return (
        isinstance(written, ast.Call)
        and isinstance(written.function, ast.Name)
        and written.function.text == "Normal"
    )


def _difference(
    state: Checking, env: Env, terms: list[tuple[ast.Expression, int]], written: ast.Expression
) -> Expression:
    whole: Expression = Constant(written.span, 0, Real())
    for term, by in terms:
        checked = scalars.check_number(state, env, term)
        if not is_number(type_of(checked)):
            raise AssertionError(checked)
        whole = Apply(term.span, "+" if by > 0 else "-", (whole, checked), Real())
    return whole
