"""What later milestones bring (GM6xx): reserved words that answer "not yet", with the place."""

from gmlang.diagnostics import Diagnostic, Span


def reserved(span: Span, word: str) -> Diagnostic:
    """Report a word, or the call of one, that does not work yet."""
    hint = "write `factor gain`, and ask `query MAP()`" if word == "maximize" else ""
    return _not_yet(span, f"`{word}`", hint)


def counterfactual(span: Span) -> Diagnostic:
    """Report a query about what would have been."""
    return _not_yet(span, "counterfactuals, `had`")


def continuous_family(span: Span, name: str) -> Diagnostic:
    """Report a distribution over the reals."""
    return _not_yet(span, f"`{name}`, a continuous distribution")


def real_domain(span: Span) -> Diagnostic:
    """Report reals where a finite domain is needed: of a parameter, or with a name."""
    hint = "a range with steps, such as `0..20`, may do; variables and attributes may be `real`"
    return _not_yet(span, "a domain of reals here", hint)


def hidden_array(span: Span, text: str) -> Diagnostic:
    """Report an array of reals that is predicted whole, and not all observed."""
    hint = "observe all of it, or predict each number: `for i in 0..2: predict x.a[i] ~ ...`"
    return _not_yet(span, f"predicting `{text}`, an array of reals that are not observed", hint)


def observed_elsewhere(span: Span, text: str) -> Diagnostic:
    """Report an observed real where a variable is needed."""
    hint = "write the number itself, or data that it was observed to be"
    return _not_yet(span, f"`{text}`, a real that is observed, in an expression", hint)


def compared_reals(span: Span) -> Diagnostic:
    """Report a comparison of two reals."""
    hint = "compare each with a number"
    return _not_yet(span, "comparing two reals", hint)


def asked_of_reals(span: Span, text: str) -> Diagnostic:
    """Report a question whose answer would name states of reals that are not observed."""
    hint = "ask for probabilities, `P(...)`, or expectations, `E(...)`"
    return _not_yet(span, f"`{text}` of a program with reals that are not observed", hint)


def rows_of_reals(span: Span, text: str) -> Diagnostic:
    """Report a question about many rows where reals are not observed."""
    hint = "observe them in the program, or ask about each row on its own"
    return _not_yet(span, f"`{text}` of many rows, in a program with hidden reals", hint)


def converted_reals(span: Span, name: str) -> Diagnostic:
    """Report a program with a hidden real that is to be written for another tool."""
    return _not_yet(span, f"writing `{name}`, a real that is not observed, for another tool")


def real_drawn(span: Span, name: str) -> Diagnostic:
    """Report a real variable that is defined, or that has a base and a mechanism."""
    hint = f"write what it is drawn from where it is declared: `var {name} : real ~ Normal(0, 1)`"
    return _not_yet(span, f"a definition of `{name}`, a real", hint)


def real_elsewhere(span: Span, text: str) -> Diagnostic:
    """Report a real attribute anywhere but in an observation and as what is predicted."""
    hint = "compare it with a number, `x.a > 1.8`; `P`, `E` and `Var` ask about it"
    return _not_yet(span, f"`{text}`, a real, in an expression, a question or a condition", hint)


def surprise_of_picked(span: Span, text: str, attribute: str) -> Diagnostic:
    """Report a surprise at what random indices pick: the graph only knows what was observed."""
    hint = (
        f"of `{attribute}` what was seen is kept, not what else might have been, which surprise "
        "compares it with; go through what may be picked, "
        f"`for i in ...: if x.at == i: predict x.{attribute}[i] ...`, "
        "or ask `P`, `MMAP` and `active`, which answer as it stands"
    )
    return _not_yet(span, f"`{text}`, of attributes that a random index picks", hint)


def learned_density(span: Span, text: str) -> Diagnostic:
    """Report a parameter of a density of a real that is learned."""
    return _not_yet(span, f"learning `{text}`, in the density of a real")


def learned_from_real(span: Span, text: str) -> Diagnostic:
    """Report that what is learned would have to explain an observed real."""
    hint = "divide it into ranges, `size : {small, large}`, and say how probable each is"
    return _not_yet(span, f"learning from `{text}`, a real", hint)


def thing_as_attribute(span: Span, entity: str) -> Diagnostic:
    """Report an attribute that is a thing itself."""
    hint = "relate two things by a model with two parameters"
    return _not_yet(span, f"an attribute that is a {entity}", hint)


def _not_yet(span: Span, what: str, hint: str = "") -> Diagnostic:
    return Diagnostic("GM601", f"{what}: not yet", span, hint=hint)
