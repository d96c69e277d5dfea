"""Forms of other languages where they cannot stand, and how they are written here."""

from gmlang.diagnostics import Diagnostic
from gmlang.errors.syntax import mistakes as errors
from gmlang.errors.syntax.mistakes import Context


def _implication(context: Context) -> Diagnostic | None:
    """Arrows between conditions."""
    if context.text == "->" and context.before == "<":
        return errors.plain(context, "`a` if and only if `b` is written `a == b`")
    is_condition = context.first in ("constraint", "prefer", "observe", "assert", "query", "if")
    if context.text == "->" and (is_condition or context.bracket is not None):
        return errors.plain(context, "`a` implies `b` is written `not a or b`")
    if context.text == "=" and context.after == ">":
        hint = "the comparison is written `>=`; `a` implies `b` is written `not a or b`"
        return errors.plain(context, hint)
    return None


def _loop_behind(context: Context) -> Diagnostic | None:
    """A loop behind the statement that it repeats."""
    if context.text != "for" or context.bracket is not None or context.at == 0:
        return None
    loop = context.written(context.at) if len(context.words) > context.at + 1 else "for i in 0..<n"
    statement = context.written(0, context.at)
    return errors.plain(context, f"the loop stands before what it repeats: `{loop}: {statement}`")


def _several_variables(context: Context) -> Diagnostic | None:
    """Several variables in one declaration."""
    if context.first != "var" or context.text != "," or context.bracket is not None:
        return None
    hint = (
        "each has a `var` of its own, on its own line; many alike are an array: `var x[3] : bool`"
    )
    return errors.plain(context, hint)


def _defined_without_domain(context: Context) -> Diagnostic | None:
    """`var y = x + 1`, `def y = x + 1`."""
    if context.text != "=" or context.at != 2 or context.first not in ("var", "def"):
        return None
    name, value = context.before, context.written(3) or "x + 1"
    if context.first == "def":
        hint = f"a `def` without parameters is written `def {name}() = {value}`"
        return errors.plain(context, hint)
    hint = f"such as `var {name} : 0..9 := {value}`; a fixed number is `param {name} = 0.5`"
    return errors.needs_domain(context.words[1], hint)


def _range_by_colon(context: Context) -> Diagnostic | None:
    """`for i in 1:3`."""
    texts = _texts(context)
    if context.first != "for" or context.text != ":" or texts.index(":") in (0, context.at):
        return None
    colon = texts.index(":")
    first, last = texts[colon - 1], texts[colon + 1]
    return errors.plain(context, f"a range is written `{first}..{last}`")


def _absolute(context: Context) -> Diagnostic | None:
    """`|x - 3|`."""
    if context.text != "|" or not context.needs_operand or context.after == "|":
        return None
    return errors.plain(context, "the absolute value is written `abs(x)`")


def _comment(context: Context) -> Diagnostic | None:
    """`% ...`, `-- ...`."""
    if (context.text == "%" and context.at == 0) or _texts(context)[:2] == ("-", "-"):
        return errors.misplaced(
            context.words[0].span,
            f"`{context.first}` is not expected here",
            "a comment begins with `#`",
        )
    return None


def _choice(context: Context) -> Diagnostic | None:
    """`if a then b else c` where a value is needed."""
    if context.text not in ("then", "else", "if") or context.first in ("if", "elif", "else"):
        return None
    if "if" not in _texts(context)[: context.at + 1] or context.before == "else":
        return None
    return errors.plain(context, "a choice of two is written `b if a else c`")


def _step(context: Context) -> Diagnostic | None:
    """`then` outside a process, and other statements inside one."""
    is_inside = "stall" in context.accepts_first
    if context.first == "then" and not is_inside:
        if context.at < 1 or context.text in ("~", ":=", "=", "["):
            return None
        hint = "steps run in a process: `model tea(k: Kitchen) over t in 0..<T:`"
        return errors.misplaced(context.words[0].span, "`then` is not expected here", hint)
    if not is_inside or context.bracket is not None:
        return None
    if context.first == "if" and context.kind in ("_NL", "$END") and context.before == ":":
        return errors.plain(context, "a step stands in one line: `if c: boiling(k, t)`")
    if "lasting" in context.accepts and context.at == 1:
        return errors.plain(
            context, "a process consists of calls, `boiling(k, t)`; its models say what follows"
        )
    return None


def _texts(context: Context) -> tuple[str, ...]:
    return tuple(word.text for word in context.words)


RULES: tuple[errors.Rule, ...] = (
    _comment,
    _implication,
    _loop_behind,
    _several_variables,
    _defined_without_domain,
    _range_by_colon,
    _absolute,
    _step,
    _choice,
)
"""In the order in which they are asked."""
