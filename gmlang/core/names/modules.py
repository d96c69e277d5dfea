"""Modules: their names gathered, and their imports found."""

from collections.abc import Iterator

from gmlang.core.checking import Checking, attempt, fail, report
from gmlang.core.names.scope import Declaration, Entry, Module, ModuleMeaning, written_enums
from gmlang.diagnostics import GmError, Span
from gmlang.errors import names as errors
from gmlang.functions import library_functions
from gmlang.library import is_of_library
from gmlang.syntax import ast
from gmlang.syntax.parse import parse

REAL_NAMES = ("real", "float")

IMPORTS_MAX = 50
"""Modules may import one another in a chain of so many: they are opened recursively."""


def open_module(state: Checking, name: str, program: ast.Program) -> Module:
    """Gather the names that a module declares or imports."""
    module = Module(name, program, {}, written_enums(program))
    state.modules[name] = module
    state.real_names.update(_real_names(program))
    module.is_active = True
    for statement in program.statements:
        match statement:
            case ast.Import() | ast.FromImport():
                attempt(lambda s=statement: _import(state, module, s))
            case _:
                pass
    for statement in program.statements:
        if isinstance(statement, Declaration):
            _declare(state, module, statement.name, statement)
    _declare_sizes(state, module)
    module.is_active = False
    return module


def _declare(
    state: Checking, module: Module, name: ast.Name, declaration: Declaration | None
) -> None:
    first = module.entries.get(name.text)
    if first is not None:
        report(state, errors.declared_twice(name.span, name.text, first.span))
        return
    entry = Entry(name.text, "", name.span, declaration, module)
    entry.core_name = _core_name(state, module, name.text, entry)
    module.entries[name.text] = entry


def _core_name(state: Checking, module: Module, name: str, entry: Entry) -> str:
    """Return a name no other symbol has: the module's is put before it where two would clash."""
    candidate = name
    if candidate in state.core_names or (module.name and _main_declares(state, name)):
        candidate = f"{module.name}.{name}"
    state.core_names[candidate] = entry
    return candidate


def _main_declares(state: Checking, name: str) -> bool:
    statements = state.modules[""].program.statements
    return any(isinstance(s, Declaration) and s.name.text == name for s in statements)


def outside_names(state: Checking, entry: Entry) -> tuple[str, ...]:
    """List the names by which the world outside may mean a declaration.

    They are those the program itself could write, and `module.name`. The bare name comes last
    where the program does not declare or import it: another module may have one as well.
    """
    main = state.modules[""]
    if entry.module is main:
        return (entry.name,)
    modules = [entry.module.name]
    for alias, known in main.entries.items():
        if isinstance(known.meaning, ModuleMeaning) and known.meaning.module is entry.module:
            modules.append(alias)
    qualified = dict.fromkeys(f"{module}.{entry.name}" for module in modules)
    seen = main.entries.get(entry.name)
    if seen is None:
        return (*qualified, entry.name)
    return (entry.name, *qualified) if seen is entry else tuple(qualified)


def _declare_sizes(state: Checking, module: Module) -> None:
    """Declare the sizes that the shapes of data name."""
    for statement in module.program.statements:
        if not isinstance(statement, ast.DataDeclaration | ast.ParamDeclaration):
            continue
        for size in statement.shape:
            if isinstance(size, ast.Name) and size.text not in module.entries:
                _declare(state, module, size, None)


# --- Imports -----------------------------------------------------------------------------


def _import(state: Checking, module: Module, statement: ast.Import | ast.FromImport) -> None:
    imported = _load(state, module, statement.span, statement.module)
    module.imports.append(imported)
    if isinstance(statement, ast.FromImport):
        for name in statement.names:
            _import_name(state, module, imported, name)
        return
    first_part = statement.module.split(".")[-1]
    name = statement.alias or ast.Name(statement.span, first_part)
    first = module.entries.get(name.text)
    if first is not None:
        fail(state, errors.declared_twice(name.span, name.text, first.span))
    entry = Entry(name.text, name.text, name.span, None, module)
    entry.meaning, entry.progress = ModuleMeaning(imported), "done"
    module.entries[name.text] = entry


def _import_name(state: Checking, module: Module, imported: Module, name: ast.Name) -> None:
    entry = imported.entries.get(name.text)
    if entry is None:
        functions = {}
        if is_of_library(imported.program.span.source):
            functions = library_functions(imported.name)
        if name.text in functions:
            # Whoever derives data finds it by the module, which is imported now.
            return
        known = sorted({*imported.entries, *functions})
        report(state, errors.not_in_module(name.span, imported.name, name.text, known))
        return
    first = module.entries.get(name.text)
    if first is not None and first is not entry:
        report(state, errors.declared_twice(name.span, name.text, first.span))
        return
    module.entries[name.text] = entry


def _load(state: Checking, module: Module, span: Span, name: str) -> Module:
    known = state.modules.get(name)
    if known is not None:
        if known.is_active:
            chain = [name, *(m for m, opened in state.modules.items() if opened.is_active and m)]
            fail(state, errors.cyclic_import(span, [*dict.fromkeys(chain), name]))
        return known
    if sum(opened.is_active for opened in state.modules.values()) > IMPORTS_MAX:
        fail(state, errors.imports_too_deep(span, name, IMPORTS_MAX))
    try:
        source = state.load(name)
    except GmError as error:
        fail(state, errors.unreadable_module(span, name, error.diagnostics[0]))
    except OSError as error:
        fail(state, errors.unopened_module(span, name, error))
    if source is None:
        fail(state, errors.unknown_module(span, name))
    if source == module.program.span.source or source == state.modules[""].program.span.source:
        fail(state, errors.cyclic_import(span, [name, name]))
    return open_module(state, name, parse(source))


def is_real(written: ast.Expression) -> bool:
    """Say whether a type is `real`, `real[lo, hi]` or `real[n]`."""
    match written:
        case ast.Name(text=text) | ast.Index(base=ast.Name(text=text)):
            return text in REAL_NAMES
        case _:
            return False


def _real_names(program: ast.Program) -> Iterator[str]:
    """Give the names of a module's variables and attributes that are real numbers."""
    for statement in program.statements:
        if isinstance(statement, ast.VarDeclaration) and is_real(statement.type):
            yield statement.name.text
        for attribute in statement.attributes if isinstance(statement, ast.Entity) else ():
            if isinstance(attribute, ast.AttributeDeclaration) and is_real(attribute.type):
                yield attribute.name.text
