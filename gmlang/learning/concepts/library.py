"""What a library says of a learned model: the composite, and from how many examples it comes."""

import re
from typing import Any

from gmlang.learning.concepts.result import LearnedModel

_MODULE = re.compile(r"^(?:\w+\.)+")


def in_library(learned: LearnedModel[Any]) -> str:
    """Write a model as a library does, which has the parts in itself and not in a module."""
    if learned.own_text:
        named = "|".join(map(re.escape, learned.modules()))
        return re.sub(rf"\b(?:{named})\.", "", learned.own_text) if named else learned.own_text
    parts = tuple(_MODULE.sub("", part) for part in learned.best.parts)
    return learned.composite(parts)


def provenance(learned: LearnedModel[Any], origin: str) -> str:
    """Say from what a model was learned, and how sure it is."""
    num_examples, num_others = learned.scores.shape[1], learned.other_scores.shape[1]
    parts = [f"{num_examples} example{'' if num_examples == 1 else 's'}"]
    if num_others:
        parts.append(f"{num_others} counter-example{'' if num_others == 1 else 's'}")
    text = (
        f"Learned from {' and '.join(parts)} in {origin}: {learned.best.share:.2g} of the posterior"
    )
    if len(learned.alternatives) > 1:
        second = learned.alternatives[1]
        text += f"; next `{second.text}`, {second.share:.2g}"
    if learned.fit is not None:
        text += "; with confidences fitted to them"
    return text + "."
