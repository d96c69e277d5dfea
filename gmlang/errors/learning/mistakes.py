"""Mistakes about parameters, tables of cases and learning (GM7xx)."""

from collections.abc import Sequence
from difflib import get_close_matches

from gmlang.diagnostics import Diagnostic, Note, Span

# --- What is written ---------------------------------------------------------------------


def not_a_param(span: Span, text: str, what: str, hint: str = "") -> Diagnostic:
    """Report something behind `learn` that is no param."""
    return Diagnostic("GM701", f"`learn` takes params; `{text}` is {what}", span, hint=hint)


def a_constant(span: Span, name: str) -> Diagnostic:
    """Report a param that says by no type what numbers it may be."""
    hint = f"say what it may be: `param {name} : real = ...`, or probability, simplex, positive"
    return Diagnostic("GM702", f"`{name}` is a constant: a param without a type", span, hint=hint)


def bad_prior(span: Span, text: str, kind: str, fitting: str) -> Diagnostic:
    """Report a prior that no parameter of this type has."""
    hint = f"the prior of a param : {kind} is `~ {fitting}`"
    return Diagnostic("GM703", f"`{text}` is no prior of a param : {kind}", span, hint=hint)


def learned_twice(span: Span, name: str, first: Span) -> Diagnostic:
    """Report a param that two `learn`s name."""
    notes = (Note("the first `learn` of it", first),)
    return Diagnostic("GM704", f"`{name}` is learned twice", span, notes)


def not_rows(span: Span, text: str) -> Diagnostic:
    """Report something behind `from` that is no table of cases."""
    hint = f"declare it: `data {text} : rows`" if text.isidentifier() else ""
    message = f"`learn ... from` takes a table of cases; `{text}` is none"
    return Diagnostic("GM705", message, span, hint=hint)


def not_predictable(span: Span, text: str, reason: str) -> Diagnostic:
    """Report something behind `to predict` that cannot be."""
    return Diagnostic("GM706", f"`{text}` cannot be predicted: {reason}", span)


def misplaced_type(span: Span, word: str, reason: str, hint: str = "") -> Diagnostic:
    """Report a type of parameters or cases where it may not stand."""
    return Diagnostic("GM707", f"`{word}` {reason}", span, hint=hint)


def bad_learn_option(span: Span, reason: str, hint: str = "") -> Diagnostic:
    """Report an option behind `learn` that makes no sense."""
    return Diagnostic("GM708", reason, span, hint=hint)


def not_learnable_here(span: Span, name: str, where: str) -> Diagnostic:
    """Report a param that is to be learned although the program depends on it in another way."""
    hint = "a learned param stands in distributions, log-factors, confidences and priors of models"
    return Diagnostic("GM709", f"`{name}` cannot be learned: it stands in {where}", span, hint=hint)


def needs_other_type(span: Span, text: str, kind: str, needed: str) -> Diagnostic:
    """Report a learned param of a type that may leave 0..1, or does not sum to one."""
    name = text.partition("[")[0]
    hint = f"declare it: `param {name} ... : {needed}`"
    message = f"`{text}` must stay a {needed} while it is learned; it is {kind}"
    return Diagnostic("GM722", message, span, hint=hint)


def nothing_to_learn(span: Span | None) -> Diagnostic:
    """Report that every param has a value already."""
    hint = "declare one without: `param p : probability`, or name those to learn: `learn p`"
    return Diagnostic(
        "GM718", "nothing to learn: no typed param is without a value", span, hint=hint
    )


# --- Values ------------------------------------------------------------------------------


def bad_value(span: Span, what: str, reason: str) -> Diagnostic:
    """Report a value that the type of its param does not have."""
    return Diagnostic("GM710", f"{what} {reason}", span)


def size_not_known(span: Span, name: str, size: str) -> Diagnostic:
    """Report a param whose size neither data nor a value says."""
    hint = f"say it: `data {size} = ...`, or bind the data that has it"
    message = f"how large `{name}` is cannot be known: nothing says {size}"
    return Diagnostic("GM711", message, span, hint=hint)


def no_value_yet(span: Span, name: str) -> Diagnostic:
    """Report a param that a question needs before it is learned."""
    hint = f"`learn {name}` before it is asked for, `gmlang learn FILE`, or --set {name}=..."
    return _no_value(span, name, hint)


def learned_apart(span: Span, name: str, others: Sequence[str]) -> Diagnostic:
    """Report a param without a value where others are learned and it is not."""
    return _no_value(span, name, f"learn them together: `learn {', '.join((*others, name))}`")


def _no_value(span: Span, name: str, hint: str) -> Diagnostic:
    return Diagnostic("GM716", f"`{name}` has no value yet", span, hint=hint)


def bad_prior_number(span: Span, text: str, reason: str) -> Diagnostic:
    """Report a prior with numbers that it cannot have."""
    return Diagnostic("GM719", f"`{text}`: {reason}", span)


# --- Cases -------------------------------------------------------------------------------


def unknown_column(
    span: Span | None, table: str, column: str, known: Sequence[str], reason: str = ""
) -> Diagnostic:
    """Report a column that names nothing random."""
    near = get_close_matches(column, known, 1, 0.5)
    if not near:
        near = [name for name in known if name.lower() == column.lower()]
    listed = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
    hint = f"did you mean `{near[0]}`?" if near else f"columns are named like variables: {listed}"
    message = f"column `{column}` of `{table}` {reason or 'names no variable'}"
    return Diagnostic("GM712", message, span, hint=hint)


def bad_case(
    span: Span | None, table: str, row: str, column: str, shown: str, expected: str, hint: str = ""
) -> Diagnostic:
    """Report a cell that is no state of its variable."""
    message = f"row {row} of `{table}`: {shown} is no state of `{column}`; expected {expected}"
    return Diagnostic("GM713", message, span, hint=hint)


def rows_missing(span: Span, name: str) -> Diagnostic:
    """Report a table of cases that was not given."""
    hint = f"give it with --data {name}=FILE.csv, or learn({name}=...) in Python"
    return Diagnostic("GM714", f"`{name}` has not been given any rows", span, hint=hint)


def bad_rows(span: Span | None, table: str, reason: str, hint: str = "") -> Diagnostic:
    """Report a table of cases of a form that cannot be used."""
    return Diagnostic("GM717", f"`{table}` {reason}", span, hint=hint)


def impossible_row(span: Span | None, table: str, row: str, count: int, reason: str) -> Diagnostic:
    """Report cases that the program gives no probability; table "" is the program's own."""
    several = f", as are {count - 1} others" if count > 1 else ""
    which = f"row {row} of `{table}`" if table else "what the program observes"
    hint = "--skip-impossible leaves such rows out, and says how many" if table else ""
    return Diagnostic("GM715", f"{which} is impossible{several}{reason}", span, hint=hint)


def too_wide_to_learn(span: Span, text: str, entries: str) -> Diagnostic:
    """Report a statement whose table is too large to learn from."""
    hint = "let it mention fewer variables, or observed ones of fewer states"
    return Diagnostic("GM720", f"`{text}` needs a table of {entries} entries", span, hint=hint)


def too_large_to_learn(span: Span, reason: str) -> Diagnostic:
    """Report a program whose expected counts are out of reach."""
    return _out_of_reach(span, reason, "observe more, or let fewer variables depend on each other")


def rows_too_large(span: Span, rows: int, variables: int, needed_bytes: int) -> Diagnostic:
    """Report more rows than fit into memory."""
    reason = f"{rows} rows of {variables} variables take {needed_bytes / 2**30:.1f} GiB"
    return _out_of_reach(span, reason, "learn from fewer rows, or allow more: --memory")


def out_of_time(span: Span) -> Diagnostic:
    """Report that nothing could be evaluated before the time was over."""
    reason = "the time was over before anything could be learned"
    return _out_of_reach(span, reason, "allow more time: `within 5 min`, or --within")


def _out_of_reach(span: Span, reason: str, hint: str) -> Diagnostic:
    return Diagnostic("GM721", f"learning is out of reach here: {reason}", span, hint=hint)


def endless(name: str) -> str:
    """Say that a weight grows without end."""
    return f"{name} grows without end, and was stopped: give it a prior, `~ Normal(0, 1)`"
