"""What a question needs of joint reals; nothing is loaded for programs that have none."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gmlang.core.program import Asked, Program, Query
from gmlang.diagnostics import GmError
from gmlang.errors import later
from gmlang.graph.from_core import Grounding
from gmlang.graph.lowering.grounder import Grounder
from gmlang.graph.rows.joint import JointReals
from gmlang.graph.rows.routes import joint_keys, real_keys
from gmlang.limits import SECONDS_MAX
from gmruntime.budget import Budget, begin_budget
from gmruntime.graph import FactorGraph

if TYPE_CHECKING:
    from gmlang.queries.rows.asked import AskedReals
    from gmlang.queries.rows.integrating import Integrated


def check_takes_joint(grounding: Grounding, query: Query) -> None:
    """Refuse a question that is not understood where reals depend on each other.

    Raises:
        GmError: naming it.
    """
    if grounding.joint is not None and type(query) is not Query and not query.takes_joint:
        raise GmError([later.asked_of_joint(query.span, query.span.text)])


def refuse_joint(program: Program, query: Query) -> None:
    """Do the same for a question that grounds the program in its own way."""
    if not query.takes_joint and joint_keys(program):
        raise GmError([later.asked_of_joint(query.span, query.span.text)])


def reals_of(grounder: Grounder, joint: JointReals | None, query: Query) -> "AskedReals | None":
    """Write what is asked for in terms of joint reals; None where nothing depends on their values.

    Raises:
        GmError: where it is not understood.
    """
    known = grounder.world.joint_reals
    if joint is None or not real_keys(one.value for one in query.asked) & known.keys():
        return None
    from gmlang.queries.rows.asked import asked_reals

    asked = query.asked
    if query.names_states:
        asked = tuple(one for one in asked if not set(asked_beside(grounder, (one,))))
    return asked_reals(grounder, joint, asked, is_together=query.relates_reals)


def asked_beside(grounder: Grounder, asked: Sequence[Asked]) -> Iterator[Asked]:
    """Give what is asked for and depends on no joint real."""
    known = grounder.world.joint_reals
    return (one for one in asked if not real_keys([one.value]) & known.keys())


def integrated(
    grounder: Grounder,
    joint: JointReals,
    query: Query,
    graph: "tuple[FactorGraph, np.ndarray, AskedReals | None]",
    budget: Budget | None,
) -> "Integrated":
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
    from gmlang.queries.rows.integrating import integrate, seen_reals

    finite, evidence, asked = graph
    return integrate(
        grounder.world,
        joint,
        (finite, evidence, seen_reals(grounder, joint, query.given)),
        () if asked is None else asked.links,
        budget or begin_budget(SECONDS_MAX, None),
        query.span,
    )
