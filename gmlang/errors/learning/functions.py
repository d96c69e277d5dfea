"""Mistakes about functions that are learned (GM743 to GM756)."""

from collections.abc import Sequence
from difflib import get_close_matches
from enum import StrEnum

from gmlang.diagnostics import Diagnostic, Span


def not_learned_yet(span: Span, name: str) -> Diagnostic:
    """Report a function that is needed before it was learned."""
    hint = "ask after `learn def`; `gmlang run` and `gmlang learn` learn it"
    return Diagnostic("GM743", f"`{name}` has not been learned yet", span, hint=hint)


def no_arguments(span: Span, name: str) -> Diagnostic:
    """Report an unknown function of nothing."""
    hint = f"write `learn def {name}(x: 0..9) : 0..9 using ...`; one number is a `param`"
    return Diagnostic("GM744", f"`{name}` takes no argument", span, hint=hint)


def endless(span: Span, word: str) -> Diagnostic:
    """Report an argument, or a value, that may be any number."""
    message = f"a learned function is about finitely many values; `{word}` has no end"
    return _not_finite(span, message, "write a range, such as `0..9`, or a domain")


def too_many_cells(span: Span, name: str, count: int, most: int) -> Diagnostic:
    """Report a function of too many combinations of arguments."""
    message = f"`{name}` has {count} combinations of arguments; at most {most} can be learned"
    return _not_finite(span, message, "narrow the ranges of its arguments")


def too_far(span: Span, text: str, most: int) -> Diagnostic:
    """Report numbers that are too large for rules to be listed by their values."""
    message = f"`{text}` has numbers that no learned function can have: beyond {most}, or too many"
    return _not_finite(span, message, "count in larger units, or from another beginning")


def _not_finite(span: Span, message: str, hint: str) -> Diagnostic:
    return Diagnostic("GM745", message, span, hint=hint)


def unknown_operator(span: Span, word: str, known: Sequence[str]) -> Diagnostic:
    """Report something that no learned function is made of."""
    near = get_close_matches(word, known, 1)
    hint = f"did you mean `{near[0]}`?" if near else f"known are {' '.join(known)}, and constants"
    message = f"`{word}` is no operator that a function can be learned of"
    return _not_offered(span, message, hint)


def offered_twice(span: Span, word: str) -> Diagnostic:
    """Report an operator that is offered more than once."""
    return _not_offered(span, f"`{word}` is listed twice")


def no_constant(span: Span, text: str) -> Diagnostic:
    """Report what is offered and is no whole number or value."""
    message = f"`{text}` is no whole number, and no value of a domain"
    hint = "a learned function is made of operators and such constants: `using +, %, 0..10`"
    return _not_offered(span, message, hint)


def _not_offered(span: Span, message: str, hint: str = "") -> Diagnostic:
    return Diagnostic("GM746", message, span, hint=hint)


def bad_size(span: Span, number: int | float, most: int) -> Diagnostic:
    """Report a size that no learned function can have."""
    message = f"the size of a learned function is from 1 to {most}; this is {number:g}"
    return Diagnostic("GM747", message, span)


class Spot(StrEnum):
    """Where an unknown function may not be called, as a message names it."""

    AGGREGATE = "an aggregate's loop"
    BASE = "a base"
    CLAUSE = "a loop, or a condition that is known beforehand and decides what there is"
    DATA = "the value of data"
    INDEX = "an index"
    OBSERVED = "what is observed"
    PRIOR = "a prior"
    RECURSION = "a def that calls itself"
    SIZE = "a size"


def misplaced(span: Span, text: str, spot: Spot) -> Diagnostic:
    """Report a call of an unknown function where nothing unknown can stand."""
    hint = "give its value a name: `var y : 0..9 := f(x)`, and use that"
    message = f"`{text}` is still to be learned, and stands in {spot}"
    return Diagnostic("GM748", message, span, hint=hint)


def never_called(span: Span, name: str) -> Diagnostic:
    """Report an unknown function of which the program says nothing."""
    hint = f"say where it holds: `constraint y == {name}(x)`, `y := {name}(x)`"
    return Diagnostic(
        "GM749", f"nothing calls `{name}`, so nothing can be learned of it", span, hint=hint
    )


def outside_arguments(span: Span, text: str, where: str) -> Diagnostic:
    """Report a call of an unknown function with what it does not take."""
    hint = "widen the argument's range, or put the call behind a condition"
    message = f"`{text}` is called with a value that it does not take{where}"
    return Diagnostic("GM750", message, span, hint=hint)


def nothing_fits(
    span: Span, names: Sequence[str], size: int, best: str, example: str, most: int
) -> Diagnostic:
    """Report that no expression of a size explains everything.

    Args:
        span: of the `learn def`.
        names: of the functions.
        size: that was searched.
        best: the rule that explains most.
        example: the first that it does not explain.
        most: the largest size.
    """
    shown = " and ".join(f"`{name}`" for name in names)
    verb = "explain" if len(names) > 1 else "explains"
    message = f"no {shown} of size {size} {verb} everything that is seen"
    said = f"the best is `{best}`; it fails first at {example}" if best else ""
    bigger = (
        f"try `size {size + 2}`, or more operators" if size + 2 <= most else "try other operators"
    )
    return Diagnostic("GM751", message, span, hint="; ".join(filter(None, (said, bigger))))


def no_rule_allowed(span: Span, example: str) -> Diagnostic:
    """Report what no function whatsoever explains."""
    hint = "something else that the program says contradicts it; or let it be noisy"
    return _contradiction(span, f"no function at all explains {example}", hint)


def contradicted_beside(span: Span) -> Diagnostic:
    """Report a program that contradicts itself whatever its functions are."""
    return _contradiction(span, "what the program says beside its functions cannot be")


def observed_twice(span: Span) -> Diagnostic:
    """Report observations that contradict each other."""
    return _contradiction(span, "two observations of the program clash")


def _contradiction(span: Span, message: str, hint: str = "") -> Diagnostic:
    return Diagnostic("GM752", message, span, hint=hint)


def no_expressions(span: Span, name: str) -> Diagnostic:
    """Report that what is listed makes no value of the function's domain."""
    hint = "list operators and constants that give such values, or allow a larger size"
    message = f"nothing that `{name}` may be made of has values in its range"
    return Diagnostic("GM753", message, span, hint=hint)


def too_open(span: Span, text: str) -> Diagnostic:
    """Report a call that may have too many arguments at once, since they are not known."""
    return _out_of_reach(span, f"`{text}` may have too many arguments at once")


def no_time(span: Span) -> Diagnostic:
    """Report that the time was over before any rule was scored."""
    return _out_of_reach(span, "the time was over before any rule could be scored")


def no_time_for_larger(span: Span, size: int) -> Diagnostic:
    """Report that nothing up to a size fits, and that there was no time for what is larger."""
    reason = f"nothing up to size {size} fits, and the time, or the memory, was over then"
    return _out_of_reach(span, reason)


def too_wide(span: Span) -> Diagnostic:
    """Report a statement whose table is only small where what was observed is left out of it."""
    return _out_of_reach(span, "a statement is too wide for a table without what is observed")


def beyond_the_runtime(span: Span, said: str) -> Diagnostic:
    """Report what the runtime refused to work out, as it said it."""
    return _out_of_reach(span, said)


def _out_of_reach(span: Span, reason: str) -> Diagnostic:
    hint = (
        "observe more, list fewer operators, give more time, or define by `:=` what is constrained"
    )
    return Diagnostic("GM754", f"this function cannot be learned: {reason}", span, hint=hint)


def nothing_to_ask(name: str, known: Sequence[str]) -> Diagnostic:
    """Report what is no array of variables, of which examples could be told."""
    hint = f"known are {', '.join(known[:8])}" if known else ""
    message = f"`{name}` is no array of variables, its first axis the examples"
    return Diagnostic("GM756", message, None, hint=hint)


def no_such_def(name: str, known: Sequence[str]) -> Diagnostic:
    """Report a function that is to be learned, and that the program does not learn."""
    hint = f"it learns {', '.join(known[:8])}" if known else "it learns no function"
    return Diagnostic("GM755", f"the program learns no function `{name}`", None, hint=hint)
