"""The recipe "add a question" is true: with a module and its line in the list all works."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

MODULE = '''"""The entropy of some variables together: - sum over y of p(y | e) log p(y | e)."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from gmruntime.arrays import Int32
from gmruntime.graph import FactorGraph
from gmruntime.questions.checks import asked_variables
from gmruntime.questions.enumerate import Enumeration
from gmruntime.questions.question import AnyAnswer, Question


@dataclass(frozen=True, slots=True)
class EntropyAnswer(AnyAnswer):
    """Answers `Entropy`, nats; NaN when impossible."""

    nats: float


@dataclass(frozen=True, slots=True, eq=False)
class Entropy(Question[EntropyAnswer]):
    """The entropy of the joint distribution of `variables`."""

    variables: Int32[np.ndarray, " asked"]

    def checked(self, graph: FactorGraph) -> Self:
        """Return the question with the variables as the graph has them."""
        return replace(self, variables=asked_variables(graph, "Entropy", self.variables))

    def enumerated(self, every: Enumeration, rng: np.random.Generator) -> EntropyAnswer:
        """Add up each joint state, and then its share of the entropy."""
        del rng
        rows = every.assignments[:, self.variables]
        _, place = np.unique(rows, axis=0, return_inverse=True)
        p = np.bincount(place.reshape(-1), every.probabilities())
        p = p[p != 0.0]
        return EntropyAnswer(every.quality(), float(-(p * np.log(p)).sum()))
'''

PROGRAM = """
import numpy as np

import gmruntime as gm
from gmruntime.elimination.plan import describe
from gmruntime.factors.kinds import Table
from gmruntime.questions.entropy import Entropy

table = Table(np.log(np.array([[0.1, 0.2, 0.7]])))
graph = gm.FactorGraph(
    (gm.VariableBlock("x", (2,), 3), gm.VariableBlock("idle", (40,), 2)),
    (gm.FactorBlock(table, np.array([[0], [1]], np.int32)),),
)
asked = Entropy(np.array([0, 1], np.int32))
seen = np.full(42, -1, np.int32)
seen[2:] = 0
found = gm.infer(graph, asked, evidence=seen)
p = np.array([0.1, 0.2, 0.7])
assert abs(found.nats + 2 * (p * np.log(p)).sum()) < 1e-12
assert found.quality.status is gm.Status.EXACT
print(found.quality.method)
print(describe(gm.plan(graph, asked, evidence=seen)))
print(describe(gm.plan(graph, asked)))
for method in ("", "bp"):
    try:
        gm.infer(graph, asked, method=method)
    except gm.GraphError as error:
        print(error)
"""


def test_a_new_question_is_a_module_and_a_line(tmp_path: Path):
    for folder in ("runtime", "tests/support"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    for name in ("gmlang", "stdlib"):
        (tmp_path / name).symlink_to(ROOT / name)
    tests = tmp_path / "tests" / "runtime"
    tests.mkdir()
    for name in ("pyproject.toml", "tests/__init__.py", "tests/runtime/test_questions.py"):
        shutil.copy(ROOT / name, tmp_path / name)

    listed = tmp_path / "runtime/gmruntime/questions/__init__.py"
    (listed.parent / "entropy.py").write_text(MODULE, "utf-8")
    _insert(listed, "    Solutions,\n", "    Entropy,\n")
    imported = "from gmruntime.questions.entropy import Entropy\n"
    _insert(listed, "questions.best import Best\n", imported)

    path = os.pathsep.join(str(tmp_path / part) for part in (".", "runtime", "stdlib"))
    environment = {**os.environ, "PYTHONPATH": path}
    said = _run([sys.executable, "-c", PROGRAM], tmp_path, environment)
    assert "enumeration\n2 free variables; nothing to eliminate; enumeration of 9" in said, said
    assert "nothing (Entropy is answered by writing out every assignment: there are" in said
    assert "and at most 4.194e+06 are written out" in said
    assert "method 'bp' has no rule for Entropy" in said

    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", str(tests)]
    said = _run([*command, "-k", "Entropy or module"], tmp_path, environment)
    for name in ("row_is_whole", "do_not_exist", "the_oracle", "who_will_answer", "is_a_law"):
        assert re.search(rf"{name}\w*\[\S*Entropy\S*\] PASSED", said), said
    assert re.search(r"module_has_one_question\w* PASSED", said), said


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def _insert(path: Path, after: str, line: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(after) == 1
    path.write_text(text.replace(after, after + line), "utf-8")
