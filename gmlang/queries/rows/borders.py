"""What lies around reals: how probable the states of their selectors are, and reals given these."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.program import Query
from gmlang.queries.reading import flat_rows
from gmlang.queries.rows.asked import Term
from gmlang.queries.rows.integrating import Integrated
from gmlang.queries.session import Prepared, ask
from gmlang.queries.settings import Settings
from gmruntime.answer import Joint, JointAnswer, Marginals, MarginalsAnswer, Quality, Status
from gmruntime.continuous.beliefs import GaussianMixture
from gmruntime.continuous.patches import Patch
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorGraph, num_states
from gmruntime.quality import worst

METHOD = "Gaussian elimination"


@dataclass(frozen=True, slots=True, eq=False)
class Around:
    """The finite variables around reals.

    Attributes:
        border: ascending; none is observed.
        sizes: how many states they have.
        patch: of the reals; None where all are observed.
    """

    border: tuple[int, ...]
    sizes: tuple[int, ...]
    patch: Patch | None


def around(integrated: Integrated, terms: Iterable[Term], reals: Iterable[int] = ()) -> Around:
    """Return what lies around the reals of some terms, which were integrated together."""
    terms = list(terms)
    every = [r for term in terms for r in term.reals.tolist()] + list(reals)
    free = [r for r in every if np.isnan(integrated.real_evidence[r])]
    if free:
        eliminated = integrated.eliminated
        patch = eliminated.patches[int(eliminated.patch_of[free[0]])]
        return Around(patch.border, patch.sizes, patch)
    states, evidence = num_states(integrated.graph), integrated.evidence
    border = sorted({v for term in terms for v in term.scope if evidence[v] < 0})
    return Around(tuple(border), tuple(int(states[v]) for v in border), None)


class ImpossibleError(Exception):
    """No assignment agrees with what is observed."""


@dataclass(frozen=True, slots=True, eq=False)
class Probabilities:
    """How probable the joint states of borders are, and how good that is.

    Attributes:
        of: by the border.
    """

    of: dict[tuple[int, ...], np.ndarray]
    quality: Quality


def probabilities_of(
    prepared: Prepared, query: Query, settings: Settings, needed: Iterable[Around]
) -> Probabilities:
    """Ask how probable the states of all borders are.

    Raises:
        ImpossibleError: where nothing is possible.
    """
    borders = sorted({one.border for one in needed} - {()})
    integrated = prepared.integrated
    assert integrated is not None
    if is_impossible(integrated.graph):
        raise ImpossibleError
    found: dict[tuple[int, ...], np.ndarray] = {(): np.ones(())}
    qualities: list[Quality] = []
    singles = [border[0] for border in borders if len(border) == 1]
    if singles or not borders:
        # Also where there is no border: what is observed may be impossible.
        variables = np.array(singles, np.int32)
        answer = _asked(prepared, query, settings, Marginals(variables))
        assert isinstance(answer, MarginalsAnswer)
        if singles:
            qualities.append(answer.quality)
            rows = flat_rows(prepared, answer.probabilities)
            found.update({(v,): rows[v] for v in singles})
    for border in borders:
        if len(border) > 1:
            answer = _asked(prepared, query, settings, Joint(np.array(border, np.int32)))
            assert isinstance(answer, JointAnswer)
            qualities.append(answer.quality)
            found[border] = answer.probabilities
    return Probabilities(found, together(qualities))


def is_impossible(graph: FactorGraph) -> bool:
    """Say whether a number among the factors forbids everything."""
    return any(
        not block.scopes.shape[1]
        and isinstance(block.kind, Table)
        and bool((block.kind.log_potentials == -np.inf).any())
        for block in graph.factors
    )


def _asked(
    prepared: Prepared, query: Query, settings: Settings, question: Joint | Marginals
) -> JointAnswer | MarginalsAnswer:
    integrated = prepared.integrated
    assert integrated is not None
    answer = ask(prepared, question, integrated.evidence, settings, query)
    if answer.quality.status is Status.IMPOSSIBLE:
        raise ImpossibleError
    assert isinstance(answer, JointAnswer | MarginalsAnswer)
    return answer


def together(qualities: Sequence[Quality]) -> Quality:
    """Say how good an answer is that rests on some of finite variables; on none, it is exact."""
    status = worst(one.status for one in qualities)
    notes = dict.fromkeys(one.note for one in qualities if one.note)
    others = dict.fromkeys(one.method for one in qualities if one.method)
    if status is Status.BOUNDED:
        # What is proven of probabilities is not carried over to the reals.
        status = Status.ESTIMATE
    quality = Quality(status, ", ".join([METHOD, *others]), 0.0, note=" · ".join(notes))
    if status is not Status.ESTIMATE:
        return quality
    return replace(quality, error=float("nan"))


# --- Reals given their border ------------------------------------------------------------


def _onto(array: np.ndarray, term: Term, given: Around, evidence: np.ndarray) -> np.ndarray:
    """Give an array of a term the axes of a border; observed selectors are at their states."""
    index: list[int | slice] = []
    kept: list[int] = []
    for axis, variable in enumerate(term.scope):
        state = int(evidence[variable])
        if state < 0:
            index.append(slice(None))
            kept.append(variable)
        else:
            index.append(state if array.shape[axis] > 1 else 0)
    array = np.asarray(array[tuple(index)])
    tail = list(range(len(kept), array.ndim))
    order = sorted(range(len(kept)), key=lambda k: given.border.index(kept[k]))
    array = array.transpose([*order, *tail])
    sizes = dict(zip((kept[k] for k in order), array.shape, strict=False))
    shape = [sizes.get(variable, 1) for variable in given.border]
    return array.reshape((*shape, *array.shape[len(kept) :]))


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """A term with the axes of the border around it.

    Attributes:
        reals: those that are not observed.
        coefficients: (*border, reals); an axis may be 1 long.
        constant: (*border), likewise.
        masks: those of the term, likewise.
    """

    around: Around
    reals: np.ndarray
    coefficients: np.ndarray
    constant: np.ndarray
    masks: tuple[np.ndarray, ...]


def given_border(integrated: Integrated, term: Term, around_it: Around) -> Given:
    """Write a term over the states of a border."""
    evidence = integrated.evidence
    coefficients = _onto(term.coefficients, term, around_it, evidence)
    constant = _onto(term.constant, term, around_it, evidence)
    values = integrated.real_evidence[term.reals]
    known = ~np.isnan(values)
    if known.any():
        constant = constant + coefficients[..., known] @ values[known]
    masks = tuple(_onto(mask, term, around_it, evidence) for mask in term.masks)
    return Given(around_it, term.reals[~known], coefficients[..., ~known], constant, masks)


def belief(given: Given, probabilities: np.ndarray) -> tuple[np.ndarray, GaussianMixture]:
    """Return the distribution of a term, and which states of the border its parts are, flat."""
    p, patch = probabilities, given.around.patch
    if patch is not None:
        p = np.where(patch.log_values > -np.inf, p, 0.0)
    states = np.flatnonzero(p.reshape(-1) > 0.0)
    if patch is not None and len(given.reals):
        found = patch.belief(p, given.coefficients, given.constant, reals=given.reals)
        return states, found
    means = np.broadcast_to(given.constant, p.shape).reshape(-1)[states]
    weights = p.reshape(-1)[states]
    return states, GaussianMixture(weights / weights.sum(), means, np.zeros(len(states)))
