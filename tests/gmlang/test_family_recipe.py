"""The recipe "add a distribution" is true: with a module and its line in the list all works."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

MODULE = '''"""Chances that rise by one factor from each integer to the next."""

import numpy as np

from gmlang.families.family import Domains, Draw, Family, number
from gmlang.families.logs import log_normalised


def _log_mass(draw: Draw) -> np.ndarray:
    """Return the logs; log p(k) = slope k + constant."""
    (slope,) = draw.parameters
    steps = slope * (draw.values - draw.values.min())
    return log_normalised(np.where(draw.needed, steps, 0.0), draw.axis)


SLOPE_UP = Family(
    name="SlopeUp",
    form="SlopeUp(slope)",
    help="chances that rise by one factor from each integer to the next",
    example="var x : 0..3 ~ SlopeUp(0.5)\\n"
    "assert abs(P(x = 3) / P(x = 2) - exp(0.5)) < 1e-12\\n",
    domains=Domains.INTEGERS,
    law=_log_mass,
    parameters=(number("slope", 0),),
)
'''
DOCUMENTED = (
    "| `SlopeUp(slope)` | integers "
    "| chances that rise by one factor from each integer to the next |\n"
)


def test_a_new_family_is_a_module_and_a_line(tmp_path: Path):
    for folder in ("gmlang", "tests/support", "docs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    for name in ("runtime", "stdlib"):
        (tmp_path / name).symlink_to(ROOT / name)
    tests = tmp_path / "tests" / "gmlang"
    tests.mkdir()
    for name in ("pyproject.toml", "tests/__init__.py", "tests/gmlang/test_families.py"):
        shutil.copy(ROOT / name, tmp_path / name)

    (tmp_path / "gmlang" / "families" / "slope_up.py").write_text(MODULE, "utf-8")
    _insert(tmp_path / "gmlang/families/__init__.py", "FAMILIES = (\n", "    SLOPE_UP,\n")
    imported = "from gmlang.families.slope_up import SLOPE_UP\n"
    _insert(tmp_path / "gmlang/families/__init__.py", "import POISSON\n", imported)
    _insert(tmp_path / "docs/language.md", "|---|---|---|\n| `Bern", DOCUMENTED, before="| `Bern")

    path = os.pathsep.join(str(tmp_path / part) for part in (".", "runtime", "stdlib"))
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", str(tests)]
    ended = subprocess.run(
        [*command, "-k", "SlopeUp or module or names"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for name in ("sum_to_one", "part_of_the_domain", "example_holds", "coloured", "documents_say"):
        assert re.search(rf"{name}\w*\[SlopeUp\] PASSED", ended.stdout), ended.stdout


def _insert(path: Path, after: str, line: str, *, before: str = "") -> None:
    text = path.read_text("utf-8")
    assert text.count(after) == 1
    mark = after.removesuffix(before)
    path.write_text(text.replace(after, mark + line + before), "utf-8")
