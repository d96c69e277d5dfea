"""One case for each core statement: what it adds to the factor graph."""

from dataclasses import replace

import numpy as np

from gmlang.core.ast import (
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
from gmlang.diagnostics import GmError
from gmlang.errors.acting import calls as call_errors
from gmlang.errors.later import picked_changed
from gmlang.graph.builder import Origin
from gmlang.graph.doing import changing
from gmlang.graph.fixpoints import lower_definition
from gmlang.graph.grids.laws import ground_law
from gmlang.graph.lowering.forms.matches import match
from gmlang.graph.lowering.forms.sites import is_moving, sites_of, why_unmatched
from gmlang.graph.lowering.grounder import (
    Definition,
    Grounder,
    Job,
    auxiliary,
    environment,
    together,
)
from gmlang.graph.lowering.lower import lower
from gmlang.graph.observations import heard, observe_existing, observe_like
from gmlang.graph.reals.observed import are_hidden, observe_real, predict_real, refuse_learned
from gmlang.graph.reals.predicted import observe_like as observe_real_like
from gmlang.graph.reals.predicted import predict_hidden, predict_within
from gmlang.graph.rows.adding import define_real, draw_real, look_at_real, noted, observe_drawn
from gmlang.graph.society.activations import (
    call_activation,
    nothing,
    predict_activation,
    use_activation,
    used_parts,
)
from gmlang.graph.society.calls import calls_some
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
    outer = changing.still_said(scene.grounder, outer, statement)
    if outer.count == 0:
        return
    gates = _gates(scene, statement)
    if ground_law(scene.grounder, outer, statement, gates):
        return
    match statement:
        case Draw() | Define():
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
    own = () if scene.own is None or scene.is_process else (scene.own,)
    inner = tuple(c.condition for c in statement.context if isinstance(c, Gate))
    return (*own, *inner)


def _origin(scene: Scene, kind: str, statement: Statement) -> Origin:
    return Origin(kind, statement.span, scene.model)


def _mechanism(
    scene: Scene, frame: Frame, statement: Draw | Define, gates: tuple[Expression, ...]
) -> None:
    grounder = scene.grounder
    kind = "draw" if isinstance(statement, Draw) else "define"
    frame, slot, _ = changing.locate_unchanged(grounder, frame, statement.target)
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
        part, kept = changing.without_changed(grounder.world, part, targets)
        origin = Origin("predict", statement.span, scene.model, targets[kept])
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
    if changing.are_unchanged(scene.grounder.world, found.variables()) is not None:
        raise GmError([picked_changed(statement.span, statement.target.span.text)])
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
    symbol = grounder.world.models[statement.target.model].symbol
    for rows, part, extra in unsilenced(scene, frame, slot.variables, statement.span):
        on, off = (log if log.size == 1 else log[rows] for log in (log_on, log_off))
        origin = Origin("predict", statement.span, scene.model, slot.variables[rows])
        job = Job(nothing(), (*gates, *extra), origin)
        if is_learned and c is not None:
            on, off = np.zeros(1), np.zeros(1)
            job = replace(job, term=terms.Value(_log_odds_part(statement, c)))
        if statement.is_positive and calls_some(grounder.world, symbol):
            if is_learned:
                raise GmError([call_errors.learned_call(statement.span, symbol.name)])
            chance = confidence if confidence.size == 1 else confidence[rows]
            call_activation(grounder, part, statement.target, chance, job)
            continue
        predict_activation(grounder, part, statement.target, on, off, job)


def _log_odds_part(statement: PredictActive, c: Expression) -> Expression:
    """Write log P(target) where the confidence is learned."""
    span = statement.span
    rest = Apply(span, "-", (Constant(span, 1.0, Real()), c), Real())
    logs = Apply(span, "log", (c,), Real()), Apply(span, "log", (rest,), Real())
    on, off = logs if statement.is_positive else logs[::-1]
    return Apply(span, "if", (statement.target, on, off), Real())


def _use(scene: Scene, frame: Frame, statement: Use, gates: tuple[Expression, ...]) -> None:
    origin = _origin(scene, "use", statement)
    use_activation(scene.grounder, frame, statement.target, Job(nothing(), gates, origin))


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
