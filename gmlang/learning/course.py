"""What a program learns, one `learn` after another: each uses what those before have found."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np

from gmlang.core.ast import Bool, Domain, Enum
from gmlang.core.check.learned.params import RESTARTS_MAX, without_value
from gmlang.core.check.learned.places import report_misplaced
from gmlang.core.parameters import METHODS, Learn, method_named
from gmlang.core.program import Program
from gmlang.data.names import shown
from gmlang.diagnostics import GmError
from gmlang.errors import grounding as setting_errors
from gmlang.errors.learning import cases as errors
from gmlang.errors.learning.written import nothing_to_learn
from gmlang.graph.world.bindings import bind
from gmlang.learning.learn import How, Step, learn, log_likelihoods
from gmlang.learning.results.result import Learned
from gmlang.limits import MEMORY_MAX, SECONDS, SECONDS_MAX, SEED, SEED_MAX, is_seconds
from gmruntime.budget import Budget, Watch, begin_budget

M = TypeVar("M")
R = TypeVar("R")

_SECONDS_TO_LEARN = 60.0
"""What learning may take where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How to learn, as whoever asks says it: before the program's own words, but for `within`.

    Attributes:
        how: what all methods take.
        budget_s: seconds for each `learn`.
        method: as `method_named` calls it; "" for the one that fits.
        restarts: starts; None for as many as the program needs.
    """

    how: How = field(default_factory=How)
    budget_s: float = _SECONDS_TO_LEARN
    method: str = ""
    restarts: int | None = None
    memory_bytes: int | None = None


OPTIONS = (
    *("hold_out", "seed", "budget_s", "method", "restarts", "weight", "skip_impossible"),
    "memory_bytes",
)
"""What a caller in Python may say."""


def split_terms(given: Mapping[str, Any]) -> tuple[Terms, dict[str, object]]:
    """Part the arguments of `Model.learn` into terms and data.

    Raises:
        GmError: naming each term that is out of range.
    """
    options = {name: given[name] for name in OPTIONS if name in given}
    data = {name: value for name, value in given.items() if name not in OPTIONS}
    needs: dict[str, tuple[str, Callable[[Any], bool]]] = {
        "hold_out": ("a part of the rows, from 0 to below 1", _is_part),
        "seed": (SEED, lambda v: isinstance(v, Integral) and 0 <= int(v) <= SEED_MAX),
        "budget_s": (SECONDS, _is_time),
        "method": (" or ".join(map(repr, ("", *METHODS))), _is_method),
        "restarts": (
            f"a number from 1 to {RESTARTS_MAX}",
            lambda v: v is None or (isinstance(v, Integral) and 1 <= int(v) <= RESTARTS_MAX),
        ),
        "memory_bytes": (
            "a number above 0",
            lambda v: v is None or (isinstance(v, Real) and float(v) > 0),
        ),
    }
    wrong = [
        setting_errors.bad_setting(name, needed, options[name])
        for name, (needed, holds) in needs.items()
        if name in options and not holds(options[name])
    ]
    if wrong:
        raise GmError(wrong)
    memory = options.get("memory_bytes")
    how = How(
        float(options.get("hold_out", 0.0)),
        int(options.get("seed", 0)),
        options.get("weight"),
        bool(options.get("skip_impossible", False)),
    )
    terms = Terms(
        how,
        float(options.get("budget_s", _SECONDS_TO_LEARN)),
        method_named(options.get("method", "")),
        options.get("restarts"),
        None if memory is None else max(1, int(min(memory, MEMORY_MAX))),
    )
    return terms, data


def _is_method(value: Any) -> bool:  # noqa: ANN401 - of any type
    return isinstance(value, str) and (not value or bool(method_named(value)))


def _is_part(value: Any) -> bool:  # noqa: ANN401 - of any type
    return isinstance(value, Real) and 0 <= float(value) < 1


def _is_time(value: Any) -> bool:  # noqa: ANN401 - of any type
    return isinstance(value, Real) and is_seconds(float(min(value, 2 * SECONDS_MAX)))


def with_placeholders(program: Program, values: Mapping[str, object]) -> dict[str, object]:
    """Return values in which what is still to be learned has some number: tables keep their sizes.

    Raises:
        GmError: when data is missing or does not fit.
    """
    free = frozenset(name for what in program.learns for name in what.names)
    unknown = frozenset(what.name for what in program.defs)
    data = bind(program, values, free | unknown).data
    some = {name: data[name] for name in free}
    some |= {what.name: _as_given(what.domain, data[what.name]) for what in program.defs}
    return {**some, **values}


def _as_given(domain: Domain, values: np.ndarray) -> np.ndarray:
    """Return the values of a function as data is given."""
    match domain:
        case Bool():
            return values.astype(np.bool_)
        case Enum(values=names):
            return np.array(names, object)[values]
        case _:
            return values


def sizes_of(
    program: Program, values: Mapping[str, object], names: Sequence[str]
) -> dict[str, int]:
    """Return how many numbers some params have, by the names that they are shown by.

    Raises:
        GmError: when data is missing or does not fit.
    """
    unknown = frozenset(what.name for what in program.defs)
    data = bind(program, values, frozenset(names) | unknown).data
    symbols = {symbol.name: symbol for symbol in program.data}
    return {shown(symbols[name]): data[name].size for name in names}


def learns_of(program: Program, values: Mapping[str, object]) -> tuple[Learn, ...]:
    """Return what a program learns; where it does not say, all without a value from what it has.

    Raises:
        GmError: when there is nothing to learn, or several tables that it may be learned from.
    """
    if program.learns:
        return program.learns
    names = without_value(program.data)
    if not names:
        raise GmError([nothing_to_learn(None)])
    if misplaced := report_misplaced(program, frozenset(names)):
        raise GmError(misplaced)
    tables = [t.name for t in program.rows if t.name in values]
    if len(tables) > 1:
        raise GmError([errors.source_not_said(tables)])
    source = tables[0] if tables else ""
    text = "learn params" + (f" from {source}" if source else "")
    return (Learn(program.span, text, names, source, (), len(program.questions)),)


def source_of(program: Program, values: Mapping[str, object], given: Mapping[str, object]) -> str:
    """Return the table whose rows are meant: the one just given, or the only one.

    Raises:
        GmError: when there is none, or several may be meant.
    """
    known = [t for t in program.rows if t.name in values]
    mine = [t for t in known if any(name in given for name in t.outside)] or known
    if len(mine) == 1:
        return mine[0].name
    if not known and program.rows:
        first = program.rows[0]
        raise GmError([errors.rows_missing(first.span, first.outside[0])])
    raise GmError([errors.several_tables() if mine else errors.no_tables()])


def log_likelihoods_of(
    program: Program,
    values: Mapping[str, object],
    given: Mapping[str, object],
    weight: str | None,
    budget_s: float,
) -> np.ndarray:
    """Return the log-likelihood of each row of the table that is meant; see `log_likelihoods`."""
    source = source_of(program, values, given)
    return log_likelihoods(program, values, source, weight, begin_budget(budget_s, None), 0)


def learn_one(
    program: Program,
    values: Mapping[str, object],
    what: Learn,
    terms: Terms,
    make: Callable[[Mapping[str, object]], M],
    watch: Watch | None = None,
) -> Generator[Step, None, Learned[M]]:
    """Do one `learn`; the arguments are those of `learn`.

    Args:
        program: checked.
        values: data by core name.
        what: is learned.
        terms: by which it is.
        make: makes the model.
        watch: shared with who waits on another thread.
    """
    method, restarts = terms.method or what.method, terms.restarts or what.restarts
    seconds = what.within_s or terms.budget_s
    budget: Budget = begin_budget(seconds, terms.memory_bytes)
    if watch is not None:
        budget = watch.budget = budget.ending_with(watch.ended)
    own = replace(what, method=method, restarts=restarts)
    return (yield from learn(program, values, own, terms.how, budget, make))


def learn_all(
    program: Program,
    values: Mapping[str, object],
    whats: Sequence[Learn],
    terms: Terms,
    make: Callable[[Mapping[str, object]], M],
) -> Generator[Step, None, Learned[M]]:
    """Do one `learn` after another; return what came of the last, whose model knows all."""
    found: Learned[M] | None = None
    for what in whats:
        found = yield from learn_one(program, values, what, terms, make)
        values = {**values, **found.bindings}
    assert found is not None
    return found


def finished(steps: Generator[object, None, R]) -> R:
    """Go through all steps, and return what comes of them."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
