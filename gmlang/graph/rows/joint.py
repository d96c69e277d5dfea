"""All rows of a program, once every statement has said its part: what a question integrates."""

from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.records.reals import is_real_thing
from gmlang.diagnostics import GmError
from gmlang.errors import grounding as errors
from gmlang.errors import later
from gmlang.graph.builder import RealRecipe
from gmlang.graph.lowering.grounder import Grounder
from gmlang.graph.reals.densities import check_proportion
from gmlang.graph.rows.adding import add_finite
from gmlang.graph.rows.linear import Linear, RealRows, has_settings
from gmlang.graph.rows.substituting import Definitions, definitions_of, substituted
from gmlang.graph.world.world import RealArray, World
from gmruntime.arrays import Bool, Float64, Int64

_LOG_ROOT_2PI = 0.5 * float(np.log(2 * np.pi))


@dataclass(frozen=True, slots=True, eq=False)
class JointReals:
    """The joint reals of a program, and what is said of them.

    Attributes:
        rows: of the reals that are integrated, by their places among these; no scope names a
            selector twice.
        places: of each real, by number; -1 where it is defined, or nothing is said of it.
        numbers: the number of the real at each place.
        definitions: of the others.
        observed: what each place was observed to be; NaN where it was not.
        flat: of each real, whether it has neither a base nor a mechanism.
        raw: rows as statements say them; `origins` are the numbers of those that `rows` are of.
        recipes: how those are made whose numbers depend on parameters.
    """

    rows: tuple[RealRows, ...]
    places: Int64[np.ndarray, " reals"]
    numbers: Int64[np.ndarray, " places"]
    definitions: Definitions
    observed: Float64[np.ndarray, " places"]
    flat: Bool[np.ndarray, " reals"]
    raw: tuple[RealRows, ...]
    origins: tuple[int, ...]
    recipes: tuple[RealRecipe, ...]


def finish_rows(grounder: Grounder) -> JointReals | None:
    """Gather what is said of joint reals; None where there are none.

    Raises:
        GmError: where a real has two mechanisms, or one that needs itself, or a definition that is
            observed.
    """
    world, builder = grounder.world, grounder.builder
    if not world.joint_reals and not world.outer_reals:
        return None
    count = world.num_joint_reals
    owner = _mechanisms(grounder)
    definitions = definitions_of(builder.real_definitions, count)
    observed = np.full(count, np.nan)
    rows = list(builder.real_rows)
    for key, start in world.joint_reals.items():
        array = world.reals[key[0]][key[1]]
        own = start + np.arange(array.values.size)
        observed[own] = array.values
        check_proportion(array.span, array.values[~np.isnan(array.values)], np.zeros(0))
        _check_not_defined(array, own, observed, definitions)
        rows += _base_rows(array, own[owner[own] < 0])
    found: list[RealRows] = []
    origins: list[int] = []
    for number, one in enumerate(rows):
        for made in _pieces(world, definitions, one):
            if made.linear.reals.shape[1] or has_settings(made.linear):
                found.append(made)
                origins.append(number)
            else:
                add_finite(grounder, made)
    _check_no_rounds(grounder, builder.real_rows, definitions)
    spoken = np.zeros(count, np.bool_)
    for one in found:
        spoken[one.linear.reals] = True
    numbers = np.flatnonzero(spoken)
    places = np.full(count, -1, np.int64)
    places[numbers] = np.arange(len(numbers))
    is_based = _is_based(world)
    return JointReals(
        tuple(_placed(one, places) for one in found),
        places,
        numbers,
        definitions,
        observed[numbers],
        ~is_based & (owner < 0),
        tuple(rows),
        tuple(origins),
        tuple(builder.real_recipes),
    )


def _pieces(world: World, definitions: Definitions, rows: RealRows) -> list[RealRows]:
    """Write rows with no real that is defined."""
    others = rows.weights, rows.log_scales
    return [
        RealRows(
            linear,
            weights,
            log_scales,
            rows.kind,
            rows.span,
            None if rows.site is None else rows.site.some(which),
        )
        for which, linear, (weights, log_scales) in substituted(
            world, definitions, rows.linear, others
        )
        if linear.count
    ]


def placed_pieces(
    world: World, definitions: Definitions, rows: RealRows, places: np.ndarray
) -> list[RealRows]:
    """Write rows with no real that is defined, and places of reals for their numbers."""
    return [_placed(one, places) for one in _pieces(world, definitions, rows)]


def _placed(rows: RealRows, places: np.ndarray) -> RealRows:
    """Return rows with the places of reals for their numbers."""
    linear = rows.linear
    own = Linear(
        linear.scopes, linear.sizes, places[linear.reals], linear.coefficients, linear.constants
    )
    return replace(rows, linear=own)


def _mechanisms(grounder: Grounder) -> np.ndarray:
    """Return for each real which mechanism it has; -1 for none, and for noise that nobody named."""
    builder = grounder.builder
    owner = np.full(grounder.world.num_joint_reals, -1, np.int64)
    for number, (targets, span) in enumerate(builder.real_mechanisms):
        values, counts = np.unique(targets, return_counts=True)
        clash = values[(owner[values] >= 0) | (counts > 1)]
        if len(clash):
            first = int(owner[clash[0]])
            earlier = builder.real_mechanisms[first][1] if first >= 0 else span
            name = real_name(grounder.world, int(clash[0]))
            raise GmError([errors.two_mechanisms(span, name, earlier)])
        owner[values] = number
    return owner


def _is_based(world: World) -> np.ndarray:
    found = np.ones(world.num_joint_reals, np.bool_)
    for key, start in world.joint_reals.items():
        array = world.reals[key[0]][key[1]]
        found[start : start + array.values.size] = array.normal is not None
    return found


def _check_not_defined(
    array: RealArray, own: np.ndarray, observed: np.ndarray, definitions: Definitions
) -> None:
    both = own[~np.isnan(observed[own]) & (definitions.which[own] >= 0)]
    if len(both):
        item = definitions.items[int(definitions.which[both[0]])]
        raise GmError([later.observed_definition(item.span, array.name)])


def _base_rows(array: RealArray, reals: np.ndarray) -> list[RealRows]:
    """Return the rows of a normal base, for reals that have no mechanism."""
    if array.normal is None or not len(reals):
        return []
    mean, sd = array.normal
    scopes = np.zeros((len(reals), 0), np.int64)
    linear = Linear(scopes, (), reals[:, None], np.ones((1, 1)), np.full(1, -mean))
    log_scale = np.full(1, -np.log(sd) - _LOG_ROOT_2PI)
    return [RealRows(linear, np.full(1, sd**-2.0), log_scale, "base", array.span)]


def _check_no_rounds(grounder: Grounder, rows: list[RealRows], definitions: Definitions) -> None:
    """Refuse reals that are drawn from themselves, through others or not."""
    pairs = [
        (one.linear.reals[:, 0], one.linear.reals[:, 1:]) for one in rows if one.kind == "draw"
    ]
    pairs = [(child, parents) for child, parents in pairs if parents.shape[1]]
    pairs += [(item.targets, item.linear.reals) for item in definitions.items]
    if not pairs:
        return
    children = np.concatenate([np.repeat(child, parents.shape[1]) for child, parents in pairs])
    parents = np.concatenate([parents.reshape(-1) for _, parents in pairs])
    if (parents < children).all():
        return
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = grounder.world.num_joint_reals
    links = coo_array((np.ones(len(parents), np.int8), (parents, children)), shape=(count, count))
    _, labels = connected_components(links.tocsr(), connection="strong")
    round_ = np.flatnonzero(np.bincount(labels)[labels] > 1)
    round_ = np.union1d(round_, parents[parents == children])
    if len(round_):
        ring = _ring(parents, children, int(round_[0]), labels)
        names = [real_name(grounder.world, one) for one in ring]
        span = next(s for t, s in grounder.builder.real_mechanisms if ring[-1] in t)
        raise GmError([errors.directed_cycle(span, names, None)])


def _ring(parents: np.ndarray, children: np.ndarray, start: int, labels: np.ndarray) -> list[int]:
    """Follow parents around from a real that needs itself; the first comes last again."""
    inside = labels[parents] == labels[children]
    parent_of = dict(zip(children[inside].tolist(), parents[inside].tolist(), strict=True))
    path = [start]
    while parent_of[path[-1]] not in path:
        path.append(parent_of[path[-1]])
    again = parent_of[path[-1]]
    return [again, *reversed(path[path.index(again) :])]


def real_name(world: World, number: int) -> str:
    """Name a joint real as the author would: `x[3]`, `it.height`; noise as nothing."""
    for (entity, name), start in world.joint_reals.items():
        array = world.reals[entity][name]
        place = number - start
        if not 0 <= place < array.values.size:
            continue
        thing = int(np.searchsorted(array.starts, place, side="right")) - 1
        inner = place - int(array.starts[thing])
        index = [int(k) for k in np.unravel_index(inner, array.shape)] if array.shape else []
        shown = f"[{', '.join(map(str, index))}]" if index else ""
        if is_real_thing(entity):
            return f"{name}{shown}"
        return f"{_thing_name(world, entity, thing)}.{name}{shown}"
    return ""


def _thing_name(world: World, entity: str, number: int) -> str:
    for thing in world.things.values():
        size = int(np.prod(thing.shape, dtype=np.int64))
        if thing.entity == entity and thing.first <= number < thing.first + size:
            if not thing.shape:
                return thing.name
            place = np.unravel_index(number - thing.first, thing.shape)
            return f"{thing.name}[{', '.join(str(int(k)) for k in place)}]"
    return entity
