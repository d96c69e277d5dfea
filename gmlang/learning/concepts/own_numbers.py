"""A learned model with numbers of its own: it uses its parts, but says anew what they predict.

    model zarf(x: Thing) prior 0.01:
        use purple(x) except x.color
        predict x.color = purple @ 0.97

So no other model changes, and wherever it applies its parts do.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import (
    Activation,
    Array,
    AttributeRef,
    Bind,
    Constant,
    DataRef,
    Expression,
    Local,
    Real,
    Thing,
    Whole,
)
from gmlang.core.composed import substituted
from gmlang.core.print import show
from gmlang.core.program import ModelSymbol, Predict, Statement, Use
from gmlang.core.records.covering import Cover
from gmlang.core.walk import parts as parts_of
from gmlang.graph.values.chances import probability
from gmlang.graph.values.environment import Env, Slots
from gmlang.graph.values.evaluate import evaluate
from gmlang.graph.world.world import ONE_INSTANCE, World
from gmlang.learning.concepts.stage import Stage

_PRIOR = 0.5
"""Of a model that names none."""


@dataclass(frozen=True, slots=True)
class Confidence:
    """A confidence that may be fitted.

    Attributes:
        part: the model that predicts so, as a program writes it.
        statement: what it predicts, as its author wrote it.
        value: the number that stands there, above 0 and below 1.
        name: of the number, in a core program that learns it.
    """

    part: str
    statement: str
    value: float
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class OwnNumbers:
    """A learned model that predicts with numbers of its own.

    Attributes:
        uses: its parts, without what it says anew.
        predictions: what it says anew; the numbers to be fitted stand as `DataRef`s.
        confidences: these numbers.
        prior: the probability that all its parts apply, where nothing else is known.
    """

    uses: tuple[Use, ...]
    predictions: tuple[Predict, ...]
    confidences: tuple[Confidence, ...]
    prior: float

    def model(self, symbol: ModelSymbol, numbers: Sequence[float] | None = None) -> ModelSymbol:
        """Return a learned model as this, with numbers in their places where they are known."""
        names = [one.name for one in self.confidences]
        known = {} if numbers is None else dict(zip(names, numbers, strict=True))
        body: list[Statement] = list(self.uses)
        for one in self.predictions:
            sure = one.confidence
            if isinstance(sure, DataRef) and sure.name in known:
                sure = Constant(sure.span, known[sure.name], Real())
            body.append(replace(one, confidence=sure))
        prior = Constant(symbol.span, self.prior, Real())
        return replace(symbol, prior=prior, body=tuple(body), parts=(), soft=False, is_open=False)


@dataclass(frozen=True, slots=True, eq=False)
class _Leaf:
    """A model behind a part, composites taken apart; what it says is about the learned model's."""

    text: str
    symbol: ModelSymbol
    values: dict[str, Constant | Thing]
    key: str

    def predictions(self) -> Iterator[Predict]:
        """Yield what it predicts of attributes of the thing that the learned model is about."""
        for statement in self.symbol.body:
            if isinstance(statement, Predict):
                about = substituted(statement, self.values)
                target = about.target
                if isinstance(target, AttributeRef) and target.thing.key == self.key:
                    yield about

    def covered(self) -> Iterator[str]:
        """Yield the attributes of that thing which it covers."""
        for statement in self.symbol.body:
            if isinstance(statement, Cover):
                target = substituted(statement, self.values).target
                if isinstance(target, AttributeRef) and target.thing.key == self.key:
                    yield target.attribute


def own_numbers(stage: Stage, chosen: tuple[int, ...]) -> OwnNumbers:
    """Return a choice of parts as a model with numbers of its own.

    Every confidence that is one number, above 0 and below 1, may be fitted: not those that loops
    change, nor those of what else the parts use, nor of models that they predict, nor of attributes
    that a part covers as well: what is silenced is all that it says of them, and a cover said anew
    would stand at another depth.
    """
    what, world = stage.what, stage.grounding.world
    symbols = {symbol.name: symbol for symbol in stage.grounding.program.models}
    behind = [list(_leaves(symbols, stage.parts[p].target, world, what.key)) for p in chosen]
    leaves = {
        (leaf.symbol.name, tuple(map(_plain, leaf.values.values()))): leaf
        for own in behind
        for leaf in own
    }
    covered = {attribute for leaf in leaves.values() for attribute in leaf.covered()}
    fitted = {
        _attribute(p): None
        for leaf in leaves.values()
        for p in leaf.predictions()
        if _attribute(p) not in covered and _number(p, world) is not None
    }
    predictions: list[Predict] = []
    confidences: list[Confidence] = []
    for leaf in leaves.values():
        for one in leaf.predictions():
            if _attribute(one) not in fitted:
                continue
            value = _number(one, world)
            if value is not None and one.confidence is not None:
                name = f"{what.model}, confidence {len(confidences)}"
                text = " ".join(one.span.text.split())
                confidences.append(Confidence(leaf.text, text, value, name))
                one = replace(one, confidence=DataRef(one.confidence.span, name, (), Real()))
            predictions.append(replace(one, label=""))
    uses: list[Use] = []
    for part, own in zip(chosen, behind, strict=True):
        target = stage.parts[part].target
        said = {_attribute(p): p for leaf in own for p in leaf.predictions()}
        silenced = tuple(_whole(one, world) for name, one in said.items() if name in fitted)
        uses.append(Use(target.span, (), target, silenced))
    prior = float(np.prod([_prior(symbols, stage.parts[p].target, world) for p in chosen]))
    return OwnNumbers(tuple(uses), tuple(predictions), tuple(confidences), prior)


def _leaves(
    symbols: Mapping[str, ModelSymbol], target: Activation, world: World, key: str
) -> Iterator[_Leaf]:
    symbol = symbols[target.model]
    values = _given(symbol, target, world)
    if not symbol.parts:
        given = [show(v) for v in values.values() if isinstance(v, Constant)]
        text = f"{symbol.name}({', '.join(given)})" if given else symbol.name
        yield _Leaf(text, symbol, values, key)
        return
    for part in symbol.parts:
        yield from _leaves(symbols, substituted(part, values), world, key)


def _given(symbol: ModelSymbol, target: Activation, world: World) -> dict[str, Constant | Thing]:
    """Say what each parameter of a model stands for; numbers are worked out."""
    found: dict[str, Constant | Thing] = {}
    for parameter, argument in zip(symbol.parameters, target.arguments, strict=True):
        if isinstance(argument, Thing):
            found[parameter.key] = argument
            continue
        number = int(np.asarray(evaluate(argument, _env(world))).reshape(-1)[0])
        assert parameter.domain is not None
        found[parameter.key] = Constant(argument.span, number, parameter.domain)
    return found


def _plain(value: Constant | Thing) -> object:
    return value.value if isinstance(value, Constant) else (value.name, value.key, value.indices)


def _env(world: World) -> Env:
    return Env(world, ONE_INSTANCE, Slots(), (), {})


def _attribute(prediction: Predict) -> str:
    assert isinstance(prediction.target, AttributeRef)
    return prediction.target.attribute


def _whole(prediction: Predict, world: World) -> AttributeRef:
    """Return all of the attribute that something is predicted of."""
    target = prediction.target
    assert isinstance(target, AttributeRef)
    attribute = world.attributes[target.thing.entity][target.attribute]
    rank = len(attribute.shape)
    element = target.type.element if isinstance(target.type, Array) else target.type
    return replace(
        target,
        indices=(Whole(target.span),) * rank,
        type=Array(element, rank) if rank else element,  # pyright: ignore[reportArgumentType]
    )


def _number(prediction: Predict, world: World) -> float | None:
    """Return a confidence that is one number above 0 and below 1; None for any other."""
    sure = prediction.confidence
    if sure is None or _has_loops(sure, prediction):
        return None
    value = float(np.asarray(probability(sure, _env(world))).reshape(-1)[0])
    return value if 0.0 < value < 1.0 else None


def _has_loops(sure: Expression, prediction: Predict) -> bool:
    keys = {clause.key for clause in prediction.context if isinstance(clause, Bind)}
    waiting = [sure]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Local) and one.key in keys:
            return True
        waiting += parts_of(one)
    return False


def _prior(symbols: Mapping[str, ModelSymbol], target: Activation, world: World) -> float:
    """Return the prior of a part; of a conjunction, that of all that it consists of."""
    symbol = symbols[target.model]
    values = _given(symbol, target, world)
    if symbol.prior is not None:
        own = substituted(symbol.prior, values)
        return float(np.asarray(probability(own, _env(world))).reshape(-1)[0])
    inner = [_prior(symbols, substituted(part, values), world) for part in symbol.parts]
    return float(np.prod(inner)) if inner else _PRIOR
