"""Mistakes about distributions: of reals (GM37x), and when parameters are known (GM43x)."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from gmlang.diagnostics import Diagnostic, Note, Span
from gmlang.families.uniform import UNIFORM

_NAMES_SHOWN = 4
_NOTES_MAX = 3
"""So many further places are shown where rows do not sum to one."""


@dataclass(frozen=True, slots=True)
class UnevenRow:
    """A row of probabilities that does not quite sum to one.

    Attributes:
        where: its instance and states, as in a sentence, or "".
        total: its sum.
        num_others: how many more rows are so, of those written at the same place.
    """

    span: Span
    where: str
    total: float
    num_others: int = 0


def bad_parameter(
    span: Span, family: str, parameter: str, value: float, needed: str, where: str
) -> Diagnostic:
    """A parameter leaves a distribution without meaning."""
    return Diagnostic(
        "GM430",
        f"the {parameter} of {family} is {value:.10g}{where}; it must be {needed}",
        span,
        hint="where that cannot happen, say so: a distribution `d if condition else e`, "
        "or min and max",
    )


def no_mass(span: Span, family: str, parameters: str, domain: str, where: str) -> Diagnostic:
    """No value of the variable is possible under its distribution."""
    what = f"{family} with {parameters}" if parameters else family
    return Diagnostic(
        "GM431",
        f"{what} gives no value of {domain} a probability{where}",
        span,
        hint="widen the domain, or choose the distribution by cases",
    )


def wrong_length(span: Span, length: float, count: int, where: str) -> Diagnostic:
    """A list of probabilities is not as long as its variable has values."""
    return Diagnostic(
        "GM435",
        f"this lists {length:.0f} probabilities{where} for a variable of {count} values",
        span,
        hint="list one for each value, in order, or name the values: `{v: p for v in ...}`",
    )


def bad_weight(span: Span, weight: float, where: str) -> Diagnostic:
    """A weight is negative, infinite or no number."""
    found = "negative or no number" if weight != weight else f"{weight:g}"
    return Diagnostic(
        "GM436",
        f"a weight is {found}{where}; weights are finite numbers of at least 0",
        span,
        hint="a weight given as a log is written `exp(...)`",
    )


def no_weight(span: Span, where: str) -> Diagnostic:
    """All weights are zero."""
    return Diagnostic(
        "GM437",
        f"all weights are 0{where}, so that no value is possible",
        span,
        hint="give the values not named a weight: `_: 1`",
    )


def not_two_states(span: Span, family: str, domain: str) -> Diagnostic:
    """A distribution over false and true is given to a variable with other values."""
    return Diagnostic(
        "GM433",
        f"{family} is about two values, 0 and 1; this variable has {domain}",
        span,
        hint="use `{value: p, ...}` or `Categorical(...)`",
    )


def rows_normalised(rows: Sequence[UnevenRow]) -> Diagnostic:
    """Rows of probabilities were divided by their sums; all are told in one warning."""
    first = rows[0]
    others = sum(row.num_others + 1 for row in rows) - 1
    further = f"; so are {others} more rows" if others > 1 else "; so is one more row"
    notes = tuple(
        Note(f"this row sums to {row.total:.8g}{row.where}", row.span)
        for row in rows[1 : 1 + _NOTES_MAX]
    )
    return Diagnostic(
        "GM432",
        f"the probabilities sum to {first.total:.8g}{first.where}, not to 1: "
        f"the row is normalised, divided by its sum{further if others else ''}",
        first.span,
        notes,
        hint="write more digits, or the last probability as `rest`",
        severity="warning",
    )


def predicts_forbidden(span: Span, target: str, label: str, where: str) -> Diagnostic:
    """A model predicts a value to which the base gives no weight."""
    return Diagnostic(
        "GM434",
        f"this predicts {target} = {label}{where}, which its base forbids: a value of weight 0 "
        "stays impossible",
        span,
        hint="give the value a weight above 0 in `base`",
        severity="warning",
    )


def bad_spread(span: Span, family: str, value: float, where: str) -> Diagnostic:
    """Report a standard deviation that is none."""
    return bad_parameter(span, family, "standard deviation", value, "a number above 0", where)


def bad_number(
    span: Span, family: str, parameter: str, value: float, is_above_zero: bool
) -> Diagnostic:
    """Report a parameter of a prior that is none."""
    needed = "a number above 0" if is_above_zero else "a number"
    return bad_parameter(span, family, parameter, value, needed, "")


def bad_value(span: Span, family: str, value: float, where: str) -> Diagnostic:
    """Report what was drawn from a density, and is no finite number."""
    return bad_parameter(span, family, "value", value, "a number", where)


# --- Of reals ----------------------------------------------------------------------------


def _bad_real(
    span: Span, sentence: str, hint: str = "", notes: tuple[Note, ...] = ()
) -> Diagnostic:
    return Diagnostic("GM371", sentence, span, notes, hint=hint)


def bad_ends(span: Span, text: str) -> Diagnostic:
    """Report a range of reals that is none."""
    return _bad_real(
        span,
        f"`{text}` is no range of reals",
        "write `real[-110, 110]`, the lower end first, or `real`",
    )


def bad_interval(span: Span, text: str) -> Diagnostic:
    """Report an interval that is empty."""
    return _bad_real(span, f"`{text}` is empty", "write the lower end first: `in 1.7..1.9`")


def point_predicted(span: Span, text: str) -> Diagnostic:
    """Report a real that is predicted to be a value."""
    hint = f"predict `{text} ~ Normal(mean, sd) @ 0.9`"
    return _bad_real(span, "a real is never exactly what is predicted of it", hint)


def no_value_observed(span: Span, text: str) -> Diagnostic:
    """Report a real that is observed as an event, or by likelihoods."""
    return _bad_real(span, f"`{text}` is observed as a number", f"write `observe {text} = 1.8`")


def no_base(span: Span, name: str, declared: Span) -> Diagnostic:
    """Report a real that is predicted though nothing says what it is like otherwise."""
    hint = "add `base Normal(mean, sd)`, or a range such as `real[0, 3]`"
    notes = (Note("declared here", declared),)
    return _bad_real(span, f"what is `{name}` like where no model speaks?", hint, notes)


def base_outside(span: Span, text: str) -> Diagnostic:
    """Report a base that has no mass between the ends of the range."""
    return _bad_real(span, f"`{text}` lies outside the range", "choose a base within the range")


def no_density(span: Span, text: str) -> Diagnostic:
    """Report what is no density, or none that is understood here."""
    hint = "write `Normal(mean, sd)`, of arrays `MultiNormal(mean, cov)`; a base may be `Uniform`"
    return _bad_real(span, f"`{text}` is not understood as a density of a real", hint)


def density_arguments(span: Span, family: str) -> Diagnostic:
    """Report a density with other arguments than it takes."""
    needs = {
        "Normal": "a mean and a standard deviation",
        "MultiNormal": "a mean and a covariance",
        UNIFORM.name: "its two ends",
    }[family]
    return _bad_real(span, f"`{family}` needs {needs}")


def rate_or_mean(span: Span, family: str) -> Diagnostic:
    """Report a rate that is not named: others would read a mean."""
    first = "2, " if family == "Gamma" else ""
    hint = f"write `{family}({first}rate=3)` or `{family}({first}mean=3)`"
    return _bad_real(span, f"rate or mean? `{family}` has either", hint)


def prior_arguments(span: Span, family: str, names: Sequence[str]) -> Diagnostic:
    """Report a distribution of a real with other numbers than it takes."""
    shown = ", ".join(f"{name}=..." if name == "rate" else name for name in names)
    return _bad_real(span, f"`{family}` needs other numbers", f"write `{family}({shown})`")


def density_of_one(span: Span, family: str) -> Diagnostic:
    """Report a density of arrays for a single number."""
    hint = "predict the whole array, or write `Normal(mean, sd)`"
    return _bad_real(span, f"this `{family}` is a density of arrays, not of a number", hint)


def not_data(span: Span, text: str, *, is_real: bool) -> Diagnostic:
    """Report a variable where `observe ... ~` needs data."""
    hint = f"`{text} ~ ...` says what it is drawn from"
    hint += f", `observe {text} like Normal(...)` what was seen of it" if is_real else ""
    return _bad_real(span, f"`observe ... ~` speaks of data, and `{text}` is a variable", hint)


def other_rank(span: Span, target: str, rank: int, found: str) -> Diagnostic:
    """Report an array that is observed to be one of other dimensions."""
    return _bad_real(span, f"`{target}` has {rank} dimensions, and is observed to be {found}")


def not_numbers(span: Span, found: str) -> Diagnostic:
    """Report what is no number and no array of data."""
    return _bad_real(span, f"numbers are needed here, not {found}", "an array is one of `data`")


def vaguer_than_base(span: Span, text: str, sd: float, base_sd: float) -> Diagnostic:
    """Warn of a prediction that says less of a real than its base does."""
    return Diagnostic(
        "GM293",
        f"this prediction of `{text}` is vaguer than its base, {sd:g} against {base_sd:g}",
        span,
        hint="two such predictions together mean nothing: let it be as sharp, or widen the base",
        severity="warning",
    )


def looks_like_a_variance(span: Span, text: str) -> Diagnostic:
    """Warn of a variance where a standard deviation is meant."""
    return Diagnostic(
        "GM294",
        f"`{text}` looks like a variance; the second argument is the standard deviation",
        span,
        hint=f"write `sqrt({text})` if it is a variance",
        severity="warning",
    )


# --- Of reals that are not observed -------------------------------------------------------

IMPROPER = "GM373"
"""The code of a real of which too little, or too much, is said to make a distribution of it."""


def _event_of_measure_zero(span: Span, sentence: str, hint: str) -> Diagnostic:
    return Diagnostic("GM372", sentence, span, hint=hint)


def never_exactly(span: Span, text: str) -> Diagnostic:
    """Report a comparison of a real with a number for equality."""
    hint = f"ask `P({text} in 1.75..1.85)` or `density({text} = 1.8)`, or observe `{text} = 1.8`"
    return _event_of_measure_zero(span, f"`{text}`, a real, is never exactly a number", hint)


def point_on_end(span: Span, text: str) -> Diagnostic:
    """Report an event whose end a real without spread lies on but for rounding, in some state."""
    hint = "let the end lie beside it: `P(x > 0.001)`"
    told = f"in `{text}` a real without spread lies next to the end: rounding decides on which side"
    return _event_of_measure_zero(span, told, hint)


def equal_reals(span: Span) -> Diagnostic:
    """Report two reals that are said to be equal."""
    hint = (
        "define one by the other, `a := b`, or say how near: `observe a - b like Normal(0, 0.01)`"
    )
    return _event_of_measure_zero(span, "two reals are never exactly equal", hint)


def _no_place(span: Span, sentence: str, hint: str, notes: tuple[Note, ...] = ()) -> Diagnostic:
    return Diagnostic(IMPROPER, sentence, span, notes, hint=hint)


def improper(span: Span, name: str, *, is_vague: bool) -> Diagnostic:
    """Report a real whose distribution cannot be normalised."""
    if is_vague:
        sentence = f"what is predicted of `{name}` is vaguer than its base: together it means"
        hint = "let no standard deviation be above the base's, or give `real[low, high]`"
        return _no_place(span, f"{sentence} nothing", hint)
    hint = f"give it a range, `{name} : real[0, 3]`, or `base Normal(1.7, 0.2)`"
    told = f"nothing says where `{name}` is: its distribution cannot be normalised"
    return _no_place(span, told, hint)


def nowhere(span: Span, name: str) -> Diagnostic:
    """Report a real that is related to others, of which nothing says where it is."""
    hint = f"give it a distribution, `{name} ~ Normal(0, 10)`, or say what was seen of it"
    told = f"nothing says where `{name}` is: its distribution cannot be normalised"
    return _no_place(span, told, hint)


def undrawn_somewhere(span: Span, text: str) -> Diagnostic:
    """Report a real that is drawn under conditions none of which may hold."""
    hint = f"add `else: {text} ~ ...`, or a base where it is declared, `base Normal(0, 10)`"
    told = f"`{text}` has no distribution where none of these conditions holds"
    return _no_place(span, told, hint)


def definition_too_deep(span: Span, text: str) -> Diagnostic:
    """Report definitions of reals that go round, or that build on too many others."""
    hint = "draw it, with a standard deviation above 0, rather than define it"
    return _no_place(span, f"`{text}` needs itself, or builds on too many definitions", hint)


def _too_many(span: Span, sentence: str, hint: str) -> Diagnostic:
    return Diagnostic("GM374", sentence, span, hint=hint)


def _states_of(names: Iterable[str], num_names: int, have: str, count: int) -> str:
    shown = ", ".join(f"`{name}`" for name in islice(names, _NAMES_SHOWN))
    more = f" and {num_names - _NAMES_SHOWN} more" if num_names > _NAMES_SHOWN else ""
    power = f"about 10^{int(math.log10(count))}"
    return f"{shown}{more}{have} {count if count < 10**9 else power} states together"


def too_many_borders(span: Span, names: Iterable[str], num_names: int, count: int) -> Diagnostic:
    """Report reals around which finite variables have too many states together."""
    return _too_many(
        span,
        f"reals depend on {_states_of(names, num_names, ', which have', count)}; "
        "2^16 can be added up",
        "observe some of them: each state is a normal distribution of its own",
    )


def too_many_assignments(span: Span, names: Sequence[str], count: int) -> Diagnostic:
    """Report too many states of finite variables beside parameters of reals."""
    return _too_many(
        span,
        f"{_states_of(names, len(names), ' have', count)}; beside parameters such as an "
        "unknown standard deviation 4096 can be added up",
        "observe some of them, or give the standard deviations numbers",
    )


def patch_too_large(span: Span, name: str, num_bytes: int) -> Diagnostic:
    """Report reals that need too much memory together."""
    hint = "allow more, `--memory`, or let fewer reals depend on each other"
    needs = f"the reals that depend on `{name}` need {num_bytes / 2**20:.0f} MiB"
    return Diagnostic("GM375", f"{needs}, more than is allowed", span, hint=hint)


def too_fine(span: Span, name: str, nodes: int) -> Diagnostic:
    """Report a real whose range is too wide for what is said of it, or cut too often."""
    hint = (
        "give it a shorter range, or predictions with larger standard deviations, "
        "or compare it with fewer numbers"
    )
    told = f"`{name}` would have to be looked at in more than {nodes} places"
    return _no_place(span, told, hint)


def out_of_proportion(
    span: Span, text: str, number: float, least: float, most: float
) -> Diagnostic:
    """Report a range, a mean or a standard deviation whose squares float64 may not have."""
    hint = f"measure it in another unit, so that it lies between {least:g} and {most:g}"
    return _no_place(span, f"{number:g} in `{text}` is out of all proportion", hint)


def missing_mean(span: Span, text: str) -> Diagnostic:
    """Report a prediction whose mean is missing."""
    hint = "a prediction whose confidence is missing is not made"
    return _no_place(span, f"a mean of `{text}` is missing in the data", hint)


def all_or_nothing(span: Span, text: str, share: float) -> Diagnostic:
    """Report a predicted interval that holds always, or never."""
    how = "always" if share > 0.5 else "never"
    hint = "choose ends of which one lies inside its range, or base"
    return _no_place(span, f"`{text}` holds {how}, whatever is predicted", hint)
