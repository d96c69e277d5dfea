"""What editors know of a text: its mistakes, and what its names stand for.

Any text can be analysed. Where it has syntax mistakes only these are told, and names come from the
lines that can be read.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from gmlang.core.from_syntax import Checked, Scope, check_opened, open_names
from gmlang.core.names.definitions import Bindings
from gmlang.core.names.uses import find_uses
from gmlang.diagnostics import Diagnostic, GmError, Source, Span
from gmlang.errors import names as errors
from gmlang.graph.world.bindings import bind
from gmlang.library import find_module
from gmlang.queries.composition.composites import check_composites, fights
from gmlang.queries.questions import QUERY_FORMS
from gmlang.queries.session import Session
from gmlang.queries.settings import Settings
from gmlang.syntax import ast
from gmlang.syntax.mend import mend

_COMPOSITES_S = 0.5
"""So long at most composites are looked at; a key in between waits no longer."""

Loader = Callable[[str], Source | None]


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """A text, read and checked as far as it goes.

    Attributes:
        source: as it was written.
        diagnostics: mistakes and warnings, in the order of their places.
        program: what can be read of it.
        bindings: its names and those of its modules.
        checked: the program in core, None where there are mistakes.
        imported: the dotted names of the modules it imports, directly or not, found or not.
    """

    source: Source
    diagnostics: tuple[Diagnostic, ...]
    program: ast.Program
    bindings: Bindings
    checked: Checked | None
    imported: frozenset[str]


class _Modules:
    """The modules that a text imports.

    Apart from it, so that what holds the one does not hold the other: a text that nobody needs any
    more is gone at once, and leaves no circle to be looked for.

    Attributes:
        imported: their dotted names, found or not.
        broken: the first mistake of each that has some.
    """

    def __init__(self, load: Loader) -> None:
        self._load = load
        self.imported: set[str] = set()
        self.broken: dict[str, Diagnostic] = {}

    def open(self, name: str) -> Source | None:
        """Return a module without the lines that cannot be read, if it is there."""
        self.imported.add(name)
        source = self._load(name)
        if source is None:
            return None
        readable, mistake = _readable(source)
        if mistake is not None:
            self.broken[name] = mistake
        return readable


class Unchecked:
    """A text whose names are known and which is still to be checked.

    Attributes:
        source: as it was written.
        program: what can be read of it.
    """

    def __init__(self, source: Source, load: Loader) -> None:
        """Read a text and open its modules."""
        mended = mend(source)
        self.source, self.program, self._mistakes = source, mended.program, mended.mistakes
        self._modules = _Modules(load)
        self._scope = _opened(mended.program, self._modules.open)

    def names(self) -> Analysis:
        """Return what is known without a check: the names, but for what only types tell."""
        return self._analysis((), None)

    def check(self) -> Analysis:
        """Check what has been read."""
        checked: Checked | None = None
        found: tuple[Diagnostic, ...]
        try:
            checked = check_opened(self._scope)
            found = checked.warnings
        except GmError as error:
            found = error.diagnostics
        if self._modules.broken:
            # What is wrong elsewhere would be told wherever something is missed.
            found, checked = tuple(self._in_modules()), None
        if self._mistakes:
            found, checked = self._mistakes, None
        return self._analysis(found, checked)

    def _analysis(self, found: tuple[Diagnostic, ...], checked: Checked | None) -> Analysis:
        bindings = find_uses(self._scope.checking)
        imported = frozenset(self._modules.imported)
        return Analysis(self.source, found, self.program, bindings, checked, imported)

    def _in_modules(self) -> list[Diagnostic]:
        found: list[Diagnostic] = []
        for name, mistake in self._modules.broken.items():
            place = import_of(self.program, name) or Span(self.source, 0, 0)
            found.append(errors.unreadable_module(place, name, mistake))
        return found


def analyse(source: Source, load: Loader) -> Analysis:
    """Read and check a text of any form.

    Args:
        source: the text.
        load: finds a module by its dotted name; what it raises is told as a mistake.
    """
    return Unchecked(source, load).check()


def contradictions(checked: Checked) -> tuple[Diagnostic, ...]:
    """Look, for a moment, for composites that contradict themselves with the data of the program.

    Where none does, those whose parts fight about a site are found. Where data is missing
    nothing is.
    """
    if not any(len(model.parts) > 1 and not model.soft for model in checked.program.models):
        return ()
    try:
        session = Session(checked.program, bind(checked.program, {}))
        how = Settings(budget_s=_COMPOSITES_S)
        return tuple(check_composites(session, how) or fights(session, how))
    except GmError:
        return ()


def _opened(program: ast.Program, load: Loader) -> Scope:
    try:
        return open_names(program, load, QUERY_FORMS)
    except RecursionError:
        # Modules that import one another so deeply are not followed.
        return open_names(program, lambda name: None, QUERY_FORMS)


@lru_cache(maxsize=64)
def _readable(source: Source) -> tuple[Source, Diagnostic | None]:
    """Return a module without the lines that cannot be read, and its first mistake."""
    mended = mend(source)
    return mended.program.span.source, mended.mistakes[0] if mended.mistakes else None


def import_of(program: ast.Program, name: str) -> Span | None:
    """Return where a program imports a module, or None."""
    for statement in program.statements:
        if isinstance(statement, ast.Import | ast.FromImport) and statement.module == name:
            return statement.span
    return None


def loader(folder: Path | None, texts: Mapping[str, str]) -> Loader:
    """Return what finds modules, those that are being written before those that are saved.

    Args:
        folder: of the importing file; None where it has none.
        texts: what is being written, by path.
    """

    def load(name: str) -> Source | None:
        if folder is not None and re.fullmatch(r"\w+(\.\w+)*", name):
            path = str(folder.joinpath(*name.split(".")).with_suffix(".gm"))
            if path in texts:
                return Source(path, texts[path])
        return find_module(name, beside=folder)

    return load
