"""What Python, the command line, the REPL and notebooks all use: a Model that can be asked.

>>> import gmlang
>>> model = gmlang.compile("var rain : bool ~ Bernoulli(0.2)")
>>> model.query("P(rain)").probabilities["true"]
0.2
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from types import MappingProxyType
from typing import TYPE_CHECKING, Unpack, overload

from gmlang.core.from_syntax import Checked, check_query
from gmlang.core.program import Assert, Program, Query
from gmlang.data.names import by_core_name, declared_columns
from gmlang.data.reading import read_all
from gmlang.diagnostics import Diagnostic, GmError
from gmlang.errors import asking
from gmlang.graph.from_core import Grounding
from gmlang.graph.world.names import Named, named_in
from gmlang.library import text_source
from gmlang.pipeline import graph_of, open_session
from gmlang.queries.answers import Answer
from gmlang.queries.dispatch import answer
from gmlang.queries.remembered.memory import Memory
from gmlang.queries.searching import Step, steps
from gmlang.queries.session import Session, base_grounding
from gmlang.queries.settings import Options, Settings, checked_settings
from gmlang.queries.worlds.written import done_to
from gmlang.syntax.parse import parse_query
from gmlang.views import attach_views
from gmruntime.graph import FactorGraph

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import numpy as np

    from gmlang.core.parameters import Learn
    from gmlang.data.cases import Given
    from gmlang.filtering.filter import Filter
    from gmlang.learning.concepts.result import LearnedModel
    from gmlang.learning.course import Terms
    from gmlang.learning.functions.result import LearnedDefs
    from gmlang.learning.learn import Step as LearningStep
    from gmlang.learning.results.result import Learned
    from gmlang.queries.each import Seen
    from gmruntime.budget import Watch

attach_views()


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A checked program with its data. It never changes: `bind` and `set` return another one.

    Attributes:
        checked: the program after names and types.
        values: data and parameters given so far.
        learned: the core names of the parameters and models that were learned.
        memory: exact answers that were given; those of the model with other values among them.
    """

    checked: Checked
    values: Mapping[str, object] = field(default_factory=dict[str, object])
    learned: tuple[str, ...] = ()
    cache: dict[str, Session] = field(default_factory=dict[str, Session], repr=False)
    memory: Memory = field(default_factory=Memory, repr=False)

    def __post_init__(self) -> None:
        """Keep a copy of the values that nobody can change."""
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))

    def __reduce__(self) -> tuple[type["Model"], tuple[object, ...]]:
        """Travel to other processes as the program and its data; there it is grounded anew."""
        return Model, (self.checked, dict(self.values), self.learned)

    def bind(self, frame: object = None, /, **data: object) -> "Model":
        """Return the model with data: arrays, numbers, words, lists, columns of data frames.

        They are read by their declared type, and copied. NaN, None and masked entries are missing.
        Of data that two modules declare, say which: `bind(**{"first.k": 0.5})`.

        Args:
            frame: a data frame or mapping, whose columns that the program declares are bound.
            data: by name.

        Raises:
            GmError: when the program declares no such data, or a value is none of its type.
        """
        program = self.checked.program
        data = data if frame is None else {**declared_columns(program, frame), **data}
        values = read_all(program, by_core_name(program, data))
        learned = tuple(name for name in self.learned if name not in values)
        return Model(self.checked, {**self.values, **values}, learned, memory=self.memory)

    def set(self, **parameters: object) -> "Model":
        """Return the model with other values for its parameters and sizes; see `bind`."""
        return self.bind(**parameters)

    def do(self, *changes: str, **values: object) -> "Model":
        """Return the model to which that was done: `do("a[3] = red", rain=True)`; else GmError."""
        checked = done_to(self.checked, changes, values)
        return Model(checked, self.values, self.learned, memory=self.memory)

    @property
    def questions(self) -> tuple[Query | Assert, ...]:
        """The queries and assertions of the program, in order."""
        return self.checked.program.questions

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What looks like a mistake but need not be one; in the data too, once it was used."""
        session = self.cache.get("session")
        return (*self.checked.warnings, *(session.warnings if session else ()))

    def session(self) -> Session:
        """Return the model ready to be asked, with its data bound and its composites checked.

        Raises:
            GmError: when data is missing or does not fit, or a composite contradicts itself.
        """
        if "session" not in self.cache:
            self.cache["session"] = open_session(self.checked, self.values, self.memory)
        return self.cache["session"]

    def grounding(self) -> Grounding:
        """Return the grounded program: the factor graph and the names of its variables."""
        return base_grounding(self.session())

    def graph(self) -> FactorGraph:
        """Return the program's factor graph, observations aside; GmError where it has mistakes."""
        return graph_of(self.session())

    def names(self) -> list[Named]:
        """List every variable, attribute and activation that has a name."""
        return named_in(self.grounding().world)

    def ask(self, text: str) -> tuple[Query, ...]:
        """Parse and check queries, as on the command line; GmError where they do not fit."""
        return check_query(self.checked, parse_query(text_source("<query>", text)))

    def _one(self, text: str) -> Query:
        """Parse and check a text that asks one thing."""

        def check() -> Query:
            first, *others = self.ask(text)
            if others:
                raise GmError([asking.one_at_a_time(others[0].span)])
            return first

        session = self.cache.get("session")
        if session is None or not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            return check()
        return session.names.written(text, check)

    @overload
    def query(self, text: str, *, rows: None = None, **how: Unpack[Options]) -> Answer: ...

    @overload
    def query(self, text: str, *, rows: "Given", **how: Unpack[Options]) -> list[Answer]: ...

    def query(
        self,
        text: str,
        *,
        rows: "Given | None" = None,
        budget_s: float = 5.0,
        seed: int = 0,
        device: str = "auto",
        memory_bytes: int | None = None,
        executor: "Executor | None" = None,
        num_workers: int | None = None,
        remember: bool | str | PathLike[str] = True,
    ) -> Answer | list[Answer]:
        """Answer one query. Ctrl-C raises KeyboardInterrupt here; what was found is lost with it.

        Args:
            text: such as "P(rain | wet = true)".
            rows: a table as `learn` takes it, or its path: what each row has is observed beside
                all else, and the list of the answers to the rows is returned. Where its columns are
                data of the program, each row's data is bound instead.
            budget_s: wall-clock seconds, for all rows together.
            seed: of everything random.
            device: "auto", "cpu" or "cuda".
            memory_bytes: cap on tables and messages; None takes half of what is free.
            executor: of `concurrent.futures`, whose workers help; the caller shuts it down.
            num_workers: how many shares it runs at a time; None asks the executor.
            remember: whether to return an exact answer that was given before instead of working it
                out again, with the note `remembered`; a folder keeps such answers on disk as well.

        Raises:
            GmError: when the query, the data or the rows have mistakes.
        """
        query = self._one(text)
        limits = budget_s, seed, device, memory_bytes
        how = checked_settings(*limits, executor, num_workers, remember)
        if rows is None:
            return self._noted(answer(self.session(), query, how))
        from gmlang.learning.data_rows import answers_given

        return list(map(self._noted, answers_given(self, query, rows, how)))

    def answer_each(self, query: Query, seen: "Seen", settings: Settings) -> Iterator[Answer]:
        """Answer a checked query about each row, in order, within one budget.

        Raises:
            GmError: when the query, the data or the rows have mistakes.
        """
        from gmlang.queries.spread_rows import answers_of_rows

        return map(self._noted, answers_of_rows(self, query, seen, settings))

    def _noted(self, found: Answer) -> Answer:
        if not self.learned or "given learned" in found.note:
            return found
        names = self.learned if len(self.learned) < 7 else (*self.learned[:6], "...")
        note = f"given learned {', '.join(names)}"
        return replace(found, note=f"{found.note}; {note}" if found.note else note)

    def run(
        self,
        *,
        budget_s: float = 5.0,
        seed: int = 0,
        device: str = "auto",
        memory_bytes: int | None = None,
        executor: "Executor | None" = None,
        num_workers: int | None = None,
        remember: bool | str | PathLike[str] = True,
    ) -> Iterator[Answer]:
        """Answer the program's own queries and assertions, in order.

        The arguments and errors are those of `query`; the budget is for each. Several questions
        are spread over the executor's workers; a single one they help to search for.
        """
        how = budget_s, seed, device, memory_bytes, executor, num_workers, remember
        settings = checked_settings(*how)
        program = self.checked.program
        if not (program.learns or program.concepts or program.defs):
            return self.answer_all(self.questions, settings)
        from gmlang.learning.turns import in_turn

        return in_turn(self, settings)

    def answer_all(
        self, questions: Iterable[Query | Assert], settings: Settings
    ) -> Iterator[Answer]:
        """Answer checked questions, in order; mistakes of these and of the data raise GmError."""
        questions = list(questions)
        session = self.session()
        if settings.workers is None or len(questions) < 2:
            yield from (self._noted(answer(session, one, settings)) for one in questions)
            return
        from gmlang.queries.spread import spread_over

        yield from map(self._noted, spread_over(self, questions, settings).answers())

    def learn(
        self,
        *,
        hold_out: float = 0.0,
        seed: int = 0,
        budget_s: float = 60.0,
        method: str = "",
        restarts: int | None = None,
        weight: str | None = None,
        skip_impossible: bool = False,
        memory_bytes: int | None = None,
        **data: object,
    ) -> "Learned[Model]":
        """Learn what the program's `learn`s name, or all params that have a type and no value.

        Ctrl-C raises KeyboardInterrupt here; `learning` gives what was found so far.

        Args:
            hold_out: the part of the rows that only a score is made of.
            seed: of everything random.
            budget_s: wall-clock seconds for each `learn`; the best so far comes when they are over.
            method: "em", "gradient", "variational", "pseudo" or "cd(5)"; "" takes what fits.
            restarts: how many starts; None takes as many as the program needs.
            weight: the column with the weights of rows; None takes `weight`, where there is one.
            skip_impossible: leave out rows that the program gives no probability.
            memory_bytes: cap on tables; None takes half of what is free.
            data: bound at once, as by `bind`: tables in any form that Python has for them.

        Raises:
            GmError: when the program or the data has mistakes, or counts are out of reach.
        """
        from gmlang.learning.course import OPTIONS, finished

        how = (hold_out, seed, budget_s, method, restarts, weight, skip_impossible, memory_bytes)
        return finished(self.learning(**dict(zip(OPTIONS, how, strict=True)), **data))

    def learning(self, **given: object) -> "Generator[LearningStep, None, Learned[Model]]":
        """Yield each round of `learn`, whose arguments and errors these are; leave at any."""
        from gmlang.learning.course import learn_all, learns_of, split_terms

        terms, data = split_terms(given)
        model, program = self.bind(**data), self.checked.program
        whats = learns_of(program, model.values)
        make = self._maker(name for what in whats for name in what.names)
        return (yield from learn_all(program, model.values, whats, terms, make))

    def learn_one(
        self, what: "Learn", terms: "Terms", watch: "Watch | None" = None
    ) -> "Generator[LearningStep, None, Learned[Model]]":
        """Do one `learn`, in rounds; `watch` is shared with who waits."""
        from gmlang.learning.course import learn_one

        make = self._maker(what.names)
        return learn_one(self.checked.program, self.values, what, terms, make, watch)

    def learn_model(
        self,
        name: str,
        *,
        budget_s: float = 10.0,
        seed: int = 0,
        refit: bool = False,
        **data: object,
    ) -> "LearnedModel[Model]":
        """Learn the model of a `learn model`, whose own `within` counts, and what stands before it.

        With `refit` it gets confidences of its own, as by that word; its parts keep theirs.

        Raises:
            GmError: when the program or the data has mistakes, or it is out of reach.
        """
        from gmlang.learning.turns import learn_named

        settings = checked_settings(budget_s, seed)
        return learn_named(self.bind(**data), name, settings, is_refitted=refit)

    def learn_def(
        self, name: str = "", *, budget_s: float = 30.0, seed: int = 0, **data: object
    ) -> "LearnedDefs[Model]":
        """Learn all functions of the program's `learn def`s, of which `name` is one, together.

        Errors are those of `learn_model`; where no rule explains what is seen, a GmError as well.
        """
        from gmlang.learning.turns import learn_functions_of

        return learn_functions_of(self.bind(**data), name, checked_settings(budget_s, seed))

    def with_learned(self, values: Mapping[str, object], names: Iterable[str]) -> "Model":
        """Return the model with values, by core name, that were learned."""
        return self._maker(names)({**self.values, **values})

    def with_program(self, program: Program, name: str) -> "Model":
        """Return the model with another program, of which one name was learned."""
        checked = replace(self.checked, program=program)
        return Model(checked, self.values, (*self.learned, name), memory=self.memory)

    def _maker(self, names: Iterable[str]) -> "Callable[[Mapping[str, object]], Model]":
        learned = tuple(dict.fromkeys((*self.learned, *names)))
        return lambda values: Model(self.checked, values, learned, memory=self.memory)

    def log_likelihood(
        self, *, weight: str | None = None, budget_s: float = 60.0, **data: object
    ) -> "np.ndarray":
        """Return the log-likelihood of each row of a table, nats, what it leaves open summed out.

        Args:
            weight: a column that is none of what was seen.
            budget_s: wall-clock seconds.
            data: bound at once, as by `bind`; one of it is the table, unless the program has one.

        Raises:
            GmError: when the data has mistakes, is not known, or counts are out of reach.
        """
        from gmlang.learning.course import log_likelihoods_of

        model = self.bind(**data)
        return log_likelihoods_of(model.checked.program, model.values, data, weight, budget_s)

    def search(self, text: str, **how: Unpack[Options]) -> Iterator[Step]:
        """Yield ever better answers to a MAP or MMAP query; break whenever you like (Ctrl-C too).

        The arguments and errors are those of `query`.
        """
        return steps(self.session(), self._one(text), checked_settings(**how))

    def filter(self, over: str = "", *, ask: str | Iterable[str] = ()) -> "Filter":
        """Follow the program over a time, from its first step on; data over it comes step by step.

        Args:
            over: the size that is time, such as "T"; "" finds it.
            ask: what is answered after each step, such as "P(z[t])", t being the current one.

        Raises:
            GmError: when the program is no chain over that size, or a question does not fit.
        """
        from gmlang.filtering.beginning import filter_of

        return filter_of(self.checked, self.values, over, (ask,) if isinstance(ask, str) else ask)
