"""The phases in order, from text to a validated factor graph and the plan of each question.

    parse     gmlang.syntax    text -> what was written
    check     gmlang.core      names resolved, types known, sugar gone
    bind      gmlang.graph     data and sizes: the world
    ground    gmlang.graph     a factor graph, block by block
    define    gmlang.graph     no statement without a value in a state that may occur
    validate  gmruntime.graph  what the runtime may rely on
    plan      gmlang.queries   what each question costs, and who will answer it

Each phase either returns its whole result or raises one GmError with every mistake it found. What
each makes can be looked at: `show_phase`, or `gmlang dump --phase`.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from gmlang.core.from_syntax import Checked, check
from gmlang.diagnostics import Diagnostic, GmError, Source
from gmlang.graph.from_core import finite_graph
from gmlang.graph.world.bindings import bind
from gmlang.library import find_module
from gmlang.process.collecting import nothing_collected
from gmlang.queries.composition.composites import check_composites, fights
from gmlang.queries.questions import QUERY_FORMS
from gmlang.queries.remembered.memory import Memory
from gmlang.queries.session import Session, base_grounding, check_defined
from gmlang.queries.settings import Settings
from gmlang.syntax.ast import Program
from gmlang.syntax.parse import parse
from gmruntime.graph import FactorGraph, validate

_MISSING_DATA = ("GM401", "GM716", "GM743")
"""Codes of data that a program waits for."""


@nothing_collected()
def check_source(
    source: Source, folder: Path | None = None, watch: Callable[[str, object], None] | None = None
) -> Checked:
    """Parse and check a source; imports are looked up in `folder` and in the standard library.

    Args:
        source: the program's text.
        folder: where its file lies, None for a text without one.
        watch: called with the name of each phase and its result.

    Raises:
        GmError: with the mistakes of the first phase that found any.
    """
    program: Program = parse(source)
    if watch is not None:
        watch("syntax", program)
    # No lambda: what was checked keeps its loader, and is pickled with it.
    checked = check(program, partial(find_module, beside=folder), QUERY_FORMS)
    if watch is not None:
        watch("core", checked.program)
    return checked


def open_session(
    checked: Checked, values: Mapping[str, object], memory: Memory | None = None
) -> Session:
    """Bind data to a checked program; it is grounded when it is first asked.

    Args:
        checked: the program.
        values: its data.
        memory: of answers that were given; None begins with none.

    Raises:
        GmError: when data is missing or does not fit, or a composite contradicts itself.
    """
    memory = Memory() if memory is None else memory
    session = Session(checked.program, bind(checked.program, values), memory=memory)
    if refused := check_composites(session, Settings()):
        raise GmError(refused)
    return session


def told_unasked(opened: Callable[[], Session]) -> list[Diagnostic]:
    """Tell what is wrong, or looks so, with a program and its data, without any question.

    Nothing is while some of the data is missing.

    Args:
        opened: opens the program's session, once.
    """
    try:
        session = opened()
        return [*session.warnings, *fights(session, Settings())]
    except GmError as error:
        is_missing = any(found.code in _MISSING_DATA for found in error.diagnostics)
        return [] if is_missing else list(error.diagnostics)


@nothing_collected()
def graph_of(session: Session) -> FactorGraph:
    """Ground a program, and return its factor graph, observations aside.

    Raises:
        GmError: when a statement has no value in some state that nothing excludes.
    """
    return validate(finite_graph(check_defined(base_grounding(session))))


def show_phase(phase: str, checked: Checked, values: Mapping[str, object]) -> str:
    """Return what a phase, one of `gmlang.phases.PHASES`, makes of a program as text.

    Raises:
        GmError: with the mistakes that the phase, or one before it, found.
    """
    from gmlang.core.print_program import show_program
    from gmlang.graph.print import print_graph, print_world
    from gmlang.queries.planning import plan_of
    from gmlang.syntax.print import print_program

    program = checked.program
    if phase == "syntax":
        return print_program(parse(program.span.source))
    if phase == "core":
        return show_program(program)
    session = open_session(checked, values)
    if phase == "world":
        return print_world(session.world)
    if phase == "graph":
        graph_of(session)
        return print_graph(base_grounding(session))
    planned = [str(plan_of(session, question, Settings())) for question in program.questions]
    return "\n\n".join(planned or ["no questions"]) + "\n"
