"""Processes: models whose steps run one after another (GM265 to GM269)."""

from gmlang.diagnostics import Diagnostic, Span


def joined_wrongly(span: Span, *, is_first: bool) -> Diagnostic:
    """Report a step without `then`, or the first with it."""
    found = "the first step begins with `then`" if is_first else "a step does not say when it runs"
    hint = "leave out `then`" if is_first else "steps run one after another: `then m(x, t)`"
    return _body(span, found, hint)


def said_twice(span: Span, word: str) -> Diagnostic:
    """Report a second `stall` or `start`."""
    return _body(span, f"a second `{word}` in one process", "one counts for all its steps")


def no_steps(span: Span, name: str) -> Diagnostic:
    """Report a process that calls nothing."""
    return _body(span, f"the process `{name}` has no step", "call a model: `boiling(k, t)`")


def no_call(span: Span, text: str) -> Diagnostic:
    """Report a step that calls no model."""
    return _body(span, f"`{text}` is no call of a model", "a step calls one: `boiling(k, t)`")


def _body(span: Span, message: str, hint: str) -> Diagnostic:
    return Diagnostic("GM265", message, span, hint=hint)


def lasts_never(span: Span, text: str, most: int) -> Diagnostic:
    """Report `lasting 4..2`, `lasting 0`."""
    return _lasting(span, f"`lasting {text}` is no number of slots from 1 to {most}")


def not_written(span: Span, text: str) -> Diagnostic:
    """Report `lasting n` of a number that the program does not write."""
    return _lasting(span, f"`lasting {text}` must be whole numbers that are written")


def lasting_of_process(span: Span, name: str) -> Diagnostic:
    """Report `lasting` of a step that is a process."""
    return _lasting(span, f"how long `{name}` lasts follows from its own steps")


def _lasting(span: Span, message: str) -> Diagnostic:
    hint = "`lasting 3` is three slots, `lasting 2..4` two to four, all as probable"
    return Diagnostic("GM266", message, span, hint=hint)


def no_chance(span: Span, word: str, value: float) -> Diagnostic:
    """Report a `stall` or `skip` of 1 or more, a `start` of 0, and what is no probability."""
    ends = "above 0 and at most 1" if word == "start" else "at least 0 and below 1"
    return Diagnostic("GM267", f"`{word}` must be {ends}; it is {value:g}", span)


def no_process(span: Span, text: str) -> Diagnostic:
    """Report `step` of what is no process."""
    return Diagnostic(
        "GM268",
        f"`{text}` is the step of no process",
        span,
        hint="`step(tea(k), t)` of `model tea(k: Kitchen) over t in 0..<T:`; without `t`, of all",
    )


def not_one_thing(span: Span, name: str) -> Diagnostic:
    """Report a process about no thing, or about several."""
    hint = "what else it depends on may be values: `model tea(k: Kitchen, cup: 0..3) over ...`"
    return _header(span, f"the process `{name}` is not about one thing", hint)


def not_from_zero(span: Span) -> Diagnostic:
    """Report a process whose time does not begin at 0."""
    return _header(span, "the time of a process runs from 0", "`over t in 0..<T`")


def not_in_step(span: Span, name: str, at: str) -> Diagnostic:
    """Report a process within another that does not run in the same time."""
    hint = f"its arguments, and then the slot in which it begins: `{name}(..., {at})`"
    return _header(span, f"`{name}` is a process, and runs in the time of the one around it", hint)


def not_predicted(span: Span, text: str) -> Diagnostic:
    """Report a prediction about the step of a process, or a mechanism of it."""
    hint = "observe it, or predict what its steps do"
    return _header(span, f"`{text}` follows from the steps of its process", hint)


def _header(span: Span, message: str, hint: str) -> Diagnostic:
    return Diagnostic("GM269", message, span, hint=hint)
