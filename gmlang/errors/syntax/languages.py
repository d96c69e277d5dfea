"""Words of other languages, and what is written here for them."""

from gmlang.families.point import POINT

NAMES = {
    "True": "write `true`",
    "False": "write `false`",
    "None": "there is no missing value; a variable always has one of its domain",
    "implies": "`a` implies `b` is written `not a or b`",
    "iff": "`a` if and only if `b` is written `a == b`",
    "len": "the length of an array is the size it was declared with",
    "range": "a range is written `0..<n`",
    "print": "answers are printed by `query P(x)`",
    "ln": "write `log`",
    "exists": "one or more hold: `any(x[i] for i in 0..<n)`",
    "forall": "all hold: `all(x[i] for i in 0..<n)`; a statement is repeated by `for i in 0..<n:`",
    "product": "of conditions write `all(...)`; of numbers above 0, `exp(sum(log(x) ...))`",
    "prod": "of conditions write `all(...)`; of numbers above 0, `exp(sum(log(x) ...))`",
    "ite": "write `b if a else c`",
    "ifelse": "write `b if a else c`",
    "flip": "write `Bernoulli(p)`",
    "bernoulli": "write `Bernoulli(p)`",
    "categorical": "write `Categorical([p, ...])`",
    "discrete": "write `Categorical([p, ...])`",
    "uniform": "write `Uniform()`: the values are those of the domain",
    "binomial": "write `Binomial(n, p)`",
    "poisson": "write `Poisson(mean)`",
    "geometric": "write `Geometric(p)`",
    "string": "names are values: `{red, green}`",
    "str": "names are values: `{red, green}`",
}
"""Names of values, functions and distributions."""

DISTRIBUTIONS = {
    "Discrete": "write `Categorical([p, ...])`",
    "Flip": "write `Bernoulli(p)`",
    "DiscreteUniform": "write `Uniform()`: the values are those of the domain",
    "UniformDiscrete": "write `Uniform()`: the values are those of the domain",
    "BooleanDistrib": "write `Bernoulli(p)`",
    **dict.fromkeys(
        (POINT.name, "Delta", "Dirac", "Deterministic", "Certainly"),
        "what is certain is defined: `x := value`; in a list, `{value: 1}`",
    ),
    "TabularCPD": "write `match a, b:` with a case for each row",
}

_ASKED_OTHERWISE = {
    "MAP(x)": "argmax mode",
    "MAP()": "mpe MPE",
    "E(x)": "mean expectation Expectation",
    "P(x)": "marginal Marginal infer Infer",
    "Var(x)": "variance Variance",
    "H(x)": "entropy Entropy",
}

QUESTIONS = {
    word: f"write `{question}`"
    for question, words in _ASKED_OTHERWISE.items()
    for word in words.split()
}

BETWEEN = {
    "&": "of conditions write `and`",
    "given": "conditions stand behind a bar: `P(a | b)`",
    "iff": "`a` if and only if `b` is written `a == b`",
    "implies": "`a` implies `b` is written `not a or b`",
    "xor": "write `a != b`, or `xor(a, b)`",
    "mod": "write `a % b`",
    "div": "write `a // b`",
}
"""Words between two expressions."""
