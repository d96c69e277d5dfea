"""What Python, the command line, the REPL and notebooks all use: a Model that can be asked.

>>> model = compile("var rain : bool ~ Bernoulli(0.2)")
>>> model.query("P(rain)").probabilities["true"]
0.2
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from os import PathLike
from types import MappingProxyType
from typing import TYPE_CHECKING

from gmlang.core.from_syntax import Checked, check_query
from gmlang.core.program import Assert, Query
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
from gmlang.queries.questions.map import Map
from gmlang.queries.reading import asked_names, assignment_map
from gmlang.queries.remembered.memory import Memory
from gmlang.queries.searching import Step, improvements
from gmlang.queries.session import Session, base_grounding, ground_before, prepare
from gmlang.queries.settings import Settings, begin, checked_settings
from gmlang.syntax.parse import parse_query
from gmlang.views import attach_views
from gmruntime.graph import FactorGraph

if TYPE_CHECKING:
    from gmlang.queries.spread import Spread

MISSING_DATA = "GM401"

attach_views()


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A checked program with its data. It never changes: `bind` and `set` return another one.

    Attributes:
        checked: the program after names and types.
        values: data and parameters given so far.
        memory: exact answers that were given; those of the model with other values among them.
    """

    checked: Checked
    values: Mapping[str, object] = field(default_factory=dict[str, object])
    cache: dict[str, Session] = field(default_factory=dict[str, Session], repr=False)
    memory: Memory = field(default_factory=Memory, repr=False)

    def __post_init__(self) -> None:
        """Keep a copy of the values that nobody can change."""
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))

    def __reduce__(self) -> tuple[type["Model"], tuple[Checked, Mapping[str, object]]]:
        """Travel to other processes as the program and its data; there it is grounded anew."""
        return Model, (self.checked, dict(self.values))

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
        return Model(self.checked, {**self.values, **values}, memory=self.memory)

    def set(self, **parameters: object) -> "Model":
        """Return the model with other values for its parameters and sizes.

        Raises:
            GmError: when the program declares no such parameter, or a value is none of its type.
        """
        return self.bind(**parameters)

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

    def contradictions(self) -> list[Diagnostic]:
        """Look for composites that contradict themselves, without any question.

        What else is wrong with the data is found as well; nothing is while some is missing.
        """
        try:
            self.session()
        except GmError as error:
            is_missing = any(found.code == MISSING_DATA for found in error.diagnostics)
            return [] if is_missing else list(error.diagnostics)
        return []

    def grounding(self) -> Grounding:
        """Return the grounded program: the factor graph and the names of its variables."""
        return base_grounding(self.session())

    def graph(self) -> FactorGraph:
        """Return the program's factor graph, observations aside.

        Raises:
            GmError: when a statement has no value in some state that nothing excludes.
        """
        return graph_of(self.session())

    def names(self) -> list[Named]:
        """List every variable, attribute and activation that has a name."""
        return named_in(self.grounding().world)

    def ask(self, text: str) -> tuple[Query | Assert, ...]:
        """Parse and check queries written as on the command line, without answering them.

        Raises:
            GmError: when the text is no query about this program.
        """
        return check_query(self.checked, parse_query(text_source("<query>", text)))

    def _one(self, text: str) -> Query | Assert:
        """Parse and check a text that asks one thing."""

        def check() -> Query | Assert:
            first, *others = self.ask(text)
            if others:
                raise GmError([asking.one_at_a_time(others[0].span)])
            return first

        session = self.cache.get("session")
        if session is None or not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            return check()
        return session.names.written(text, check)

    def query(
        self,
        text: str,
        *,
        budget_s: float = 5.0,
        seed: int = 0,
        device: str = "auto",
        memory_bytes: int | None = None,
        executor: Executor | None = None,
        num_workers: int | None = None,
        remember: bool | str | PathLike[str] = True,
    ) -> Answer:
        """Answer one query. Ctrl-C raises KeyboardInterrupt here; what was found is lost with it.

        Args:
            text: such as "P(rain | wet = true)".
            budget_s: wall-clock seconds.
            seed: of everything random.
            device: "auto", "cpu" or "cuda".
            memory_bytes: cap on tables and messages; None takes half of what is free.
            executor: whose workers help to search for a maximum; any `concurrent.futures.Executor`.
                The caller shuts it down.
            num_workers: how many shares it runs at a time; None asks the executor.
            remember: whether to return an exact answer that was given before instead of working it
                out again, with the note `remembered`; a folder keeps such answers on disk as well.

        Raises:
            GmError: when the query or the data has mistakes.
        """
        question = self._one(text)
        settings = checked_settings(
            budget_s, seed, device, memory_bytes, executor, num_workers, remember
        )
        return answer(self.session(), question, settings)

    def run(
        self,
        *,
        budget_s: float = 5.0,
        seed: int = 0,
        device: str = "auto",
        memory_bytes: int | None = None,
        executor: Executor | None = None,
        num_workers: int | None = None,
        remember: bool | str | PathLike[str] = True,
    ) -> Iterator[Answer]:
        """Answer the program's own queries and assertions, in order.

        The arguments are those of `query`; the budget is for each query. Several questions are
        spread over the executor's workers; a single one they help to search for.

        Raises:
            GmError: when the data has mistakes.
        """
        settings = checked_settings(
            budget_s, seed, device, memory_bytes, executor, num_workers, remember
        )
        yield from self.answer_all(self.questions, settings)

    def answer_all(
        self, questions: Iterable[Query | Assert], settings: Settings
    ) -> Iterator[Answer]:
        """Answer checked questions, in order.

        Raises:
            GmError: when a question or the data has mistakes.
        """
        questions = list(questions)
        session = self.session()
        if settings.workers is None or len(questions) < 2:
            for question in questions:
                yield answer(session, question, settings)
            return
        spread = self.spread(questions, settings)
        try:
            for number in range(len(questions)):
                yield spread.answer(number)
        finally:
            spread.dismiss()

    def spread(self, questions: Sequence[Query | Assert], settings: Settings) -> "Spread":
        """Spread checked questions over workers."""
        from gmlang.queries.spread import Spread

        def here(question: Query | Assert, how: Settings) -> Answer:
            return answer(self.session(), question, how)

        def hear(warnings: Sequence[Diagnostic]) -> None:
            # Without news there is no need to be ready here: another thread may be at that.
            if new := [w for w in warnings if w not in self.warnings]:
                self.session().warnings.extend(new)

        return Spread(self, questions, settings, here, hear)

    def search(
        self,
        text: str,
        *,
        budget_s: float = 5.0,
        seed: int = 0,
        memory_bytes: int | None = None,
        executor: Executor | None = None,
        num_workers: int | None = None,
    ) -> Iterator[Step]:
        """Yield ever better answers to a MAP query; break whenever you like, by Ctrl-C as well.

        The arguments are those of `query`.

        Raises:
            GmError: when the query or the data has mistakes.
        """
        question = self._one(text)
        if not isinstance(question, Map):
            raise GmError([asking.only_map_is_searched(question.span)])
        session = self.session()
        settings = checked_settings(budget_s, seed, "auto", memory_bytes, executor, num_workers)
        ground_before(session, question)
        settings = begin(settings, question.within_s)
        try:
            names = asked_names(prepare(session, question, settings.running()), question)
        except TimeoutError:
            return
        for found in improvements(session, question, settings):
            value = assignment_map(names, found.assignment) if found.is_found else None
            yield Step(found.seconds, found.log_score, found.log_bound, found.engine, value)
