"""What later milestones bring (GM6xx): reserved words that answer "not yet", with the place."""

from gmlang.diagnostics import Diagnostic, Span


def reserved(span: Span, word: str) -> Diagnostic:
    """Report a word, or the call of one, that does not work yet."""
    return _not_yet(span, f"`{word}`")


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
    """Report a comparison of two reals where it is no question."""
    hint = "compare each with a number, or ask for it, `P(a > b)`"
    return _not_yet(span, "comparing two reals here", hint)


def product_of_reals(span: Span, text: str) -> Diagnostic:
    """Report a product of two reals."""
    hint = "fix one of them: observe it, or make it data"
    return _not_yet(span, f"`{text}`, which multiplies two unknown reals", hint)


def bent(span: Span, text: str) -> Diagnostic:
    """Report a function of reals that is not linear."""
    hint = "sums of reals times numbers are understood, and `if` on finite variables"
    return _not_yet(span, f"`{text}`, which is not linear in reals", hint)


def joint_with_ends(span: Span, name: str) -> Diagnostic:
    """Report ends of a real that others depend on."""
    hint = f"leave the range out, `{name} : real`, if the distribution keeps it inside"
    return _not_yet(span, f"ends of `{name}`, a real that is related to others", hint)


def predicted_joint(span: Span, text: str) -> Diagnostic:
    """Report a prediction of a real that others depend on."""
    hint = "let no other real depend on it, or draw it: `~ Normal(...)`"
    return _not_yet(span, f"predictions of `{text}`, a real that is related to others", hint)


def condition_on_joint(span: Span, text: str) -> Diagnostic:
    """Report an event of a real that others depend on, where it is no question."""
    hint = f"ask for it, `P({text})`, or say what was seen: `observe x like Normal(3, 0.5)`"
    return _not_yet(span, f"`{text}` as a condition on a real that is related to others", hint)


def gated_definition(span: Span, text: str) -> Diagnostic:
    """Report a definition of a real under a condition on variables."""
    hint = f"write `{text} := a if c else b`"
    return _not_yet(span, "a real defined under a condition on variables", hint)


def picked_target(span: Span, text: str) -> Diagnostic:
    """Report a real that is drawn, and that a random index picks."""
    return _not_yet(span, f"drawing `{text}`, which a random index picks")


def observed_definition(span: Span, text: str) -> Diagnostic:
    """Report a real that is defined, and observed to be a number."""
    hint = f"say how near: `observe {text} like Normal(value, 0.01)`"
    return _not_yet(span, f"observing `{text}`, which is defined by other reals", hint)


def event_of_two(span: Span, text: str) -> Diagnostic:
    """Report an event that depends on where two sums of reals lie."""
    hint = "ask for each on its own, or for a difference, `P(a - b > 1)`"
    return _not_yet(span, f"`{text}`, an event of two reals", hint)


def asked_of_joint(span: Span, text: str) -> Diagnostic:
    """Report a question that is not understood of programs with reals that are related."""
    hint = "ask for `P`, `E`, `Var`, `density`, `logZ()`, `MMAP` of finite variables or `sample`"
    return _not_yet(span, f"`{text}` of a program with reals that are related", hint)


def maximum_of_mixture(span: Span, text: str) -> Diagnostic:
    """Report a maximum over reals and finite variables together."""
    hint = "`MMAP(z)` asks for the best states of finite variables, the reals integrated out"
    return _not_yet(span, f"`{text}`, over reals and finite variables together", hint)


def graph_of_reals(span: Span, name: str) -> Diagnostic:
    """Report a factor graph that is asked for, and would leave reals out."""
    return _not_yet(span, f"the factor graph of `{name}`, a real that is related to others")


def prior_of_single(span: Span, name: str, family: str) -> Diagnostic:
    """Report a base that only parameters may have, of a real that is looked at in nodes."""
    hint = "its base may be `Normal(mean, sd)`, cut off by a range, or uniform within one"
    return _not_yet(span, f"`{family}` as what `{name}` is like where no model speaks", hint)


def seen_parameter(span: Span, text: str) -> Diagnostic:
    """Report a look at a parameter, such as a standard deviation."""
    hint = f"say what `{text}` is like where it is declared"
    return _not_yet(span, f"what was seen of `{text}`, which rows depend on not linearly", hint)


def drawn_parameter(span: Span, text: str) -> Diagnostic:
    """Report a parameter that is drawn apart from its declaration, or defined."""
    hint = f"write it where it is declared, of numbers: `var {text} : real[0, inf] ~ Cauchy(0, 1)`"
    return _not_yet(span, f"drawing `{text}`, which rows depend on not linearly", hint)


def asked_of_parameters(span: Span, text: str) -> Diagnostic:
    """Report a question that is not understood where standard deviations are unknown."""
    hint = "ask for `P`, `E`, `Var` of single reals or sums, `P` of finite variables, or `logZ()`"
    return _not_yet(span, f"`{text}` of a program whose standard deviations are unknown", hint)


def too_many_parameters(span: Span, count: int, most: int) -> Diagnostic:
    """Report more unknown parameters than can be integrated over."""
    hint = "observe some of them, or share them: one for each group rather than for each element"
    return _not_yet(span, f"{count} unknown parameters, more than {most}", hint)


def spread_in_states(span: Span, text: str) -> Diagnostic:
    """Report a standard deviation that is unknown in some states and 0 in others."""
    return _not_yet(span, f"`{text}`, unknown in some states and 0 in others")


def real_index(span: Span, text: str) -> Diagnostic:
    """Report a real that picks an element."""
    return _not_yet(span, f"`{text}` as an index: an index is an integer, no real")


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


def base_and_law(span: Span, name: str) -> Diagnostic:
    """Report a real variable that has a base and a mechanism."""
    hint = f"write one of them, `var {name} : real ~ Normal(0, 1)`"
    return _not_yet(span, f"a base of `{name}`, a real that is drawn from something else", hint)


def real_elsewhere(span: Span, text: str) -> Diagnostic:
    """Report a real attribute anywhere but in an observation and as what is predicted."""
    hint = f"compare it with a number, `{text} > 1.8`; `P`, `E` and `Var` ask about it"
    return _not_yet(span, f"`{text}`, a real, in an expression, a question or a condition", hint)


def law(span: Span, name: str) -> Diagnostic:
    """Report a law of data, or of a real that depends on others, that is not normal."""
    hint = (
        "laws are `Normal(mean, sd)`; what a real is like on its own is said where it is declared"
    )
    return _not_yet(
        span, f"`{name}` as what reals that depend on others, or data, are drawn from", hint
    )


def asked_expression(span: Span, text: str) -> Diagnostic:
    """Report a question about the distribution of an expression of reals."""
    told = f"the distribution of `{text}`, an expression of reals"
    hint = f"name it, `var d : real := {text}`, and ask for `P(d)`; `E` and `Var` take it as it is"
    return _not_yet(span, told, hint)


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
