"""What a program learns and asks, each in its turn: what was learned is known to what follows."""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from gmlang.core.concepts import LearnModel
from gmlang.core.from_syntax import Checked
from gmlang.core.learned_defs import Learnable, LearnDefs, all_learns
from gmlang.core.parameters import Learn
from gmlang.core.program import Assert, Program, Query
from gmlang.diagnostics import GmError
from gmlang.errors.learning import concepts as errors
from gmlang.errors.learning import functions as function_errors
from gmlang.learning.concepts.learn import learn_model
from gmlang.learning.concepts.result import LearnedModel
from gmlang.learning.course import Terms, finished
from gmlang.learning.functions.learn import learn_defs
from gmlang.learning.functions.result import LearnedDefs
from gmlang.learning.learn import How, Step
from gmlang.learning.results.answer import learn_answer
from gmlang.learning.results.found import found_answer
from gmlang.learning.results.result import Learned
from gmlang.queries.answers import Answer
from gmlang.queries.settings import Settings
from gmruntime.budget import Budget, Watch, begin_budget

SECONDS_FOR_A_MODEL = 10.0
"""What a `learn model` may take where nothing else is said."""

SECONDS_FOR_FUNCTIONS = 30.0
"""And all `learn def`s of a program together."""


class Learner(Protocol):
    """A program with its data that can be asked, and can learn."""

    @property
    def checked(self) -> Checked:
        """The program."""
        ...

    @property
    def values(self) -> Mapping[str, object]:
        """Its data."""
        ...

    @property
    def questions(self) -> tuple[Query | Assert, ...]:
        """Its questions, in order."""
        ...

    def answer_all(
        self, questions: Iterable[Query | Assert], settings: Settings
    ) -> Iterator[Answer]:
        """Answer some questions."""
        ...

    def learn_one(
        self, what: Learn, terms: Terms, watch: Watch | None = None
    ) -> Generator[Step, None, Learned[Any]]:
        """Learn params."""
        ...

    def with_learned(self, values: Mapping[str, object], names: Sequence[str]) -> Any:  # noqa: ANN401 - one of its own
        """Return it with values that were learned."""
        ...

    def with_program(self, program: Program, name: str) -> Any:  # noqa: ANN401 - one of its own
        """Return it with another program, of which one name was learned."""
        ...


M = TypeVar("M", bound=Learner)


def in_turn(model: Learner, settings: Settings) -> Iterator[Answer]:
    """Answer a program's questions and learn what it learns, in its order.

    Raises:
        GmError: when the data or the program has mistakes.
    """
    questions, done = model.questions, 0
    program = model.checked.program
    for what in all_learns(program.learns, program.concepts, program.defs):
        if done < what.position:
            yield from model.answer_all(questions[done : what.position], settings)
        done = what.position
        answer, model = learned_by(model, what, settings)
        yield answer
    if done < len(questions):
        yield from model.answer_all(questions[done:], settings)


def learned_by(model: M, what: Learnable, settings: Settings) -> tuple[Answer, M]:
    """Learn params, a model or functions, and return what came of it and who knows it.

    Raises:
        GmError: when the data or the program has mistakes, or it is out of reach.
    """
    if isinstance(what, LearnModel):
        found = learn_concept(model, what, settings, SECONDS_FOR_A_MODEL)
        return found_answer(what, found), found.model
    if isinstance(what, LearnDefs):
        functions = learn_functions(model, what, settings, SECONDS_FOR_FUNCTIONS)
        return found_answer(what, functions), functions.model
    terms = Terms(How(seed=settings.seed), memory_bytes=settings.memory_bytes)
    learned = finished(model.learn_one(what, terms, settings.watch))
    return learn_answer(what, learned), learned.model


def _begun(what: LearnModel | LearnDefs, settings: Settings, seconds: float) -> Budget:
    """Begin the budget of what is learned, which ends with who waits."""
    budget = begin_budget(what.within_s or seconds, settings.memory_bytes)
    if settings.watch is not None:
        budget = settings.watch.budget = budget.ending_with(settings.watch.ended)
    return budget


def learn_functions(
    model: M, whats: LearnDefs, settings: Settings, seconds: float
) -> LearnedDefs[M]:
    """Do all the `learn def`s of a program.

    Args:
        model: that knows what was learned before.
        whats: are learned.
        settings: its memory, its seed, and who waits.
        seconds: for them, where they do not say.

    Raises:
        GmError: when the data or the program has mistakes, no rule fits, or it is out of reach.
    """
    budget = _begun(whats, settings, seconds)
    names = [one.name for one in whats.defs]
    return learn_defs(
        *(model.checked.program, model.values, whats, budget, settings.seed),
        lambda learned: model.with_learned(learned, names),
    )


def learn_functions_of(model: M, name: str, settings: Settings) -> LearnedDefs[M]:
    """Learn the functions of a program, and before them what it learns before.

    Args:
        model: of the program.
        name: of one of them; "" for whichever there are.
        settings: how.

    Raises:
        GmError: when the program learns no such function, the data or the program has mistakes, no
            rule fits, or it is out of reach.
    """
    program = model.checked.program
    known = [what.shown for what in program.defs]
    if not known or (name and name not in known):
        raise GmError([function_errors.no_such_def(name or "...", known)])
    for what in all_learns(program.learns, program.concepts, program.defs):
        if isinstance(what, LearnDefs):
            return learn_functions(model, what, settings, settings.budget_s)
        _, model = learned_by(model, what, settings)
    raise AssertionError(name)


def learn_concept(
    model: M, what: LearnModel, settings: Settings, seconds: float
) -> LearnedModel[M]:
    """Do one `learn model`.

    Args:
        model: that knows what was learned before.
        what: is learned.
        settings: its memory, its seed, and who waits.
        seconds: for it, where it does not say.

    Raises:
        GmError: when the data or the program has mistakes, or it is out of reach.
    """
    budget = _begun(what, settings, seconds)
    program = model.checked.program
    return learn_model(
        *(program, model.values, what, budget, settings.seed),
        lambda learned: model.with_program(learned, what.model),
    )


def learn_named(
    model: M, name: str, settings: Settings, *, is_refitted: bool = False
) -> LearnedModel[M]:
    """Learn a model by its name, and before it what the program learns before.

    Args:
        model: of the program.
        name: of the learned model.
        settings: how.
        is_refitted: whether its confidences are fitted although the program does not say so.

    Raises:
        GmError: when the program learns no such model, the data or the program has mistakes, or
            it is out of reach.
    """
    program = model.checked.program
    if all(what.model != name for what in program.concepts):
        known = [what.model for what in program.concepts]
        raise GmError([errors.no_such_model(name, known)])
    for what in all_learns(program.learns, program.concepts, program.defs):
        if isinstance(what, LearnModel) and what.model == name:
            what = replace(what, refit=what.refit or is_refitted)
            return learn_concept(model, what, settings, settings.budget_s)
        _, model = learned_by(model, what, settings)
    raise AssertionError(name)
