"""Checking: what programs mean in core, and which mistakes are told apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gmlang
from gmlang.core.ast import Activation, Apply, AttributeRef, Bind, Bool, Constant, Enum, Gate, Where
from gmlang.core.from_syntax import Checked, check, check_query
from gmlang.core.print import show
from gmlang.core.print_program import show_program
from gmlang.core.program import Consider, Draw, LogFactor, ObserveValue, Predict, Query, Require
from gmlang.diagnostics import GmError, Source
from gmlang.queries.questions import QUERY_FORMS
from gmlang.syntax.parse import parse, parse_query

THING = """
domain Color = {red, green, purple}
entity Thing:
    color : Color
    lid : bool
    size : 0..3
model purple(x: Thing) prior 0.1:
    predict x.color = purple @ 0.9
model small(x: Thing):
    predict x.size = 0 @ 0.5
var it : Thing
"""


def checked(text: str, modules: dict[str, str] | None = None) -> Checked:
    sources = {name: Source(f"{name}.gm", body) for name, body in (modules or {}).items()}
    return check(parse(Source("program.gm", text)), sources.get, QUERY_FORMS)


def codes(text: str, modules: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(GmError) as caught:
        checked(text, modules)
    return [diagnostic.code for diagnostic in caught.value.diagnostics]


def questions(text: str) -> list[Query]:
    return [q for q in checked(text).program.questions if isinstance(q, Query)]


# --- Meaning -----------------------------------------------------------------------------


def test_a_value_wins_over_a_model_of_its_name_where_its_domain_is_expected():
    (first, *_) = checked(THING).program.models
    (prediction,) = first.body
    assert isinstance(prediction, Predict)
    assert show(prediction.distribution) == "Point(purple)"


def test_a_loop_hides_the_names_outside_it():
    program = checked("param i = 2\nvar x[3] : bool\nfor i in 0..2: factor i * 1.0\n").program
    (factor,) = program.statements
    assert isinstance(factor, LogFactor)
    assert isinstance(factor.context[0], Bind)
    assert show(factor.value) == "(i * 1.0)"


def test_a_def_does_not_capture_names_of_its_caller():
    text = "param k = 5\nvar x[3] : 0..9\ndef up(a) = a + k\nfor k in 0..2: factor up(x[k])\n"
    (factor,) = checked(text).program.statements
    assert isinstance(factor, LogFactor)
    value = factor.value
    assert isinstance(value, Apply)
    assert type(value.arguments[1]).__name__ == "DataRef"


def test_known_conditions_filter_and_random_ones_gate():
    text = "data T = 3\nvar a : bool\nvar b : bool\nif T > 2 and a: factor 1\nelse: factor b * 1\n"
    contexts = [[type(c) for c in s.context] for s in checked(text).program.statements]
    assert contexts == [[Where, Gate], [Where], [Where, Gate]]


def test_later_cases_exclude_earlier_ones_unless_they_are_disjoint():
    text = "var c : {r, g, b}\nmatch c:\n    r: factor 1\n    g: factor 2\n    {g, b}: factor 3\n"
    clauses = [statement.context[0] for statement in checked(text).program.statements]
    shown = [show(clause.condition) for clause in clauses if isinstance(clause, Gate)]
    assert shown[:2] == ["(c == r)", "(c == g)"]
    assert shown[2].startswith("((c in {g, b}) and not")


def test_a_whole_array_is_drawn_element_by_element():
    (draw,) = checked("var x[2, 3] : bool ~ Bernoulli(0.5)\n").program.statements
    assert isinstance(draw, Draw)
    assert [type(c) for c in draw.context] == [Bind, Bind]


def test_a_composite_has_the_parameters_of_its_longest_part():
    program = checked(
        THING + "model close(a: Thing, b: Thing):\n    constraint a.lid == b.lid\n"
        "model both = purple close\n"
    ).program
    both = program.models[-1]
    assert [p.entity for p in both.parameters] == ["Thing", "Thing"]
    assert [len(part.arguments) for part in both.parts] == [1, 2]


def test_is_asks_for_an_event_and_a_call_for_a_distribution():
    kinds = [q.kind for q in questions(THING + "query P(it is purple small), P(purple(it))\n")]
    assert kinds == ["event", "marginal"]


def test_a_bare_variable_behind_the_bar_is_observed_but_for_indep():
    text = "var a : bool\nvar b : bool\nvar c : bool\nquery P(a | b), indep(a, b | c)\n"
    kinds = [type(q.given[0]).__name__ for q in questions(text)]
    assert kinds == ["ObservedGiven", "VariableGiven"]


def test_a_list_of_queries_becomes_one_query_with_loops():
    model = "model at(x: Thing, k: 0..3):\n    predict x.size = k @ 0.9\n"
    (query,) = questions(THING + model + "query [P(at(it, k)) for k in 0..3]\n")
    assert (query.kind, query.text[0]) == ("marginal", "[")
    assert [type(c) for c in query.asked[0].context] == [Bind]


def test_consider_repeats_by_comprehension():
    model = "model at(x: Thing, k: 0..3):\n    predict x.size = k @ 0.9\n"
    (consider,) = checked(THING + model + "consider at(it, k) for k in 0..3\n").program.statements
    assert isinstance(consider, Consider)
    assert isinstance(consider.target, Activation)


def test_observing_a_bool_is_observing_its_value():
    first, second = checked(
        "var a : bool\nvar b : bool\nobserve a\nobserve not b\n"
    ).program.statements
    assert isinstance(first, ObserveValue)
    assert isinstance(second, ObserveValue)
    assert [show(first.value), show(second.value)] == ["true", "false"]


def test_queries_typed_later_know_the_program():
    later: Checked = checked(THING)
    (query,) = check_query(later, parse_query(Source("<query>", "P(it.color | it.lid)")))
    assert isinstance(query.asked[0].value, AttributeRef)
    with pytest.raises(GmError):
        check_query(later, parse_query(Source("<query>", "P(it.colour)")))


def test_rest_takes_what_the_others_leave():
    (draw,) = checked("var c : {r, g, b} ~ {r: 0.2, g: 0.3, b: rest}\n").program.statements
    assert isinstance(draw, Draw)
    assert show(draw.distribution).endswith("b: 0.5)")


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=4, unique=True))
def test_a_value_means_its_place_in_its_domain(values: list[str]):
    text = f"var x : {{{', '.join(values)}}}\nobserve x = {values[-1]}\n"
    (observation,) = checked(text).program.statements
    assert isinstance(observation, ObserveValue)
    assert isinstance(observation.value, Constant)
    assert observation.value.value == len(values) - 1
    assert observation.value.type == Enum("", tuple(values))


@given(st.booleans(), st.booleans(), st.booleans())
def test_a_match_is_refused_exactly_when_a_case_is_missing(first: bool, second: bool, wild: bool):
    rows = [("true", first), ("false", second), ("_", wild)]
    written = [f"    {pattern} -> Bernoulli(0.5)\n" for pattern, there in rows if there]
    text = "var a : bool\nvar b : bool\nb ~ match a:\n" + "".join(written)
    if not written:
        return
    if wild or (first and second):
        checked(text)
    else:
        assert codes(text) == ["GM310"]


def test_printing_a_program_names_every_part_of_it():
    text = show_program(checked(THING + "observe it.lid\nquery P(it.color)\n").program)
    for word in ("entity Thing", "model purple", "var it", "observe it.lid", "query marginal"):
        assert word in text


# --- Modules -----------------------------------------------------------------------------


def test_names_of_modules_do_not_clash_with_those_of_the_program():
    modules = {"m": "param rate = 0.25\ndef half(x) = x * rate\nassert 1 == 2\n"}
    program = checked(
        "from m import half\nparam rate = 3\nvar b : bool\nfactor half(rate)\n", modules
    ).program
    assert [data.name for data in program.data] == ["rate", "m.rate"]
    assert program.questions == ()


def test_only_what_is_needed_of_a_module_enters_the_program():
    modules = {"m": "var far : bool ~ Bernoulli(0.5)\ndef twice(x) = 2 * x\n"}
    program = checked("import m\nvar b : bool\nfactor m.twice(1)\n", modules).program
    assert [variable.name for variable in program.variables] == ["b"]


def test_a_variable_of_a_module_brings_its_mechanism():
    modules = {"m": "var near : bool ~ Bernoulli(0.5)\n"}
    program = checked("from m import near\nconstraint near\n", modules).program
    assert {type(s) for s in program.statements} == {Require, Draw}
    assert program.variables[0].domain == Bool()


@pytest.mark.parametrize(
    ("text", "modules", "code"),
    [
        ("import nowhere\n", {}, "GM205"),
        ("import a\n", {"a": "import b\n", "b": "import a\n"}, "GM206"),
        ("from a import y\n", {"a": "var x : bool\n"}, "GM207"),
    ],
)
def test_imports_that_fail_are_told(text: str, modules: dict[str, str], code: str):
    assert codes(text, modules) == [code]


# --- Mistakes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("var a : bool\nobserve b\n", "GM201"),
        ("var a : bool\nvar a : bool\n", "GM202"),
        (THING + "observe it.colour = red\n", "GM203"),
        ("domain A = {x, y}\ndomain B = {x, z}\nconstraint x == x\n", "GM204"),
        ("data a = b\ndata b = a\n", "GM208"),
        ("def f(x) = f(x)\nvar a : bool\nfactor f(1)\n", "GM208"),
        (THING + "constraint purple\n", "GM209"),
        ("var a : bool\nquery Q(a)\n", "GM210"),
        ("var a : bool\nfactor frobnicate(a)\n", "GM211"),
        (THING + "observe it.color = jar\n", "GM212"),
        ("var a : bool ~ Bernoulli(q=0.5)\n", "GM213"),
        ("var a : bool ~ Bernuolli(0.5)\n", "GM214"),
        ("var a : 0..3\nconstraint a\n", "GM301"),
        ("var a[3] : bool\nprefer a weight 1\n", "GM302"),
        ("var a[3] : bool\nprefer a[0, 1] weight 1\n", "GM303"),
        (THING + "observe purple(it, 3)\n", "GM304"),
        ("domain A = {x}\ndomain B = {y}\nvar a : A\nvar b : B\nconstraint a == b\n", "GM305"),
        (THING + "factor it.color + 1\n", "GM306"),
        ("var a : bool ~ Bernoulli(1.5)\n", "GM307"),
        ("var a : {x, y} ~ {x: 0.5, y: 0.4}\n", "GM308"),
        (THING + "predict it.color = red @ 95\n", "GM309"),
        ("var a : bool ~ Bernoulli(0.1)\na ~ Bernoulli(0.2)\n", "GM311"),
        (THING + "model m(x: Thing):\n    x.lid ~ Bernoulli(0.5)\n", "GM312"),
        (THING + "model m(x: Thing):\n    observe x.lid\n", "GM313"),
        ("var a : 0..3\nobserve a = 7\n", "GM314"),
        (THING + "consider it\n", "GM209"),
        ("var a : bool\nvar b : bool\nfor i in 0..a: factor 1\n", "GM317"),
        ("var a : bool ~ 0.3\n", "GM318"),
        ("var a : 3\n", "GM319"),
        ("data d : int\nd ~ Bernoulli(0.5)\n", "GM320"),
        ("var a : bool\nfor i in a: factor 1\n", "GM321"),
        ("var a : 3..1\n", "GM322"),
        ("data d[2, 2] = [[1, 2], [3]]\n", "GM324"),
        ("var a[3] : bool\nobserve a[7]\n", "GM327"),
        ("factor 1 / 0\n", "GM328"),
        ("var a : {x, y} ~ {x: 0.5, x: 0.5}\n", "GM330"),
        ("var a : bool ~ Normal(0, 1)\n", "GM601"),
    ],
)
def test_each_mistake_has_its_code(text: str, code: str):
    assert codes(text) == [code]


def test_mistakes_are_reported_together_and_once():
    text = "var a : Colour\nvar b : bool\nobserve a = 1\nobserve b = 2\nquery P(c)\n"
    assert codes(text) == ["GM201", "GM314", "GM201"]


def test_the_two_places_of_a_clash_are_shown():
    with pytest.raises(GmError) as caught:
        checked("var a : bool\nparam a = 3\n")
    (diagnostic,) = caught.value.diagnostics
    (note,) = diagnostic.notes
    assert note.span is not None
    assert note.span.line_column() == (1, 5)


def test_declarations_that_nothing_uses_are_warned_of():
    warnings = checked("param J = 1\nvar a : bool\n").warnings
    assert sorted(warning.code for warning in warnings) == ["GM291", "GM292"]


def test_a_probability_may_be_written_without_its_zero():
    (draw,) = checked("var c : {r, g} ~ {r: .25, g: .75}\n").program.statements
    assert isinstance(draw, Draw)
    assert show(draw.distribution) == "Probabilities(r: 0.25, g: 0.75)"


@pytest.mark.parametrize("form", ["[x = 1]", "[x: 1]", "[[1, x = 2]]"])
def test_equations_and_pairs_are_no_values_of_data(form: str):
    assert set(codes(f"data d = {form}\n")) == {"GM301"}


CHAINS = {
    "params": ("param x{0} = x{1} + 1\n", "param x{0} = 1\nvar a : bool ~ Bernoulli(x0)\n"),
    "domains": ("domain D{0} = D{1}\n", "domain D{0} = 0..3\nvar a : D0\n"),
    "defs": ("def f{0}(x) = f{1}(x)\n", "def f{0}(x) = x\nvar a : bool ~ Bernoulli(f0(0.5))\n"),
}


@pytest.mark.parametrize("kind", CHAINS)
def test_what_refers_on_and_on_is_refused_with_a_place(kind: str) -> None:
    link, end = CHAINS[kind]
    text = "".join(link.format(k, k + 1) for k in range(2000)) + end.format(2000)
    with pytest.raises(GmError, match="refers on") as caught:
        gmlang.compile(text)
    assert all(diagnostic.span is not None for diagnostic in caught.value.diagnostics)


def test_twenty_thousand_mistakes_are_all_found_and_some_shown() -> None:
    with pytest.raises(GmError) as caught:
        gmlang.compile("var x : bool\n" * 20_000)
    assert len(caught.value.diagnostics) == 19_999
    assert len(str(caught.value)) < 100_000
