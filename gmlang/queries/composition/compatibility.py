"""How well models go together: what compat, blame and the refusal of composites are made of.

    compat(a, b) = log Z(a, b) - log Z(a) - log Z(b)

with those models active on the same things, everything relative to the base distributions.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import Activation, Array, Expression, Thing
from gmlang.core.program import (
    ModelCall,
    ModelSymbol,
    Program,
    Query,
    Statement,
    ThingSymbol,
)
from gmlang.core.records.reals import PredictReal, is_real_thing
from gmlang.diagnostics import GmError, Span
from gmlang.errors import asking as errors
from gmlang.errors.acting import calls as call_errors
from gmlang.graph.builder import Builder, Origin
from gmlang.graph.from_core import Grounding, ground
from gmlang.graph.lowering.grounder import Grounder, environment
from gmlang.graph.lowering.lower import lower
from gmlang.graph.regions import check_regions
from gmlang.graph.society.activations import conjuncts
from gmlang.graph.world.places import locate
from gmlang.graph.world.world import ONE_INSTANCE
from gmlang.queries.remembered.asking import ask_graph
from gmlang.queries.session import GROUNDED_S, Session
from gmlang.queries.settings import Settings
from gmruntime.answer import LogPartition, LogPartitionAnswer, Status
from gmruntime.graph import FactorBlock, FactorGraph, no_evidence
from gmruntime.quality import worst

ROUNDING_NATS = 1e-12
"""Differences of log Z below this are rounding errors, and shown as 0."""

REFUSED_BELOW = -3.0
"""Compositions less compatible than this are refused unless marked `soft`, nats."""


@dataclass(frozen=True, slots=True)
class LogZ:
    """A log partition function with its certified bounds."""

    value: float
    lower: float
    upper: float
    status: Status


def activations(program: Program, call: ModelCall) -> list[Activation]:
    """List the activations of the models that a call names, in its order."""
    found: list[Activation] = []
    for name, arguments in zip(call.models, call.arguments, strict=True):
        symbol = _model(program, name)
        missing = len(symbol.parameters) - len(arguments)
        things: list[Expression | Thing] = []
        counts: dict[str, int] = {}
        for parameter in symbol.parameters[:missing]:
            if parameter.domain is not None:
                raise GmError([errors.needs_parameter(call.span, name, parameter.name)])
            number = counts.get(parameter.entity, 0)
            counts[parameter.entity] = number + 1
            fresh = f"<{parameter.entity} {number}>"
            things.append(Thing(call.span, parameter.entity, fresh, "", ()))
        found.append(Activation(call.span, name, (*things, *arguments)))
    return found


def _model(program: Program, name: str) -> ModelSymbol:
    return next(symbol for symbol in program.models if symbol.name == name)


def _empty_program(program: Program, activations: tuple[Activation, ...], span: Span) -> Program:
    """Return a program with the same models and nothing but the fresh things of a stage."""
    names: dict[str, ThingSymbol] = {}
    for activation in activations:
        for argument in activation.arguments:
            if isinstance(argument, Thing) and argument.name.startswith("<"):
                symbol = ThingSymbol(span, argument.name, (), argument.entity)
                names[argument.name] = symbol
    all_declared = any(_is_declared(a) for a in activations)
    declared = [thing for thing in program.things if all_declared or is_real_thing(thing.name)]
    return replace(program, things=(*declared, *names.values()), statements=(), questions=())


def _is_declared(activation: Activation) -> bool:
    return any(
        isinstance(argument, Thing) and not argument.name.startswith("<")
        for argument in activation.arguments
    )


def _basic_activations(grounding: Grounding, activations: tuple[Activation, ...]) -> np.ndarray:
    """Find the activations behind these, conjunctions taken apart."""
    grounder = Grounder(grounding.world, Builder(), lower, dict(grounding.names))
    found: list[int] = []
    for activation in activations:
        locate(activation, environment(grounder, ONE_INSTANCE))
        for _, variables in conjuncts(grounder, activation, ONE_INSTANCE):
            found.extend(int(v) for v in variables)
    return np.unique(np.array(found, np.int64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(Query):
    """A question about how models go together.

    Attributes:
        models: each on things of its own.
    """

    models: tuple[ModelCall, ...]

    def about(self) -> str:
        """Name the models."""
        return ", ".join(" ".join(call.models) for call in self.models)

    def groups(self, program: Program) -> tuple[tuple[Activation, ...], ...]:
        """List the activations of each."""
        return tuple(tuple(activations(program, call)) for call in self.models)


def without_arrays_of_reals(program: Program) -> Program:
    """Return a program whose models predict no arrays of reals whole, which are not understood."""
    models = tuple(
        replace(m, body=tuple(s for s in m.body if not _is_of_array(s))) for m in program.models
    )
    return replace(program, models=models)


def _is_of_array(statement: Statement) -> bool:
    return isinstance(statement, PredictReal) and isinstance(statement.target.type, Array)


class Compatibility:
    """log Z of groups of models on one stage, whose graphs are ground once.

    The budget is that of the `num_left` log Z still to be asked for: an estimate gets its share.
    """

    def __init__(
        self,
        session: Session,
        groups: tuple[tuple[Activation, ...], ...],
        span: Span,
        settings: Settings,
        query: Query | None = None,
    ) -> None:
        """Set the stage; nothing is computed yet.

        `query` is the one whose `using` is obeyed; None where no query asks.
        """
        self.program, self.world, self.groups = session.program, session.world, groups
        self.span, self.settings, self.query = span, settings, query
        self.num_left = 1
        self._grounded: dict[tuple[int, ...], Grounding] = {}

    def together(self) -> Grounding:
        """Return the graph of all groups."""
        return self.grounding(tuple(range(len(self.groups))))

    def grounding(self, chosen: tuple[int, ...]) -> Grounding:
        """Return the graph of the chosen groups' models, on the things of all; ground it once."""
        if chosen not in self._grounded:
            self._grounded[chosen] = self._ground(chosen)
        return self._grounded[chosen]

    def _ground(self, chosen: tuple[int, ...]) -> Grounding:
        every = tuple(a for group in self.groups for a in group)
        empty = _empty_program(self.program, every, self.span)
        mine = tuple(a for k in chosen for a in self.groups[k])
        budget = self.settings.running().at_least(GROUNDED_S)
        return ground(empty, self.world, [((), one) for one in mine], budget, sums_only=True)

    def log_z(self, chosen: tuple[int, ...], hidden: frozenset[int] = frozenset()) -> LogZ:
        """Return log Z with the chosen groups active, relative to the base.

        Args:
            chosen: numbers of the groups.
            hidden: predictions about these variables are left out.

        Raises:
            GmError: where what models say of what random indices pick is not known together, and
                the rest does not contradict itself.
        """
        grounding = self.grounding(chosen)
        active = _basic_activations(grounding, tuple(a for k in chosen for a in self.groups[k]))
        _refuse_called(grounding, active, self.span)
        graph = grounding.builder.graph()
        evidence = no_evidence(graph)
        evidence[active] = 1
        if self.query is not None:
            check_regions(grounding.builder, grounding.world, evidence)
        kept = _without_predictions(grounding, hidden)
        found = ask_graph(
            FactorGraph(graph.variables, kept),
            LogPartition(),
            evidence,
            self.settings,
            self.query,
            self._share(),
        )
        assert isinstance(found, LogPartitionAnswer)
        if grounding.unsummed is not None and found.quality.status is not Status.IMPOSSIBLE:
            raise GmError([grounding.unsummed])
        log_prior = sum(_log_prior(grounding, int(v)) for v in active)
        if log_prior == -np.inf:
            # A prior of 0: relative to it nothing can be said.
            return LogZ(-np.inf, -np.inf, -np.inf, Status.IMPOSSIBLE)
        shift = _log_base_mass(grounding) + log_prior
        return LogZ(
            found.log_value - shift,
            found.log_lower - shift,
            found.log_upper - shift,
            found.quality.status,
        )

    def _share(self) -> float:
        """Return the share of the time left that the next question may take for an estimate."""
        self.num_left -= 1
        return 1.0 / max(1, self.num_left + 1)


def _without_predictions(grounding: Grounding, hidden: frozenset[int]) -> tuple[FactorBlock, ...]:
    kept: list[FactorBlock] = []
    for block, origin in zip(grounding.builder.factors, grounding.builder.origins, strict=True):
        if origin.kind != "predict" or not hidden:
            kept.append(block)
            continue
        inside = np.isin(block.scopes, np.array(sorted(hidden))) & _is_target(block, origin)
        keep = np.asarray(~inside.any(axis=1))
        if keep.all():
            kept.append(block)
        elif keep.any():
            kept.append(block.some(keep))
    return tuple(kept)


def _is_target(block: FactorBlock, origin: Origin) -> np.ndarray:
    assert origin.targets is not None
    if len(origin.targets) != len(block.scopes):
        return np.isin(block.scopes, origin.targets)
    return block.scopes == origin.targets[:, None]


def _refuse_called(grounding: Grounding, active: np.ndarray, span: Span) -> None:
    for table in grounding.world.models.values():
        own = (active >= table.start) & (active < table.start + len(table.keys))
        if table.symbol.is_called and own.any():
            raise GmError([call_errors.not_compared(span, table.symbol.name)])


def _log_prior(grounding: Grounding, variable: int) -> float:
    for table in grounding.world.models.values():
        if table.start <= variable < table.start + len(table.keys) and len(table.keys):
            prior = grounding.world.priors[table.symbol.name][variable - table.start]
            return math.log(prior) if prior > 0 else -math.inf
    raise AssertionError(variable)


def _log_base_mass(grounding: Grounding) -> float:
    """Return log of the total weight of the variables without any model: uniform ones count K."""
    world, total = grounding.world, 0.0
    for array in world.variables.values():
        if array.log_base is None:
            total += float(np.prod(array.shape)) * np.log(array.states.count)
    for attributes in world.attributes.values():
        for attribute in attributes.values():
            if attribute.log_base is None:
                size = len(attribute.starts) * float(np.prod(attribute.shape))
                total += size * np.log(attribute.states.count)
    for arrays in world.reals.values():
        for array in arrays.values():
            if array.log_base is None:
                total += float(np.isnan(array.values).sum()) * array.log_length()
    return total


# --- Together and apart ---------------------------------------------------------------


def rounded(nats: float) -> float | None:
    """Return nats without the last bits of differences of equal numbers; None when unknown."""
    if np.isnan(nats):
        return None
    return 0.0 if abs(nats) < ROUNDING_NATS else float(nats)


def joint_compatibility(stage: Compatibility) -> LogZ:
    """Return log Z of all groups active together, less log Z of each alone."""
    numbers = tuple(range(len(stage.groups)))
    stage.num_left = 1 + len(numbers)
    together = stage.log_z(numbers)
    return combined(together, [stage.log_z((k,)) for k in numbers])


def combined(together: LogZ, alone: list[LogZ]) -> LogZ:
    """Subtract the separate log Z from the common one, keeping bounds certified."""
    never = float("-inf")
    apart = worst(z.status for z in alone)
    if apart is Status.IMPOSSIBLE:
        return LogZ(float("nan"), never, float("inf"), apart)
    if together.status is Status.IMPOSSIBLE:
        # That each is possible alone is known wherever something above zero was found.
        sure = all(z.lower > never for z in alone)
        return LogZ(never, never, never, Status.EXACT if sure else apart)
    return LogZ(
        together.value - sum(z.value for z in alone),
        together.lower - sum(z.upper for z in alone),
        together.upper - sum(z.lower for z in alone),
        worst((together.status, apart)),
    )
