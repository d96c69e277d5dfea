"""What a program says of decisions, for one graph: choices, what they know, utilities as tables."""

from collections.abc import Iterator, Sequence

import numpy as np

from gmlang.core.ast import Gate
from gmlang.core.check.deciding.choices import product
from gmlang.core.program import Program
from gmlang.core.records.decisions import Known, Knows, Maximize
from gmlang.diagnostics import GmError
from gmlang.errors import decisions as errors
from gmlang.graph.builder import Builder, Origin
from gmlang.graph.lowering.grounder import Grounder, Job, environment
from gmlang.graph.lowering.lower import lower
from gmlang.graph.values import terms
from gmlang.graph.values.evaluate import expand
from gmlang.graph.world.places import locate, locate_array
from gmlang.graph.world.world import ONE_INSTANCE, Frame, World
from gmruntime.arrays import Int64
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, num_states

_ENTRIES_MAX = 1 << 22
"""Of the tables of one statement."""


def has_choices(program: Program) -> bool:
    """Say whether anything is chosen in a program."""
    return any(symbol.is_choice for symbol in program.variables)


def choices_of(program: Program, world: World) -> Int64[np.ndarray, " choices"]:
    """List the variables that are chosen, in the order in which they are declared.

    What was done to one is settled, whoever would have chosen it.
    """
    found = [np.zeros(0, np.int64)]
    for symbol in program.variables:
        if symbol.is_choice:
            array = world.variables[symbol.name]
            size = int(np.prod(array.shape, dtype=np.int64))
            found.append(np.arange(array.start, array.start + size))
    choices = np.concatenate(found)
    return choices if world.changed is None else np.setdiff1d(choices, world.changed)


Knowledge = dict[int, tuple[int, ...]]
"""Which variables each choice knows, in the order in which that is said."""


def knowledge_of(program: Program, grounder: Grounder) -> Knowledge:
    """Go through all that is said to be known."""
    found: dict[int, dict[int, None]] = {}
    for statement in program.statements:
        if isinstance(statement, Knows):
            for choice, variables in _each_known(grounder, statement):
                found.setdefault(choice, {}).update(dict.fromkeys(variables))
    return {choice: tuple(known) for choice, known in found.items()}


def _each_known(grounder: Grounder, statement: Knows) -> Iterator[tuple[int, list[int]]]:
    frame, _ = expand(environment(grounder, ONE_INSTANCE), statement.context)
    if not frame.count:
        return
    choices = locate(statement.target, environment(grounder, frame)).variables
    choices = np.broadcast_to(choices.reshape(-1), (frame.count,)).tolist()
    for known in statement.known:
        rows, variables = known_in(grounder, frame, known)
        for row in range(frame.count):
            yield choices[row], variables[rows == row].reshape(-1).tolist()


def known_in(grounder: Grounder, frame: Frame, known: Known) -> tuple[np.ndarray, np.ndarray]:
    """Return the variables of each repetition of what is known, and the instance it is known in."""
    inner, rows = expand(environment(grounder, frame), known.context)
    if not inner.count:
        return np.zeros(0, np.int64), np.zeros((0, 1), np.int64)
    variables, _ = locate_array(known.value, environment(grounder, inner))
    flat = np.broadcast_to(variables, (inner.count, *variables.shape[1:]))
    return np.asarray(rows), flat.reshape(inner.count, -1)


def utilities_of(program: Program, grounder: Grounder) -> tuple[tuple[FactorBlock, ...], float]:
    """Ground what is maximized: tables of utilities, and what is added to their sum.

    Auxiliary variables that they need are added to the graph, their tables are not.

    Raises:
        GmError: where a utility is infinite, or of too many variables together.
    """
    found: list[FactorBlock] = []
    constant = 0.0
    for part in program.statements:
        if not isinstance(part, Maximize):
            continue
        for block in _ground(grounder, part):
            table = _as_table(block, grounder.builder, part)
            if block.scopes.shape[1]:
                found.append(table)
            else:
                kind = table.kind
                assert isinstance(kind, Table)
                times = len(block.scopes) / len(kind.log_potentials)
                constant += times * float(kind.log_potentials.sum())
    return tuple(found), constant


def _ground(grounder: Grounder, part: Maximize) -> Sequence[FactorBlock]:
    """Lower a part, and take what it adds out of the graph again."""
    frame, _ = expand(environment(grounder, ONE_INSTANCE), part.context)
    if not frame.count:
        return ()
    builder = grounder.builder
    before = len(builder.factors)
    gates = tuple(clause.condition for clause in part.context if isinstance(clause, Gate))
    origin = Origin("utility", part.span)
    lower(grounder, frame, Job(terms.Value(product(part)), gates, origin))
    added = list(zip(builder.factors[before:], builder.origins[before:], strict=True))
    rest = [pair for pair in added if pair[1].kind != "utility"]
    del builder.factors[before:], builder.origins[before:]
    builder.factors.extend(block for block, _ in rest)
    builder.origins.extend(origin for _, origin in rest)
    return [block for block, origin in added if origin.kind == "utility"]


def _as_table(block: FactorBlock, builder: Builder, part: Maximize) -> FactorBlock:
    arity = block.scopes.shape[1]
    states = num_states(builder.graph())
    shape = tuple(states[block.scopes[0]].tolist())
    num_tables = block.kind.num_tables
    entries = int(np.prod(shape, dtype=object)) if arity else 1
    if num_tables * entries > _ENTRIES_MAX:
        raise GmError([errors.wide_utility(part.span, part.span.text)])
    grid = np.indices(shape).reshape(arity, -1).T if arity else np.zeros((1, 0), np.int64)
    numbers = np.repeat(np.arange(num_tables), entries)
    values = block.kind.log_values(numbers, np.tile(grid, (num_tables, 1)))
    if not np.isfinite(values).all():
        raise GmError([errors.endless_utility(part.span, part.span.text)])
    table = np.ascontiguousarray(values.reshape(num_tables, *shape))
    return FactorBlock(Table(table), block.scopes, block.label)
