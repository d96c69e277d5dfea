"""One case for each core statement: what it adds to the factor graph."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from gmlang.core.ast import (
    Activation,
    Apply,
    AttributeRef,
    Constant,
    Expression,
    Gate,
    Real,
    VariableRef,
)
from gmlang.core.check.joint.routes import key_of
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
from gmlang.core.records.reals import (
    DefineReal,
    DrawReal,
    ObserveDrawn,
    ObserveReal,
    ObserveRealLike,
    PredictReal,
    PredictWithin,
)
from gmlang.core.walk import is_real_reference
from gmlang.diagnostics import GmError, Span
from gmlang.errors.learning.written import prior_used_elsewhere
from gmlang.graph.builder import Origin
from gmlang.graph.fixpoints import lower_definition
from gmlang.graph.lowering.forms.matches import match
from gmlang.graph.lowering.forms.sites import is_moving, sites_of, why_unmatched
from gmlang.graph.lowering.grounder import (
    Definition,
    Grounder,
    Job,
    auxiliary,
    environment,
    hidden_numbers,
    together,
)
from gmlang.graph.lowering.lower import lower
from gmlang.graph.observations import heard, observe_existing, observe_like
from gmlang.graph.reals.observed import are_hidden, observe_real, predict_real, refuse_learned
from gmlang.graph.reals.predicted import observe_like as observe_real_like
from gmlang.graph.reals.predicted import predict_hidden, predict_within
from gmlang.graph.rows.adding import define_real, draw_real, look_at_real, noted, observe_drawn
from gmlang.graph.society.scene import Scene, Silence, unsilenced
from gmlang.graph.values import terms
from gmlang.graph.values.chances import probability
from gmlang.graph.values.evaluate import expand
from gmlang.graph.world.places import Reference, locate, locate_array
from gmlang.graph.world.states import BOOL
from gmlang.graph.world.world import Frame, select_rows


def ground_statement(scene: Scene, frame: Frame, statement: Statement) -> None:
    """Add what a statement says, for every instance of the frame and of its own loops.

    Raises:
        GmError: when the statement does not fit the data.
    """
    outer, _ = expand(environment(scene.grounder, frame), statement.context)
    if isinstance(statement, Predict | PredictActive | PredictReal | PredictWithin | Cover):
        outer = heard(scene.grounder, outer, statement.confidence)
    if outer.count == 0:
        return
    gates = _gates(scene, statement)
    match statement:
        case Draw():
            _mechanism(scene, outer, statement, gates)
        case Define():
            _mechanism(scene, outer, statement, gates)
        case LogFactor():
            job = Job(terms.Value(statement.value), gates, _origin(scene, "factor", statement))
            lower(scene.grounder, outer, job)
        case Require():
            kind = "observe" if statement.is_observation else "constraint"
            job = Job(terms.Condition(statement.condition), gates, _origin(scene, kind, statement))
            lower(scene.grounder, outer, job)
        case ObserveValue():
            observed = statement.target, statement.value, statement.span
            observe_existing(scene.grounder, outer, *observed, gates)
        case ObserveLike():
            origin = _origin(scene, "observe", statement)
            observe_like(scene.grounder, outer, statement, origin, gates)
        case ObserveReal():
            observe_real(scene.grounder, outer, statement)
        case ObserveRealLike(target=target):
            is_joint = key_of(target) in scene.grounder.world.joint_reals
            if is_joint:
                noted(scene.grounder, lambda g: look_at_real(g, outer, statement, gates))
            else:
                observe_real_like(scene, outer, statement, gates)
        case DrawReal():
            noted(scene.grounder, lambda g: draw_real(g, outer, statement, gates))
        case DefineReal():
            noted(scene.grounder, lambda g: define_real(g, outer, statement, gates))
        case ObserveDrawn():
            noted(scene.grounder, lambda g: observe_drawn(g, outer, statement, gates))
        case PredictReal():
            refuse_learned(scene.grounder, (*statement.density.arguments, statement.confidence))
            is_hidden = are_hidden(scene.grounder, outer, statement.target)
            origin = _origin(scene, "predict", statement)
            seen = select_rows(outer, ~is_hidden)
            predict_real(scene.grounder, seen, statement, gates, origin)
            predict_hidden(scene, select_rows(outer, is_hidden), statement, gates)
        case PredictWithin(target=target):
            refuse_learned(scene.grounder, (statement.low, statement.high, statement.confidence))
            is_real = is_real_reference(target)
            log_base = None if is_real else declared_log_base(scene.grounder, target)
            predict_within(scene, outer, statement, gates, log_base)
        case Predict():
            _predict(scene, outer, statement, gates)
        case Cover():
            _cover(scene, outer, statement, gates)
        case PredictActive():
            _predict_active(scene, outer, statement, gates)
        case Use():
            _use(scene, outer, statement, gates)
        case Consider() | Knows() | Maximize():
            # What decisions are for is no part of what is probable.
            pass


def _gates(scene: Scene, statement: Statement) -> tuple[Expression, ...]:
    own = () if scene.own is None else (scene.own,)
    inner = tuple(c.condition for c in statement.context if isinstance(c, Gate))
    return (*own, *inner)


def _origin(scene: Scene, kind: str, statement: Statement) -> Origin:
    return Origin(kind, statement.span, scene.model)


def _mechanism(
    scene: Scene, frame: Frame, statement: Draw | Define, gates: tuple[Expression, ...]
) -> None:
    grounder = scene.grounder
    kind = "draw" if isinstance(statement, Draw) else "define"
    slot = locate(statement.target, environment(grounder, frame))
    if not gates:
        grounder.builder.mechanisms.append((slot.variables.astype(np.int32), statement.span))
    origin = _origin(scene, kind, statement)
    if isinstance(statement, Draw):
        term = terms.Drawn(statement.target, statement.distribution)
        lower(grounder, frame, Job(term, gates, origin))
        return
    variables = np.broadcast_to(slot.variables.reshape(-1), (frame.count,))
    term = terms.Defined(statement.target, statement.value)
    definition = Definition(term, frame, variables, slot.states, statement.span)
    lower_definition(grounder, definition, Job(term, gates, origin))


# --- Predictions -------------------------------------------------------------------------


def declared_log_base(grounder: Grounder, target: VariableRef | AttributeRef) -> np.ndarray:
    """Return the log of what a variable is drawn from where nothing speaks of it."""
    if isinstance(target, VariableRef):
        array = grounder.world.variables[target.name]
    else:
        array = grounder.world.attributes[target.thing.entity][target.attribute]
    if array.log_base is not None:
        return array.log_base
    return np.full(array.states.count, -np.log(array.states.count))


def _predict(scene: Scene, frame: Frame, statement: Predict, gates: tuple[Expression, ...]) -> None:
    grounder = scene.grounder
    if is_moving(statement.target) and _matched(scene, frame, statement, gates):
        return
    slot = locate(statement.target, environment(grounder, frame))
    base = declared_log_base(grounder, statement.target)
    term = terms.Drawn(statement.target, statement.distribution, statement.confidence, base)
    for rows, part, extra in unsilenced(scene, frame, slot.variables, statement.span):
        targets = np.broadcast_to(slot.variables, frame.count)[rows]
        origin = Origin("predict", statement.span, scene.model, targets)
        lower(grounder, part, Job(term, (*gates, *extra), origin))


def _cover(scene: Scene, frame: Frame, statement: Cover, gates: tuple[Expression, ...]) -> None:
    """Note what covers; silences wait until the sites are known."""
    assert scene.own is not None
    depth = scene.grounder.world.models[scene.model].symbol.depth
    said = statement.target, statement.distribution, statement.confidence
    term = terms.Covered(*said, depth, scene.own)
    lower(scene.grounder, frame, Job(term, gates, _origin(scene, "predict", statement)))


def _matched(scene: Scene, frame: Frame, statement: Predict, gates: tuple[Expression, ...]) -> bool:
    """Predict what random indices pick; False where it is not observed, and may matter."""
    if any(silence.model == scene.model for silence in scene.silences):
        return False
    found = sites_of(scene.grounder, frame, statement.target)
    base = declared_log_base(scene.grounder, statement.target)
    term = terms.Drawn(statement.target, statement.distribution, statement.confidence, base)
    origin = Origin("predict", statement.span, scene.model, found.variables())
    job = Job(term, gates, origin)
    if match(scene.grounder, frame, job):
        return True
    told = why_unmatched(scene.grounder, frame, job)
    if told is not None:
        raise GmError([told])
    return False


def _predict_active(
    scene: Scene, frame: Frame, statement: PredictActive, gates: tuple[Expression, ...]
) -> None:
    grounder = scene.grounder
    confidence = np.ones(1)
    learned = grounder.learned
    c = statement.confidence
    is_learned = learned is not None and c is not None and learned.concerns((c,))
    if statement.confidence is not None:
        env = environment(grounder, frame)
        confidence = probability(statement.confidence, env).reshape(-1)
    with np.errstate(divide="ignore"):
        logs = np.log(confidence), np.log1p(-confidence)
    log_on, log_off = logs if statement.is_positive else logs[::-1]
    slot = locate(statement.target, environment(grounder, frame))
    for rows, part, extra in unsilenced(scene, frame, slot.variables, statement.span):
        on, off = (log if log.size == 1 else log[rows] for log in (log_on, log_off))
        origin = Origin("predict", statement.span, scene.model, slot.variables[rows])
        job = Job(_nothing(), (*gates, *extra), origin)
        if is_learned and c is not None:
            on, off = np.zeros(1), np.zeros(1)
            job = replace(job, term=terms.Value(_log_odds_part(statement, c)))
        predict_activation(grounder, part, statement.target, on, off, job)


def _log_odds_part(statement: PredictActive, c: Expression) -> Expression:
    """Write log P(target) where the confidence is learned."""
    span = statement.span
    rest = Apply(span, "-", (Constant(span, 1.0, Real()), c), Real())
    logs = Apply(span, "log", (c,), Real()), Apply(span, "log", (rest,), Real())
    on, off = logs if statement.is_positive else logs[::-1]
    return Apply(span, "if", (statement.target, on, off), Real())


CERTAINLY = np.zeros(1), np.full(1, -np.inf)
"""The logs of 1 and of 0: what `use` predicts of an activation."""


def _nothing() -> terms.Value:
    from gmlang.diagnostics import Source

    return terms.Value(Constant(Span(Source("", ""), 0, 0), 0.0, Real()))


def predict_activation(
    grounder: Grounder,
    frame: Frame,
    target: Activation,
    log_on: np.ndarray,
    log_off: np.ndarray,
    job: Job,
) -> None:
    """Add log P(target) - log prior(target).

    Args:
        grounder: grows.
        frame: the instances.
        target: the activation predicted.
        log_on: log P(target = true), for each instance or for all.
        log_off: log P(target = false), likewise.
        job: its gates and origin are used; the value of its term is added.

    Raises:
        GmError: when the prior of the target is learned, which this divides by.
    """
    table = grounder.world.models[target.model]
    _refuse_learned_prior(grounder, table.symbol, job)
    slot = locate(target, environment(grounder, frame))
    prior = grounder.world.priors[target.model][slot.variables - table.start]
    with np.errstate(divide="ignore", invalid="ignore"):
        on = np.where(prior > 0, log_on - np.log(prior), -np.inf)
        off = np.where(prior < 1, log_off - np.log1p(-prior), -np.inf)
    frame, on_ref = hidden_numbers(grounder, frame, on, target.span)
    frame, off_ref = hidden_numbers(grounder, frame, off, target.span)
    value = Apply(target.span, "if", (target, on_ref, off_ref), Real())
    if isinstance(job.term, terms.Value) and not isinstance(job.term.value, Constant):
        value = Apply(target.span, "+", (job.term.value, value), Real())
    lower(grounder, frame, replace(job, term=terms.Value(value)))


def _refuse_learned_prior(grounder: Grounder, symbol: ModelSymbol, job: Job) -> None:
    learned = grounder.learned
    if learned is None:
        return
    for inner in _with_conjuncts(grounder, symbol):
        if inner.prior is not None and learned.concerns((inner.prior,)):
            name = inner.prior.span.text.partition("[")[0]
            raise GmError([prior_used_elsewhere(job.origin.span, name, inner.name)])


def _with_conjuncts(grounder: Grounder, symbol: ModelSymbol) -> Iterator[ModelSymbol]:
    yield symbol
    for part in symbol.parts if is_conjunction(symbol) else ():
        yield from _with_conjuncts(grounder, grounder.world.models[part.model].symbol)


def _use(scene: Scene, frame: Frame, statement: Use, gates: tuple[Expression, ...]) -> None:
    origin = _origin(scene, "use", statement)
    job = Job(_nothing(), gates, origin)
    predict_activation(scene.grounder, frame, statement.target, *CERTAINLY, job)


def find_silences(scene: Scene, frame: Frame, statement: Statement) -> None:
    """Note what a `use ... except ...` silences; run over all bodies before any is grounded."""
    if not isinstance(statement, Use) or not statement.exceptions:
        return
    grounder = scene.grounder
    outer, _ = expand(environment(grounder, frame), statement.context)
    if outer.count == 0:
        return
    gates = _gates(scene, statement)
    silencer: Expression = gates[0]
    if len(gates) > 1:
        both = together(gates, statement.span)
        outer, silencer = auxiliary(grounder, outer, both, BOOL)
    env = environment(grounder, outer)
    assert isinstance(silencer, Reference)
    heard = locate(silencer, env).variables
    parts = used_parts(grounder, statement.target, outer)
    for exception in statement.exceptions:
        targets, _ = locate_array(exception, env)
        each = targets.reshape(outer.count, -1)
        for model, activations in parts:
            scene.silences.append(
                Silence(
                    model,
                    exception.span,
                    exception.span.text,
                    np.repeat(activations, each.shape[1]),
                    each.reshape(-1),
                    np.repeat(heard, each.shape[1]),
                )
            )


def used_parts(
    grounder: Grounder, target: Activation, frame: Frame
) -> list[tuple[str, np.ndarray]]:
    """List the models behind an activation, a composite's parts included: (name, activations)."""
    return _taken_apart(grounder, target, frame, lambda symbol: bool(symbol.parts))


def conjuncts(grounder: Grounder, target: Activation, frame: Frame) -> list[tuple[str, np.ndarray]]:
    """List the models that an activation is the conjunction of: (name, activations).

    A composite with a prior of its own is a model that uses its parts, and no conjunction of them.
    """
    return _taken_apart(grounder, target, frame, is_conjunction)


def is_conjunction(symbol: ModelSymbol) -> bool:
    """Say whether a model is active exactly where all its parts are."""
    return bool(symbol.parts) and symbol.prior is None


def _taken_apart(
    grounder: Grounder,
    target: Activation,
    frame: Frame,
    has_parts: Callable[[ModelSymbol], bool],
) -> list[tuple[str, np.ndarray]]:
    table = grounder.world.models[target.model]
    variables = locate(target, environment(grounder, frame)).variables
    if not has_parts(table.symbol):
        return [(target.model, variables)]
    rows = table.rows[variables - table.start]
    columns = {p.key: rows[:, k] for k, p in enumerate(table.symbol.parameters)}
    inner = Frame(frame.count, columns)
    parts = table.symbol.parts
    return [f for part in parts for f in _taken_apart(grounder, part, inner, has_parts)]
