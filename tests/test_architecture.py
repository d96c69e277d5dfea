"""Rules about the tree itself."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from gmlang import errors

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(
    path
    for folder in ("gmlang", "runtime", "stdlib", "tests", "benchmarks", "examples")
    for path in (ROOT / folder).rglob("*.py")
    if "__pycache__" not in path.parts
)
LINES_MAX = 400
FILES_MAX = 13
PARAMETERS_MAX = 8
PACKAGES = ("gmlang", "runtime")
PRODUCT = [path for path in SOURCES if path.parts[len(ROOT.parts)] in PACKAGES]
LISTS = {
    ROOT / "gmlang" / "families",
    ROOT / "gmlang" / "queries" / "questions",
    ROOT / "runtime" / "gmruntime" / "factors" / "kinds",
    ROOT / "runtime" / "gmruntime" / "questions",
}
"""Folders of things that are listed one a line, however many there are."""


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_has_one_subject(path: Path):
    assert len(path.read_text("utf-8").splitlines()) <= LINES_MAX


@pytest.mark.parametrize(
    "path",
    PRODUCT,
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_a_file_says_what_it_is_for(path: Path):
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


def test_a_folder_has_about_a_dozen_files():
    folders = {path.parent for path in PRODUCT}
    for folder in folders - LISTS:
        files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(files) <= FILES_MAX, folder


def test_imports_do_not_go_in_circles():
    """Imports inside functions and for types alone count as well."""
    modules = {module_name(path): path for path in PRODUCT}
    imports = {name: imported(path) & modules.keys() - {name} for name, path in modules.items()}
    while leaves := [name for name, below in imports.items() if not below & imports.keys()]:
        for name in leaves:
            del imports[name]
    circle = {name: sorted(below & imports.keys()) for name, below in imports.items()}
    assert not circle


def module_name(path: Path) -> str:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    parts = parts[1:] if parts[0] == "runtime" else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> set[str]:
    """List what a file may mean to import: modules, and names in them that may be modules."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
            found.add(node.module)
    return found


def test_every_parameter_is_read():
    """Those of a file's functions; of handlers, which are passed on, the caller says the form.

    Compiled functions take records as they are.
    """
    unread: list[str] = []
    for path in PRODUCT:
        tree = ast.parse(path.read_text("utf-8"))
        called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        passed_on = {
            node.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and id(node) not in called
        }
        for function in tree.body:
            if not isinstance(function, ast.FunctionDef) or function.decorator_list:
                continue
            read = {
                node.id
                for statement in function.body
                for node in ast.walk(statement)
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
            }
            names = {argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)}
            if function.name not in passed_on:
                unread += [f"{path.relative_to(ROOT)}: {function.name}: {n}" for n in names - read]
    assert not unread


def test_one_file_looks_at_the_clock():
    assert _files_with(
        r"\btime\.(monotonic|perf_counter|process_time|time)\b|from time import"
    ) == {"runtime/gmruntime/budget.py"}


def test_one_file_imports_cupy():
    assert _files_with(r"""["']cupy["']|import cupy|from cupy""") == {
        "runtime/gmruntime/devices.py"
    }


def test_one_file_says_how_near_a_bound_must_come():
    """Nothing compares a bound or a gap with a number written there."""
    for path in PRODUCT:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Compare):
                text = ast.unparse(node)
                is_gap = re.search(r"bound|gap|proved", text)
                assert not (is_gap and re.search(r"\de-\d", text)), (path, text)
    assert _files_with(r"\b_RELATIVE_TOLERANCE\b") == {"runtime/gmruntime/quality.py"}


def _files_with(pattern: str) -> set[str]:
    found = (path for path in PRODUCT if re.search(pattern, path.read_text("utf-8")))
    return {str(path.relative_to(ROOT)) for path in found}


def test_every_path_the_architecture_names_exists():
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    folders = "gmlang|runtime|stdlib|tests|examples|docs|benchmarks"
    paths = re.findall(rf"(?<![\w/.])((?:{folders})/[\w./]*[\w/])", text)
    assert paths
    for path in paths:
        assert (ROOT / path).exists(), path


def test_compiled_functions_take_records():
    """Arguments by position that nobody can count are swapped without a word."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef):
                continue
            decorators = " ".join(ast.unparse(d) for d in node.decorator_list)
            if re.search(r"\b(loop|part|njit|jit)\b", decorators):
                parameters = len(node.args.posonlyargs) + len(node.args.args)
                assert parameters <= PARAMETERS_MAX, f"{path}: {node.name}"


def test_error_codes_are_unique():
    folder = Path(str(errors.__path__[0]))
    owners: dict[str, str] = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef):
                continue
            codes = set(re.findall(r'"(GM\d{3})"', ast.unparse(node).replace("'", '"')))
            for code in codes:
                owner = owners.setdefault(code, f"{path.stem}.{node.name}")
                assert owner == f"{path.stem}.{node.name}", code


def test_the_tree_speaks_of_the_project_alone():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("this is no git checkout")
    forbidden = re.compile("/" + "work/|/" + "opt/|/" + "root/|/" + "home/[a-z]")
    for name in listed.stdout.split():
        path = ROOT / name
        if path.suffix in (".py", ".md", ".gm", ".toml", ".sh") and path.exists():
            assert not forbidden.search(path.read_text("utf-8")), name
