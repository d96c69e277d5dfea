"""The last step of a window as rows of reals: what is new in it, over what was handed on.

The window is grounded at a few values of the data that enters linearly; the differences of its
numbers say how they depend on that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gmlang.diagnostics import GmError
from gmlang.errors import filtering as errors
from gmlang.filtering.chains.chain import Chain
from gmlang.filtering.places import LASTING, Known, Numbering
from gmlang.graph.from_core import Grounding
from gmlang.graph.rows.joint import JointReals, placed_pieces, real_name
from gmlang.graph.rows.linear import Linear, RealRows, some_rows
from gmlang.graph.rows.substituting import Definitions, substituted
from gmlang.graph.world.names import variable_name
from gmlang.graph.world.world import World


def numbering_of_reals(chain: Chain, world: World, num_steps: int) -> Numbering:
    """Find out what the joint reals of a window are, by their numbers."""
    count = world.num_joint_reals
    array, element = np.full(count, -1, np.int32), np.zeros(count, np.int64)
    time = np.full(count, -1, np.int64)
    names: list[tuple[str, ...]] = []
    sizes: list[int] = []
    for (entity, name), start in world.joint_reals.items():
        one = world.reals[entity][name]
        size = int(np.prod(one.shape, dtype=np.int64))
        places = one.starts.reshape(-1, *[1] * len(one.shape))
        numbers = start + places + np.arange(size).reshape(1, *one.shape)
        axis = chain.axes.get((entity, name))
        if axis is None:
            numbers = numbers.reshape(1, -1)
        else:
            numbers = np.moveaxis(numbers, axis + 1, 0).reshape(num_steps, -1)
            time[numbers] = np.arange(num_steps)[:, None]
        array[numbers] = len(names)
        element[numbers] = np.arange(numbers.shape[1])
        names.append((entity, name))
        sizes.append(numbers.shape[1])
    counts = (0,) * len(names)
    return Numbering(tuple(names), array, element, time, counts, tuple(sizes), num_steps)


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """What a step says of reals, at some data.

    Attributes:
        reals: by number; those that were handed on first.
        is_free: which of the others are not known.
        known: their values where they are.
        coefficients, constants, weights, log_scales: of its rows.
        forms, form_constants: what is handed on, and asked about, as sums of the reals.
        is_drawn: of the others, whether a row of the step draws them.
    """

    reals: np.ndarray
    is_free: np.ndarray
    known: np.ndarray
    coefficients: np.ndarray
    constants: np.ndarray
    weights: np.ndarray
    log_scales: np.ndarray
    forms: np.ndarray
    form_constants: np.ndarray
    is_drawn: np.ndarray


@dataclass(slots=True, eq=False)
class RealStep:
    """The reals of a window's last step.

    Attributes:
        chain: the program.
        grounding: of the window.
        num_steps: of it.
        before: what was handed on, in order.
    """

    chain: Chain
    grounding: Grounding
    joint: JointReals
    num_steps: int
    before: tuple[Known, ...]

    def numbering(self) -> Numbering:
        """Say which reals have which numbers."""
        return numbering_of_reals(self.chain, self.grounding.world, self.num_steps)

    def numbers(self, shown: Sequence[Known], asked: Sequence[int]) -> Numbers:
        """Return what the step says.

        Args:
            shown: what is handed on after it.
            asked: numbers of reals that are asked about.

        Raises:
            GmError: where that cannot be followed.
        """
        world, numbering = self.grounding.world, self.numbering()
        named = {numbering.known(k): k for k in range(len(numbering.array))}
        before = [named[one.step_later()] for one in self.before]
        is_before = np.zeros(world.num_joint_reals, np.bool_)
        is_before[before] = True
        definitions = self._definitions(is_before)
        pieces = [
            piece
            for rows in self._new_rows(numbering, is_before)
            for piece in placed_pieces(world, definitions, rows, np.arange(len(is_before)))
        ]
        for piece in pieces:
            self._check_unselected(piece.linear, piece)
        wanted = [*(named[one] for one in shown), *asked]
        forms = [self._form(definitions, number) for number in wanted]
        mentioned = [one.linear.reals.reshape(-1) for one in pieces]
        mentioned += [reals for reals, _, _ in forms]
        every = np.unique(np.concatenate([np.zeros(0, np.int64), *mentioned]))
        new = every[~is_before[every]]
        self._check_new(numbering, new)
        reals = np.concatenate([np.array(before, np.int64), new]).astype(np.int64)
        column = np.full(len(is_before), -1)
        column[reals] = np.arange(len(reals))
        values = self._observed()[new]
        return Numbers(
            reals,
            np.isnan(values),
            values,
            *_dense(pieces, column, len(reals)),
            *_dense_forms(forms, column, len(reals)),
            self._are_drawn(pieces, new),
        )

    def _is_new(self, rows: RealRows) -> bool:
        said = next((one for one in self.chain.said if one.span.contains(rows.span)), None)
        if said is None:
            raise GmError([errors.not_followed(rows.span, rows.span.text)])
        return said.is_repeated or said.first == self.num_steps

    def _new_rows(self, numbering: Numbering, is_before: np.ndarray) -> list[RealRows]:
        """List the rows that are new in the last step."""
        found: list[RealRows] = []
        for rows in self.joint.raw:
            linear = rows.linear
            if rows.kind != "base":
                if self._is_new(rows):
                    found.append(rows)
                continue
            numbers = linear.reals[:, 0]
            is_new = numbering.are_new(numbers[:, None]) & ~is_before[numbers]
            which = np.flatnonzero(is_new)
            if len(which):
                found.append(some_rows(rows, which))
        return found

    def _definitions(self, is_before: np.ndarray) -> Definitions:
        """Return the definitions of what is new; nothing handed on may be defined or drawn anew."""
        world, found = self.grounding.world, self.joint.definitions
        for item in found.items:
            said = next((one for one in self.chain.said if one.span.contains(item.span)), None)
            is_new = said is None or said.is_repeated or said.first == self.num_steps
            if is_new and is_before[item.targets].any():
                raise GmError([errors.not_followed(item.span, item.span.text)])
        based = np.zeros(len(is_before), np.bool_)
        for (entity, name), start in world.joint_reals.items():
            one = world.reals[entity][name]
            based[start : start + one.values.size] = one.normal is not None
        for targets, span in self.grounding.builder.real_mechanisms:
            said = next((one for one in self.chain.said if one.span.contains(span)), None)
            is_new = said is None or said.is_repeated or said.first == self.num_steps
            if is_new and (is_before & based)[targets].any():
                raise GmError([errors.not_followed(span, span.text)])
        return replace(found, which=np.where(is_before, -1, found.which))

    def _form(self, definitions: Definitions, number: int) -> tuple[np.ndarray, np.ndarray, float]:
        """Write a real with none that is defined in this step: reals, coefficients, constant."""
        world = self.grounding.world
        nothing = np.zeros((1, 0), np.int64)
        one = Linear(nothing, (), np.array([[number]]), np.ones((1, 1)), np.zeros(1))
        ((_, found, _),) = substituted(world, definitions, one, [])
        self._check_unselected(found, None, number)
        return found.reals[0], found.coefficients[0], float(found.constants[0])

    def _check_unselected(
        self, linear: Linear, rows: RealRows | None, number: int | None = None
    ) -> None:
        """Refuse reals whose law depends on finite variables."""
        if not linear.scopes.shape[1]:
            return
        world = self.grounding.world
        which = variable_name(world, int(linear.scopes[0, 0]))
        if rows is None:
            item = self.joint.definitions.items[int(self.joint.definitions.which[number])]
            raise GmError([errors.unseen_selector(item.span, item.span.text, which)])
        raise GmError([errors.unseen_selector(rows.span, rows.span.text, which)])

    def _check_new(self, numbering: Numbering, new: np.ndarray) -> None:
        """Refuse what belongs to steps before, and was not handed on."""
        for number in new.tolist():
            known = numbering.known(number) if number < len(numbering.array) else None
            if known is None or known.back == 0:
                continue
            if known.back != LASTING or self.num_steps > 1:
                name = real_name(self.grounding.world, number)
                raise GmError([errors.not_followed(self.chain.program.span, name)])

    def _observed(self) -> np.ndarray:
        world = self.grounding.world
        found = np.full(world.num_joint_reals, np.nan)
        for (entity, name), start in world.joint_reals.items():
            values = world.reals[entity][name].values
            found[start : start + values.size] = values
        return found

    def _are_drawn(self, pieces: list[RealRows], new: np.ndarray) -> np.ndarray:
        """Say which new reals have a law of their own."""
        found = np.zeros(self.grounding.world.num_joint_reals, np.bool_)
        for rows in pieces:
            if rows.kind in ("draw", "base") and rows.linear.reals.shape[1]:
                weights = np.broadcast_to(rows.weights, len(rows.linear.reals))
                found[rows.linear.reals[weights > 0.0, 0]] = True
        return found[new]


def _dense(
    pieces: list[RealRows], column: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return coefficients, constants, weights and log scales of rows."""
    count = sum(one.linear.count for one in pieces)
    coefficients, numbers = np.zeros((count, width)), np.zeros((3, count))
    first = 0
    for rows in pieces:
        linear = rows.linear
        own = slice(first, first + linear.count)
        places = column[linear.reals]
        values = np.broadcast_to(linear.coefficients, places.shape)
        at = np.broadcast_to(np.arange(first, own.stop)[:, None], places.shape)
        np.add.at(coefficients, (at, places), values)
        numbers[0, own], numbers[1, own] = linear.constants, rows.weights
        numbers[2, own] = rows.log_scales
        first = own.stop
    return coefficients, numbers[0], numbers[1], numbers[2]


def _dense_forms(
    forms: list[tuple[np.ndarray, np.ndarray, float]], column: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray]:
    found = np.zeros((len(forms), width))
    for k, (reals, coefficients, _) in enumerate(forms):
        np.add.at(found[k], column[reals], coefficients)
    return found, np.array([constant for *_, constant in forms])
