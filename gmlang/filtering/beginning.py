"""How following begins: a program, its data and what is asked of it become a filter."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import (
    Activation,
    AttributeRef,
    Constant,
    DataRef,
    Expression,
    VariableRef,
)
from gmlang.core.check.joint.routes import Key, key_of, outer_keys
from gmlang.core.from_syntax import Checked
from gmlang.core.program import Program, Query
from gmlang.core.records.reals import DefineReal, JointStatement, ObserveReal
from gmlang.core.walk import clause_parts, is_real_reference, walk
from gmlang.data.arrays import from_setting
from gmlang.data.observed import num_mentions
from gmlang.data.settings import Setting
from gmlang.diagnostics import GmError
from gmlang.errors import filtering as errors
from gmlang.filtering.chains.chain import Chain, chain_of
from gmlang.filtering.chains.offsets import size_name
from gmlang.filtering.chains.reading import expressions_in
from gmlang.filtering.filter import Filter
from gmlang.filtering.inputs import Inputs, inputs_of
from gmlang.filtering.places import is_plain
from gmlang.filtering.questions import check_question, read_questions, with_ends
from gmlang.filtering.reals.carrying import Carried
from gmlang.filtering.reals.entering import linear_data
from gmlang.filtering.reals.rules import Entries
from gmlang.filtering.rules import Rules
from gmlang.filtering.window import Follower


def filter_of(
    checked: Checked, values: Mapping[str, object], over: str, ask: Iterable[str]
) -> Filter:
    """Begin to follow a program over a time.

    Args:
        checked: the program.
        values: its data, by core name; what runs over time is left aside.
        over: the size that is time; "" finds it.
        ask: what is asked after each step.

    Raises:
        GmError: when the program is no chain over that time, or a question does not fit.
    """
    begun = _begun(checked, values, over)
    program, chain, numbers = begun.checked.program, begun.chain, begun.numbers
    questions = read_questions(begun.checked, chain, ask, numbers, begun.at_the_end)
    chain = chain.remembering(questions.lags)
    own = {name: value for name, value in values.items() if name not in (*chain.inputs, chain.size)}
    inputs = inputs_of(chain, program, own, numbers)
    unused = (name for name in chain.inputs if not num_mentions(chain.program, name))
    plain = {name for name in unused if (name,) not in questions.lags}
    for statement in chain.program.statements:
        if is_plain(chain, statement):
            plain |= {
                value.name for value in expressions_in(statement) if isinstance(value, DataRef)
            }
    entries = _entries(chain, inputs, plain, questions.lags)
    follower = Follower(
        chain,
        own,
        questions.queries,
        program.span,
        chain.lags,
        chain.lasting | questions.lasting,
        entries,
    )
    rules = Rules(follower, inputs, frozenset(plain))
    return Filter(rules, questions, Carried(entries, program.span))


@dataclass(frozen=True, slots=True, eq=False)
class _Begun:
    """A program, and how it runs over time.

    Attributes:
        checked: it, without what it defines of its last step.
        numbers: its data that is a single whole number.
        at_the_end: what it defines of its last step, which questions may name.
    """

    checked: Checked
    chain: Chain
    numbers: dict[str, int]
    at_the_end: dict[Key, Expression]


def _begun(checked: Checked, values: Mapping[str, object], over: str) -> _Begun:
    numbers = _numbers(checked, values)
    program, at_the_end = _without_ends(checked.program)
    for entity in program.entities:
        for real in entity.reals:
            if (entity.name, real.name) in outer_keys(program):
                raise GmError([errors.unknown_spread(real.span, real.name)])
    _check_selectors(program)
    own = replace(checked, program=program)
    return _Begun(own, chain_of(program, over, numbers), numbers, at_the_end)


def _check_selectors(program: Program) -> None:
    """Refuse laws of reals that depend on finite variables."""
    for statement in program.statements:
        if not isinstance(statement, JointStatement):
            continue
        every = [*clause_parts(statement.context), *expressions_in(statement)]
        for part in (part for expression in every for part in walk(expression)):
            is_finite = isinstance(part, VariableRef | Activation) or (
                isinstance(part, AttributeRef) and not is_real_reference(part)
            )
            if is_finite:
                span = statement.span
                raise GmError([errors.unseen_selector(span, span.text, part.span.text)])


def _numbers(checked: Checked, values: Mapping[str, object]) -> dict[str, int]:
    found: dict[str, int] = {}
    for symbol in checked.program.data:
        value = values.get(symbol.name)
        if isinstance(value, Setting) and not symbol.shape:
            value = from_setting(symbol, value.text)
        if isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype == np.int64:
            found[symbol.name] = int(value)
        elif value is None and isinstance(symbol.value, Constant):
            number = symbol.value.value
            found |= {symbol.name: int(number)} if isinstance(number, int) else {}
    return found


def _without_ends(program: Program) -> tuple[Program, dict[Key, Expression]]:
    """Take out what is defined, once, of the last step: a name for what is asked after each."""
    sizes = {
        size_name(part)
        for entity in program.entities
        for real in entity.reals
        for part in real.shape
    }
    sizes |= {size_name(part) for symbol in program.variables for part in symbol.shape}
    shapes = {(e.name, s.name): s.shape for e in program.entities for s in e.reals}
    found: dict[Key, Expression] = {}
    kept = list(program.statements)
    for statement in program.statements:
        match statement:
            case DefineReal(context=(), target=target, value=value) if not shapes[key_of(target)]:
                at_end = any(size_name(part) in sizes for part in walk(value))
                if at_end and not _is_used(program, key_of(target)):
                    found[key_of(target)] = value
                    kept.remove(statement)
            case _:
                pass
    entities = tuple(
        replace(e, reals=tuple(s for s in e.reals if (e.name, s.name) not in found))
        for e in program.entities
    )
    return replace(program, statements=tuple(kept), entities=entities), found


def _is_used(program: Program, key: Key) -> bool:
    """Say whether statements mention a real, but for the one that defines it."""
    mentioned = [
        key_of(part)
        for statement in program.statements
        for expression in expressions_in(statement)
        for part in walk(expression)
        if isinstance(part, AttributeRef) and is_real_reference(part)
    ]
    return mentioned.count(key) > 1


def _entries(
    chain: Chain,
    inputs: Inputs,
    plain: set[str],
    asked: Mapping[tuple[str, ...], int],
) -> Entries:
    """Return the data that laws of reals are linear in, where its size is known."""
    names = [
        name
        for name in inputs.symbols
        if name in linear_data(chain.program, chain.inputs)
        and name not in plain
        and (name,) not in asked
        and None not in inputs.shapes[name]
    ]
    exact = frozenset(
        part.name
        for statement in chain.program.statements
        if isinstance(statement, ObserveReal)
        for part in walk(statement.value)
        if isinstance(part, DataRef) and part.name in names
    )
    lags = {name: chain.lags.get((name,), 0) for name in names}
    twice = {n for n in exact if num_mentions(chain.program, n) > 1 or lags[n]}
    names = [name for name in names if name not in twice]
    shapes = tuple(
        tuple(part for part in inputs.shapes[name] if part is not None) for name in names
    )
    return Entries(tuple(names), shapes, tuple(lags[n] for n in names), exact - twice)


def own_questions(
    checked: Checked, values: Mapping[str, object], over: str
) -> tuple[list[str], list[str]]:
    """Return those of a program's own questions that a filter answers, and the others.

    Raises:
        GmError: when the program is no chain.
    """
    begun = _begun(checked, values, over)
    asked: list[str] = []
    others: list[str] = []
    for question in checked.program.questions:
        try:
            if isinstance(question, Query):
                own = with_ends(question, begun.at_the_end)
                check_question(own, begun.chain, begun.numbers, {}, set())
                asked.append(question.text)
        except GmError:
            others.append(question.text)
    return asked, others
