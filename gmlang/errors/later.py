"""What later milestones bring (GM6xx): reserved words that answer "not yet", with the place."""

from gmlang.diagnostics import Diagnostic, Span


def not_yet(span: Span, what: str, hint: str = "") -> Diagnostic:
    """Report a form whose words are reserved, but that does not work yet."""
    return Diagnostic("GM601", f"{what}: not yet", span, hint=hint)
