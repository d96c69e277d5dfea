"""What may be asked of a factor graph: one file for each question, with all that belongs to it.

A question says how it is checked, how large its answer is, what becomes of the answer when a graph
is simplified first, how two answers to it merge, how it is answered by writing everything out, and
which ways of answering may be tried, in which order. Below: graphs and factors. Above: everything
that answers; an engine has rules of its own for some questions, and the others are not its own.
"""

from gmruntime.questions.best import Best
from gmruntime.questions.expected_utility import ExpectedUtility
from gmruntime.questions.joint import Joint
from gmruntime.questions.log_partition import LogPartition
from gmruntime.questions.map import Map
from gmruntime.questions.marginal_map import MarginalMap
from gmruntime.questions.marginals import Marginals
from gmruntime.questions.question import AnyAnswer, Question
from gmruntime.questions.samples import Samples
from gmruntime.questions.solutions import Solutions

QUESTIONS: tuple[type[Question[AnyAnswer]], ...] = (
    Marginals,
    Joint,
    LogPartition,
    Map,
    MarginalMap,
    Best,
    Samples,
    Solutions,
    ExpectedUtility,
)
"""All of them."""
