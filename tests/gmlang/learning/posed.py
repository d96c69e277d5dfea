"""Problems for tests: a program and cases, ready to be evaluated at any numbers."""

from typing import Any

import numpy as np

import gmlang
from gmlang.learning.compiled import objective_of
from gmlang.learning.course import learns_of
from gmlang.learning.numbers.starts import rough_start
from gmlang.learning.objective import Objective
from gmlang.learning.problem import Problem, pose
from gmruntime.budget import UNLIMITED


def posed(text: str, **data: Any) -> tuple[Problem, Objective]:
    """Compile a program, and the objective of its first `learn`."""
    model = gmlang.compile(text, **data)
    program = model.checked.program
    what = learns_of(program, model.values)[0]
    problem = pose(program, model.values, what, None, np.random.default_rng(0), UNLIMITED)
    return problem, objective_of(problem, problem.rows, UNLIMITED, 0)


def anywhere(problem: Problem, seed: int = 0) -> np.ndarray:
    """Draw numbers that the params may be."""
    everywhere = np.ones(problem.layout.size, np.bool_)
    rng = np.random.default_rng(seed)
    return rough_start(problem.layout, problem.priors, everywhere, rng)
