"""What the runtime says of variables, in the author's names."""

from dataclasses import dataclass

import numpy as np

from gmlang.core.ast import Expression
from gmlang.core.program import Query
from gmlang.diagnostics import GmError
from gmlang.errors import grounding as errors
from gmlang.graph.lowering.grounder import environment
from gmlang.graph.values.evaluate import evaluate
from gmlang.graph.world.names import Named, named_in
from gmlang.graph.world.world import ONE_INSTANCE
from gmlang.queries.answers import nested_labels
from gmlang.queries.session import Prepared

SAMPLED_STATES_MAX = 1 << 23
"""Samples, or best assignments, with more states in all are refused: by name they take 1 GiB."""


def flat_rows(prepared: Prepared, blocks: tuple[np.ndarray, ...]) -> dict[int, np.ndarray]:
    """Return each variable's row of a blockwise result, by index."""
    rows: dict[int, np.ndarray] = {}
    start = 0
    for block, values in zip(prepared.builder.variables, blocks, strict=True):
        flat = values.reshape(block.size, block.num_states)
        rows.update({start + k: flat[k] for k in range(block.size)})
        start += block.size
    return rows


def asked_names(prepared: Prepared, query: Query) -> list[Named]:
    """List what an assignment is reported for: what was asked, or everything with a name."""
    if not query.asked:
        return named_in(prepared.grounding.world)
    return [
        Named(_name(asked.value.span.text), target.variables, target.states)
        for asked, target in zip(query.asked, prepared.targets, strict=True)
    ]


def _name(text: str) -> str:
    return " ".join(text.split())


def assignment_map(names: list[Named], assignment: np.ndarray) -> dict[str, object]:
    """Write an assignment by the names of variables and states."""
    return {n.name: nested_labels(assignment[n.variables], n.states) for n in names}


def assignment_maps(names: list[Named], rows: np.ndarray) -> list[dict[str, object]]:
    """Write many assignments, each state that a single variable takes only once."""
    if not names:
        return [{} for _ in rows]
    columns: list[list[object]] = []
    for named in names:
        if named.variables.shape:
            columns.append([nested_labels(row[named.variables], named.states) for row in rows])
            continue
        taken, place = np.unique(rows[:, int(named.variables)], return_inverse=True)
        labels = [nested_labels(state, named.states) for state in taken]
        columns.append([labels[k] for k in place.reshape(-1).tolist()])
    keys = [named.name for named in names]
    return [dict(zip(keys, values, strict=True)) for values in zip(*columns, strict=True)]


def flat_variables(names: list[Named]) -> np.ndarray:
    """List the variables of all names, one after another."""
    return np.concatenate([np.zeros(0, np.int64), *(n.variables.reshape(-1) for n in names)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered(Query):
    """A query for a number of assignments.

    Attributes:
        number: how many.
    """

    number: Expression


def asked_variables(prepared: Prepared) -> np.ndarray:
    """List the variables that are asked for, one after another."""
    asked = [target.variables.reshape(-1) for target in prepared.targets]
    return np.concatenate([np.zeros(0, np.int32), *asked]).astype(np.int32)


def number_asked(prepared: Prepared, query: Numbered) -> int:
    """Return how many whole assignments a query asks for.

    Raises:
        GmError: when it asks for none, or for too many.
    """
    number = query.number
    count = int(np.asarray(evaluate(number, environment(prepared.grounder, ONE_INSTANCE))))
    if count < 1:
        raise GmError([errors.cannot_ask(number.span, "how many must be at least 1")])
    if count * max(1, prepared.builder.num_variables) > SAMPLED_STATES_MAX:
        most = SAMPLED_STATES_MAX // max(1, prepared.builder.num_variables)
        message = f"`{query.kind}` of this program gives at most {most}, not {count}"
        raise GmError([errors.cannot_ask(number.span, message)])
    return count
