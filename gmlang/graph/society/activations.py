"""What is said of activations: predicted, used, called, taken apart."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from gmlang.core.ast import Activation, Apply, Constant, Real
from gmlang.core.program import ModelSymbol
from gmlang.diagnostics import GmError, Source, Span
from gmlang.errors.learning.written import prior_used_elsewhere
from gmlang.graph.doing import changing
from gmlang.graph.lowering.grounder import Grounder, Job, environment, hidden_numbers
from gmlang.graph.lowering.lower import lower
from gmlang.graph.society.calls import call_conjuncts, calls_some, cause_of
from gmlang.graph.values import terms
from gmlang.graph.world.places import locate
from gmlang.graph.world.world import Frame

_CERTAINLY = np.zeros(1), np.full(1, -np.inf)
"""The logs of 1 and of 0: what `use` predicts of an activation."""


def nothing() -> terms.Value:
    """Return the value 0, of no statement."""
    return terms.Value(Constant(Span(Source("", ""), 0, 0), 0.0, Real()))


def predict_activation(
    grounder: Grounder,
    frame: Frame,
    target: Activation,
    log_on: np.ndarray,
    log_off: np.ndarray,
    job: Job,
) -> None:
    """Add log P(target) - log prior(target), or log P(target) of what is only called.

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
    frame, slot, rows = changing.locate_unchanged(grounder, frame, target)
    log_on, log_off = (log if log.size == 1 else log[rows] for log in (log_on, log_off))
    job = changing.of_rows(job, rows)
    prior = grounder.world.priors[target.model][slot.variables - table.start]
    with np.errstate(divide="ignore", invalid="ignore"):
        on = np.where(prior > 0, log_on - np.log(prior), -np.inf)
        off = np.where(prior < 1, log_off - np.log1p(-prior), -np.inf)
    if calls_some(grounder.world, table.symbol):
        # What is only called has no prior to divide by: its callers say how probable it is.
        on, off = (np.broadcast_to(log, prior.shape) for log in (log_on, log_off))
    frame, on_ref = hidden_numbers(grounder, frame, on, target.span)
    frame, off_ref = hidden_numbers(grounder, frame, off, target.span)
    value = Apply(target.span, "if", (target, on_ref, off_ref), Real())
    if isinstance(job.term, terms.Value) and not isinstance(job.term.value, Constant):
        value = Apply(target.span, "+", (job.term.value, value), Real())
    lower(grounder, frame, replace(job, term=terms.Value(value)))


def use_activation(grounder: Grounder, frame: Frame, target: Activation, job: Job) -> None:
    """Predict an activation for certain, or call it where it is only called.

    Args:
        grounder: grows.
        frame: the instances.
        target: the activation used.
        job: its gates and origin are used.
    """
    if calls_some(grounder.world, grounder.world.models[target.model].symbol):
        call_activation(grounder, frame, target, np.ones(1), job)
        return
    predict_activation(grounder, frame, target, *_CERTAINLY, job)


def call_activation(
    grounder: Grounder, frame: Frame, target: Activation, confidence: np.ndarray, job: Job
) -> None:
    """Call an activation, or the parts of a conjunction; its other parts are predicted."""
    span = job.origin.span
    parts = conjuncts(grounder, target, frame)
    causes = cause_of(grounder, frame, job.gates, span)
    for inner, part, gates in call_conjuncts(grounder, parts, causes, confidence, span):
        own = Job(nothing(), gates, job.origin)
        predict_activation(grounder, inner, part, *_CERTAINLY, own)


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
