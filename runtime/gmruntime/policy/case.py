"""A question on its way through the ways of answering it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from gmruntime.answer import AnyAnswer, Map, MarginalMap, Query, Question
from gmruntime.budget import QUICK_SHARE
from gmruntime.task import Effort, Task

if TYPE_CHECKING:
    from gmruntime.elimination.plan import Plan
    from gmruntime.elimination.slices import Slicing
    from gmruntime.simplify.network import Network

Asked = Task[Question[AnyAnswer]]


@dataclass(frozen=True, slots=True, eq=False)
class How:
    """How an answer is to be found.

    Attributes:
        method: "" chooses; "exact", "bp" and "search" insist.
        options: of the method.
        estimate_share: of what is left of the budget once no exact answer fits.
    """

    method: str
    options: Mapping[str, bool | int | float]
    estimate_share: float


def checked_how(
    method: str, options: Mapping[str, bool | int | float] | None, estimate_share: float = 1.0
) -> How:
    """Return how an answer is to be found.

    Raises:
        ValueError: for options that the method does not have.
    """
    if method == "bp":
        from gmruntime.messages.options import options_from

        options_from(options or {}, "cpu")
    return How(method, options or {}, estimate_share)


@dataclass(frozen=True, slots=True, eq=False)
class Rest:
    """What is left to ask, and what then completes the answer."""

    task: Asked
    complete: Callable[[AnyAnswer], AnyAnswer]


@dataclass(slots=True, eq=False)
class Case:
    """A question that is being answered, or planned.

    Attributes:
        task: what is asked.
        effort: what it may take, with the random numbers of its seed from the first.
        how: as it was asked for.
        planned: what eliminating would cost, and what it was given; None until somebody asks.
        reduced: the network that sums are taken over, in a tuple; None until somebody asks.
        wide: whether its cliques are out of reach; None until somebody asks.
        cut: how tables that do not fit would be cut, and whether they would be as things stand;
            None until somebody asks.
        known: what has been proved although it does not settle the question.
    """

    task: Asked
    effort: Effort
    how: How
    planned: "tuple[Plan, Effort] | None" = None
    reduced: "tuple[Network | None] | None" = None
    wide: bool | None = None
    cut: "tuple[Slicing | None, bool] | None" = None
    known: AnyAnswer | None = None

    def about(self, task: Asked) -> "Case":
        """Return the same for another task; it draws its own numbers."""
        return begun(task, self.effort, self.how)

    def elimination(self) -> "tuple[Plan, Effort]":
        """Say what eliminating costs, and what it is given before anything else answers."""
        if self.planned is None:
            from gmruntime.elimination.plan import no_plan, on_device, plan

            query, part = self.task.query, self.effort
            if self.is_searched():
                # What takes longer is one of the engines of the search.
                part = part.share(QUICK_SHARE)
            found = no_plan(self.task)
            if isinstance(query, Query):
                known = None if self.reduced is None else self.reduced[0]
                found = on_device(plan(self.task.asking(query), part, known), part.device)
            self.planned = found, part
        return self.planned

    def network(self) -> "Network | None":
        """Return what elimination begins with; None where some factor has no table, or too late."""
        if self.reduced is None:
            from gmruntime.elimination.plan import reduced

            query = self.task.query
            network = None
            if isinstance(query, Query):
                network = reduced(self.task.asking(query), self.effort)
            self.reduced = (network,)
        return self.reduced[0]

    def is_wide(self) -> bool:
        """Say whether greedy orders leave cliques that are out of reach of elimination."""
        if self.wide is None:
            from gmruntime.counting.worth import is_wide

            network = self.network()
            try:
                self.wide = network is not None and is_wide(network, self.effort.budget)
            except TimeoutError:
                self.wide = False
        return self.wide

    def slicing(self) -> "tuple[Slicing | None, bool]":
        """Say how tables that do not fit are cut, and whether that needs no better order first."""
        if self.cut is None:
            from gmruntime.elimination.sliced import is_worth_starting, promising_cut

            query, (planned, part) = self.task.query, self.elimination()
            self.cut = None, False
            if not planned.fits and isinstance(query, Query):
                slicing = promising_cut(query, planned, part.budget)
                if slicing is not None:
                    self.cut = slicing, is_worth_starting(query, slicing, part.budget)
        return self.cut

    def is_searched(self) -> bool:
        """Say whether a search follows that answers meanwhile, and eliminates as well."""
        is_free = not self.how.method and self.effort.device != "cuda"
        return is_free and isinstance(self.task.query, Map | MarginalMap)


def begun(task: Asked, effort: Effort, how: How) -> Case:
    """Begin with a question that is checked."""
    return Case(task, replace(effort, rng=np.random.default_rng(effort.seed)), how)
