"""Eliminate the reals of a question's graph, and tell in the author's words why that fails."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmlang.core.ast import AttributeRef
from gmlang.core.check.joint.routes import key_of
from gmlang.core.program import Given, ObservedGiven
from gmlang.core.walk import is_real_reference
from gmlang.diagnostics import Diagnostic, GmError, Span
from gmlang.errors import later
from gmlang.errors import probabilities as errors
from gmlang.graph.lowering.grounder import Grounder, environment
from gmlang.graph.observations import array_value, fitted
from gmlang.graph.reals.densities import check_proportion
from gmlang.graph.rows.forms import real_numbers
from gmlang.graph.rows.joint import JointReals, real_name
from gmlang.graph.world.names import variable_name
from gmlang.graph.world.world import ONE_INSTANCE, World
from gmlang.queries.rows.asked import nowhere
from gmruntime.budget import Budget
from gmruntime.continuous.eliminating import Eliminated, eliminate_reals
from gmruntime.continuous.errors import ImproperError, TooLargeError, TooManyBordersError
from gmruntime.continuous.mixed import MixedGraph, RealBlock, RealFactorBlock, Rows, validate
from gmruntime.graph import FactorGraph, num_states

Link = tuple[tuple[int, ...], tuple[int, ...]]
"""Selectors and reals, by their places, that are integrated together."""


@dataclass(frozen=True, slots=True, eq=False)
class Integrated:
    """A question's graph without reals, and what is believed of these.

    Attributes:
        mixed: with them.
        graph: its finite variables are the question's.
        evidence: the state of each that is observed; -1 for the others.
        real_evidence: the value of each real that is observed; NaN for the others.
    """

    mixed: MixedGraph
    graph: FactorGraph
    eliminated: Eliminated
    evidence: np.ndarray
    real_evidence: np.ndarray


class TooManyStatesError(GmError):
    """Around some reals there are too many states to be added up.

    Attributes:
        mixed, evidence, real_evidence: the question's, for who need not add them up.
    """

    def __init__(
        self,
        refusal: Diagnostic,
        mixed: MixedGraph,
        evidence: np.ndarray,
        real_evidence: np.ndarray,
    ) -> None:
        """Keep the graph."""
        super().__init__([refusal])
        self.mixed, self.evidence, self.real_evidence = mixed, evidence, real_evidence


def integrate(
    world: World,
    joint: JointReals,
    asked: tuple[FactorGraph, np.ndarray, np.ndarray],
    links: Sequence[Link],
    budget: Budget,
    span: Span,
) -> Integrated:
    """Eliminate reals.

    Args:
        world: names variables.
        joint: the program's reals.
        asked: the question's variables and factors, those of reals aside; the state of each
            observed variable, -1 for the others; a value for each observed real, by its place, NaN
            for the others.
        links: what the question needs together.
        budget: of the question.
        span: of the question.

    Raises:
        GmError: where nothing says where a real is, or too many states lie around some.
        TimeoutError: when there is no time left.
    """
    finite, evidence, real_evidence = asked
    mixed = mixed_graph(joint, finite, links)
    try:
        found = eliminate_reals(
            mixed, evidence, real_evidence, budget=budget, memory=budget.memory_bytes
        )
    except ImproperError as error:
        raise GmError([nowhere(world, int(joint.numbers[error.real]))]) from None
    except TooManyBordersError as error:
        names = (variable_name(world, variable) for variable in error.border)
        refusal = errors.too_many_borders(span, names, len(error.border), error.count)
        raise TooManyStatesError(refusal, mixed, evidence, real_evidence) from None
    except TooLargeError as error:
        name = real_name(world, int(joint.numbers[error.real]))
        raise GmError([errors.patch_too_large(span, name, error.num_bytes)]) from None
    return Integrated(mixed, found.graph, found, evidence, real_evidence)


def seen_reals(grounder: Grounder, joint: JointReals, given: Sequence[Given]) -> np.ndarray | None:
    """Return the value of each joint real that is observed, NaN for the others.

    None where one is observed to be two numbers.

    Raises:
        GmError: where a real is given that is defined, or a number out of all proportion.
    """
    found = joint.observed.copy()
    env = environment(grounder, ONE_INSTANCE)
    for one in given:
        match one:
            case ObservedGiven(target=AttributeRef() as target, value=value):
                if not is_real_reference(target) or key_of(target) not in env.world.joint_reals:
                    continue
                numbers = real_numbers(target, env)
                values = fitted(array_value(value, env, numbers.ndim), numbers.shape, one.span)
                seen = ~np.isnan(values)
                numbers, values = numbers[seen], values[seen]
                if (joint.definitions.which[numbers] >= 0).any():
                    raise GmError([later.observed_definition(one.span, target.span.text)])
                places = joint.places[numbers]
                check_proportion(one.span, values, np.zeros(0))
                places, values = places[places >= 0], values[places >= 0]
                before = found[places]
                found[places] = values
                if (~np.isnan(before) & (before != values) | (found[places] != values)).any():
                    return None
            case _:
                pass
    return found


def mixed_graph(joint: JointReals, finite: FactorGraph, links: Sequence[Link]) -> MixedGraph:
    """Return a question's graph with the rows of its program, and what it needs together."""
    blocks: list[RealFactorBlock] = []
    for rows in joint.rows:
        linear = rows.linear
        kind = Rows(linear.coefficients, -linear.constants, rows.weights, rows.log_scales)
        scopes, reals = linear.scopes.astype(np.int32), linear.reals.astype(np.int32)
        line, _ = rows.span.line_column()
        blocks.append(RealFactorBlock(kind, scopes, reals, f"line {line}", rows.site))
    blocks += _links(links, num_states(finite))
    reals = (RealBlock("reals", (len(joint.numbers),)),)
    return validate(MixedGraph(finite, reals, tuple(blocks)))


def _links(links: Sequence[Link], sizes: np.ndarray) -> list[RealFactorBlock]:
    """Return rows that say nothing, but of selectors and reals together."""
    groups: dict[tuple[tuple[int, ...], int], list[Link]] = {}
    for selectors, reals in links:
        key = tuple(sizes[list(selectors)].tolist()), len(reals)
        groups.setdefault(key, []).append((selectors, reals))
    found: list[RealFactorBlock] = []
    for (own_sizes, r), own in groups.items():
        d = len(own_sizes)
        shape = (1,) * (1 + d)
        kind = Rows(np.ones((*shape, r)), np.zeros(shape), np.zeros(shape), np.zeros(shape))
        scopes = np.array([s for s, _ in own], np.int32).reshape(len(own), d)
        found.append(
            RealFactorBlock(kind, scopes, np.array([x for _, x in own], np.int32), "asked")
        )
    return found
