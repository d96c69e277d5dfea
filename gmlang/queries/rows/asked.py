"""What a question asks of joint reals: forms, events of one form, polynomials of degree two."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from gmlang.core.ast import Apply, Array, AttributeRef, Bool, Expression, Local
from gmlang.core.check.joint.routes import key_of
from gmlang.core.print import show
from gmlang.core.program import Asked
from gmlang.core.walk import is_real_reference, replace_part, type_of, walk
from gmlang.diagnostics import Diagnostic, GmError
from gmlang.errors import later
from gmlang.errors import probabilities as errors
from gmlang.graph.lowering.grounder import Grounder, environment
from gmlang.graph.rows.evaluating import linear_of, noted_gap
from gmlang.graph.rows.forms import Form, collect_finite, form_of, only_where, real_numbers
from gmlang.graph.rows.joint import JointReals, real_name
from gmlang.graph.rows.linear import Linear
from gmlang.graph.rows.quadratics import quadratic_of
from gmlang.graph.rows.substituting import substituted
from gmlang.graph.values.environment import TRIED
from gmlang.graph.values.evaluate import conditions, evaluate, expand, random_indices
from gmlang.graph.world.places import locate_reals
from gmlang.graph.world.world import ONE_INSTANCE, Frame, World, select_rows


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """One number that is linear in reals, given the states of its selectors.

    Attributes:
        scope: the selectors; the arrays have an axis for each, which may be 1 long.
        sizes: how many states these have.
        reals: places among the joint reals.
        coefficients: (*states, reals).
        constant: (*states).
        masks: further arrays, (*states).
    """

    scope: tuple[int, ...]
    sizes: tuple[int, ...]
    reals: np.ndarray
    coefficients: np.ndarray
    constant: np.ndarray
    masks: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Polynomial:
    """The sum of a term and of products of two."""

    term: Term
    products: tuple[tuple[Term, Term], ...] = ()

    def terms(self) -> tuple[Term, ...]:
        """List all the terms."""
        return (self.term, *(factor for pair in self.products for factor in pair))


@dataclass(frozen=True, slots=True, eq=False)
class Happening:
    """An event that depends on where one term lies.

    Attributes:
        term: whose masks say for each of the `pieces` whether the event holds there.
        ends: ascending; the first piece is below all, the last above.
    """

    term: Term
    ends: np.ndarray

    def terms(self) -> tuple[Term, ...]:
        """List its term."""
        return (self.term,)


@dataclass(frozen=True, slots=True, eq=False)
class Single:
    """A real by its place, or by what it stands for.

    Attributes:
        place: among the joint reals; -1 where it is defined.
    """

    place: int
    term: Term | None = None

    def terms(self) -> tuple[Term, ...]:
        """List what it stands for."""
        return () if self.term is None else (self.term,)


Item = Polynomial | Happening | Single


@dataclass(slots=True, eq=False)
class AskedReals:
    """What a question asks for, one for each of its asked: items in a shape.

    Attributes:
        items: in C order.
        shapes: of each asked.
        places: where all items of an asked are reals that are not defined, their places; else None.
        links: selectors and reals that must be integrated together.
    """

    items: list[list[Item]] = field(default_factory=lambda: [])
    shapes: list[tuple[int, ...]] = field(default_factory=lambda: [])
    places: list[np.ndarray | None] = field(default_factory=lambda: [])
    links: list[tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=lambda: [])


def _mentions_joint(world: World, expression: Expression) -> bool:
    """Say whether an expression mentions a joint real anywhere."""
    return any(
        isinstance(part, AttributeRef)
        and is_real_reference(part)
        and key_of(part) in {**world.joint_reals, **world.outer_reals}
        for part in walk(expression)
    )


def asked_reals(
    grounder: Grounder, joint: JointReals, asked: Sequence[Asked], *, is_together: bool
) -> AskedReals:
    """Write what is asked for in terms of reals.

    Args:
        grounder: of the question.
        joint: the program's reals.
        asked: expressions some of which mention joint reals.
        is_together: whether all are one question, about how they depend on each other.

    Raises:
        GmError: where something asked for is neither linear, nor an event of one linear form, nor
            a polynomial of degree two.
    """
    found = AskedReals()
    for one in asked:
        value = one.value
        frame, _ = expand(environment(grounder, ONE_INSTANCE), one.context)
        if isinstance(value, AttributeRef) and is_real_reference(value):
            if not _mentions_joint(grounder.world, value):
                raise GmError([later.real_elsewhere(value.span, value.span.text)])
            _ask_reals(grounder, joint, found, frame, value, is_loop=bool(one.context))
            continue
        if isinstance(type_of(value), Array):
            raise GmError([later.real_elsewhere(value.span, value.span.text)])
        items: list[Item] = []
        for row in range(frame.count):
            grounder.world.check_time()
            part = select_rows(frame, np.array([row]))
            if isinstance(type_of(value), Bool) and _mentions_joint(grounder.world, value):
                items.append(_happening(grounder, joint, part, value))
            else:
                items.append(_polynomial(grounder, joint, part, value))
        found.items.append(items)
        found.shapes.append((frame.count,) if one.context else ())
        found.places.append(None)
    _link(found, is_together=is_together)
    return found


def _ask_reals(
    grounder: Grounder,
    joint: JointReals,
    found: AskedReals,
    frame: Frame,
    reference: AttributeRef,
    *,
    is_loop: bool,
) -> None:
    world = grounder.world
    if key_of(reference) in world.outer_reals:
        places = locate_reals(reference, environment(grounder, frame))
        places = np.broadcast_to(places, (frame.count, *places.shape[1:]))
        shaped = world.outer_reals[key_of(reference)] + (places if is_loop else places[0])
        values = world.outer_values[:, shaped.reshape(-1)]
        found.items.append([_setting(own) for own in values.T])
        found.shapes.append(shaped.shape)
        found.places.append(None)
        return
    if random_indices(reference):
        items: list[Item] = []
        for row in range(frame.count):
            part = select_rows(frame, np.array([row]))
            items.append(_polynomial(grounder, joint, part, reference))
        found.items.append(items)
        found.shapes.append((frame.count,) if is_loop else ())
        found.places.append(None)
        return
    numbers = real_numbers(reference, environment(grounder, frame))
    shaped = numbers if is_loop else numbers[0]
    found.shapes.append(shaped.shape)
    places = joint.places[shaped.reshape(-1)]
    if (places >= 0).all():
        found.items.append([])
        found.places.append(places)
        return
    items = [_single(grounder, joint, number) for number in shaped.reshape(-1).tolist()]
    found.items.append(items)
    found.places.append(None)


def _setting(values: np.ndarray) -> Single:
    """Return a parameter, which is a number at each setting."""
    if len(values) == 1:
        return Single(-1, Term((), (), np.zeros(0, np.int64), np.zeros(0), values[0]))
    none = np.zeros((len(values), 0))
    return Single(-1, Term((TRIED,), (len(values),), np.zeros(0, np.int64), none, values))


def _single(grounder: Grounder, joint: JointReals, number: int) -> Single:
    place = int(joint.places[number])
    if place >= 0:
        return Single(place)
    linear = Linear(
        np.zeros((1, 0), np.int64), (), np.array([[number]]), np.ones((1, 1)), np.zeros(1)
    )
    return Single(-1, _term(grounder, joint, linear, []))


def _term(
    grounder: Grounder, joint: JointReals, linear: Linear, masks: Sequence[np.ndarray]
) -> Term:
    """Write what is linear in one instance with none that is defined."""
    ((_, one, own),) = substituted(grounder.world, joint.definitions, linear, masks)
    numbers = one.reals[0]
    places = joint.places[numbers]
    if (places < 0).any():
        raise GmError([nowhere(grounder.world, int(numbers[places < 0][0]))])
    return _at_one_setting(
        Term(
            tuple(one.scopes[0].tolist()),
            one.sizes,
            places,
            one.coefficients[0],
            np.asarray(one.constants[0]),
            tuple(np.asarray(mask[0]) for mask in own),
        )
    )


def _at_one_setting(term: Term) -> Term:
    """Return a term without the axis of settings, where there is one setting."""
    if TRIED not in term.scope or term.sizes[term.scope.index(TRIED)] > 1:
        return term
    axis = term.scope.index(TRIED)
    return Term(
        term.scope[:axis] + term.scope[axis + 1 :],
        term.sizes[:axis] + term.sizes[axis + 1 :],
        term.reals,
        term.coefficients.take(0, axis),
        term.constant.take(0, axis),
        tuple(mask.take(0, axis) for mask in term.masks),
    )


def nowhere(world: World, number: int) -> Diagnostic:
    """Report a real of which nothing says where it is, by its number."""
    entity, name = next(
        key
        for key, start in world.joint_reals.items()
        if start <= number < start + world.reals[key[0]][key[1]].values.size
    )
    array = world.reals[entity][name]
    return errors.nowhere(array.span, real_name(world, number))


# --- Polynomials and events --------------------------------------------------------------


def _polynomial(
    grounder: Grounder, joint: JointReals, frame: Frame, value: Expression
) -> Polynomial:
    """Write a number that depends on reals in one instance."""
    env = environment(grounder, frame).gathering()
    collect_finite(value, env)
    found = quadratic_of(value, env)
    is_known = ~noted_gap(grounder, env)

    def term(form: Form) -> Term:
        linear, _ = linear_of(only_where(is_known, form), env)
        return _term(grounder, joint, linear, [])

    return Polynomial(term(found.form), tuple((term(a), term(b)) for a, b in found.products))


def _happening(grounder: Grounder, joint: JointReals, frame: Frame, event: Expression) -> Happening:
    """Write an event that depends on where reals lie, in one instance."""
    atoms = _atoms(grounder.world, event)
    subject = atoms[0].arguments[0]
    other = next((a for a in atoms if show(a.arguments[0]) != show(subject)), None)
    if other is not None:
        raise GmError([later.event_of_two(event.span, event.span.text)])
    env = environment(grounder, frame).gathering()
    intervals = [
        [float(np.asarray(evaluate(end, env)).reshape(-1)[0]) for end in atom.arguments[1:]]
        for atom in atoms
    ]
    ends = np.unique([end for pair in intervals for end in pair if np.isfinite(end)])
    keys = [f"#{place}" for place in range(len(atoms))]
    written = event
    for atom, key in zip(atoms, keys, strict=True):
        written = replace_part(written, atom, Local(atom.span, key, Bool()))
    collect_finite(written, env)
    collect_finite(subject, env)
    truths: list[np.ndarray] = []
    for low, high in pieces(ends):
        inside = [np.array([a <= low and high <= b]) for a, b in intervals]
        told = {**frame.locals, **dict(zip(keys, inside, strict=True))}
        here = replace(env, frame=Frame(frame.count, told))
        truths.append(np.asarray(conditions(written, here), np.float64))
    form = form_of(subject, env)
    linear, masks = linear_of(only_where(~noted_gap(grounder, env), form), env, truths)
    return Happening(_term(grounder, joint, linear, masks), ends)


def pieces(ends: np.ndarray) -> Iterator[tuple[float, float]]:
    """Give the pieces that ends cut the numbers into: in turn what lies between two, and one."""
    edges = [-np.inf, *ends.tolist(), np.inf]
    for low, high in pairwise(edges):
        yield low, high
        if high < np.inf:
            yield high, high


def _atoms(world: World, event: Expression) -> list[Apply]:
    """List the comparisons of joint reals within an event."""
    found = [
        part
        for part in walk(event)
        if isinstance(part, Apply)
        and part.operator == "real_in"
        and _mentions_joint(world, part.arguments[0])
    ]
    assert found, "an event of reals without a comparison"
    return found


# --- What must be integrated together ----------------------------------------------------


def _link(found: AskedReals, *, is_together: bool) -> None:
    """Note which selectors and reals the answers need the joint distribution of."""
    if is_together:
        reals = {r for own in found.places if own is not None for r in own.tolist()}
        terms = [t for items in found.items for item in items for t in item.terms()]
        reals |= {i.place for items in found.items for i in items if isinstance(i, Single)} - {-1}
        _add_link(found, terms, reals)
        return
    for items in found.items:
        for item in items:
            _add_link(found, list(item.terms()), set())


def _add_link(found: AskedReals, terms: Sequence[Term], reals: set[int]) -> None:
    selectors = {v for term in terms for v in term.scope}
    reals = reals.union(*(term.reals.tolist() for term in terms))
    if reals and len(selectors) + len(reals) > 1:
        found.links.append((tuple(sorted(selectors)), tuple(sorted(reals))))
