"""What a question needs of joint reals; nothing is loaded for programs that have none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gmlang.core.check.joint.routes import joint_keys, real_keys
from gmlang.core.program import Asked, Program, Query
from gmlang.core.records.reals import is_real_thing
from gmlang.diagnostics import GmError
from gmlang.errors import later
from gmlang.graph.from_core import Grounding
from gmlang.graph.lowering.grounder import Grounder
from gmlang.graph.rows.joint import JointReals
from gmlang.graph.rows.priors import priors_of
from gmlang.graph.rows.settings import at_settings
from gmlang.graph.world.world import World
from gmlang.limits import SECONDS_MAX
from gmruntime.budget import Budget, begin_budget
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph

if TYPE_CHECKING:
    from gmlang.queries.rows.asked import AskedReals
    from gmlang.queries.rows.integrating import Integrated
    from gmlang.queries.rows.settings import Settled
    from gmlang.queries.rows.switching.histories import Histories


def check_takes_joint(grounding: Grounding, query: Query) -> None:
    """Refuse a question that is not understood of the program's reals.

    Raises:
        GmError: naming it.
    """
    world = grounding.world
    if query.names_states and (world.hidden_reals or _leaves_out(world, query)):
        raise GmError([later.asked_of_reals(query.span, query.span.text)])
    if world.grids and query.relates_reals:
        raise GmError([later.related_in_panels(query.span, query.span.text)])
    if grounding.joint is not None and type(query) is not Query and not query.takes_joint:
        raise GmError([later.asked_of_joint(query.span, query.span.text)])


def refuse_joint(program: Program, query: Query) -> None:
    """Do the same for a question that grounds the program in its own way."""
    if not query.takes_joint and joint_keys(program):
        raise GmError([later.asked_of_joint(query.span, query.span.text)])


def _leaves_out(world: World, query: Query) -> bool:
    """Say whether an answer about everything would be silent about a real variable."""
    return not query.asked and any(
        is_real_thing(entity)
        and (entity, name) not in world.joint_reals
        and bool(np.isnan(array.values).any())
        for entity, arrays in world.reals.items()
        for name, array in arrays.items()
    )


def reals_of(grounder: Grounder, joint: JointReals | None, query: Query) -> "AskedReals | None":
    """Write what is asked for in terms of joint reals; None where nothing depends on their values.

    Raises:
        GmError: where it is not understood.
    """
    known = {**grounder.world.joint_reals, **grounder.world.outer_reals}
    if joint is None or not real_keys(one.value for one in query.asked) & known.keys():
        return None
    from gmlang.queries.rows.asked import asked_reals

    asked = query.asked
    if query.names_states:
        asked = tuple(one for one in asked if not set(asked_beside(grounder, (one,))))
    return asked_reals(grounder, joint, asked, is_together=query.relates_reals)


def asked_beside(grounder: Grounder, asked: Sequence[Asked]) -> Iterator[Asked]:
    """Give what is asked for and depends on no joint real."""
    known = {**grounder.world.joint_reals, **grounder.world.outer_reals}
    return (one for one in asked if not real_keys([one.value]) & known.keys())


@dataclass(frozen=True, slots=True, eq=False)
class Integration:
    """What became of a question's reals.

    Attributes:
        integrated: its graph without them; None where their rows have unknown parameters.
        settled: settings of these; None where there are none. Neither is there where a real was
            observed to be two numbers.
        asked: what is asked of reals, at these settings.
        histories: the graph, where reals have too many states around them to add up.
    """

    integrated: "Integrated | None"
    settled: "Settled | None"
    asked: "AskedReals | None"
    histories: "Histories | None" = None


def integrated(
    grounder: Grounder,
    joint: JointReals,
    query: Query,
    graph: "tuple[FactorGraph, np.ndarray, AskedReals | None]",
    budget: Budget | None,
) -> Integration:
    """Integrate joint reals out of a question's graph.

    Args:
        grounder: of the question.
        joint: the program's reals.
        query: the question.
        graph: what is said of finite variables alone, the state of each that is observed, and what
            is asked of reals.
        budget: of the question; None takes the time it needs.

    Raises:
        GmError: where that cannot be done.
        TimeoutError: when the budget ended first.
    """
    from gmlang.queries.rows.integrating import TooManyStatesError, integrate, seen_reals

    finite, evidence, asked = graph
    budget = budget or begin_budget(SECONDS_MAX, None)
    seen = seen_reals(grounder, joint, query.given)
    if seen is None:
        return Integration(None, None, asked)
    chosen, known = _in_sites(joint, seen), np.zeros(0)
    if grounder.world.outer_reals:
        from gmlang.queries.rows.settings import at_setting, seen_parameters, settle

        known = seen_parameters(grounder, query.given)
        if np.isnan(known).any():
            whole = finite, evidence, seen, known
            settled = settle(grounder, joint, whole, budget, query.span, chosen)
            grounder.world.outer_values = settled.values
            own = at_settings(grounder, joint, settled.values)
            return Integration(None, settled, reals_of(grounder, own, query))
        grounder.world.outer_values = known[None, :]
        joint = at_setting(grounder, at_settings(grounder, joint, known[None, :]), known)
        asked = reals_of(grounder, joint, query)
    if _are_few(chosen, seen):
        from gmlang.queries.rows.settings import settle

        whole = finite, evidence, seen, known
        settled = settle(grounder, joint, whole, budget, query.span, chosen)
        return Integration(None, settled, asked)
    if len(known):
        log_prior = float(priors_of(grounder.world).log_density(known[None])[0])
        finite = _with_constant(finite, log_prior)
    links = () if asked is None else asked.links
    graph_and_seen = (finite, evidence, seen)
    try:
        found = integrate(grounder.world, joint, graph_and_seen, links, budget, query.span)
    except TooManyStatesError as error:
        from gmlang.queries.rows.switching.histories import histories_of

        return Integration(None, None, asked, histories_of(error, query, asked))
    return Integration(found, None, asked)


_CHOSEN_MAX, _BESIDE_MAX = 20, 400
"""Of reals in sites, for which these are parameters; and of reals that depend on them."""


def _are_few(chosen: np.ndarray, seen: np.ndarray) -> bool:
    """Say whether reals that sites speak of may be integrated over as parameters are."""
    return 0 < len(chosen) <= _CHOSEN_MAX and int(np.isnan(seen).sum()) <= _BESIDE_MAX


def _in_sites(joint: JointReals, seen: np.ndarray) -> np.ndarray:
    """Return the places of reals that sites speak of, and that are not observed."""
    spoken = [rows.linear.reals.ravel() for rows in joint.rows if rows.site is not None]
    found = np.unique(np.concatenate([np.zeros(0, np.int64), *spoken]))
    return found[np.isnan(seen[found])]


def _with_constant(graph: FactorGraph, log_value: float) -> FactorGraph:
    """Return a graph with a number more."""
    block = FactorBlock(Table(np.full(1, log_value)), np.zeros((1, 0), np.int32), "parameters")
    return FactorGraph(graph.variables, (*graph.factors, block))
