"""What is done, and what would have been: interventions and counterfactuals (GM27x)."""

from collections.abc import Sequence

from gmlang.diagnostics import Diagnostic, Span


def done_to_composite(span: Span, model: str, parts: Sequence[str]) -> Diagnostic:
    """Report that a conjunction of models is set, which follows from its parts."""
    return Diagnostic(
        "GM270",
        f"`{model}` is active exactly where its parts are; setting it says nothing of them",
        span,
        hint=f"do it to its parts, {', '.join(f'`{part}`' for part in parts)}",
    )


def seen_after(span: Span, seen: Sequence[str], done: Sequence[str]) -> Diagnostic:
    """Warn that something is observed that follows from what is done."""
    names = _listed(seen)
    verb = "is" if len(seen) == 1 else "are"
    changed = "was" if len(done) == 1 else "were"
    return Diagnostic(
        "GM271",
        f"{names} {verb} seen after {_listed(done)} {changed} changed: it counts in that world",
        span,
        hint="what would have happened, given what was seen, is `P(... had ... | ...)`",
        severity="warning",
    )


def seen_and_done(span: Span, name: str) -> Diagnostic:
    """Warn of a variable that is observed and changed: both hold."""
    return Diagnostic(
        "GM275",
        f"`{name}` is changed, and observed as well: in the world where it was changed",
        span,
        hint="what would have happened had it been otherwise is `P(... had ... | ...)`; to ask "
        "without what was observed, take the `observe` out of the program",
        severity="warning",
    )


def no_unique_meaning(span: Span, name: str, word: str, line: int) -> Diagnostic:
    """Report that what is changed stands in a factor, which is no mechanism of anything."""
    return Diagnostic(
        "GM272",
        f"changing `{name}` has no one meaning: a `{word}` in line {line} relates it to others, "
        "and does not say what follows from what",
        span,
        hint="write that as a mechanism, `~` or `:=`, of what follows; or, if it is something that "
        "was seen, as `observe` of a variable that `:=` defines",
    )


def done_twice(span: Span, name: str) -> Diagnostic:
    """Report a variable that two interventions of one question change."""
    return Diagnostic(
        "GM273",
        f"`{name}` is changed twice",
        span,
        hint="leave one of the two out, or ask two questions",
    )


def reads_descendant(span: Span, name: str) -> Diagnostic:
    """Report a new mechanism of a variable that depends on what follows from that variable."""
    return Diagnostic(
        "GM274",
        f"the new mechanism of `{name}` reads what follows from `{name}` itself",
        span,
        hint="it may read whatever does not depend on it",
    )


def done_and_imagined(span: Span) -> Diagnostic:
    """Report a question about a changed world and an imagined one at once."""
    return Diagnostic(
        "GM276",
        "`had` imagines what would have been in this world; `do` is about another",
        span,
        hint="ask for the world in which both are done, or imagine both: `had x = 1, y = 2`",
    )


def too_wide(span: Span, text: str, most: int) -> Diagnostic:
    """Report a mechanism of which two worlds need a table that is too large."""
    return Diagnostic(
        "GM277",
        f"`{text}` depends on too much for two worlds at once: more than {most} entries",
        span,
        hint="write it in steps, each a variable of its own",
    )


def _bad_imagined(span: Span, sentence: str, hint: str = "") -> Diagnostic:
    return Diagnostic("GM279", sentence, span, hint=hint)


def only_p_imagines(span: Span, word: str) -> Diagnostic:
    """Report `had` in another question than `P`."""
    return _bad_imagined(span, f"`had` stands in `P(...)`, not in `{word}`")


def each_alone(span: Span) -> Diagnostic:
    """Report a joint distribution of what would have been, which is known in bounds alone."""
    sentence = (
        "how chance carries over is not said, so a joint distribution is known in bounds alone"
    )
    hint = "ask for an event, `P(a and b had ...)`, or name one: `using coupling(monotone)`"
    return _bad_imagined(span, sentence, hint)


def unknown_coupling(span: Span, names: Sequence[str]) -> Diagnostic:
    """Report `using coupling(...)` of another name."""
    hint = f"couplings are {', '.join(f'`{name}`' for name in names)}"
    return _bad_imagined(span, "no coupling is called so", hint)


def _bad_change(span: Span, sentence: str, hint: str) -> Diagnostic:
    return Diagnostic("GM278", sentence, span, hint=hint)


def not_behind_bar(span: Span) -> Diagnostic:
    """Report `do(...)` where no question has conditions."""
    hint = "it stands behind the bar of a question: `P(y | do(x = 1), z = 2)`"
    return _bad_change(span, "`do(...)` is no value", hint)


def nothing_done(span: Span, word: str) -> Diagnostic:
    """Report `do()`."""
    return _bad_change(span, f"`{word}` says what is changed", f"write `{word}(x = 1)`")


def no_change(span: Span, text: str) -> Diagnostic:
    """Report what is no change of a variable, such as an event."""
    hint = "write `x = value`, `x ~ distribution`, `x := expression`, or a boolean variable alone"
    return _bad_change(span, f"`{text}` does not say what becomes of which variable", hint)


def value_not_known(span: Span, target: str, text: str) -> Diagnostic:
    """Report a variable as the value that another one is set to."""
    hint = f"to have it follow another variable, write `do({target} := {text})`"
    return _bad_change(span, f"`{target}` is set to something that is not known", hint)


def picked_at_random(span: Span, text: str) -> Diagnostic:
    """Report a target that a random index picks."""
    hint = "say which one: interventions are known before inference"
    return _bad_change(span, f"which variable `{text}` is depends on others", hint)


def holder_changed(span: Span, text: str) -> Diagnostic:
    """Report that the member of a family that holds is set as if it were a variable."""
    hint = "change the activations of its members: `do(template(it, 3))`"
    return _bad_change(span, f"`{text}` stands for which of several models is active", hint)


def _listed(names: Sequence[str]) -> str:
    shown = [f"`{name}`" for name in names[:3]]
    return ", ".join(shown) + (" and others" if len(names) > 3 else "")
