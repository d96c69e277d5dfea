"""Every kind of fuzzing, by its name on the command line."""

from tests.fuzz import (
    answers,
    cases,
    clock,
    damage,
    graphs,
    interrupted,
    matrix,
    programs,
    questions,
)
from tests.fuzz.rounds import Round

_ALL = (
    Round("programs", programs.make, answers.faults),
    Round("graphs", graphs.make, questions.faults),
    Round("bytes", damage.make, damage.faults),
    Round("cases", cases.make, cases.faults),
    Round("options", matrix.make, matrix.faults),
    Round("interrupts", interrupted.make, interrupted.faults),
    Round("clock", clock.make, clock.faults),
)
ROUNDS = {of.name: of for of in _ALL}
