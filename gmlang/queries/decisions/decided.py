"""Choices in the graph of any question: set, following a policy, or of no consequence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmlang.core.ast import Aggregate, Apply, Item, VariableRef
from gmlang.core.program import EventGiven, Given, Program, Query
from gmlang.core.walk import is_random
from gmlang.diagnostics import GmError
from gmlang.errors import decisions as errors
from gmlang.graph.builder import Builder, Origin, evidence_of
from gmlang.graph.lowering.grounder import Grounder, environment
from gmlang.graph.observations import observe
from gmlang.graph.values.evaluate import expand
from gmlang.graph.world.names import variable_name
from gmlang.graph.world.world import ONE_INSTANCE
from gmlang.queries.decisions.following import check_evidence, descendants, edges_of
from gmlang.queries.decisions.said import choices_of, knowledge_of
from gmlang.queries.targets import Target
from gmruntime.answer import Policy
from gmruntime.factors.kinds import Table
from gmruntime.graph import num_states


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """The policies that choices follow which no condition sets.

    Attributes:
        is_best: whether nothing better is possible.
    """

    policies: tuple[Policy, ...]
    is_best: bool


def settle_choices(
    program: Program,
    grounder: Grounder,
    query: Query,
    targets: Sequence[Target],
    followed: Followed | None,
) -> None:
    """Add the policies that are followed, and refuse what then is still undecided.

    Raises:
        GmError: where what is asked for, or seen, depends on a choice that nobody has made.
    """
    world, builder = grounder.world, grounder.builder
    choices = choices_of(program, world)
    if not len(choices) or query.decides:
        return
    asked = [target.variables.reshape(-1) for target in targets]
    flat = np.concatenate([np.zeros(0, np.int64), *asked])
    evidence, _ = evidence_of(builder)
    free = choices[evidence[choices] < 0]
    if followed is not None:
        _add_policies(builder, program, followed, free)
        free = free[:0]
    if query.frees_choices:
        free = np.setdiff1d(free, flat if query.asked else free)
    if not len(free):
        return
    knowledge = knowledge_of(program, grounder)
    knowledge = {int(v): knowledge.get(int(v), ()) for v in free}
    edges = edges_of(builder, world, knowledge)
    after = descendants(edges, free, builder.num_variables)
    late = flat[after[flat]]
    if len(late):
        name = variable_name(world, int(free[0]))
        raise GmError([errors.undecided(query.span, query.text, name)])
    check_evidence(builder, world, after, free, evidence)


def set_by_loop(program: Program, grounder: Grounder, given: Given) -> bool:
    """Set the choices of `a[t] = v for t in ...`; say whether a condition is of that form."""
    match given:
        case EventGiven(
            condition=Aggregate(
                operator="all",
                items=(
                    Item(
                        value=Apply(operator="==", arguments=(VariableRef() as target, value)),
                        context=context,
                    ),
                ),
            )
        ) if not is_random(value):
            if not any(s.is_choice for s in program.variables if s.name == target.name):
                return False
            frame, _ = expand(environment(grounder, ONE_INSTANCE), context)
            observe(grounder, frame, target, value, given.span)
            return True
        case _:
            return False


def _add_policies(builder: Builder, program: Program, followed: Followed, free: np.ndarray) -> None:
    """Add a table for each choice that is not set: what it does for certain."""
    states = num_states(builder.graph())
    undecided = set(free.tolist())
    for policy in followed.policies:
        if policy.decision not in undecided:
            continue
        does = policy.actions[..., None] == np.arange(int(states[policy.decision]))
        with np.errstate(divide="ignore"):
            table = np.log(does.astype(np.float64))[None]
        scope = np.append(policy.known, policy.decision)[None]
        builder.add_factors(Table(table), scope, Origin("followed", program.span))
