"""What a filter is asked after each step: questions about the current step and a few before it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace

from gmlang.core.ast import (
    Activation,
    AttributeRef,
    DataRef,
    Expression,
    VariableRef,
    Whole,
)
from gmlang.core.check.joint.routes import Key, joint_keys, key_of
from gmlang.core.from_syntax import Checked, check_query
from gmlang.core.mentions import expressions_of
from gmlang.core.program import DoGiven, Query
from gmlang.core.walk import clause_parts, is_real_reference, parts, replace_part, walk
from gmlang.diagnostics import GmError
from gmlang.errors import filtering as errors
from gmlang.errors import later
from gmlang.filtering.chains.chain import Chain
from gmlang.filtering.chains.offsets import offsets, size_name
from gmlang.library import text_source
from gmlang.queries.questions.expectation import Expectation
from gmlang.queries.questions.probability import Event, Joint, Marginal, RealJoint, RealMarginal
from gmlang.queries.questions.variance import Variance
from gmlang.syntax import ast
from gmlang.syntax.parse import parse_query


@dataclass(frozen=True, slots=True, eq=False)
class Questions:
    """What is asked, and what must be remembered for it.

    Attributes:
        texts: as they were written.
        queries: about the last of some steps.
        lags: of what runs over time, data included, how many steps back is asked about.
        lasting: arrays of no step that are asked about.
    """

    texts: tuple[str, ...]
    queries: tuple[Query, ...]
    lags: Mapping[tuple[str, ...], int]
    lasting: frozenset[tuple[str, ...]]

    def number(self, text: str) -> int:
        """Return which question was written so.

        Raises:
            KeyError: when none was.
        """
        if text not in self.texts:
            raise KeyError(f"{text!r} is not asked; ask for it: filter(ask=[{text!r}])")
        return self.texts.index(text)


def read_questions(
    checked: Checked,
    chain: Chain,
    asked: Iterable[str],
    numbers: Mapping[str, int],
    at_the_end: Mapping[Key, Expression],
) -> Questions:
    """Check questions in which `t`, or what loops over time call it, is the current step.

    Args:
        checked: the program.
        chain: how it runs over time.
        asked: questions, as they are written.
        numbers: its data that is a single whole number.
        at_the_end: what it defines of its last step, by the name of that.

    Raises:
        GmError: where one is none, or about steps that a filter does not remember.
    """
    texts: list[str] = []
    queries: list[Query] = []
    lags: dict[tuple[str, ...], int] = {}
    lasting: set[tuple[str, ...]] = set()
    known = checked.scope.env.module.entries
    names = frozenset(name for name in chain.loops if name not in known)
    for text in asked:
        written = parse_query(text_source("<query>", text))
        now = tuple(_at_the_end(one, names, chain.size) for one in written)
        for checked_query in check_query(checked, now):
            query = with_ends(checked_query, at_the_end)
            check_question(query, chain, numbers, lags, lasting)
            queries.append(query)
            texts.append(query.span.text)
    return Questions(tuple(texts), tuple(queries), lags, frozenset(lasting))


def with_ends(query: Query, at_the_end: Mapping[Key, Expression]) -> Query:
    """Write what is defined of the last step in the place of its name."""

    def written(whole: Expression) -> Expression:
        for part in walk(whole):
            if isinstance(part, AttributeRef) and key_of(part) in at_the_end:
                whole = replace_part(whole, part, at_the_end[key_of(part)])
        return whole

    if not at_the_end:
        return query
    asked = tuple(replace(one, value=written(one.value)) for one in query.asked)
    return replace(query, asked=asked)


def check_question(
    query: Query,
    chain: Chain,
    numbers: Mapping[str, int],
    lags: dict[tuple[str, ...], int],
    lasting: set[tuple[str, ...]],
) -> None:
    """Note what a question needs remembered.

    Raises:
        GmError: where a filter does not answer it.
    """
    if not isinstance(query, Marginal | Joint | Event | _OF_REALS):
        raise GmError([errors.not_asked_here(query.span, query.text)])
    _check_reals(query, chain)
    if query.method or query.within_s:
        option = "using" if query.method else "within"
        raise GmError([errors.not_asked_here(query.span, f"{query.text} {option} ...")])
    if query.imagined or any(isinstance(given, DoGiven) for given in query.given):
        raise GmError([later.done_in_stream(query.span, query.text)])
    for context, expression in expressions_of(query):
        for part in walk(expression):
            match part:
                case Activation(model=model):
                    lasting.add(("model", model, ""))
                case VariableRef() | AttributeRef():
                    name = _name_of(part)
                    if name not in chain.axes:
                        lasting.add(name)
                case _:
                    pass
        for whole in (*clause_parts(context), expression):
            _note_steps(whole, chain, numbers, lags)


_OF_REALS = RealMarginal | RealJoint | Expectation | Variance


def _check_reals(query: Query, chain: Chain) -> None:
    """Refuse questions about reals that are not followed, or about them and finite variables.

    Raises:
        GmError: naming it.
    """
    every = [part for _, expression in expressions_of(query) for part in walk(expression)]
    reals = {_name_of(p) for p in every if isinstance(p, AttributeRef) and is_real_reference(p)}
    is_about_reals = isinstance(query, _OF_REALS) or bool(reals)
    if not is_about_reals:
        return
    beside = [
        p
        for p in every
        if isinstance(p, VariableRef | Activation)
        or (isinstance(p, AttributeRef) and not is_real_reference(p))
    ]
    several = isinstance(query, Event) and len(query.asked) > 1
    if beside or query.given or several or not reals <= joint_keys(chain.program):
        raise GmError([errors.not_asked_here(query.span, query.text)])


def _note_steps(
    expression: Expression,
    chain: Chain,
    numbers: Mapping[str, int],
    lags: dict[tuple[str, ...], int],
) -> None:
    """Note how many steps back each element is that an expression mentions.

    Raises:
        GmError: where that is not known, or a step is used otherwise than to name an element.
    """
    if size_name(expression) == chain.size:
        raise GmError([errors.step_in_question(expression.span, expression.span.text)])
    index: Expression | None = None
    if isinstance(expression, VariableRef | AttributeRef | DataRef):
        name = _name_of(expression)
        is_data = isinstance(expression, DataRef)
        axis = chain.inputs.get(name[0]) if is_data else chain.axes.get(name)
        if axis is not None:
            found = None
            one = expression.indices[axis] if expression.indices else None
            if one is not None and not isinstance(one, Whole):
                index = one
                found = offsets(one, {}, numbers, chain.size, is_end=True)
            span = expression.span
            if found is not None and found.is_step and found.high >= 0:
                raise GmError([errors.step_to_come(span, span.text, chain.size)])
            if found is None or not found.is_step:
                raise GmError([errors.step_is_over(span, span.text, chain.size)])
            # What data says is asked about is kept for a step, as that of any other use.
            lags[name] = max(lags.get(name, 0), -1 - found.low, int(is_data))
    for part in parts(expression):
        if part is not index:
            _note_steps(part, chain, numbers, lags)


def _name_of(reference: VariableRef | AttributeRef | DataRef) -> tuple[str, ...]:
    """Return the name of the array that a reference is of."""
    if not isinstance(reference, AttributeRef):
        return (reference.name,)
    return (reference.thing.entity, reference.attribute)


def _at_the_end(node: ast.Query, names: frozenset[str], size: str) -> ast.Query:
    """Write the last step for each name of the current one."""
    found = _rewritten(node, names, size)
    assert isinstance(found, ast.Query)
    return found


def _rewritten(node: object, names: frozenset[str], size: str) -> object:
    if isinstance(node, ast.Name) and node.text in names:
        return ast.Binary(node.span, "-", ast.Name(node.span, size), ast.Number(node.span, 1))
    if isinstance(node, tuple):
        return tuple(_rewritten(one, names, size) for one in node)  # pyright: ignore
    if (
        not is_dataclass(node)
        or isinstance(node, type)
        or not type(node).__module__.startswith("gmlang.syntax")
    ):
        return node
    changed = {one.name: _rewritten(getattr(node, one.name), names, size) for one in fields(node)}
    return replace(node, **changed)
