"""The best that decisions can do: the maximum over policies of the expected utility.

    MEU  =  max over delta of  sum over x of  p(x | e) prod_i delta_i(d_i | information_i) U(x)

U is the sum of the utilities. A decision is a variable that nothing but its policy says anything
of, and a policy sees what the decision's information lists, no more.

Source: Howard and Matheson (1984), "Influence diagrams"; Lauritzen and Nilsson (2001),
"Representing and solving decision problems with limited information", for limited memory.
"""

import itertools
import math
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from gmruntime.arrays import Float64, Int32
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, GraphError, num_states, validate
from gmruntime.quality import Status
from gmruntime.questions.checks import asked_variables
from gmruntime.questions.enumerate import Enumeration
from gmruntime.questions.question import AnyAnswer, Question, Way
from gmruntime.workspace import digest_of

_POLICIES_MAX = 1 << 12
"""So many policies are tried one by one, by the oracle."""


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """What to do in each state of what is known.

    Attributes:
        decision: the variable that is decided.
        known: the variables that the policy looks at, some of the decision's information.
        actions: the state chosen, one axis for each of `known`.
    """

    decision: int
    known: Int32[np.ndarray, " known"]
    actions: Int32[np.ndarray, "*states"]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class ExpectedUtilityAnswer(AnyAnswer):
    """Answers `ExpectedUtility`.

    Attributes:
        value: the expected utility of `policies`; NaN when the evidence is impossible.
        lower: certified lower bound on the best there is; -inf when none.
        upper: certified upper bound on it; +inf when none.
        policies: one for each decision, in the order asked; empty where none was found.
    """

    value: float
    lower: float = float("-inf")
    upper: float = float("inf")
    policies: tuple[Policy, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ExpectedUtility(Question[ExpectedUtilityAnswer]):
    """The best expected utility, and how to decide for it.

    Attributes:
        decisions: variables, in the order in which they are decided: nothing that an earlier one
            knows may depend on a later one.
        information: for each decision the variables that are known when it is decided.
        utilities: blocks of tables that hold utilities where those of a graph hold logs; finite.
    """

    decisions: Int32[np.ndarray, " decisions"]
    information: tuple[Int32[np.ndarray, " known"], ...]
    utilities: tuple[FactorBlock, ...]

    WAYS: ClassVar[tuple[Way, ...]] = (Way.DECISIONS,)

    def checked(self, graph: FactorGraph) -> Self:
        """Return the question with its variables and utilities as the graph has them."""
        name = "ExpectedUtility"
        decisions = asked_variables(graph, name, self.decisions)
        if len(np.unique(decisions)) < len(decisions):
            raise GraphError(f"{name}.decisions names a variable twice")
        if len(self.information) != len(decisions):
            told = f"{len(self.information)} lists of information"
            raise GraphError(f"{name} has {len(decisions)} decisions and {told}")
        known = tuple(asked_variables(graph, name, one) for one in self.information)
        _check_order(decisions, known)
        for block in self.utilities:
            if (
                not isinstance(block.kind, Table)
                or not np.isfinite(block.kind.log_potentials).all()
            ):
                raise GraphError(f"{name}.utilities must be tables of finite numbers")
        utilities = validate(FactorGraph(graph.variables, tuple(self.utilities))).factors
        return replace(self, decisions=decisions, information=known, utilities=utilities)

    def described(self) -> str:
        """Say what the answer is, where it is too large."""
        return "a policy"

    def enumerated(self, every: Enumeration, rng: np.random.Generator) -> ExpectedUtilityAnswer:
        """Try every policy, one after the other.

        Raises:
            GraphError: when there are too many, or the evidence depends on them.
        """
        del rng
        quality = every.quality()
        if quality.status is Status.IMPOSSIBLE:
            return ExpectedUtilityAnswer(quality, math.nan)
        weights = np.exp(every.log_scores - every.log_scores.max())
        worth = weights * _utility_of(self.utilities, every.assignments)
        states = num_states(every.graph)
        tables = [_rows_of(every, known) for known in self.information]
        chosen = [
            itertools.product(range(int(states[d])), repeat=len(sizes))
            for d, (_, sizes) in zip(self.decisions, tables, strict=True)
        ]
        if (
            math.prod(
                float(states[d]) ** len(sizes)
                for d, (_, sizes) in zip(self.decisions, tables, strict=True)
            )
            > _POLICIES_MAX
        ):
            raise GraphError("there are too many policies to try each")
        best, found = -math.inf, ()
        total = math.nan
        for actions in itertools.product(*map(list, chosen)):
            follows = np.ones(len(weights), np.bool_)
            for d, (row, _), action in zip(self.decisions, tables, actions, strict=True):
                follows &= every.assignments[:, d] == np.array(action, np.int64)[row]
            whole = float(weights[follows].sum())
            total = whole if math.isnan(total) else total
            if not math.isclose(whole, total, rel_tol=1e-9):
                raise GraphError(DEPENDS)
            value = float(worth[follows].sum()) / whole
            if value > best:
                best, found = value, actions
        policies = tuple(
            _policy(int(d), known, sizes, action, states)
            for d, known, (_, sizes), action in zip(
                self.decisions, self.information, tables, found, strict=True
            )
        )
        return ExpectedUtilityAnswer(quality, best, best, best, policies)

    def merged(
        self, one: ExpectedUtilityAnswer, other: ExpectedUtilityAnswer
    ) -> ExpectedUtilityAnswer:
        """Keep the better answer, and what both proved of the best there is."""
        best = min(one, other, key=lambda a: (a.rank(), digest_of((a.value, a.policies))))
        lower, upper = max(one.lower, other.lower), min(one.upper, other.upper)
        return replace(best, lower=lower, upper=upper)


DEPENDS = "what is observed depends on a decision: the same evidence must be as probable for all"
"""Why a question about decisions is refused."""


def _utility_of(
    utilities: tuple[FactorBlock, ...], assignments: Int32[np.ndarray, "rows variables"]
) -> Float64[np.ndarray, " rows"]:
    """Add all utilities up for each assignment."""
    total = np.zeros(len(assignments))
    for block in utilities:
        for f, scope in enumerate(block.scopes):
            table = 0 if block.kind.num_tables == 1 else f
            number = np.full(len(assignments), table, np.int64)
            total += block.kind.log_values(number, assignments[:, scope])
    return total


def _check_order(decisions: np.ndarray, information: tuple[np.ndarray, ...]) -> None:
    for place, known in enumerate(information):
        late = set(decisions[place:].tolist()) & set(known.tolist())
        if late:
            raise GraphError(
                f"ExpectedUtility.information[{place}] names decision {min(late)}, "
                "which is not decided before"
            )


def _rows_of(every: Enumeration, known: np.ndarray) -> tuple[np.ndarray, list[tuple[int, ...]]]:
    """Number the states of what is known; return each assignment's, and the states."""
    rows = every.assignments[:, known]
    listed, place = np.unique(rows, axis=0, return_inverse=True)
    return place.reshape(-1), [tuple(row) for row in listed.tolist()]


def _policy(
    decision: int,
    known: np.ndarray,
    sizes: list[tuple[int, ...]],
    action: tuple[int, ...],
    states: np.ndarray,
) -> Policy:
    actions = np.zeros(states[known], np.int32)
    for state, chosen in zip(sizes, action, strict=True):
        actions[state] = chosen
    return Policy(decision, known, actions)
