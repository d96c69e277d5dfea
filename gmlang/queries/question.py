"""The protocol of a question: everything that the language knows of one, in one record.

A question is written, checked, asked, planned, answered, shown, compared in assertions, completed,
coloured and documented from its record and its two classes alone: a `Query`, what a program asks,
and an `Answer`, what comes back. `gmlang.queries.questions` lists them, `gmlang.queries.dispatch`
goes through them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gmlang.core.checking import QueryForm
from gmlang.core.program import Query
from gmlang.graph.world.world import World
from gmlang.queries.answers import Answer
from gmlang.queries.session import Prepared, Session
from gmlang.queries.settings import Settings
from gmruntime.answer import Quality
from gmruntime.answer import Query as RuntimeQuery


class Single(NamedTuple):
    """How a question is answered that the runtime answers as it is, about one graph.

    Attributes:
        question: returns what is put to the runtime, and planned; it may refuse by a `GmError`.
            It takes the query, of the question's own class.
        read: writes the answer to it, which is of the class that belongs to what was put, in the
            author's words; the quality is filled in by who asks.
        impossible: the value of the answer where two observations contradict each other.
        quality: how good the answer is, where that is not what the runtime says of its own.
        puts: the classes of what `question` returns; where the runtime has a program for all rows
            for each of them, rows are asked about at once.
    """

    question: Callable[[Prepared, Any], RuntimeQuery]
    read: Callable[[Prepared, Any, Any], Answer]
    impossible: object = None
    quality: Callable[[Prepared, Any, Any], Quality] | None = None
    puts: tuple[type[RuntimeQuery], ...] = ()


class Several(NamedTuple):
    """How a question is answered whose answer is made of several of the runtime's.

    Attributes:
        answer: asks them and puts them together; the seconds are filled in by who asks. It takes
            the query, of the question's own class.
        needs_graph: whether they are about the program's own graph, which is then grounded before
            the clock starts.
        each: answers it for rows of evidence, -1 where nothing is observed, about one prepared
            graph; None has `answer` asked of each row.
    """

    answer: Callable[[Session, Any, Settings], Answer]
    needs_graph: bool = True
    each: Callable[[Prepared, Any, np.ndarray, Settings], Iterator[Answer]] | None = None


class Composed(NamedTuple):
    """A question without a word of its own, which is answered by the answers of others.

    Attributes:
        query: the class of what is asked.
        answer: the class of the answers.
        written_out: returns the query with its loops written out: its `inner` queries are then
            those that are answered, in order.
        compose: puts their answers together; the seconds are filled in by who asks.
    """

    query: type[Query]
    answer: type[Answer]
    written_out: Callable[[World, Any], Query]
    compose: Callable[[World, Any, Sequence[Answer]], Answer]

    @property
    def kinds(self) -> tuple[tuple[type[Query], type[Answer]], ...]:
        """What may be asked, with the class of its answers."""
        return ((self.query, self.answer),)

    @property
    def answered(self) -> "Composed":
        """How: by itself."""
        return self


class Part(NamedTuple):
    """A question that the call of another word asks, of some arguments.

    Attributes:
        kinds: what may be asked, with the class of its answers.
        answered: how.
    """

    kinds: tuple[tuple[type[Query], type[Answer]], ...]
    answered: Single | Several


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Question(QueryForm):
    """A word that asks.

    Attributes:
        form: as the documents write it.
        example: a program that asks it; its assertions hold.
        kinds: what a call may turn out to ask, each with the class of its answers.
        answered: how.
    """

    form: str
    example: str
    kinds: tuple[tuple[type[Query], type[Answer]], ...]
    answered: Single | Several
