"""A name without an underscore promises a user: outside tests, and outside its file."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.test_architecture import LISTS, PACKAGES, PRODUCT, ROOT, SOURCES

OUTSIDERS = {
    "gmlang/__init__.py": "what Python and IPython call",
    "gmlang/editor/lsp/server.py": "what an editor asks for, called by pygls",
    "gmlang/pipeline.py": "what who embeds the language asks to be shown",
    "runtime/gmruntime/questions/enumerate.py": "the oracle of all engines",
    "runtime/gmruntime/messages/kernels/numpy/reference.py": "the oracle of the kernels",
    "runtime/gmruntime/factors/kinds/__init__.py": "the list of kinds, for tests of every one",
    "runtime/gmruntime/continuous": "what who embeds the runtime asks about reals",
    "runtime/gmruntime/formats": "what who embeds the runtime reads and writes files with",
}
"""Files and folders whose public names may have no user here but tests, and who uses them."""

TREES = {path: ast.parse(path.read_text("utf-8")) for path in SOURCES}


def test_every_public_name_has_a_user():
    """Outside tests, and besides itself."""
    product = [path for path in TREES if path.parts[len(ROOT.parts)] in (*PACKAGES, "stdlib")]
    counts: dict[str, int] = defaultdict(int)
    for path in product:
        for name in _mentioned(TREES[path]):
            counts[name] += 1
    unused = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in product
        if not any(path.is_relative_to(ROOT / known) for known in OUTSIDERS)
        for statement in TREES[path].body
        for name in _defined(statement)
        if counts[name] == list(_mentioned(statement)).count(name)
    ]
    assert not unused


def test_what_only_its_file_uses_is_private():
    """Public is what another file mentions, and what the signature of something public shows.

    The records of things that are listed one a file are public as their protocol is; those that
    compiled loops take keep their names as well, since Numba's caches of other files hold them.
    """
    files: dict[str, set[Path]] = defaultdict(set)
    for path, tree in TREES.items():
        for name in _mentioned(tree):
            files[name].add(path)
    told: list[str] = []
    for path in PRODUCT:
        statements = [s for s in TREES[path].body if any(map(_is_public, _defined(s)))]
        names = {name for s in statements for name in _defined(s) if _is_public(name)}
        public = {name for name in names if files[name] - {path}}
        classes = [s for s in statements if isinstance(s, ast.ClassDef)]
        public |= {s.name for s in classes if path.parent in LISTS or _is_record(s)}
        told += [f"{path.relative_to(ROOT)}: {n}" for n in names - _with_shown(statements, public)]
    assert not told


def _with_shown(statements: list[ast.stmt], public: set[str]) -> set[str]:
    """Add to the public names those that their signatures show, and so on."""
    known = set(public)
    while True:
        shown = {
            name
            for statement in statements
            if known.intersection(_defined(statement))
            for name in _signature(statement)
        }
        if shown <= known:
            return known
        known |= shown


def _signature(statement: ast.stmt) -> Iterator[str]:
    """List the names in what something takes, gives, holds or is made of."""
    match statement:
        case ast.FunctionDef(args=arguments, returns=returns):
            given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            given += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
            for expression in (returns, *(argument.annotation for argument in given)):
                yield from _mentioned(expression) if expression is not None else ()
        case ast.ClassDef(bases=bases, body=body):
            for base in bases:
                yield from _mentioned(base)
            for inner in body:
                yield from _signature(inner)
        case ast.AnnAssign(annotation=annotation):
            yield from _mentioned(annotation)
        case ast.Assign(value=value) if all(_is_type(name) for name in _defined(statement)):
            yield from _mentioned(value)
        case _:
            pass


def _is_record(statement: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == "NamedTuple" for base in statement.bases)


def _is_type(name: str) -> bool:
    return name[:1].isupper() and not name.isupper()


def _is_public(name: str) -> bool:
    return not name.startswith("_")


def _defined(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return [] if _is_magic(name) else [name]
        case ast.Assign() | ast.AnnAssign():
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            names = [node.id for t in targets for node in ast.walk(t) if isinstance(node, ast.Name)]
            return [name for name in names if not _is_magic(name)]
        case _:
            return []


def _is_magic(name: str) -> bool:
    return name.startswith("__")


def _mentioned(tree: ast.AST) -> Iterator[str]:
    """List the names that are read; a short text may be a quoted type, or a name looked up."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name):
                yield name
            case ast.ImportFrom(names=names):
                yield from (alias.name for alias in names)
            case ast.Constant(value=str() as text) if len(text) < 100:
                yield from re.findall(r"[A-Za-z_]\w*", text)
            case _:
                pass
