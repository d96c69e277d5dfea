"""Random factor graphs of every kind, small enough to be enumerated, with awkward numbers."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gmruntime.factors import kinds
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock

ASSIGNMENTS_MAX = 3000
NUM_KINDS = 9
"""Kinds of questions that each graph is asked; a test counts them."""

TABLE_MAX = 600

Numbers = Callable[[tuple[int, ...]], np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A graph with evidence, the sort of numbers it is made of, and the source of its questions."""

    graph: FactorGraph
    evidence: np.ndarray
    sort: str
    seed: int
    rng: np.random.Generator

    @property
    def text(self) -> str:
        """The numbers' sort, the variables, the factors and the evidence."""
        sizes = [(b.shape, b.num_states) for b in self.graph.variables]
        kinds_found = [(type(b.kind).__name__, b.scopes.tolist()) for b in self.graph.factors]
        return f"{self.sort}: {sizes}, {kinds_found}, {self.evidence.tolist()}"

    @property
    def num_questions(self) -> int:
        """One of each kind."""
        return NUM_KINDS


def numbers_of(rng: np.random.Generator, sort: str) -> Numbers:
    """Return a source of log-potentials of one sort."""

    def draw(shape: tuple[int, ...]) -> np.ndarray:
        plain = rng.normal(0.0, 2.0, shape)
        match sort:
            case "plain":
                return plain
            case "zeros":
                return np.where(rng.random(shape) < 0.4, -np.inf, plain)
            case "mostly zeros":
                return np.where(rng.random(shape) < 0.75, -np.inf, plain)
            case "strong":
                return rng.normal(0.0, 300.0, shape)
            case "beyond exp":
                return (
                    rng.choice([-1e5, -745.0, -690.0, 0.0, 690.0, 709.0, 1e5], size=shape) + plain
                )
            case "faint":
                return rng.normal(0.0, 1e-9, shape)
            case "ties":
                return rng.integers(-3, 4, shape).astype(float)
            case "hard":
                return np.where(rng.random(shape) < 0.5, -np.inf, 0.0)
            case _:
                return rng.choice([0.0, -1.0, -50.0, -800.0, -np.inf, 3.0], size=shape)

    return draw


SORTS = ("plain", "zeros", "mostly zeros", "strong", "beyond exp", "faint", "ties", "hard", "mixed")


def make(seed: int) -> Case:
    """Make a graph of up to three blocks of variables and a handful of factors."""
    rng = np.random.default_rng(seed)
    sort = str(rng.choice(SORTS))
    blocks = _variables(rng)
    counts = np.array([b.num_states for b in blocks for _ in range(b.size)], np.int64)
    factors: list[FactorBlock] = []
    if len(counts):
        for _ in range(int(rng.integers(0, 2 * len(counts) + 2))):
            inner = sort if rng.random() < 0.75 else "plain"
            block = _factor(rng, counts, numbers_of(rng, inner))
            if block is not None:
                factors.append(block)
    evidence = np.full(len(counts), -1, np.int32)
    if len(counts) and rng.random() < 0.5:
        for v in rng.choice(len(counts), int(rng.integers(1, min(3, len(counts)) + 1)), False):
            evidence[v] = rng.integers(counts[v])
    return Case(FactorGraph(tuple(blocks), tuple(factors)), evidence, sort, seed, rng)


def _variables(rng: np.random.Generator) -> list[VariableBlock]:
    blocks: list[VariableBlock] = []
    room = ASSIGNMENTS_MAX
    mostly_bool = rng.random() < 0.5
    for k in range(int(rng.integers(1, 4))):
        num_states = 2 if mostly_bool or rng.random() < 0.3 else int(rng.integers(1, 6))
        size = int(rng.integers(1, 7))
        while size and num_states**size > room:
            size -= 1
        room //= num_states**size
        is_scalar = size == 1 and rng.random() < 0.5
        blocks.append(VariableBlock(f"v{k}", () if is_scalar else (size,), num_states))
    return blocks


def _factor(rng: np.random.Generator, counts: np.ndarray, numbers: Numbers) -> FactorBlock | None:
    """Make one block of a random kind, or None where its scope cannot be had."""
    make = MAKERS[int(rng.integers(len(MAKERS)))]
    made = make(rng, counts, numbers)
    if made is None:
        return None
    kind, scopes = made
    return FactorBlock(kind, np.asarray(scopes, np.int32))


Made = tuple[kinds.FactorKind, np.ndarray] | None


def _pick(rng: np.random.Generator, among: np.ndarray, count: int) -> np.ndarray | None:
    return rng.choice(among, count, replace=False) if 0 < count <= len(among) else None


def _alike(rng: np.random.Generator, counts: np.ndarray, count: int) -> np.ndarray | None:
    """Choose variables with the same number of states."""
    num_states = int(rng.choice(counts))
    return _pick(rng, np.flatnonzero(counts == num_states), count)


def _table(rng: np.random.Generator, counts: np.ndarray, numbers: Numbers) -> Made:
    scope = _pick(rng, np.arange(len(counts)), int(rng.integers(1, 5)))
    if scope is None or np.prod(counts[scope]) > TABLE_MAX:
        return None
    repeated = 2 if rng.random() < 0.25 else 1
    tables = int(rng.integers(1, repeated + 1))
    scopes = np.repeat(scope[None], repeated, axis=0)
    return kinds.Table(numbers((tables, *counts[scope]))), scopes


def _gated(rng: np.random.Generator, counts: np.ndarray, numbers: Numbers) -> Made:
    gate = _pick(rng, np.flatnonzero(counts == 2), 1)
    if gate is None:
        return None
    rest = _pick(rng, np.setdiff1d(np.arange(len(counts)), gate), int(rng.integers(1, 4)))
    if rest is None or np.prod(counts[rest]) > TABLE_MAX:
        return None
    return kinds.Gated(numbers((1, *counts[rest]))), np.concatenate([gate, rest])[None]


def _pair(rng: np.random.Generator, counts: np.ndarray, numbers: Numbers) -> Made:
    scope = _alike(rng, counts, 2)
    if scope is None:
        return None
    slope, cap = np.abs(rng.normal(0, 2, 1)), np.abs(rng.normal(0, 4, 1))
    which = int(rng.integers(3))
    if which == 0:
        return kinds.Potts(numbers((1,))), scope[None]
    if which == 1:
        return kinds.TruncatedLinear(slope, cap), scope[None]
    return kinds.TruncatedQuadratic(slope, cap), scope[None]


def _booleans(rng: np.random.Generator, counts: np.ndarray, numbers: Numbers) -> Made:
    scope = _pick(rng, np.flatnonzero(counts == 2), int(rng.integers(1, 9)))
    if scope is None:
        return None
    arity = len(scope)
    negated = rng.random((1, arity)) < 0.4
    match int(rng.integers(4)):
        case 0:
            return kinds.Or(negated), scope[None]
        case 1:
            return kinds.Xor(rng.random(1) < 0.5), scope[None]
        case 2:
            failures = rng.choice([0.0, 1.0, 0.5, 0.3, 1e-12, 0.999999999], size=(1, arity))
            with np.errstate(divide="ignore"):
                return kinds.NoisyOr(np.log(failures)), scope[None]
        case _:
            return kinds.Count(numbers((1, arity + 1)), negated), scope[None]


def _sum(rng: np.random.Generator, counts: np.ndarray, numbers: Numbers) -> Made:
    scope = _pick(rng, np.arange(len(counts)), int(rng.integers(1, 7)))
    if scope is None:
        return None
    coefficients = rng.integers(-3, 4, (1, len(scope)))
    least = int(np.minimum(coefficients[0] * (counts[scope] - 1), 0).sum())
    lowest = np.array([least + int(rng.integers(-1, 2))])
    potentials = numbers((1, int(rng.integers(1, 15))))
    return kinds.LinearSum(coefficients.astype(np.int64), lowest, potentials), scope[None]


def _different(rng: np.random.Generator, counts: np.ndarray, numbers: Numbers) -> Made:
    del numbers
    scope = _alike(rng, counts, int(rng.integers(1, 6)))
    return None if scope is None else (kinds.AllDifferent(), scope[None])


def _window(rng: np.random.Generator, counts: np.ndarray, numbers: Numbers) -> Made:
    del numbers
    scope = _alike(rng, counts, 2)
    if scope is None:
        return None
    cells = int(counts[scope[0]])
    rows = int(rng.choice([d for d in range(1, cells + 1) if cells % d == 0]))
    gate = _pick(rng, np.setdiff1d(np.flatnonzero(counts == 2), scope), 1)
    if gate is not None and rng.random() < 0.5:
        scope = np.concatenate([gate, scope])
    if rng.random() < 0.5:
        slope, cap = np.abs(rng.normal(0, 2, 1)), np.abs(rng.normal(0, 4, 1))
        return kinds.SoftWindow(rows, cells // rows, slope, cap), scope[None]
    reach = rng.integers(0, 3, (2, 1))
    return kinds.Window(rows, cells // rows, reach[0], reach[1]), scope[None]


def _memory(rng: np.random.Generator, counts: np.ndarray, numbers: Numbers) -> Made:
    index = int(rng.integers(len(counts)))
    others = np.setdiff1d(np.arange(len(counts)), [index])
    if not len(others):
        return None
    num_states = int(rng.choice(counts[others]))
    alike = others[counts[others] == num_states]
    cells = _pick(rng, alike, int(rng.integers(1, 4)))
    if cells is None:
        return None
    number, symbols = int(counts[index]), None
    if rng.random() < 0.5:
        num_symbols = int(rng.integers(1, 4))
        symbols, number = rng.integers(0, num_symbols, (1, number, len(cells))), num_symbols
    patterns = numbers((1, number, len(cells), num_states))
    return kinds.Memory(patterns, symbols), np.concatenate([[index], cells])[None]


def _cover(rng: np.random.Generator, counts: np.ndarray, numbers: Numbers) -> Made:
    scope = _pick(rng, np.arange(len(counts)), int(rng.integers(1, 6)))
    if scope is None:
        return None
    num_states = int(counts[scope[:-1]].max(initial=1))
    shape = (1, len(scope) - 1, num_states)
    passes = rng.choice([0.0, 1.0, 0.5, 0.3, 1e-12, 0.999999999], size=shape)
    with np.errstate(divide="ignore"):
        takes, sizes = (
            numbers((*shape, int(counts[scope[-1]]))),
            tuple(map(int, counts[scope[:-1]])),
        )
        kind = kinds.Cover(takes, np.log(passes), sizes)
    return kind, scope[None]


MAKERS = (
    *(_table,) * 4,
    _gated,
    *(_pair,) * 2,
    *(_booleans,) * 3,
    _sum,
    _different,
    _window,
    _memory,
    _cover,
)
