"""The recipe "add a factor kind" is true: with a module and its line in the list all works."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KINDS = Path("runtime/gmruntime/factors/kinds")

BARE = '''"""Distance of two variables, as little as a kind may say."""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.factors.kind import FactorKind
from gmruntime.factors.parameters import floats


@dataclass(frozen=True, slots=True, eq=False)
class Scratch(FactorKind):
    """Variables in order: `log f(x) = weights * (largest state - smallest state)`."""

    weights: Float64[np.ndarray, " tables"]

    def checked(self, arity: int, num_states_max: int) -> FactorKind:
        """Do as `FactorKind` says."""
        return Scratch(floats("weights", self.weights, 1))

    def log_values(self, table_index: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Do as `FactorKind` says."""
        return self.weights[table_index] * (states.max(axis=1) - states.min(axis=1))
'''
BARE_DRAWN = "Scratch: lambda rng, n, _: (Scratch(rng.normal(size=n)), (2, 3, 3)),"

RULED = '''"""At most one of many booleans, with every rule."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.automaton import Automaton
from gmruntime.factors.kind import FactorKind, ListedSum, allowed
from gmruntime.factors.kinds.count import Count
from gmruntime.factors.parameters import floats
from gmruntime.factors.semiring import Messages


@dataclass(frozen=True, slots=True, eq=False)
class Scratch(FactorKind):
    """Booleans: 0 where none is true, `weights` where one is, else -inf."""

    weights: Float64[np.ndarray, " tables"]

    is_large = True
    is_divisible = True
    has_sums = True

    def checked(self, arity: int, num_states_max: int) -> FactorKind:
        """Do as `FactorKind` says."""
        return Scratch(floats("weights", self.weights, 1))

    def log_values(self, table_index: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Do as `FactorKind` says."""
        number = (states > 0).sum(axis=1)
        return np.where(number > 1, -np.inf, np.where(number, self.weights[table_index], 0.0))

    def expected_states(self, arity: int, position: int) -> int:
        """Do as `FactorKind` says."""
        return 2

    def largest_entries(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        return np.maximum(self.weights, 0.0)

    def least_entries(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        return np.minimum(np.where(np.isneginf(self.weights), 0.0, self.weights), 0.0)

    def _count(self, arity: int) -> Count:
        listed = np.full((len(self.weights), arity + 1), -np.inf)
        listed[:, 0], listed[:, 1] = 0.0, self.weights
        return Count(listed, np.zeros((len(self.weights), arity), np.bool_))

    def support(self, shape: Sequence[int]) -> tuple[FactorKind, ...]:
        """Do as `FactorKind` says."""
        return Scratch(allowed(self.weights > -np.inf))._count(len(shape)).support(shape)

    def chains(
        self, count: int, shape: Sequence[int], budget: Budget = UNLIMITED
    ) -> list[tuple[np.ndarray, Automaton]]:
        """Do as `FactorKind` says."""
        return self._count(len(shape)).chains(count, shape, budget)

    def sums(self, index: int, shape: Sequence[int]) -> list[ListedSum]:
        """Do as `FactorKind` says."""
        return self._count(len(shape)).sums(index, shape)

    def tempered(self, shape: Sequence[int], temperature: float) -> FactorKind:
        """Do as `FactorKind` says."""
        return Scratch(self.weights / (temperature or 1.0))

    def messages(
        self, incoming: Messages, is_max: bool, budget: Budget = UNLIMITED
    ) -> list[np.ndarray]:
        """Do as `FactorKind` says."""
        return self._count(len(incoming)).messages(incoming, is_max, budget)

    def log_sums(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        return self._count(len(shape)).log_sums(shape)
'''
RULED_DRAWN = "Scratch: lambda rng, n, zeros: (Scratch(normal(rng, zeros, n)), (2,) * 4),"

# Everything but the folder of kinds is the tree itself, with what has been compiled of it.
CONFTEST = """
import importlib.util, pathlib, sys

class Kinds:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "gmruntime.factors.kinds":
            folder = pathlib.Path(__file__).parent / "{kinds}"
            places = [str(folder)]
            return importlib.util.spec_from_file_location(
                name, folder / "__init__.py", submodule_search_locations=places
            )

sys.meta_path.insert(0, Kinds)
"""
LAWS = (
    ("test_kinds", "answers_are_those_of_enumeration"),
    ("test_kinds", "smaller_tables_keep"),
    ("test_kinds", "survives_being_sent"),
    ("test_kinds", "support_is_where"),
    ("test_kinds", "what_is_possible"),
    ("test_kinds", "sums_to_over_one_variable"),
    ("test_kernels", "sends_what_its_table_sends"),
    ("test_kernels_compiled", "schedules_agree"),
    ("test_messages", "maximum_is_exact"),
    ("test_messages", "marginals_and_log_z_are_exact"),
    ("test_messages_reweighted", "bound_holds"),
    ("test_estimates", "weights_average_to_z"),
)


@pytest.mark.parametrize(
    ("module", "drawn"), [(BARE, BARE_DRAWN), (RULED, RULED_DRAWN)], ids=["bare", "ruled"]
)
def test_a_new_kind_is_a_module_and_a_line(tmp_path: Path, module: str, drawn: str):
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in (KINDS, "tests/support"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    tests = tmp_path / "tests/runtime"
    tests.mkdir()
    for name in {name for name, _ in LAWS}:
        shutil.copy(ROOT / f"tests/runtime/{name}.py", tests)
    for name in ("pyproject.toml", "tests/__init__.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "conftest.py").write_text(CONFTEST.replace("{kinds}", str(KINDS)), "utf-8")

    (tmp_path / KINDS / "scratch.py").write_text(module, "utf-8")
    imported = "from gmruntime.factors.kinds.scratch import Scratch\n"
    _insert(tmp_path / KINDS / "__init__.py", "import Potts\n", imported)
    _insert(tmp_path / KINDS / "__init__.py", "    Memory,\n)", "    Scratch,\n", before=")")
    support = tmp_path / "tests/support/random_factors.py"
    _insert(support, "import FactorBlock, FactorGraph, VariableBlock\n", imported)
    _insert(support, '}\n"""How to draw', f"    {drawn}\n", before='}\n"""How to draw')

    path = os.pathsep.join(map(str, (tmp_path, ROOT / "runtime", ROOT, ROOT / "stdlib")))
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", str(tests)]
    ended = subprocess.run(
        [*command, "-k", "Scratch or every_kind_is_drawn", "-m", "not gpu"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for name, law in LAWS:
        passed = re.search(rf"{name}.py::\w*{law}\w*\[\S*Scratch\S*\] PASSED", ended.stdout)
        assert passed, (law, ended.stdout)
    assert "every_kind_is_drawn PASSED" in ended.stdout


def _insert(path: Path, after: str, line: str, *, before: str = "") -> None:
    text = path.read_text("utf-8")
    assert text.count(after) == 1, (path, after)
    mark = after.removesuffix(before)
    path.write_text(text.replace(after, mark + line + before), "utf-8")
