"""Mistakes about names (GM2xx): unknown, ambiguous, declared twice, of the wrong kind."""

import difflib
from collections.abc import Iterable, Sequence

from gmlang.diagnostics import Diagnostic, Note, Span
from gmlang.errors.forms import Form
from gmlang.errors.syntax import languages

_NUM_CANDIDATES_MAX = 12
_NUM_COMPARED_MAX = 500


def unknown_name(
    span: Span, name: str, known: Iterable[str], asked: str | None = None
) -> Diagnostic:
    """Report a name that nothing declares; `asked` is a call of it, where it is a question."""
    hint = languages.NAMES.get(name) or nearest(name, known)
    if asked is not None:
        hint = f"a question is asked in parentheses: `query {asked}`"
    return _unknown(span, name, hint)


def never_declared(span: Span, name: str, known: Iterable[str], mechanism: str) -> Diagnostic:
    """Report a mechanism, `~ ...` or `:= ...`, of a name that nothing declares."""
    hint = nearest(name, known) or f"declare it: `var {name} : 0..9 {mechanism}`"
    return _unknown(span, name, hint)


def loop_without_for(span: Span, name: str, loop: str) -> Diagnostic:
    """Report `for i in A, j in B` within a line, where `j in B` asks whether it is in B."""
    return _unknown(span, name, f"within a line, each loop says `for`: `... for {loop}`")


def named_in_a_row(span: Span, name: str) -> Diagnostic:
    """Report a name that a row of a `match` would give to what it finds."""
    hint = "a row says values; write `_` for any, and to the right what is matched by its own name"
    return _unknown(span, name, hint)


def _unknown(span: Span, name: str, hint: str) -> Diagnostic:
    return Diagnostic("GM201", f"unknown name `{name}`", span, hint=hint)


def declared_twice(span: Span, name: str, first: Span) -> Diagnostic:
    """Report a second declaration of a name."""
    return Diagnostic(
        "GM202", f"`{name}` is already declared", span, notes=(Note("first here", first),)
    )


def unknown_attribute(span: Span, entity: str, name: str, known: Sequence[str]) -> Diagnostic:
    """Report an attribute that an entity does not have."""
    return Diagnostic(
        "GM203",
        f"{entity} has no attribute `{name}`",
        span,
        notes=(Note(f"{entity} has: {_listed(known)}"),),
        hint=nearest(name, known),
    )


def ambiguous_value(span: Span, name: str, meanings: Sequence[str]) -> Diagnostic:
    """Report a value that several domains share, where nothing says which is meant."""
    return _ambiguous(span, name, meanings)


def value_or_variable(span: Span, name: str, domain: str) -> Diagnostic:
    """Report a value that is also a variable of its domain."""
    return _ambiguous(span, name, [f"{domain}.{name}", f"the variable {name}"])


def _ambiguous(span: Span, name: str, meanings: Sequence[str]) -> Diagnostic:
    return Diagnostic(
        "GM204",
        f"`{name}` may mean {' or '.join(meanings)}",
        span,
        hint=f"say which: `{meanings[0]}`",
    )


def unknown_module(span: Span, name: str) -> Diagnostic:
    """Report a module that is neither beside the file nor in the standard library."""
    return Diagnostic(
        "GM205",
        f"there is no module `{name}`",
        span,
        hint=f"a module is a file `{name.replace('.', '/')}.gm` beside this one, or in gmstdlib",
    )


def unreadable_module(span: Span, name: str, first: Diagnostic) -> Diagnostic:
    """Report a module that is no program, with its first mistake."""
    return _unreadable(span, name, first.message, first.hint)


def unopened_module(span: Span, name: str, error: OSError) -> Diagnostic:
    """Report a module whose file the system does not give."""
    return _unreadable(span, name, error.strerror or str(error))


def _unreadable(span: Span, name: str, reason: str, hint: str = "") -> Diagnostic:
    return Diagnostic("GM217", f"module `{name}` cannot be read: {reason}", span, hint=hint)


def imports_too_deep(span: Span, name: str, most: int) -> Diagnostic:
    """Report a module at the end of a long chain of imports."""
    message = f"module `{name}` is imported through more than {most} others"
    return Diagnostic("GM218", message, span, hint="import it where it is needed")


def refers_too_deep(span: Span) -> Diagnostic:
    """Report what refers to something that refers to something, and so on without end in sight."""
    return Diagnostic(
        "GM219",
        "what this refers to refers on, through too many declarations",
        span,
        hint="declare what is used before what uses it, and do not chain hundreds of definitions",
    )


def cyclic_import(span: Span, chain: Sequence[str]) -> Diagnostic:
    """Report modules that import one another in a circle."""
    return Diagnostic(
        "GM206",
        f"modules import one another: {' -> '.join(chain)}",
        span,
        hint="move what both need into a third module",
    )


def not_in_module(span: Span, module: str, name: str, known: Sequence[str]) -> Diagnostic:
    """Report a name that a module does not declare."""
    return Diagnostic(
        "GM207",
        f"module `{module}` declares no `{name}`",
        span,
        notes=(Note(f"it declares: {_listed(known)}"),),
        hint=nearest(name, known),
    )


def defined_by_itself(span: Span, name: str) -> Diagnostic:
    """Report a declaration that needs itself."""
    return _by_itself(span, name)


def never_ends(span: Span, name: str) -> Diagnostic:
    """Report a def of some parameters that calls itself whatever they are."""
    return _by_itself(
        span, name, f"say where it ends: `def {name}(n) = ... if n <= 0 else ... {name}(n - 1)`"
    )


def _by_itself(span: Span, name: str, hint: str = "") -> Diagnostic:
    return Diagnostic("GM208", f"`{name}` is defined by means of itself", span, hint=hint)


def wrong_kind(span: Span, name: str, found: str, needed: str) -> Diagnostic:
    """Report a name that is declared, but as something else than is needed; both are forms."""
    return _other_kind(span, name, found, needed)


def thing_for_value(span: Span, name: str, entity: str, attribute: str) -> Diagnostic:
    """Report a thing as a value; `attribute` is one that it has."""
    hint = f"name an attribute: `{name}.{attribute}`"
    return _other_kind(span, name, f"a {entity}", Form.VALUE, hint)


def model_for_value(span: Span, name: str, parameters: Sequence[str]) -> Diagnostic:
    """Report a model as a value."""
    hint = f"apply it: `{name}({', '.join(parameters)})`"
    return _other_kind(span, name, Form.MODEL, Form.VALUE, hint)


def def_for_value(span: Span, name: str) -> Diagnostic:
    """Report a def that is not called."""
    return _other_kind(span, name, Form.DEF, Form.VALUE, f"call it: `{name}(...)`")


def rows_for_value(span: Span, name: str) -> Diagnostic:
    """Report a table of cases as a value."""
    hint = f"learn from it: `learn params from {name}`"
    return _other_kind(span, name, Form.ROWS, Form.VALUE, hint)


def _other_kind(span: Span, name: str, found: str, needed: str, hint: str = "") -> Diagnostic:
    return Diagnostic("GM209", f"`{name}` is {found}; {needed} is needed here", span, hint=hint)


def unknown_query(span: Span, name: str, known: Sequence[str]) -> Diagnostic:
    """Report a query that does not exist."""
    return Diagnostic(
        "GM210",
        f"there is no query `{name}`",
        span,
        notes=(Note(f"queries are: {', '.join(known)}"),),
        hint=languages.QUESTIONS.get(name) or nearest(name, known),
    )


def unknown_function(span: Span, name: str, known: Iterable[str]) -> Diagnostic:
    """Report a call of something that is neither a function nor a model."""
    return Diagnostic(
        "GM211",
        f"unknown function or model `{name}`",
        span,
        hint=languages.NAMES.get(name) or nearest(name, known),
    )


def unknown_value(
    span: Span, name: str, domain: str, values: Sequence[str], other: str = ""
) -> Diagnostic:
    """Report a name that is not a value of the domain expected, but perhaps of another one."""
    also = f"; `{name}` is a value of {other}" if other else ""
    return Diagnostic(
        "GM212",
        f"`{name}` is not a value of {domain}",
        span,
        notes=(Note(f"its values are: {_listed(values)}{also}"),),
        hint=nearest(name, values),
    )


def unknown_argument(span: Span, function: str, name: str, known: Sequence[str]) -> Diagnostic:
    """Report an argument name that a function does not have."""
    takes = f"it takes: {_listed(known)}" if known else "it takes no named arguments"
    return Diagnostic(
        "GM213",
        f"{function} has no argument `{name}`",
        span,
        notes=(Note(takes),),
        hint=nearest(name, known),
    )


def argument_twice(span: Span, function: str, name: str, first: Span) -> Diagnostic:
    """Report an argument that is given a second value."""
    return Diagnostic(
        "GM220",
        f"{function} is given `{name}` twice",
        span,
        notes=(Note("first here", first),),
        hint="leave out one of the two",
    )


def unknown_distribution(span: Span, name: str, known: Sequence[str]) -> Diagnostic:
    """Report a distribution that does not exist."""
    return Diagnostic(
        "GM214",
        f"there is no distribution `{name}`",
        span,
        notes=(Note(f"distributions are: {', '.join(known)}"),),
        hint=languages.DISTRIBUTIONS.get(name) or nearest(name, known),
    )


def not_in_program(span: Span, name: str) -> Diagnostic:
    """Report what a later query mentions and the program does not."""
    return Diagnostic(
        "GM215",
        f"`{name}` is not part of the program: nothing in it mentions it",
        span,
        hint="what a module declares joins a program that mentions it; "
        "ask in the file itself, or mention it there",
    )


def unused(span: Span, names: Sequence[str], kind: str) -> Diagnostic:
    """Warn of declarations that nothing mentions; of many at once the first one is shown."""
    message = f"{kind} `{names[0]}` is never used"
    if len(names) > 1:
        message = f"{len(names):,} declarations by `{kind}` are never used: {_listed(names)}"
    return Diagnostic("GM291", message, span, severity="warning")


def free_variables(span: Span, names: Sequence[str]) -> Diagnostic:
    """Warn of variables that no statement speaks of; of many at once the first one is shown."""
    message = f"`{names[0]}` has no mechanism and no factor: it keeps its base distribution"
    if len(names) > 1:
        message = (
            f"{len(names):,} variables have no mechanism and no factor: they keep their base "
            f"distributions: {_listed(names)}"
        )
    return Diagnostic("GM292", message, span, severity="warning")


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint that proposes the known name most like a mistyped one, or ""."""
    candidates = sorted(set(known))
    if len(candidates) > _NUM_COMPARED_MAX:
        # Each takes some microseconds to compare, for each of the mistakes.
        candidates = [c for c in candidates if c[:1].lower() == name[:1].lower()]
        candidates = candidates[:_NUM_COMPARED_MAX]
    matches = difflib.get_close_matches(name, candidates, n=1, cutoff=0.6)
    lower = [candidate for candidate in candidates if candidate.lower() == name.lower()]
    best = lower or matches
    return f"did you mean `{best[0]}`?" if best else ""


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NUM_CANDIDATES_MAX])
    return shown + (", ..." if len(names) > _NUM_CANDIDATES_MAX else "")
