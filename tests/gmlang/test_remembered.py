"""An answer that is remembered is the answer that would be given anew, whoever changed what."""

import json
import pickle
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gmlang
from gmlang.diagnostics import GmError
from gmlang.queries.answers import Answer
from gmlang.queries.question import Question
from gmlang.queries.questions import QUESTIONS
from gmlang.queries.remembered import names
from gmlang.queries.remembered.memory import Memory
from gmlang.repl.entries import feed
from gmlang.repl.session import ReplSession
from tests.support.programs import flat_program, society_program

REMEMBERED = "remembered"

NETWORK = """
data bias = 0.3
var rain : bool ~ Bernoulli(bias)
var wet : bool ~ Bernoulli(0.9 if rain else 0.1)
var cold : 0..3 ~ Categorical([0.1, 0.2, 0.3, 0.4])
var ice : bool ~ Bernoulli(0.7 if cold == 0 else 0.05)
"""

LOOP = """
param side = 3
var x[side, side] : 0..2
for i in 0..<side, j in 0..<side, k in 0..2:
    factor (0.3 * ((i * 7 + j * 13 + k * 29) % 11) - 1.5) * (x[i, j] == k)
for i in 0..<side - 1, j in 0..<side:
    prefer x[i, j] == x[i + 1, j] weight 0.8
for i in 0..<side, j in 0..<side - 1:
    prefer x[i, j] == x[i, j + 1] weight 0.8
"""

every_question = pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.word)


def told(answer: Answer) -> dict[str, object]:
    """Return what an answer says, but for how long it took and whether it was remembered."""
    plain = answer.to_dict()
    for text in ("seconds", "note"):
        plain.pop(text, None)
    plain["array"] = None if answer.array is None else answer.array.tolist()
    return {k: _without(v) for k, v in plain.items()}


def _without(value: object) -> object:
    """Leave out what parts of an answer say of time, and round what rounding may change."""
    if isinstance(value, dict):
        return {k: _without(v) for k, v in value.items() if k not in ("seconds", "note")}
    if isinstance(value, list | tuple):
        return [_without(v) for v in value]
    return pytest.approx(value, rel=1e-9, abs=1e-12) if isinstance(value, float) else value


def is_remembered(answer: Answer) -> bool:
    return REMEMBERED in answer.note.split("; ")


def damage(answer: Answer) -> None:
    """Change all that an answer has that can be changed."""
    for one in fields(answer):
        _damage(getattr(answer, one.name))


def _damage(value: object) -> None:
    match value:
        case np.ndarray() if value.flags.writeable:
            value[...] = 0
        case dict():
            for held in value.values():
                _damage(held)
            value["changed"] = -1.0
        case list():
            for held in value:
                _damage(held)
            value.append("changed")
        case tuple():
            for held in value:
                _damage(held)
        case Answer():
            damage(value)
        case _:
            pass


# --- The same answer ---------------------------------------------------------------------


@every_question
def test_what_is_asked_again_is_answered_alike(question: Question):
    model = gmlang.compile(question.example)
    anew = list(gmlang.compile(question.example).run(remember=False))
    first, second = list(model.run()), list(model.run())
    assert [told(a) for a in first] == [told(a) for a in anew]
    assert [told(a) for a in second] == [told(a) for a in anew]
    assert all(is_remembered(a) for a in second if a.status == "exact")
    assert not any(is_remembered(a) for a in anew)


@every_question
def test_a_changed_answer_changes_nothing_that_is_remembered(question: Question):
    model = gmlang.compile(question.example)
    first = list(model.run())
    before = [repr(told(a)) for a in first]
    for _ in range(2):
        for answer in first:
            damage(answer)
        first = list(model.run())
        assert [repr(told(a)) for a in first] == before


@settings(max_examples=8, deadline=None)
@given(st.randoms(use_true_random=False))
def test_related_and_shifted_questions_are_answered_as_anew(rng: random.Random):
    """Of random programs with zeros in them, so that evidence left out may be impossible."""
    model = gmlang.compile(flat_program(rng))
    asked = ["P(a)", "P(n)", "P(b, x[1])", "E(n)", "MAP()", "logZ()", "P(x[0])", "count()"]
    seen = ["a = true", "b = false", "c = true", "n = 1", "z = 2", "x[2] = true", "c", "n > 0"]
    for _ in range(12):
        conditions = ", ".join(rng.sample(seen, rng.randint(0, 3)))
        text = rng.choice(asked)[:-1] + (f" | {conditions})" if conditions else ")")
        try:
            anew = told(model.query(text.replace("( |", "(|"), remember=False))
        except GmError:
            continue
        assert told(model.query(text.replace("( |", "(|"))) == anew, text


@settings(max_examples=4, deadline=None)
@given(st.randoms(use_true_random=False))
def test_societies_are_answered_as_anew(rng: random.Random):
    model = gmlang.compile(society_program(rng))
    for named in model.names()[:6]:
        for _ in range(2):
            text = f"P({named.name})"
            assert told(model.query(text)) == told(model.query(text, remember=False))


def test_evidence_that_says_nothing_makes_no_other_question():
    model = gmlang.compile(NETWORK)
    first = model.query("P(rain | wet = true)")
    second = model.query("P(rain | wet = true, ice = true, cold = 2)")
    assert is_remembered(second)
    assert told(first)["answer"] == told(second)["answer"]
    assert not is_remembered(model.query("P(rain | wet = false, ice = true)"))
    # Log Z depends on all of it.
    model.query("logZ(| wet = true)")
    assert not is_remembered(model.query("logZ(| wet = true, ice = true)"))


def test_evidence_that_is_impossible_is_not_left_out():
    model = gmlang.compile(NETWORK + "constraint not ice or cold < 2\n")
    assert model.query("P(rain | wet = true)").status == "exact"
    assert model.query("P(rain | wet = true, ice = true, cold = 3)").status == "impossible"
    assert model.query("P(rain | wet = true, ice = true)").status == "exact"


def test_the_order_of_a_joint_is_told_apart():
    model = gmlang.compile(NETWORK)
    one, other = model.query("P(rain, cold)"), model.query("P(cold, rain)")
    assert one.array is not None
    assert other.array is not None
    assert np.allclose(one.array, other.array.T)


def test_what_an_answer_depends_on_is_told_apart():
    model = gmlang.compile(NETWORK)
    draws = [model.query("sample(20)", seed=seed).value for seed in (0, 1, 0)]
    assert draws[0] == draws[2] != draws[1]
    model.query("P(rain)")
    assert not is_remembered(model.query("P(rain) using bp"))
    for number in range(2):
        with pytest.raises(GmError):
            model.query("sample(50000)", memory_bytes=1)
        model.query("sample(50000)", memory_bytes=(1 + number) << 29)


def test_strong_weights_are_told_of_although_they_say_nothing_about_what_is_asked():
    model = gmlang.compile(NETWORK + "param w = 1\nfactor w * cold\n")
    for observed in ("", " | cold = 0"):
        text = f"P(rain{observed})"
        model.query(text)
        strong = model.bind(w=1e20)
        assert told(strong.query(text)) == told(strong.query(text, remember=False))


# --- Only what is final ------------------------------------------------------------------


def test_estimates_are_not_remembered():
    model = gmlang.compile(LOOP)
    for _ in range(2):
        answer = model.query("P(x[1, 1]) using bp")
        assert answer.status == "estimate"
        assert not is_remembered(answer)
    whole = model.query("P(x[1, 1])")
    assert whole.status == "exact"
    assert not is_remembered(whole)


def test_an_estimate_beside_what_is_impossible_is_not_remembered():
    """A list is as good as its worst part: impossible, although another part is an estimate."""
    model = gmlang.compile(LOOP + "var never : bool ~ Bernoulli(0)\n")
    text = "[P(x[1, 1]), P(x[0, 0] | never = true)] using bp"
    assert model.query(text).status == "impossible"
    assert not is_remembered(model.query(text))


def test_bounds_are_not_remembered():
    model = gmlang.compile(LOOP, side=14)
    for _ in range(2):
        answer = model.query("logZ()", budget_s=0.1, memory_bytes=1 << 20)
        assert answer.status != "exact"
        assert not is_remembered(answer)


def test_what_time_has_cut_short_is_not_remembered():
    model = gmlang.compile(NETWORK)
    anew = told(model.query("why(rain | wet = true)", remember=False))
    model.query("why(rain | wet = true)", budget_s=1e-9)
    assert told(model.query("why(rain | wet = true)")) == anew


def test_a_search_is_never_remembered():
    model = gmlang.compile(LOOP)
    best = model.query("MAP(x)")
    for _ in range(2):
        *_, last = model.search("MAP(x)")
        assert last.log_score == pytest.approx(best.log_score)
        assert last.engine
    model.query("MAP(x)")
    assert is_remembered(model.query("MAP(x)"))


def test_nothing_is_remembered_where_that_is_not_wanted():
    model = gmlang.compile(NETWORK)
    for _ in range(2):
        assert not is_remembered(model.query("P(rain)", remember=False))
    assert len(model.memory) == 0
    model.query("P(rain)")
    assert not is_remembered(model.query("P(rain)", remember=False))
    assert is_remembered(model.query("P(rain)"))


def test_a_calculation_is_remembered_where_all_its_parts_are():
    model = gmlang.compile(NETWORK)
    model.query("P(wet)")
    assert not is_remembered(model.query("P(wet) - P(ice)"))
    assert is_remembered(model.query("P(ice) - P(wet)"))


# --- Other data, other places ------------------------------------------------------------


def test_other_data_is_another_question():
    model = gmlang.compile(NETWORK)
    first = model.query("P(rain)")
    second = model.bind(bias=0.6).query("P(rain)")
    assert not is_remembered(second)
    assert told(second)["answer"] == {"true": pytest.approx(0.6), "false": pytest.approx(0.4)}
    # What does not depend on the data is the same question.
    assert is_remembered(model.bind(bias=0.6).query("P(rain)"))
    assert told(model.bind(bias=0.3).query("P(rain)")) == told(first)
    model.query("P(cold)")
    assert is_remembered(model.bind(bias=0.8).query("P(cold)"))


def test_a_model_that_travels_answers_alike():
    model = gmlang.compile(NETWORK)
    first = model.query("P(rain | wet = true)")
    copy = pickle.loads(pickle.dumps(model))
    second = copy.query("P(rain | wet = true)")
    assert not is_remembered(second)
    assert told(second) == told(first)
    again = pickle.loads(pickle.dumps(model.query("P(rain | wet = true)")))
    assert told(again) == told(first)


def test_threads_share_what_is_remembered():
    model = gmlang.compile(NETWORK)
    texts = [f"P(rain | wet = {w}, cold = {k})" for w in ("true", "false") for k in range(4)]
    anew = {text: told(model.query(text, remember=False)) for text in texts}
    rng = random.Random(0)
    stream = [rng.choice(texts) for _ in range(200)]

    def ask(text: str) -> bool:
        answer = model.query(text)
        same = told(answer) == anew[text]
        damage(answer)
        return same

    with ThreadPoolExecutor(4) as executor:
        assert all(executor.map(ask, stream))


def test_workers_remember_and_answer_alike():
    model = gmlang.compile(NETWORK + "query P(rain), P(rain), MAP(), P(wet | ice = true)\n")
    anew = [told(a) for a in model.run(remember=False)]
    with ThreadPoolExecutor(2) as executor:
        for _ in range(2):
            assert [told(a) for a in model.run(executor=executor)] == anew


def test_a_session_says_when_it_remembers_and_can_be_told_not_to():
    session = ReplSession()
    for entry in ("var rain : bool ~ Bernoulli(0.2)", "P(rain)"):
        session, reply = feed(session, entry)
    assert REMEMBERED not in reply.text
    session, reply = feed(session, "P(rain)")
    assert REMEMBERED in reply.text
    # The same graph, although something else was said in between.
    for entry in ("var wet : bool ~ Bernoulli(0.3)", "undo"):
        session, _ = feed(session, entry)
    session, reply = feed(session, "P(rain)")
    assert REMEMBERED in reply.text
    session, reply = feed(session, ":remember off")
    assert "anew" in reply.text
    session, reply = feed(session, "P(rain)")
    assert REMEMBERED not in reply.text
    session, reply = feed(session, "var rain : bool ~ Bernoulli(0.7)")
    session, _ = feed(session, ":remember")
    session, reply = feed(session, "P(rain)")
    assert "0.7" in reply.text


# --- The memory itself -------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 20), st.floats(0, 9), st.integers(1, 60)), max_size=120))
def test_a_memory_never_holds_more_than_it_may(told_to_keep: list[tuple[int, float, int]]):
    memory = Memory(bytes_max=100)
    last: dict[int, int] = {}
    for number, (key, seconds, num_bytes) in enumerate(told_to_keep):
        memory.find(key + 1)
        memory.keep(key, number, seconds, num_bytes)
        if num_bytes <= 25:
            last[key] = number
        assert memory.num_bytes <= memory.bytes_max
        for known, value in last.items():
            assert memory.find(known) in (None, value)


def test_what_took_long_stays_and_what_is_old_goes():
    memory = Memory(bytes_max=100)
    memory.keep("slow", 1, 50.0, 20)
    for number in range(40):
        memory.keep(number, number, 1.0, 20)
    assert memory.find("slow") == 1
    assert memory.find(0) is None
    assert memory.find(39) == 39
    # Each time something is forgotten the rest grows older: what nobody asks for goes at last.
    for number in range(40, 1000):
        memory.keep(number, number, 1.0, 20)
    assert memory.find("slow") is None


def test_what_is_used_stays():
    memory = Memory(bytes_max=100)
    memory.keep("used", 1, 1.0, 20)
    for number in range(40):
        memory.keep(number, number, 1.0, 20)
        assert memory.find("used") == 1


def test_a_program_that_is_asked_for_ever_is_answered_within_its_bytes():
    model = gmlang.compile(NETWORK)
    model = replace(model, memory=Memory(bytes_max=20_000))
    for number in range(60):
        model.query(f"P(rain | cold = {number % 4}) * {number}")
        assert model.memory.num_bytes <= 20_000
    assert json.dumps(model.query("P(rain) * 3").to_dict())


def test_more_questions_than_are_known_by_name_are_answered_alike(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(names, "NUM_MAX", 3)
    model = gmlang.compile(NETWORK)
    for number in (*range(7), *range(7)):
        assert model.query(f"P(rain) + {number}").value == pytest.approx(0.3 + number)
    assert is_remembered(model.query("P(rain) + 6"))
