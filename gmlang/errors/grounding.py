"""Mistakes found when a program meets its data: GM4xx sizes and indices, GM5xx evidence."""

import math
from collections.abc import Sequence
from enum import StrEnum

from gmlang.diagnostics import Diagnostic, Note, Span
from gmlang.digits import size_text
from gmlang.errors.shapes import RANDOM_TARGET


def missing_data(span: Span, name: str, given: Sequence[str]) -> Diagnostic:
    """The program needs data that nobody gave."""
    listed = ", ".join(given) or "none"
    return Diagnostic(
        "GM401",
        f"no data is given for `{name}` (given: {listed})",
        span,
        hint=f"--data {name}=FILE.npz on the command line, or model.bind({name}=array)",
    )


def size_unknown(span: Span, name: str) -> Diagnostic:
    """A size was used that no data fixes."""
    return Diagnostic(
        "GM404",
        f"the size `{name}` is not known",
        span,
        hint=f"declare before this what says it: data of shape [{name}], or data {name} = 10",
    )


def empty_domain(span: Span) -> Diagnostic:
    """The computed ends of a domain leave nothing between them."""
    return _no_declaration(span, "this domain is empty", "its last value is below its first")


def negative_size(span: Span, size: int) -> Diagnostic:
    """A computed size is below 0."""
    return _no_declaration(span, f"a size cannot be {size}", "a size is 0 or more")


def _no_declaration(span: Span, sentence: str, hint: str) -> Diagnostic:
    return Diagnostic("GM440", sentence, span, hint=hint)


def value_outside_domain(
    span: Span, what: str, value: str, domain: str, notes: tuple[Note, ...] = (), hint: str = ""
) -> Diagnostic:
    """A value does not belong to the domain it is used for."""
    return Diagnostic("GM405", f"{what} is {value}, outside {domain}", span, notes, hint=hint)


def index_outside(span: Span, what: str, index: int, size: int, where: str) -> Diagnostic:
    """An index misses its array."""
    return Diagnostic(
        "GM406",
        f"index {index} of {what} is outside 0..{size - 1}{where}",
        span,
        hint="narrow the range of the loop, or add a condition: for ... if ...:",
    )


def no_such_element(span: Span, text: str, index: str, where: str) -> Diagnostic:
    """An index that a random variable gives misses its array in some states."""
    return Diagnostic(
        "GM425",
        f"`{text}` names no element: its index is {index}{where}",
        span,
        hint="guard it: `... if INDEX < SIZE else ...`, or forbid that state by a constraint",
    )


class Undefined(StrEnum):
    """Why an operation has no value, said after its text."""

    BEYOND = "is beyond 64-bit integers"
    BY_ZERO = "divides by zero"
    BY_ZERO_OR_BEYOND = "divides by zero, or is beyond 64-bit integers"
    BY_ZERO_OR_NO_NUMBER = "divides by zero, or is not a number"
    MAY_BE_BEYOND = "may be beyond 64-bit integers"
    MAX_OF_NOTHING = "is the max of nothing"
    MIN_OF_NOTHING = "is the min of nothing"
    NOT_WHOLE = "is no whole number"
    NO_NUMBER = "is not a number"
    NOWHERE = ""

    @classmethod
    def of_none(cls, operator: str) -> "Undefined":
        """Return why the smallest or largest of no values is none, by its operator."""
        return cls.MAX_OF_NOTHING if operator == "max" else cls.MIN_OF_NOTHING


def without_value(span: Span, why: Undefined, where: str) -> Diagnostic:
    """An expression has no value in some instance or state."""
    text = " ".join(span.text.split())
    return Diagnostic(
        "GM422",
        f"`{text}` {why}{where}",
        span,
        hint="guard it: `... if CONDITION else ...` or `CONDITION and ...`, or forbid that state "
        "by a constraint",
    )


def missing_value(span: Span, text: str, where: str) -> Diagnostic:
    """Missing data is used for something other than evidence."""
    return Diagnostic(
        "GM423",
        f"`{text}` is missing data{where}",
        span,
        hint="only `observe x = data`, and a confidence as in `predict ... @ data`, may meet a "
        "missing entry; say elsewhere what holds instead",
    )


def argument_outside(span: Span, model: str, value: int, domain: str, where: str) -> Diagnostic:
    """A model is invoked with a parameter value outside its domain."""
    return Diagnostic(
        "GM407",
        f"{model} is invoked with {value}, outside {domain}{where}",
        span,
        hint="guard it: if t + 1 < T: use ...",
    )


def too_wide(
    span: Span, text: str, variables: Sequence[tuple[str, int]], entries: str, adds_reals: bool
) -> Diagnostic:
    """An expression would need an enormous table.

    Args:
        span: of the expression.
        text: of it.
        variables: their names and numbers of states.
        entries: of the table.
        adds_reals: whether it adds up real numbers, which have no structure but a table.
    """
    shown = [f"{name} ({size} states)" for name, size in variables[:3]]
    if len(variables) > 3:
        shown.append("...")
    if adds_reals:
        hint = (
            "sums of real numbers take too many values: add up rounded ones, "
            "sum(round(100 * w[i]) * x[i] for ...) / 100, or observe some of the variables"
        )
    else:
        hint = (
            "narrow it: split it into several factors; give a part that takes few values a "
            "variable of its own, var y : 0..9 := ...; or observe some of the variables"
        )
    return Diagnostic(
        "GM408",
        f"`{text}` depends on {len(variables)} variables at once, {', '.join(shown)}: "
        f"a table of {entries} entries",
        span,
        hint=hint,
    )


def bad_probability(span: Span, text: str, value: float, where: str) -> Diagnostic:
    """A probability is not one."""
    hint = f"{value:g} % is {value / 100:g}" if 1 < value <= 100 else ""
    return Diagnostic(
        "GM409", f"`{text}` is {value:.12g}{where}; a probability lies in 0..1", span, hint=hint
    )


def bad_sum(span: Span, total: float, where: str) -> Diagnostic:
    """The probabilities of a distribution do not sum to one."""
    return Diagnostic(
        "GM410",
        f"the probabilities sum to {total:.8g}{where}; they must sum to 1",
        span,
        hint="write the last one as `rest`, or divide by the sum; rows within 0.001 of 1 are "
        "divided by it for you",
    )


def uncovered_match(span: Span, where: str) -> Diagnostic:
    """A match has no case for some values; `where` is their instance and states."""
    return Diagnostic(
        "GM411",
        f"no case of this match applies{where}",
        span,
        hint="add a case for it, or a last case `_ -> ...`",
    )


def two_mechanisms(span: Span, name: str, first: Span | None) -> Diagnostic:
    """A variable is drawn or defined twice."""
    notes = () if first is None else (Note("first here", first),)
    return Diagnostic(
        "GM412",
        f"`{name}` already has a mechanism; a variable is drawn or defined once",
        span,
        notes,
        hint="use `predict` in a model or `factor` for a second opinion, or put both under if/else",
    )


def two_apply(span: Span, name: str, first: Span, where: str) -> Diagnostic:
    """Two mechanisms of a variable stand under conditions that hold at once."""
    return Diagnostic(
        "GM438",
        f"two mechanisms of `{name}` apply at once{where}",
        span,
        notes=(Note("the other one", first),),
        hint="put them under `if` and `else`, or exclude the states in which both conditions hold",
    )


def circle_too_large(span: Span, name: str, count: int, most: int) -> Diagnostic:
    """Definitions that go round are too many to be written as rounds."""
    return Diagnostic(
        "GM439",
        f"the definition of `{name}` goes round through {count} variables, whose rounds "
        f"take more than {most} copies",
        span,
        hint="give the rounds an index of your own: `reach[t, x]`, for as many as are needed",
    )


def directed_cycle(span: Span, names: Sequence[str], falls: Span | None) -> Diagnostic:
    """Mechanisms that need each other, and have no least solution.

    Args:
        span: of one of them.
        names: of the variables around the circle.
        falls: of a part with which a definition may become false; None where something is drawn.
    """
    notes = () if falls is None else (Note("this may become false as others become true", falls),)
    return Diagnostic(
        "GM413",
        f"directed cycle: {' -> '.join(names)}",
        span,
        notes,
        hint="use `prefer` or `factor` for a relation without a direction; definitions `:=` of "
        "booleans may go round through `and`, `or`, `any` and `all`",
    )


def outside_target(span: Span, text: str, value: str, domain: str, where: str) -> Diagnostic:
    """A defined value can leave the domain of the variable it defines."""
    return Diagnostic(
        "GM414",
        f"`{text}` can be {value}{where}, outside the domain {domain}",
        span,
        hint="use min, max or % to keep it inside",
    )


def no_such_prediction(span: Span, model: str, text: str) -> Diagnostic:
    """`except` names something the used model does not predict."""
    return Diagnostic("GM415", f"{model} makes no prediction about {text}", span)


def contradictory_composite(
    span: Span, name: str, about: str, parts: Sequence[tuple[Span, str, bool]], nats: float
) -> Diagnostic:
    """The parts of a composition contradict each other.

    Args:
        span: of the composition.
        name: of it.
        about: what they disagree about.
        parts: where and in which model something is said of it; whether it is a prediction.
        nats: by how much the composition is less likely than its parts.
    """
    return Diagnostic(
        "GM416",
        f"`{name}` contradicts itself: its parts conflict about {about}; {nats:.1f} nats",
        span,
        _sayings(parts),
        hint="write `soft` after the composition to compose them anyway",
    )


def conflicting_site(
    span: Span, name: str, about: str, parts: Sequence[tuple[Span, str, bool]], nats: float
) -> Diagnostic:
    """The parts of a composition that stands fight about a single thing.

    The arguments are those of `contradictory_composite`; the nats are those of that thing alone.
    """
    return Diagnostic(
        "GM468",
        f"the parts of `{name}` fight about {about}: {nats:.1f} nats",
        span,
        _sayings(parts),
        hint="write `soft` after the composition if that is meant",
        severity="warning",
    )


def _sayings(parts: Sequence[tuple[Span, str, bool]]) -> tuple[Note, ...]:
    return tuple(
        Note(f"{model} {'predicts' if is_prediction else 'says'}", place)
        for place, model, is_prediction in parts
    )


def not_finite(span: Span, text: str, where: str) -> Diagnostic:
    """A log-factor is NaN or +inf."""
    return Diagnostic(
        "GM417",
        f"`{text}` is not a number or is +inf{where}",
        span,
        hint="a log-factor must be a real number, or -inf to forbid",
    )


def too_strong(span: Span, text: str, where: str, most: float) -> Diagnostic:
    """A log-factor is finite, and too large to be added to another."""
    return Diagnostic(
        "GM428",
        f"`{text}` is beyond {most:g} nats{where}, and sums of such numbers mean nothing",
        span,
        hint="what always holds is a `constraint`; a preference of 50 nats is next to certain",
    )


def bad_setting(name: str, expected: str, found: object) -> Diagnostic:
    """A query is given a setting out of range, from Python."""
    return Diagnostic("GM511", f"{name} must be {expected}, not {found!r}", None)


def not_a_text(found: object) -> Diagnostic:
    """A program or a query from Python is no text."""
    return bad_setting("the text", "a str", found)


def bad_workers(error: ValueError) -> Diagnostic:
    """A query is given what is no executor, or no number of workers, from Python."""
    hint = "executor=ProcessPoolExecutor(...), or Dask's client.get_executor()"
    return Diagnostic("GM512", str(error), None, hint=hint)


def random_target(span: Span, text: str) -> Diagnostic:
    """What is drawn, predicted or silenced must be known before inference."""
    return Diagnostic(
        RANDOM_TARGET,
        f"the index `{text}` is random, so what this statement is about is not known",
        span,
        hint="loop over what it may be about, each under its condition: "
        "for i in ...: if z == i: predict ...",
    )


def random_index(span: Span, text: str, num_max: int) -> Diagnostic:
    """A random index inside an aggregate may pick too many variables."""
    return Diagnostic(
        "GM424",
        f"`{text}` may be one of more than {num_max} variables, inside an aggregate",
        span,
        hint="give each a variable of its own first: var picked : D := x[z], and aggregate those",
    )


def too_many_instances(span: Span, count: float, most: int, more: bool) -> Diagnostic:
    """The loops of a statement make more instances than fit into memory."""
    shown = f"{count:,.0f}" if count < 1e15 else f"2^{math.log2(count):.0f}"
    return Diagnostic(
        "GM426",
        f"these loops make {shown} instances of what is in them; at most {most:,} are made",
        span,
        hint="loop over less: nest the loops, and filter an outer one with `if`"
        + "; or allow more: --memory" * more,
    )


def too_many_variables(span: Span, name: str, count: int, what: str, most: int) -> Diagnostic:
    """A declaration makes more variables, or states of them, than fit into memory."""
    shown = f"{count:,}" if count < 10**15 else f"2^{math.log2(count):.0f}"
    return Diagnostic(
        "GM427",
        f"`{name}` has {shown} {what}; at most {most:,} are possible",
        span,
        hint="declare fewer, or a smaller domain: var x : 0..1000",
    )


def too_much_memory(span: Span, text: str, tables: int, needed: int, more: bool) -> Diagnostic:
    """The tables of one statement would not fit into the memory that is allowed, or into any."""
    size, share = size_text(needed), "let the tables not depend on the loop variables, so that one"
    what = f"{tables} tables, {size} together" if tables > 1 else f"a table of {size}"
    hints = [f"{share} table serves all"] * (tables > 1) + ["allow more: --memory"] * more
    return Diagnostic("GM420", f"`{text}` needs {what}", span, hint="; or ".join(hints))


def bad_base(span: Span) -> Diagnostic:
    """A base distribution has a negative weight, or none above zero."""
    return Diagnostic(
        "GM421",
        "the weights of a base are at least 0, and one of them above",
        span,
        hint="what the base gives 0 is impossible; without `base` all values weigh alike",
    )
