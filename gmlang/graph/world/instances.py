"""Which instances of which models exist: those considered, used, predicted or mentioned."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from gmlang.core.ast import (
    Activation,
    Aggregate,
    Bool,
    Constant,
    Context,
    Distribution,
    Domain,
    Enum,
    Expression,
    Gate,
    Integer,
    IntRange,
)
from gmlang.core.program import (
    Consider,
    Define,
    Draw,
    LogFactor,
    ModelSymbol,
    ObserveLike,
    ObserveValue,
    Predict,
    PredictActive,
    Require,
    Statement,
    Use,
)
from gmlang.core.records.covering import Cover
from gmlang.core.records.decisions import Knows, Maximize
from gmlang.core.records.members import NamedMember
from gmlang.core.records.reals import (
    DefineReal,
    DrawReal,
    ObserveDrawn,
    ObserveReal,
    ObserveRealLike,
    PredictReal,
    PredictWithin,
)
from gmlang.core.walk import is_random, parts, replace_part, walk
from gmlang.graph.functions.unrolling import unrolled
from gmlang.graph.values.environment import Env, NoValue, Slots
from gmlang.graph.values.evaluate import expand, integers
from gmlang.graph.world.places import argument_rows, index_ranges, instance_keys
from gmlang.graph.world.world import ONE_INSTANCE, Frame, ModelTable, World, select_rows


def domain_range(domain: Domain, env: Env) -> tuple[int, int]:
    """Return the first value of a domain and how many values it has."""
    match domain:
        case Bool():
            return 0, 2
        case Enum():
            return 0, len(domain.values)
        case IntRange():
            first = int(np.asarray(integers(domain.first, env)).reshape(-1)[0])
            last = int(np.asarray(integers(domain.last, env)).reshape(-1)[0])
            return first, max(0, last - first + 1)


def empty_table(world: World, symbol: ModelSymbol, env: Env) -> ModelTable:
    """Return the table of a model that has no instance yet."""
    sizes: list[int] = []
    firsts: list[int] = []
    for parameter in symbol.parameters:
        if parameter.domain is None:
            first, size = 0, world.num_things.get(parameter.entity, 0)
        else:
            first, size = domain_range(parameter.domain, env)
        firsts.append(first)
        sizes.append(size)
    nothing = np.zeros(0, np.int64)
    rows = np.zeros((0, len(sizes)), np.int64)
    return ModelTable(symbol, tuple(sizes), tuple(firsts), nothing, rows, 0)


def name_members(world: World, members: Sequence[NamedMember], env: Env) -> None:
    """Note what members of families are called; of several names the first counts."""
    for member in members:
        try:
            values = tuple(int(np.asarray(integers(v, env)).flat[0]) for v in member.values)
        except NoValue:
            # Whoever mentions it is told.
            continue
        world.members.setdefault(member.model, {}).setdefault(values, member.name)


def model_frame(symbol: ModelSymbol, rows: np.ndarray) -> Frame:
    """Return the frame of a model's body: one row for each instance."""
    columns = {p.key: rows[:, k] for k, p in enumerate(symbol.parameters)}
    return Frame(len(rows), columns)


def mentioned(statement: Statement) -> list[Expression]:
    """List the expressions of a statement that may mention model instances."""
    gates: list[Expression] = [c.condition for c in statement.context if isinstance(c, Gate)]
    match statement:
        case Draw():
            return [*gates, statement.distribution]
        case Define():
            return [*gates, statement.value]
        case LogFactor():
            return [*gates, statement.value]
        case Knows():
            return []
        case Maximize(value=value):
            return gates if value is None else [*gates, value]
        case Require():
            return [*gates, statement.condition]
        case ObserveReal() | ObserveRealLike() | PredictReal() | PredictWithin():
            return gates
        case DrawReal(law=value) | DefineReal(value=value) | ObserveDrawn(law=value):
            return [*gates, value]
        case ObserveValue():
            return [*gates, statement.target]
        case ObserveLike():
            return [*gates, statement.target, statement.weights]
        case Predict() | Cover():
            return [*gates, statement.distribution]
        case PredictActive() | Consider():
            return [*gates, statement.target]
        case Use():
            return [*gates, statement.target, *statement.exceptions]


def discover(
    world: World,
    statements: Iterable[Statement],
    extra: Iterable[tuple[Context, Expression]],
    names: dict[str, str],
) -> tuple[dict[str, np.ndarray], bool]:
    """Find all rows of parameters for which each model has an instance.

    Returns:
        Them, and whether the further expressions mention only what exists without them.

    Args:
        world: its `models` hold an empty table for every model.
        statements: those outside models.
        extra: further expressions that mention instances, such as a query's.
        names: of loop variables, for messages.
    """
    keys: dict[str, np.ndarray] = {name: np.zeros(0, np.int64) for name in world.models}
    queue: list[tuple[str, np.ndarray]] = []

    def note(found: list[tuple[str, np.ndarray]]) -> None:
        for name, rows in found:
            table = world.models[name]
            new, first = np.unique(instance_keys(table, rows), return_index=True)
            fresh = ~np.isin(new, keys[name], assume_unique=True)
            if fresh.any():
                keys[name] = np.union1d(keys[name], new[fresh])
                queue.append((name, rows[first[fresh]]))

    for statement in statements:
        for expression in mentioned(statement):
            note(_activations(world, ONE_INSTANCE, statement.context, expression, names))
    _follow(world, queue, note, names)
    for context, expression in extra:
        note(_activations(world, ONE_INSTANCE, context, expression, names))
    nothing_new = not queue
    _follow(world, queue, note, names)
    return keys, nothing_new


def all_exist(
    world: World, extra: Iterable[tuple[Context, Expression]], names: dict[str, str]
) -> bool:
    """Say whether all instances that some expressions mention exist in a grounded program."""
    own = dict(names)
    for context, expression in extra:
        for name, rows in _activations(world, ONE_INSTANCE, context, expression, own):
            table = world.models[name]
            if not np.isin(instance_keys(table, rows), table.keys).all():
                return False
    return True


def _follow(
    world: World,
    queue: list[tuple[str, np.ndarray]],
    note: Callable[[list[tuple[str, np.ndarray]]], None],
    names: dict[str, str],
) -> None:
    """Note what the bodies of new instances mention, until they mention nothing new."""
    while queue:
        name, rows = queue.pop()
        symbol = world.models[name].symbol
        frame = model_frame(symbol, rows)
        for part in (*symbol.parts, *(() if symbol.depth is None else (symbol.depth,))):
            note(_activations(world, frame, (), part, names))
        for statement in symbol.body:
            for expression in mentioned(statement):
                note(_activations(world, frame, statement.context, expression, names))


def _activations(
    world: World, frame: Frame, context: Context, expression: Expression, names: dict[str, str]
) -> list[tuple[str, np.ndarray]]:
    if not _has_activation(expression):
        return []
    found: list[tuple[str, np.ndarray]] = []
    whole = _expanded(world, frame, context, names)
    stack: list[tuple[Expression, Frame]] = [
        (part, select_rows(whole, rows))
        for rows, (part,) in unrolled(world, whole, names, (expression,))
    ]
    while stack:
        part, at = stack.pop()
        if at.count == 0:
            continue
        if isinstance(part, Activation):
            found.extend(_rows(world, at, part, names))
        items = part.items if isinstance(part, Aggregate | Distribution) else ()
        for item in items:
            inner = _expanded(world, at, item.context, names)
            stack.append((item.value, inner))
            if item.key is not None:
                stack.append((item.key, inner))
        if not items:
            stack.extend((inner, at) for inner in parts(part))
    return found


def _expanded(world: World, frame: Frame, context: Context, names: dict[str, str]) -> Frame:
    """Repeat a frame over a context, without the instances in which that has no value.

    Something may guard them; if not, grounding tells.
    """
    env = Env(world, frame, Slots(), (), names)
    while True:
        try:
            return expand(env, context)[0]
        except NoValue as error:
            whole = len(error.rows) != env.frame.count
            kept = np.zeros(env.frame.count, np.bool_) if whole else ~error.rows
            env = Env(world, select_rows(env.frame, kept), Slots(), (), names)


def _has_activation(expression: Expression) -> bool:
    return any(isinstance(part, Activation) for part in walk(expression))


def _rows(
    world: World, frame: Frame, activation: Activation, names: dict[str, str]
) -> list[tuple[str, np.ndarray]]:
    table = world.models[activation.model]
    for index, low, size in index_ranges(world, activation):
        if not is_random(index):
            continue
        every: list[tuple[str, np.ndarray]] = []
        for value in range(low, low + size):
            fixed = replace_part(activation, index, Constant(index.span, value, Integer()))
            assert isinstance(fixed, Activation)
            every.extend(_rows(world, frame, fixed, names))
        return every
    env = Env(world, frame, Slots(), (), names).gathering()
    rows = argument_rows(activation, table, env)
    exists = np.ones(len(rows), np.bool_)
    for hole in env.holes or ():
        exists &= ~hole.mask
    return [(activation.model, rows[exists])]
