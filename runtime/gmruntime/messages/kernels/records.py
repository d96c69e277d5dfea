"""The records that compiled loops over messages take: flat arrays under the names they go by."""

from typing import NamedTuple

import numpy as np

from gmruntime.arrays import Float64, Int64


class FlatFactors(NamedTuple):
    """Factors one after another; an edge is one position of one factor's scope.

    Attributes:
        code: the kind of each factor, see `codes`.
        start: edges start[f]..start[f + 1] - 1 are the scope of factor f.
        variables: of each edge.
        places: where each edge's message begins.
        states: of each edge's variable.
        int_start: integers int_start[f]..int_stop[f] - 1 of `ints` are factor f's.
        int_stop: factors may share parameters.
        ints: whole numbers such as coefficients.
        real_start: likewise for `reals`.
        real_stop: likewise.
        reals: f for sums, log f for maxima.
        scratch: how many numbers each factor's rule may need to write down meanwhile.
    """

    code: Int64[np.ndarray, " factors"]
    start: Int64[np.ndarray, " factors_and_end"]
    variables: Int64[np.ndarray, " edges"]
    places: Int64[np.ndarray, " edges"]
    states: Int64[np.ndarray, " edges"]
    int_start: Int64[np.ndarray, " factors"]
    int_stop: Int64[np.ndarray, " factors"]
    ints: Int64[np.ndarray, " integers"]
    real_start: Int64[np.ndarray, " factors"]
    real_stop: Int64[np.ndarray, " factors"]
    reals: Float64[np.ndarray, " reals"]
    scratch: Int64[np.ndarray, " factors"]


class Variables(NamedTuple):
    """What the variables hold themselves, and where they hear their factors.

    Attributes:
        unary: probabilities for sums, logs for maxima.
        start: entries start[v]..start[v + 1] - 1 are the states of variable v.
        row_start: edges row_start[v]..row_start[v + 1] - 1 of the rows are those of variable v.
        row_messages: where the message of each edge begins, sorted by variable.
    """

    unary: Float64[np.ndarray, " entries"]
    start: Int64[np.ndarray, " variables_and_end"]
    row_start: Int64[np.ndarray, " variables_and_end"]
    row_messages: Int64[np.ndarray, " edges"]


class Terms(NamedTuple):
    """How messages are updated.

    Attributes:
        damping: the share of the old message, geometric for sums.
        is_max: maxima of logs instead of sums of products.
        in_nats: changes count in nats, not in probabilities; maxima always do.
    """

    damping: float
    is_max: bool
    in_nats: bool


class Queue(NamedTuple):
    """Which factor is visited next.

    Attributes:
        row_factors: the factor of each edge, sorted by variable.
        pending: bounds how far each factor's messages are from what they would be now.
        heap: all factors, the largest pending first.
        where: at which place of the heap each factor is.
    """

    row_factors: Int64[np.ndarray, " edges"]
    pending: Float64[np.ndarray, " factors"]
    heap: Int64[np.ndarray, " factors"]
    where: Int64[np.ndarray, " factors"]


class Truncated(NamedTuple):
    """Parameters of truncated factors: -min(slope * distance, cap), or of its square."""

    slopes: Float64[np.ndarray, " tables"]
    caps: Float64[np.ndarray, " tables"]
    is_quadratic: bool


class Odds(NamedTuple):
    """A layout as the loop over pairs reads it; `places` say where its messages lie."""

    tables: Float64[np.ndarray, "tables two two"]
    table_of: Int64[np.ndarray, " factors"]
    first: Int64[np.ndarray, " factors"]
    second: Int64[np.ndarray, " factors"]
    first_places: Int64[np.ndarray, " factors"]
    second_places: Int64[np.ndarray, " factors"]


class Room(NamedTuple):
    """Where the rule of one factor reads and writes; large enough for any.

    Attributes:
        v2f: what each variable says.
        f2v: what the factor answers, not normalised.
        work: scratch of the rule.
        digits: a place for each variable.
        changes: how much each message changed.
    """

    v2f: Float64[np.ndarray, "arity states"]
    f2v: Float64[np.ndarray, "arity states"]
    work: Float64[np.ndarray, " scratch"]
    digits: Int64[np.ndarray, " arity"]
    changes: Float64[np.ndarray, " arity"]


def room_for(factors: FlatFactors) -> Room:
    """Return room for any one factor."""
    arity = int(np.diff(factors.start).max(initial=1))
    states = int(factors.states.max(initial=1))
    return Room(
        np.empty((arity, states)),
        np.empty((arity, states)),
        np.empty(int(factors.scratch.max(initial=1))),
        np.empty(arity, np.int64),
        np.empty(arity),
    )
