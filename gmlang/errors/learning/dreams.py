"""Mistakes about recognisers, which are made from draws of a program (GM757 to GM760)."""

from gmlang.diagnostics import Diagnostic


def nothing_observed() -> Diagnostic:
    """Report a program that observes nothing, so that nothing can be recognised from it."""
    hint = "observe something in the program, or behind the bar of one of its queries"
    return Diagnostic(
        "GM757", "the program observes nothing that something could be told from", None, hint=hint
    )


def too_wide_to_dream() -> Diagnostic:
    """Report a program with too many variables for one layer between them."""
    return _no_dreams("a layer between so many variables is too large")


def too_large_to_know() -> Diagnostic:
    """Report a program whose tables are too large for a digest."""
    return _no_dreams("its tables are too large to be known again")


def nothing_to_dream() -> Diagnostic:
    """Report a program in which nothing is possible."""
    return _no_dreams("nothing is possible in it")


def refused_draws(error: Exception) -> Diagnostic:
    """Report a program that the runtime does not draw from."""
    return _no_dreams(str(error))


def inexact_draws(note: str) -> Diagnostic:
    """Report a program whose draws would be estimates, as the runtime's note says."""
    return _no_dreams(note or "draws would not be exact")


def _no_dreams(reason: str) -> Diagnostic:
    message = f"nothing could be drawn from the program: {reason}"
    hint = "give it more time; a program of mechanisms alone is drawn from at once"
    return Diagnostic("GM758", message, None, hint=hint)


def other_program() -> Diagnostic:
    """Report a recogniser of another program, or of other data."""
    message = "the recogniser was made from another program, or with other data"
    hint = "`gmlang dream FILE -o file.rec.npz` makes one; what is observed may differ, no more"
    return Diagnostic("GM759", message, None, hint=hint)


def no_recogniser(path: str) -> Diagnostic:
    """Report a file that is no recogniser."""
    hint = "`gmlang dream FILE -o file.rec.npz` makes one"
    return Diagnostic("GM760", f"{path} is no recogniser", None, hint=hint)
