"""Where a process goes when a step ends: how probably each later one begins.

    P(begin j) = P(nothing between jumped in) · P(j's condition holds) · (1 - skip of j)

as expressions, in which conditions are asked in the slot where the step would begin.
"""

from gmlang.core.ast import Apply, Constant, Expression, Real
from gmlang.core.processes.process import Alternative, Leaf, Sequence
from gmlang.diagnostics import Span

Chances = list[tuple[int, Expression]]
"""Steps by their numbers, and how probable it is that each begins."""


def number(span: Span, value: float) -> Constant:
    """Return a number as an expression."""
    return Constant(span, value, Real())


def times(left: Expression | None, right: Expression | None) -> Expression | None:
    """Multiply probabilities; None is 1."""
    if left is None or right is None:
        return left if right is None else right
    if isinstance(left, Constant) and isinstance(right, Constant):
        return number(left.span, left.value * right.value)
    return Apply(left.span, "*", (left, right), Real())


def rest_of(span: Span, chance: Expression | None) -> Expression | None:
    """Return 1 - p; of None, which is 0, None, which is 1."""
    if chance is None:
        return None
    if isinstance(chance, Constant):
        return number(span, 1.0 - chance.value)
    return Apply(span, "-", (number(span, 1.0), chance), Real())


def _plus(left: Expression | None, right: Expression | None) -> Expression | None:
    """Add probabilities; None is 0 here."""
    if left is None or right is None:
        return left if right is None else right
    return Apply(left.span, "+", (left, right), Real())


def _where(condition: Expression, value: Expression | None, otherwise: float) -> Expression:
    span = condition.span
    then = number(span, 1.0) if value is None else value
    return Apply(span, "if", (condition, then, number(span, otherwise)), Real())


def walk(
    span: Span, sequence: Sequence, first: int, arriving: Expression | None
) -> tuple[Chances, Expression | None]:
    """Go through steps until one begins.

    Args:
        span: of the process.
        sequence: its steps.
        first: the one whose turn it is.
        arriving: how probable it is that it is; None is 1.

    Returns:
        How probably each begins, and how probably none does; None is 0 there.
    """
    found: Chances = []
    for step in sequence[first:]:
        passing: Expression | None = None
        for alternative in step:
            begins = times(arriving, _begins(span, alternative))
            if isinstance(alternative.what, Leaf):
                found.append((alternative.what.number, begins or number(span, 1.0)))
                continue
            inner, through = walk(span, alternative.what, 0, begins)
            found += inner
            passing = _plus(passing, through)
        jumped = _jumped(span, step)
        if jumped is not None:
            passing = _plus(passing, times(arriving, jumped))
        if passing is None:
            return found, None
        arriving = passing
    return found, number(span, 1.0) if arriving is None else arriving


def _begins(span: Span, alternative: Alternative) -> Expression | None:
    """Return how probably something begins when its turn comes; None is 1."""
    stays = rest_of(span, alternative.skip)
    return stays if alternative.condition is None else _where(alternative.condition, stays, 0.0)


def _jumped(span: Span, step: tuple[Alternative, ...]) -> Expression | None:
    """Return how probably a step is jumped when its turn comes; None is 0."""
    if len(step) == 1:
        (only,) = step
        if only.condition is None:
            return only.skip
        return _where(only.condition, only.skip or number(span, 0.0), 1.0)
    found: Expression | None = None
    for one in step:
        if one.skip is not None:
            assert one.condition is not None
            found = _plus(found, _where(one.condition, one.skip, 0.0))
    return found


def after_each(span: Span, sequence: Sequence) -> list[tuple[Leaf, Chances, Expression | None]]:
    """List the calls of a process with what begins when each ends.

    Returns:
        Of each call how probably each later one begins, and how probably the process is over then;
        None is 0 there.
    """
    found: list[tuple[Leaf, Chances, Expression | None]] = []
    for place, step in enumerate(sequence):
        for alternative in step:
            if isinstance(alternative.what, Leaf):
                found.append((alternative.what, *walk(span, sequence, place + 1, None)))
                continue
            for leaf, chances, over in after_each(span, alternative.what):
                if over is None:
                    found.append((leaf, chances, None))
                    continue
                later, end = walk(span, sequence, place + 1, over)
                found.append((leaf, [*chances, *later], end))
    return found
