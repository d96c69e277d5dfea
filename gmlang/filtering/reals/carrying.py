"""What is believed of reals, carried from step to step, and the data that steps look back at."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gmlang.diagnostics import GmError, Span
from gmlang.errors import filtering as errors
from gmlang.filtering.reals.rules import Entries, RealRule
from gmruntime.continuous.chains.following import FollowedBelief, nothing_followed


@dataclass(slots=True, eq=False)
class Carried:
    """What is believed of a program's reals.

    Attributes:
        entries: of the data of steps.
        span: of the program.
        belief: after the last step.
        past: the numbers of the steps before, as far as the next one looks back.
    """

    entries: Entries
    span: Span
    belief: FollowedBelief = field(default_factory=nothing_followed)
    past: deque[np.ndarray] = field(default_factory=deque[np.ndarray])

    def data(self, now: np.ndarray) -> np.ndarray:
        """Return the data of steps, with what they look back at.

        Args:
            now: (steps, numbers) that come with them.
        """
        num_back = self.entries.num_back
        if not num_back:
            return now
        width = now.shape[1]
        before = np.full((num_back, width), np.nan)
        for k, row in enumerate(list(self.past)[-num_back:][::-1]):
            before[num_back - 1 - k] = row
        every = np.concatenate([before, now])
        count = len(now)
        shifted = [every[num_back - back : num_back - back + count] for back in range(num_back + 1)]
        return np.concatenate(shifted, axis=1)

    def is_complete(self, now: np.ndarray) -> bool:
        """Say whether nothing is missing that steps are given."""
        return not self.entries.num_back and math.isfinite(now.sum())

    def check(self, rules: Sequence[RealRule], now: np.ndarray) -> None:
        """Check that nothing is missing that a step depends on, and all numbers are finite.

        Args:
            rules: of each step.
            now: (steps, numbers) that come with them.

        Raises:
            GmError: naming it.
        """
        data = self.data(now)
        if np.isinf(now).any():
            step, place = (int(k) for k in np.argwhere(np.isinf(now))[0])
            name = self.entries.places()[place][0]
            raise GmError([errors.infinite_input(self.span, name, float(now[step, place]))])
        for k, rule in enumerate(rules):
            if k and rule is rules[k - 1]:
                continue
            if not rule.needed.any():
                continue
            own = [i for i, other in enumerate(rules) if other is rule]
            lacking = rule.needed & np.isnan(data[own]).any(axis=0)
            if lacking.any():
                name = self.entries.places()[int(np.argmax(lacking))][0]
                raise GmError([errors.missing_input(self.span, name)])

    def take_one(self, rule: RealRule, now: np.ndarray) -> tuple[float, float, np.ndarray]:
        """Take a step; the results are those of `take`.

        Raises:
            GmError: as in `take`.
        """
        belief, step = self.belief, rule.after(self.belief.spread)
        gains, found = np.empty(1), np.empty(rule.width)
        after = step.take(belief, self.data(now), gains, found, rule.width)
        if after is None:
            raise GmError([errors.lost(self.span, _gone(rule))])
        gain = float(gains[0])
        has_loss = rule.is_whole and belief.is_proper and gain < math.inf
        self.belief = after
        if self.entries.num_back:
            self._remember(now)
        return gain, -gain if has_loss else math.nan, found

    def take(
        self, rules: Sequence[RealRule], now: np.ndarray, width: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Take steps.

        Returns:
            by how much log Z grows with each, the loss of each, nats, NaN where it has none; and
            what is found, (steps, width).

        Raises:
            GmError: where nothing says where a real is that no later step knows.
        """
        count, data = len(rules), self.data(now)
        gains, losses = np.empty(count), np.empty(count)
        found = np.full((count, width), np.nan)
        belief, t = self.belief, 0
        while t < count:
            rule = rules[t]
            step = rule.after(belief.spread)
            last = t + 1
            while step.repeats and last < count and rules[last] is rule:
                last += 1
            was_proper = belief.is_proper
            part = slice(t, last)
            own = found[part].reshape(-1)
            after = step.take(belief, data[part], gains[part], own, width)
            if after is None:
                raise GmError([errors.lost(self.span, _gone(rule))])
            loss = -gains[part]
            proper = np.concatenate([[was_proper], gains[t : last - 1] < np.inf])
            losses[part] = np.where(proper & (gains[part] < np.inf) & rule.is_whole, loss, np.nan)
            belief, t = after, last
        self.belief = belief
        self._remember(now)
        return gains, losses, found

    def _remember(self, now: np.ndarray) -> None:
        for row in now[len(now) - min(len(now), self.entries.num_back) :]:
            self.past.append(row.copy())
        while len(self.past) > self.entries.num_back:
            self.past.popleft()


def _gone(rule: RealRule) -> str:
    """Name a real that a step knows and the next ones do not."""
    kept = set(rule.left)
    names = [one for one in rule.knowns if one is not None and one not in kept]
    return names[0].name[-1] if names else ""
