"""Where the names of a program are used, found in what was written, right or wrong.

What only types tell (which domain a value is of, which entity an attribute) is taken from the
check where it came so far; elsewhere every definition that could be meant is named.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gmlang.core.checking import Checking
from gmlang.core.names.blocks import block_end
from gmlang.core.names.declared import Values, declare_all, declare_values, dotted_entry, entity_of
from gmlang.core.names.definitions import Bindings, Block, Definition, Kind, Occurrence
from gmlang.core.names.python_functions import function_definition
from gmlang.core.names.scope import Entry, Module, ModuleMeaning
from gmlang.core.names.utilities import utilities_of
from gmlang.core.records.doing import DO
from gmlang.diagnostics import Span
from gmlang.library import is_of_library
from gmlang.syntax import ast
from gmlang.syntax.rows import spelt_out

Names = Mapping[str, Definition]
"""The names of blocks around a place."""

_VALUES = frozenset((Kind.DATA, Kind.PARAM, Kind.VARIABLE, Kind.SIZE))
_SKIPPED = frozenset(("span", "label", "options"))
_LEAVES = (str, bool, int, float, type(None), ast.Text, ast.Number, ast.Boolean, ast.Documentation)
_PLAIN = {
    form: tuple(part for part in form.__slots__ if part not in _SKIPPED)
    for form in (
        *(ast.Index, ast.Unary, ast.Binary, ast.Compare, ast.Conditional, ast.Range, ast.Braces),
        *(ast.Brackets, ast.Tuple, ast.MatchExpression, ast.ValueCase, ast.Pair, ast.Equation),
        *(ast.Mechanism, ast.Factor, ast.Prefer, ast.Constraint, ast.Observe, ast.Predict),
        *(ast.Cover, ast.Consider, ast.AllAbout, ast.Query, ast.Assert, ast.Learn, ast.Maximize),
        *(ast.Match, ast.StatementCase, ast.Change, ast.Step, ast.StepCall, ast.Rate, ast.Knows),
    )
}
"""The parts of the forms that neither declare nor resolve anything themselves."""


def find_uses(state: Checking) -> Bindings:
    """Gather the names of a program and its modules, opened and, as far as it went, checked."""
    bindings = Bindings()
    made = declare_all(state, bindings)
    values = declare_values(state, bindings)
    written = (*values.values(), *(a for known in bindings.attributes.values() for a in known))
    places = {(p.source.name, p.start): found for found in written for p in found.places}
    for module in state.modules.values():
        finder = _Finder(state, module, bindings, made, values, places)
        around = finder.aliases()
        for statement in module.program.statements:
            finder.visit(statement, around)
        bindings.occurrences[finder.source.name].sort(key=lambda found: found.span.start)
        bindings.blocks[finder.source.name].sort(key=lambda block: (block.start, -block.end))
    return bindings


class _Finder:
    """Goes through one module."""

    def __init__(
        self,
        state: Checking,
        module: Module,
        bindings: Bindings,
        made: dict[Entry, Definition],
        values: Values,
        places: dict[tuple[str, int], Definition],
    ) -> None:
        self.state, self.module, self.bindings = state, module, bindings
        self.made, self.values, self.places = made, values, places
        self.source = module.program.span.source
        self.found = bindings.occurrences[self.source.name]
        self.by_enum: dict[str, list[Definition]] = bindings.values[self.source.name]

    def note(self, span: Span, *definitions: Definition) -> None:
        if definitions:
            self.found.append(Occurrence(span, definitions))

    def block(self, start: int, end: int, definitions: Sequence[Definition]) -> None:
        self.bindings.blocks[self.source.name].append(Block(start, end, tuple(definitions)))

    def aliases(self) -> Names:
        """Define what stands for each of some things, in all that stands in no model."""
        found: dict[str, Definition] = {}
        for node in self.module.program.statements:
            if isinstance(node, ast.VarDeclaration) and node.alias is not None:
                entity = entity_of(self.module, node.type)
                span = node.alias.span
                made = Definition(node.alias.text, Kind.LOOP, (span,), node.span, entity=entity)
                found[made.name] = made
                self.block(span.start, len(self.source.text), [made])
        for name, made in utilities_of(self.module.program.statements).items():
            if name not in self.module.entries:
                found.setdefault(name, made)
                for span in made.places:
                    self.note(span, made)
        return found

    def visit_all(self, nodes: Sequence[Any], names: Names) -> None:
        for node in nodes:
            self.visit(node, names)

    def visit(self, node: Any, names: Names) -> None:  # noqa: ANN401 - any node of the AST
        """Note the names in what was written."""
        form = type(node)
        if form in _PLAIN:
            for part in _PLAIN[form]:
                self.visit(getattr(node, part), names)
            return
        match node:
            case ast.Name():
                self._name(node, names, is_value=True)
            case ast.Attribute():
                self._attribute(node, names)
            case ast.Call():
                self._call(node, names)
            case ast.Juxtaposition(parts=parts):
                self._models(parts, names)
            case ast.Is(thing=thing, models=models):
                self.visit(thing, names)
                self._models(models, names)
            case ast.Comprehension(body=body, loops=loops, condition=condition):
                inner = self._loops(loops, names, node.span.start, node.span.end)
                self.visit_all((body, condition), inner)
            case ast.Row():
                self.visit(spelt_out(node), names)
            case ast.Import() | ast.FromImport():
                self._import(node)
            case ast.Use(model=model, exceptions=exceptions):
                self._models(exceptions, self._offered((model,), names))
            case tuple():
                self.visit_all(node, names)
            case _ if not isinstance(node, _LEAVES):
                if not self._declaration(node, names):
                    self._statement(node, names)
            case _:
                pass

    def _declaration(self, node: Any, names: Names) -> bool:  # noqa: ANN401
        """Visit a declaration; say whether it was one with names of its own."""
        match node:
            case ast.DomainDeclaration() | ast.VarDeclaration() | ast.Entity():
                self._declared(node.name)
            case ast.DataDeclaration() | ast.ParamDeclaration():
                self._declared(node.name)
                self._derived(node)
            case ast.DefDeclaration(parameters=parameters, body=body, span=span):
                self._declared(node.name)
                made = [self._local(name, Kind.PARAMETER, name.span) for name in parameters]
                self.block(span.start, span.end, made)
                self.visit(body, {found.name: found for found in made})
                return True
            case ast.Model(parameters=parameters, body=body, span=span):
                self._declared(node.name)
                made = self._parameters(parameters)
                end = block_end(self.source.text, span.start)
                self.block(span.start, end, made)
                inner = {found.name: found for found in made}
                inner = self._loops((node.over and (node.over,)) or (), inner, span.start, end)
                self.visit_all((node.prior, node.depth, *body), inner)
                return True
            case ast.Composite(parts=parts, prior=prior, span=span):
                self._declared(node.name)
                made = self._parameters(node.parameters)
                self.block(span.start, span.end, made)
                self._models(parts, inner := {found.name: found for found in made})
                self.visit(prior, inner)
                return True
            case ast.LearnModel(parameters=parameters, models=models, span=span):
                self._declared(node.name)
                made = self._parameters(parameters)
                self.block(span.start, span.end, made)
                self.visit_all((node.source, node.others), names)
                self._offered(models, {found.name: found for found in made})
                return True
            case ast.LearnDef(parameters=parameters, span=span):
                self._declared(node.name)
                self.block(span.start, span.end, self._parameters(parameters))
                self.visit(node.type, names)
                constants = (one for one in node.offered if not isinstance(one, ast.Operator))
                self.visit_all(tuple(constants), names)
                return True
            case ast.AttributeDeclaration(name=name):
                # An entity that is declared twice has its attributes from the first time.
                self.note(name.span, *self._place(name.span))
            case _:
                return False
        for part in type(node).__slots__:
            if part not in _SKIPPED and part != "name":
                self.visit(getattr(node, part), names)
        return True

    def _statement(self, node: Any, names: Names) -> None:  # noqa: ANN401
        """Visit a statement that has a block."""
        match node:
            case ast.For(loops=loops, condition=condition, body=body, span=span):
                end = block_end(self.source.text, span.start)
                inner = self._loops(loops, names, span.start, end)
                self.visit(condition, inner)
                self.visit_all(body, inner)
            case ast.If():
                # A chain of `elif` may be longer than calls may be deep.
                while True:
                    self.visit(node.condition, names)
                    self.visit_all(node.then, names)
                    rest = node.otherwise
                    if len(rest) != 1 or not isinstance(rest[0], ast.If):
                        self.visit_all(rest, names)
                        return
                    node = rest[0]
            case _:
                pass

    def _derived(self, node: ast.DataDeclaration | ast.ParamDeclaration) -> None:
        """Note the function of Python that data is derived by."""
        call = node.derived if isinstance(node, ast.DataDeclaration) else None
        match call:
            case ast.Call(function=ast.Name() as name):
                modules = self.module.imports
                own = [m.name for m in modules if is_of_library(m.program.span.source)]
                self._function(name, own)
            case ast.Call(function=ast.Attribute(owner=owner, name=name)):
                entry = dotted_entry(self.module, owner)
                meaning = entry.meaning if entry is not None else None
                if isinstance(meaning, ModuleMeaning):
                    self._function(name, [meaning.module.name], is_dotted=True)
            case _:
                pass

    def _function(self, name: ast.Name, modules: list[str], *, is_dotted: bool = False) -> None:
        called = f"{modules[0]}.{name.text}" if is_dotted else name.text
        made = function_definition(called, tuple(modules))
        if made is not None:
            self.note(name.span, made)

    # --- Names that are declared -------------------------------------------------------------

    def _declared(self, name: ast.Name) -> None:
        entry = self.module.entries.get(name.text)
        if entry is not None and entry in self.made:
            self.note(name.span, self.made[entry])

    def _local(self, name: ast.Name, kind: Kind, whole: Span, entity: str = "") -> Definition:
        made = Definition(name.text, kind, (name.span,), whole, entity=entity)
        if name.text != "_":
            self.note(name.span, made)
        return made

    def _parameters(self, parameters: tuple[ast.Parameter, ...]) -> list[Definition]:
        made: list[Definition] = []
        for parameter in parameters:
            entity = entity_of(self.module, parameter.type)
            made.append(self._local(parameter.name, Kind.PARAMETER, parameter.span, entity))
            self.visit(parameter.type, {})
        return made

    def _loops(self, loops: tuple[ast.Loop, ...], names: Names, start: int, end: int) -> Names:
        inner = dict(names)
        for loop in loops:
            self.visit(loop.domain, inner)
            made = [self._local(name, Kind.LOOP, loop.span) for name in loop.names]
            self.block(start, end, made)
            inner.update({found.name: found for found in made})
        return inner

    def _import(self, node: ast.Import | ast.FromImport) -> None:
        imported = self.state.modules.get(node.module)
        if imported is None:
            return
        head = "from" if isinstance(node, ast.FromImport) else "import"
        start = node.span.text.find(node.module, len(head))
        if start >= 0:
            place = Span(imported.program.span.source, 0, 0)
            module = Definition(node.module, Kind.MODULE, (place,), place, is_fixed=True)
            first = node.span.start + start
            last = first + len(node.module)
            self.note(Span(self.source, first, last), module)
        match node:
            case ast.Import(alias=ast.Name() as alias):
                self._declared(alias)
            case ast.FromImport(names=written):
                for name in written:
                    entry = imported.entries.get(name.text)
                    if entry is not None and entry in self.made:
                        self.note(name.span, self.made[entry])
                    elif entry is None and is_of_library(imported.program.span.source):
                        self._function(name, [imported.name])
            case _:
                pass

    # --- Names that are used -----------------------------------------------------------------

    def _name(self, name: ast.Name, names: Names, *, is_value: bool) -> None:
        local = names.get(name.text)
        if local is not None:
            self.note(name.span, local)
            return
        written = self._place(name.span)
        if written:
            self.note(name.span, *written)
            return
        entry = self.module.entries.get(name.text)
        made = self.made.get(entry) if entry is not None else None
        values = self.by_enum.get(name.text, [])
        if made is not None and not (is_value and values and made.kind not in _VALUES):
            self.note(name.span, made)
        else:
            self.note(name.span, *values)

    def _place(self, span: Span) -> list[Definition]:
        """Return the values that a place was found to mean, or that it defines."""
        key, text = (span.source.name, span.start), span.text
        if key in self.places:
            return [self.places[key]]
        meant = self.state.meant.get(key, ())
        found = [self.values.get((enum, text)) for enum in meant if not isinstance(enum, str)]
        return [definition for definition in found if definition is not None]

    def _models(self, parts: Sequence[ast.Expression], names: Names) -> None:
        for part in parts:
            match part:
                case ast.Name():
                    self._name(part, names, is_value=False)
                case _:
                    self.visit(part, names)

    def _offered(self, models: Sequence[ast.Expression | ast.Comprehension], names: Names) -> Names:
        """Visit models, or loops over some, and return the names inside the last."""
        own = names
        for one in models:
            own = names
            if not isinstance(one, ast.Comprehension):
                self._models((one,), names)
                continue
            own = self._loops(one.loops, names, one.span.start, one.span.end)
            if not isinstance(one.body, ast.Equation | ast.Pair):
                self._models((one.body,), own)
            self.visit(one.condition, own)
        return own

    def _call(self, call: ast.Call, names: Names) -> None:
        function = call.function
        text = function.text if isinstance(function, ast.Name) else ""
        self._models((function,), names)
        is_query = text in self.state.query_forms
        for argument in call.arguments:
            match argument:
                case ast.Equation(right=right) if not is_query and text != DO:
                    self.visit(right, names)
                case ast.Name() if is_query:
                    self._name(argument, names, is_value=False)
                case _:
                    self.visit(argument, names)
        self.visit_all(call.given or (), names)
        self.visit_all(call.had or (), names)

    def _attribute(self, node: ast.Attribute, names: Names) -> None:
        name = node.name
        hidden = isinstance(node.owner, ast.Name) and node.owner.text in names
        owner = None if hidden else dotted_entry(self.module, node.owner)
        self._models((node.owner,), names)
        if owner is not None and isinstance(owner.meaning, ModuleMeaning):
            entry = owner.meaning.module.entries.get(name.text)
            if entry is not None and entry in self.made:
                self.note(name.span, self.made[entry])
            return
        written = self._place(name.span)
        if (
            not written
            and owner is not None
            and isinstance(owner.declaration, ast.DomainDeclaration)
        ):
            known = (d for m in self.bindings.values.values() for d in m.get(name.text, []))
            written = [d for d in dict.fromkeys(known) if d.owner == owner.name]
        self.note(name.span, *(written or self._attribute_of(node, names)))

    def _attribute_of(self, node: ast.Attribute, names: Names) -> list[Definition]:
        span, text = node.name.span, node.name.text
        meant = self.state.meant.get((span.source.name, span.start), ())
        entities = [entity for entity in meant if isinstance(entity, str)]
        if not entities:
            owner = node.owner
            while isinstance(owner, ast.Index):
                owner = owner.base
            declared = None
            if isinstance(owner, ast.Name):
                declared = names.get(owner.text)
            if declared is None:
                entry = dotted_entry(self.module, owner)
                declared = self.made.get(entry) if entry is not None else None
            if declared is not None and declared.entity:
                entities = [declared.entity]
        known = self.bindings.attributes
        owned = (found for entity in (entities or known) for found in known.get(entity, []))
        return [found for found in owned if found.name == text]
