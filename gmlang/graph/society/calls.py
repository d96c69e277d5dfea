"""Models with `prior 0`, which are active only where another calls them.

`use m(...)` calls m, `predict m(...) @ c` does with probability c, and so does a composite that
uses m. A call is made where the caller is active and the conditions around it hold. With calls
k = 1..n that are made,

    P(m is not active) = product of (1 - c_k)

so that the activation is the effect of a noisy or without a leak (Pearl 1988, "Probabilistic
Reasoning in Intelligent Systems", 4.3.2), and false where nobody calls.
"""

import numpy as np

from gmlang.core.ast import Activation, Constant, Dist, Distribution, Expression, Item, Real
from gmlang.core.program import ModelSymbol
from gmlang.diagnostics import GmError, Span
from gmlang.errors.acting import calls as errors
from gmlang.families.bernoulli import BERNOULLI
from gmlang.families.noisy_or import NOISY_OR
from gmlang.graph.builder import Origin
from gmlang.graph.cycles import Round
from gmlang.graph.doing.changing import are_unchanged
from gmlang.graph.lowering.grounder import (
    Call,
    Grounder,
    Job,
    auxiliary,
    environment,
    hidden_numbers,
    hidden_reference,
    together,
)
from gmlang.graph.lowering.lower import lower
from gmlang.graph.society.existence import (
    drawn_while_they_exist,
    existence_variables,
    groups_of,
)
from gmlang.graph.values import terms
from gmlang.graph.world.instances import model_frame, own_activation
from gmlang.graph.world.names import instance_name
from gmlang.graph.world.places import collect, locate
from gmlang.graph.world.states import BOOL
from gmlang.graph.world.world import Frame, ModelTable, World

_ALWAYS = -1
"""The cause of a call that stands in no model and under no condition."""


def calls_some(world: World, symbol: ModelSymbol) -> bool:
    """Say whether a model, or one of those that it is the conjunction of, is only called."""
    if symbol.prior is not None or not symbol.parts:
        return symbol.is_called
    return any(calls_some(world, world.models[part.model].symbol) for part in symbol.parts)


def cause_of(
    grounder: Grounder, frame: Frame, gates: tuple[Expression, ...], span: Span
) -> np.ndarray:
    """Return the variable of each instance that is true where all gates hold; `_ALWAYS` of none."""
    if not gates:
        return np.full(frame.count, _ALWAYS, np.int64)
    if len(gates) == 1 and isinstance(gates[0], Activation):
        found = locate(gates[0], environment(grounder, frame)).variables
        return np.broadcast_to(found.reshape(-1), (frame.count,))
    both = together(gates, span)
    frame, reference = auxiliary(grounder, frame, both, BOOL)
    variables = locate(reference, environment(grounder, frame)).variables
    _note_parents(grounder, frame, both, variables)
    return variables


def _note_parents(
    grounder: Grounder, frame: Frame, condition: Expression, variables: np.ndarray
) -> None:
    """Note what a condition depends on, so that calls that go round are found."""
    env = environment(grounder, frame)
    collect(condition, env)
    for slot in env.slots.items:
        parents, children = np.broadcast_arrays(slot.variables.reshape(-1), variables)
        edges = parents.astype(np.int32), children.astype(np.int32)
        grounder.builder.edges.append(edges)


def _note_call(
    grounder: Grounder,
    model: str,
    targets: np.ndarray,
    causes: np.ndarray,
    confidence: np.ndarray,
    span: Span,
) -> None:
    """Note that activations of a model are called, until all calls are known.

    Args:
        grounder: grows.
        model: that is only called.
        targets: its activations, one for each call.
        causes: the variables that say whether the calls are made, or `_ALWAYS`.
        confidence: how probable each call, or all of them, makes its target.
        span: of the statement.
    """
    with np.errstate(divide="ignore"):
        log_fails = np.log1p(-np.broadcast_to(confidence, targets.shape))
    grounder.calls.append(Call(model, targets, causes, log_fails, span))


def ground_calls(grounder: Grounder, table: ModelTable) -> None:
    """Add the mechanism of a model's activations: who calls them, and else nobody."""
    targets, causes, log_fails = _calls_of(grounder, table)
    always = causes == _ALWAYS
    leaks = np.zeros(len(table.keys))
    np.add.at(leaks, targets[always], log_fails[always])
    targets, causes, log_fails = targets[~always], causes[~always], log_fails[~always]
    counts = np.bincount(targets, minlength=len(table.keys))
    starts = np.concatenate([[0], np.cumsum(counts)])
    variables = table.start + np.arange(len(table.keys))
    kept = are_unchanged(grounder.world, variables)
    kept = np.ones(len(variables), np.bool_) if kept is None else kept
    grounder.builder.mechanisms.append((variables[kept].astype(np.int32), table.symbol.span))
    for rows, things in groups_of(existence_variables(grounder.world, table)):
        for count in np.unique(counts[rows][kept[rows]]):
            own = np.flatnonzero((counts[rows] == count) & kept[rows])
            places = starts[rows[own]][:, None] + np.arange(count)[None, :]
            made = causes[places], -np.expm1(log_fails[places]), -np.expm1(leaks[rows[own]])
            _add(grounder, table, rows[own], things[own], made)


def _calls_of(grounder: Grounder, table: ModelTable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the calls of a model by the number of their target: (targets, causes, log fails).

    Those of one target by one cause are one call.
    """
    made = [call for call in grounder.calls if call.model == table.symbol.name]
    none = np.zeros(0, np.int64)
    targets = np.concatenate([none, *(call.targets for call in made)]) - table.start
    causes = np.concatenate([none, *(call.causes for call in made)])
    log_fails = np.concatenate([np.zeros(0), *(call.log_fails for call in made)])
    pairs, place = np.unique(np.stack([targets, causes], axis=1), axis=0, return_inverse=True)
    total = np.zeros(len(pairs))
    np.add.at(total, place.reshape(-1), log_fails)
    return pairs[:, 0], pairs[:, 1], total


def _add(
    grounder: Grounder,
    table: ModelTable,
    rows: np.ndarray,
    things: np.ndarray,
    made: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Add the mechanism of activations that have equally many calls: causes, chances, leaks."""
    symbol, span = table.symbol, table.symbol.span
    causes, chances, leaks = made
    frame = model_frame(symbol, table.rows[rows])
    items: list[Item] = []
    for cause, chance in zip(causes.T, chances.T, strict=True):
        frame, reference = hidden_reference(grounder, frame, cause, BOOL, span)
        frame, number = hidden_numbers(grounder, frame, chance, span)
        items.append(Item(span, (), number, reference))
    if items or leaks.any():
        frame, leak = hidden_numbers(grounder, frame, leaks, span)
        drawn = Distribution(span, NOISY_OR.name, (leak,), tuple(items), Dist())
    else:
        never = Constant(span, 0.0, Real())
        drawn = Distribution(span, BERNOULLI.name, (never,), (), Dist())
    frame, law = drawn_while_they_exist(grounder, frame, things, drawn)
    origin = Origin("call", span, symbol.name)
    lower(grounder, frame, Job(terms.Drawn(own_activation(symbol), law), (), origin))


def refuse_calls_around(grounder: Grounder, found: Round) -> None:
    """Refuse models that are only called, and call themselves.

    Raises:
        GmError: naming them.
    """
    world, members = grounder.world, found.members
    for table in world.models.values():
        own = members[(members >= table.start) & (members < table.start + len(table.keys))]
        if table.symbol.is_called and len(own):
            label = found.labels[own[0]]
            names = [
                instance_name(world, other, int(row))
                for other in world.models.values()
                for row in np.flatnonzero(
                    found.labels[other.start : other.start + len(other.keys)] == label
                )
            ]
            raise GmError([errors.calls_go_round(table.symbol.span, names)])


def call_conjuncts(
    grounder: Grounder,
    parts: list[tuple[str, np.ndarray]],
    causes: np.ndarray,
    confidence: np.ndarray,
    span: Span,
) -> list[tuple[Frame, Activation, tuple[Expression, ...]]]:
    """Call the parts of a conjunction that are only called; the others are yet to be predicted.

    Args:
        grounder: grows.
        parts: models, and their activations for each instance.
        causes: of each instance, what says whether the calls are made.
        confidence: of the call, for each instance or for all.
        span: of the statement.

    Returns:
        Of each other part: a frame, its activation there, and the gates of the prediction.

    Raises:
        GmError: where a conjunction is called that is not certain: it does not say which part is
            to be how probable.
    """
    if len(parts) > 1 and (confidence < 1).any():
        raise GmError([errors.uncertain_call(span)])
    left: list[tuple[Frame, Activation, tuple[Expression, ...]]] = []
    for model, variables in parts:
        table = grounder.world.models[model]
        if table.symbol.is_called:
            _note_call(grounder, model, variables, causes, confidence, span)
            continue
        frame = model_frame(table.symbol, table.rows[variables - table.start])
        gates: tuple[Expression, ...] = ()
        if not (causes == _ALWAYS).all():
            frame, gate = hidden_reference(grounder, frame, causes, BOOL, span)
            gates = (gate,)
        left.append((frame, own_activation(table.symbol), gates))
    return left
