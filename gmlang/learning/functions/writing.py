"""A rule as a program writes it."""

from gmlang.learning.functions.rules import LEAF, NUMBER, TRUTH, Rules, Wanted

_CALLED = frozenset(("min", "max", "abs", "xor"))

_STRENGTH = {
    "if": 1,
    "or": 2,
    "and": 3,
    "not": 4,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), 5),
    "+": 6,
    "-": 6,
    **dict.fromkeys(("*", "//", "%"), 7),
}
"""What binds its operands how tightly; what is called, and a leaf, needs no brackets."""

_TIGHTEST = 9


def written(rules: Rules, number: int, wanted: Wanted) -> str:
    """Write an expression; a condition that stands for a number is `1 if c else 0`."""
    text, strength = _written(rules, number)
    if wanted.kind == NUMBER and rules.kinds[number] == TRUTH:
        return f"1 if {text if strength > 1 else f'({text})'} else 0"
    return text


def _written(rules: Rules, number: int) -> tuple[str, int]:
    """Write an expression, and say how tightly its operands are bound."""
    operator = rules.names[int(rules.operators[number])]
    own = [int(part) for part in rules.parts[number] if part >= 0]
    if operator == LEAF:
        text = rules.leaves[own[0]].text
        # A negative number is bound like a difference.
        return text, _STRENGTH["-"] if text.startswith("-") else _TIGHTEST
    parts = [_written(rules, part) for part in own]
    if operator in _CALLED:
        return f"{operator}({', '.join(text for text, _ in parts)})", _TIGHTEST
    strength = _STRENGTH[operator]
    if operator == "not":
        return f"not {_within(*parts[0], strength)}", strength
    if operator == "if":
        then, condition, otherwise = (_within(*part, strength + 1) for part in parts)
        return f"{then} if {condition} else {otherwise}", strength
    left, right = parts
    # Comparisons in a row would be a chain.
    loose = strength + 1 if strength == _STRENGTH["=="] else strength
    return f"{_within(*left, loose)} {operator} {_within(*right, strength + 1)}", strength


def _within(text: str, strength: int, needed: int) -> str:
    return text if strength >= needed else f"({text})"
