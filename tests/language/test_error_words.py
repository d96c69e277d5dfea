"""The words of a mistake stand with its code: whoever finds it hands over facts, not sentences."""

import ast
from collections.abc import Iterator
from pathlib import Path

import gmlang

ROOT = Path(gmlang.__file__).parent
CATALOGUE = ROOT / "errors"
FILES = [path for path in ROOT.rglob("*.py") if not path.is_relative_to(CATALOGUE)]
SENTENCES = {"message", "sentence", "reason"}


def test_mistakes_are_told_of_facts():
    """Public functions of the catalogue take none that was made elsewhere."""
    for path in CATALOGUE.rglob("*.py"):
        # The rules of syntax, which know what to say, are a file of the catalogue themselves.
        if path.parent.name == "syntax":
            continue
        for function in ast.parse(path.read_text("utf-8")).body:
            if isinstance(function, ast.FunctionDef) and not function.name.startswith("_"):
                arguments = {argument.arg for argument in function.args.args}
                assert not arguments & SENTENCES, f"{path.stem}.{function.name}"


def test_who_finds_a_mistake_has_no_words_of_its_own():
    """Neither as an argument nor in a local name that is one: text with a blank is words."""
    told = [
        f"{path.relative_to(ROOT)}:{call.lineno}: {ast.unparse(argument)}"
        for path in FILES
        for function, known in _functions(ast.parse(path.read_text("utf-8")))
        for call in _calls(function, known)
        for argument in (*call.args, *(keyword.value for keyword in call.keywords))
        if _is_words(argument, _texts_of(function))
    ]
    assert not told


def _functions(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, set[str]]]:
    """Give each function, and the names by which its file knows the catalogue."""
    known = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gmlang.errors")
        for alias in node.names
    }
    for node in ast.walk(tree):
        if known and isinstance(node, ast.FunctionDef):
            yield node, known


def _calls(function: ast.FunctionDef, known: set[str]) -> Iterator[ast.Call]:
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name)) | ast.Name(id=name)):
                if name in known:
                    yield node
            case _:
                pass


def _texts_of(function: ast.FunctionDef) -> set[str]:
    """List the local names that are, somewhere in a function, given words."""
    found: set[str] = set()
    for node in ast.walk(function):
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AugAssign):
            targets = [node.target]
        for target in targets:
            assert isinstance(node, ast.Assign | ast.AugAssign)
            if _is_words(node.value, set()):
                found.update(n.id for n in ast.walk(target) if isinstance(n, ast.Name))
    return found


def _is_words(expression: ast.expr, local: set[str]) -> bool:
    """Say whether an expression is text with a blank inside; what a call returns is a fact."""
    match expression:
        case ast.Constant(value=value):
            return isinstance(value, str) and " " in value.strip()
        case ast.Name(id=name):
            return name in local
        case ast.Call() | ast.Attribute() | ast.Subscript():
            return False
        case _:
            parts = ast.iter_child_nodes(expression)
            return any(isinstance(part, ast.expr) and _is_words(part, local) for part in parts)
