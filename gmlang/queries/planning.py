"""What a query would cost, before it is answered."""

import numpy as np

from gmlang.core.program import Assert, Query
from gmlang.queries.session import Session, prepare
from gmruntime.answer import (
    Best,
    Joint,
    LogPartition,
    Map,
    MarginalMap,
    Marginals,
    Samples,
    Solutions,
)
from gmruntime.answer import Query as RuntimeQuery
from gmruntime.elimination.plan import describe
from gmruntime.inference import plan


def describe_plan(session: Session, question: Query | Assert, budget_s: float, seed: int) -> str:
    """Say what a query would cost and which engine will answer it.

    Raises:
        GmError: when the query does not fit the program.
    """
    if isinstance(question, Assert):
        return f"{question.text}\n  as much as the queries in it"
    if question.kind in ("compat", "blame", "why", "active", "indep"):
        return f"{question.text}\n  several exact answers on the program's graph"
    prepared = prepare(session, question)
    evidence, _ = prepared.evidence()
    asked = [t.variables.reshape(-1) for t in prepared.targets]
    variables = np.concatenate(asked).astype(np.int32) if asked else np.zeros(0, np.int32)
    found = plan(
        prepared.graph(),
        _question(question, variables),
        evidence=evidence,
        budget_s=budget_s,
        seed=seed,
    )
    return f"{question.text}\n  " + describe(found).replace("\n", "\n  ")


def _question(question: Query, variables: np.ndarray) -> RuntimeQuery:
    match question.kind:
        case "joint":
            return Joint(variables)
        case "map":
            return Map()
        case "mmap":
            return MarginalMap(variables)
        case "best":
            return Best(1, variables if variables.size else None)
        case "sample":
            return Samples(1)
        case "logz":
            return LogPartition()
        case "count":
            return Solutions()
        case _:
            return Marginals(variables)
