"""What one check gathers on its way: mistakes, symbols, fresh keys."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn, TypeVar

from gmlang.core.ast import Enum, Expression, Function, Type
from gmlang.core.concepts import LearnModel
from gmlang.core.learned_defs import LearnDef
from gmlang.core.names.scope import Entry, Env, Meaning, Module
from gmlang.core.parameters import Learn, RowsSymbol
from gmlang.core.program import (
    Assert,
    DataSymbol,
    EntitySymbol,
    ModelSymbol,
    Query,
    Statement,
    ThingSymbol,
    VariableSymbol,
)
from gmlang.core.records.members import NamedMember
from gmlang.diagnostics import Diagnostic, Source, Span
from gmlang.errors import names as errors
from gmlang.errors.probabilities import UnevenRow
from gmlang.syntax import ast

_T = TypeVar("_T")
_R = TypeVar("_R")


class PoisonedError(Exception):
    """A mistake was found here and is reported; whatever needs this is skipped in silence."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class QueryForm:
    """What the checks know of a word that asks; `gmlang.queries.questions` has them all.

    Attributes:
        word: as it is called.
        help: what it asks for, in one line.
        shortest: a call of it with as little as it needs.
        check: checks the arguments of a call; what stands behind the bar and behind the query is
            checked for all words alike.
        leaves_open: whether a bare variable behind the bar is conditioned on with its value left
            open; else it is observed to be true.
    """

    word: str
    help: str
    shortest: str
    check: "Callable[[Checking, Env, ast.Call], Query]"
    leaves_open: bool = False


@dataclass(slots=True, eq=False)
class Round:
    """One pass over the bodies of functions that call each other; passes go on until none changes.

    Attributes:
        members: the functions that are checked together.
        visited: those whose bodies this pass has reached.
        is_changed: whether it found another type of one, or a random variable in it.
    """

    members: set[tuple[object, ...]] = field(default_factory=lambda: set())
    visited: set[tuple[object, ...]] = field(default_factory=lambda: set())
    is_changed: bool = False


@dataclass(slots=True, eq=False)
class Checking:
    """The state of one check.

    Attributes:
        load: finds a module's source by its dotted name.
        check: checks an expression of any form.
        resolve: says what a declared name means, checking its declaration first if need be.
        query_forms: the words that ask, by what they are called.
        told: what has been reported in any list of diagnostics, to find doubles quickly.
        modules: by name; the program itself is "".
        core_names: names taken in the core program.
        real_names: what attributes that are real numbers are called, in any module.
        num_parts: of each composite, those within its parts included.
        pending: models whose bodies are still to be checked.
        asked: the queries inside the assert that is being checked.
        num_keys: how many keys have been handed out.
        shared: what parameters and uses of defs were found to be, with what they depend on, which
            is kept so that its identity is not given away again; None where there is a mistake.
        sizes_of: how many operations shared values amount to, by identity.
        callees: for each def, by identity, the defs that its body calls.
        circular: whether a def, by identity, calls itself, perhaps through others.
        functions: the defs that call themselves, by what they are used for.
        round: those whose body is being checked; None when none is.
        placed: shared values as they are used in a place; kept for their identity.
        uneven: rows of probabilities that do not quite sum to one, as the keys.
        existences: the entities of which it is asked whether things exist.
        held: the families of which the member that holds is mentioned, and where.
        meant: what a name was found to mean that only types tell, by the name of its source and
            its place: values of which domain, attributes of which entity (its core name).
    """

    load: Callable[[str], Source | None]
    check: "Checker"
    resolve: "Resolver"
    query_forms: Mapping[str, QueryForm]
    diagnostics: list[Diagnostic] = field(default_factory=lambda: [])
    told: set[Diagnostic] = field(default_factory=lambda: set())
    modules: dict[str, Module] = field(default_factory=lambda: {})
    core_names: dict[str, Entry] = field(default_factory=lambda: {})
    data: list[DataSymbol] = field(default_factory=lambda: [])
    variables: list[VariableSymbol] = field(default_factory=lambda: [])
    things: list[ThingSymbol] = field(default_factory=lambda: [])
    entities: dict[str, Entry] = field(default_factory=lambda: {})
    entity_symbols: list[EntitySymbol] = field(default_factory=lambda: [])
    real_names: set[str] = field(default_factory=lambda: set())
    model_order: list[Entry] = field(default_factory=lambda: [])
    models: dict[str, ModelSymbol] = field(default_factory=lambda: {})
    members: list[NamedMember] = field(default_factory=lambda: [])
    held: dict[str, Span] = field(default_factory=lambda: {})
    processes: list[tuple[str, tuple[VariableSymbol, ...]]] = field(default_factory=lambda: [])
    num_parts: dict[str, int] = field(default_factory=lambda: {})
    existences: dict[str, None] = field(default_factory=lambda: {})
    pending: list[Entry] = field(default_factory=lambda: [])
    sizes: list[str] = field(default_factory=lambda: [])
    statements: list[Statement] = field(default_factory=lambda: [])
    questions: list[Query | Assert] = field(default_factory=lambda: [])
    rows: list[RowsSymbol] = field(default_factory=lambda: [])
    learns: list[Learn] = field(default_factory=lambda: [])
    concepts: list[LearnModel] = field(default_factory=lambda: [])
    defs: list[LearnDef] = field(default_factory=lambda: [])
    asked: list[Query] = field(default_factory=lambda: [])
    num_keys: int = 0
    shared: dict[tuple[object, ...], tuple[tuple[object, ...], Expression | None]] = field(
        default_factory=lambda: {}
    )
    sizes_of: dict[int, int] = field(default_factory=lambda: {})
    callees: dict[int, tuple[Entry, ...]] = field(default_factory=lambda: {})
    circular: dict[int, bool] = field(default_factory=lambda: {})
    functions: dict[tuple[object, ...], Function] = field(default_factory=lambda: {})
    round: "Round | None" = None
    placed: list[Expression] = field(default_factory=lambda: [])
    uneven: dict[UnevenRow, None] = field(default_factory=lambda: {})
    meant: dict[tuple[str, int], set[Enum | str]] = field(default_factory=lambda: {})


Checker = Callable[[Checking, Env, ast.Argument, Type | None], Expression]
Resolver = Callable[[Checking, Entry], Meaning]


def call_of(state: Checking, name: str) -> str | None:
    """Return the shortest call of a word that asks; None for another name."""
    form = state.query_forms.get(name)
    return None if form is None else form.shortest


def fail(state: Checking, diagnostic: Diagnostic) -> NoReturn:
    """Report a mistake and give up on what contains it."""
    report(state, diagnostic)
    raise PoisonedError


def report(state: Checking, diagnostic: Diagnostic) -> None:
    """Report a mistake, once."""
    if diagnostic not in state.told or diagnostic not in state.diagnostics:
        state.told.add(diagnostic)
        state.diagnostics.append(diagnostic)


def note(state: Checking, span: Span, meant: Enum | str) -> None:
    """Remember whose value or attribute a name was found to be, for editors."""
    state.meant.setdefault((span.source.name, span.start), set()).add(meant)


def each(function: Callable[[_T], _R], items: Iterable[_T]) -> tuple[_R, ...]:
    """Apply a check to every item, so that each mistake is reported, then give up if any failed."""
    results: list[_R] = []
    is_poisoned = False
    for item in items:
        try:
            results.append(function(item))
        except PoisonedError:
            is_poisoned = True
    if is_poisoned:
        raise PoisonedError
    return tuple(results)


def attempt(function: Callable[[], _R]) -> _R | None:
    """Run a check; None when it found a mistake."""
    try:
        return function()
    except PoisonedError:
        return None


def guarded(state: Checking, span: Span, function: Callable[[], _R]) -> _R | None:
    """Run a check; None when it found a mistake, or what is written refers on and on."""
    try:
        return function()
    except PoisonedError:
        return None
    except RecursionError:
        found = errors.refers_too_deep(span)
        # A long chain is too deep from every hundredth of its declarations; the first says it.
        if all(told.code != found.code for told in state.diagnostics):
            report(state, found)
        return None


def fresh_key(state: Checking, name: str) -> str:
    """Return a key that no other loop variable or parameter has."""
    state.num_keys += 1
    return f"{name}#{state.num_keys}"
