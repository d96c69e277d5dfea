"""What `--trace` writes: the steps of searches, the answers, and what the program speaks of."""

import json
import math
from typing import TYPE_CHECKING, TextIO

import numpy as np

from gmlang.core.ast import Bool
from gmlang.core.mentions import mentions
from gmlang.core.program import Query
from gmlang.graph.builder import evidence_of
from gmlang.graph.world.instances import all_exist
from gmlang.graph.world.names import named_in
from gmlang.queries.answers import nested_values, plain_json
from gmruntime.answer import Improvement

if TYPE_CHECKING:
    from gmlang.api import Answer, Model
    from gmlang.graph.from_core import Grounding
    from gmlang.graph.world.names import Named

_NAMES_MAX = 200
"""Of more named variables and arrays only the first are told."""

_ENTRIES_MAX = 1 << 14
"""A larger array is told by its shape alone."""

_STATES_MAX = 64
"""More states of a variable are counted, not listed."""

_STATES_MAX_BELIEVED, _BELIEFS_MAX = 256, 5
"""Of so many states the likeliest are told, by name; of more, such as places, their entropy."""

_LATER = 1.3
"""The next state of a search is written when so many times as much time has passed."""


class Trace:
    """A trace that is being written: JSON lines, each flushed.

    Every line has `query` and `seconds`. Those of steps and answers have `log_score`, `log_bound`
    and `search`, null where there is none; the first of these also has `program`, and so has the
    first one after the program was ground. Those of models that may sleep have what `Row` has.
    """

    def __init__(self, lines: TextIO, file: str) -> None:
        """Begin with nothing written about a program's file."""
        self.lines, self.file = lines, file
        self.has_begun = self.has_names = False
        self._next_s: dict[str, float] = {}
        self._believed: dict[str, dict[str, None]] = {}

    def step(self, model: "Model", question: Query, step: Improvement) -> None:
        """Write an improvement, with the state that it found where some time has passed."""
        text = question.text
        record = _line(text, step.seconds, step.log_score, step.log_bound, step.engine)
        if step.is_found and step.seconds >= self._next_s.get(text, -1.0):
            self._next_s[text] = _LATER * step.seconds
            record["state"] = _state(model, question, step.assignment)
        self._write(model, record)

    def belief(self, model: "Model", text: str, found: "Answer", seconds: float) -> None:
        """Write what is believed while a question is answered: its entropy, the likeliest states.

        Args:
            model: that is asked.
            text: of the question.
            found: a distribution, by names of states.
            seconds: since the question was asked.
        """
        value = found.value if isinstance(found.value, dict) else {}
        chances = {str(k): float(v) for k, v in value.items() if isinstance(v, float)}
        some = np.array([p for p in chances.values() if p > 0])
        record = _line(text, seconds, math.nan, math.nan, found.method)
        record["entropy"] = float(-(some * np.log(some)).sum())
        if 2 < len(chances) <= _STATES_MAX_BELIEVED:
            likely = sorted(chances, key=lambda name: -chances[name])[:_BELIEFS_MAX]
            # Who was told of once is told of from then on.
            told = self._believed.setdefault(text, {})
            told.update(dict.fromkeys(likely))
            record["rivals"] = {name: chances[name] for name in told}
        self._write(model, record)

    def answer(self, model: "Model", answer: "Answer") -> None:
        """Write an answer as `--json` has it."""
        score, upper = answer.log_score, answer.log_upper
        bound = math.nan if score is None or upper is None else upper
        known = math.nan if score is None else score
        record = _line(answer.text, answer.seconds, known, bound, answer.method)
        record["answer"] = answer.to_dict()
        self._write(model, record)

    def events(self, text: str, rows: list[dict[str, object]]) -> None:
        """Write what became of models that may sleep, while a question was answered."""
        for row in rows:
            self.lines.write(json.dumps({"query": text, **row}, allow_nan=False) + "\n")
        self.lines.flush()

    def _write(self, model: "Model", record: dict[str, object]) -> None:
        is_ground = _grounded(model) is not None
        if not self.has_begun or (is_ground and not self.has_names):
            record["program"] = _program(model, self.file)
            self.has_begun, self.has_names = True, is_ground
        self.lines.write(json.dumps(record, allow_nan=False) + "\n")
        self.lines.flush()


def _line(text: str, seconds: float, score: float, bound: float, search: str) -> dict[str, object]:
    return {
        "query": text,
        "seconds": round(seconds, 6),
        "log_score": _finite(score),
        "log_bound": _finite(bound),
        "search": search,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _grounded(model: "Model") -> "Grounding | None":
    """Return the program's graph where it is there: a trace costs no grounding."""
    return model.session().base


def _program(model: "Model", file: str) -> dict[str, object]:
    """Say what the program is called, what it speaks of, and what was seen of it."""
    found: dict[str, object] = {"file": file}
    grounding = _grounded(model)
    if grounding is None:
        return found
    names = named_in(grounding.world)
    data = grounding.world.data
    evidence, _ = evidence_of(grounding.builder)
    found["variables"] = [_variable(named) for named in names[:_NAMES_MAX]]
    found["seen"] = {
        named.name: _numbers(named, evidence)
        for named in names[:_NAMES_MAX]
        if named.variables.ndim == 2
        and 0 < named.variables.size <= _ENTRIES_MAX
        and (evidence[named.variables] >= 0).any()
    }
    found["data"] = {
        symbol.name: _or_none(data[symbol.name], np.isnan(data[symbol.name]))
        for symbol in grounding.program.data
        if isinstance(symbol.type, Bool)
        and data[symbol.name].ndim == 2
        and 0 < data[symbol.name].size <= _ENTRIES_MAX
    }
    return found


def _variable(named: "Named") -> dict[str, object]:
    count = named.states.count
    states: object = count
    if count <= _STATES_MAX:
        states = [named.states.label(k) for k in range(count)]
    return {"name": named.name, "shape": list(named.variables.shape), "states": states}


def _numbers(named: "Named", states: np.ndarray) -> object:
    """Write a state's number for each variable of an array; null where it is not known."""
    return _or_none(states[named.variables], states[named.variables] < 0)


def _or_none(values: np.ndarray, is_unknown: np.ndarray) -> object:
    found = values.astype(object)
    found[is_unknown] = None
    return found.tolist()


def _state(model: "Model", question: Query, assignment: np.ndarray) -> object:
    """Write an assignment by name; nothing where a question has a graph of its own."""
    grounding = _grounded(model)
    if grounding is None or not all_exist(grounding.world, mentions(question), grounding.names):
        # What it mentions has a number among those of others.
        return {}
    found: dict[str, object] = {}
    left = _ENTRIES_MAX
    for named in named_in(grounding.world)[:_NAMES_MAX]:
        size = named.variables.size
        is_there = size and int(named.variables.max()) < len(assignment)
        if not is_there or size > left:
            continue
        left -= size
        values = nested_values(assignment[named.variables], named.states)
        found[named.name] = np.asarray(values).tolist()
    return plain_json(found)
