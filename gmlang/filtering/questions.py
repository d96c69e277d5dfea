"""What a filter is asked after each step: questions about the current step and a few before it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace

from gmlang.core.ast import Activation, AttributeRef, VariableRef, Whole
from gmlang.core.from_syntax import Checked, check_query
from gmlang.core.mentions import expressions_of
from gmlang.core.program import Query
from gmlang.core.walk import is_real_reference, walk
from gmlang.diagnostics import GmError
from gmlang.errors import filtering as errors
from gmlang.filtering.chain import Chain
from gmlang.filtering.offsets import offsets
from gmlang.library import text_source
from gmlang.queries.questions.probability import Event, Joint, Marginal
from gmlang.syntax import ast
from gmlang.syntax.parse import parse_query


@dataclass(frozen=True, slots=True, eq=False)
class Questions:
    """What is asked, and what must be remembered for it.

    Attributes:
        texts: as they were written.
        queries: about the last of some steps.
        lags: of what runs over time, how many steps back is asked about.
        lasting: arrays of no step that are asked about.
    """

    texts: tuple[str, ...]
    queries: tuple[Query, ...]
    lags: Mapping[tuple[str, ...], int]
    lasting: frozenset[tuple[str, ...]]


def read_questions(
    checked: Checked, chain: Chain, asked: Iterable[str], numbers: Mapping[str, int]
) -> Questions:
    """Check questions in which `t`, or what loops over time call it, is the current step.

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
        for query in check_query(checked, now):
            check_question(query, chain, numbers, lags, lasting)
            queries.append(query)
            texts.append(query.span.text)
    return Questions(tuple(texts), tuple(queries), lags, frozenset(lasting))


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
    if not isinstance(query, Marginal | Joint | Event) or query.method or query.within_s:
        raise GmError([errors.not_asked_here(query.span, query.text)])
    for _, expression in expressions_of(query):
        for part in walk(expression):
            match part:
                case Activation(model=model):
                    lasting.add(("model", model, ""))
                case AttributeRef() if is_real_reference(part):
                    raise GmError([errors.not_asked_here(query.span, query.text)])
                case VariableRef() | AttributeRef():
                    name = _name_of(part)
                    axis = chain.axes.get(name)
                    if axis is None:
                        lasting.add(name)
                        continue
                    index = part.indices[axis] if part.indices else None
                    found = None
                    if index is not None and not isinstance(index, Whole):
                        found = offsets(index, {}, numbers, chain.size, is_end=True)
                    if found is None or not found.is_step or found.high >= 0:
                        span = part.span
                        raise GmError([errors.step_is_over(span, span.text, chain.size)])
                    lags[name] = max(lags.get(name, 0), -1 - found.low)
                case _:
                    pass


def _name_of(reference: VariableRef | AttributeRef) -> tuple[str, ...]:
    """Return the name of the array that a reference is of."""
    if isinstance(reference, VariableRef):
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
