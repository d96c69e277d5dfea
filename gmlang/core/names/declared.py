"""The definitions of the names that modules declare, with the values and attributes in them."""

from gmlang.core.ast import Enum
from gmlang.core.checking import Checking
from gmlang.core.names.definitions import Bindings, Definition, Kind
from gmlang.core.names.documentation import documentation
from gmlang.core.names.scope import Entry, Module, ModuleMeaning
from gmlang.diagnostics import Span
from gmlang.syntax import ast

Values = dict[tuple[Enum, str], Definition]
"""The values of enums, by the enum and their names."""

KINDS: dict[type, Kind] = {
    ast.DomainDeclaration: Kind.DOMAIN,
    ast.DataDeclaration: Kind.DATA,
    ast.ParamDeclaration: Kind.PARAM,
    ast.DefDeclaration: Kind.DEF,
    ast.VarDeclaration: Kind.VARIABLE,
    ast.Entity: Kind.ENTITY,
    ast.Model: Kind.MODEL,
    ast.Composite: Kind.MODEL,
    ast.LearnModel: Kind.MODEL,
    ast.LearnDef: Kind.DEF,
}
"""What each form of a declaration declares; a variable may be a thing."""


def declare_all(state: Checking, bindings: Bindings) -> dict[Entry, Definition]:
    """Define what each module declares, and note it in the bindings."""
    made: dict[Entry, Definition] = {}
    for module in state.modules.values():
        source = module.program.span.source
        bindings.sources[source.name] = source
        bindings.occurrences[source.name] = []
        bindings.blocks[source.name] = []
        texts = dict(documentation(module.program))
        for entry in module.entries.values():
            if entry.module is module:
                made[entry] = _definition(module, entry, texts.get(entry.name, ""))
            if isinstance(entry.declaration, ast.Entity) and entry.module is module:
                bindings.attributes[entry.core_name] = _attributes(entry, entry.declaration, texts)
    for module in state.modules.values():
        bindings.declared[module.program.span.source.name] = {
            name: made[entry] for name, entry in module.entries.items() if entry in made
        }
    return made


def _definition(module: Module, entry: Entry, text: str) -> Definition:
    declaration = entry.declaration
    match entry.meaning:
        case ModuleMeaning(module=imported):
            whole = Span(imported.program.span.source, 0, 0)
            text = dict(documentation(imported.program)).get("", "")
            place = entry.span if entry.span.text == entry.name else whole
            is_fixed = place is whole
            return Definition(
                entry.name, Kind.MODULE, (place,), whole, text, entry=entry, is_fixed=is_fixed
            )
        case _:
            pass
    if declaration is None:
        return Definition(entry.name, Kind.SIZE, (entry.span,), entry.span, text, entry=entry)
    entity = ""
    kind = KINDS[type(declaration)]
    parameters: tuple[str, ...] = ()
    match declaration:
        case ast.VarDeclaration(type=type_):
            entity = entity_of(module, type_)
            kind = Kind.THING if entity else kind
        case ast.DefDeclaration(parameters=names):
            parameters = tuple(name.text for name in names)
        case (
            ast.Model(parameters=declared)
            | ast.Composite(parameters=declared)
            | ast.LearnModel(parameters=declared)
            | ast.LearnDef(parameters=declared)
        ):
            parameters = tuple(" ".join(parameter.span.text.split()) for parameter in declared)
        case _:
            pass
    return Definition(
        entry.name,
        kind,
        (entry.span,),
        declaration.span,
        text,
        entity=entity,
        parameters=parameters,
        entry=entry,
    )


def entity_of(module: Module, type_: ast.Expression) -> str:
    """Return the core name of the entity that a written type is, or ""."""
    entry = dotted_entry(module, type_)
    return entry.core_name if entry and isinstance(entry.declaration, ast.Entity) else ""


def dotted_entry(module: Module, expression: ast.Expression) -> Entry | None:
    """Return what `name` or `module.name` is declared as, or None."""
    match expression:
        case ast.Name(text=text):
            return module.entries.get(text)
        case ast.Attribute(owner=owner, name=name):
            entry = dotted_entry(module, owner)
            if entry is not None and isinstance(entry.meaning, ModuleMeaning):
                return entry.meaning.module.entries.get(name.text)
            return None
        case _:
            return None


def _attributes(entry: Entry, entity: ast.Entity, texts: dict[str, str]) -> list[Definition]:
    owner = entity.name.text
    return [
        Definition(
            attribute.name.text,
            Kind.ATTRIBUTE,
            (attribute.name.span,),
            attribute.span,
            texts.get(f"{owner}.{attribute.name.text}", ""),
            owner=owner,
            entry=entry,
        )
        for attribute in entity.attributes
        if isinstance(attribute, ast.AttributeDeclaration)
    ]


def declare_values(state: Checking, bindings: Bindings) -> Values:
    """Define the values of the enums that are written out anywhere."""
    places: dict[tuple[Enum, str], list[tuple[Span, Span]]] = {}
    for module in state.modules.values():
        for name, braces in _written(module.program):
            items = [item for item in braces.items if isinstance(item, ast.Name)]
            if len(items) != len(braces.items):
                continue
            enum = Enum(name, tuple(item.text for item in items))
            for item in items:
                places.setdefault((enum, item.text), []).append((item.span, braces.span))
    made = {
        (enum, name): Definition(
            name,
            Kind.VALUE,
            tuple(place for place, _ in found),
            found[0][1],
            owner=enum.name or found[0][1].text,
        )
        for (enum, name), found in places.items()
    }
    for module in state.modules.values():
        here = bindings.values.setdefault(module.program.span.source.name, {})
        known = dict.fromkeys(e for m in (module, *module.imports) for e in m.enums)
        for enum in known:
            for name in enum.values:
                if (enum, name) in made:
                    here.setdefault(name, []).append(made[enum, name])
    return made


def _written(program: ast.Program) -> list[tuple[str, ast.Braces]]:
    """List the enums that declarations write out, each with the name of its domain."""
    found: list[tuple[str, ast.Braces]] = []
    for statement in program.statements:
        types: list[tuple[str, ast.Expression | None]] = []
        match statement:
            case ast.DomainDeclaration(name=name, values=values):
                types = [(name.text, values)]
            case ast.VarDeclaration(type=type_) | ast.DataDeclaration(type=type_):
                types = [("", type_)]
            case ast.Entity(attributes=attributes):
                types = [
                    ("", a.type) for a in attributes if isinstance(a, ast.AttributeDeclaration)
                ]
            case (
                ast.Model(parameters=parameters)
                | ast.Composite(parameters=parameters)
                | ast.LearnModel(parameters=parameters)
            ):
                types = [("", parameter.type) for parameter in parameters]
            case ast.LearnDef(parameters=parameters, type=type_):
                types = [*(("", parameter.type) for parameter in parameters), ("", type_)]
            case _:
                pass
        found += [(name, type_) for name, type_ in types if isinstance(type_, ast.Braces)]
    return found
