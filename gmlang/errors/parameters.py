"""Errors about parameters of reals, such as standard deviations that are not known."""

from gmlang.diagnostics import Diagnostic, Span


def never_above_zero(span: Span, count: int) -> Diagnostic:
    """Report a standard deviation that has a meaning at no values of the parameters."""
    return Diagnostic(
        "GM376",
        f"at none of {count} values of the parameters that were tried the standard deviation is "
        f"above 0 in `{span.text}`",
        span,
        hint="let parameters in it be above 0: `var noise : real[0, inf] ~ Cauchy(0, 1)`",
    )
