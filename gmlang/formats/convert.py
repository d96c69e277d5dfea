"""Other formats to gmlang text, and gmlang programs to other formats."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from gmlang.words import WORDS
from gmruntime.factors.kinds import Table
from gmruntime.formats.models import read_model
from gmruntime.formats.networks.network import Network, network_graph, probabilities
from gmruntime.graph import FactorGraph

RESERVED_NAMES = frozenset(word.text for word in WORDS)
"""Names that a generated program avoids."""


Warn = Callable[[str], None]


def silently(_: str) -> None:
    """Tell nobody."""


SIGNS = (("<=", "le_"), (">=", "ge_"), ("<", "lt_"), (">", "gt_"), ("+", "_plus"), ("%", "_pct"))
"""How signs that names of states often have are spelt out."""


def identifier(name: str, taken: set[str]) -> str:
    """Turn any name into one the language allows, different from those taken."""
    for sign, word in SIGNS:
        name = name.replace(sign, word)
    plain = re.sub(r"\W", "_", name)
    if not plain or plain[0].isdigit() or plain[0] == "_":
        plain = "v" + plain
    while plain in RESERVED_NAMES or plain in taken:
        plain += "_"
    taken.add(plain)
    return plain


def network_to_gm(network: Network) -> str:
    """Write a Bayesian network as a program."""
    taken: set[str] = set()
    names = {v: identifier(v, taken) for v in network.states}
    values = {v: _state_names(states, names.values()) for v, states in network.states.items()}
    named = f"The Bayesian network {network.name}." if network.name != "unknown" else ""
    title = re.sub(r"[^\w .,()/-]", " ", named) or "A Bayesian network."
    lines = [f'"{title}"', ""]
    for v, states in network.states.items():
        was = [(names[v], v), *zip(values[v], states, strict=True)]
        changed = [f"{new} was {old!r}" for new, old in was if new != old]
        if swaps_states(states):
            changed.append("the file has true first")
        note = f"  # {', '.join(changed)}" if changed else ""
        lines.append(f"var {names[v]} : {_domain(values[v])}{note}")
    for child in network.tables:
        lines += ["", *_mechanism(network, child, names, values)]
    return "\n".join(lines) + "\n"


def _state_names(states: tuple[str, ...], variables: Iterable[str]) -> list[str]:
    if sorted(states) == ["false", "true"] or _is_range(states):
        return list(states)
    # A word that may mean a variable or a state would be ambiguous in the program.
    taken = set(variables)
    return [identifier(s, taken) for s in states]


def swaps_states(states: Sequence[str]) -> bool:
    """Say whether a file's states become those of `bool` in another order: false, then true."""
    return tuple(states) == ("true", "false")


def _is_range(states: Sequence[str]) -> bool:
    """Say whether the states are integers, each one more than the one before."""
    if not all(re.fullmatch(r"0|[1-9]\d{0,8}", state) for state in states):
        return False
    first = int(states[0])
    return [int(state) for state in states] == list(range(first, first + len(states)))


def _domain(values: list[str]) -> str:
    if sorted(values) == ["false", "true"]:
        return "bool"
    return f"{values[0]}..{values[-1]}" if _is_range(values) else f"{{{', '.join(values)}}}"


def _mechanism(
    network: Network, child: str, names: dict[str, str], values: dict[str, list[str]]
) -> list[str]:
    parents = network.parents[child]
    table = probabilities(network, child)
    rows = table.reshape(-1, table.shape[-1])
    weights = [_weights(values[child], row) for row in rows]
    if not parents:
        return [f"{names[child]} ~ {weights[0]}"]
    lines = [f"{names[child]} ~ match {', '.join(names[p] for p in parents)}:"]
    for place, text in zip(np.ndindex(*table.shape[:-1]), weights, strict=True):
        patterns = ", ".join(values[p][k] for p, k in zip(parents, place, strict=True))
        lines.append(f"    {patterns} -> {text}")
    return lines


def _weights(values: list[str], row: np.ndarray) -> str:
    shown = ", ".join(f"{v}: {float(p)!r}" for v, p in zip(values, row, strict=True))
    return f"{{{shown}}}"


def graph_to_gm(graph: FactorGraph, name: str) -> str:
    """Write a UAI model as a program: each table becomes data, each factor a log-factor."""
    title = re.sub(r"[^\w .,()-]", " ", f"The factor graph {name}.")
    lines = [f'"{title}"', ""]
    names: list[str] = []
    for block in graph.variables:
        start = len(names)
        for k in range(block.size):
            names.append(f"x{start + k}")
            lines.append(f"var x{start + k} : 0..{block.num_states - 1}")
    number = 0
    for block in graph.factors:
        assert isinstance(block.kind, Table)
        tables = block.kind.log_potentials
        for f, scope in enumerate(block.scopes):
            table = tables[f if len(tables) > 1 else 0]
            lines += ["", *_log_factor(number, table, [names[v] for v in scope])]
            number += 1
    return "\n".join(lines) + "\n"


def _log_factor(number: int, table: np.ndarray, names: list[str]) -> list[str]:
    if table.ndim == 0:
        return [f"factor {_number(float(table))}"]
    shape = ", ".join(str(n) for n in table.shape)
    data = f"data f{number}[{shape}] : real = {_nested(table)}"
    return [data, f"factor f{number}[{', '.join(names)}]"]


def _nested(table: np.ndarray) -> str:
    if table.ndim == 0:
        return _number(float(table))
    return "[" + ", ".join(_nested(row) for row in table) + "]"


def _number(value: float) -> str:
    return "-1e999" if value == -np.inf else repr(value)


def drawn_graph(path: str, values: Mapping[str, object]) -> FactorGraph:
    """Read a graph to be drawn; a program's with the model instances that its queries mention.

    Raises:
        GmError: for mistakes in a `.gm` program.
        FormatError: for mistakes in another format.
    """
    found = read_model(path)
    if found is not None:
        return network_graph(found) if isinstance(found, Network) else found
    from gmlang.api import load
    from gmlang.core.program import Query
    from gmlang.graph.from_core import ground
    from gmlang.queries.session import mentions

    model = load(path).bind(**values)
    extra = [pair for q in model.questions if isinstance(q, Query) for pair in mentions(q)]
    session = model.session()
    return ground(session.program, session.world, extra).builder.graph()


def read_graph(
    path: str,
    found: FactorGraph | Network | None,
    values: Mapping[str, object],
    warn: Warn = silently,
) -> tuple[FactorGraph, dict[str, object]]:
    """Return a graph with the names of its variables and states.

    Args:
        path: of the file.
        found: what it holds, None for a program, which is read and grounded here.
        values: data for a program.
        warn: told what looks like a mistake in the numbers.

    Raises:
        GmError: for mistakes in a program.
    """
    if isinstance(found, Network):
        return network_graph(found), {v: list(s) for v, s in found.states.items()}
    if found is not None:
        return found, {}
    from gmlang.api import load
    from gmlang.queries.session import check_defined

    model = load(path).bind(**values)
    grounding = check_defined(model.grounding())
    for diagnostic in grounding.warnings:
        warn(diagnostic.message)
    evidence = grounding.builder.observed
    graph = grounding.builder.graph()
    names: dict[str, object] = {}
    for named in model.names():
        labels = named.states.all_labels()
        names[named.name] = {"variables": named.variables.tolist(), "states": labels}
    seen = {
        int(v): int(s)
        for variables, states, _ in evidence
        for v, s in zip(variables.reshape(-1), states.reshape(-1), strict=True)
    }
    if seen:
        names["#evidence"] = seen
    return graph, names


def write_names(graph: FactorGraph, names: dict[str, object], target: str) -> None:
    """Write the names that UAI cannot hold beside it, and the program's observations likewise."""
    seen = names.pop("#evidence", None)
    if isinstance(seen, dict):
        from gmruntime.formats.uai import evidence_text

        evidence = np.full(graph.num_variables, -1, np.int32)
        for variable, state in seen.items():
            evidence[variable] = state
        Path(target + ".evid").write_text(evidence_text(evidence), "utf-8")
    if names:
        Path(target + ".names").write_text(json.dumps(names, indent=1) + "\n", "utf-8")
