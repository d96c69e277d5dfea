"""The priors of models, and the parts of composites."""

from collections.abc import Iterator

import numpy as np

from gmlang.core.ast import Dist, Distribution, Expression
from gmlang.core.program import ModelSymbol, Program
from gmlang.core.records.covering import is_existence
from gmlang.families.bernoulli import BERNOULLI
from gmlang.graph.builder import Origin
from gmlang.graph.doing.changing import are_unchanged
from gmlang.graph.lowering.grounder import Grounder, Job, environment, together
from gmlang.graph.lowering.lower import lower
from gmlang.graph.society.activations import conjuncts, is_conjunction, use_activation
from gmlang.graph.society.existence import (
    add_existences,
    drawn_while_they_exist,
    existence_variables,
    groups_of,
    while_all_exist,
)
from gmlang.graph.society.scene import Scene
from gmlang.graph.values import terms
from gmlang.graph.values.chances import probability
from gmlang.graph.world.instances import model_frame, own_activation
from gmlang.graph.world.world import ModelTable
from gmruntime.factors.kinds import Table


def add_prior(scene: Scene, program: Program, table: ModelTable) -> None:
    """Add how probable it is that a model's instances apply, known nothing but what exists."""
    grounder, symbol = scene.grounder, table.symbol
    if is_existence(symbol.name):
        add_existences(grounder, program, table)
        return
    grounder.world.priors[symbol.name] = prior = _prior(grounder, table)
    if is_conjunction(symbol) or symbol.is_called:
        return
    if grounder.learned is not None and grounder.learned.concerns(_written(symbol)):
        _lower_prior(grounder, table)
        return
    with np.errstate(divide="ignore"):
        tables = np.stack([np.log1p(-prior), np.log(prior)], axis=1)
    variables = table.start + np.arange(len(table.keys))
    origin = Origin("prior", symbol.span, symbol.name)
    for rows, things in _groups(grounder, table):
        own = tables[rows]
        if (own == own[:1]).all():
            own = own[:1]
        scopes = np.column_stack([things, variables[rows]])
        # A model about things that do not exist is not active.
        kind = Table(while_all_exist(own, np.array([0.0, -np.inf]), things.shape[1]))
        grounder.builder.add_factors(kind, scopes, origin)


def _written(symbol: ModelSymbol) -> tuple[Expression, ...]:
    return () if symbol.prior is None else (symbol.prior,)


def _groups(grounder: Grounder, table: ModelTable) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Group the instances that their prior speaks of, by which of their things may not exist."""
    kept = are_unchanged(grounder.world, table.start + np.arange(len(table.keys)))
    for rows, things in groups_of(existence_variables(grounder.world, table)):
        own = np.ones(len(rows), np.bool_) if kept is None else kept[rows]
        if own.any():
            yield rows[own], things[own]


def _lower_prior(grounder: Grounder, table: ModelTable) -> None:
    """Add a prior that is learned like what a mechanism draws."""
    symbol = table.symbol
    own = own_activation(symbol)
    drawn = Distribution(symbol.span, BERNOULLI.name, _written(symbol), (), Dist())
    origin = Origin("prior", symbol.span, symbol.name)
    for rows, things in _groups(grounder, table):
        frame = model_frame(symbol, table.rows[rows])
        frame, law = drawn_while_they_exist(grounder, frame, things, drawn)
        lower(grounder, frame, Job(terms.Drawn(own, law), (), origin))


def _prior(grounder: Grounder, table: ModelTable) -> np.ndarray:
    symbol, count = table.symbol, len(table.keys)
    if is_conjunction(symbol):
        prior = np.ones(count)
        frame = model_frame(symbol, table.rows)
        before: list[np.ndarray] = []
        for part in symbol.parts:
            for model, variables in conjuncts(grounder, part, frame):
                inner = grounder.world.models[model]
                own = _prior(grounder, inner)[variables - inner.start]
                # What several parts are made of counts once.
                for earlier in before:
                    own = np.where(variables == earlier, 1.0, own)
                prior = prior * own
                before.append(variables)
        return prior
    if symbol.prior is None:
        return np.full(count, 0.5)
    env = environment(grounder, model_frame(symbol, table.rows))
    values = probability(symbol.prior, env).reshape(-1)
    return np.broadcast_to(values, (count,)).copy()


def add_parts(scene: Scene, table: ModelTable) -> None:
    """Add that a composite is the conjunction of its parts, or uses them."""
    symbol = table.symbol
    if not symbol.parts:
        return
    frame = model_frame(symbol, table.rows)
    own = own_activation(symbol)
    if symbol.prior is None:
        both = together(symbol.parts, symbol.span)
        origin = Origin("define", symbol.span, symbol.name)
        lower(scene.grounder, frame, Job(terms.Defined(own, both), (), origin))
        return
    for part in symbol.parts:
        origin = Origin("use", part.span, symbol.name)
        use_activation(scene.grounder, frame, part, Job(terms.Condition(part), (own,), origin))
