"""The joint distribution P(x_1, ..., x_k | e) of a few variables."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from gmruntime.arrays import Float64, Int32
from gmruntime.graph import FactorGraph, GraphError, num_states
from gmruntime.quality import Status
from gmruntime.questions.checks import asked_variables
from gmruntime.questions.enumerate import Enumeration
from gmruntime.questions.idle import Idle
from gmruntime.questions.question import AnyAnswer, Question, Way

AXES_MAX = 64
"""NumPy's arrays have at most so many axes."""


@dataclass(frozen=True, slots=True, eq=False)
class JointAnswer(AnyAnswer):
    """Answers `Joint`: one axis for each variable asked, in the order asked; sums to 1."""

    probabilities: Float64[np.ndarray, "*states"]


@dataclass(frozen=True, slots=True, eq=False)
class Joint(Question[JointAnswer]):
    """P(x_1, ..., x_k) of a few variables together."""

    variables: Int32[np.ndarray, " asked"]

    WAYS: ClassVar[tuple[Way, ...]] = (
        Way.IDLE,
        Way.MEMORIES,
        Way.WINDOWS,
        Way.COUNTING,
        Way.ELIMINATION,
        Way.ESTIMATE,
    )

    def checked(self, graph: FactorGraph) -> Self:
        """Return the question with the variables as the graph has them, not too many."""
        found = asked_variables(graph, "Joint", self.variables)
        if len(found) > AXES_MAX:
            raise GraphError(
                f"Joint.variables lists {len(found)} variables, and an answer has an axis for "
                f"each, {AXES_MAX} at most; ask for Marginals, or fewer together"
            )
        return replace(self, variables=found)

    def answer_bytes(self, graph: FactorGraph) -> int:
        """Count the bytes of an answer's array."""
        return 8 * math.prod(int(n) for n in num_states(graph)[self.variables])

    def described(self) -> str:
        """Say what the answer is, where it is too large."""
        return f"the joint distribution of {len(self.variables)} variables"

    def without_single_states(self, graph: FactorGraph) -> Self:
        """Leave variables of one state out: they need no axis."""
        return replace(self, variables=self.variables[num_states(graph)[self.variables] > 1])

    def with_single_states(self, graph: FactorGraph, found: JointAnswer) -> JointAnswer:
        """Give an answer the axes of the variables that were left out."""
        shape = tuple(int(size) for size in num_states(graph)[self.variables])
        return replace(found, probabilities=found.probabilities.reshape(shape))

    def with_idle(self, found: JointAnswer, idle: Idle, rng: np.random.Generator) -> JointAnswer:
        """Spread the answer evenly over the states of idle variables."""
        del rng
        variables = self.variables
        shape = tuple(int(n) for n in idle.states[variables])
        result = np.zeros(shape)
        first: dict[int, int] = {}
        places: list[np.ndarray | slice | int] = []
        ways = 1.0
        for axis, v in enumerate(variables.tolist()):
            if not idle.is_idle[v] or idle.evidence[v] >= 0:
                places.append(int(idle.evidence[v]) if idle.is_idle[v] else slice(None))
                continue
            if v not in first:
                ways *= shape[axis]
            first.setdefault(v, axis)
            places.append(slice(None))
        inner = found.probabilities / ways
        kept = tuple(
            0 if idle.is_idle[v] and idle.evidence[v] >= 0 else slice(None)
            for v in variables.tolist()
        )
        result[tuple(places)] = inner[kept]
        # A variable that is asked for twice has one state in both places.
        for axis, v in enumerate(variables.tolist()):
            if v in first and first[v] != axis:
                sizes = [1] * len(shape)
                sizes[axis] = sizes[first[v]] = shape[axis]
                result *= np.eye(shape[axis]).reshape(sizes)
        return replace(found, probabilities=result)

    def enumerated(self, every: Enumeration, rng: np.random.Generator) -> JointAnswer:
        """Add up the weights of each joint state."""
        del rng
        shape = tuple(int(n) for n in num_states(every.graph)[self.variables])
        quality = every.quality()
        if quality.status is Status.IMPOSSIBLE:
            return JointAnswer(quality, np.full(shape, np.nan))
        result = np.zeros(shape)
        place = tuple(every.assignments[:, v] for v in self.variables)
        np.add.at(result, place, every.probabilities() if shape else 1.0)
        return JointAnswer(quality, result)
