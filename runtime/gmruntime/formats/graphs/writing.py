"""Graphs written as factor graphs of libDAI, and as cost functions for toulbar2."""

import math
import re
from collections.abc import Iterator

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.formats.graphs.named import NamedGraph
from gmruntime.formats.rows import LOG_ENTRY_MAX, LOG_ENTRY_MIN
from gmruntime.graph import FactorGraph, num_states

ENTRIES_MAX = 1 << 24
"""A factor's table may have so many entries."""

_COST_DIGITS = 9
"""Costs are written with so many decimals: a total of a thousand is off by less than 1e-6."""

_WHOLE_DIGITS = 6
"""Whole costs count units of 1e-6 nats, where the graph's own are not whole."""


def fg_text(graph: FactorGraph) -> str:
    """Return a graph as libDAI has it; zeros are left out.

    Raises:
        ValueError: when a factor's table is too large, or leaves the range of floats.
    """
    sizes = num_states(graph)
    blocks: list[str] = []
    for scope, logs in _tables(graph):
        highest = logs.max(initial=-np.inf)
        lowest = logs.min(where=logs > -np.inf, initial=0.0)
        if highest > LOG_ENTRY_MAX or lowest < LOG_ENTRY_MIN:
            extreme = highest if highest > LOG_ENTRY_MAX else lowest
            raise ValueError(f"a factor of exp({extreme:.4g}) is beyond the range of an .fg file")
        values = np.exp(logs).reshape(-1, order="F")
        kept = np.flatnonzero(values)
        head = [
            str(len(scope)),
            " ".join(map(str, scope)),
            " ".join(str(sizes[v]) for v in scope),
            str(len(kept)),
        ]
        entries = [f"{k} {value!r}" for k, value in zip(kept, values[kept].tolist(), strict=True)]
        blocks.append("\n".join([*head, *entries]) + "\n")
    mentioned = {v for block in graph.factors for v in block.scopes.reshape(-1).tolist()}
    for v in sorted(set(range(graph.num_variables)) - mentioned):
        # A variable exists here only by being mentioned.
        entries = "\n".join(f"{k} 1.0" for k in range(int(sizes[v])))
        blocks.append(f"1\n{v}\n{sizes[v]}\n{sizes[v]}\n{entries}\n")
    return f"{len(blocks)}\n\n" + "\n".join(blocks)


def cfn_text(named: NamedGraph) -> str:
    """Return a graph as a CFN whose costs are negative logs, in nats, with nine decimals.

    Names become letters, digits and `_`.

    Raises:
        ValueError: when a factor's table is too large.
    """
    sizes = num_states(named.graph).tolist()
    taken: set[str] = set()
    names = [_cfn_name(v, taken) for v in named.variables]
    found = list(_tables(named.graph))
    top = _above(found)
    lines: list[str] = []
    for name, size, states in zip(names, sizes, named.states, strict=True):
        inner: set[str] = set()
        words = ", ".join(f'"{_cfn_name(state, inner)}"' for state in states)
        lines.append(f'"{name}": ' + (f"[{words}]" if states else str(size)))
    functions: list[str] = []
    for number, (scope, logs) in enumerate(found):
        # Twice, so that the negative costs of others do not bring it below the bound.
        costs = np.where(logs == -np.inf, 2 * top, -logs).reshape(-1)
        listed = ", ".join(f"{cost:.{_COST_DIGITS}f}" for cost in costs.tolist())
        words = ", ".join(f'"{names[v]}"' for v in scope)
        functions.append(f'"f{number}": {{"scope": [{words}], "costs": [{listed}]}}')
    title = _cfn_name(named.name or "graph", set())
    return (
        f'{{"problem": {{"name": "{title}", "mustbe": "<{top:.{_COST_DIGITS}f}"}},\n'
        f'"variables": {{\n{_joined(lines)}\n}},\n"functions": {{\n{_joined(functions)}\n}}}}\n'
    )


def _joined(lines: list[str]) -> str:
    return ",\n".join(lines)


def wcsp_text(named: NamedGraph) -> tuple[str, str]:
    """Return a graph as a WCSP, and what is lost, "" for nothing.

    Costs are negative logs. Where these are whole and not negative, they are written as they are;
    else each function is lowered to 0 and costs count millionths of a nat.

    Raises:
        ValueError: when a factor's table is too large.
    """
    sizes = num_states(named.graph).tolist()
    found = list(_tables(named.graph))
    finite = [logs[np.isfinite(logs)] for _, logs in found]
    is_whole = all((logs <= 0).all() and (logs == np.round(logs)).all() for logs in finite)
    lowered = [(scope, logs if is_whole else logs - _peak(logs)) for scope, logs in found]
    scale = 1.0 if is_whole else 10.0**_WHOLE_DIGITS
    top = int(_above(lowered) * scale)
    title = re.sub(r"\W", "_", named.name, flags=re.ASCII) or "graph"
    lines = [f"{title} {len(sizes)} {max(sizes, default=0)} {len(found)} {top}"]
    lines.append(" ".join(map(str, sizes)))
    for scope, logs in lowered:
        costs = np.where(logs == -np.inf, top, np.round(-logs * scale))
        if not scope:
            lines.append(f"0 {int(costs)} 0")
            continue
        kept = np.argwhere(costs)
        lines.append(f"{len(scope)} {' '.join(map(str, scope))} 0 {len(kept)}")
        for place, cost in zip(kept.tolist(), costs[costs != 0].tolist(), strict=True):
            lines.append(f"{' '.join(map(str, place))} {int(cost)}")
    lost = "" if is_whole else "costs are written in units of 1e-6 nats, each function from 0"
    return "\n".join(lines) + "\n", lost


def _tables(graph: FactorGraph) -> Iterator[tuple[list[int], Float64[np.ndarray, "*states"]]]:
    """Yield the scope and table of every factor.

    Raises:
        ValueError: when one is too large.
    """
    sizes = num_states(graph)
    for block in graph.factors:
        if not len(block.scopes):
            continue
        shape = [int(k) for k in sizes[block.scopes[0]]]
        if math.prod(shape) > ENTRIES_MAX:
            raise ValueError(f"`{block.label}` has too many entries for a table")
        logs = block.kind.log_tables(shape).reshape(-1, *shape)
        for f, scope in enumerate(block.scopes.tolist()):
            yield scope, logs[f if len(logs) > 1 else 0]


def _peak(logs: np.ndarray) -> float:
    highest = float(logs.max(initial=-np.inf))
    return highest if math.isfinite(highest) else 0.0


def _above(found: list[tuple[list[int], np.ndarray]]) -> float:
    """Return a whole cost that no sum of finite costs reaches, whatever one other adds."""
    reach = 1.0
    for _, logs in found:
        finite = logs[np.isfinite(logs)]
        reach += float(np.abs(finite).max(initial=0.0))
    return float(math.ceil(2 * reach))


def _cfn_name(name: str, taken: set[str]) -> str:
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
    if not plain or not plain[0].isalpha():
        plain = "v" + plain
    while plain in taken:
        plain += "_"
    taken.add(plain)
    return plain
