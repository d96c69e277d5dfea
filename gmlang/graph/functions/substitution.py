"""A function's body as it is in one call: its arguments in the place of its parameters."""

from dataclasses import dataclass, field, replace

from gmlang.core.ast import (
    Activation,
    Aggregate,
    Apply,
    AttributeRef,
    Bind,
    Call,
    Constant,
    Distribution,
    Expression,
    Integer,
    Item,
    Local,
    Thing,
)
from gmlang.core.walk import parts, with_parts


def simpler(argument: Expression) -> Expression:
    """Return `n - 1 - 1` as `n - 2`, so that what counts down does not grow."""
    match argument:
        case Apply(
            operator="+" | "-" as outer,
            arguments=(
                Apply(operator="+" | "-" as inner, arguments=(base, Constant(value=first))),
                Constant(value=second, span=span),
            ),
            type=Integer() as type_,
        ) if isinstance(first, int) and isinstance(second, int):
            total = (first if inner == "+" else -first) + (second if outer == "+" else -second)
            operator, steps = ("+", total) if total >= 0 else ("-", -total)
            return Apply(argument.span, operator, (base, Constant(span, steps, Integer())), type_)
        case _:
            return argument


def identity(argument: Expression | Thing) -> object:
    """Return what tells arguments apart; equal ones of other forms may count as different."""
    match argument:
        case Constant(value=value, type=type_):
            return type(value), value, type_
        case Local(key=key):
            return key
        case _:
            return id(argument)


@dataclass(slots=True, eq=False)
class Substitution:
    """A call's arguments put in the place of its function's parameters.

    Attributes:
        depth: how many bodies are around this one; its loop variables get names of their own.
    """

    call: Call
    depth: int
    done: dict[int, Expression] = field(default_factory=dict[int, Expression])
    values: dict[str, Expression | Thing] = field(default_factory=dict[str, Expression | Thing])

    def __post_init__(self) -> None:
        """Pair parameters and arguments."""
        pairs = zip(self.call.function.parameters, self.call.arguments, strict=True)
        self.values = {parameter.key: argument for parameter, argument in pairs}

    def of(self, expression: Expression) -> Expression:
        """Return a part of the body as it is in this call."""
        if id(expression) not in self.done:
            self.done[id(expression)] = self._of(expression)
        return self.done[id(expression)]

    def _of(self, expression: Expression) -> Expression:
        if isinstance(expression, Local):
            found = self.values.get(expression.key)
            if found is None:
                return replace(expression, key=self._key(expression.key))
            assert not isinstance(found, Thing)
            return found
        before = parts(expression)
        after = [self.of(part) for part in before]
        same = all(a is b for a, b in zip(after, before, strict=True))
        new = expression if same else with_parts(expression, after)
        match new:
            case AttributeRef(thing=thing):
                return replace(new, thing=self._thing(thing))
            case Activation(arguments=arguments) | Call(arguments=arguments):
                things = (self._thing(a) if isinstance(a, Thing) else a for a in arguments)
                return replace(new, arguments=tuple(things))
            case Aggregate(items=items) | Distribution(items=items):
                return replace(new, items=tuple(map(self._bound, items)))
            case _:
                return new

    def _thing(self, thing: Thing) -> Thing:
        found = self.values.get(thing.key) if thing.key else None
        if found is None:
            return thing
        assert isinstance(found, Thing)
        return replace(found, span=thing.span)

    def _bound(self, item: Item) -> Item:
        clauses = tuple(
            replace(clause, key=self._key(clause.key)) if isinstance(clause, Bind) else clause
            for clause in item.context
        )
        return replace(item, context=clauses)

    def _key(self, key: str) -> str:
        return f"{key}^{self.depth}"
