"""Planning by the most probable assignment where the world is random: the luckiest course."""

from collections.abc import Iterator

from gmlang.core.ast import Distribution, Expression, VariableRef
from gmlang.core.program import Define, Draw, Program, Query
from gmlang.core.walk import walk
from gmlang.diagnostics import Diagnostic
from gmlang.errors import decisions as errors
from gmlang.families.point import POINT

_MOST_PROBABLE = "map"


def lucky_plans(program: Program) -> Iterator[Diagnostic]:
    """Warn of each question for the most probable choices, where what follows them is random."""
    choices = {symbol.name for symbol in program.variables if symbol.is_choice}
    if not choices or not _is_random_after(program, choices):
        return
    for question in program.questions:
        if isinstance(question, Query) and question.kind == _MOST_PROBABLE:
            names = {name for asked in question.asked for name in _names(asked.value)}
            if not question.asked or names & choices:
                yield errors.luckiest_course(question.span, question.text)


def _is_random_after(program: Program, choices: set[str]) -> bool:
    """Say whether something is drawn, not for certain, that depends on a choice."""
    after = set(choices)
    mechanisms = [
        (s.target, s.distribution if isinstance(s, Draw) else s.value)
        for s in program.statements
        if isinstance(s, Draw | Define)
    ]
    while True:
        reached = {
            target.name
            for target, value in mechanisms
            if isinstance(target, VariableRef) and _names(value) & after
        }
        if reached <= after:
            break
        after |= reached
    return any(
        isinstance(s, Draw)
        and _names(s.distribution) & after
        and any(
            isinstance(p, Distribution) and p.family != POINT.name for p in walk(s.distribution)
        )
        for s in program.statements
    )


def _names(expression: Expression) -> set[str]:
    return {part.name for part in walk(expression) if isinstance(part, VariableRef)}
