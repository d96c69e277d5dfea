"""What came of a `learn model`: the choices, what they score, and what speaks against the best."""

from dataclasses import asdict, dataclass, field
from typing import Generic, TypeVar

import numpy as np

from gmlang.core.concepts import LearnModel
from gmlang.learning.concepts.protests import Protest
from gmlang.learning.concepts.refitting import Fit
from gmlang.queries.answers import plain_json
from gmruntime.arrays import Float64
from gmruntime.printable import printable

M = TypeVar("M")

UNDECIDED = 2.0
"""Less than so many times as likely as the next, the best is not decided."""

_SHOWN_MAX = 5
"""So many choices are written out."""

_PROTESTS_SHOWN_MAX = 6

_LISTED_MAX = 50
"""So many choices are in what other programs read."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """A choice of parts.

    Attributes:
        parts: as a program writes them.
        score: log prior and log-probability of the examples, nats.
        log_prior: of the choice, nats.
        share: of the posterior, among the choices that were scored.
    """

    parts: tuple[str, ...]
    score: float
    log_prior: float
    share: float

    @property
    def text(self) -> str:
        """As the right side of a composite: `purple jar`."""
        return " ".join(self.parts)


@dataclass(frozen=True, slots=True, eq=False)
class LearnedModel(Generic[M]):
    """A model made of others, and what else it might have been.

    Attributes:
        what: the `learn model`.
        name: of the model, as the program writes it.
        alternatives: all choices that are possible, the best first.
        scores: log P(example | choice) in their order, nats.
        other_scores: log P(not all of it is active | example) of what it does not apply to.
        protests: what speaks against the parts of the best.
        status: of the scores: "exact", "estimate", or "stopped" where the time was over.
        is_whole: whether all choices were scored.
        num_scored: how many were, the impossible ones included.
        nothing: what no model at all would score, nats.
        notes: what else is to be said.
        fit: the confidences that it has of its own; None where it is a composite of its parts.
        is_soft: whether the parts of the best go together so badly that a composite says `soft`.
        own_text: it as a program writes it, where it has numbers of its own; else "".
        model: a program that has it.
    """

    what: LearnModel
    name: str
    alternatives: tuple[Alternative, ...]
    scores: Float64[np.ndarray, "alternatives examples"] = field(repr=False)
    other_scores: Float64[np.ndarray, "alternatives others"] = field(repr=False)
    protests: tuple[Protest, ...]
    status: str
    is_whole: bool
    num_scored: int
    nothing: float
    seconds: float
    notes: tuple[str, ...]
    is_soft: bool
    fit: Fit | None
    own_text: str = field(repr=False)
    model: M = field(repr=False)

    @property
    def best(self) -> Alternative:
        """The choice that the model now is."""
        return self.alternatives[0]

    @property
    def is_decided(self) -> bool:
        """Whether the best is at least twice as likely as the next."""
        return (
            len(self.alternatives) < 2 or self.best.share >= UNDECIDED * self.alternatives[1].share
        )

    def source(self) -> str:
        """Return the model as a program writes it: `model zarf = purple striped`."""
        return self.own_text or self.composite(self.best.parts)

    def modules(self) -> tuple[str, ...]:
        """Name the modules that the parts of the best, and what it is about, come from."""
        names = (*self.best.parts, self.what.entity_text)
        heads = (name.partition("(")[0].rpartition(".")[0] for name in names)
        return tuple(dict.fromkeys(head for head in heads if head))

    def composite(self, parts: tuple[str, ...]) -> str:
        """Write a composite of some parts by the model's name."""
        return f"model {self.name} = {' '.join(parts)}{' soft' if self.is_soft else ''}"

    def to_dict(self) -> dict[str, object]:
        """Return it as plain data."""
        plain: dict[str, object] = {
            "query": self.what.text,
            "kind": "learn",
            "status": self.status,
            "model": self.name,
            "source": self.source(),
            "decided": self.is_decided,
            "searched": "all" if self.is_whole else "best first",
            "num_scored": self.num_scored,
            "alternatives": [
                {"parts": list(a.parts), "share": a.share, "score": a.score, "prior": a.log_prior}
                for a in self.alternatives[:_LISTED_MAX]
            ],
            "scores": self.scores[0].tolist(),
            "other_scores": self.other_scores[0].tolist(),
            "protests": [
                {"part": p.part, "example": p.example, "seen": p.seen, "nats": p.nats}
                for p in self.protests
            ],
            "refitted": [] if self.fit is None else [asdict(one) for one in self.fit.numbers],
            "notes": list(self.notes),
            "seconds": round(self.seconds, 6),
        }
        return {key: plain_json(value) for key, value in plain.items()}

    def __repr__(self) -> str:
        lines = [self.what.text, *(f"  {line}" for line in self.lines())]
        lines.append(f"  {self.status}: {self.searched()} · {self.seconds:.1f} s")
        lines += [f"  note: {note}" for note in self.notes]
        return printable("\n".join(lines))

    def searched(self) -> str:
        """Say how many choices were scored."""
        which = "all" if self.is_whole else "the best first,"
        return f"{which} {self.num_scored} choices"

    def lines(self) -> list[str]:
        """Write the best choices with their shares, and what speaks against the best."""
        shown = self.alternatives[:_SHOWN_MAX]
        width = max(len(a.text) for a in shown)
        lines = [f"{self.name} = {a.text:<{width}}  {_share(a.share)}" for a in shown]
        left = len(self.alternatives) - len(shown)
        if left:
            rest = sum(a.share for a in self.alternatives[_SHOWN_MAX:])
            others = "1 other" if left == 1 else f"{left} others"
            lines.append(f"{others}, {_share(rest)} together")
        lines += [
            f"{p.part} did not expect {p.seen} of {p.example}: {_nats(p.nats)}"
            for p in self.protests[:_PROTESTS_SHOWN_MAX]
        ]
        more = len(self.protests) - _PROTESTS_SHOWN_MAX
        lines += [f"{more} more such protests"] if more > 0 else []
        return lines + ([] if self.fit is None else self.fit.lines())


def _share(share: float) -> str:
    return f"{share:.3f}" if share >= 0.001 or share == 0.0 else f"{share:.1g}"


def _nats(nats: float) -> str:
    return f"{nats:.2f} nats" if np.isfinite(nats) else "it cannot be"
