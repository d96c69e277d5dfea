"""Mistakes about defs that call themselves (GM343, GM344, GM441 to GM445)."""

from gmlang.diagnostics import Diagnostic, Note, Span


def array_varies(span: Span, text: str) -> Diagnostic:
    """Report an array, other than a whole one, that a def which calls itself is given."""
    return Diagnostic(
        "GM343",
        f"`{text}` is a part of an array, and not the same everywhere; a def that calls itself "
        "takes single values and whole arrays",
        span,
        hint="give it the whole array and the index",
    )


def recursive_distribution(span: Span, name: str) -> Diagnostic:
    """Report a def that calls itself where a distribution is needed."""
    return Diagnostic(
        "GM344",
        f"`{name}` calls itself; such a def is a value, and a distribution is needed here",
        span,
        hint=f"let it compute a parameter: `Bernoulli({name}(...))`",
    )


def endless(span: Span, text: str, where: str, trail: str, most: int) -> Diagnostic:
    """A def calls itself on and on, with known arguments."""
    return Diagnostic(
        "GM441",
        f"`{text}` does not end{where}: it calls itself through more than {most:,} levels",
        span,
        notes=(Note(f"the calls go {trail} ..."),),
        hint="check what ends it: something must count down, as in "
        "`def f(n) = 1 if n <= 0 else 2 * f(n - 1)`",
    )


def goes_round(span: Span, text: str, where: str, trail: str) -> Diagnostic:
    """The value of a def is needed to find that same value."""
    return Diagnostic(
        "GM442",
        f"`{text}` is defined by means of itself{where}",
        span,
        notes=(Note(f"the calls go {trail}"),),
        hint="count down what it is given; variables that need each other go round as "
        "`r[i] := start or any(r[j] ...)`, which has a smallest solution",
    )


def ends_at_random(span: Span, text: str, variable: str) -> Diagnostic:
    """Whether a def calls itself again depends on a random variable."""
    return Diagnostic(
        "GM443",
        f"how often `{text}` calls itself depends on `{variable}`, which is random",
        span,
        hint="give it a bound that is known and count that down: "
        "`def f(x, bound) = 0 if bound == 0 or x == 0 else 1 + f(x - 1, bound - 1)`",
    )


def too_many_calls(span: Span, text: str, where: str, most: int) -> Diagnostic:
    """A def that calls itself amounts to too many calls."""
    return Diagnostic(
        "GM444",
        f"`{text}` amounts to more than {most:,} calls of defs{where}",
        span,
        hint="give what is needed several times a variable: `var r[0..N] : bool`, "
        "`for i in 1..N: r[i] := ... r[i - 1] ...`",
    )


def too_deep(span: Span, text: str, where: str, most: int) -> Diagnostic:
    """A def that calls itself amounts to operations too deep inside one another."""
    return Diagnostic(
        "GM445",
        f"`{text}` amounts to more than {most} operations inside one another{where}",
        span,
        hint="give each level a variable: `var r[0..N] : bool`, "
        "`for i in 1..N: r[i] := ... r[i - 1] ...`",
    )
