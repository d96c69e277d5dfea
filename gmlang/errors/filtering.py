"""Programs that cannot be followed step by step, and questions about them: GM801 to GM818."""

from collections.abc import Sequence

from gmlang.diagnostics import Diagnostic, Span


def no_time(span: Span, name: str, found: Sequence[str]) -> Diagnostic:
    """Nothing runs over a size of that name, or over any, or over several."""
    if name:
        sentence = f"nothing is declared over `{name}`: no data and no variable has that axis"
        known = f"variables run over {_listed(found)}" if found else ""
    elif found:
        sentence = f"time may be any of {_listed(found)}"
        known = f'say which: over "{found[0]}"'
    else:
        sentence, known = "nothing runs over a time: no data has an axis of a named size", ""
    hint = known or "declare what comes step by step with a size: `data y[T] : bool`"
    return Diagnostic("GM801", sentence, span, hint=hint)


def step_as_number(span: Span, name: str, size: str) -> Diagnostic:
    """The number of a step is used otherwise than to name an element, or to be compared."""
    return Diagnostic(
        "GM802",
        f"`{name}` is used as a number: a filter has one rule for all steps",
        span,
        hint=f"compare it with a number, `{name} == 0`, or give it as data: `data when[{size}]`",
    )


def step_in_question(span: Span, name: str) -> Diagnostic:
    """A question uses the number of the current step otherwise than to name an element."""
    return Diagnostic(
        "GM814",
        f"`{name}` is used as a number: a filter asks the same after each step",
        span,
        hint="let it index what runs over time, `x[t]`, and compare with numbers that are known",
    )


def end_of_time(span: Span, size: str) -> Diagnostic:
    """The number of steps is used, which a filter does not know."""
    return Diagnostic(
        "GM803",
        f"this depends on `{size}`, and a filter does not know when time will end",
        span,
        hint=f"let loops run up to the last step, `for t in 1..<{size}`",
    )


def all_steps(span: Span, text: str) -> Diagnostic:
    """All steps are spoken of at once."""
    return Diagnostic(
        "GM804",
        f"`{text}` speaks of all steps at once",
        span,
        hint="count along: a variable of each step that depends on the one of the step before",
    )


def other_step(span: Span, text: str, size: str) -> Diagnostic:
    """An element is named by something else than the step, and a number of steps before it."""
    return Diagnostic(
        "GM805",
        f"`{text}` is no fixed number of steps away: a filter remembers a few steps",
        span,
        hint=f"index what runs over `{size}` by `t`, `t - 1`, `t - 2`, ...",
    )


def several_times(span: Span, size: str) -> Diagnostic:
    """Two loops of a statement run over time."""
    return Diagnostic(
        "GM806",
        f"two loops run over `{size}` here, and a filter remembers a few steps",
        span,
        hint="let one loop run over time, and index by `t`, `t - 1`, ...",
    )


def not_followed(span: Span, text: str) -> Diagnostic:
    """What filters do not know yet: reals and derived data over time, members that hold."""
    return Diagnostic("GM807", f"`{text}` cannot be followed step by step yet", span)


def unseen_selector(span: Span, text: str, name: str) -> Diagnostic:
    """The law of a real depends on a finite variable, and nobody sees its state."""
    return Diagnostic(
        "GM815",
        f"`{text}` depends on `{name}`, whose state a filter of reals would have to know",
        span,
        hint=f"give it with each step: `data {name.split('[')[0]}[T] : bool`",
    )


def unknown_spread(span: Span, name: str) -> Diagnostic:
    """Rows depend on a real otherwise than linearly."""
    return Diagnostic(
        "GM816",
        f"laws depend on `{name}` otherwise than linearly, and a filter follows linear ones",
        span,
        hint=f"let it be known before: `data {name} : real = 0.5`, or ask the model itself",
    )


def lost(span: Span, name: str) -> Diagnostic:
    """A real has to be integrated out, and nothing says where it is."""
    return Diagnostic(
        "GM817",
        f"nothing says where `{name}` was before this step, and no later step will",
        span,
        hint="draw it from something, or give it a base: `base Normal(0, 10)`",
    )


def belief_too_wide(span: Span, size: str, num_entries: int) -> Diagnostic:
    """What would have to be remembered from step to step has too many states."""
    return Diagnostic(
        "GM808",
        f"a step over `{size}` needs tables of {num_entries} entries and more",
        span,
        hint="let fewer variables of a step depend on those of the step before, or ask for fewer",
    )


def not_asked_here(span: Span, text: str) -> Diagnostic:
    """A filter is asked something else than for probabilities."""
    return Diagnostic(
        "GM809",
        f"a filter answers `P(...)` after each step, not `{text}`",
        span,
        hint="bind the data, and ask the model: model.bind(...).query(...)",
    )


def step_is_over(span: Span, text: str, size: str) -> Diagnostic:
    """A question is about a step of a fixed number, or about all of them."""
    hint = f"ask about the current step, `t` or `{size} - 1`, or a fixed number of steps before"
    return _no_step(span, f"`{text}` asks about steps that a filter has forgotten", hint)


def step_to_come(span: Span, text: str, size: str) -> Diagnostic:
    """A question is about a step that is still to come."""
    hint = (
        "`ahead()`, or --ahead, predicts what the next one observes; the last one that came is "
        f"`t`, or `{size} - 1`"
    )
    return _no_step(span, f"`{text}` asks about a step that is still to come", hint)


def _no_step(span: Span, sentence: str, hint: str) -> Diagnostic:
    return Diagnostic("GM810", sentence, span, hint=hint)


def unknown_input(name: str, known: Sequence[str], size: str) -> Diagnostic:
    """What is given for a step is none of the data that comes step by step."""
    return Diagnostic(
        "GM811",
        f"`{name}` is no data over `{size}`",
        None,
        hint=f"a step takes {_listed(known)}" if known else "a step takes nothing",
    )


MISSING_INPUT = "GM812"


def missing_input(span: Span, name: str) -> Diagnostic:
    """A step depends on data that it was not given, and that is not only observed."""
    return Diagnostic(
        MISSING_INPUT,
        f"`{name}` is not given for this step, which depends on its value",
        span,
        hint=f"give it with each step: step({name}=...)",
    )


def infinite_input(span: Span, name: str, value: float) -> Diagnostic:
    """Data that laws of reals depend on is no finite number."""
    return Diagnostic(
        "GM818",
        f"`{name}` is {value:g}, and laws of reals need finite numbers",
        span,
        hint="leave a value out, or give NaN, where it is missing",
    )


def lengths_differ(lengths: Sequence[tuple[str, int]]) -> Diagnostic:
    """Data for many steps has different numbers of steps."""
    said = ", ".join(f"`{name}` has {count}" for name, count in lengths)
    return Diagnostic("GM813", f"the numbers of steps differ: {said}", None)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
