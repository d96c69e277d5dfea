"""What an elimination order depends on, so that one found before is known again.

That is the scopes, the numbers of states and where zeros are, not other values; the same evidence
pattern leads to the same order, where the search for it is the same.
"""

import hashlib
from collections.abc import Mapping

import numpy as np

from gmruntime.simplify.network import Network, zero_counts


def key_of(network: Network, stages: Mapping[int, int], effort: float, *, is_listed: bool) -> str:
    """Say in a few bytes all that an order depends on.

    Args:
        network: to be eliminated.
        stages: of variables, 0 where it does not say.
        effort: steps the search may take.
        is_listed: whether known zeros are left out of the tables.
    """
    digest = hashlib.blake2b(digest_size=16)

    def tell(part: bytes) -> None:
        # With its length: else the end of one part could as well begin the next.
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)

    tell(f"{sorted(stages.items())} {effort:.3g} {is_listed}".encode())
    tell(np.array(network.free, np.int64).tobytes())
    tell(network.num_states.astype(np.int64).tobytes())
    for factor, num_zeros in zip(network.factors, zero_counts(network.factors), strict=True):
        tell(repr(factor.scope).encode())
        tell(np.packbits(factor.table == -np.inf).tobytes() if num_zeros else b"")
    return digest.hexdigest()
