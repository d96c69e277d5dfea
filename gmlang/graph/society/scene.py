"""Where statements are grounded, and which of their predictions others silence."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from gmlang.core.ast import Activation, Apply, Bool, Expression
from gmlang.diagnostics import Span
from gmlang.graph.lowering.grounder import Grounder, environment, hidden_reference
from gmlang.graph.world.places import locate
from gmlang.graph.world.states import BOOL
from gmlang.graph.world.world import Frame, select_rows


@dataclass(frozen=True, slots=True, eq=False)
class Silence:
    """`use m(...) except p`: while the silencer is active, m's prediction about p is not made.

    Attributes:
        activations: of the used instances.
        targets: the variables whose prediction is silenced.
        silencers: the variables that silence it.
    """

    model: str
    span: Span
    text: str
    activations: np.ndarray
    targets: np.ndarray
    silencers: np.ndarray


@dataclass(slots=True, eq=False)
class Scene:
    """Where statements are grounded: the graph so far, the silences, and the model, if any."""

    grounder: Grounder
    silences: list[Silence] = field(default_factory=list[Silence])
    heard: set[int] = field(default_factory=set[int])
    model: str = ""
    own: Activation | None = None

    @property
    def is_process(self) -> bool:
        """Say whether the model is a process, which asks itself whether it is active."""
        return bool(self.model) and self.grounder.world.models[self.model].symbol.is_process


def unsilenced(
    scene: Scene, frame: Frame, targets: np.ndarray, span: Span
) -> Iterator[tuple[np.ndarray, Frame, tuple[Expression, ...]]]:
    """Split a model's instances by how many silencers a prediction has.

    Yields:
        Rows, their frame, and the conditions under which nobody silences the prediction.
    """
    for rows, silencers in _silenced_groups(scene, frame, targets):
        part = select_rows(frame, rows)
        extra: list[Expression] = []
        for column in silencers.T:
            part, heard = hidden_reference(scene.grounder, part, column, BOOL, span)
            extra.append(Apply(span, "not", (heard,), Bool()))
        yield rows, part, tuple(extra)


def _silenced_groups(
    scene: Scene, frame: Frame, targets: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split a model's instances by how many silencers a prediction has: (rows, silencers)."""
    everything: np.ndarray = np.arange(frame.count)
    relevant = [s for s in scene.silences if s.model == scene.model]
    if not relevant or scene.own is None:
        return [(everything, np.zeros((frame.count, 0), np.int64))]
    own = locate(scene.own, environment(scene.grounder, frame)).variables
    lists: list[list[int]] = [[] for _ in range(frame.count)]
    for silence in relevant:
        table: dict[tuple[int, int], list[int]] = {}
        pairs = zip(silence.activations, silence.targets, silence.silencers, strict=True)
        for activation, target, silencer in pairs:
            table.setdefault((int(activation), int(target)), []).append(int(silencer))
        for row in range(frame.count):
            found = table.get((int(own[row]), int(targets[row])), [])
            lists[row].extend(found)
            if found:
                scene.heard.add(id(silence))
    sizes = np.array([len(found) for found in lists])
    groups: list[tuple[np.ndarray, np.ndarray]] = []
    for size in np.unique(sizes):
        rows = np.flatnonzero(sizes == size)
        chosen = [lists[row] for row in rows]
        groups.append((rows, np.array(chosen, np.int64).reshape(len(rows), int(size))))
    return groups
