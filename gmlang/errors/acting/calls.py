"""Models that are only called, and processes: GM260 to GM268."""

from collections.abc import Sequence

from gmlang.diagnostics import Diagnostic, Span

NOT_COMPARED = "GM261"
"""The code of what is only called where models are compared."""


def uncertain_call(span: Span) -> Diagnostic:
    """Report `predict both(x) @ 0.9` of a conjunction that has parts with `prior 0`."""
    return Diagnostic(
        "GM260",
        f"`{span.text}` does not say how probable each part is that is only called",
        span,
        hint="call the parts, each with its confidence",
    )


def not_compared(span: Span, name: str) -> Diagnostic:
    """Report a model with `prior 0` where models are compared."""
    return Diagnostic(
        NOT_COMPARED,
        f"`{name}` is only called, and nobody calls it where models are compared",
        span,
        hint="compare those that call it",
    )


def not_tried(span: Span, name: str) -> Diagnostic:
    """Report a model with `prior 0` among those that a new model may be made of."""
    return Diagnostic(
        "GM262",
        f"`{name}` is only called: no example shows whether it applies",
        span,
        hint="give it a prior above 0",
    )


def learned_call(span: Span, name: str) -> Diagnostic:
    """Report a confidence of a call that is learned."""
    return Diagnostic(
        "GM263",
        f"how surely `{name}` is called cannot be learned yet",
        span,
        hint=f"give `{name}` a prior above 0, or the confidence a number",
    )


def calls_go_round(span: Span, names: Sequence[str]) -> Diagnostic:
    """Report models with `prior 0` that call each other, so that none is called first."""
    some = ", ".join(f"`{name}`" for name in names[:6])
    return Diagnostic(
        "GM264",
        f"calls go round: {some}{', ...' if len(names) > 6 else ''}"
        f"{' calls itself' if len(names) == 1 else ' call each other'}",
        span,
        hint="let one of them run at a later time than the other, `use m(x, t + 1)`, or give it a "
        "prior above 0",
    )
