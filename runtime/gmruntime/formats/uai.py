"""The UAI competitions' formats: models, evidence and queries.

Tables are in C order, the last variable of a scope changing fastest.
"""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gmruntime.factors.kinds import Table
from gmruntime.formats.errors import FormatError
from gmruntime.formats.graphs.named import grouped_variables
from gmruntime.formats.recognise import UAI, UAI_NUMBERS, explained
from gmruntime.formats.rows import (
    LOG_ENTRY_MAX,
    LOG_ENTRY_MIN,
    normalised_block,
    num_strange_rows,
)
from gmruntime.formats.text import Tokens, read_text, write_text
from gmruntime.formats.uai_arrays import parse_arrays, read_numbers, table_block
from gmruntime.graph import Assignment, FactorBlock, FactorGraph, num_states

SIZE_MAX = (1 << 31) - 1
"""Counts above this cannot be meant."""


def read_uai(path: str | Path, warn: Callable[[str], None] = lambda _: None) -> FactorGraph:
    """Read a model, packed or not; variable i of the file is variable i of the graph.

    Args:
        path: of the file.
        warn: told of rows of a Bayesian network that had to be normalised, or are no
            distributions, and of numbers that follow the model.

    Raises:
        FormatError: naming the place and what was expected.
        OSError: when the file cannot be read.
    """
    return parse_uai(str(path), read_text(path), warn)


def parse_uai(name: str, text: str, warn: Callable[[str], None] = lambda _: None) -> FactorGraph:
    """Parse the text of a model; the arguments are those of `read_uai`.

    Raises:
        FormatError: naming the place and what was expected.
    """
    text = _without_comments(text)
    kind, _, rest = text.lstrip().partition("\n")
    numbers = read_numbers(rest) if kind.strip().upper() in ("MARKOV", "BAYES") else None
    found = parse_arrays(numbers) if numbers is not None else None
    if found is not None:
        graph = FactorGraph(grouped_variables(found[0].tolist()), found[1])
    else:
        try:
            graph = parse_tokens(name, text)
        except FormatError as error:
            raise explained(error, UAI, text) from None
    if numbers is not None:
        _warn_of_surplus(graph, len(numbers), name, warn)
    return _normalised(graph, name, warn) if kind.strip().upper() == "BAYES" else graph


def _warn_of_surplus(
    graph: FactorGraph, num_numbers: int, name: str, warn: Callable[[str], None]
) -> None:
    """Tell of numbers behind a complete model: some writers append sections, others miscount."""
    used = 2 + graph.num_variables
    for block in graph.factors:
        assert isinstance(block.kind, Table)
        factors, arity = block.scopes.shape
        used += factors * (2 + arity + math.prod(block.kind.log_potentials.shape[1:]))
    if num_numbers > used:
        warn(f"{name}: {num_numbers - used} numbers follow the complete model and are not read")


def _normalised(graph: FactorGraph, name: str, warn: Callable[[str], None]) -> FactorGraph:
    """Divide the rows of a Bayesian network by their sums, as everywhere."""
    pairs = [normalised_block(block) for block in graph.factors]
    count = sum(uneven for _, uneven in pairs)
    if count:
        block = next(block for block, uneven in zip(graph.factors, pairs, strict=True) if uneven[1])
        child = int(block.scopes[0, -1])
        warn(
            f"{name}: {count} distributions do not sum to 1 and are normalised; "
            f"one of the first is of variable {child}"
        )
    strange = [num_strange_rows(block) for block in graph.factors]
    if any(strange):
        block = next(b for b, number in zip(graph.factors, strange, strict=True) if number)
        warn(
            f"{name}: {sum(strange)} of the rows of a BAYES network do not sum to 1 and stay as "
            f"they are; one of the first is of variable {int(block.scopes[0, -1])}"
        )
    return FactorGraph(graph.variables, tuple(block for block, _ in pairs))


def parse_tokens(name: str, text: str) -> FactorGraph:
    """Parse the text of a model token by token, to find the place of a mistake.

    Raises:
        FormatError: naming the place and what was expected.
    """
    tokens = Tokens(name, text)
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
    # Some writers append sections of their own to a complete model; these are numbers too.
    tokens.reals(tokens.left(), "what follows a complete model")
    return FactorGraph(grouped_variables(states.tolist()), _blocks(scopes, tables, states))


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
        stacked = np.stack([tables[f] for f in members])
        chosen = np.array([scopes[f] for f in members], np.int64).reshape(len(members), len(shape))
        blocks.append(table_block(stacked, np.array(shape, np.int64), chosen))
    return tuple(blocks)


def read_evidence(path: str | Path, graph: FactorGraph) -> Assignment:
    """Read evidence, with or without a leading number of samples; an empty file observes nothing.

    What follows a leading 0 is not looked at: some writers list samples of other tasks there.

    Raises:
        FormatError: naming the place and what was expected.
        OSError: when the file cannot be read.
    """
    text = read_text(path)
    try:
        return parse_evidence(str(path), text, graph)
    except FormatError as error:
        raise explained(error, UAI_NUMBERS, text) from None


def parse_evidence(name: str, text: str, graph: FactorGraph) -> Assignment:
    """Parse the text of evidence.

    Raises:
        FormatError: naming the place and what was expected.
    """
    tokens = Tokens(name, _without_comments(text))
    states = num_states(graph)
    count = len(states)
    evidence = np.full(count, -1, np.int32)
    if not tokens.words:
        return evidence
    first = tokens.integer("the number of observations", 0, SIZE_MAX)
    if first and len(tokens.words) != 1 + 2 * first:
        if first != 1:
            message = f"{first} observations need {2 * first} numbers, not {tokens.left()}"
            raise tokens.fail(message, 0, "one sample of evidence is expected")
        first = tokens.integer("the number of observations", 0, SIZE_MAX)
        if len(tokens.words) != 2 + 2 * first:
            message = f"{first} observations need {2 * first} numbers, not {tokens.left()}"
            raise tokens.fail(message, 1)
    for _ in range(first):
        variable = tokens.integer("a variable", 0, count - 1)
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
    text = read_text(path)
    try:
        return _parse_query(str(path), text, graph)
    except FormatError as error:
        raise explained(error, UAI_NUMBERS, text) from None


def _parse_query(name: str, text: str, graph: FactorGraph) -> np.ndarray:
    tokens = Tokens(name, _without_comments(text))
    count = tokens.integer("the number of query variables", 0, graph.num_variables)
    found = tokens.integers(count, "a variable", 0, graph.num_variables - 1)
    if len(set(found.tolist())) != count:
        raise FormatError(name, "a variable is named twice")
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

    Tables whose entries leave the range of a float64 are scaled; constant factors make up for it.

    Raises:
        ValueError: when a factor's table would have more than 2^24 entries, or some so far apart
            that the lesser one would become 0, which means impossible.
    """
    states = num_states(graph)
    scopes: list[str] = []
    tables: list[str] = []
    log_scale = 0.0
    for block in graph.factors:
        count, arity = block.scopes.shape
        if not count:
            continue
        sizes = [int(k) for k in states[block.scopes[0]]]
        if math.prod(sizes) > 1 << 24:
            raise ValueError(f"`{block.label}` has too many entries for a UAI table")
        logs = block.kind.entries(sizes)
        shifts = _shifts(logs)
        lowest = (logs - shifts).min(where=logs > -np.inf, initial=0.0)
        if lowest < LOG_ENTRY_MIN:
            raise ValueError(
                f"`{block.label}` has entries that are possible, but exp({lowest:.4g}) of others: "
                "a UAI table cannot tell them from 0; CFN has costs instead"
            )
        log_scale += float(shifts.sum()) * (count if len(shifts) == 1 else 1)
        values = np.exp(logs - shifts)
        rows = [f"{values.shape[1]}\n {' '.join(map(repr, row))}\n" for row in values.tolist()]
        scopes += [f"{arity} {' '.join(map(str, scope))}" for scope in block.scopes.tolist()]
        tables += rows if len(rows) == count else rows * count
    constants = math.ceil(abs(log_scale) / LOG_ENTRY_MAX)
    scopes += ["0"] * constants
    tables += [f"1\n {math.exp(log_scale / constants)!r}\n"] * constants if constants else []
    head = f"MARKOV\n{len(states)}\n{' '.join(map(str, states.tolist()))}\n{len(scopes)}\n"
    return head + "\n".join(scopes) + "\n\n" + "\n".join(tables)


def _shifts(logs: np.ndarray) -> np.ndarray:
    """Say by how much each table must be lowered for its entries to be float64."""
    highest = logs.max(axis=1, keepdims=True)
    lowest = logs.min(axis=1, keepdims=True, where=logs > -np.inf, initial=0.0)
    is_outside = (highest > LOG_ENTRY_MAX) | (lowest < -LOG_ENTRY_MAX)
    return np.where(np.isfinite(highest) & is_outside, highest, 0.0)


def evidence_text(evidence: Assignment) -> str:
    """Return evidence as the text of a UAI file."""
    seen = np.flatnonzero(evidence >= 0)
    pairs = " ".join(f"{v} {evidence[v]}" for v in seen)
    return f"{len(seen)} {pairs}".strip() + "\n"
