"""The UAI competitions' formats: models, evidence, queries and results.

Tables are in C order, the last variable of a scope changing fastest. Numbers of results are log10.
"""

import math
from pathlib import Path

import numpy as np

from gmruntime.factors.kinds import Table
from gmruntime.factors.tables import log_tables, num_tables
from gmruntime.formats.text import FormatError, Tokens, read_text, write_text
from gmruntime.graph import Assignment, FactorBlock, FactorGraph, VariableBlock, num_states

SIZE_MAX = 1 << 31
"""Counts above this cannot be meant."""


def read_uai(path: str | Path) -> FactorGraph:
    """Read a model, packed or not; variable i of the file is variable i of the graph.

    Raises:
        FormatError: naming the place and what was expected.
        OSError: when the file cannot be read.
    """
    return parse_uai(str(path), read_text(path))


def parse_uai(name: str, text: str) -> FactorGraph:
    """Parse the text of a model.

    Raises:
        FormatError: naming the place and what was expected.
    """
    tokens = Tokens(name, _without_comments(text))
    kind = tokens.word("MARKOV or BAYES").upper()
    if kind not in ("MARKOV", "BAYES"):
        raise tokens.fail("a UAI model begins with MARKOV or BAYES", 0)
    count = tokens.integer("the number of variables", 0, SIZE_MAX)
    if count > tokens.left():
        raise tokens.fail(f"{count} numbers of states are expected")
    states = tokens.integers(count, "a number of states", 1, SIZE_MAX)
    num_factors = tokens.integer("the number of factors", 0, SIZE_MAX)
    if num_factors > tokens.left():
        raise tokens.fail(f"{num_factors} scopes are expected")
    scopes = [_scope(tokens, count) for _ in range(num_factors)]
    tables = [_table(tokens, scope, states) for scope in scopes]
    if tokens.left():
        raise tokens.fail("the model is complete, but more follows")
    return FactorGraph(_variables(states), _blocks(scopes, tables, states))


def _without_comments(text: str) -> str:
    if "#" not in text and "\nc" not in text:
        return text
    lines: list[str] = []
    for line in text.split("\n"):
        is_comment = line.startswith("c") and (len(line) == 1 or line[1].isspace())
        lines.append("" if is_comment else line.split("#")[0])
    return "\n".join(lines)


def _scope(tokens: Tokens, count: int) -> tuple[int, ...]:
    arity = tokens.integer("the size of a scope", 0, max(0, count))
    start = tokens.position
    scope = tuple(tokens.integer("a variable", 0, count - 1) for _ in range(arity))
    if len(set(scope)) != arity:
        raise tokens.fail("a scope names a variable twice", start)
    return scope


def _table(tokens: Tokens, scope: tuple[int, ...], states: np.ndarray) -> np.ndarray:
    size = math.prod(int(states[v]) for v in scope)
    position = tokens.position
    found = tokens.integer("the size of a table", 0, SIZE_MAX)
    if found != size:
        shown = " x ".join(str(int(states[v])) for v in scope) or "1"
        raise tokens.fail(f"this table has {shown} = {size} entries, not {found}", position)
    return tokens.reals(size, "table entries")


def _variables(states: np.ndarray) -> tuple[VariableBlock, ...]:
    """Group neighbouring variables with the same number of states."""
    blocks: list[VariableBlock] = []
    start = 0
    for end in range(1, len(states) + 1):
        if end == len(states) or states[end] != states[start]:
            name = f"x{start}" if end == start + 1 else f"x{start}_{end - 1}"
            shape = () if end == start + 1 else (end - start,)
            blocks.append(VariableBlock(name, shape, int(states[start])))
            start = end
    return tuple(blocks)


def _blocks(
    scopes: list[tuple[int, ...]], tables: list[np.ndarray], states: np.ndarray
) -> tuple[FactorBlock, ...]:
    """Group factors whose tables have the same shape."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for f, scope in enumerate(scopes):
        shape = tuple(int(states[v]) for v in scope)
        groups.setdefault(shape, []).append(f)
    blocks: list[FactorBlock] = []
    for shape, members in groups.items():
        stacked = np.stack([tables[f] for f in members]).reshape(len(members), *shape)
        if len(members) > 1 and (stacked == stacked[:1]).all():
            stacked = stacked[:1]
        with np.errstate(divide="ignore"):
            kind = Table(np.log(stacked))
        chosen = np.array([scopes[f] for f in members], np.int32).reshape(len(members), len(shape))
        blocks.append(FactorBlock(kind, chosen, f"factors over {len(shape)} variables"))
    return tuple(blocks)


def read_evidence(path: str | Path, graph: FactorGraph) -> Assignment:
    """Read evidence, with or without a leading number of samples; an empty file observes nothing.

    Raises:
        FormatError: naming the place and what was expected.
        OSError: when the file cannot be read.
    """
    return parse_evidence(str(path), read_text(path), graph)


def parse_evidence(name: str, text: str, graph: FactorGraph) -> Assignment:
    """Parse the text of evidence.

    Raises:
        FormatError: naming the place and what was expected.
    """
    tokens = Tokens(name, text)
    evidence = np.full(graph.num_variables, -1, np.int32)
    if not tokens.words:
        return evidence
    states = num_states(graph)
    first = tokens.integer("the number of observations", 0, SIZE_MAX)
    if len(tokens.words) != 1 + 2 * first:
        if first != 1:
            message = f"{first} observations need {2 * first} numbers, not {tokens.left()}"
            raise tokens.fail(message, 0, "one sample of evidence is expected")
        first = tokens.integer("the number of observations", 0, SIZE_MAX)
        if len(tokens.words) != 2 + 2 * first:
            message = f"{first} observations need {2 * first} numbers, not {tokens.left()}"
            raise tokens.fail(message, 1)
    for _ in range(first):
        variable = tokens.integer("a variable", 0, graph.num_variables - 1)
        state = tokens.integer("a state", 0, int(states[variable]) - 1)
        if evidence[variable] not in (-1, state):
            raise tokens.fail(f"variable {variable} is observed twice", tokens.position - 2)
        evidence[variable] = state
    return evidence


def read_query(path: str | Path, graph: FactorGraph) -> np.ndarray:
    """Read the query variables of a marginal MAP task.

    Raises:
        FormatError: naming the place and what was expected.
        OSError: when the file cannot be read.
    """
    tokens = Tokens(str(path), read_text(path))
    count = tokens.integer("the number of query variables", 0, graph.num_variables)
    found = tokens.integers(count, "a variable", 0, graph.num_variables - 1)
    if len(set(found.tolist())) != count:
        raise FormatError(str(path), "a variable is named twice")
    return found.astype(np.int32)


# --- Writing -----------------------------------------------------------------------------


def write_uai(graph: FactorGraph, path: str | Path) -> None:
    """Write a graph as a MARKOV model; `.gz` packs it.

    Raises:
        ValueError: when a factor's table would have more than 2^24 entries.
    """
    write_text(path, uai_text(graph))


def uai_text(graph: FactorGraph) -> str:
    """Return a graph as the text of a MARKOV model.

    Raises:
        ValueError: when a factor's table would have more than 2^24 entries.
    """
    states = num_states(graph)
    scopes: list[str] = []
    tables: list[str] = []
    for block in graph.factors:
        if not block.scopes.shape[0]:
            continue
        sizes = [int(k) for k in states[block.scopes[0]]]
        if math.prod(sizes) > 1 << 24:
            raise ValueError(f"`{block.label}` has too many entries for a UAI table")
        values = np.exp(log_tables(block.kind, sizes)).reshape(num_tables(block.kind), -1)
        rows = [f"{values.shape[1]}\n {' '.join(map(repr, row.tolist()))}\n" for row in values]
        for f, scope in enumerate(block.scopes):
            scopes.append(" ".join(map(str, (len(scope), *scope.tolist()))))
            tables.append(rows[f if len(rows) > 1 else 0])
    head = f"MARKOV\n{len(states)}\n{' '.join(map(str, states.tolist()))}\n{len(scopes)}\n"
    return head + "\n".join(scopes) + "\n\n" + "\n".join(tables)


def evidence_text(evidence: Assignment) -> str:
    """Return evidence as the text of a UAI file."""
    seen = np.flatnonzero(evidence >= 0)
    pairs = " ".join(f"{v} {evidence[v]}" for v in seen)
    return f"{len(seen)} {pairs}".strip() + "\n"


def log10(value: float) -> float:
    """Turn nats into the competitions' log10."""
    return value / math.log(10.0)


def marginals_text(rows: list[np.ndarray]) -> str:
    """Return marginals as the text of a MAR result."""
    parts = [f"{len(row)} {' '.join(f'{p:.9g}' for p in row)}" for row in rows]
    return f"{len(rows)} {' '.join(parts)}\n"


def parse_marginals(name: str, text: str) -> list[np.ndarray]:
    """Parse a MAR result, with or without its title; the last solution counts.

    Raises:
        FormatError: naming the place and what was expected.
    """
    tokens = Tokens(name, text.split("-BEGIN-")[-1])
    if tokens.words and tokens.words[0].upper() == "MAR":
        tokens.position = 1
    count = tokens.integer("the number of variables", 0, SIZE_MAX)
    rows: list[np.ndarray] = []
    for _ in range(count):
        size = tokens.integer("a number of states", 1, SIZE_MAX)
        rows.append(tokens.reals(size, "probabilities"))
    return rows
