"""CFN, toulbar2's cost function networks: named variables and states, decimal costs of any sign."""

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from gmruntime.formats.graphs import functions
from gmruntime.formats.graphs.cfn_words import Items, Word, read_items
from gmruntime.formats.graphs.costs import Costs, UnreadError
from gmruntime.formats.graphs.named import NamedGraph
from gmruntime.formats.located import Located, shown
from gmruntime.formats.recognise import CFN, refuse_other

SIZE_MAX = (1 << 31) - 1
_WEIGHT_MAX = 10**15
_DECIMAL = re.compile(r"([-+]?)(\d*)\.?(\d*)", re.ASCII)
_BOUND = re.compile(r"([<>])([-+]?\d*\.?\d*)", re.ASCII)
_DIGITS_MAX = 15


def parse_cfn(name: str, text: str) -> NamedGraph:
    """Parse the text of a problem.

    A cost of c becomes a factor of exp(-c); where the problem maximises, of exp(c).

    Raises:
        FormatError: naming the place and what was expected, or the function that is not read.
    """
    refuse_other(CFN, name, text)
    return _Reader(Located(name, text)).problem()


class _Reader:
    """A problem as it is read.

    Attributes:
        located: the text.
        names: the variables by name.
        states: the names of each variable's states, () for numbers.
        sign: 1 where the problem minimises, -1 where it maximises.
        digits: how many decimals count.
        num_cut: how many costs had more.
        shared: the names of functions whose tables others use again.
    """

    def __init__(self, located: Located) -> None:
        self.located = located
        self.names: dict[str, int] = {}
        self.states: list[tuple[str, ...]] = []
        self.state_index: list[dict[str, int]] = []
        self.sizes: list[int] = []
        self.sign, self.digits, self.num_cut = 1, 0, 0
        self.costs = Costs([], 0)
        self.tables: dict[str, tuple[list[int], np.ndarray]] = {}
        self.later: list[tuple[str, list[int], Word]] = []
        self.shared: set[str] = set()

    # --- The parts -------------------------------------------------------------------------

    def problem(self) -> NamedGraph:
        """Read the whole."""
        whole = read_items(self.located)
        parts: list[Items] = []
        for item in whole.items:
            if isinstance(item, Items):
                parts.append(item)
            elif item.text not in ("problem", "variables", "functions"):
                raise self.located.error(f"unknown part `{shown(item.text)}`", item.offset)
        if len(parts) != 3:
            raise self.located.error(
                f"a problem has three parts (problem, variables, functions), not {len(parts)}",
                whole.offset,
            )
        title, top = self._properties(parts[0])
        self._variables(parts[1])
        self.costs = Costs(self.sizes, top, 10.0**self.digits)
        self._functions(parts[2])
        try:
            graph = self.costs.graph()
        except UnreadError as error:
            raise self.located.error(str(error), error.place or 0) from None
        warnings = self.costs.warnings(self.located.file)
        if self.num_cut:
            cut = f"{self.num_cut} costs have more than the {self.digits} decimals of `mustbe`"
            warnings += (f"{self.located.file}: {cut} and are cut there, as toulbar2 cuts them",)
        return NamedGraph(title, graph, tuple(self.names), tuple(self.states), warnings)

    def _properties(self, part: Items) -> tuple[str, int]:
        words = [item for item in part.items if isinstance(item, Word)]
        if [word.text for word in words[::2]] == ["name", "mustbe"]:
            words = words[1::2]
        bound = _BOUND.fullmatch(words[1].text) if len(words) == 2 else None
        if bound is None or any(isinstance(item, Items) for item in part.items):
            raise self.located.error(
                "a problem has a name and a bound such as mustbe: <100.00", part.offset
            )
        self.sign = 1 if bound[1] == "<" else -1
        self.digits = len(bound[2].partition(".")[2])
        if self.digits > _DIGITS_MAX:
            raise self.located.error(f"at most {_DIGITS_MAX} decimals are read", words[1].offset)
        return words[0].text, self._units(Word(bound[2], words[1].offset))

    def _variables(self, part: Items) -> None:
        waiting: Word | None = None
        for item in part.items:
            if isinstance(item, Word) and not item.is_number:
                if waiting is not None:
                    raise self.located.error(f"{shown(waiting.text)} has no states", waiting.offset)
                waiting = item
                continue
            name = waiting.text if waiting is not None else f"x{len(self.sizes)}"
            if name in self.names:
                raise self.located.error(f"variable {shown(name)} is declared twice", item.offset)
            self.names[name] = len(self.sizes)
            self._states(name, item)
            waiting = None
        if waiting is not None:
            raise self.located.error(f"{shown(waiting.text)} has no states", waiting.offset)

    def _states(self, name: str, item: Word | Items) -> None:
        if isinstance(item, Word):
            size = abs(self._whole(item, SIZE_MAX))
            states: tuple[str, ...] = ()
        else:
            words = [self._name(word, "a state") for word in item.items]
            size, states = len(words), tuple(words)
            if len(set(words)) != len(words):
                raise self.located.error(f"a state of {shown(name)} is named twice", item.offset)
        if not size:
            raise self.located.error(f"variable {shown(name)} has no states", item.offset)
        self.sizes.append(size)
        self.states.append(states)
        self.state_index.append({state: k for k, state in enumerate(states)})

    def _functions(self, part: Items) -> None:
        name = ""
        self.shared = _shared(part)
        for item in part.items:
            if isinstance(item, Word):
                name = item.text
                continue
            self.costs.place = item.offset
            try:
                self._function(name, item)
            except UnreadError as error:
                raise self.located.error(str(error), item.offset) from None
            name = ""
        for other, scope, word in self.later:
            if other not in self.tables:
                raise self.located.error(f"there is no function `{shown(other)}`", word.offset)
            table = self.tables[other][1]
            if table.shape != tuple(self.sizes[v] for v in scope):
                message = f"`{shown(other)}` is of variables with other numbers of states"
                raise self.located.error(message, word.offset)
            self.costs.place = word.offset
            try:
                self.costs.again(scope, table)
            except UnreadError as error:
                raise self.located.error(str(error), word.offset) from None

    # --- One function ----------------------------------------------------------------------

    def _function(self, name: str, item: Items) -> None:
        fields = self._fields(item, ("scope", "defaultcost", "costs", "type", "params"))
        scope_items = fields.get("scope")
        if not isinstance(scope_items, Items):
            raise self.located.error("a function needs its scope", item.offset)
        scope = [self._variable(one) for one in scope_items.items]
        if len(set(scope)) != len(scope):
            raise self.located.error("a scope names a variable twice", scope_items.offset)
        kind, costs = fields.get("type"), fields.get("costs")
        if isinstance(kind, Word):
            self._named(scope, kind, fields.get("params"))
        elif isinstance(costs, Word) and not costs.is_number:
            self.later.append((costs.text, scope, costs))
        elif costs is None and not scope and "defaultcost" in fields:
            self.costs.table((), np.array(self._cost(fields["defaultcost"]), np.int64))
        else:
            self._table(name, scope, item, fields.get("defaultcost"), costs)

    def _fields(self, item: Items, known: tuple[str, ...]) -> dict[str, Word | Items]:
        fields: dict[str, Word | Items] = {}
        parts = iter(item.items)
        for key in parts:
            if isinstance(key, Items) or key.text not in known:
                what = "a list" if isinstance(key, Items) else f"`{shown(key.text)}`"
                raise self.located.error(f"one of {', '.join(known)} is expected, not {what}",
                                         key.offset)  # fmt: skip
            value = next(parts, None)
            if value is None or key.text in fields:
                raise self.located.error(f"one value is expected for `{key.text}`", key.offset)
            fields[key.text] = value
        return fields

    def _table(
        self,
        name: str,
        scope: list[int],
        item: Items,
        default: Word | Items | None,
        costs: Word | Items | None,
    ) -> None:
        entries = [costs] if isinstance(costs, Word) else costs.items if costs else None
        if entries is None:
            raise self.located.error("a function needs its costs", item.offset)
        if default is None:
            table = self.costs.empty(scope, 0)
            if len(entries) != table.size:
                raise self.located.error(
                    f"this function has {table.size} costs, not {len(entries)}", item.offset
                )
            table[...] = np.reshape([self._cost(one) for one in entries], table.shape)
        else:
            base = self._cost(default)
            if entries and not scope:
                message = "a function of no variables has no tuples"
                raise self.located.error(message, item.offset)
            states, values = self._tuples(scope, item, entries)
            if self.costs.is_pattern(scope, len(values)) and name not in self.shared:
                self.costs.patterns(scope, base, states, values)
                return
            table = self.costs.empty(scope, base)
            if scope:
                table[tuple(states.T)] = values
        if name:
            self.tables[name] = (scope, table)
        self.costs.table(scope, table)

    def _tuples(
        self, scope: list[int], item: Items, entries: Sequence[Word | Items]
    ) -> tuple[np.ndarray, np.ndarray]:
        width = len(scope) + 1
        if len(entries) % width:
            raise self.located.error(
                f"tuples of {len(scope)} states and a cost are expected, not {len(entries)} words",
                item.offset,
            )
        seen: set[tuple[int, ...]] = set()
        states: list[tuple[int, ...]] = []
        values: list[int] = []
        for start in range(0, len(entries), width):
            row = entries[start : start + width]
            place = tuple(self._state(v, one) for v, one in zip(scope, row, strict=False))
            if place in seen:
                raise self.located.error("this tuple is given twice", row[0].offset)
            seen.add(place)
            states.append(place)
            values.append(self._cost(row[-1]))
        return (
            np.array(states, np.int64).reshape(len(states), len(scope)),
            np.array(values, np.int64),
        )

    def _named(self, scope: list[int], kind: Word, params: Word | Items | None) -> None:
        name = kind.text
        if name not in functions.READ or name == "knapsackp":
            raise self.located.error(functions.unread(name), kind.offset)
        if name in functions.ARITHMETIC and self.digits:
            raise self.located.error(f"`{name}` needs whole costs", kind.offset)
        if self.sign < 0 and name != "knapsack":
            message = f"`{name}` is not read where the problem maximises"
            raise self.located.error(message, kind.offset)
        if not isinstance(params, Items):
            raise self.located.error(f"`{name}` needs its params", kind.offset)
        if name in functions.ARITHMETIC:
            numbers = [self._whole(one, _WEIGHT_MAX) for one in params.items]
            if len(numbers) != functions.ARITHMETIC[name]:
                expected = functions.ARITHMETIC[name]
                message = f"`{name}` has {expected} params, not {len(numbers)}"
                raise self.located.error(message, params.offset)
            functions.arithmetic(self.costs, scope, name, numbers)
            return
        known = ("metric", "cost", "capacity", "weights", "comparator", "to")
        fields = self._fields(params, known)

        def field(key: str) -> Word | Items:
            if key not in fields:
                raise self.located.error(f"`{name}` needs `{key}`", params.offset)
            return fields[key]

        if name == "knapsack":
            capacity, weights = self._whole(field("capacity"), _WEIGHT_MAX), field("weights")
            listed = weights.items if isinstance(weights, Items) else [weights]
            if len(listed) != len(scope):
                message = f"{len(scope)} weights are expected, not {len(listed)}"
                raise self.located.error(message, weights.offset)
            weighed = [self._whole(one, _WEIGHT_MAX) for one in listed]
            functions.knapsack(self.costs, scope, capacity, weighed)
            return
        metric, cost = self._name(field("metric"), "a metric"), self._cost(field("cost"))
        if name.startswith("w") and name.endswith("sum"):
            comparator = self._name(field("comparator"), "a comparator")
            right = self._whole(field("to"), _WEIGHT_MAX) if name == "wsum" else None
            functions.sum_compared(self.costs, scope, metric, cost, comparator, right)
        else:
            functions.all_different(self.costs, scope, name, metric, cost)

    # --- Words -----------------------------------------------------------------------------

    def _name(self, item: Word | Items, what: str) -> str:
        if isinstance(item, Items) or not item.text:
            raise self.located.error(f"{what} is expected here", item.offset)
        if item.is_number:
            message = f"{what} cannot begin as a number does: `{shown(item.text)}`"
            raise self.located.error(message, item.offset)
        return item.text

    def _whole(self, item: Word | Items, most: int) -> int:
        text = item.text if isinstance(item, Word) else ""
        if not re.fullmatch(r"[-+]?\d{1,18}", text, re.ASCII) or abs(int(text)) > most:
            raise self.located.error("a whole number is expected here", item.offset)
        return int(text)

    def _variable(self, item: Word | Items) -> int:
        text = item.text if isinstance(item, Word) else ""
        if isinstance(item, Word) and item.is_number:
            index = self._whole(item, SIZE_MAX)
            if 0 <= index < len(self.sizes):
                return index
        elif text in self.names:
            return self.names[text]
        raise self.located.error(f"unknown variable `{shown(text)}`", item.offset)

    def _state(self, variable: int, item: Word | Items) -> int:
        text = item.text if isinstance(item, Word) else ""
        if isinstance(item, Word) and item.is_number:
            index = self._whole(item, SIZE_MAX)
            if 0 <= index < self.sizes[variable]:
                return index
        elif text in self.state_index[variable]:
            return self.state_index[variable][text]
        name = list(self.names)[variable]
        raise self.located.error(f"`{shown(text)}` is no state of {shown(name)}", item.offset)

    def _cost(self, item: Word | Items) -> int:
        if isinstance(item, Items):
            raise self.located.error("a cost is expected here, not a list", item.offset)
        return self.costs.cost(self._units(item))

    def _units(self, word: Word) -> int:
        """Return a cost in units of the last decimal, as a cost that is minimised."""
        found = _DECIMAL.fullmatch(word.text)
        if found is None or not found[2] + found[3] or len(word.text) > 60:
            message = f"a cost such as 1.25 is expected here, not `{shown(word.text)}`"
            raise self.located.error(message, word.offset)
        kept = found[3][: self.digits]
        self.num_cut += bool(found[3][self.digits :].strip("0"))
        units = int(found[2] + kept.ljust(self.digits, "0") or "0")
        return self.sign * (-units if found[1] == "-" else units)


def _shared(part: Items) -> set[str]:
    """Return the names that functions give in place of their costs."""
    found: set[str] = set()
    for item in part.items:
        words = item.items if isinstance(item, Items) else []
        for key, value in pairwise(words):
            if isinstance(key, Word) and key.text == "costs" and isinstance(value, Word):
                found.add(value.text)
    return found
