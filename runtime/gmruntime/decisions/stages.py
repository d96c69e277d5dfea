"""In which order variables may be eliminated so that no decision sees what comes after it.

    sum over what nobody ever sees, max over the last decision, sum over what it sees and those
    before it do not, max over the decision before, ...

Whoever decides later is taken to remember all that was known before. Where that says more than a
decision's information, the value is an upper bound.

Source: Jensen, Jensen and Dittmer (1994), "From influence diagrams to junction trees".
"""

from collections.abc import Mapping

from gmruntime.decisions.problem import Gain, Problem

_PER_DECISION = 3
"""Stages: what is learned after it, the flags that it must not see, and the decision itself."""


def remembering(problem: Problem) -> dict[int, int]:
    """Number the stage of each variable; the smallest is eliminated first."""
    last = len(problem.decisions)
    stages = dict.fromkeys(problem.network.free, 0)
    seen: set[int] = set()
    for k, (decision, known) in enumerate(zip(problem.decisions, problem.known, strict=True)):
        for v in known - seen - set(problem.decisions):
            stages[v] = _PER_DECISION * (last - k)
        seen |= known
        stages[decision] = _PER_DECISION * (last - k) - 1
    return stages


def alone(problem: Problem, place: int) -> dict[int, int]:
    """Number the stages where all policies but one are given: what it knows comes last."""
    stages = dict.fromkeys(problem.network.free, 0)
    stages |= dict.fromkeys(problem.known[place], _PER_DECISION)
    stages[problem.decisions[place]] = _PER_DECISION - 1
    return stages


def settled(gain: Gain, stages: Mapping[int, int]) -> list[int]:
    """Return the stages of a gain's variables, the first to be eliminated first."""
    return sorted(stages[v] for v in gain.scope)


def flag_stage(gain: Gain, stages: Mapping[int, int]) -> int:
    """Return when it is summed out whether a gain, or one settled later, is paid.

    Before a decision that the gain depends on: it weighs all that is still to be paid.
    """
    first = settled(gain, stages)[0]
    return first - 1 if first % _PER_DECISION == _PER_DECISION - 1 else first
