"""Decisions that contradict themselves, or that nothing can be said of (GM28x)."""

from gmlang.diagnostics import Diagnostic, Span
from gmlang.errors.types import Where

# --- Choices and what they know ------------------------------------------------------------


def said_elsewhere(span: Span, name: str) -> Diagnostic:
    """Report a mechanism of a choice."""
    hint = f"leave this out, or declare `{name}` by `var` if it is not decided"
    return Diagnostic("GM280", f"`{name}` is chosen: nothing else says what it is", span, hint=hint)


def knows_what_follows(span: Span, choice: str, known: str) -> Diagnostic:
    """Report that a choice knows what depends on it."""
    hint = f"let `{choice}` know what is there before it is chosen"
    sentence = f"`{choice}` cannot know `{known}`, which depends on it"
    return Diagnostic("GM281", sentence, span, hint=hint)


def decided_in_a_circle(span: Span, choice: str, other: str) -> Diagnostic:
    """Report two choices each of which knows what depends on the other."""
    hint = "one of them is made first: let it not know what depends on the other"
    sentence = f"`{choice}` and `{other}` each know what depends on the other"
    return Diagnostic("GM282", sentence, span, hint=hint)


# --- Questions -----------------------------------------------------------------------------


def decided_after(span: Span, seen: str, choice: str) -> Diagnostic:
    """Report evidence that depends on a choice that is still to be made."""
    hint = f"set the choice as well, `{choice} = ...`, or say that the best is done, `follow()`"
    sentence = f"what is seen of `{seen}` depends on `{choice}`, which is still to be chosen"
    return Diagnostic("GM283", sentence, span, hint=hint)


def undecided(span: Span, asked: str, choice: str) -> Diagnostic:
    """Report a question about what depends on a choice that nobody has made."""
    hint = f"set it, `| {choice} = ...`, or say that the best is done, `| follow()`"
    sentence = f"`{asked}` depends on `{choice}`, which is not decided"
    return Diagnostic("GM284", sentence, span, hint=hint)


def weighs_a_choice(span: Span, text: str, choice: str) -> Diagnostic:
    """Report a factor that speaks of a choice, or of what depends on one."""
    hint = "what is wished for is `maximize e`; what was seen is a condition of the question"
    sentence = f"`{text}` weighs what depends on `{choice}`, as if that were seen"
    return Diagnostic("GM285", sentence, span, hint=hint)


def no_utility(span: Span) -> Diagnostic:
    """Report a question about utility in a program without any."""
    hint = "say what is to be gained: `maximize 10 if won else 0`"
    return _utility(span, "nothing is maximized: all choices are as good", hint)


def endless_utility(span: Span, text: str) -> Diagnostic:
    """Report a utility that is infinite in some state."""
    hint = "exclude the state by a `constraint`, or give it a large negative number"
    return _utility(span, f"`{text}` is not finite in some state", hint)


def wide_utility(span: Span, text: str) -> Diagnostic:
    """Report a utility of too many variables together."""
    hint = "write what adds up as a sum, or as several `maximize`"
    sentence = f"`{text}` depends on too many variables together for a table"
    return _utility(span, sentence, hint)


def luckiest_course(span: Span, text: str) -> Diagnostic:
    """Warn of planning by the most probable assignment in a world with chance."""
    hint = "write `maximize e` and ask `MEU()`; `MMAP` gives the best course without looking"
    sentence = f"`{text}` picks the luckiest course, not the best plan"
    return Diagnostic("GM287", sentence, span, hint=hint, severity="warning")


def no_choice(span: Span, text: str) -> Diagnostic:
    """Report something that is no choice where one is needed."""
    hint = "a choice is declared by `choose a : bool`"
    return _misplaced(span, f"`{text}` is no choice", hint)


def decided_by_doing(span: Span, text: str) -> Diagnostic:
    """Report a question about the policy of a choice that `do(...)` lets follow something else."""
    hint = "leave it out of `do(...)`, or ask what follows, `MEU(| do(...))`"
    return _misplaced(span, f"`{text}`: `do` says already what is chosen", hint)


def not_knowable(span: Span, text: str) -> Diagnostic:
    """Report something that is no variable in what a choice knows."""
    hint = "list variables, elements or attributes; what is data is known anyway"
    return _misplaced(span, f"`{text}` is no variable that a choice may know", hint)


def choice_of(span: Span, text: str) -> Diagnostic:
    """Report a choice of something that has no finite domain."""
    hint = "a choice has finitely many values: `choose a : 0..9`"
    return _misplaced(span, f"`{text}` cannot be chosen", hint)


def misplaced(span: Span, word: str, where: Where) -> Diagnostic:
    """Report what decisions know, or are for, where it cannot stand."""
    hint = "write it outside, where loops and conditions on what is known may be around it"
    return _misplaced(span, f"`{word}` cannot stand {where.value}", hint)


def _utility(span: Span, sentence: str, hint: str) -> Diagnostic:
    return Diagnostic("GM286", sentence, span, hint=hint)


def _misplaced(span: Span, sentence: str, hint: str) -> Diagnostic:
    return Diagnostic("GM288", sentence, span, hint=hint)
