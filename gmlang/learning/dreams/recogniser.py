"""A recogniser: from what is observed to where a search for the best assignment begins.

One logistic layer, made from draws of the program itself. Nothing that it says is believed: what a
search begins with is scored by the program, and bounds come from where they always do.
"""

import hashlib
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from gmlang.diagnostics import GmError
from gmlang.errors.learning import dreams as errors
from gmlang.graph.builder import Builder
from gmlang.queries.session import Session, base_grounding
from gmruntime.arrays import Int64
from gmruntime.formats.errors import FormatError
from gmruntime.formats.numpy_files import read_npz
from gmruntime.graph import FactorGraph, num_states
from gmruntime.workspace import digest_of

_FIELDS = ("program", "observed", "asked", "weights", "bias", "right")


@dataclass(frozen=True, slots=True, eq=False)
class Recogniser:
    """A logistic layer from some variables of a program to others.

    Attributes:
        program: what tells the program and its data, observations aside.
        observed: the variables that it looks at; what is not observed of them says nothing.
        asked: the variables that it proposes states for.
        weights: for each state of each observed variable, and each state of each asked one.
        bias: of the latter.
        right: how often it and the commonest states alone were right, in draws it was not made
            from.
    """

    program: str
    observed: Int64[np.ndarray, " observed"]
    asked: Int64[np.ndarray, " asked"]
    weights: np.ndarray
    bias: np.ndarray
    right: tuple[float, float]

    def __repr__(self) -> str:
        own, common = self.right
        return (
            f"{len(self.observed)} observed, {len(self.asked)} asked variables · right in "
            f"{own:.3f} of draws kept apart, the commonest states in {common:.3f}"
        )

    def start(self, graph: FactorGraph, evidence: np.ndarray) -> np.ndarray:
        """Return a state for each variable of a query's graph; -1 where nothing is proposed.

        Args:
            graph: the program's, perhaps with more variables behind its own.
            evidence: a state for each observed variable, -1 for the others.
        """
        states = num_states(graph)
        found = np.full(len(states), -1, np.int32)
        if max(self.observed.max(initial=-1), self.asked.max(initial=-1)) >= len(states):
            return found
        counts, seen = states[self.observed], evidence[self.observed]
        if counts.sum() != len(self.weights) or states[self.asked].sum() != len(self.bias):
            return found
        place = np.cumsum(counts) - counts + seen
        scores = self.bias + self.weights[place[seen >= 0]].sum(axis=0)
        first = 0
        for variable, count in zip(self.asked.tolist(), states[self.asked].tolist(), strict=True):
            found[variable] = int(scores[first : first + count].argmax())
            first += count
        return found

    def guides(self, session: Session) -> Session:
        """Return a session whose searches begin where this says.

        Raises:
            GmError: when it was made from another program, or other data.
        """
        if program_digest(base_grounding(session).builder) != self.program:
            raise GmError([errors.other_program()])
        return replace(session, guide=self.start)

    def save(self, path: str | PathLike[str]) -> None:
        """Write it as an NPZ archive."""
        values = {name: np.asarray(getattr(self, name)) for name in _FIELDS}
        values["program"] = np.frombuffer(bytes.fromhex(self.program), np.uint8)
        with Path(path).open("wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, **values)


def load_recogniser(path: str | PathLike[str]) -> Recogniser:
    """Read a recogniser.

    Raises:
        GmError: when the file is none.
    """
    try:
        values = read_npz(str(path))
        program = bytes(values["program"].astype(np.uint8)).hex()
        observed, asked = (values[name].astype(np.int64) for name in ("observed", "asked"))
        weights, bias = (values[name].astype(np.float32) for name in ("weights", "bias"))
        own, common = map(float, values["right"])
    except (OSError, FormatError, BadZipFile, KeyError, ValueError, TypeError) as error:
        raise GmError([errors.no_recogniser(str(path))]) from error
    is_sound = (
        observed.ndim == asked.ndim == bias.ndim == 1
        and weights.ndim == 2
        and weights.shape[1] == len(bias)
        and bool(np.isfinite(weights).all() and np.isfinite(bias).all())
        and min(observed.min(initial=0), asked.min(initial=0)) >= 0
    )
    if not is_sound:
        raise GmError([errors.no_recogniser(str(path))])
    return Recogniser(program, observed, asked, weights, bias, (own, common))


def program_digest(builder: Builder) -> str:
    """Say in a few letters what a program's graph is, observations aside."""
    digest = hashlib.blake2b(digest_size=16)
    for block in builder.variables:
        digest.update(f"{block.name} {block.shape} {block.num_states};".encode())
    for block, origin in zip(builder.factors, builder.origins, strict=True):
        if origin.kind != "observe":
            try:
                digest.update(digest_of(block.kind))
            except TypeError:
                raise GmError([errors.too_large_to_know()]) from None
            digest.update(np.ascontiguousarray(block.scopes, np.int64).tobytes())
    return digest.hexdigest()
