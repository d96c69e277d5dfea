"""A program over time, followed step by step: what is seen comes in, what is believed comes out."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from gmlang.data.names import declared_columns
from gmlang.filtering.answers import Filtered, FilteredSteps, next_seen
from gmlang.filtering.inputs import Inputs
from gmlang.filtering.questions import Questions
from gmlang.filtering.reals.carrying import Carried
from gmlang.filtering.reals.coming import next_reals
from gmlang.filtering.rules import Key, Rule, Rules
from gmlang.queries.answers import Answer
from gmruntime.filtering.planning import Planned
from gmruntime.filtering.running import run_once

_NUM_AT_ONCE = 4096
"""Steps of a batch that are prepared together."""

_BLIND_MAX = 256
"""Steps as if nothing were seen that are kept."""

_NOTHING = np.zeros(0)

_CODES_MAX = 1 << 16
"""Values whose states are remembered."""


@dataclass(frozen=True, slots=True, eq=False)
class _Ran:
    """What some steps found.

    Attributes:
        gains, losses: nats, of each.
        states: of finite variables, (steps, width).
        reals: of reals, likewise.
    """

    gains: np.ndarray
    losses: np.ndarray
    states: np.ndarray
    reals: np.ndarray


@dataclass(slots=True, eq=False)
class Filter:
    """What is believed now of a program over time; each step takes one more row of its data.

    After each step all is as in the program whose time ends there: `log_z` is its log Z, and what
    is asked is answered as its queries would be. `Model.filter` makes one.

    Attributes:
        num_steps: that were taken.
        total_log_loss: of all that was observed, what the program itself observes included, each
            step predicted from what was seen before, nats; steps that have none aside.
    """

    rules: Rules
    questions: Questions
    reals: Carried
    num_steps: int = 0
    total_log_loss: float = 0.0
    _log_z: float = 0.0
    _lost: list[float] = field(default_factory=lambda: [0.0, 0.0])
    _blind: dict[Key, tuple[Planned, list[int]]] = field(
        default_factory=dict[Key, "tuple[Planned, list[int]]"]
    )

    @property
    def inputs(self) -> Inputs:
        """The data that comes step by step."""
        return self.rules.inputs

    @property
    def log_z(self) -> float:
        """Log Z of the program so far, nats; inf while nothing says where some reals are."""
        return self._log_z if self.reals.belief.is_proper else math.inf

    def __repr__(self) -> str:
        size = self.rules.follower.chain.size
        return f"Filter(over {size}, {self.num_steps} steps, log Z {self.log_z:.6g} nats)"

    def step(self, **given: object) -> Filtered:
        """Take one step.

        Args:
            given: its data by name; what is not given, None and NaN are missing.

        Raises:
            GmError: when a value is none of its type, or the step depends on one that is missing.
        """
        prepared = self._quickly(given)
        if prepared is None:
            rows = self.rules.completed(self.inputs.read(given, many=False), 1)
            prepared = self._prepared(rows, self.rules.now(rows))
            keyed = frozenset(self.inputs.symbols) - frozenset(self.rules.names)
            self.inputs.note(given, rows, keyed)
        rule, seen, now = prepared[0][0], *prepared[1:]
        gain, loss, reals = 0.0, 0.0, _NOTHING
        if rule.window.real is not None:
            gain, loss, reals = self.reals.take_one(rule.window.real, now)
        states = _NOTHING
        if not rule.is_trivial:
            gains, states = self._run_states([rule], seen)
            own, blind = gains.tolist()[0]
            gain, loss = gain + own, loss + _surprise(blind - own)
        self._count(1)
        self._add(gain, loss)
        number, log_z = self.num_steps - 1, self.log_z
        return Filtered(self.questions, rule.window, number, loss, log_z, states, reals)

    def update(self, frame: object = None, /, **given: object) -> FilteredSteps:
        """Take many steps at once, in a compiled loop.

        Args:
            frame: a data frame or mapping, whose columns that the program declares are taken.
            given: data by name, a value or a row of values for each step.

        Raises:
            GmError: as `step`, and when the numbers of steps differ; `num_steps` says how many
                were taken before.
        """
        chain = self.rules.follower.chain
        if frame is not None:
            given = {**declared_columns(chain.program, frame), **given}
        read = self.inputs.read(given, many=True)
        count = len(next(iter(read.values()), ()))
        rows = self.rules.completed(read, count)
        now = self.rules.now(rows)
        found = FilteredSteps.empty(self.questions, count)
        first = 0
        while first < count:
            is_early = self.num_steps + 1 < chain.num_first
            last = first + 1 if is_early else min(count, first + _NUM_AT_ONCE)
            part = {name: array[first:last] for name, array in rows.items()}
            rules, seen, own = self._prepared(part, now[first:last])
            ran = self._run(rules, seen, own)
            self._count(last - first)
            log_z = np.empty(last - first)
            for t, (gain, loss) in enumerate(
                zip(ran.gains.tolist(), ran.losses.tolist(), strict=True)
            ):
                self._add(gain, loss)
                log_z[t] = math.inf if gain == math.inf else self._log_z
            found.write(first, rules[-1].window, log_z, ran.losses, ran.states, ran.reals)
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
        rows = self.rules.completed(self.inputs.read(given, many=False), 1)
        now = self.rules.now(rows)
        count = min(self.num_steps + 1, self.rules.follower.chain.num_first)
        found: dict[str, Answer] = {}
        rule = self.rules.of_step(rows, now[0], 0, count)
        if not rule.is_trivial:
            found |= self._states_ahead(rows, now, rule, count)
        if rule.window.real is not None:
            found |= next_reals(self.rules, self.reals, rows, now, count)
        return found

    def _states_ahead(
        self, rows: Mapping[str, np.ndarray], now: np.ndarray, rule: Rule, count: int
    ) -> dict[str, Answer]:
        places = self.rules.follower.places
        key = self.rules.key(rows, now[0], 0, count)
        if key not in self._blind:
            step, sizes = rule.window.blind(places)
            if len(self._blind) > _BLIND_MAX:
                self._blind.clear()
            self._blind[key] = self.rules.planned(step), sizes
        plan, sizes = self._blind[key]
        _, found = run_once(plan, self.rules.runner.left(), (), sum(sizes))
        return next_seen(self.inputs, places, found, sizes)

    # --- What steps are given ---

    def _prepared(
        self, rows: Mapping[str, np.ndarray], now: np.ndarray
    ) -> tuple[list[Rule], np.ndarray, np.ndarray]:
        """Return the rules of some steps and what they see; where that fails, nothing happened."""
        with self.rules.all_or_nothing():
            rules = self.rules.of_steps(rows, now, self.num_steps)
            self._check_reals(rules, now)
            return rules, self._states(rows, len(now)), now

    def _check_reals(self, rules: list[Rule], now: np.ndarray) -> None:
        if now.shape[1] and not self.reals.is_complete(now):
            real = [rule.window.real for rule in rules]
            self.reals.check([one for one in real if one is not None], now)

    def _states(self, rows: Mapping[str, np.ndarray], count: int) -> np.ndarray:
        places = self.rules.follower.places
        columns = [self.inputs.states(place, rows[place.name]) for place in places]
        return np.stack(columns, axis=1) if columns else np.zeros((count, 0), np.int32)

    def _quickly(
        self, given: Mapping[str, object]
    ) -> tuple[list[Rule], np.ndarray, np.ndarray] | None:
        """Prepare a step of which all was read before, or is numbers; None elsewhere."""
        rules, inputs = self.rules, self.inputs
        if self.num_steps < rules.follower.chain.num_first or rules.is_full:
            return None
        if any(name not in inputs.names for name in given):
            return None
        found: list[int] = []
        try:
            rows = {name: inputs.rows[name, v.__class__, v] for name, v in self._keyed(given)}
            for place in rules.follower.places:
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
        now = self._numbers(given)
        if now is None:
            return None
        seen = np.array([found], np.int32)
        last = rules.last
        if rules.depend_on_nothing and last is not None and self.reals.is_complete(now):
            return [last], seen, now
        with rules.all_or_nothing():
            own = rules.of_steps(rows, now, self.num_steps)
            self._check_reals(own, now)
        return own, seen, now

    def _numbers(self, given: Mapping[str, object]) -> np.ndarray | None:
        """Read what enters linearly; None where that is something else than numbers."""
        entries = self.rules.entries
        found = np.empty((1, entries.num_now))
        first = 0
        for name, shape in zip(entries.names, entries.shapes, strict=True):
            value = given.get(self.inputs.outside[name])
            if not shape:
                if value is not None and not isinstance(value, float):
                    return None
                found[0, first] = math.nan if value is None else value
                first += 1
                continue
            if not isinstance(value, np.ndarray) or value.dtype != np.float64:
                return None
            if value.shape != shape:
                return None
            found[0, first : first + value.size] = value.reshape(-1)
            first += value.size
        return found

    def _keyed(self, given: Mapping[str, object]) -> Iterator[tuple[str, object]]:
        """Yield what is given of the data on which rules depend."""
        for name in self.rules.names:
            yield name, given[self.inputs.outside[name]]

    def _code(self, name: str, value: object) -> int | None:
        """Read a single value of data that is one variable's, and remember its state."""
        places = [place for place in self.rules.follower.places if place.name == name]
        if len(places) != 1 or self.inputs.shapes[name] != () or isinstance(value, np.ndarray):
            return None
        rows = self.inputs.read({self.inputs.outside[name]: value}, many=False)
        state = int(self.inputs.states(places[0], rows[name])[0])
        if value == value and len(self.inputs.codes) < _CODES_MAX:
            self.inputs.codes[name, value.__class__, value] = state
        return state

    # --- Steps ---

    def _run(self, rules: list[Rule], seen: np.ndarray, now: np.ndarray) -> _Ran:
        """Take steps: of reals, and of finite variables, which depend on none of these."""
        count = len(rules)
        gains, losses, found = np.zeros(count), np.zeros(count), np.zeros((count, 0))
        real = [one for rule in rules if (one := rule.window.real) is not None]
        if real:
            wide = max(one.width for one in real)
            gains, losses, found = self.reals.take(real, now, wide)
        states = np.zeros((count, 0))
        if not all(rule.is_trivial for rule in rules):
            own, flat = self._run_states(rules, seen)
            states = flat.reshape(count, -1)
            with np.errstate(invalid="ignore"):
                lost = own[:, 1] - own[:, 0]
            gains, losses = gains + own[:, 0], losses + [_surprise(one) for one in lost.tolist()]
        return _Ran(gains, losses, states, found)

    def _run_states(self, rules: list[Rule], seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        width = max(rule.window.width for rule in rules)
        gains, states = np.empty((len(rules), 2)), np.full(len(rules) * width, np.nan)
        which = np.array([self.rules.number(rule) for rule in rules], np.int64)
        self.rules.runner.run(which, seen, gains, states, width)
        return gains, states

    def _add(self, gain: float, loss: float) -> None:
        """Count what a step adds; what it says before reals are somewhere comes later."""
        if gain != math.inf:
            self._log_z, self._lost[0] = _added(self._log_z, self._lost[0], gain)
        if not math.isnan(loss):
            found = _added(self.total_log_loss, self._lost[1], loss)
            self.total_log_loss, self._lost[1] = found

    def _count(self, count: int) -> None:
        self.num_steps += count
        self.rules.forget_history(self.rules.follower.chain.num_first)


def _surprise(loss: float) -> float:
    """Return a loss; what is impossible, or was before, is one without bounds."""
    return loss if math.isfinite(loss) else math.inf


def _added(total: float, lost: float, value: float) -> tuple[float, float]:
    """Add a number to a sum that knows what its rounding lost; return both.

    Source: Kahan (1965), "Further remarks on reducing truncation errors".
    """
    more = value - lost
    whole = total + more
    return (whole, (whole - total) - more) if math.isfinite(whole) else (whole, 0.0)
