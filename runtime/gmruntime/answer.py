"""What may be asked of a factor graph, and what an answer to it says about itself, in one place.

Each question is a file of `gmruntime.questions`, where its answer is described too. `Query` and
`Answer` are those that engines have rules of their own for.
"""

from dataclasses import replace
from typing import TypeVar

from gmruntime.quality import Quality as Quality
from gmruntime.quality import Status as Status
from gmruntime.questions import QUESTIONS as QUESTIONS
from gmruntime.questions.assignments import AssignmentsAnswer as AssignmentsAnswer
from gmruntime.questions.assignments import Improvement as Improvement
from gmruntime.questions.best import Best as Best
from gmruntime.questions.expected_utility import ExpectedUtility as ExpectedUtility
from gmruntime.questions.expected_utility import (
    ExpectedUtilityAnswer as ExpectedUtilityAnswer,
)
from gmruntime.questions.expected_utility import Policy as Policy
from gmruntime.questions.joint import Joint as Joint
from gmruntime.questions.joint import JointAnswer as JointAnswer
from gmruntime.questions.log_partition import LogPartition as LogPartition
from gmruntime.questions.log_partition import LogPartitionAnswer as LogPartitionAnswer
from gmruntime.questions.map import Map as Map
from gmruntime.questions.marginal_map import MarginalMap as MarginalMap
from gmruntime.questions.marginal_map import MarginalMapAnswer as MarginalMapAnswer
from gmruntime.questions.marginals import Marginals as Marginals
from gmruntime.questions.marginals import MarginalsAnswer as MarginalsAnswer
from gmruntime.questions.question import AnyAnswer as AnyAnswer
from gmruntime.questions.question import Question as Question
from gmruntime.questions.question import Way as Way
from gmruntime.questions.samples import Samples as Samples
from gmruntime.questions.solutions import Solutions as Solutions
from gmruntime.questions.solutions import SolutionsAnswer as SolutionsAnswer

Query = Marginals | Joint | LogPartition | Map | MarginalMap | Best | Samples | Solutions

Answer = (
    MarginalsAnswer
    | JointAnswer
    | LogPartitionAnswer
    | AssignmentsAnswer
    | MarginalMapAnswer
    | SolutionsAnswer
)

_A = TypeVar("_A", bound=AnyAnswer)


def at_seconds(answer: _A, seconds: float) -> _A:
    """Say how many seconds after the question an answer came."""
    return replace(answer, quality=replace(answer.quality, seconds=seconds))


def with_note(answer: _A, note: str) -> _A:
    """Add a remark to what an answer says of itself."""
    if not note:
        return answer
    joined = "; ".join(part for part in (answer.quality.note, note) if part)
    return replace(answer, quality=replace(answer.quality, note=joined))
