"""The kinds of factor, one file for each or for a close family, and the list of all.

Each file is complete: the record, its parameters, what it means, and its rules. `FactorKind` in
`gmruntime.factors.kind` says what a kind has to say. A new kind is a module here, its import and
its line in `KINDS`; no engine need name it.
"""

from gmruntime.factors.kind import FactorKind as FactorKind
from gmruntime.factors.kinds.all_different import AllDifferent
from gmruntime.factors.kinds.count import Count
from gmruntime.factors.kinds.cover import Cover
from gmruntime.factors.kinds.disjunction import NoisyOr, Or
from gmruntime.factors.kinds.linear_sum import LinearSum
from gmruntime.factors.kinds.lookup import Lookup
from gmruntime.factors.kinds.match import Match
from gmruntime.factors.kinds.memory import Memory
from gmruntime.factors.kinds.parity import Xor
from gmruntime.factors.kinds.potts import Potts
from gmruntime.factors.kinds.table import Gated, Table
from gmruntime.factors.kinds.truncated import TruncatedLinear, TruncatedQuadratic
from gmruntime.factors.kinds.window import SoftWindow, Window

KINDS: tuple[type[FactorKind], ...] = (
    Table,
    Gated,
    Potts,
    TruncatedLinear,
    TruncatedQuadratic,
    Or,
    NoisyOr,
    Xor,
    Count,
    LinearSum,
    AllDifferent,
    Window,
    SoftWindow,
    Cover,
    Match,
    Lookup,
    Memory,
)
