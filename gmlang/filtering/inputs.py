"""What is given for steps: read by the declared type, then as states and as rows of data."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from gmlang.core.ast import Bool, Real
from gmlang.core.program import DataSymbol, Program
from gmlang.data.arrays import from_python
from gmlang.data.inside import check_inside, constant_ends
from gmlang.data.names import shown
from gmlang.data.places import as_pairs
from gmlang.diagnostics import GmError
from gmlang.errors import filtering as errors
from gmlang.errors import grounding as grounding_errors
from gmlang.errors.shapes import wrong_shape
from gmlang.filtering.chains.chain import Chain
from gmlang.filtering.chains.offsets import offsets, size_name
from gmlang.filtering.places import Place
from gmlang.graph.world.states import shown_number

_ROWS_MAX = 1 << 12
"""Values of inputs of which it is remembered how they were read."""


@dataclass(slots=True, eq=False)
class Inputs:
    """The data that comes step by step.

    Attributes:
        symbols: by the names of the core program.
        names: of the core program, by those from outside.
        outside: the other way round.
        size: the time's name.
        axes: which axis of each is time.
        shapes: of one step's values of each; None along an axis that is not known yet.
        codes: states of single values that were given before, by data, type and value.
        rows: other single values, as they were read, likewise.
    """

    symbols: Mapping[str, DataSymbol]
    names: Mapping[str, str]
    outside: Mapping[str, str]
    size: str
    axes: Mapping[str, int]
    shapes: dict[str, tuple[int | None, ...]]
    codes: dict[tuple[str, type, object], int] = field(
        default_factory=dict[tuple[str, type, object], int]
    )

    rows: dict[tuple[str, type, object], np.ndarray] = field(
        default_factory=dict[tuple[str, type, object], np.ndarray]
    )

    def note(
        self, given: Mapping[str, object], rows: Mapping[str, np.ndarray], plain: Collection[str]
    ) -> None:
        """Remember how single values were read, but for data that is only observed."""
        for outside, value in given.items():
            name = self.names[outside]
            is_single = isinstance(value, bool | int | str) and not self.shapes[name]
            if is_single and name not in plain and len(self.rows) < _ROWS_MAX:
                self.rows[name, value.__class__, value] = rows[name]

    def core_name(self, name: str) -> str:
        """Return the core program's name of what is given.

        Raises:
            GmError: when it is none of what comes step by step.
        """
        found = self.names.get(name)
        if found is None:
            raise GmError([errors.unknown_input(name, sorted(self.names), self.size)])
        return found

    def read(self, given: Mapping[str, object], *, many: bool) -> dict[str, np.ndarray]:
        """Read what is given for one step, or for many: arrays with time first.

        Raises:
            GmError: naming what is none of its type or has another shape.
        """
        found: dict[str, np.ndarray] = {}
        for name, value in given.items():
            core = self.core_name(name)
            symbol = self.symbols[core]
            axis = self.axes[core]
            if not many:
                shape = tuple(part for k, part in enumerate(symbol.shape) if k != axis)
                written = from_python(replace(symbol, shape=shape), value)
                array = written[None]
            else:
                written = from_python(symbol, value)
                array = np.moveaxis(written, axis, 0) if written.ndim else written
            if array.ndim != len(symbol.shape):
                said = _declared(shown(symbol), self.shapes[core])
                raise GmError([wrong_shape(symbol.span, name, said, array.shape, (), 0)])
            ends = constant_ends(symbol)
            if ends is not None:
                # As it was given: of one step, without the axis of time.
                check_inside(symbol, written, *ends)
            self._check_shape(core, array)
            found[core] = array
        lengths = [(shown(self.symbols[n]), len(array)) for n, array in found.items()]
        if len({count for _, count in lengths}) > 1:
            raise GmError([errors.lengths_differ(lengths)])
        return found

    def _check_shape(self, name: str, array: np.ndarray) -> None:
        known, symbol = self.shapes[name], self.symbols[name]
        shape = array.shape[1:]
        fits = len(shape) == len(known) and all(
            a in (None, b) for a, b in zip(known, shape, strict=False)
        )
        if not fits:
            said = _declared(shown(symbol), known)
            raise GmError([wrong_shape(symbol.span, shown(symbol), said, shape, (), 0)])
        self.shapes[name] = shape

    def missing(self, name: str, count: int) -> np.ndarray:
        """Return values that are all missing.

        Raises:
            GmError: while it is not known how many a step has.
        """
        symbol, shape = self.symbols[name], self.shapes[name]
        sizes = [part for part in shape if part is not None]
        if len(sizes) < len(shape):
            raise GmError([errors.missing_input(symbol.span, shown(symbol))])
        kind = bool if isinstance(symbol.type, Bool) else float
        kind = kind if isinstance(symbol.type, Bool | Real) else int
        return np.ma.masked_all((count, *sizes), kind)

    def states(self, place: Place, array: np.ndarray) -> np.ndarray:
        """Return the states in which a place is seen in each step, -1 where it is not.

        Raises:
            GmError: when a value is outside the domain of what is observed.
        """
        values = array.reshape(len(array), -1)[:, place.entry]
        is_seen = ~np.isnan(values)
        found = np.where(is_seen, values, place.states.first) - place.states.first
        wrong = is_seen & ((found < 0) | (found >= place.states.count) | (found != np.round(found)))
        if wrong.any():
            span = place.statement.span
            value = shown_number(values[wrong][0].item())
            domain = place.states.describe()
            what = place.statement.target.span.text
            raise GmError([grounding_errors.value_outside_domain(span, what, value, domain)])
        return np.where(is_seen, found, -1).astype(np.int32)


def _declared(name: str, shape: tuple[int | None, ...]) -> str:
    """Write what a step has of some data."""
    parts = ", ".join("?" if part is None else str(part) for part in shape)
    return f"{name} of a step, [{parts}]" if shape else f"{name}, one value a step"


def inputs_of(
    chain: Chain, program: Program, values: Mapping[str, object], numbers: Mapping[str, int]
) -> Inputs:
    """Say what comes step by step, and how large it is as far as the other data says.

    Raises:
        GmError: when it is of a kind that filters do not read.
    """
    symbols = {s.name: s for s in program.data if s.name in chain.inputs}
    for symbol in symbols.values():
        if as_pairs(symbol) is not symbol:
            raise GmError([errors.not_followed(symbol.span, shown(symbol))])
    names = {shown(symbol): name for name, symbol in symbols.items()}
    sizes = dict(numbers)
    for symbol in program.data:
        given = values.get(symbol.name)
        if symbol.name not in chain.inputs and isinstance(given, np.ndarray):
            for part, size in zip(symbol.shape, given.shape, strict=False):
                sizes.setdefault(size_name(part), size)
    shapes: dict[str, tuple[int | None, ...]] = {}
    for name, symbol in symbols.items():
        shape: list[int | None] = []
        for axis, part in enumerate(symbol.shape):
            if axis != chain.inputs[name]:
                known = (
                    sizes.get(part)
                    if isinstance(part, str)
                    else getattr(offsets(part, {}, sizes, chain.size), "low", None)
                )
                shape.append(known)
        shapes[name] = tuple(shape)
    outside = {name: given for given, name in names.items()}
    return Inputs(symbols, names, outside, chain.size, chain.inputs, shapes)
