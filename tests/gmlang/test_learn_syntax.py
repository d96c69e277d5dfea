"""`learn`, parameters and tables of cases as they are written."""

import pytest

import gmlang
from gmlang.core.parameters import ParameterKind
from gmlang.diagnostics import Source
from gmlang.syntax import ast
from gmlang.syntax.parse import parse
from gmlang.syntax.print import format_source, print_program

WHOLE = "learn a, m.b from t to predict y, it.c using em restarts 10 within 60 s as fit\n"


def _learn(text: str) -> ast.Learn:
    (statement,) = parse(Source("t", text)).statements
    assert isinstance(statement, ast.Learn)
    return statement


def test_learn_says_what_from_what_to_predict_and_how():
    found = _learn(WHOLE)
    assert [name.span.text for name in found.names] == ["a", "m.b"]
    assert found.source is not None
    assert found.source.span.text == "t"
    assert [target.span.text for target in found.targets] == ["y", "it.c"]
    assert [option.keyword for option in found.options] == ["using", "restarts", "within", "as"]


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        "learn params\n",
        "learn model zarf(x: Thing) from ex using purple\n",
        "learn def carry(x: 0..9, c: bool) : 0..1 using +, -, %, 0..10 size 7 within 5 s as g\n",
        "learn def f(a: Color) : {u, v} using and, or, not, if, min, ==, -3, red, true\n",
        "learn model r(x: m.N) from ex but not no using even, m.a(3), b(k) for k in 3..9 size 2\n",
        "learn model zarf(x: Thing) from ex using purple size 3 within 10 s as found\n",
        "learn a from t\n",
        "learn a to predict x[0]\n",
        "param p[2, K] : simplex ~ Dirichlet([1, 2, 0.5])\n",
        "param p : probability ~ Beta(1, 9) = 0.1\n",
        "data t : rows\n",
    ],
)
def test_what_is_printed_is_what_was_read(text: str):
    assert print_program(parse(Source("t", text))) == text
    assert format_source(Source("t", text)) == text


def test_its_words_are_names_everywhere_else():
    names = (
        *("learn", "to", "restarts", "rows", "params", "size", "simplex", "probability", "real"),
        "but",
    )
    lines = [f"var {name} : bool ~ Bernoulli(0.3)" for name in names if name != "real"]
    model = gmlang.compile(
        "\n".join(
            [
                *lines,
                "constraint size or but or not but",
                "query P(learn | to, not restarts, rows = true)",
            ]
        )
    )
    (answer,) = model.run()
    assert answer.value == pytest.approx({"false": 0.7, "true": 0.3})


def test_a_declared_domain_hides_the_types_of_params():
    model = gmlang.compile("domain rows = 0..3\ndata k : rows = 2\nvar x : rows\nobserve x = k\n")
    assert not model.checked.program.rows


def test_params_are_learned_where_they_have_no_value():
    text = (
        "param p : probability ~ Beta(1, 9)\nparam w : real = 0.5\nparam c = 3\n"
        "param r : positive\n"
        "var x : bool ~ Bernoulli(p)\nprefer x weight w * r\nobserve x\nquery P(x)\nlearn params\n"
    )
    program = gmlang.compile(text).checked.program
    (learn,) = program.learns
    assert learn.names == ("p", "r")
    assert learn.position == 1
    kinds = {symbol.name: symbol.parameter and symbol.parameter.kind for symbol in program.data}
    assert kinds == {
        "p": ParameterKind.PROBABILITY,
        "w": ParameterKind.REAL,
        "c": None,
        "r": ParameterKind.POSITIVE,
    }
