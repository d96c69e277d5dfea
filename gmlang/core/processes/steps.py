"""The steps of a process, from what is written: calls, conditions, how long and how surely."""

from dataclasses import dataclass, field, replace

from gmlang.core.ast import Activation, Bind, Constant, Expression, Local, Thing, Whole
from gmlang.core.check import models
from gmlang.core.checking import Checking, PoisonedError, attempt, each, fail, report
from gmlang.core.expressions import loops, references, scalars
from gmlang.core.expressions.operators import need_integer, need_known, negation
from gmlang.core.names.scope import Env, ModelMeaning
from gmlang.core.processes.lowering import attributes_of, statements_of, step_reference
from gmlang.core.processes.process import Alternative, Leaf, Process, Sequence
from gmlang.core.program import ModelSymbol, ParameterSymbol
from gmlang.core.records.processes import STEP, ProcessHeader
from gmlang.errors.acting import processes as errors
from gmlang.syntax import ast

_LONGEST = 10_000
"""A step lasts so many slots at most: each is a state of a variable."""

# --- Headers -----------------------------------------------------------------------------


def check_header(
    state: Checking, env: Env, declaration: ast.Model, meaning: ModelMeaning
) -> ModelMeaning:
    """Check over what time a process runs, and count its steps; of other models return the same."""
    if declaration.over is None:
        return meaning
    if len([p for p in meaning.parameters if p.domain is None]) != 1:
        fail(state, errors.not_one_thing(declaration.span, declaration.name.text))
    inner, time = _in_time(state, models.inside(env, meaning), declaration.over)
    steps = [s for s in declaration.body if isinstance(s, ast.Step)]
    number = sum(_count(state, inner, call) for step in steps for call in _calls(step))
    return replace(meaning, process=ProcessHeader(time, number))


def _in_time(state: Checking, env: Env, loop: ast.Loop) -> tuple[Env, Bind]:
    inner, clauses = loops.enter(state, env, (loop,))
    if not clauses:
        # Its mistake is told.
        fail(state, errors.not_from_zero(loop.span))
    (time,) = clauses
    is_zero = isinstance(time, Bind) and isinstance(time.first, Constant) and time.first.value == 0
    if not is_zero or not isinstance(loop.domain, ast.Range) or loop.names[0].text == "_":
        fail(state, errors.not_from_zero(loop.span))
    assert isinstance(time, Bind)
    return inner, time


def _calls(step: ast.Step) -> tuple[ast.StepCall, ...]:
    return (step.call,) if step.otherwise is None else (step.call, step.otherwise)


def _count(state: Checking, env: Env, written: ast.StepCall) -> int:
    within = _process_called(state, env, written.call)
    return 1 if within is None or within.process is None else within.process.num_steps


def _process_called(state: Checking, env: Env, call: ast.Expression) -> ModelMeaning | None:
    """Return the process that a step runs, `brew(k, t)`; None for any other call."""
    if not isinstance(call, ast.Call):
        return None
    meaning = references.find_dotted(state, env, call.function)
    if not isinstance(meaning, ModelMeaning) or meaning.process is None:
        return None
    return meaning


# --- Bodies ------------------------------------------------------------------------------


def finish_process(state: Checking, symbol: ModelSymbol, declaration: ast.Model, env: Env) -> None:
    """Check the steps of a process, and note its model and the attributes that stand for it.

    Args:
        state: what the check gathers.
        symbol: the model, without its body.
        declaration: as written.
        env: the surroundings inside the model.
    """
    assert declaration.over is not None
    inner, time = _in_time(state, env, declaration.over)
    at = inner.names[time.name]
    assert isinstance(at, Local)
    reading = _Reading(state, at)
    sequence = reading.sequence(inner, declaration)
    begins = _rate(state, inner, declaration, "start")
    own = _own(symbol)
    process = Process(symbol.name, own, symbol.parameters, time, at, sequence, begins)
    state.processes.append(attributes_of(process))
    state.models[symbol.name] = replace(symbol, body=statements_of(process), is_process=True)


def _own(symbol: ModelSymbol) -> Activation:
    def argument(parameter: ParameterSymbol) -> Expression | Thing:
        if parameter.domain is None:
            return Thing(parameter.span, parameter.entity, "", parameter.key, ())
        return Local(parameter.span, parameter.key, parameter.domain)

    return Activation(symbol.span, symbol.name, tuple(map(argument, symbol.parameters)))


@dataclass(slots=True, eq=False)
class _Reading:
    """Reads the steps of a process, and of those within, numbering calls."""

    state: Checking
    at: Local
    number: int = 0
    within: list[str] = field(default_factory=list[str])

    def sequence(self, env: Env, declaration: ast.Model) -> Sequence:
        """Read the steps that a process is written with."""
        written = [s for s in declaration.body if isinstance(s, ast.Step)]
        if not written:
            fail(self.state, errors.no_steps(declaration.span, declaration.name.text))
        for place, step in enumerate(written):
            if step.is_next != (place > 0):
                report(self.state, errors.joined_wrongly(step.span, is_first=place == 0))
        stall = _rate(self.state, env, declaration, "stall")
        return each(lambda step: self._step(env, step, stall), written)

    def _step(self, env: Env, step: ast.Step, stall: Expression | None) -> tuple[Alternative, ...]:
        if step.condition is None:
            return (self._alternative(env, step.call, None, stall),)
        condition = scalars.check_condition(self.state, env, step.condition)
        found = [self._alternative(env, step.call, condition, stall)]
        if step.otherwise is not None:
            found.append(self._alternative(env, step.otherwise, negation(condition), stall))
        return tuple(found)

    def _alternative(
        self,
        env: Env,
        written: ast.StepCall,
        condition: Expression | None,
        stall: Expression | None,
    ) -> Alternative:
        skip = _chance(self.state, env, written.skip, "skip")
        within = _process_called(self.state, env, written.call)
        if within is not None:
            return Alternative(condition, skip, self._inner(env, written, within))
        shortest, longest = _lasting(self.state, env, written.lasting)
        self.number += 1
        number = self.number
        activation = _activation(self.state, env, written.call)
        return Alternative(condition, skip, Leaf(number, activation, shortest, longest, stall))

    def _inner(self, env: Env, written: ast.StepCall, within: ModelMeaning) -> Sequence:
        """Read the steps of a process that runs as a step of another."""
        state, call = self.state, written.call
        assert isinstance(call, ast.Call)
        text = call.function.span.text
        if written.lasting is not None:
            fail(state, errors.lasting_of_process(written.lasting.span, text))
        arguments = scalars.plain_arguments(state, call)
        wrong = errors.not_in_step(call.span, text, self.at.span.text)
        if len(arguments) != len(within.parameters) + 1:
            fail(state, wrong)
        last = scalars.check(state, env, next(reversed(arguments)))
        if not (isinstance(last, Local) and last.key == self.at.key):
            fail(state, wrong)
        inner = models.check_activation(state, env, replace(call, arguments=arguments[:-1]), within)
        entry = state.core_names[within.name]
        declaration = entry.declaration
        assert isinstance(declaration, ast.Model)
        assert declaration.over is not None
        names = {p.name: a for p, a in zip(within.parameters, inner.arguments, strict=True)}
        names[declaration.over.names[0].text] = self.at
        return self.sequence(Env(entry.module, names), declaration)


def _activation(state: Checking, env: Env, written: ast.Expression) -> Activation:
    found = models.try_activations(state, env, written)
    if found is None or len(found) != 1:
        fail(state, errors.no_call(written.span, written.span.text))
    return found[0]


# --- Numbers -----------------------------------------------------------------------------


def _lasting(state: Checking, env: Env, written: ast.Expression | None) -> tuple[int, int]:
    """Check `lasting 3`, `lasting 2..4`: numbers that are written."""
    if written is None:
        return 1, 1
    ends = (written.first, written.last) if isinstance(written, ast.Range) else (written, written)
    checked = [scalars.check_scalar(state, env, end) for end in ends]
    values = [end.value if isinstance(end, Constant) else None for end in checked]
    first, last = (v if isinstance(v, int) and not isinstance(v, bool) else None for v in values)
    if first is None or last is None:
        fail(state, errors.not_written(written.span, written.span.text))
    last -= isinstance(written, ast.Range) and not written.includes_last
    if not 1 <= first <= last <= _LONGEST:
        fail(state, errors.lasts_never(written.span, written.span.text, _LONGEST))
    return first, last


def _rate(state: Checking, env: Env, declaration: ast.Model, word: str) -> Expression | None:
    """Check the line `stall s` or `start p` of a process; None where it has none."""
    found = [s for s in declaration.body if isinstance(s, ast.Rate) and s.word == word]
    for further in found[1:]:
        report(state, errors.said_twice(further.span, word))
    return _chance(state, env, found[0].chance, word) if found else None


def _chance(
    state: Checking, env: Env, written: ast.Expression | None, word: str
) -> Expression | None:
    """Check a probability that is known; of `stall` and `skip` not 1, of `start` not 0."""
    if written is None:
        return None
    checked = need_known(state, scalars.check_number(state, env, written), f"`{word}`")
    if isinstance(checked, Constant):
        is_fine = 0 < checked.value <= 1 if word == "start" else 0 <= checked.value < 1
        if not is_fine:
            report(state, errors.no_chance(written.span, word, checked.value))
            return None
        if checked.value == (1 if word == "start" else 0):
            return None
    return checked


# --- `step(tea(k), t)` -------------------------------------------------------------------


def asks_step(env: Env, call: ast.Call) -> bool:
    """Say whether a call is `step`, unless something of the program is called so."""
    name = call.function.text if isinstance(call.function, ast.Name) else ""
    return name == STEP and not (name in env.names or name in env.module.entries)


def check_step(state: Checking, env: Env, call: ast.Call) -> Expression:
    """Check `step(tea(k), t)`, or `step(tea(k))` of all slots."""
    arguments = scalars.plain_arguments(state, call)
    meaning = _process_called(state, env, arguments[0]) if arguments else None
    if meaning is None or meaning.process is None or len(arguments) > 2:
        fail(state, errors.no_process(call.span, call.span.text))
    asked, when = next(iter(arguments)), arguments[1:]
    assert isinstance(asked, ast.Call)
    own = attempt(lambda: models.check_activation(state, env, asked, meaning))
    at: Expression | Whole = Whole(call.span)
    if when:
        at = need_integer(state, scalars.check_scalar(state, env, when[0]), "a slot")
    if own is None:
        raise PoisonedError
    about = own.arguments, meaning.parameters
    return step_reference(call.span, meaning.name, *about, at, meaning.process.num_steps)
