"""The models about a thing as what an explanation chooses, and the sites that it is to explain."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gmlang.core.ast import Thing
from gmlang.graph.lowering.grounder import environment
from gmlang.graph.world.places import thing_numbers
from gmlang.graph.world.states import States
from gmlang.graph.world.world import ONE_INSTANCE
from gmlang.queries.explained.about import Instance, instances_about
from gmlang.queries.explained.real_sites import RealSite, real_sites
from gmlang.queries.session import Prepared
from gmruntime.arrays import Float64, Int32, Int64
from gmruntime.budget import Budget
from gmruntime.graph import FactorGraph, VariableBlock
from gmruntime.rows.scoring.families import Family, families, linked, substituted


@dataclass(frozen=True, slots=True, eq=False)
class Sites:
    """The observed attributes of a thing, element by element, in the order of declaration.

    Attributes:
        names: such as `ink[3]`.
        variables: of the graph.
        states: what each may be.
        log_bases: for each, the log of its base, state by state; uniform where none is declared.
    """

    names: tuple[str, ...]
    variables: Int32[np.ndarray, " sites"]
    states: tuple[States, ...]
    log_bases: tuple[Float64[np.ndarray, " _states"], ...]

    def log_base(self, seen: Int32[np.ndarray, "rows sites"]) -> Float64[np.ndarray, "rows sites"]:
        """Return the log probability that each base gives to the states of each row."""
        found = np.zeros(seen.shape)
        for site, log_base in enumerate(self.log_bases):
            found[:, site] = log_base[seen[:, site]]
        return found

    def label(self, site: int, state: int) -> str:
        """Name a state of a site."""
        return self.states[site].label(state)


@dataclass(frozen=True, slots=True, eq=False)
class Society:
    """What is asked about a thing.

    Attributes:
        graph: where families of which exactly one member holds are a variable each.
        evidence: of its variables, what is observed beside the sites.
        sites: observed of the thing.
        choices: the variables that an explanation fixes: families, and other open activations.
        family: the only family among them; None where there is none, or are several.
        groups: for each of its members, the number of the explanation that it belongs to.
        members: for each choice that is a family, the activations of its members; None elsewhere.
        given: the activations that are observed to be active.
        names: of all activations.
        reals: what models say of what was observed of real attributes.
    """

    graph: FactorGraph
    evidence: Int32[np.ndarray, " variables"]
    sites: Sites
    choices: Int32[np.ndarray, " choices"]
    family: int | None
    groups: Int64[np.ndarray, " members"]
    members: tuple[tuple[int, ...] | None, ...]
    given: tuple[int, ...]
    names: Mapping[int, str]
    reals: tuple[RealSite, ...]

    def activations(self, states: Int32[np.ndarray, " choices"]) -> list[int]:
        """List the activations that are true where the choices have these states."""
        found = list(self.given)
        choices = self.choices.tolist()
        for members, choice, state in zip(self.members, choices, states.tolist(), strict=True):
            if members is not None:
                found.append(members[state])
            elif state:
                found.append(choice)
        return found

    def active(self, states: Int32[np.ndarray, " choices"]) -> list[str]:
        """Name the models that are active where the choices have these states."""
        return [self.names[v] for v in self.activations(states)]


def society_about(
    prepared: Prepared,
    thing: Thing,
    evidence: Int32[np.ndarray, " variables"],
    by: int | None,
    budget: Budget,
) -> Society:
    """Gather what is asked about a thing.

    Args:
        prepared: the question's graph.
        thing: a single one.
        evidence: all that is observed; of the sites it only counts that they are.
        by: how many of a family's first values make an explanation; None for all.
        budget: asked on the way.

    Raises:
        TimeoutError: when the budget ended first.
    """
    env = environment(prepared.grounder, ONE_INSTANCE)
    number = int(thing_numbers(thing, env).reshape(-1)[0])
    instances = instances_about(prepared.grounding.world, thing.entity, number)
    sites = _sites(prepared, thing.entity, number, evidence)
    graph, left = prepared.graph(), evidence.copy()
    left[sites.variables] = -1
    is_about = np.zeros(graph.num_variables, bool)
    is_about[list(instances)] = True
    own = families(graph, is_about & (left < 0))
    made, is_linked = _with_families(graph, own, budget)
    count = graph.num_variables
    wide = np.concatenate([left, np.full(len(own), -1, np.int32)])
    listed = [tuple(family.members.tolist()) for family in own]
    is_member = np.isin(np.arange(count), [v for members in listed for v in members])
    if not is_linked:
        wide[:count][is_member] = 0
    free = [v for v in sorted(instances) if wide[v] < 0 and not is_member[v]]
    return Society(
        made,
        wide,
        sites,
        np.array([*range(count, count + len(own)), *free], np.int32),
        count if len(own) == 1 else None,
        _groups([instances[int(v)] for v in own[0].members], by) if own else np.zeros(0, np.int64),
        (*listed, *(None for _ in free)),
        tuple(v for v in sorted(instances) if left[v] == 1),
        {v: instance.name for v, instance in instances.items()},
        real_sites(prepared.grounding.world, thing.entity, number),
    )


def _with_families(
    graph: FactorGraph, own: list[Family], budget: Budget
) -> tuple[FactorGraph, bool]:
    """Return the graph with a variable for each family, and whether its members are still there.

    They are where something about them is too large to be written about the family.
    """
    if not own:
        return graph, False
    gone = [np.zeros(len(block.scopes), bool) for block in graph.factors]
    for family in own:
        gone[family.block][family.factor] = True
    left = tuple(
        block.some(~done) for block, done in zip(graph.factors, gone, strict=True) if not done.all()
    )
    first = graph.num_variables
    factors = substituted(FactorGraph(graph.variables, left), own, first, budget)
    new = [VariableBlock("family", (), len(family.members)) for family in own]
    whole = (*left, *linked(own, first)) if factors is None else factors
    return FactorGraph((*graph.variables, *new), whole), factors is None


def _groups(members: list[Instance], by: int | None) -> Int64[np.ndarray, " members"]:
    """Number the explanations that members belong to."""
    if by is None:
        return np.arange(len(members))
    keys = [(one.name.split("(", 1)[0], one.values[:by]) for one in members]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([numbers[key] for key in keys], np.int64)


def _sites(
    prepared: Prepared, entity: str, number: int, evidence: Int32[np.ndarray, " variables"]
) -> Sites:
    names: list[str] = []
    variables: list[int] = []
    all_states: list[States] = []
    log_bases: list[np.ndarray] = []
    for attribute in prepared.grounding.world.attributes[entity].values():
        start, states = int(attribute.starts[number]), attribute.states
        log_base = attribute.log_base
        if log_base is None:
            log_base = np.full(states.count, -np.log(states.count))
        for offset, place in enumerate(np.ndindex(*attribute.shape)):
            if evidence[start + offset] >= 0:
                index = f"[{', '.join(map(str, place))}]" if place else ""
                names.append(attribute.name + index)
                variables.append(start + offset)
                all_states.append(states)
                log_bases.append(log_base)
    chosen = np.array(variables, np.int32)
    return Sites(tuple(names), chosen, tuple(all_states), tuple(log_bases))
