"""A program over time, followed step by step: what is seen comes in, what is believed comes out."""

import math
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from gmlang.core.ast import Constant, DataRef
from gmlang.core.from_syntax import Checked
from gmlang.data.arrays import from_setting
from gmlang.data.names import declared_columns, shown
from gmlang.data.observed import num_mentions
from gmlang.data.settings import Setting
from gmlang.diagnostics import GmError
from gmlang.errors import filtering as errors
from gmlang.filtering.answers import Filtered, FilteredSteps, next_seen
from gmlang.filtering.chain import Chain, chain_of
from gmlang.filtering.inputs import Inputs, inputs_of
from gmlang.filtering.places import is_plain
from gmlang.filtering.questions import Questions, read_questions
from gmlang.filtering.reading import expressions_in
from gmlang.filtering.window import Follower, Window
from gmlang.queries.answers import Answer
from gmruntime.filtering.planning import Planned, planned
from gmruntime.filtering.running import Runner, run_once
from gmruntime.filtering.step import Step, TooWideError

_NUM_AT_ONCE = 4096
"""Steps of a batch that are prepared together."""

_NUM_KEPT_MAX = 256
"""Rules of a step that are kept, one for each combination of what it depends on."""

_CODES_MAX = 1 << 16
"""Values whose states are remembered."""

_Key = tuple[int, bytes]


@dataclass(slots=True, eq=False)
class _Rule:
    """How a step changes what is believed, for what it depends on."""

    number: int
    which: np.ndarray
    window: Window


@dataclass(slots=True, eq=False)
class Filter:
    """What is believed now of a program over time; each step takes one more row of its data.

    After each step all is as in the program whose time ends there: `log_z` is its log Z, and what
    is asked is answered as its queries would be. `Model.filter` makes one.

    Attributes:
        num_steps: that were taken.
        log_z: of the program so far, nats.
        total_log_loss: of all that was observed, what the program itself observes included, each
            step predicted from what was seen before, nats.
    """

    follower: Follower
    inputs: Inputs
    questions: Questions
    plain: frozenset[str]
    num_steps: int = 0
    log_z: float = 0.0
    total_log_loss: float = 0.0
    _lost: list[float] = field(default_factory=lambda: [0.0, 0.0])
    _runner: Runner = field(default_factory=Runner)
    _rules: dict[_Key, _Rule] = field(default_factory=dict[_Key, _Rule])
    _history: "deque[dict[str, np.ndarray]]" = field(default_factory=deque)
    _last: _Rule | None = None
    _blind: dict[_Key, tuple[Planned, list[int]]] = field(
        default_factory=dict[_Key, "tuple[Planned, list[int]]"]
    )

    def __repr__(self) -> str:
        size = self.follower.chain.size
        return f"Filter(over {size}, {self.num_steps} steps, log Z {self.log_z:.6g} nats)"

    def step(self, **given: object) -> Filtered:
        """Take one step.

        Args:
            given: its data by name; what is not given, None and NaN are missing.

        Raises:
            GmError: when a value is none of its type, or the step depends on one that is missing.
        """
        seen = self._seen_before(given)
        if seen is None:
            rows = self._completed(self.inputs.read(given, many=False), 1)
            _, seen = self._prepared(rows, 0, 1)
            self.inputs.note(given, rows, self.plain)
        rule = self._last
        assert rule is not None
        gains, found = self._run(rule.which, seen, rule.window.width)
        gain, blind = gains.tolist()[0]
        loss = blind - gain
        if not math.isfinite(loss):
            loss = math.inf
        self._count(1)
        self.log_z, self._lost[0] = _added(self.log_z, self._lost[0], gain)
        self.total_log_loss, self._lost[1] = _added(self.total_log_loss, self._lost[1], loss)
        return Filtered(self.questions, rule.window, self.num_steps - 1, loss, self.log_z, found)

    def update(self, frame: object = None, /, **given: object) -> FilteredSteps:
        """Take many steps at once, in a compiled loop.

        Args:
            frame: a data frame or mapping, whose columns that the program declares are taken.
            given: data by name, a value or a row of values for each step.

        Raises:
            GmError: as `step`, and when the numbers of steps differ; `num_steps` says how many
                were taken before.
        """
        given = (
            given
            if frame is None
            else {**declared_columns(self.follower.chain.program, frame), **given}
        )
        read = self.inputs.read(given, many=True)
        count = len(next(iter(read.values()), ()))
        rows = self._completed(read, count)
        found = FilteredSteps.empty(self.questions, count)
        first = 0
        while first < count:
            is_early = self.num_steps + 1 < self.follower.chain.num_first
            last = first + 1 if is_early else min(count, first + _NUM_AT_ONCE)
            rules, seen = self._prepared(rows, first, last)
            which = np.array([rule.number for rule in rules], np.int64)
            width = max(rule.window.width for rule in rules)
            gains, flat = self._run(which, seen, width)
            before = self.log_z
            losses = self._account(gains)
            found.write(
                first, rules[-1].window, gains, before, losses, flat.reshape(last - first, -1)
            )
            first = last
        return found

    def ahead(self, **given: object) -> dict[str, Answer]:
        """Predict what the next step will observe.

        Args:
            given: data of the next step on which it depends.

        Returns:
            the distribution of each value, by the name of its data.

        Raises:
            GmError: as `step`.
        """
        rows = self._completed(self.inputs.read(given, many=False), 1)
        count = min(self.num_steps + 1, self.follower.chain.num_first)
        key = count, self._key(rows, 0)
        if key not in self._blind:
            rule = self._rules.get(key)
            window = self._window(rows, 0, count) if rule is None else rule.window
            step, sizes = window.blind(self.follower.places)
            if len(self._blind) > _NUM_KEPT_MAX:
                self._blind.clear()
            self._blind[key] = self._planned(step), sizes
        plan, sizes = self._blind[key]
        _, found = run_once(plan, self._runner.left(), (), sum(sizes))
        return next_seen(self.inputs, self.follower.places, found, sizes)

    # --- Rules ---

    def _completed(self, rows: dict[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
        """Add what is missing; what a step depends on may not be."""
        for name, symbol in self.inputs.symbols.items():
            if name not in rows:
                if name not in self.plain:
                    raise GmError([errors.missing_input(symbol.span, shown(symbol))])
                rows[name] = np.ma.filled(self.inputs.missing(name, count).astype(float), np.nan)
        return rows

    def _prepared(
        self, rows: Mapping[str, np.ndarray], first: int, last: int
    ) -> tuple[list[_Rule], np.ndarray]:
        """Return the rules of some steps and what they see; where that fails, nothing happened."""
        with self._all_or_nothing():
            rules = self._rules_for(rows, first, last)
            return rules, self._states(rows, first, last)

    @contextmanager
    def _all_or_nothing(self) -> Generator[None]:
        before, num_kept = self._last, len(self._history)
        try:
            yield
        except BaseException:
            while len(self._history) > num_kept:
                self._history.pop()
            self._last = before
            raise

    def _rules_for(self, rows: Mapping[str, np.ndarray], first: int, last: int) -> list[_Rule]:
        """Find the rule of each of some steps, making those that are new."""
        if len(self._rules) > _NUM_KEPT_MAX:
            self._rules.clear()
            self._runner.forget()
        found: list[_Rule] = []
        plain_only = len(self.plain) == len(self.inputs.symbols)
        for t in range(first, last):
            num_steps = min(self.num_steps + 1 + t - first, self.follower.chain.num_first)
            key = num_steps, self._key(rows, t)
            rule = self._rules.get(key)
            if rule is None:
                window = self._window(rows, t, num_steps)
                number = self._runner.add(self._planned(window.step))
                rule = self._rules[key] = _Rule(number, np.array([number]), window)
            self._last = rule
            found.append(rule)
            if not plain_only:
                self._remember(rows, t)
            if plain_only and num_steps == self.follower.chain.num_first:
                return [*found, *[rule] * (last - t - 1)]
        return found

    def _planned(self, step: Step) -> Planned:
        try:
            return planned(step)
        except TooWideError as error:
            chain = self.follower.chain
            wide = errors.belief_too_wide(self.follower.span, chain.size, error.num_entries)
            raise GmError([wide]) from None

    def _remember(self, rows: Mapping[str, np.ndarray], t: int) -> None:
        """Keep what a step was given, for the steps that look back at it."""
        names = [name for name in self.inputs.symbols if name not in self.plain]
        self._history.append({name: rows[name][t].copy() for name in names})

    def _key(self, rows: Mapping[str, np.ndarray], t: int) -> bytes:
        """Return what a step depends on: what it is given, and as many before as it looks back."""
        parts: list[bytes] = []
        for name in self.inputs.symbols:
            if name not in self.plain:
                lag = self.follower.chain.lags.get((name,), 0)
                before = [
                    self._history[-k][name] for k in range(min(lag, len(self._history)), 0, -1)
                ]
                parts += [np.asarray(one, np.float64).tobytes() for one in (*before, rows[name][t])]
        return b"".join(parts)

    def _window(self, rows: Mapping[str, np.ndarray], t: int, num_steps: int) -> Window:
        taken: dict[str, np.ndarray] = {}
        for name in self.inputs.symbols:
            if name in self.plain:
                taken[name] = self.inputs.missing(name, num_steps)
                continue
            before = [
                one[name] for one in list(self._history)[len(self._history) - num_steps + 1 :]
            ]
            taken[name] = np.stack([*before, rows[name][t]])
        left = () if self._last is None else self._last.window.left
        return self.follower.window(num_steps, taken, left)

    # --- Steps ---

    def _states(self, rows: Mapping[str, np.ndarray], first: int, last: int) -> np.ndarray:
        places = self.follower.places
        columns = [self.inputs.states(place, rows[place.name][first:last]) for place in places]
        return np.stack(columns, axis=1) if columns else np.zeros((last - first, 0), np.int32)

    def _seen_before(self, given: Mapping[str, object]) -> np.ndarray | None:
        """Return the states of what is given, where nothing else matters; None elsewhere."""
        if self.num_steps < self.follower.chain.num_first or len(self._rules) > _NUM_KEPT_MAX:
            return None
        inputs, found = self.inputs, list[int]()
        try:
            rows = {name: inputs.rows[name, v.__class__, v] for name, v in self._depends_on(given)}
            for place in self.follower.places:
                value = given.get(inputs.outside[place.name])
                if value is None:
                    found.append(-1)
                    continue
                code = inputs.codes.get((place.name, value.__class__, value))
                code = self._code(place.name, value) if code is None else code
                if code is None:
                    return None
                found.append(code)
        except (KeyError, TypeError):
            return None
        if len(given) > sum(name in given for name in inputs.names):
            return None
        if rows:
            with self._all_or_nothing():
                self._rules_for(rows, 0, 1)
        return np.array([found], np.int32)

    def _depends_on(self, given: Mapping[str, object]) -> Iterator[tuple[str, object]]:
        """Yield what is given of the data on which rules depend."""
        if len(self.plain) < len(self.inputs.symbols):
            for name in self.inputs.symbols:
                if name not in self.plain:
                    yield name, given[self.inputs.outside[name]]

    def _code(self, name: str, value: object) -> int | None:
        """Read a single value of data that is one variable's, and remember its state."""
        places = [place for place in self.follower.places if place.name == name]
        if len(places) != 1 or self.inputs.shapes[name] != () or isinstance(value, np.ndarray):
            return None
        rows = self.inputs.read({self.inputs.outside[name]: value}, many=False)
        state = int(self.inputs.states(places[0], rows[name])[0])
        if value == value and len(self.inputs.codes) < _CODES_MAX:
            self.inputs.codes[name, value.__class__, value] = state
        return state

    def _run(
        self, which: np.ndarray, seen: np.ndarray, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        gains, found = np.empty((len(which), 2)), np.full(len(which) * width, np.nan)
        self._runner.run(which, seen, gains, found, width)
        return gains, found

    def _account(self, gains: np.ndarray) -> np.ndarray:
        """Count steps that ran, and return their losses."""
        with np.errstate(invalid="ignore"):
            losses = gains[:, 1] - gains[:, 0]
        losses[np.isnan(losses)] = np.inf
        self._count(len(gains))
        for gain, loss in zip(gains[:, 0].tolist(), losses.tolist(), strict=True):
            self.log_z, self._lost[0] = _added(self.log_z, self._lost[0], gain)
            self.total_log_loss, self._lost[1] = _added(self.total_log_loss, self._lost[1], loss)
        return losses

    def _count(self, count: int) -> None:
        self.num_steps += count
        while len(self._history) > self.follower.chain.num_first:
            self._history.popleft()


def _added(total: float, lost: float, value: float) -> tuple[float, float]:
    """Add a number to a sum that knows what its rounding lost; return both.

    Source: Kahan (1965), "Further remarks on reducing truncation errors".
    """
    more = value - lost
    whole = total + more
    return (whole, (whole - total) - more) if math.isfinite(whole) else (whole, 0.0)


def filter_of(
    checked: Checked, values: Mapping[str, object], over: str, ask: Iterable[str]
) -> Filter:
    """Begin to follow a program over a time.

    Args:
        checked: the program.
        values: its data, by core name; what runs over time is left aside.
        over: the size that is time; "" finds it.
        ask: what is asked after each step.

    Raises:
        GmError: when the program is no chain over that time, or a question does not fit.
    """
    program = checked.program
    chain, numbers = chain_and_numbers(checked, values, over)
    questions = read_questions(checked, chain, ask, numbers)
    chain = chain.remembering(questions.lags)
    own = {name: value for name, value in values.items() if name not in (*chain.inputs, chain.size)}
    follower = Follower(
        chain, own, questions.queries, program.span, chain.lags, chain.lasting | questions.lasting
    )
    unused = (name for name in chain.inputs if not num_mentions(chain.program, name))
    plain = {name for name in unused if (name,) not in questions.lags}
    for statement in chain.program.statements:
        if is_plain(chain, statement):
            plain |= {
                value.name for value in expressions_in(statement) if isinstance(value, DataRef)
            }
    return Filter(follower, inputs_of(chain, program, own, numbers), questions, frozenset(plain))


def chain_and_numbers(
    checked: Checked, values: Mapping[str, object], over: str
) -> tuple[Chain, dict[str, int]]:
    """Find out how a program runs over a time, and its data that is a single whole number.

    Raises:
        GmError: when it is no chain.
    """
    found: dict[str, int] = {}
    for symbol in checked.program.data:
        value = values.get(symbol.name)
        if isinstance(value, Setting) and not symbol.shape:
            value = from_setting(symbol, value.text)
        if isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype == np.int64:
            found[symbol.name] = int(value)
        elif value is None and isinstance(symbol.value, Constant):
            number = symbol.value.value
            found |= {symbol.name: int(number)} if isinstance(number, int) else {}
    return chain_of(checked.program, over, found), found
