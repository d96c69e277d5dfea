"""Max-product on graphs of finite pair tables over two states, as log odds."""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.factors.kinds import Table
from gmruntime.messages.kernels.compiled import odds as compiled_odds
from gmruntime.messages.kernels.records import Odds
from gmruntime.messages.layout import Layout


@dataclass(slots=True, eq=False)
class OddsRun:
    """Messages of one row, and what the variables hear in all."""

    odds: Odds
    field: Float64[np.ndarray, " variables"]
    to_first: Float64[np.ndarray, " factors"]
    to_second: Float64[np.ndarray, " factors"]
    total: Float64[np.ndarray, " variables"]

    def update(self, damping: float) -> float:
        """Update every message; return the largest change, nats."""
        odds, fresh = self.odds, self.field.copy()
        change = compiled_odds.flood(
            odds, self.to_first, self.to_second, self.total, fresh, damping
        )
        self.total = fresh
        return float(change)

    def read(self, heard: Float64[np.ndarray, " message_entries"]) -> None:
        """Take messages over."""
        odds = self.odds
        self.to_first = heard[odds.first_places + 1] - heard[odds.first_places]
        self.to_second = heard[odds.second_places + 1] - heard[odds.second_places]
        self.total = self.field.copy()
        compiled_odds.add_up(odds, self.to_first, self.to_second, self.total)

    def write(self, heard: Float64[np.ndarray, " message_entries"]) -> None:
        """Write messages down, the larger entry of each 0."""
        odds = self.odds
        sides = ((odds.first_places, self.to_first), (odds.second_places, self.to_second))
        for places, values in sides:
            heard[places] = np.minimum(-values, 0.0)
            heard[places + 1] = np.minimum(values, 0.0)


def odds_of(layout: Layout) -> Odds | None:
    """Arrange a layout; None unless it maximises over finite pair tables of two states alone."""
    if not layout.is_max or not layout.groups or not (layout.num_states == 2).all():
        return None
    tables: list[np.ndarray] = []
    table_of: list[np.ndarray] = []
    count = 0
    for group in layout.groups:
        kind = group.kind
        if not isinstance(kind, Table) or len(group.states) != 2:
            return None
        if not np.isfinite(kind.log_potentials).all():
            return None
        shared = len(kind.log_potentials) == 1
        index = np.arange(len(group.scopes), dtype=np.int64)
        table_of.append(count + (0 if shared else 1) * index)
        tables.append(kind.log_potentials)
        count += len(kind.log_potentials)
    scopes = np.concatenate([g.scopes for g in layout.groups]).astype(np.int64)
    places = [
        np.concatenate([g.starts[k] + 2 * np.arange(len(g.scopes)) for g in layout.groups])
        for k in range(2)
    ]
    return Odds(
        np.ascontiguousarray(np.concatenate(tables)),
        np.concatenate(table_of),
        scopes[:, 0].copy(),
        scopes[:, 1].copy(),
        places[0].astype(np.int64),
        places[1].astype(np.int64),
    )


def start_odds(
    odds: Odds,
    unary: Float64[np.ndarray, " entries"],
    heard: Float64[np.ndarray, " message_entries"],
) -> OddsRun | None:
    """Start a row; None when something in it is infinite."""
    if not (np.isfinite(unary).all() and np.isfinite(heard).all()):
        return None
    nothing = np.zeros(len(odds.first))
    run = OddsRun(odds, unary[1::2] - unary[::2], nothing, nothing, nothing)
    run.read(heard)
    return run
