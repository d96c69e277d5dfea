"""The UAI competitions' result files: PR, MAR, MAP (or MPE) and MMAP.

A file names its task and then gives a solution; further solutions follow lines `-BEGIN-`, and the
last one counts. Files of the first competitions put the number of samples (1) after the task.
"""

import math

import numpy as np

from gmruntime.arrays import Float64, Int32
from gmruntime.formats.errors import FormatError
from gmruntime.formats.text import Tokens

BEGIN = "-BEGIN-"
_TASKS = ("PR", "MAR", "MAP", "MPE", "MMAP")
SIZE_MAX = 1 << 31


def log10(value: float) -> float:
    """Turn nats into the competitions' log10."""
    return value / math.log(10.0)


# --- Writing: one solution each, without the name of the task -----------------------------


def partition_text(log_partition: float) -> str:
    """Return log Z, given in nats, as a PR solution."""
    return f"{log10(log_partition):.12g}\n"


def marginals_text(rows: list[Float64[np.ndarray, " _states"]]) -> str:
    """Return the marginals of every variable as a MAR solution."""
    parts = [f"{len(row)} {' '.join(f'{p:.10g}' for p in row)}" for row in rows]
    return " ".join([str(len(rows)), *parts]) + "\n"


def assignment_text(states: Int32[np.ndarray, " variables"]) -> str:
    """Return an assignment of every variable as a MAP solution."""
    return " ".join(map(str, [len(states), *states.tolist()])) + "\n"


def partial_assignment_text(
    variables: Int32[np.ndarray, " asked"], states: Int32[np.ndarray, " asked"]
) -> str:
    """Return an assignment of the query's variables as an MMAP solution."""
    pairs = np.stack([variables, states], axis=1).reshape(-1).tolist()
    return " ".join(map(str, [len(variables), *pairs])) + "\n"


# --- Reading: with or without the name of the task -----------------------------------------


def parse_partition(name: str, text: str) -> float:
    """Return the log10 Z of a PR result; -inf when it says so.

    Raises:
        FormatError: naming the place and what was expected.
    """
    tokens = _solution(name, text, "PR")
    word = tokens.word("log10 Z")
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise tokens.fail(f"log10 Z must be a number, not {word!r}", tokens.position - 1)
    return value


def parse_marginals(name: str, text: str) -> list[Float64[np.ndarray, " _states"]]:
    """Return the marginals of a MAR result.

    Raises:
        FormatError: naming the place and what was expected.
    """
    tokens = _solution(name, text, "MAR")
    count = tokens.integer("the number of variables", 0, SIZE_MAX)
    rows: list[np.ndarray] = []
    for _ in range(count):
        size = tokens.integer("a number of states", 1, SIZE_MAX)
        rows.append(tokens.reals(size, "probabilities"))
    return rows


def parse_assignment(name: str, text: str) -> Int32[np.ndarray, " variables"]:
    """Return the states of every variable, from a MAP or MPE result.

    Raises:
        FormatError: naming the place and what was expected.
    """
    tokens = _solution(name, text, "MAP", "MPE", "MMAP")
    count = tokens.integer("the number of variables", 0, SIZE_MAX)
    if count > tokens.left():
        raise tokens.fail(f"{count} states are expected, not {tokens.left()}")
    return tokens.integers(count, "a state", 0, SIZE_MAX - 1).astype(np.int32)


def parse_partial_assignment(
    name: str, text: str
) -> tuple[Int32[np.ndarray, " asked"], Int32[np.ndarray, " asked"]]:
    """Return the variables and states of an MMAP result.

    Raises:
        FormatError: naming the place and what was expected.
    """
    tokens = _solution(name, text, "MMAP")
    count = tokens.integer("the number of query variables", 0, SIZE_MAX)
    if 2 * count > tokens.left():
        raise tokens.fail(f"{count} variables and their states are expected")
    pairs = tokens.integers(2 * count, "a variable or a state", 0, SIZE_MAX - 1).reshape(-1, 2)
    return pairs[:, 0].astype(np.int32), pairs[:, 1].astype(np.int32)


def _solution(name: str, text: str, *tasks: str) -> Tokens:
    """Return the words of the last solution."""
    tokens = Tokens(name, text)
    words = tokens.words
    if words and words[0].upper() in _TASKS:
        if words[0].upper() not in tasks:
            raise tokens.fail(f"a {tasks[0]} result is expected, not {words[0]}", 0)
        tokens.position = 1
    if BEGIN in words:
        tokens.position = len(words) - words[::-1].index(BEGIN)
    elif _has_samples(words, tokens.position, tasks[0]):
        tokens.position += 1
    if not tokens.left():
        raise FormatError(name, "the file holds no solution")
    return tokens


def _has_samples(words: list[str], position: int, task: str) -> bool:
    """Say whether a lone `1`, the number of samples, stands before the solution."""
    rest = words[position:]
    if task == "MMAP" or len(rest) < 2 or rest[0] != "1":
        return False
    if task == "PR":
        return len(rest) == 2
    if task == "MAP":
        return rest[1] != "0" and rest[1] == str(len(rest) - 2)
    return rest[1].isdecimal() and len(rest[1]) < 19 and len(rest) > 2 + int(rest[1])
