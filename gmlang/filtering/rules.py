"""The rules of a filter's steps: one for each combination of what a step depends on, kept."""

from collections import deque
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from gmlang.data.names import shown
from gmlang.diagnostics import GmError
from gmlang.errors import filtering as errors
from gmlang.filtering.inputs import Inputs
from gmlang.filtering.reals.rules import Entries, NotLinearError
from gmlang.filtering.tables import Window
from gmlang.filtering.window import Follower
from gmruntime.filtering.planning import Planned, planned
from gmruntime.filtering.running import Runner
from gmruntime.filtering.step import Step, TooWideError

_NUM_KEPT_MAX = 256
"""Rules of a step that are kept, one for each combination of what it depends on."""

Key = tuple[int, bytes]
"""How many steps there were, and what a step was given."""


@dataclass(slots=True, eq=False)
class Rule:
    """How a step changes what is believed, for what it depends on.

    Attributes:
        number: among those that the runner knows; -1 where it has not been needed.
        is_trivial: whether it says nothing of finite variables.
    """

    window: Window
    number: int = -1
    is_trivial: bool = field(init=False)

    def __post_init__(self) -> None:
        """Look at the step."""
        step = self.window.step
        speaks = step.num_states or step.potentials or step.shown or step.log_constant
        self.is_trivial = not speaks


@dataclass(slots=True, eq=False)
class Rules:
    """The rules of a program's steps.

    Attributes:
        plain: data that is only observed of finite variables.
        last: the rule of the last step.
        names: the data that rules depend on by its values.
        depend_on_nothing: whether all steps that are not early have one rule.
    """

    follower: Follower
    inputs: Inputs
    plain: frozenset[str]
    runner: Runner = field(default_factory=Runner)
    last: Rule | None = None
    names: list[str] = field(init=False)
    depend_on_nothing: bool = field(init=False)
    _known: dict[Key, Rule] = field(default_factory=dict[Key, Rule])
    _history: "deque[dict[str, np.ndarray]]" = field(default_factory=deque)

    @property
    def entries(self) -> Entries:
        """The data that laws of reals are linear in."""
        return self.follower.entries

    @property
    def is_full(self) -> bool:
        """Whether some will be forgotten before the next is made."""
        return len(self._known) > _NUM_KEPT_MAX

    def __post_init__(self) -> None:
        """List the data that rules depend on by its values."""
        linear = self.entries.names
        symbols = self.inputs.symbols
        self.names = [n for n in symbols if n not in self.plain and n not in linear]
        self.depend_on_nothing = not self.names and not self.entries.exact

    def completed(self, rows: dict[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
        """Add what is missing; what a step depends on may not be."""
        for name, symbol in self.inputs.symbols.items():
            if name not in rows:
                if name not in self.plain and name not in self.entries.names:
                    raise GmError([errors.missing_input(symbol.span, shown(symbol))])
                rows[name] = np.ma.filled(self.inputs.missing(name, count).astype(float), np.nan)
        return rows

    def now(self, rows: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the numbers that enter linearly, (steps, numbers)."""
        flat = [
            np.ma.filled(np.ma.asarray(rows[name], np.float64), np.nan).reshape(len(rows[name]), -1)
            for name in self.entries.names
        ]
        count = len(next(iter(rows.values()), ()))
        return np.concatenate(flat, axis=1) if flat else np.zeros((count, 0))

    @contextmanager
    def all_or_nothing(self) -> Generator[None]:
        """Leave everything as it was where what is done inside fails."""
        before, num_kept = self.last, len(self._history)
        try:
            yield
        except BaseException:
            while len(self._history) > num_kept:
                self._history.pop()
            self.last = before
            raise

    def of_steps(
        self, rows: Mapping[str, np.ndarray], now: np.ndarray, num_before: int
    ) -> list[Rule]:
        """Find the rule of each of some steps, making those that are new.

        Args:
            rows: what is given for each, by data.
            now: the numbers that enter linearly.
            num_before: how many steps there were.
        """
        if self.is_full:
            self._forget()
        found: list[Rule] = []
        num_first = self.follower.chain.num_first
        for t in range(len(now)):
            num_steps = min(num_before + 1 + t, num_first)
            rule = self.of_step(rows, now[t], t, num_steps)
            self.last = rule
            found.append(rule)
            self._remember(rows, t)
            if self.depend_on_nothing and num_steps == num_first:
                return [*found, *[rule] * (len(now) - t - 1)]
        return found

    def of_step(
        self, rows: Mapping[str, np.ndarray], now: np.ndarray, t: int, num_steps: int
    ) -> Rule:
        """Find the rule of a step, or make it."""
        key = self.key(rows, now, t, num_steps)
        rule = self._known.get(key)
        if rule is None:
            rule = self._known[key] = Rule(self._window(rows, now, t, num_steps))
        return rule

    def _forget(self) -> None:
        self._known.clear()
        self.runner.forget()
        if self.last is not None:
            self.last.number = -1

    def forget_history(self, num_kept: int) -> None:
        """Forget what steps before the last were given."""
        while len(self._history) > num_kept:
            self._history.popleft()

    def number(self, rule: Rule) -> int:
        """Return the number by which the runner knows a rule."""
        if rule.number < 0:
            rule.number = self.runner.add(self.planned(rule.window.step))
        return rule.number

    def planned(self, step: Step) -> Planned:
        """Plan the operations of a step.

        Raises:
            GmError: where it is too wide.
        """
        try:
            return planned(step)
        except TooWideError as error:
            chain = self.follower.chain
            wide = errors.belief_too_wide(self.follower.span, chain.size, error.num_entries)
            raise GmError([wide]) from None

    def _remember(self, rows: Mapping[str, np.ndarray], t: int) -> None:
        """Keep what a step was given, for the steps that look back at it."""
        if self.names:
            self._history.append({name: rows[name][t].copy() for name in self.names})

    def key(self, rows: Mapping[str, np.ndarray], now: np.ndarray, t: int, num_steps: int) -> Key:
        """Return what a step depends on: what it is given, and as many before as it looks back."""
        parts: list[bytes] = []
        for name in self.names:
            lag = self.follower.chain.lags.get((name,), 0)
            before = [self._history[-k][name] for k in range(min(lag, len(self._history)), 0, -1)]
            parts += [np.asarray(one, np.float64).tobytes() for one in (*before, rows[name][t])]
        if self.entries.exact:
            parts.append(np.isnan(now[self._are_exact()]).tobytes())
        return num_steps, b"".join(parts)

    def _are_exact(self) -> np.ndarray:
        places = [place for place in self.entries.places() if place[2] == 0]
        return np.array([name in self.entries.exact for name, *_ in places])

    def _window(
        self, rows: Mapping[str, np.ndarray], now: np.ndarray, t: int, num_steps: int
    ) -> Window:
        left = () if self.last is None else self.last.window.left
        real = None if self.last is None else self.last.window.real
        real_left = () if real is None else real.left
        taken = dict(self._given(rows, now, t, num_steps))
        try:
            return self.follower.window(num_steps, taken, left, real_left)
        except NotLinearError as error:
            symbol = self.inputs.symbols[error.name]
            raise GmError([errors.not_followed(symbol.span, shown(symbol))]) from None

    def _given(
        self, rows: Mapping[str, np.ndarray], now: np.ndarray, t: int, num_steps: int
    ) -> Iterator[tuple[str, np.ndarray]]:
        entries = self.entries
        for name in self.inputs.symbols:
            if name in self.plain:
                yield name, self.inputs.missing(name, num_steps)
            elif name in entries.names:
                shape = entries.shapes[entries.names.index(name)]
                zeros = np.zeros((num_steps, *shape))
                if name in entries.exact:
                    zeros[:] = np.nan
                    here = now[[n == name for n, _, back in entries.places() if back == 0]]
                    zeros[-1] = np.where(np.isnan(here), np.nan, 0.0).reshape(shape)
                yield name, zeros
            else:
                before = list(self._history)[len(self._history) - num_steps + 1 :]
                yield name, np.stack([*(one[name] for one in before), rows[name][t]])
