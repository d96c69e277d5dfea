"""What later milestones bring (GM6xx): reserved words that answer "not yet", with the place."""

from gmlang.diagnostics import Diagnostic, Span


def reserved(span: Span, word: str) -> Diagnostic:
    """Report a word, or the call of one, that does not work yet."""
    return _not_yet(span, f"`{word}`")


def replaced_law(span: Span, text: str) -> Diagnostic:
    """Report a law, or a definition, that takes the place of a real's own."""
    return _not_yet(span, f"another law of `{text}`, a real", f"fix it: `do({text} = 1.5)`")


def partly_set(span: Span, text: str) -> Diagnostic:
    """Report that some numbers of an array are set, of which all are predicted together."""
    hint = "set all of them, or predict each: `for i in 0..2: predict x.a[i] ~ ...`"
    return _not_yet(span, f"setting a part of `{text}`, which is predicted whole", hint)


def imagined_rows(span: Span, text: str) -> Diagnostic:
    """Report a counterfactual about many rows."""
    return _not_yet(span, f"`{text}` of many rows", "ask about each with its own conditions")


def imagined_reals(span: Span) -> Diagnostic:
    """Report a counterfactual of a program with reals."""
    return _not_yet(span, "what would have been, in a program with reals")


def imagined_law(span: Span, text: str) -> Diagnostic:
    """Report what would have been drawn, or followed, something else."""
    return _not_yet(span, f"`had {text}`", "fix it: `had x = value`")


def imagined_prediction(span: Span, name: str) -> Diagnostic:
    """Report that models predict, or are made of, what would have been otherwise."""
    hint = "mechanisms, `~` and `:=`, say what follows from what"
    return _not_yet(span, f"what `{name}` would have been, which has no mechanism", hint)


def imagined_circle(span: Span) -> Diagnostic:
    """Report that what would have been otherwise goes round."""
    return _not_yet(span, "what would have been, of definitions that go round")


def imagined_holes(span: Span, text: str) -> Diagnostic:
    """Report a mechanism without a value in some states, of which a copy would be made."""
    return _not_yet(span, f"what would have been, of `{text}`, which has no value everywhere")


def imagined_policy(span: Span) -> Diagnostic:
    """Report a counterfactual of choices that follow the best policy."""
    hint = "set the choices by conditions, or ask `P(y | do(x = v), follow())`"
    return _not_yet(span, "what would have been, where choices follow the best policy", hint)


def done_in_stream(span: Span, text: str) -> Diagnostic:
    """Report a question about a changed world where a program is followed step by step."""
    hint = "ask it of the whole program, with as many steps as were seen"
    return _not_yet(span, f"`{text}` step by step", hint)


def existence_changed(span: Span, text: str) -> Diagnostic:
    """Report that a thing is made to exist, or not to."""
    hint = "condition on it: `P(... | exists(object[0]))`"
    return _not_yet(span, f"`do({text})`, of what may not exist", hint)


def picked_changed(span: Span, text: str) -> Diagnostic:
    """Report that what is changed is predicted where a random index may pick it."""
    return _not_yet(span, f"changing what `{text}` may pick, by an index that is not known")


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


def set_parameter(span: Span, text: str) -> Diagnostic:
    """Report a parameter that is set to a number, in place of what it is drawn from."""
    hint = f"observe it, `{text} = ...`: it is drawn from numbers alone, so beliefs are the same"
    return _not_yet(span, f"setting `{text}`, which rows depend on not linearly", hint)


def drawn_parameter(span: Span, text: str) -> Diagnostic:
    """Report a parameter that is drawn apart from its declaration, or defined."""
    hint = f"write it where it is declared, of numbers: `var {text} : real[0, inf] ~ Cauchy(0, 1)`"
    return _not_yet(span, f"drawing `{text}`, which rows depend on not linearly", hint)


def asked_of_parameters(span: Span, text: str) -> Diagnostic:
    """Report a question that is not understood where standard deviations are unknown."""
    hint = "ask for `P`, `E`, `Var` of single reals or sums, `P` of finite variables, or `logZ()`"
    return _not_yet(span, f"`{text}` of a program whose standard deviations are unknown", hint)


def asked_of_sites(span: Span, text: str) -> Diagnostic:
    """Report a question that is not understood where data is not normal."""
    hint = "ask for `P`, `E`, `Var` of single reals or sums, `P` of finite variables, or `logZ()`"
    return _not_yet(span, f"`{text}` of a program with data that is not normal", hint)


def too_many_parameters(span: Span, count: int, most: int) -> Diagnostic:
    """Report more unknown parameters than can be integrated over."""
    hint = "observe some of them, or share them: one for each group rather than for each element"
    return _not_yet(span, f"{count} unknown parameters, more than {most}", hint)


def parameters_beside_sites(span: Span, text: str) -> Diagnostic:
    """Report an unknown deviation of what data that is not normal depends on."""
    hint = "write a number for it, or observe it"
    told = "an unknown parameter in what a real is drawn from on which counts or chances depend"
    return _not_yet(span, f"`{text}` with {told}", hint)


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
        "reals are drawn from `Normal(mean, sd)`, and what they are like on their own is said "
        "where they are declared; data from `Normal`, `StudentT`, `Laplace`, `Cauchy`, `Logistic`, "
        "`Bernoulli`, `Binomial` or `Poisson`"
    )
    return _not_yet(
        span, f"`{name}` as what reals that depend on others, or data, are drawn from", hint
    )


def link(span: Span, text: str, family: str, links: tuple[str, ...]) -> Diagnostic:
    """Report a chance of data that is no link of a sum of reals."""
    forms = " or ".join(f"`{one}(...)`" for one in links)
    return _not_yet(
        span,
        f"`{text}` in `{family}`, of data",
        f"it may be {forms} of a sum of reals, such as `{links[0]}(a + b * x[i])`",
    )


def mixed_laws(span: Span, families: list[str]) -> Diagnostic:
    """Report cases of laws of several kinds."""
    told = " and ".join(f"`{family}`" for family in families)
    return _not_yet(span, f"cases of {told} in one law", "use one family, of other numbers")


def many_in_law(span: Span, count: int, most: int) -> Diagnostic:
    """Report a law that depends on too many reals at once, which are no normal ones."""
    hint = f"at most {most} may be together in a law that is not normal; make some of them data"
    return _not_yet(span, f"a law of so many unknown reals, {count} or more", hint)


def related_in_panels(span: Span, text: str) -> Diagnostic:
    """Report a question about how reals in panels depend on each other."""
    hint = "ask for each on its own, or for a mean, `E(a - b)`"
    return _not_yet(span, f"`{text}`, of several reals that laws which are not normal have", hint)


def gated_law(span: Span, text: str) -> Diagnostic:
    """Report what is drawn, under a condition, from a law that depends on reals."""
    hint = f"write `{text} ~ D if c else E`"
    return _not_yet(span, f"drawing `{text}` from reals under a condition on variables", hint)


def defined_in_panels(span: Span, text: str) -> Diagnostic:
    """Report a real that is defined by others that laws depend on otherwise than linearly."""
    hint = "write the expression itself in the laws, or name it by a `def`"
    return _not_yet(
        span, f"defining `{text}` beside reals that laws which are not normal have", hint
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
