"""What the compiled counting search reads and changes.

A factor over variables of d_1, ..., d_k states has (d_1 + 1) ... (d_k + 1) partial states, digit 0
of which leaves a variable open. What is left of the factor in each of them is worked out once for
every distinct table, so that a decision costs one look for each factor it touches.
"""

from typing import NamedTuple

import numpy as np

from gmruntime.arrays import Bool, Float64, Int32, Int64


class Rests(NamedTuple):
    """What is left of every distinct table in every partial state, one behind the other.

    Attributes:
        scale: log of the largest entry left; -inf where all are zero.
        needs: bit j says that the entries left depend on open position j.
        is_joint: whether the entries left are no product of unary terms.
        hashes: two of all entries left, each divided by the largest.
        allowed: for each position, bit x says that state x of it is above zero somewhere.
        unary: for each position of a product, a hash of its term.
    """

    scale: Float64[np.ndarray, " partial_states"]
    needs: Int64[np.ndarray, " partial_states"]
    is_joint: Bool[np.ndarray, " partial_states"]
    hashes: np.ndarray
    allowed: np.ndarray
    unary: np.ndarray


class Model(NamedTuple):
    """Factors and variables; nothing here changes during a search.

    Attributes:
        num_states: of each variable, at most 64.
        factor_start: factor_variables[factor_start[f]:factor_start[f + 1]] is the scope of f.
        factor_variables: the variables of all scopes.
        first_state: where the partial states of each factor begin in `rests`.
        first_place: where its positions begin there: `first_place[f] + state * arity + position`.
        near_start: near_start[v]..near_start[v + 1] - 1 are the places where v stands.
        near: factor, position and the stride of its digit, of each place.
        log_states: log of the number of states of each variable.
        prior: variables of high priority are decided first.
        activity_weight: what conflicts and live factors count beside it.
        rests: what is left of each table.
    """

    num_states: Int64[np.ndarray, " variables"]
    factor_start: Int64[np.ndarray, " factors_and_end"]
    factor_variables: Int32[np.ndarray, " edges"]
    first_state: Int64[np.ndarray, " factors"]
    first_place: Int64[np.ndarray, " factors"]
    near_start: Int64[np.ndarray, " variables_and_end"]
    near: Int64[np.ndarray, "edges three"]
    log_states: Float64[np.ndarray, " variables"]
    prior: Float64[np.ndarray, " variables"]
    activity_weight: float
    rests: Rests


class State(NamedTuple):
    """What is decided, and how to take it back.

    Attributes:
        value: the state of each variable; OPEN, or QUEUED while its consequences are waited for.
        domain: bit x says that state x is still possible.
        partial: the partial state of each factor.
        trail: variables in the order they were set.
        narrowed: variables whose domains changed, in order.
        before: those domains as they were.
        queue: variables that have one state left.
        marks: counters, by the names below.
        numbers: logs and activities, by the names below.
        activity: of each variable, how often it was in a conflict of late.
        seen: the stamp of the last look at each variable.
        seen_factor: likewise of each factor.
    """

    value: Int32[np.ndarray, " variables"]
    domain: np.ndarray
    partial: Int64[np.ndarray, " factors"]
    trail: Int32[np.ndarray, " variables"]
    narrowed: Int32[np.ndarray, " changes"]
    before: np.ndarray
    queue: Int32[np.ndarray, " variables"]
    marks: Int64[np.ndarray, " marks"]
    numbers: Float64[np.ndarray, " numbers"]
    activity: Float64[np.ndarray, " variables"]
    seen: Int64[np.ndarray, " variables"]
    seen_factor: Int64[np.ndarray, " factors"]


OPEN, QUEUED = -1, -2

# Places in `State.marks`.
TRAIL, NARROWED, NUM_FRAMES, NUM_LISTED, NUM_PARTS, STAMP = range(6)
NUM_NODES, NUM_HITS, NUM_CONFLICTS, NUM_STORED, LEVEL, FAILED_AT, FAILED_VARIABLE = range(6, 13)
NUM_CLAUSES, NUM_LITERALS, LATEST, IS_LEARNING, IS_TRACED, NUM_RECORDS = range(13, 19)
NUM_LINKS, NUM_MARKS = 19, 20

# Places in `State.numbers`.
LOG_WEIGHT, ACTIVITY_STEP, NUM_NUMBERS = 0, 1, 4

NO_CONFLICT = -(1 << 40)
"""In FAILED_AT: there is nothing to learn from."""


class Parts(NamedTuple):
    """Components that wait to be solved, of all frames: a stack.

    Attributes:
        variables: of all components, one behind the other.
        bounds: where each begins and ends there.
        keys: what each is known by, 128 bits.
        node: what it was found to be in the trace, -1 for nothing.
    """

    variables: Int32[np.ndarray, " room"]
    bounds: Int64[np.ndarray, "parts two"]
    keys: np.ndarray
    node: Int32[np.ndarray, " parts"]


class Frames(NamedTuple):
    """The path of the search: one frame for each component that is being solved.

    Attributes:
        cells: numbers of each frame, by the names below.
        sums: log of what is added up, and of the branch that is being multiplied.
        keys: of the component.
    """

    cells: Int64[np.ndarray, "frames cells"]
    sums: Float64[np.ndarray, "frames two"]
    keys: np.ndarray


# Places in `Frames.cells`.
BEGIN, END, VARIABLE, NEXT_STATE, AT_TRAIL, AT_NARROWED, AT_LISTED, AT_PART = range(8)
FIRST_PART, NEXT_PART, END_PART, IS_BRANCH, AT_STORED, LAST_RECORD, NUM_CELLS = range(8, 15)

# Places in `Frames.sums`.
ADDED, BRANCH, OF_DECISION, NUM_SUMS = range(4)


class Cache(NamedTuple):
    """Solved components by their keys; open addressing, and the oldest are overwritten.

    Attributes:
        keys: 128 bits each; zeros where nothing is.
        values: their log sums.
        node: in the trace, -1 for nothing.
        stored: a ring of the places that were written last, for who must take them back.
    """

    keys: np.ndarray
    values: Float64[np.ndarray, " entries"]
    node: Int32[np.ndarray, " entries"]
    stored: Int64[np.ndarray, " ring"]


class Clauses(NamedTuple):
    """Clauses learned from conflicts, and why variables have their states; booleans only.

    A literal is twice its variable, plus the state that satisfies it.

    Attributes:
        start: where the literals of each clause begin.
        length: how many there are; the first two are watched.
        literals: of all clauses.
        head: of the clauses that watch each literal, or -1.
        link: the next one after each watch, or -1; watch k of clause c is 2 c + k.
        reason: why a variable is set: a factor, -2 - c for a clause, -1 for a decision.
        since: how long the trail was when it followed.
        place: of it in the trail.
        level: the frame that set it, -1 above all decisions.
        owner: the frame whose component it belongs to.
        is_marked: scratch.
        first: scratch.
        second: scratch.
    """

    start: Int64[np.ndarray, " clauses"]
    length: Int64[np.ndarray, " clauses"]
    literals: Int32[np.ndarray, " room"]
    head: Int64[np.ndarray, " literals"]
    link: Int64[np.ndarray, " watches"]
    reason: Int64[np.ndarray, " variables"]
    since: Int64[np.ndarray, " variables"]
    place: Int64[np.ndarray, " variables"]
    level: Int64[np.ndarray, " variables"]
    owner: Int64[np.ndarray, " variables"]
    is_marked: Bool[np.ndarray, " variables"]
    first: Int64[np.ndarray, " scratch"]
    second: Int64[np.ndarray, " scratch"]


class Trace(NamedTuple):
    """Every branch that was found to be above zero, as a decision diagram.

    A record is a branch: its weight, times its open variables' numbers of states, times the nodes
    of its components. The records of one node are linked; a node is known by its last one.

    Attributes:
        previous: the record before of the same node, or -1.
        log_weight: of the decision and all that followed from it.
        start: where its links begin.
        counts: how many of them are literals, open variables, and nodes.
        links: literals as 64 times the variable plus its state; variables; records.
    """

    previous: Int32[np.ndarray, " records"]
    log_weight: Float64[np.ndarray, " records"]
    start: Int64[np.ndarray, " records"]
    counts: Int32[np.ndarray, "records three"]
    links: Int32[np.ndarray, " room"]


class Search(NamedTuple):
    """All of it."""

    model: Model
    state: State
    parts: Parts
    frames: Frames
    cache: Cache
    clauses: Clauses
    trace: Trace
