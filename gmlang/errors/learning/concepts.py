"""Mistakes about models that are learned, and about libraries of them (GM73x, GM74x)."""

from collections.abc import Sequence

from gmlang.diagnostics import Diagnostic, Note, Span
from gmlang.errors.names import nearest


def one_thing(span: Span, name: str) -> Diagnostic:
    """Report a learned model that is not about one thing."""
    hint = f"write `learn model {name}(x: Thing) from ...`"
    return Diagnostic(
        "GM730", f"a learned model is about one thing; `{name}` is not", span, hint=hint
    )


def no_examples(span: Span, word: str, text: str, entity: str, found: str) -> Diagnostic:
    """Report what is no array of things of an entity; `found` is another's, "" for no thing."""
    what = f"a {found}" if found else "none"
    word = "but not" if word == "not" else word
    message = f"`learn model ... {word}` takes declared things; `{text}` is {what}"
    return Diagnostic("GM731", message, span, hint=f"declare them: `var ex[3] : {entity}`")


def bad_size(span: Span, number: int | float, most: int) -> Diagnostic:
    """Report a size that no learned model can have."""
    return Diagnostic("GM732", f"a size is a number from 1 to {most}; this is {number:g}", span)


def offered_twice(span: Span, text: str) -> Diagnostic:
    """Report a model that is offered more than once."""
    return Diagnostic("GM733", f"`{text}` is listed twice", span)


def not_about_one(span: Span, text: str, found: str, entity: str) -> Diagnostic:
    """Report a model in a list that is about something else than one thing."""
    message = f"`{text}` is about ({found}); what is listed is about one {entity}"
    hint = f"give what else it takes: `{text}(...)`, or `{text}(k) for k in ...`"
    return Diagnostic("GM741", message, span, hint=hint)


def nothing_offered(span: Span) -> Diagnostic:
    """Report a list of models that the data makes empty."""
    return Diagnostic("GM742", "no model is listed: its loops have no values", span)


def no_such_model(name: str, known: Sequence[str]) -> Diagnostic:
    """Report a model that is to be learned, and that the program does not learn."""
    listed = f"it learns {', '.join(known[:8])}" if known else "it learns no model"
    hint = nearest(name, known) or listed
    return Diagnostic("GM740", f"the program learns no model `{name}`", None, hint=hint)


def not_learned_yet(span: Span, name: str, learned: Span) -> Diagnostic:
    """Report a question about a model that is still to be learned."""
    notes = (Note("it is learned here", learned),)
    hint = "ask after it is learned; a program's own statements cannot rely on it"
    return Diagnostic("GM734", f"`{name}` has not been learned yet", span, notes, hint)


def nothing_seen(span: Span, name: str, first: str) -> Diagnostic:
    """Report examples of which nothing is known; `first` is an attribute of the first."""
    hint = f"say what was seen: `observe {first} = ...`"
    return Diagnostic("GM735", f"no attribute of `{name}` was observed", span, hint=hint)


def contradicted(span: Span, example: str, refused: Sequence[tuple[str, str]]) -> Diagnostic:
    """Report an example that no candidate allows; `refused` has parts, and what each rules out."""
    listed = [f"{part} ({seen})" for part, seen in refused[:4]]
    more = [f"{len(refused) - 4} more"] if len(refused) > 4 else []
    hint = f"it contradicts {', '.join([*listed, *more])}" if listed else ""
    return Diagnostic("GM736", f"no choice of the models listed allows {example}", span, hint=hint)


def contradicted_together(span: Span) -> Diagnostic:
    """Report examples that no candidate allows together."""
    return contradicted(span, "all of the examples", ())


def observed_twice(span: Span) -> Diagnostic:
    """Report observations that contradict each other."""
    return contradicted(span, "what the program observes: two observations clash", ())


def no_time_to_score(span: Span) -> Diagnostic:
    """Report that the time was over before any candidate was scored."""
    return _out_of_reach(span, "the time was over before anything could be scored")


def too_wide_to_score(span: Span) -> Diagnostic:
    """Report a statement whose table is only small where what was observed is left out of it."""
    reason = "a statement is too wide for a table unless what was observed is left out of it"
    return _out_of_reach(span, reason)


def beyond_the_runtime(span: Span, said: str) -> Diagnostic:
    """Report what the runtime refused to work out, as it said it."""
    return _out_of_reach(span, said)


def _out_of_reach(span: Span, reason: str) -> Diagnostic:
    hint = "list fewer models, say more of the examples, or give more time"
    return Diagnostic("GM737", f"this model cannot be learned: {reason}", span, hint=hint)


def taken_in_library(path: str, name: str, there: str) -> Diagnostic:
    """Report a name that a library gives to something else."""
    message = f"`{name}` is taken in {path}: `{there}`"
    return Diagnostic("GM738", message, None, hint="learn it by another name")


def assertion_fails(path: str, added: str, assertion: str) -> Diagnostic:
    """Report an assertion of a library that does not hold with what was to be added."""
    return _library_broken(path, added, f"`{assertion}` fails")


def library_refused(path: str, added: str, first: Diagnostic) -> Diagnostic:
    """Report a library that has a mistake with what was to be added."""
    return _library_broken(path, added, first.message)


def _library_broken(path: str, added: str, reason: str) -> Diagnostic:
    message = f"{path} does not hold with `{added}`, and was left as it was: {reason}"
    return Diagnostic("GM739", message, None)
