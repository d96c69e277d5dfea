"""The two records that travel from the door to every engine: what is asked, and what it may take.

An engine that needs to know what is asked takes a `Task`; whatever may be spent on it, and what is
drawn and kept on the way, comes in an `Effort`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from gmruntime.answer import AnyAnswer, Question
from gmruntime.budget import Budget
from gmruntime.graph import Assignment, FactorGraph
from gmruntime.workspace import Told, Workspace, digest_of, owned

if TYPE_CHECKING:
    from gmruntime.workers.workers import Workers

_Q = TypeVar("_Q", bound=Question[AnyAnswer], covariant=True)
_Other = TypeVar("_Other", bound=Question[AnyAnswer])
_T = TypeVar("_T")
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True, eq=False)
class Task(Generic[_Q]):
    """A question about a graph some of whose variables are observed.

    Attributes:
        graph: validated.
        query: what is asked; its variables are the graph's.
        evidence: a state for each observed variable, -1 for the others.
    """

    graph: FactorGraph
    query: _Q
    evidence: Assignment

    def asking(self, query: _Other) -> "Task[_Other]":
        """Return another question about the same graph and evidence."""
        return Task(self.graph, query, self.evidence)

    def about(self, graph: FactorGraph, evidence: Assignment) -> "Task[_Q]":
        """Return the same question about another graph, or other evidence."""
        return Task(graph, self.query, evidence)


@dataclass(frozen=True, slots=True, eq=False)
class Effort:
    """What an answer may take.

    Attributes:
        budget: of time, memory and cores.
        rng: of everything random.
        seed: that `rng` began with; workers begin with it as well.
        device: "auto", "cpu" or "cuda".
        workspace: what is kept between questions; None keeps nothing.
        workers: who may be asked to help; None asks nobody.
        start: what a search may begin with: a state for each variable, -1 where nobody proposes
            one. It is scored like anything else that is found; None proposes nothing.
        told: digests of graphs, which do not change while a question is answered.
    """

    budget: Budget
    rng: np.random.Generator
    seed: int = 0
    device: str = "cpu"
    workspace: Workspace | None = None
    workers: "Workers | None" = None
    start: Assignment | None = None
    told: Told = field(default_factory=Told, repr=False)

    def within(self, budget: Budget) -> "Effort":
        """Return the same with another budget."""
        return replace(self, budget=budget)

    def share(self, part: float) -> "Effort":
        """Return the effort that begins now and may take a part of the time that is left."""
        return self.within(self.budget.share(part))

    def drawing(self, rng: np.random.Generator) -> "Effort":
        """Return the same with other random numbers."""
        return replace(self, rng=rng)

    def once(
        self, kind: type[_T], key: Callable[[], object], make: Callable[[], _T | None]
    ) -> _T | None:
        """Return what the same key made before; else make it, and keep it if there was time.

        What a budget has cut short says less than it might: only what was whole is kept.

        Args:
            kind: of what is made.
            key: returns all that it depends on besides the time: records, arrays, numbers.
            make: called where nothing is known; returns nothing that others may change.
        """
        digest = self._digest(key)
        return make() if digest is None else self._once(kind, digest, make)

    def _digest(self, key: Callable[[], object]) -> bytes | None:
        """Return how something is known again; None where it is not kept."""
        if self.workspace is None:
            return None
        try:
            return digest_of(key(), self.told)
        except TypeError:
            # What cannot be recognised is not kept.
            return None

    def _once(self, kind: type[_T], digest: bytes, make: Callable[[], _T | None]) -> _T | None:
        assert self.workspace is not None
        found = self.workspace.find(kind, digest)
        if found is None:
            found = make()
            if not self.budget.is_spent():
                self.workspace.keep(digest, found)
        return found

    def once_of(
        self, kind: type[_T], made_of: _Made, make: Callable[[_Made], _T | None]
    ) -> _T | None:
        """Do as `once` with what is made of arrays that whoever handed them in may change later.

        What is kept is made of copies: else it would change with them, and still be found.

        Args:
            kind: of what is made.
            made_of: all that it depends on besides the time.
            make: makes it of that.
        """
        digest = self._digest(lambda: made_of)
        if digest is None:
            return make(made_of)
        return self._once(kind, digest, lambda: make(owned(made_of, self.told)))
