"""What could be written at a place: names in scope, words, distributions, modules."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from gmlang.core.names.definitions import Bindings, Definition, Kind
from gmlang.core.names.python_functions import library_definitions
from gmlang.core.names.scope import Declaration
from gmlang.core.parameters import METHODS
from gmlang.diagnostics import Source
from gmlang.editor.analysis import Analysis, Loader
from gmlang.library import is_of_library
from gmlang.syntax.mend import mend
from gmlang.words import WORDS

_NUM_MODULES_MAX = 1000
"""So many programs of a folder are offered as modules."""

_FROM = re.compile(r"^\s*from\s+([\w.]+)\s+import\s+(?:\w+\s*,\s*)*\w*$")
_IMPORT = re.compile(r"^\s*(?:from|import)\s+[\w.]*$")
_DOTTED = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*)(?:\[[^\]\n]*\])?\.\w*$")
_METHOD = re.compile(r"^\s*learn\s+(?!(?:model|def)\b).*\busing\s+\w*$")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_DECLARED = re.compile(r"^\s*(?:domain|data|param|def|var|entity|model|for)\s+\w*$")


@dataclass(frozen=True, slots=True)
class Choice:
    """What could be written.

    Attributes:
        text: the word.
        kind: what it is: the name of a `Kind` of definitions, or "word", "call".
        help: what it does, in a line.
        definition: what it stands for, None for a word of the language.
    """

    text: str
    kind: str
    help: str
    definition: Definition | None = None


def complete(
    line: str, analysis: Analysis, offset: int, load: Loader, folder: Path | None
) -> list[Choice]:
    """List what could be written next, every word once.

    Args:
        line: what is written before the place, from the beginning of its line.
        analysis: of the text.
        offset: the place in the text.
        load: finds modules.
        folder: where modules lie beside the standard library's; None for nowhere.
    """
    if _is_text(line) or _DECLARED.match(line):
        return []
    if found := _FROM.match(line):
        return _exported(found.group(1), load)
    if _IMPORT.match(line):
        return [Choice(name, Kind.MODULE.name, "module") for name in modules(folder)]
    if _METHOD.match(line):
        return [Choice(name, "word", help_) for name, help_ in METHODS.items()]
    name = analysis.source.name
    if found := _DOTTED.search(line):
        members = _members(found.group(1), analysis.bindings, name, offset)
        return [_choice(definition) for definition in members]
    return [*_names(analysis.bindings, name, offset), *words()]


def words() -> Iterator[Choice]:
    """Yield the words of the language that can be used now."""
    for word in {word.text: word for word in WORDS if word.since is not None}.values():
        is_called = word.kind.name in ("FAMILY", "FUNCTION", "AGGREGATE", "QUERY")
        yield Choice(word.text, "call" if is_called else "word", word.help)


def modules(folder: Path | None) -> list[str]:
    """List the modules of the standard library and the programs of a folder, by name."""
    found = {Path(item.name).stem for item in files("gmstdlib").iterdir() if _is_module(item.name)}
    if folder is not None and folder.is_dir():
        for number, path in enumerate(folder.glob("*.gm")):
            if number == _NUM_MODULES_MAX:
                break
            if path.stem.isidentifier():
                found.add(path.stem)
    return sorted(found)


def _is_module(name: str) -> bool:
    return name.endswith(".gm")


def _is_text(line: str) -> bool:
    """Say whether what follows a line's beginning is within a comment or a string."""
    rest = _STRING.sub("", line.replace('"""', ""))
    return "#" in rest or '"' in rest


def _exported(module: str, load: Loader) -> list[Choice]:
    try:
        source = load(module)
    except Exception:  # A module that cannot be read offers nothing.
        return []
    if source is None:
        return []
    declared = [
        Choice(statement.name.text, "MODEL", " ".join(statement.span.text.split("\n")[0].split()))
        for statement in mend(source).program.statements
        if isinstance(statement, Declaration)
    ]
    return [*declared, *map(_choice, _functions_of(source))]


def _functions_of(source: Source) -> list[Definition]:
    """List the functions of Python that come with a module of the library."""
    return library_definitions(Path(source.name).stem) if is_of_library(source) else []


def _names(bindings: Bindings, source: str, offset: int) -> Iterator[Choice]:
    visible = bindings.visible(source, offset)
    for definition in visible.values():
        if definition.name != "_":
            yield _choice(definition)
    for name, found in bindings.values.get(source, {}).items():
        if name not in visible:
            yield _choice(found[0])


def _choice(definition: Definition) -> Choice:
    line = " ".join(definition.whole.text.split("\n")[0].split())
    text = definition.kind.value if definition.kind is Kind.MODULE else line
    return Choice(definition.name, definition.kind.name, text, definition)


def _members(dotted: str, bindings: Bindings, source: str, offset: int) -> list[Definition]:
    """Return what can stand behind `it.`, `module.` or `Color.`."""
    first, *rest = dotted.split(".")
    owner = bindings.visible(source, offset).get(first)
    for part in rest:
        declared = {} if owner is None else bindings.declared.get(owner.whole.source.name, {})
        is_module = owner is not None and owner.kind is Kind.MODULE
        owner = declared.get(part) if is_module else None
    if owner is None:
        return []
    match owner.kind:
        case Kind.MODULE:
            own = owner.whole.source
            return [*bindings.declared.get(own.name, {}).values(), *_functions_of(own)]
        case Kind.DOMAIN:
            known = bindings.values.get(owner.whole.source.name, {})
            return [d for found in known.values() for d in found if d.owner == owner.name]
        case _ if owner.entity:
            return bindings.attributes.get(owner.entity, [])
        case Kind.PARAMETER | Kind.LOOP:
            return [d for known in bindings.attributes.values() for d in known]
        case _:
            return []
