"""Is a program a chain over time? Which of its statements speak of each step, and of which others.

A statement inside a loop over time may index what runs over time by the step and a number, and
compare the step with numbers; nothing else may depend on which step it is. So each says the same of
every step, once enough have gone by, and all that was before is known by a few steps.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from gmlang.core.ast import Apply, AttributeRef, Bind, Local, VariableRef
from gmlang.core.check.joint.routes import Key, joint_keys
from gmlang.core.program import Program, Statement
from gmlang.core.records.covering import is_existence
from gmlang.core.walk import walk
from gmlang.diagnostics import GmError
from gmlang.errors import filtering as errors
from gmlang.errors import later
from gmlang.filtering.chains.offsets import size_name
from gmlang.filtering.chains.reading import Reading, Said, axis_of, expressions_in


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """A program that can be followed over a time.

    Attributes:
        size: the name of the time's size.
        program: it, in which loops over time run over the last step alone.
        said: when each statement is said.
        inputs: the data that runs over time, by name, and along which axis.
        axes: of what else runs over time: (variable,) or (entity, attribute).
        lags: of each, how many steps back may be spoken of it; of data likewise.
        lasting: the arrays of no step that statements about steps speak of.
        num_first: after so many steps all of them say the same.
        loops: names of loops over time.
    """

    size: str
    program: Program
    said: tuple[Said, ...]
    inputs: Mapping[str, int]
    axes: Mapping[tuple[str, ...], int]
    lags: Mapping[tuple[str, ...], int]
    lasting: frozenset[tuple[str, ...]]
    num_first: int
    loops: frozenset[str]

    def remembering(self, asked: Mapping[tuple[str, ...], int]) -> "Chain":
        """Return the chain where questions look back too, by these numbers of steps."""
        names = dict.fromkeys((*self.lags, *asked))
        lags = {name: max(self.lags.get(name, 0), asked.get(name, 0)) for name in names}
        num_first = max(self.num_first, *(lag + 2 for lag in asked.values()), 0)
        return replace(self, lags=lags, num_first=num_first)

    def said_by(self, num_steps: int) -> Program:
        """Return the program without what speaks of steps that are still to come."""
        if all(one.is_repeated or one.first <= num_steps for one in self.said):
            return self.program
        waiting = iter(self.said)

        def kept(statements: tuple[Statement, ...]) -> tuple[Statement, ...]:
            # One is noted for each statement, in this order.
            pairs = [(statement, next(waiting)) for statement in statements]
            return tuple(s for s, one in pairs if one.is_repeated or one.first <= num_steps)

        statements = kept(self.program.statements)
        models = tuple(replace(m, body=kept(m.body)) for m in self.program.models)
        return replace(self.program, statements=statements, models=models)


def chain_of(program: Program, over: str, numbers: Mapping[str, int]) -> Chain:
    """Find out how a program runs over a time.

    Args:
        program: checked.
        over: the size's name; "" finds it.
        numbers: single values of its data that are known.

    Raises:
        GmError: with every place where it is no chain.
    """
    size = _time_of(program, over)
    if program.held:
        raise GmError([errors.not_followed(program.span, program.held[0])])
    if called := [model for model in program.models if model.is_called or model.is_process]:
        raise GmError([errors.not_followed(called[0].span, called[0].name)])
    if program.done:
        done = program.done[0].span
        raise GmError([later.done_in_stream(done, f"do({done.text})")])
    if chosen := [symbol for symbol in program.variables if symbol.is_choice]:
        raise GmError([errors.not_followed(chosen[0].span, chosen[0].name)])
    inputs = {s.name: a for s in program.data if (a := axis_of(size, s.shape)) is not None}
    axes: dict[tuple[str, ...], int] = {}
    for symbol in program.variables:
        if (axis := axis_of(size, symbol.shape)) is not None:
            axes[symbol.name,] = axis
    for entity in program.entities:
        for symbol in entity.attributes:
            if (axis := axis_of(size, symbol.shape)) is not None:
                axes[entity.name, symbol.name] = axis
    axes.update(_axes_of_reals(program, size))
    reading = Reading(size, {**{(n,): a for n, a in inputs.items()}, **axes}, numbers)
    reading.declarations(program, inputs)
    statements = tuple(reading.statement(one) for one in program.statements)
    models = tuple(
        replace(model, body=tuple(reading.statement(one, model.name) for one in model.body))
        for model in program.models
    )
    for model in program.models:
        reading.plain(one for one in (model.prior, model.depth) if one is not None)
        if is_existence(model.name):
            reading.lasting.add(("model", model.name, ""))
    if reading.wrong:
        raise GmError(list(dict.fromkeys(reading.wrong)))
    last = replace(program, statements=statements, models=models)
    needed = [1, *reading.needed, *(lag + 1 for lag in reading.lags.values())]
    return Chain(
        size,
        last,
        tuple(reading.said),
        inputs,
        axes,
        reading.lags,
        frozenset(reading.lasting),
        max(needed) + 1,
        frozenset(reading.loops),
    )


def _axes_of_reals(program: Program, size: str) -> Iterator[tuple[Key, int]]:
    """Give the reals that depend on each other and run over time, and along which axis."""
    joint = joint_keys(program)
    for entity in program.entities:
        for real in entity.reals:
            axis = axis_of(size, real.shape)
            if axis is not None and (entity.name, real.name) in joint:
                yield (entity.name, real.name), axis


def _time_of(program: Program, over: str) -> str:
    """Return the size that is time: the one named, or the only one in which a loop looks back."""

    def sizes(shapes: Iterable[tuple[object, ...]]) -> list[str]:
        named = (size_name(part) for shape in shapes for part in shape)
        return list(dict.fromkeys(name for name in named if name))

    variables = [s.shape for s in program.variables]
    variables += [s.shape for entity in program.entities for s in entity.attributes]
    joint = joint_keys(program)
    variables += [s.shape for e in program.entities for s in e.reals if (e.name, s.name) in joint]
    found = sizes(variables)
    of_data = sizes(symbol.shape for symbol in program.data)
    # What lasts may have nothing but data over time.
    found = found or (of_data if joint else [])
    if over and over in (*found, *(of_data if joint else ())):
        return over
    for real in (real for entity in program.entities for real in entity.reals):
        if over in sizes([real.shape]) if over else not found and sizes([real.shape]):
            raise GmError([errors.not_followed(real.span, real.name)])
    if over:
        raise GmError([errors.no_time(program.span, over, found)])
    looped = {
        name
        for statement in (*program.statements, *(s for m in program.models for s in m.body))
        for bind in statement.context
        if isinstance(bind, Bind)
        for part in walk(bind.last)
        if (name := size_name(part)) and _looks_back(statement, bind.key)
    }
    likely = [name for name in found if name in looped] or found
    if len(likely) == 1:
        return likely[0]
    raise GmError([errors.no_time(program.span, "", likely)])


def _looks_back(statement: Statement, key: str) -> bool:
    """Say whether a statement indexes by a loop variable and something else."""
    for expression in expressions_in(statement):
        for part in walk(expression):
            if isinstance(part, VariableRef | AttributeRef):
                for index in part.indices:
                    if isinstance(index, Apply) and any(
                        isinstance(inner, Local) and inner.key == key for inner in walk(index)
                    ):
                        return True
    return False
