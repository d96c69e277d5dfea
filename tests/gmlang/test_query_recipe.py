"""The recipe "add a question" is true: with a module and its line in the list all works."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

MODULE = '''"""odds: the log-odds of an event."""

import math

from gmlang.core.ast import Bool, Real, Type
from gmlang.core.asking.arguments import asked_of, need_count
from gmlang.core.checking import Checking
from gmlang.core.expressions.operators import need_bool
from gmlang.core.names.scope import Env
from gmlang.core.program import Query
from gmlang.queries.answers import Answer, NatsAnswer
from gmlang.queries.question import Question, Single
from gmlang.queries.reading import asked_variables, flat_rows
from gmlang.queries.session import Prepared
from gmlang.syntax import ast
from gmruntime import answer as runtime


class Odds(Query):
    """log P(x) - log P(not x)."""

    __slots__ = ()
    kind = "odds"

    def as_number(self) -> tuple[Query, Type] | None:
        """Stand for the nats."""
        return self, Real()


class OddsAnswer(NatsAnswer):
    """Nats."""

    __slots__ = ()
    kind = "odds"


def _check(state: Checking, env: Env, call: ast.Call) -> Query:
    need_count(state, call, 1, "one event")
    asked = asked_of(state, env, call.arguments)
    need_bool(state, asked[0].value)
    return Odds(call.span, call.span.text, asked)


def _question(prepared: Prepared, query: Odds) -> runtime.Marginals:
    return runtime.Marginals(asked_variables(prepared))


def _read(prepared: Prepared, query: Odds, found: runtime.MarginalsAnswer) -> Answer:
    if found.quality.status is runtime.Status.IMPOSSIBLE:
        return OddsAnswer(query.text)
    row = flat_rows(prepared, found.probabilities)[int(asked_variables(prepared)[0])]
    return OddsAnswer(query.text, value=math.log(row[1]) - math.log(row[0]))


ODDS = Question(
    word="odds",
    help="the log-odds of an event",
    shortest="odds(x)",
    form="odds(x | ...)",
    example="var a : bool ~ Bernoulli(0.2)\\n"
    "var b : 0..2 ~ Categorical([0.2, 0.3, 0.5] if a else [0.4, 0.3, 0.3])\\n"
    "query odds(a), odds(b = 1 | a = true) as given\\n"
    "assert abs(odds(a) + log(4)) < 1e-9 and odds(b > 0 | a) > odds(b > 0)\\n",
    check=_check,
    kinds=((Odds, OddsAnswer),),
    answered=Single(_question, _read),
)
'''
EXAMPLE = "var a : bool ~ Bernoulli(0.2)\n\nquery odds(a = true) using exact\nquery [P(a)]\n"
TESTS = ("test_questions.py", "test_words.py")
ROWS = (
    "a_record_is_whole",
    "asks_everything",
    "printed_as_it_is_read",
    "planned_and_answered",
    "not_answered",
    "compares_it",
    "coloured_completed",
    "documents_say",
)


def test_a_new_question_is_a_module_and_a_line(tmp_path: Path):
    for folder in ("gmlang", "tests/support", "docs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    for name in ("runtime", "stdlib"):
        (tmp_path / name).symlink_to(ROOT / name)
    tests = tmp_path / "tests" / "gmlang"
    tests.mkdir()
    for name in ("pyproject.toml", "tests/__init__.py", *(f"tests/gmlang/{t}" for t in TESTS)):
        shutil.copy(ROOT / name, tmp_path / name)

    listed = tmp_path / "gmlang" / "queries" / "questions"
    (listed / "odds.py").write_text(MODULE, "utf-8")
    _insert(listed / "__init__.py", "    INDEP,\n", "    ODDS,\n")
    imported = "from gmlang.queries.questions.odds import ODDS\n"
    _insert(listed / "__init__.py", "import MMAP\n", imported)
    documents = tmp_path / "docs" / "language.md"
    _insert(documents, "given c |\n", "| `odds(x \\| ...)` | the log-odds of an event |\n")
    _insert(documents, "`woke` `indep`", " `odds`")

    path = os.pathsep.join(str(tmp_path / part) for part in (".", "runtime", "stdlib"))
    environment = {**os.environ, "PYTHONPATH": path}

    def run(*command: str) -> str:
        ended = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    told = run(
        "pytest",
        "-v",
        "-p",
        "no:cacheprovider",
        str(tests),
        "-k",
        "odds or every_module or nothing or list",
    )
    for name in ROWS:
        assert re.search(rf"{name}\w*\[odds\] PASSED", told), told
    for name in ("every_module_has_one", "nothing_else_names", "documents_list_them"):
        assert re.search(rf"{name}\w* PASSED", told), told

    (tmp_path / "odds.gm").write_text(EXAMPLE, "utf-8")
    first, _ = json.loads(run("gmlang", "run", "odds.gm", "--json"))["queries"]
    assert first["kind"] == "odds"
    assert abs(first["answer"] + 1.3862943611198906) < 1e-9
    assert "elimination" in run("gmlang", "run", "odds.gm", "--plan")
    assert "-1.38629 nats" in run("gmlang", "run", "odds.gm")
    assert run("gmlang", "fmt", "odds.gm", "--check") == ""


def _insert(path: Path, after: str, line: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(after) == 1
    path.write_text(text.replace(after, after + line), "utf-8")
