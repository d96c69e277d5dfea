"""Arithmetic on unevaluated sums of two floats: twice as many digits, compiled.

Source: Dekker (1971), "A floating-point technique for extending the available precision"; Hida, Li
and Bailey (2001), "Algorithms for quad-double precision floating point arithmetic".
"""

from gmruntime.compiling import loop

_SPLITTER = 2.0**27 + 1.0


@loop
def plus(a: float, b: float) -> tuple[float, float]:
    """Add two floats, and say what rounding left out."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


@loop
def _neat(high: float, low: float) -> tuple[float, float]:
    """Let the second part be below the last digit of the first."""
    total = high + low
    return total, low - (total - high)


@loop
def product(a: float, b: float) -> tuple[float, float]:
    """Multiply two floats without rounding."""
    result = a * b
    scaled = _SPLITTER * a
    a_high = scaled - (scaled - a)
    a_low = a - a_high
    scaled = _SPLITTER * b
    b_high = scaled - (scaled - b)
    b_low = b - b_high
    low = ((a_high * b_high - result) + a_high * b_low + a_low * b_high) + a_low * b_low
    return result, low


@loop
def add(a: float, a_low: float, b: float, b_low: float) -> tuple[float, float]:
    """Add two pairs."""
    high, low = plus(a, b)
    other, rest = plus(a_low, b_low)
    high, low = _neat(high, low + other)
    return _neat(high, low + rest)


@loop
def multiply(a: float, a_low: float, b: float, b_low: float) -> tuple[float, float]:
    """Multiply two pairs."""
    high, low = product(a, b)
    return _neat(high, low + (a * b_low + a_low * b))


@loop
def divide(a: float, a_low: float, b: float, b_low: float) -> tuple[float, float]:
    """Divide two pairs."""
    first = a / b
    high, low = multiply(b, b_low, first, 0.0)
    high, low = add(a, a_low, -high, -low)
    second = high / b
    part, part_low = multiply(b, b_low, second, 0.0)
    high, low = add(high, low, -part, -part_low)
    first, second = _neat(first, second)
    return add(first, second, high / b, 0.0)
