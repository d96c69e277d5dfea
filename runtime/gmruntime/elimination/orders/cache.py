"""Elimination orders that were found before, for many questions about one graph.

An order depends on the scopes, on the numbers of states and on where zeros are, not on other
values; the same evidence pattern leads to the same order.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

from gmruntime.elimination.layouts.order import Order
from gmruntime.simplify.network import Network, zero_counts

NUM_ORDERS_MAX = 64


@dataclass(slots=True, eq=False)
class Orders:
    """What is known of orders; hand the same to every question on a graph.

    Attributes:
        known: the orders, the latest used last.
    """

    known: OrderedDict[str, Order] = field(default_factory=OrderedDict[str, Order])

    def find(self, key: str) -> Order | None:
        """Return the order kept under a key."""
        order = self.known.get(key)
        if order is not None:
            self.known.move_to_end(key)
        return order

    def keep(self, key: str, order: Order) -> None:
        """Keep an order, and forget the one not used for longest when there are too many."""
        self.known[key] = order
        if len(self.known) > NUM_ORDERS_MAX:
            self.known.popitem(last=False)


def key_of(network: Network, first: frozenset[int], effort: float, *, is_listed: bool) -> str:
    """Say in a few bytes all that an order depends on.

    Args:
        network: to be eliminated.
        first: variables that come first.
        effort: steps the search may take.
        is_listed: whether known zeros are left out of the tables.
    """
    digest = hashlib.blake2b(digest_size=16)

    def tell(part: bytes) -> None:
        # With its length: else the end of one part could as well begin the next.
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)

    tell(f"{sorted(first)} {effort:.3g} {is_listed}".encode())
    tell(np.array(network.free, np.int64).tobytes())
    tell(network.num_states.astype(np.int64).tobytes())
    for factor, num_zeros in zip(network.factors, zero_counts(network.factors), strict=True):
        tell(repr(factor.scope).encode())
        tell(np.packbits(factor.table == -np.inf).tobytes() if num_zeros else b"")
    return digest.hexdigest()
