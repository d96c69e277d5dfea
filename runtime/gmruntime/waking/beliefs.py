"""What is believed of single variables, and what that says of those who were woken."""

from dataclasses import replace

import numpy as np

from gmruntime.answer import MarginalsAnswer
from gmruntime.graph import Assignment, FactorGraph, block_starts
from gmruntime.waking.ceilings import Ceilings
from gmruntime.waking.log import Event, Happening


class Beliefs:
    """The marginals of variables by their number."""

    def __init__(self, graph: FactorGraph, said: MarginalsAnswer | None, fixed: Assignment) -> None:
        """Take an answer; of what is fixed it need not speak."""
        self._starts, self._said, self._fixed = block_starts(graph), said, fixed

    def of(self, variables: np.ndarray, states: int) -> np.ndarray:
        """Return a row for each variable, all with so many states."""
        rows = np.zeros((len(variables), states))
        fixed = self._fixed[variables]
        seen = np.flatnonzero(fixed >= 0)
        rows[seen, fixed[seen]] = 1.0
        owners = np.searchsorted(self._starts, variables, side="right") - 1
        for number in np.unique(owners[fixed < 0]).tolist():
            assert self._said is not None
            chosen = np.flatnonzero((owners == number) & (fixed < 0))
            block = self._said.probabilities[number].reshape(-1, states)
            rows[chosen] = block[variables[chosen] - self._starts[number]]
        return rows


def with_evidence(
    known: Ceilings, events: tuple[Event, ...], beliefs: Beliefs
) -> tuple[Event, ...]:
    """Say by what the odds of those who were woken differ from their priors."""
    number = {int(v): a for a, v in enumerate(known.activations.tolist())}
    open_ = [k for k, e in enumerate(events) if e.what is Happening.WAKE and np.isnan(e.evidence)]
    if not open_:
        return events
    variables = np.array([events[k].variable for k in open_], np.int64)
    chances = beliefs.of(variables, 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = np.log(chances[:, 1]) - np.log(chances[:, 0])
    whole = list(events)
    for k, log_odds in zip(open_, odds.tolist(), strict=True):
        if np.isnan(log_odds):
            continue
        prior = float(known.prior[number[events[k].variable]])
        whole[k] = replace(events[k], evidence=log_odds - prior)
    return tuple(whole)
