"""WCSP, toulbar2's weighted constraint problems: variables and states are numbers, costs whole."""

import numpy as np

from gmruntime.formats.graphs import functions
from gmruntime.formats.graphs.costs import Costs, UnreadError
from gmruntime.formats.graphs.named import NamedGraph
from gmruntime.formats.recognise import WCSP, refuse_other
from gmruntime.formats.text import Tokens

SIZE_MAX = (1 << 31) - 1
_COST_MAX = 10**18 - 1
"""Eighteen digits; longer ones are read one by one."""

_TOP_DIGITS = 18
"""So many are read together."""

_DIGITS_MAX = 40
"""What has more is infinite, whatever it is."""

_NUMBER_MAX = 10**15
"""Weights and capacities up to here add up within 64 bits."""


def parse_wcsp(name: str, text: str) -> NamedGraph:
    """Parse the text of a problem; a cost of c becomes a factor of exp(-c).

    Raises:
        FormatError: naming the place and what was expected, or the function that is not read.
    """
    refuse_other(WCSP, name, text)
    tokens = Tokens(name, text)
    title = tokens.word("the problem's name")
    count = tokens.integer("the number of variables", 0, SIZE_MAX)
    tokens.integer("the largest number of states", 0, SIZE_MAX)
    num_functions = tokens.integer("the number of cost functions", 0, SIZE_MAX)
    top = _cost(tokens, "the upper bound", 0)
    if count > tokens.left():
        raise tokens.fail(f"{count} numbers of states are expected")
    sizes = [_size(tokens) for _ in range(count)]
    reader = _Reader(tokens, Costs(sizes, top))
    for _ in range(num_functions):
        reader.function()
    if tokens.left():
        raise tokens.fail(f"the file goes on after its {num_functions} cost functions")
    try:
        graph = reader.costs.graph()
    except UnreadError as error:
        raise tokens.fail(str(error), error.place) from None
    variables = tuple(f"x{k}" for k in range(count))
    return NamedGraph(title, graph, variables, ((),) * count, reader.costs.warnings(name))


def _size(tokens: Tokens) -> int:
    # A negative one is an interval, of which only functions by name may speak.
    size = abs(tokens.integer("a number of states", -SIZE_MAX, SIZE_MAX))
    if not size:
        raise tokens.fail("a variable needs a state", tokens.position - 1)
    return size


def _cost(tokens: Tokens, what: str, low: int) -> int:
    word = tokens.words[tokens.position] if tokens.left() else ""
    if len(word) > _TOP_DIGITS and word.isascii() and word.isdecimal():
        tokens.position += 1
        return int(word) if len(word) < _DIGITS_MAX else 10**_DIGITS_MAX
    return tokens.integer(what, low, _COST_MAX)


class _Reader:
    """The cost functions of a file.

    Attributes:
        costs: those read so far.
        shared: the tables that later functions may use again.
    """

    def __init__(self, tokens: Tokens, costs: Costs) -> None:
        self.tokens, self.costs = tokens, costs
        self.shared: list[np.ndarray] = []

    def function(self) -> None:
        """Read one."""
        tokens = self.tokens
        start = self.costs.place = tokens.position
        count = len(self.costs.sizes)
        arity = tokens.integer("the size of a scope", -count, count)
        scope = [tokens.integer("a variable", 0, count - 1) for _ in range(abs(arity))]
        if len(set(scope)) != len(scope):
            raise tokens.fail("a scope names a variable twice", start + 1)
        try:
            if tokens.left() and tokens.words[tokens.position] == "-1":
                tokens.position += 1
                self._named(scope)
            else:
                self._table(scope, is_shared=arity < 0)
        except UnreadError as error:
            raise tokens.fail(str(error), start) from None

    def _table(self, scope: list[int], *, is_shared: bool) -> None:
        tokens, costs = self.tokens, self.costs
        default = costs.cost(_cost(tokens, "a default cost", 0))
        at = tokens.position
        number = tokens.integer("the number of tuples", -SIZE_MAX, SIZE_MAX)
        if number < 0:
            if -number > len(self.shared):
                raise tokens.fail(f"only {len(self.shared)} functions to share came before", at)
            table = self.shared[-number - 1]
            if table.shape != tuple(costs.sizes[v] for v in scope):
                raise tokens.fail("the shared function is of other numbers of states", at)
            costs.again(scope, table)
            return
        width = len(scope) + 1
        if number and not scope:
            raise tokens.fail("a function of no variables has no tuples", at)
        if number * width > tokens.left():
            raise tokens.fail(f"{number} tuples of {width} numbers are expected")
        states, values = self._tuples(scope, number)
        if costs.is_pattern(scope, number) and not is_shared:
            costs.patterns(scope, default, states, values)
            return
        table = costs.empty(scope, default)
        if scope:
            table[tuple(states.T)] = values
        if is_shared:
            self.shared.append(table)
        costs.table(scope, table)

    def _tuples(self, scope: list[int], number: int) -> tuple[np.ndarray, np.ndarray]:
        """Read tuples and their costs; none may come twice."""
        tokens = self.tokens
        start, width = tokens.position, len(scope) + 1
        sizes = np.array([self.costs.sizes[v] for v in scope], np.int64)
        words = tokens.words[start : start + number * width]
        rows = _whole(words)
        if rows is not None:
            rows = rows.reshape(number, width)
        if rows is None or (rows < 0).any() or (rows[:, :-1] >= sizes).any():
            # One by one, to say which word is wrong; huge costs are read like this as well.
            costs: list[int] = []
            for _ in range(number):
                for size in sizes:
                    tokens.integer("a state", 0, int(size) - 1)
                costs.append(self.costs.cost(_cost(tokens, "a cost", 0)))
            plain = [word for k, word in enumerate(words) if k % width != width - 1]
            states = np.array(list(map(int, plain)), np.int64).reshape(number, width - 1)
        else:
            tokens.position += number * width
            states, costs = rows[:, :-1], rows[:, -1].tolist()
        self._refuse_twice(states, start, width)
        return states, np.array(costs, np.int64)

    def _refuse_twice(self, states: np.ndarray, start: int, width: int) -> None:
        if len(states) < 2:
            return
        _, first, group = np.unique(states, axis=0, return_index=True, return_inverse=True)
        again = np.flatnonzero(first[group.reshape(-1)] != np.arange(len(states)))
        if again.size:
            shown = " ".join(map(str, states[again[0]].tolist()))
            where = start + int(again[0]) * width
            raise self.tokens.fail(f"the tuple `{shown}` is given twice", where)

    def _named(self, scope: list[int]) -> None:
        tokens = self.tokens
        kind = tokens.word("the name of a function")
        if kind in functions.ARITHMETIC:
            numbers = [self._number() for _ in range(functions.ARITHMETIC[kind])]
            functions.arithmetic(self.costs, scope, kind, numbers)
        elif kind in ("salldiff", "salldiffdp", "walldiff"):
            metric = tokens.word("a metric")
            cost = self.costs.cost(_cost(tokens, "a cost", 0))
            functions.all_different(self.costs, scope, kind, metric, cost)
        elif kind == "knapsack":
            capacity = self._number()
            weights = [self._number() for _ in scope]
            functions.knapsack(self.costs, scope, capacity, weights)
        elif kind == "knapsackp":
            capacity = self._number()
            weighed = [self._weights(v) for v in scope]
            functions.knapsack_by_values(self.costs, scope, capacity, weighed)
        elif kind in ("wsum", "wvarsum"):
            metric = tokens.word("a metric")
            cost = self.costs.cost(_cost(tokens, "a cost", 0))
            comparator = tokens.word("a comparator")
            right = self._number() if kind == "wsum" else None
            functions.sum_compared(self.costs, scope, metric, cost, comparator, right)
        else:
            raise tokens.fail(functions.unread(kind), tokens.position - 1)

    def _number(self) -> int:
        return self.tokens.integer("a number", -_NUMBER_MAX, _NUMBER_MAX)

    def _weights(self, variable: int) -> dict[int, int]:
        size = self.costs.sizes[variable]
        number = self.tokens.integer("a number of states", 0, size)
        pairs = [
            (self.tokens.integer("a state", 0, size - 1), self._number()) for _ in range(number)
        ]
        if len(dict(pairs)) != number:
            raise self.tokens.fail("a state is weighed twice", self.tokens.position - 1)
        return dict(pairs)


def _whole(words: list[str]) -> np.ndarray | None:
    """Return words as integers, None when one of them is none, or is too long."""
    try:
        if any(len(word) > _TOP_DIGITS or "_" in word or not word.isascii() for word in words):
            return None
        return np.array(list(map(int, words)), np.int64)
    except ValueError:
        return None
