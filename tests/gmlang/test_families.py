"""Every distribution, gone through by its list: its record is whole, and its probabilities hold.

A family that is added to the list is tested here without a word more.
"""

import math
import pkgutil
import random
import re
from fractions import Fraction
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pygments.token import Name
from scipy import stats

import gmlang
from gmlang import families
from gmlang.diagnostics import GmError, Source
from gmlang.editor.completion import words
from gmlang.editor.highlight import GmLexer
from gmlang.families import CALLED, FAMILIES, family_named
from gmlang.families.family import Domains, Draw, Family, Gives, Pairs, Parameter, Range, Taken
from gmlang.formats.names import identifier
from gmlang.syntax.parse import parse
from gmlang.syntax.print import print_program
from tests.support.calls import call
from tests.support.chances import MASSES

LANGUAGE = Path(__file__).resolve().parents[2] / "docs" / "language.md"
SHARED = {"family", "likelihoods", "logs", "priors"}
"""Modules of the folder that are no family."""

every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
EXTREMES = (1e-300, 1e-9, 1.0, 1e5, 1e300)


# --- Records -----------------------------------------------------------------------------


def test_every_module_has_one_family_and_is_listed_once():
    modules = {module.name for module in pkgutil.iter_modules(families.__path__)} - SHARED
    found = {name: import_module(f"gmlang.families.{name}") for name in modules}
    owned = {name: [v for v in vars(m).values() if type(v) is Family] for name, m in found.items()}
    assert sorted(family.name for (family,) in owned.values()) == sorted(f.name for f in FAMILIES)
    for name, (family,) in owned.items():
        assert name == re.sub(r"(?<=[a-z])(?=[A-Z])", "_", family.name).lower()


@every_family
def test_a_record_is_whole(family: Family):
    assert family_named(family.name) is family
    assert len(set(family.parameter_names())) == len(family.parameters)
    assert family.help
    assert "\n" not in family.help
    assert not family.is_called or family.form.startswith(f"{family.name}(")
    ends = {end for end in (family.first, family.last) if isinstance(end, str)}
    assert ends <= set(family.parameter_names())
    assert (family.factor is None) or family.pairs is Pairs.CAUSES
    for parameter in family.parameters:
        assert (parameter.range is None) == (
            parameter.taken is not Taken.NUMBER and "above" not in _needed(parameter)
        )


def _needed(parameter: Parameter) -> str:
    return "" if parameter.range is None else parameter.range.describe()


@every_family
def test_its_example_holds(family: Family):
    assert not family.is_called or f"{family.name}(" in family.example
    answers = list(gmlang.compile(family.example).run(budget_s=10))
    assert answers
    assert all(answer.held for answer in answers)
    written = print_program(parse(Source("example.gm", family.example)))
    assert print_program(parse(Source("example.gm", written))) == written


@pytest.mark.parametrize("family", CALLED.values(), ids=CALLED)
def test_it_is_coloured_completed_and_kept_from_converted_names(family: Family):
    assert (Name.Builtin, family.name) in list(GmLexer().get_tokens(f"x ~ {family.name}()"))
    assert family.name in {choice.text for choice in words()}
    assert identifier(family.name, set()) != family.name


@every_family
def test_the_documents_say_what_it_is(family: Family):
    line = f"| `{family.form}` | {family.domains.value} | {family.help} |\n"
    assert not family.form or line in LANGUAGE.read_text("utf-8"), f"add the line {line}"


def test_nothing_else_names_a_family():
    root = Path(gmlang.__path__[0])
    names = "|".join(family.name for family in FAMILIES)
    for path in sorted(root.rglob("*.py")):
        if root / "families" not in path.parents:
            assert not re.search(rf"[\"']({names})[\"']", path.read_text("utf-8")), path


# --- Refusals ----------------------------------------------------------------------------


def _is_plain(family: Family) -> bool:
    return {one.taken for one in family.parameters} <= {Taken.NUMBER, Taken.PROBABILITY}


PLAIN = [f for f in CALLED.values() if _is_plain(f) and f.pairs is None]
plain_families = pytest.mark.parametrize("family", PLAIN, ids=lambda family: family.name)


def _refusal(program: str) -> str:
    with pytest.raises(GmError) as caught:
        gmlang.compile(program).query("P(x)")
    return str(caught.value)


@plain_families
def test_it_is_refused_where_it_makes_no_sense(family: Family):
    domain = "0..3" if family.domains is Domains.TWO_VALUES else "{u, v}"
    program = f"var x : {domain} ~ {call(family, random.Random(0))}"
    if family.domains is Domains.ANY:
        assert gmlang.compile(program).query("P(x)").status == "exact"
    else:
        assert "error" in _refusal(program)
    many = ", ".join("0" for _ in range(len(family.parameters) + 1))
    assert f"{family.name}" in _refusal(f"var x : bool ~ {family.name}({many})")


@plain_families
def test_a_parameter_outside_its_range_is_told_what_it_must_be(family: Family):
    domain = "bool" if family.domains is Domains.TWO_VALUES else "0..3"
    for position, parameter in enumerate(family.parameters):
        if parameter.range is None or parameter.range.low == -math.inf:
            continue
        written = call(family, random.Random(0))[len(family.name) + 1 : -1].split(", ")
        low = parameter.range.low
        written[position] = f"{low:g}" if parameter.range.is_open else f"{low - 1:g}"
        said = _refusal(f"var x : {domain} ~ {family.name}({', '.join(written)})")
        assert f"the {parameter.name} of {family.name}" in said
        assert f"must be {parameter.range.describe()}" in said


# --- Laws --------------------------------------------------------------------------------


def numbers(parameter: Parameter, *, is_plain: bool) -> st.SearchStrategy[float]:
    """Draw legal values of a parameter that is a number, often extreme ones unless plain."""
    legal = parameter.range or Range()
    low, high = max(legal.low, -40.0), 1.0 if parameter.taken is Taken.PROBABILITY else 300.0
    low = 0.0 if parameter.taken is Taken.PROBABILITY else low
    if legal.is_whole:
        found = st.integers(int(low), int(high)).map(float)
    else:
        # Few digits, so that exact arithmetic with them is quick.
        found = st.integers(int(low * 64) + 1, int(high * 64) - 1).map(lambda k: k / 64)
    if is_plain:
        return found
    extremes = [0.0, 1.0, 1 - 1e-16, *(sign * size for size in EXTREMES for sign in (1, -1))]
    if parameter.taken is Taken.PROBABILITY:
        extremes = [value for value in extremes if 0 <= value <= 1]
    return found | st.sampled_from([v for v in extremes if legal.holds(np.array(v))])


def _shares(draw: st.DrawFn, count: int) -> np.ndarray:
    weights = np.array(draw(st.lists(st.integers(0, 9), min_size=count, max_size=count)))
    weights[draw(st.integers(0, count - 1))] += 1
    return weights / weights.sum()


@st.composite
def draws(draw: st.DrawFn, family: Family, *, is_plain: bool = False) -> Draw:
    """Draw legal parameters of a family, and a domain that it accepts and gives something."""
    given_ = {
        one.name: draw(numbers(one, is_plain=is_plain))
        for one in family.parameters
        if one.taken in (Taken.NUMBER, Taken.PROBABILITY)
    }

    def end(of: float | str) -> float:
        return given_[of] if isinstance(of, str) else of

    first, last = 0, 1
    if family.domains is not Domains.TWO_VALUES:
        low, high = end(family.first), end(family.last)
        first = draw(st.integers(-20, int(min(40 if is_plain else 10**4, high))))
        last = max(first + draw(st.integers(0, 30)), int(max(low, -20)))
    values = np.arange(first, last + 1).reshape(1, -1)
    parameters: list[np.ndarray] = []
    for one in family.parameters:
        match one.taken:
            case Taken.VALUE:
                parameters.append(np.full((1, 1), draw(st.integers(first, last))))
            case Taken.ROW:
                parameters.append(_shares(draw, values.size).reshape(values.shape))
            case Taken.LENGTH:
                parameters.append(np.full((1, 1), values.size))
            case Taken.NUMBER | Taken.PROBABILITY:
                parameters.append(np.full((1, 1), given_[one.name]))
    pairs: list[tuple[np.ndarray | None, np.ndarray]] = []
    match family.pairs:
        case None:
            pass
        case Pairs.CAUSES:
            chances = draw(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=5))
            pairs = [(np.full((1, 1), holds), np.array(p)) for holds, p in chances]
        case Pairs.VALUES:
            shares = _shares(draw, values.size)
            if family.gives is Gives.LOG_WEIGHTS:
                with np.errstate(divide="ignore"):
                    shares = np.log(shares)
            pairs = [(values == first + k, np.array(p)) for k, p in enumerate(shares)]
            if family.gives is Gives.WRITTEN and draw(st.booleans()):
                pairs[draw(st.integers(0, values.size - 1))] = (None, np.zeros(1))
    return Draw(values, 1, tuple(parameters), pairs=iter(pairs))


def log_mass(family: Family, asked: Draw) -> np.ndarray:
    with np.errstate(all="ignore"):
        found = family.law(asked)
        return np.log(found) if family.gives is Gives.WRITTEN else found


@every_family
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_its_probabilities_sum_to_one_wherever_it_may_stand(family: Family, data: st.DataObject):
    asked = data.draw(draws(family))
    logs = np.broadcast_to(log_mass(family, asked), asked.values.shape)
    assert logs.max() <= 1e-12
    assert math.fsum(np.exp(logs).ravel()) == pytest.approx(1.0, abs=1e-9)


INTEGERS = [family for family in FAMILIES if family.domains is Domains.INTEGERS]
integer_families = pytest.mark.parametrize("family", INTEGERS, ids=lambda family: family.name)


@integer_families
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_part_of_the_domain_has_its_share(family: Family, data: st.DataObject):
    """Its probabilities on a part are those on the whole, divided by their sum; tails too."""
    asked = data.draw(draws(family))
    whole = log_mass(family, asked)
    start = data.draw(st.integers(0, asked.values.size - 1))
    stop = data.draw(st.integers(start + 1, asked.values.size))
    part = whole[:, start:stop]
    # Where the whole leaves the part nothing, it has the limit, which the whole does not tell.
    assume(part.max() > -math.inf)
    scale = max(1.0, float(-part.max()))
    found = log_mass(family, Draw(asked.values[:, start:stop], 1, asked.parameters))
    with np.errstate(all="ignore"):
        expected = part - part.max()
        expected -= np.log(np.exp(expected).sum())
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12 * scale)


@integer_families
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_instances_do_not_disturb_one_another(family: Family, data: st.DataObject):
    """Rows together are the rows alone, and what nobody asks for may be anything."""
    asked = data.draw(draws(family))
    alone = log_mass(family, asked)
    rows = [np.concatenate([value, np.full((1, 1), np.nan), value]) for value in asked.parameters]
    needed = np.array([[True], [False], [True]])
    together = log_mass(family, Draw(asked.values, 1, tuple(rows), needed))
    np.testing.assert_array_equal(together[[0]], alone)
    np.testing.assert_array_equal(together[[2]], alone)


@pytest.mark.parametrize("name", MASSES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_its_logs_are_those_of_exact_rationals(name: str, data: st.DataObject):
    asked = data.draw(draws(family_named(name), is_plain=True))
    found = log_mass(family_named(name), asked)[0]
    # Rationals of more digits than this take too long.
    assume(found[np.isfinite(found)].min() > -2000)
    exact_numbers = [Fraction(value.item()) for value in asked.parameters]
    exact = [MASSES[name](int(k), *exact_numbers) for k in asked.values.ravel()]
    assume(any(exact))
    expected = [_log(w / sum(exact)) for w in exact]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def _log(value: Fraction) -> float:
    """Return the log of a fraction, however small: the parts are too large for floats."""
    return math.log(value.numerator) - math.log(value.denominator) if value else -math.inf


SCIPY = {
    "Bernoulli": lambda k, p: stats.bernoulli.logpmf(k, p),
    "Binomial": lambda k, n, p: stats.binom.logpmf(k, n, p),
    "Poisson": lambda k, mean: stats.poisson.logpmf(k, mean),
    "Geometric": lambda k, p: stats.geom.logpmf(k, p, loc=-1),
    "Around": lambda k, centre, width: stats.norm.logpdf(k, centre, width),
}


@pytest.mark.parametrize("name", SCIPY)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_its_odds_are_those_of_scipy(name: str, data: st.DataObject):
    """Odds, since scipy knows no domain."""
    asked = data.draw(draws(family_named(name), is_plain=True))
    theirs = SCIPY[name](asked.values, *(value.item() for value in asked.parameters))
    ours = log_mass(family_named(name), asked)
    both = np.isfinite(ours) & np.isfinite(theirs)
    assume(both.any())
    np.testing.assert_allclose(
        ours[both] - ours[both][0], theirs[both] - theirs[both][0], rtol=1e-9, atol=1e-8
    )
