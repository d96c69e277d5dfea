"""What each statement of a program says of time, and what of it no filter could follow."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from gmlang.core.ast import (
    Activation,
    Aggregate,
    Apply,
    AttributeRef,
    Bind,
    Bool,
    DataRef,
    Distribution,
    Expression,
    Gate,
    Integer,
    IntRange,
    Item,
    Local,
    Size,
    Thing,
    VariableRef,
    Where,
    Whole,
)
from gmlang.core.check.joint.routes import joint_keys
from gmlang.core.program import DataSymbol, ObserveValue, Program, Statement
from gmlang.core.records.reals import Density, ObserveReal
from gmlang.core.walk import clause_parts, parts, walk
from gmlang.diagnostics import Diagnostic, Span
from gmlang.errors import filtering as errors
from gmlang.filtering.chains.mentions import Mentions
from gmlang.filtering.chains.offsets import Offsets, offsets, size_name

_COMPARED = ("==", "!=", "<", "<=", ">", ">=", "in_range")


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """When a statement is said.

    Attributes:
        span: of the statement.
        first: of a statement that is said of each step: after so many steps it is; of another one,
            after so many it is said, once.
        is_repeated: whether it is said of each step.
        is_whole: whether it is about whole arrays over time.
    """

    span: Span
    first: int
    is_repeated: bool
    is_whole: bool = False


def axis_of(size: str, shape: tuple[object, ...]) -> int | None:
    """Return which axis of a shape is time."""
    return next((k for k, part in enumerate(shape) if size_name(part) == size), None)


def expressions_in(statement: Statement) -> Iterator[Expression]:
    """Yield the expressions of a statement, those of its loops aside."""
    for name in statement.__slots__:
        value = getattr(statement, name)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, Expression):
                yield one
            elif isinstance(one, Density):
                yield from one.arguments


@dataclass(slots=True, eq=False)
class Reading:
    """What was found so far while a program is read.

    Attributes:
        size: the time's name.
        axes: of what runs over time, which axis it is.
        numbers: data that is a single number.
        reals: attributes that are real numbers, but for those that depend on each other linearly;
            `refused` those of them that run over time.
        said, lags, loops, lasting, wrong: found.
        needed: numbers of steps after which all loops and comparisons say the same.
    """

    size: str
    axes: Mapping[tuple[str, ...], int]
    numbers: Mapping[str, int]
    reals: set[tuple[str, ...]] = field(default_factory=set[tuple[str, ...]])
    refused: set[tuple[str, ...]] = field(default_factory=set[tuple[str, ...]])
    said: list[Said] = field(default_factory=list[Said])
    lags: dict[tuple[str, ...], int] = field(default_factory=dict[tuple[str, ...], int])
    needed: list[int] = field(default_factory=list[int])
    loops: set[str] = field(default_factory=set[str])
    lasting: set[tuple[str, ...]] = field(default_factory=set[tuple[str, ...]])
    wrong: list[Diagnostic] = field(default_factory=list[Diagnostic])

    def declarations(self, program: Program, inputs: Mapping[str, int]) -> None:
        """Check that declarations know nothing of the end of time."""
        for symbol in program.data:
            expressions = [part for part in symbol.shape if not isinstance(part, str)]
            expressions += [symbol.value] if symbol.value is not None else []
            expressions = [e for e in expressions if size_name(e) != self.size]
            if symbol.name != self.size:
                self.plain(expressions)
            if symbol.derived is not None and self._is_derived_over_time(symbol, inputs):
                self.wrong.append(errors.not_followed(symbol.span, symbol.name))
        domains = [symbol.type for symbol in program.data]
        variables = [*program.variables, *(s for e in program.entities for s in e.attributes)]
        domains += [symbol.domain for symbol in variables]
        domains += [p.domain for m in program.models for p in m.parameters if p.domain is not None]
        for symbol in (*program.data, *variables):
            if sum(size_name(part) == self.size for part in symbol.shape) > 1:
                self.wrong.append(errors.end_of_time(symbol.span, self.size))
        for domain in domains:
            self.plain((domain.first, domain.last) if isinstance(domain, IntRange) else ())
        for symbol in variables:
            bases = () if symbol.base is None else (symbol.base,)
            self.plain(part for part in (*symbol.shape, *bases) if size_name(part) != self.size)
        for thing in program.things:
            self.plain(thing.shape)
        joint = joint_keys(program)
        self.reals |= {(e.name, s.name) for e in program.entities for s in e.reals} - joint
        for entity, symbol in ((e.name, s) for e in program.entities for s in e.reals):
            self.plain(part for part in symbol.shape if size_name(part) != self.size)
            if sum(size_name(part) == self.size for part in symbol.shape) > 1:
                self.wrong.append(errors.end_of_time(symbol.span, self.size))
            is_followed = (entity, symbol.name) in joint
            if axis_of(self.size, symbol.shape) is not None and not is_followed:
                self.refused.add((entity, symbol.name))
                self.wrong.append(errors.not_followed(symbol.span, symbol.name))
        for function in program.functions:
            for part in walk(function.body) if function.body is not None else ():
                if size_name(part) == self.size or _name_of(part) in self.axes:
                    self.wrong.append(errors.all_steps(part.span, part.span.text))

    def _is_derived_over_time(self, symbol: DataSymbol, inputs: Mapping[str, int]) -> bool:
        assert symbol.derived is not None
        made_of = (a.name for a in symbol.derived.arguments if isinstance(a, DataSymbol))
        return symbol.name in inputs or any(name in inputs for name in made_of)

    def plain(self, expressions: Iterable[Expression]) -> None:
        """Check expressions that may not depend on time at all."""
        for expression in expressions:
            self._visit(expression, {}, Mentions(False))

    def statement(self, statement: Statement, model: str = "") -> Statement:
        """Read a statement, of the body of a model or of none.

        Returns:
            it, with its loop over time run over the last step alone.
        """
        if any(_name_of(one) in self.refused for one in expressions_in(statement)):
            return statement
        known: dict[str, Offsets] = {}
        context: list[Bind | Where | Gate] = []
        mentions, end = Mentions(True), None
        for clause in statement.context:
            if not isinstance(clause, Bind):
                self._visit(clause.condition, known, mentions)
                context.append(clause)
                continue
            last = self._end(clause.last)
            if last is None:
                known |= self._bound(clause, known, mentions)
                context.append(clause)
                continue
            if end is not None:
                self.wrong.append(errors.several_times(clause.span, self.size))
            end = last
            first = self._offsets(clause.first, known)
            if first is None or first.is_step:
                self.wrong.append(
                    errors.other_step(clause.first.span, clause.first.span.text, self.size)
                )
                first = Offsets(False, 0, 0)
            known[clause.key] = Offsets(True, 0, 0)
            self.loops.add(clause.name)
            mentions.firsts.append(first.high - last)
            latest = Apply(clause.span, "max", (clause.first, clause.last), Integer())
            context.append(replace(clause, first=latest))
        whole = end is None and self._is_whole(statement)
        for expression in expressions_in(statement):
            if not whole:
                self._visit(expression, known, mentions)
        if whole:
            mentions.seen = [
                (name, 0, expression_span) for name, expression_span in self._wholes(statement)
            ]
            end = -1
        is_timed = end is not None or bool(mentions.constant)
        if is_timed and any(_name_of(one) in self.reals for one in expressions_in(statement)):
            self.wrong.append(errors.not_followed(statement.span, statement.span.text))
        if is_timed:
            self.lasting |= mentions.lasting | ({("model", model, "")} if model else set())
        self._note(statement, mentions, end, whole=whole)
        return replace(statement, context=tuple(context))

    def _note(
        self, statement: Statement, mentions: Mentions, end: int | None, *, whole: bool
    ) -> None:
        """Note when a statement is said, and how far back it looks."""
        if end is None:
            latest = max((at for _, at in mentions.constant), default=-1)
            for name, at in mentions.constant:
                self._look_back(name, latest - at)
            self.needed.append(latest + 1)
            self.said.append(Said(statement.span, max(1, latest + 1), is_repeated=False))
            return
        for name, offset, span in mentions.seen:
            # The last instance is at n + end, where n is the number of steps.
            back = -1 - end - offset
            if back < 0:
                self.wrong.append(errors.other_step(span, span.text, self.size))
            self._look_back(name, back)
        if mentions.constant and not whole:
            self.wrong += [errors.other_step(s, s.text, self.size) for s in mentions.constant_spans]
        firsts = [1, *mentions.firsts, *(at - end for at in mentions.compared)]
        self.needed += firsts
        self.said.append(Said(statement.span, 1, is_repeated=True, is_whole=whole))

    def _look_back(self, name: tuple[str, ...], lag: int) -> None:
        self.lags[name] = max(self.lags.get(name, 0), lag)

    def _is_whole(self, statement: Statement) -> bool:
        """Say whether a statement observes a whole array over time as data of the same steps."""
        observes = isinstance(statement, ObserveValue | ObserveReal)
        is_data = observes and isinstance(statement.value, DataRef)
        return is_data and bool(self._wholes(statement))

    def _wholes(self, statement: Statement) -> list[tuple[tuple[str, ...], Span]]:
        """List what of a statement's own references keeps its whole time axis."""
        found: list[tuple[tuple[str, ...], Span]] = []
        for expression in expressions_in(statement):
            name = _name_of(expression)
            if name in self.axes and isinstance(expression, DataRef | VariableRef | AttributeRef):
                axis = self.axes[name]
                if not expression.indices or isinstance(expression.indices[axis], Whole):
                    found.append((name, expression.span))
        return found if len(found) == 2 else []

    def _end(self, last: Expression) -> int | None:
        """Return c where a loop ends at T + c; None where it has nothing to do with T."""
        if not any(size_name(part) == self.size for part in walk(last)):
            return None
        found = self._offsets(last, {}, is_end=True)
        if found is None or not found.is_step or found.high >= 0:
            self.wrong.append(errors.end_of_time(last.span, self.size))
            return -1
        return found.high

    def _bound(
        self, clause: Bind, known: Mapping[str, Offsets], mentions: Mentions
    ) -> dict[str, Offsets]:
        """Return what is known of the variable of another loop."""
        first, last = self._offsets(clause.first, known), self._offsets(clause.last, known)
        if first is not None and last is not None and first.is_step == last.is_step:
            return {clause.key: Offsets(first.is_step, first.low, last.high)}
        for expression in (clause.first, clause.last):
            self._visit(expression, known, mentions)
        return {}

    def _offsets(
        self, expression: Expression, known: Mapping[str, Offsets], *, is_end: bool = False
    ) -> Offsets | None:
        return offsets(expression, known, self.numbers, self.size, is_end=is_end)

    def _visit(
        self, expression: Expression, known: Mapping[str, Offsets], mentions: Mentions
    ) -> None:
        """Check an expression, and note what it mentions of time."""
        match expression:
            case Local(key=key) if key in known and known[key].is_step:
                name = expression.span.text
                self.wrong.append(errors.step_as_number(expression.span, name, self.size))
            case Size() | DataRef(indices=()) if size_name(expression) == self.size:
                self.wrong.append(errors.end_of_time(expression.span, self.size))
            case DataRef() | VariableRef() | AttributeRef():
                self._visit_reference(expression, known, mentions)
            case Apply(operator=operator) if operator in _COMPARED and self._compared(
                expression, known, mentions
            ):
                pass
            case Aggregate() | Distribution():
                plain = expression.arguments if isinstance(expression, Distribution) else ()
                if isinstance(expression, Aggregate) and expression.parameter is not None:
                    plain = (expression.parameter,)
                for part in plain:
                    self._visit(part, known, mentions)
                for item in expression.items:
                    self._visit_item(item, known, mentions)
            case _:
                if isinstance(expression, Activation):
                    mentions.lasting.add(("model", expression.model, ""))
                for part in parts(expression):
                    self._visit(part, known, mentions)

    def _visit_item(self, item: Item, known: Mapping[str, Offsets], mentions: Mentions) -> None:
        inner = dict(known)
        for clause in item.context:
            if isinstance(clause, Bind):
                for part in clause_parts((clause,)):
                    if any(size_name(one) == self.size for one in walk(part)):
                        self.wrong.append(errors.all_steps(clause.span, clause.span.text))
                        return
                inner |= self._bound(clause, inner, mentions)
            else:
                self._visit(clause.condition, inner, mentions)
        self._visit(item.value, inner, mentions)
        if item.key is not None:
            self._visit(item.key, inner, mentions)

    def _visit_reference(
        self,
        reference: DataRef | VariableRef | AttributeRef,
        known: Mapping[str, Offsets],
        mentions: Mentions,
    ) -> None:
        name = _name_of(reference)
        if isinstance(reference, AttributeRef):
            self._visit_thing(reference.thing, known, mentions)
        if name in self.reals:
            # Of a step it is refused as a whole.
            return
        axis = self.axes.get(name)
        if axis is None and not isinstance(reference, DataRef):
            mentions.lasting.add(name)
        if axis is not None and not reference.indices:
            self.wrong.append(errors.all_steps(reference.span, reference.span.text))
        for k, index in enumerate(reference.indices):
            if isinstance(index, Whole):
                if k == axis:
                    self.wrong.append(errors.all_steps(reference.span, reference.span.text))
            elif k != axis:
                self._visit(index, known, mentions)
            else:
                self._visit_step(name, index, reference.span, known, mentions)

    def _visit_step(
        self,
        name: tuple[str, ...],
        index: Expression,
        span: Span,
        known: Mapping[str, Offsets],
        mentions: Mentions,
    ) -> None:
        """Note which step an index names."""
        if any(size_name(part) == self.size for part in walk(index)):
            self.wrong.append(errors.end_of_time(index.span, self.size))
            return
        found = self._offsets(index, known)
        if found is None or not mentions.may_be_timed:
            self.wrong.append(errors.other_step(span, span.text, self.size))
        elif found.is_step:
            mentions.seen += [(name, found.low, span), (name, found.high, span)]
            # Where an index would fall outside, conditions on data may see to it that none does.
            mentions.compared.append(-found.low)
        else:
            mentions.constant += [(name, found.low), (name, found.high)]
            mentions.constant_spans.append(span)

    def _visit_thing(self, thing: Thing, known: Mapping[str, Offsets], mentions: Mentions) -> None:
        for index in thing.indices:
            if not isinstance(index, Whole):
                self._visit(index, known, mentions)

    def _compared(
        self, comparison: Apply, known: Mapping[str, Offsets], mentions: Mentions
    ) -> bool:
        """Note after which steps a comparison of the step with numbers stays as it is."""
        if not isinstance(comparison.type, Bool):
            return False
        found = [self._offsets(part, known) for part in comparison.arguments]
        steps = [one for one in found if one is not None and one.is_step]
        numbers = [one for one in found if one is not None and not one.is_step]
        if not steps or len(steps) + len(numbers) < len(found):
            return False
        if numbers:
            highest = max(one.high for one in numbers) - min(one.low for one in steps)
            mentions.compared.append(highest + 1)
        return True


def _name_of(expression: Expression) -> tuple[str, ...]:
    match expression:
        case DataRef(name=name) | VariableRef(name=name):
            return (name,)
        case AttributeRef():
            return (expression.thing.entity, expression.attribute)
        case _:
            return ()
