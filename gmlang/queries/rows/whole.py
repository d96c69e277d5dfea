"""Whole assignments of finite variables and reals: draws, and the most probable one."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import AttributeRef
from gmlang.core.program import Query
from gmlang.core.records.reals import is_real_thing
from gmlang.core.walk import is_real_reference
from gmlang.diagnostics import GmError
from gmlang.errors import later
from gmlang.graph.rows.joint import JointReals
from gmlang.graph.rows.linear import Linear
from gmlang.graph.rows.substituting import substituted
from gmlang.graph.world.names import Named, named_in
from gmlang.graph.world.world import World
from gmlang.queries.answers import Answer, nested_labels, with_quality
from gmlang.queries.questions.map import Map, MapAnswer
from gmlang.queries.questions.sample import Sample, SampleAnswer
from gmlang.queries.reading import asked_names, number_asked
from gmlang.queries.rows.asked import AskedReals, Single, Term, nowhere
from gmlang.queries.rows.borders import is_impossible, together
from gmlang.queries.session import Prepared, ask
from gmlang.queries.settings import Settings
from gmruntime.answer import AssignmentsAnswer, Quality, Samples, Status
from gmruntime.answer import Map as RuntimeMap
from gmruntime.continuous.mixed import log_score


@dataclass(frozen=True, slots=True, eq=False)
class _Values:
    """Finite states and reals by name, in draws or the only assignment.

    Attributes:
        states: (draws, variables).
        reals: (draws, places).
    """

    states: np.ndarray
    reals: np.ndarray


def draws(prepared: Prepared, query: Sample, settings: Settings) -> Answer:
    """Draw finite variables from the graph without reals, and reals given these.

    Raises:
        TimeoutError: when there is no time left.
    """
    integrated = prepared.integrated
    assert integrated is not None
    count = number_asked(prepared, query)
    found, quality = _assignments(prepared, query, settings, Samples(count), count)
    if found is None:
        return SampleAnswer(query.text, quality.status.value)
    rng = np.random.default_rng([settings.seed, 1])
    reals = np.tile(integrated.real_evidence, (len(found), 1))
    for patch in integrated.eliminated.patches:
        reals[:, patch.reals] = patch.samples(rng, found[:, list(patch.border)])
    maps = _maps(prepared, query, _Values(found, reals))
    return with_quality(SampleAnswer(query.text, value=maps), quality)


def maximum(prepared: Prepared, query: Map, settings: Settings) -> Answer:
    """Return the most probable assignment, where reals depend on no finite variable.

    Raises:
        GmError: where they do.
        TimeoutError: when there is no time left.
    """
    integrated = prepared.integrated
    assert integrated is not None
    if integrated.eliminated.approximate:
        raise GmError([later.asked_of_sites(query.span, query.text)])
    if any(patch.border for patch in integrated.eliminated.patches):
        raise GmError([later.maximum_of_mixture(query.span, query.text)])
    found, quality = _assignments(prepared, query, settings, RuntimeMap(), 1)
    if found is None:
        return MapAnswer(query.text, quality.status.value)
    reals = integrated.real_evidence.copy()
    for patch in integrated.eliminated.patches:
        reals[patch.reals] = patch.all_beliefs(np.ones(())).mean()
    (value,) = _maps(prepared, query, _Values(found, reals[None, :]))
    score = float(log_score(integrated.mixed, found[0], reals))
    return with_quality(MapAnswer(query.text, value=value, log_lower=score), quality)


def _assignments(
    prepared: Prepared, query: Query, settings: Settings, question: Samples | RuntimeMap, count: int
) -> tuple[np.ndarray | None, Quality]:
    """Return states of finite variables, one row for each of some; None where none is possible."""
    integrated = prepared.integrated
    assert integrated is not None
    if is_impossible(integrated.graph):
        return None, replace(together([]), status=Status.IMPOSSIBLE)
    if not len(integrated.evidence):
        return np.zeros((count, 0), np.int32), together([])
    answer = ask(prepared, question, integrated.evidence, settings, query)
    assert isinstance(answer, AssignmentsAnswer)
    if answer.quality.status is Status.IMPOSSIBLE or not len(answer.assignments):
        return None, replace(answer.quality, status=Status.IMPOSSIBLE)
    return answer.assignments, together([answer.quality])


# --- Names -------------------------------------------------------------------------------


def _maps(prepared: Prepared, query: Query, values: _Values) -> list[dict[str, object]]:
    """Write assignments by name, in the order of what is asked for."""
    columns = dict(_columns(prepared, query, values))
    names = [" ".join(one.value.span.text.split()) for one in query.asked] or list(columns)
    return [{name: columns[name][k] for name in names} for k in range(len(values.reals))]


def _columns(
    prepared: Prepared, query: Query, values: _Values
) -> Iterator[tuple[str, list[object]]]:
    for named in _finite(prepared, query):
        yield (
            named.name,
            [nested_labels(row[named.variables], named.states) for row in values.states],
        )
    world, joint = prepared.grounding.world, prepared.grounding.joint
    assert joint is not None
    if not query.asked:
        for name, numbers in _named_reals(world):
            known = _are_known(joint, numbers)
            if known.any() and not known.all():
                raise GmError([nowhere(world, int(numbers.reshape(-1)[~known][0]))])
            if known.all():
                yield name, list(_real_values(world, joint, numbers, values).tolist())
        return
    asked = iter(_reals_of(prepared.asked_reals))
    for one in query.asked:
        if isinstance(one.value, AttributeRef) and is_real_reference(one.value):
            name = " ".join(one.value.span.text.split())
            yield name, list(_of_terms(*next(asked), values).tolist())


def _finite(prepared: Prepared, query: Query) -> list[Named]:
    if not query.asked:
        return named_in(prepared.grounding.world)
    beside = [
        one
        for one in query.asked
        if not (isinstance(one.value, AttributeRef) and is_real_reference(one.value))
    ]
    return asked_names(prepared, replace(query, asked=tuple(beside))) if beside else []


def _reals_of(asked: AskedReals | None) -> Iterator[tuple[list[Term | int], tuple[int, ...]]]:
    if asked is None:
        return
    for places, items, shape in zip(asked.places, asked.items, asked.shapes, strict=True):
        found: list[Term | int] = [] if places is None else places.tolist()
        found += [i.place if i.term is None else i.term for i in items if isinstance(i, Single)]
        yield found, shape


def _of_terms(terms: list[Term | int], shape: tuple[int, ...], values: _Values) -> np.ndarray:
    columns = [
        values.reals[:, term] if isinstance(term, int) else _value(term, values) for term in terms
    ]
    return np.stack(columns, axis=1).reshape(len(values.reals), *shape)


def _value(term: Term, values: _Values) -> np.ndarray:
    """Return what a term is in each assignment."""

    def at(array: np.ndarray) -> np.ndarray:
        index = [
            values.states[:, v] if array.shape[k] > 1 else np.zeros(len(values.states), np.int64)
            for k, v in enumerate(term.scope)
        ]
        if not index:
            return np.broadcast_to(array, (len(values.reals), *array.shape))
        return array[tuple(index)]

    return at(term.constant) + (at(term.coefficients) * values.reals[:, term.reals]).sum(axis=1)


def _named_reals(world: World) -> Iterator[tuple[str, np.ndarray]]:
    """Give all joint reals by name, as numbers in their shape."""
    for (entity, name), start in world.joint_reals.items():
        array = world.reals[entity][name]
        size = int(np.prod(array.shape, dtype=np.int64))
        for thing in world.things.values():
            if thing.entity != entity:
                continue
            count = int(np.prod(thing.shape, dtype=np.int64))
            starts = array.starts[thing.first : thing.first + count]
            numbers = start + starts[:, None] + np.arange(size)
            shown = name if is_real_thing(thing.name) else f"{thing.name}.{name}"
            yield shown, numbers.reshape((*thing.shape, *array.shape))


def _are_known(joint: JointReals, numbers: np.ndarray) -> np.ndarray:
    """Say of each of some reals whether anything is said of it."""
    flat = numbers.reshape(-1)
    return (joint.places[flat] >= 0) | (joint.definitions.which[flat] >= 0)


def _real_values(
    world: World, joint: JointReals, numbers: np.ndarray, values: _Values
) -> np.ndarray:
    flat = numbers.reshape(-1)
    found = np.empty((len(values.reals), len(flat)))
    places = joint.places[flat]
    known = places >= 0
    found[:, known] = values.reals[:, places[known]]
    rest = np.flatnonzero(~known)
    linear = Linear(
        np.zeros((len(rest), 0), np.int64),
        (),
        flat[rest][:, None],
        np.ones((1, 1)),
        np.zeros(1),
    )
    for rows, one, _ in substituted(world, joint.definitions, linear, []) if len(rest) else ():
        for k, row in enumerate(rows.tolist()):
            own = k if len(one.coefficients) > 1 else 0
            constant = one.constants[k if len(one.constants) > 1 else 0]
            term = Term(
                tuple(one.scopes[k].tolist()),
                one.sizes,
                joint.places[one.reals[k]],
                one.coefficients[own],
                constant,
            )
            found[:, rest[row]] = _value(term, values)
    return found.reshape(len(values.reals), *numbers.shape)
