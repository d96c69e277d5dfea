"""What an answer says of itself is never better than what is known."""

import pytest

import gmlang

CHAIN = """
var a : bool ~ Bernoulli(0.3)
var m : bool ~ Bernoulli(0.9 if a else 0.1)
var b : bool ~ Bernoulli(0.9 if m else 0.1)
var lonely : bool
"""

CHARACTERS = """
entity Dog:
    size[3] : 0..9
model Cruel(d: Dog) prior 0.2:
    predict d.size[0] ~ Around(8, 1)
model Kind(d: Dog) prior 0.2:
    predict d.size[0] ~ Around(2, 1)
"""

RARE = """
var c : bool ~ Bernoulli(0.000001)
var a : bool ~ Bernoulli(0.5)
var b : bool ~ Bernoulli((0.9 if a else 0.1) if c else 0.5)
var t : bool ~ Bernoulli(0.0000000001)
var u : bool ~ Bernoulli(0.5 if t else 0.25)
"""


@pytest.fixture(scope="module")
def chain() -> gmlang.Model:
    return gmlang.compile(CHAIN)


def test_a_product_of_marginals_proves_no_independence(chain: gmlang.Model):
    answer = chain.query("indep(a, b) using bp")
    assert answer.value is None
    assert answer.status == "estimate"
    assert "not known" in repr(answer)
    assert chain.query("indep(a, b)").value is False


@pytest.mark.parametrize("question", ["indep(a, b | m) using bp", "indep(a, lonely) using bp"])
def test_the_graph_proves_independence_where_no_numbers_are_exact(
    chain: gmlang.Model, question: str
):
    answer = chain.query(question)
    assert answer.value is True
    assert answer.status == "exact"


PIGEONS = """
var hole[12] : 0..9
var apart : bool
var other : bool
constraint alldifferent(hole[i] for i in 0..11)
"""


@pytest.mark.parametrize("options", ["using bp within 0.001 s", "within 0.001 s", "using bp"])
def test_under_what_cannot_be_no_independence_is_exact(options: str):
    answer = gmlang.compile(PIGEONS).query(f"indep(apart, other) {options}")
    assert answer.status in ("impossible", "estimate")
    assert answer.value is None


def test_constraints_that_can_be_kept_leave_independence_exact():
    model = gmlang.compile(PIGEONS.replace("0..9", "0..11"))
    answer = model.query("indep(apart, other | hole[0] = 3) using bp")
    assert (answer.status, answer.value) == ("exact", True)


@pytest.mark.parametrize("question", ["indep(a, b | c)", "indep(t, u)"])
def test_what_is_rare_may_still_depend(question: str):
    answer = gmlang.compile(RARE).query(question)
    assert answer.status == "exact"
    assert answer.value is False


def test_an_assertion_on_what_is_not_known_does_not_hold():
    (answer,) = gmlang.compile(CHAIN + "assert indep(a, b) using bp\n").run()
    assert answer.held is False
    assert answer.status == "estimate"


@pytest.mark.parametrize("kind", ["compat", "blame"])
def test_questions_about_models_obey_their_method(kind: str):
    model = gmlang.compile(CHARACTERS)
    with pytest.raises(gmlang.GmError, match="nonsense"):
        model.query(f"{kind}(Cruel, Kind) using nonsense")
    with pytest.raises(gmlang.GmError, match="colour"):
        model.query(f"{kind}(Cruel, Kind) using bp(colour=3)")
    assert model.query(f"{kind}(Cruel, Kind) using bp").status in ("exact", "estimate")


def test_blame_sums_to_compat_and_is_as_good_as_its_worst_part():
    model = gmlang.compile(CHARACTERS)
    whole = model.query("compat(Cruel, Kind)")
    parts = model.query("blame(Cruel, Kind)")
    assert isinstance(parts.value, dict)
    assert isinstance(whole.value, float)
    assert sum(parts.value.values()) == pytest.approx(whole.value, abs=1e-9)
    assert parts.status == whole.status == "exact"


def test_marginal_map_of_states_that_are_best_one_by_one_is_possible():
    """At three switches with exactly two on, each is rather on: all three on break the rule."""
    model = gmlang.compile(
        "var s[3] : bool\nvar t : bool\nprefer s[0] weight 0.1\n"
        "constraint sum(s[i] for i in 0..2) == 2\nprefer s[0] == t weight 1\n"
    )
    answer = model.query("MMAP(s) using bp")
    assert answer.status != "impossible"
    assert isinstance(answer.value, dict)
    assert answer.value["s"].count("true") == 2
