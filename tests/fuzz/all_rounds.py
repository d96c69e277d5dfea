"""Every kind of fuzzing, by its name on the command line."""

from tests.fuzz import answers, clock, damage, graphs, interrupted, matrix, programs, questions
from tests.fuzz.rounds import Round

_ALL = (
    Round("programs", programs.make, answers.faults),
    Round("graphs", graphs.make, questions.faults),
    Round("bytes", damage.make, damage.faults),
    Round("options", matrix.make, matrix.faults, is_quick=False),
    Round("interrupts", interrupted.make, interrupted.faults, is_quick=False),
    Round("clock", clock.make, clock.faults, is_quick=False),
)
ROUNDS = {of.name: of for of in _ALL}
