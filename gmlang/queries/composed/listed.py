"""Lists of queries: `[E(x[i]) for i in 0..<n]`, `[P(a | b = k) for k in 0..2]`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmlang.core.composed import QueryList
from gmlang.graph.world.world import World
from gmlang.queries.answers import Answer
from gmlang.queries.composed.calculation import brief, quality_of
from gmlang.queries.composed.writing_out import listed
from gmlang.queries.question import Composed
from gmruntime.answer import Status
from gmruntime.quality import worst


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ListAnswer(Answer):
    """The values of several answers, in order.

    Attributes:
        items: the answers themselves.
    """

    kind = "list"
    needs_ends = False
    """Its items say theirs."""

    items: tuple[Answer, ...] = ()

    @property
    def details(self) -> dict[str, object]:
        """What each item answered, and how good that is."""
        return {"items": [brief(item) for item in self.items]}


def _compose(world: World, query: QueryList, answers: Sequence[Answer]) -> Answer:
    del world
    arrays = [answer.array for answer in answers if answer.array is not None]
    is_even = len(arrays) == len(answers) > 0 and len({array.shape for array in arrays}) == 1
    labels = {answer.labels for answer in answers}
    return ListAnswer(
        query.text,
        worst(Status(answer.status) for answer in answers).value,
        [answer.value for answer in answers],
        array=np.stack(arrays) if is_even else None,
        labels=labels.pop() if is_even and len(labels) == 1 else (),
        items=tuple(answers),
        **quality_of(answers),  # pyright: ignore[reportArgumentType]
    )


LIST = Composed(QueryList, ListAnswer, listed, _compose)
