"""Predictions of one form, in however many models: worked out together, and then taken apart.

Models with names of their own differ in numbers: a thousand of them that predict `x.color = v @ c`
are one model with columns v and c. Statements whose expressions differ in constants alone are
ground as one, over a frame that holds the instances of all and their constants as columns; each
keeps its block of factors and its origin.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import (
    Apply,
    AttributeRef,
    Constant,
    Distribution,
    Expression,
    Local,
    Thing,
    Whole,
)
from gmlang.core.program import ModelSymbol, Predict, Statement
from gmlang.core.records.reals import PredictReal
from gmlang.core.walk import parts, with_parts
from gmlang.diagnostics import GmError
from gmlang.graph.builder import Origin
from gmlang.graph.lowering.grounder import Grounder, Job, environment, hidden_reference
from gmlang.graph.lowering.lower import lower
from gmlang.graph.reals.observed import are_hidden
from gmlang.graph.reals.predicted import predict_hidden
from gmlang.graph.society.scene import Scene
from gmlang.graph.statements import declared_log_base
from gmlang.graph.values import terms
from gmlang.graph.values.arithmetic import INTEGER_MAX, INTEGER_MIN
from gmlang.graph.world.places import locate
from gmlang.graph.world.states import BOOL
from gmlang.graph.world.world import Frame, ModelTable
from gmruntime.arrays import row_starts
from gmruntime.factors.kinds import Gated

_FEW = 8
"""So many statements of one form are ground one by one."""

_AT_ONCE = 128
"""So many that predict a real, of thousands of nodes each, before time is looked at."""

Form = tuple[object, ...]
"""What statements that differ in constants alone have in common."""


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """A prediction in the body of a model that has instances.

    Attributes:
        scene: of the model.
        constants: of its expressions, in their order; those of one place are of one type.
        varies: whether its value depends on the model's parameters.
    """

    scene: Scene
    table: ModelTable
    statement: Predict | PredictReal
    constants: tuple[float, ...]
    varies: bool


class Alike:
    """Gathers the predictions of models by their form."""

    def __init__(self) -> None:
        """Gather none yet."""
        self._groups: dict[Form, list[Said]] = {}

    def takes(self, scene: Scene, table: ModelTable, statement: Statement) -> bool:
        """Take a statement, if it is a prediction of which others may differ in constants alone."""
        if not isinstance(statement, Predict | PredictReal) or statement.context:
            return False
        if any(silence.model == scene.model for silence in scene.silences):
            return False
        if scene.grounder.world.changed is not None:
            return False
        reading = _Reading(table.symbol)
        form = reading.form_of(statement)
        if form is None:
            return False
        said = Said(scene, table, statement, tuple(reading.constants), reading.varies)
        self._groups.setdefault(form, []).append(said)
        return True

    def steps(
        self, grounder: Grounder, alone: Callable[[Said], None]
    ) -> Iterator[Callable[[], None]]:
        """Yield what is to be done, so that mistakes can be collected.

        Args:
            grounder: grows.
            alone: grounds one statement.
        """
        for group in self._groups.values():
            size = _AT_ONCE if isinstance(group[0].statement, PredictReal) else len(group)
            for first in range(0, len(group), size):
                some = group[first : first + size]
                grounder.world.check_time()
                if len(some) <= _FEW or not _ground(grounder, some):
                    for said in some:
                        yield lambda s=said: alone(s)


@dataclass(slots=True)
class _Reading:
    """Reads the form of a statement in the body of a model."""

    symbol: ModelSymbol
    constants: list[float]
    varies: bool

    def __init__(self, symbol: ModelSymbol) -> None:
        self.symbol, self.constants, self.varies = symbol, [], False

    def form_of(self, statement: Predict | PredictReal) -> Form | None:
        """Return the form of a prediction about an attribute of a parameter; None for others."""
        target = statement.target
        if not isinstance(target, AttributeRef) or any(
            isinstance(index, Whole) for index in target.indices
        ):
            return None
        position = self._position(target.thing.key)
        if position is None:
            return None
        arity = len(self.symbol.parameters)
        found: list[object] = [target.thing.entity, target.attribute, position, arity]
        if isinstance(statement, PredictReal):
            found.append(statement.density.family)
            value = statement.density.arguments
        else:
            value = (statement.distribution,)
        confidence = () if statement.confidence is None else (statement.confidence,)
        places = tuple(index for index in target.indices if not isinstance(index, Whole))
        for expression in (*places, None, *value, *confidence):
            if expression is None:
                # Where the target's indices vary, its value does not.
                self.varies = False
            elif not self._read(expression, found):
                return None
        return tuple(found)

    def _position(self, key: str) -> int | None:
        for k, parameter in enumerate(self.symbol.parameters):
            if parameter.key == key:
                return k
        return None

    def _read(self, expression: Expression, found: list[object]) -> bool:
        match expression:
            case Constant():
                value = expression.value
                if isinstance(value, int) and not INTEGER_MIN <= value <= INTEGER_MAX:
                    # What no column holds is told, or guarded, where it stands.
                    return False
                self.constants.append(value)
                found += [type(expression.type), type(value)]
                return True
            case Local():
                self.varies = True
                position = self._position(expression.key)
                found.append(position)
                return position is not None
            case Apply():
                found += [expression.operator, len(expression.arguments)]
            case Distribution(items=()):
                found += [expression.family, len(expression.arguments)]
            case _:
                return False
        return all(self._read(part, found) for part in parts(expression))


def _ground(grounder: Grounder, group: list[Said]) -> bool:
    """Ground statements of one form; return False, and leave no trace, where one is special."""
    builder, world = grounder.builder, grounder.world
    mark, warned, uneven = builder.mark(), len(world.warnings), len(world.uneven)
    starts = row_starts([len(said.table.keys) for said in group])
    kind = None
    with suppress(GmError):
        _lower_together(grounder, group)
        grown = [after - before for after, before in zip(builder.mark(), mark, strict=True)]
        is_one = grown[1] == sum(grown) == 1 and len(builder.factors[-1].scopes) == starts[-1]
        said_more = len(world.warnings) > warned or len(world.uneven) > uneven
        kind = builder.factors[-1].kind if is_one and not said_more else None
    if not isinstance(kind, Gated):
        builder.reset(mark)
        del world.warnings[warned:], world.uneven[uneven:]
        return False
    block, origin = builder.factors.pop(), builder.origins.pop()
    assert origin.targets is not None
    tables = kind.log_potentials
    for said, first, end in zip(group, starts[:-1], starts[1:], strict=True):
        own = tables
        if len(tables) > 1:
            own = tables[first : end if said.varies else first + 1]
        targets = origin.targets[first:end]
        its = Origin("predict", said.statement.span, said.scene.model, targets)
        builder.add_factors(Gated(own), block.scopes[first:end], its)
    return True


def _lower_together(grounder: Grounder, group: list[Said]) -> None:
    """Add what the first says with columns as constants, for the instances of all statements."""
    first = group[0]
    counts = [len(said.table.keys) for said in group]
    rows = np.concatenate([said.table.rows for said in group])
    columns: dict[str, np.ndarray] = {_parameter(k): rows[:, k] for k in range(rows.shape[1])}
    for k, values in enumerate(zip(*(said.constants for said in group), strict=True)):
        kind = np.float64 if isinstance(values[0], float) else np.int64
        columns[_constant(k)] = np.repeat(np.array(values, kind), counts)
    activations = [said.table.start + np.arange(len(said.table.keys)) for said in group]
    span = first.statement.span
    frame = Frame(len(rows), columns)
    frame, gate = hidden_reference(grounder, frame, np.concatenate(activations), BOOL, span)
    statement = _Writing(first.table.symbol).written(first.statement)
    if isinstance(statement, PredictReal):
        # What is said of an observed real is a number, told for each model.
        if are_hidden(grounder, frame, statement.target).all():
            predict_hidden(Scene(grounder), frame, statement, (gate,))
        return
    target = statement.target
    assert isinstance(target, AttributeRef)
    base = declared_log_base(grounder, target)
    term = terms.Drawn(target, statement.distribution, statement.confidence, base)
    slot = locate(target, environment(grounder, frame))
    targets = np.broadcast_to(slot.variables, frame.count)
    lower(grounder, frame, Job(term, (gate,), Origin("predict", span, first.scene.model, targets)))


def _parameter(position: int) -> str:
    return f"#parameter {position}"


def _constant(number: int) -> str:
    return f"#constant {number}"


class _Writing:
    """Writes a statement with columns in place of its constants, in the order of `_Reading`."""

    def __init__(self, symbol: ModelSymbol) -> None:
        self.columns = {p.key: _parameter(k) for k, p in enumerate(symbol.parameters)}
        self.count = 0

    def written(self, statement: Predict | PredictReal) -> Predict | PredictReal:
        """Return the statement."""
        target = statement.target
        assert isinstance(target, AttributeRef)
        thing = replace(target.thing, key=self.columns[target.thing.key])
        assert isinstance(thing, Thing)
        indices = tuple(i if isinstance(i, Whole) else self._of(i) for i in target.indices)
        target = replace(target, thing=thing, indices=indices)
        if isinstance(statement, PredictReal):
            arguments = tuple(self._of(a) for a in statement.density.arguments)
            density = replace(statement.density, arguments=arguments)
            statement = replace(statement, target=target, density=density)
        else:
            distribution = self._of(statement.distribution)
            statement = replace(statement, target=target, distribution=distribution)
        confidence = None if statement.confidence is None else self._of(statement.confidence)
        return replace(statement, confidence=confidence)

    def _of(self, expression: Expression) -> Expression:
        match expression:
            case Constant():
                self.count += 1
                return Local(expression.span, _constant(self.count - 1), expression.type)
            case Local():
                return replace(expression, key=self.columns[expression.key])
            case _:
                return with_parts(expression, [self._of(part) for part in parts(expression)])
