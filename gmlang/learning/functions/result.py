"""What came of the `learn def`s of a program: the rules, and what else they might have been."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np

from gmlang.core.ast import Bool as BoolType
from gmlang.core.ast import Enum
from gmlang.core.learned_defs import LearnDefs
from gmlang.diagnostics import GmError
from gmlang.errors.learning import functions as errors
from gmlang.learning.functions.asking import Example, Question, example_of
from gmlang.learning.functions.stage import Function, set_stage
from gmlang.learning.functions.writing import written
from gmlang.queries.answers import plain_json
from gmruntime.arrays import Float64, Int64
from gmruntime.budget import begin_budget
from gmruntime.printable import printable

M = TypeVar("M")

UNDECIDED = 2.0
"""Less than so many times as likely as the next, the best is not decided."""

_SHOWN_MAX = 5
"""So many combinations of rules are written out."""

LISTED_MAX = 50
"""So many are in what other programs read."""


@dataclass(frozen=True, slots=True)
class RuleChoice:
    """A combination of rules, one for each function.

    Attributes:
        rules: as the right side of a `def`.
        sizes: of each, operators and operands.
        score: log prior and log-likelihood, nats.
        log_prior: nats, up to a constant.
        share: of the posterior.
    """

    rules: tuple[str, ...]
    sizes: tuple[int, ...]
    score: float
    log_prior: float
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class LearnedDefs(Generic[M]):
    """Functions that were learned together.

    Attributes:
        whats: the `learn def`s.
        names: of the functions, as the program writes them.
        alternatives: the likeliest combinations of rules, the best first.
        combos: of these and further ones, which candidate each function is.
        shares: of the posterior, for each of these.
        functions: what each might have been.
        status: "exact"; "bounded" where combinations were left out that together have at most
            `left` of the posterior, "estimate" where nothing says how much; "stopped" where the
            time was over.
        left: the share that combinations which were not scored have at most; NaN where not known.
        num_scored: how many combinations explain everything and were scored.
        size: up to which size all rules were looked at.
        question: the value that would tell most; None where nothing is left open.
        model: a program that has the functions.
    """

    whats: LearnDefs
    names: tuple[str, ...]
    alternatives: tuple[RuleChoice, ...]
    combos: Int64[np.ndarray, "combos functions"] = field(repr=False)
    shares: Float64[np.ndarray, " combos"] = field(repr=False)
    functions: tuple[Function, ...] = field(repr=False)
    status: str
    left: float
    num_scored: int
    size: int
    seconds: float
    notes: tuple[str, ...]
    question: Question | None
    model: M = field(repr=False)

    @property
    def best(self) -> RuleChoice:
        """The rules that the functions now have."""
        return self.alternatives[0]

    @property
    def is_decided(self) -> bool:
        """Whether the best is at least twice as likely as the next."""
        some = self.alternatives
        return len(some) < 2 or some[0].share >= UNDECIDED * some[1].share

    def sources(self, number: int = 0) -> dict[str, str]:
        """Return for each function, by name, the `def` that a program writes for it."""
        rules = self.alternatives[number].rules
        pairs = zip(self.whats.defs, rules, strict=True)
        return {
            what.shown: f"def {what.shown}({', '.join(a.name for a in what.arguments)}) = {rule}"
            for what, rule in pairs
        }

    def source(self) -> str:
        """Return the functions as a program writes them, a line each."""
        return "\n".join(self.sources().values())

    def ask(self, about: str, *, budget_s: float = 10.0, **data: object) -> Example | None:
        """Find the example on which the likeliest rules differ most.

        Args:
            about: what they are asked about: a variable whose first axis is the examples.
            budget_s: wall-clock seconds.
            data: of the examples, in place of the program's; what they are to say is left out.

        Returns:
            The example; None where the rules say the same of all.

        Raises:
            GmError: when the data has mistakes, there is no such variable, or time.
        """
        model: Any = self.model
        bound, budget = model.bind(**data), begin_budget(budget_s, None)
        given = {k: v for k, v in bound.values.items() if k not in self.values()}
        try:
            stage = set_stage(bound.checked.program, given, self.whats, budget)
            return example_of(stage, self.functions, about, self.combos, self.shares, budget)
        except TimeoutError:
            raise GmError([errors.no_time(self.whats.span)]) from None

    def values(self, number: int = 0) -> dict[str, np.ndarray]:
        """Return for each function, by core name, its values for all arguments."""
        return {
            function.what.name: values_of(function, int(candidate))
            for function, candidate in zip(self.functions, self.combos[number], strict=True)
        }

    def to_dict(self) -> dict[str, object]:
        """Return it as plain data."""
        asked = self.question
        plain: dict[str, object] = {
            "query": self.whats.text,
            "kind": "learn",
            "status": self.status,
            "functions": list(self.names),
            "source": self.source(),
            "decided": self.is_decided,
            "left": None if np.isnan(self.left) else self.left,
            "num_scored": self.num_scored,
            "alternatives": [
                {
                    "rules": list(one.rules),
                    "sizes": list(one.sizes),
                    "share": one.share,
                    "score": one.score,
                    "prior": one.log_prior,
                }
                for one in self.alternatives[:LISTED_MAX]
            ],
            "question": None
            if asked is None
            else {"call": asked.text, "outcomes": [list(pair) for pair in asked.outcomes]},
            "notes": list(self.notes),
            "seconds": round(self.seconds, 6),
        }
        return {key: plain_json(value) for key, value in plain.items()}

    def __repr__(self) -> str:
        lines = [self.whats.text, *(f"  {line}" for line in self.lines())]
        lines.append(f"  {self.status}: {self.searched()} · {self.seconds:.1f} s")
        lines += [f"  note: {note}" for note in self.notes]
        return printable("\n".join(lines))

    def searched(self) -> str:
        """Say how many combinations of rules explain everything, as far as they were scored."""
        one, more = "rule", "rules"
        if len(self.names) > 1:
            one, more = "combination of rules", "combinations of rules"
        said = (
            f"one {one} explains" if self.num_scored == 1 else f"{self.num_scored} {more} explain"
        )
        if not all(function.rules.is_whole for function in self.functions):
            return f"at least {said} what is seen, of all up to size {self.size} and some larger"
        least = "" if self.left == 0 else "at least "
        return f"{least}{said} what is seen, up to size {self.size}"

    def lines(self) -> list[str]:
        """Write the best rules, what else they might be, and what would tell."""
        lines = [f"{text.removeprefix('def ')}" for text in self.sources().values()]
        if len(self.alternatives) == 1:
            lines.append(f"share {_share(self.best.share)}")
        else:
            lines.append(f"share {_share(self.best.share)}; the next are")
        for number in range(1, min(_SHOWN_MAX, len(self.alternatives))):
            one = self.alternatives[number]
            differ = [
                text.removeprefix("def ")
                for text, rule, best in zip(
                    self.sources(number).values(), one.rules, self.best.rules, strict=True
                )
                if rule != best
            ]
            lines.append(f"  {_share(one.share)}  {', '.join(differ)}")
        more = self.num_scored - min(_SHOWN_MAX, len(self.alternatives))
        if more > 0:
            lines.append(f"  and {more} more")
        if self.question is not None:
            told = ", ".join(f"{v} ({_share(p)})" for v, p in self.question.outcomes[:4])
            lines.append(f"what would tell most: {self.question.text}, which may be {told}")
        return lines


def values_of(function: Function, candidate: int) -> np.ndarray:
    """Return what a rule gives for all arguments, as data is given."""
    shape = [states.count for states in function.arguments]
    codes = function.codes[candidate].reshape(shape)
    match function.what.domain:
        case BoolType():
            return codes.astype(np.bool_)
        case Enum(values=values):
            return np.array(values, object)[codes]
        case _:
            return codes.astype(np.int64) + function.states.first


def rule_texts(functions: tuple[Function, ...], combo: np.ndarray) -> tuple[str, ...]:
    """Write a combination of rules."""
    return tuple(
        written(function.rules, int(function.numbers[candidate]), function.wanted)
        for function, candidate in zip(functions, combo, strict=True)
    )


def _share(share: float) -> str:
    return f"{share:.3f}" if share >= 0.001 or share == 0.0 else f"{share:.1g}"


def provenance(learned: LearnedDefs[Any], origin: str) -> Mapping[str, str]:
    """Say for each function from what it was learned, and how sure it is."""
    best = learned.best
    found: dict[str, str] = {}
    for number, name in enumerate(learned.names):
        text = f"Learned from {origin}: {best.share:.2g} of the posterior"
        others = [a for a in learned.alternatives[1:] if a.rules[number] != best.rules[number]]
        if others:
            text += f"; next `{others[0].rules[number]}`, {others[0].share:.2g}"
        found[name] = f"{text}."
    return found
