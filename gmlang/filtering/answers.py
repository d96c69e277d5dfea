"""What a filter answers: after one step, after many, and of the step to come."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.program import Query
from gmlang.filtering.inputs import Inputs
from gmlang.filtering.places import Place
from gmlang.filtering.questions import Questions
from gmlang.filtering.tables import Window
from gmlang.queries.answers import Answer, nested_maps
from gmlang.queries.dispatch import written
from gmlang.queries.questions.probability import Joint, MarginalAnswer
from gmlang.queries.session import Prepared
from gmruntime.answer import JointAnswer, MarginalsAnswer, Quality, Status
from gmruntime.arrays import row_starts
from gmruntime.graph import FactorGraph, by_block, num_states

METHOD = "filter"


@dataclass(frozen=True, slots=True, eq=False)
class Filtered:
    """What is believed after a step.

    Attributes:
        number: of the step, from 0.
        log_loss: how improbable what it observed was before it, nats; 0 where nothing was.
        log_z: of the program so far, nats.
    """

    questions: Questions
    window: Window
    number: int
    log_loss: float
    log_z: float
    _found: np.ndarray
    _of_reals: np.ndarray

    @property
    def answers(self) -> tuple[Answer, ...]:
        """The answers to what is asked, in order."""
        return tuple(self[text] for text in self.questions.texts)

    def __getitem__(self, text: str) -> Answer:
        """Return the answer to a question, as it was written."""
        number = self.questions.number(text)
        query = self.questions.queries[number]
        prepared = self.window.prepared[number]
        real = self.window.real
        asked = None if real is None else real.asked[number]
        if real is not None and asked is not None:
            return replace(asked.answer(self._of_reals[real.parts[number]]), text=text)
        answer = _answer(query, prepared, self._found[self.window.parts[number]], self.log_z)
        return replace(answer, text=text)

    @property
    def probabilities(self) -> object:
        """Those of the only question, or the first."""
        return self.answers[0].probabilities

    def to_dict(self) -> dict[str, object]:
        """Return it as plain data, as `gmlang filter` prints it."""
        from gmlang.queries.answers import plain_json

        answers = {
            text: answer.value
            for text, answer in zip(self.questions.texts, self.answers, strict=True)
        }
        said = {
            "step": self.number,
            "log_loss": self.log_loss,
            "log_z": self.log_z,
            "answers": answers,
        }
        return {key: plain_json(value) for key, value in said.items()}

    def __repr__(self) -> str:
        lines = [f"step {self.number}: log loss {self.log_loss:.6g}, log Z {self.log_z:.6g} nats"]
        return "\n".join([*lines, *map(repr, self.answers)])


@dataclass(frozen=True, slots=True, eq=False)
class FilteredSteps:
    """What is believed after each of many steps.

    Attributes:
        log_loss: of each step, nats.
        log_z: of the program up to each step, nats.
        arrays: for each question an array, time first: the probabilities of the states of what is
            asked, of a real its mean and standard deviation, of several asked together their means
            before their covariances, else a number; NaN where it could not be asked yet.
    """

    questions: Questions
    log_loss: np.ndarray
    log_z: np.ndarray
    arrays: list[np.ndarray]

    def __getitem__(self, text: str) -> np.ndarray:
        """Return the array of a question, as it was written."""
        return self.arrays[self.questions.number(text)]

    def __len__(self) -> int:
        return len(self.log_loss)

    def __repr__(self) -> str:
        asked = ", ".join(self.questions.texts)
        return f"FilteredSteps({len(self)} steps{': ' * bool(asked)}{asked})"

    @staticmethod
    def empty(questions: Questions, count: int) -> "FilteredSteps":
        """Return what is to be filled in."""
        arrays = [np.zeros((count, 0))] * len(questions.queries)
        return FilteredSteps(questions, np.full(count, np.nan), np.full(count, np.nan), arrays)

    def write(
        self,
        first: int,
        window: Window,
        log_z: np.ndarray,
        losses: np.ndarray,
        found: np.ndarray,
        of_reals: np.ndarray,
    ) -> None:
        """Fill in what some steps found, from `first` on."""
        part = slice(first, first + len(losses))
        self.log_loss[part], self.log_z[part] = losses, log_z
        for number, prepared in enumerate(window.prepared):
            if prepared is None:
                continue
            query = self.questions.queries[number]
            asked = None if window.real is None else window.real.asked[number]
            if window.real is not None and asked is not None:
                self._fill(number, part, asked.values(of_reals[:, window.real.parts[number]]))
                continue
            own = found[:, window.parts[number]]
            shape = _shape(query, prepared)
            own = own.reshape(len(own), *shape)
            if not isinstance(query, Joint) and prepared.targets[0].is_event:
                own = own[..., 1]
            self._fill(number, part, own)

    def _fill(self, number: int, part: slice, own: np.ndarray) -> None:
        if self.arrays[number].size == 0:
            self.arrays[number] = np.full((len(self.log_loss), *own.shape[1:]), np.nan)
        self.arrays[number][part] = own


def _shape(query: Query, prepared: Prepared) -> tuple[int, ...]:
    """Return the shape of an answer's probabilities; of several arrays, flat."""
    sizes = [target.states.count for target in prepared.targets]
    if isinstance(query, Joint):
        return tuple(sizes)
    if len(prepared.targets) > 1:
        total = sum(t.states.count * t.variables.size for t in prepared.targets)
        return (total,)
    return (*prepared.targets[0].variables.shape, sizes[0])


def _answer(query: Query, prepared: Prepared | None, found: np.ndarray, log_z: float) -> Answer:
    """Write an answer as the model's own would be."""
    if prepared is None:
        return MarginalAnswer(query.text, note="there are too few steps yet")
    # Without a state that is possible, what is supposed contradicts what was seen.
    is_impossible = log_z == -np.inf or np.isnan(found).any()
    status = Status.IMPOSSIBLE if is_impossible else Status.EXACT
    quality = Quality(status, METHOD, 0.0)
    if isinstance(query, Joint):
        sizes = [target.states.count for target in prepared.targets]
        return written(prepared, query, JointAnswer(quality, found.reshape(sizes)))
    graph = FactorGraph(prepared.variables(), ())
    start = row_starts(num_states(graph))
    rows = np.full(int(start[-1]), np.nan)
    place = 0
    for target in prepared.targets:
        for v in target.variables.reshape(-1).tolist():
            rows[start[v] : start[v + 1]] = found[place : place + target.states.count]
            place += target.states.count
    return written(
        prepared, query, MarginalsAnswer(quality, by_block(graph, rows), log_partition=log_z)
    )


def next_seen(
    inputs: Inputs, places: Sequence[Place], found: np.ndarray, sizes: Sequence[int]
) -> dict[str, Answer]:
    """Write the distribution of each value that the next step may observe, by its data."""
    answers: dict[str, Answer] = {}
    starts = row_starts(sizes)
    for name in dict.fromkeys(place.name for place in places):
        own = {p.entry: k for k, p in enumerate(places) if p.name == name and sizes[k]}
        if not own:
            continue
        outside = inputs.outside[name]
        shape = [part for part in inputs.shapes[name] if part is not None]
        first = places[next(iter(own.values()))]
        rows = np.full((int(np.prod(shape, dtype=np.int64)), first.states.count), np.nan)
        for entry, k in own.items():
            rows[entry] = found[starts[k] : starts[k + 1]]
        shaped = rows.reshape(*shape, first.states.count)
        answers[outside] = MarginalAnswer(
            f"P({outside})",
            "impossible" if np.isnan(shaped).any() else "exact",
            nested_maps(shaped, first.states),
            array=shaped,
            labels=tuple(first.states.all_labels()),
            method=METHOD,
        )
    return answers
