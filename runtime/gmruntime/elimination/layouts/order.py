"""What an elimination follows: an order of its variables, and how its tables are laid out."""

from dataclasses import dataclass

from gmruntime.elimination.layouts.supports import Group


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The axes of the tables of an elimination tree.

    Axis v, below the number of variables, is variable v with all its states; the others are
    `groups`, in order.

    Attributes:
        groups: with more than one variable, or not all states.
        cliques: the axes of each clique.
        messages: the axes of what each clique sends to its parent.
        given: the axes of each factor.
        total_bits: log2 of all clique entries together.
        clique_bits: log2 of the entries of the largest clique.
        clique_entries: of each clique.
        message_entries: of each message.
        count_max: the longest list that was allowed.
    """

    groups: tuple[Group, ...]
    cliques: tuple[tuple[int, ...], ...]
    messages: tuple[tuple[int, ...], ...]
    given: tuple[tuple[int, ...], ...]
    total_bits: float
    clique_bits: float
    clique_entries: tuple[float, ...]
    message_entries: tuple[float, ...]
    count_max: int


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """An order of elimination and its cost.

    Attributes:
        variables: in the order they are eliminated.
        cliques: for each, the others that its elimination joins, in this order too.
        total_bits: log2 of the number of entries of all cliques together.
        clique_bits: log2 of the largest clique's entries.
        layout: of tables without their known zeros, where that saves enough; see `layout`.
    """

    variables: tuple[int, ...]
    cliques: tuple[tuple[int, ...], ...]
    total_bits: float
    clique_bits: float
    layout: Layout | None = None


def largest_live(order: Order, sizes: list[float]) -> float:
    """Return how many entries of messages are waiting at once when each is read once."""
    place = {v: k for k, v in enumerate(order.variables)}
    live, largest = 0.0, 0.0
    released = [0.0] * len(sizes)
    for k, clique in enumerate(order.cliques):
        live += sizes[k]
        largest = max(largest, live)
        live -= released[k]
        if clique:
            released[place[clique[0]]] += sizes[k]
    return largest
