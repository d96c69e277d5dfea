"""Bayesian networks of other tools as programs: tables to read, or as data to be quick."""

import re
from collections.abc import Sequence

import numpy as np

from gmlang.formats.names import (
    ModelProgram,
    domain,
    identifier,
    is_range,
    renamed,
    state_names,
    swaps_states,
)
from gmruntime.formats.networks.network import Network, probabilities


def network_to_gm(network: Network) -> str:
    """Write a Bayesian network as a program, each row of each table a line to read."""
    names, values = _network_names(network)
    lines = _network_head(network, names, values)
    for child in network.tables:
        lines += ["", *_mechanism(network, child, names, values)]
    return "\n".join(lines) + "\n"


def _network_names(network: Network) -> tuple[dict[str, str], dict[str, list[str]]]:
    taken: set[str] = set()
    names = {v: identifier(v, taken) for v in network.states}
    return names, {v: state_names(s, names.values()) for v, s in network.states.items()}


def _network_head(
    network: Network, names: dict[str, str], values: dict[str, list[str]]
) -> list[str]:
    named = f"The Bayesian network {network.name}." if network.name != "unknown" else ""
    title = re.sub(r"[^\w .,()/-]", " ", named) or "A Bayesian network."
    lines = [f'"{title}"', ""]
    for v, states in network.states.items():
        was = [(names[v], v), *zip(values[v], states, strict=True)]
        changed = [f"{new} was {old!r}" for new, old in was if new != old]
        if swaps_states(states):
            changed.append("the file has true first")
        note = f"  # {', '.join(changed)}" if changed else ""
        lines.append(f"var {names[v]} : {domain(values[v])}{note}")
    return lines


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


def network_program(network: Network) -> ModelProgram:
    """Return a network as a program whose tables are data."""
    names, values = _network_names(network)
    lines = _network_head(network, names, values)
    taken = {*names.values(), *(value for states in values.values() for value in states)}
    data: dict[str, np.ndarray] = {}
    for child, table in network.tables.items():
        scope = (*network.parents[child], child)
        table = probabilities(network, child)
        for axis, v in enumerate(scope):
            if swaps_states(network.states[v]):
                table = np.flip(table, axis)
        cell = identifier(f"P_{names[child]}", taken)
        data[cell] = table
        shape = ", ".join(map(str, table.shape))
        index = ", ".join(_index(names[p], values[p]) for p in network.parents[child])
        row = f"{cell}[{index}]" if index else cell
        lines += ["", f"data {cell}[{shape}] : real", f"{names[child]} ~ Categorical({row})"]
    return ModelProgram("\n".join(lines) + "\n", data, _changed(names, values, network.states))


def _index(name: str, values: Sequence[str]) -> str:
    """Return a variable as an index from 0."""
    return f"{name} - {values[0]}" if is_range(values) and values[0] != "0" else name


def _changed(
    names: dict[str, str], values: dict[str, list[str]], states: dict[str, tuple[str, ...]]
) -> tuple[str, ...]:
    pairs = [(new, old) for old, new in names.items()]
    for v, found in values.items():
        pairs += zip(found, states[v], strict=True)
    return renamed(pairs)
