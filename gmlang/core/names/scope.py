"""Modules and the names they declare; nothing here looks inside a declaration."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from gmlang.core.ast import Domain, Enum, Expression, Thing
from gmlang.core.learned_defs import Argument
from gmlang.core.parameters import RowsSymbol
from gmlang.core.program import (
    DataSymbol,
    EntitySymbol,
    ParameterSymbol,
    ThingSymbol,
    VariableSymbol,
)
from gmlang.core.records.processes import ProcessHeader
from gmlang.core.records.reals import RealSymbol
from gmlang.diagnostics import Span
from gmlang.syntax import ast

# --- What a name of a module means -------------------------------------------------------

Axes = tuple[Enum | None, ...]
"""For each axis of an array the enum that indexes it, or None for integers."""


@dataclass(frozen=True, slots=True)
class DomainMeaning:
    """A declared domain."""

    domain: Domain


@dataclass(frozen=True, slots=True)
class SizeMeaning:
    """A size, declared by the shape of data."""

    name: str


@dataclass(frozen=True, slots=True)
class DataMeaning:
    """A data or param symbol; `is_whole` when its own value is an integer."""

    symbol: DataSymbol
    axes: Axes
    is_whole: bool


@dataclass(frozen=True, slots=True)
class RowsMeaning:
    """A table of cases."""

    symbol: RowsSymbol


@dataclass(frozen=True, slots=True)
class VariableMeaning:
    """A random variable."""

    symbol: VariableSymbol
    axes: Axes


@dataclass(frozen=True, slots=True)
class ThingMeaning:
    """A thing."""

    symbol: ThingSymbol


@dataclass(frozen=True, slots=True)
class EntityMeaning:
    """An entity; `axes` are those of each attribute, in order."""

    symbol: EntitySymbol
    axes: tuple[Axes, ...]


@dataclass(frozen=True, slots=True)
class ModelMeaning:
    """A model's header: its body is checked later, since models may mention one another.

    Attributes:
        parameters: those that arguments are given for.
        values: of the further ones, where a name for members of a family gives them.
        process: what is known of its steps; None where it is no process.
    """

    name: str
    parameters: tuple[ParameterSymbol, ...]
    values: tuple[Expression, ...] = ()
    process: ProcessHeader | None = None


@dataclass(frozen=True, slots=True)
class DefMeaning:
    """A pure function, inlined where it is used unless it calls itself."""

    declaration: ast.DefDeclaration
    module: "Module"


@dataclass(frozen=True, slots=True)
class RealMeaning:
    """A variable that is a real number, or an array of them: the only attribute of a thing.

    Attributes:
        thing: of that name, which is its entity's as well, and which nobody can write.
        is_drawn: whether what is written where it is declared is a mechanism, and no base.
    """

    thing: str
    symbol: RealSymbol
    is_drawn: bool = False


@dataclass(frozen=True, slots=True)
class LearnedDefMeaning:
    """An unknown function: its values stand in data that is learned."""

    symbol: DataSymbol
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class ModuleMeaning:
    """An imported module."""

    module: "Module"


Meaning = (
    DomainMeaning
    | SizeMeaning
    | DataMeaning
    | RowsMeaning
    | VariableMeaning
    | RealMeaning
    | ThingMeaning
    | EntityMeaning
    | ModelMeaning
    | DefMeaning
    | LearnedDefMeaning
    | ModuleMeaning
)

Declaration = (
    ast.DomainDeclaration
    | ast.DataDeclaration
    | ast.ParamDeclaration
    | ast.DefDeclaration
    | ast.VarDeclaration
    | ast.Entity
    | ast.Model
    | ast.Composite
    | ast.LearnModel
    | ast.LearnDef
)


@dataclass(slots=True, eq=False)
class Entry:
    """A declared name, and what is known of it so far.

    Attributes:
        core_name: its name in the core program, unique there.
        declaration: None for a size or a module.
        progress: unseen, busy (being checked now), done or poisoned (a mistake was reported).
    """

    name: str
    core_name: str
    span: Span
    declaration: Declaration | None
    module: "Module"
    meaning: Meaning | None = None
    progress: str = "unseen"
    is_used: bool = False


@dataclass(slots=True, eq=False)
class Module:
    """A module: its names, and the enums written anywhere in it.

    Attributes:
        name: as imported; "" is the program itself.
        aliases: what stands for each of some things; None until anybody asks.
    """

    name: str
    program: ast.Program
    entries: dict[str, Entry]
    enums: tuple[Enum, ...] = ()
    imports: "list[Module]" = field(default_factory=lambda: [])
    is_active: bool = False
    aliases: dict[str, ast.VarDeclaration] | None = None


# --- What a name means inside a statement ------------------------------------------------


@dataclass(frozen=True, slots=True)
class Thunk:
    """An argument of a def: checked, in its own surroundings, wherever the def mentions it."""

    expression: ast.Expression
    env: "Env"


@dataclass(frozen=True, slots=True)
class PoisonedName:
    """A loop variable or parameter whose declaration has a mistake that is reported."""


Binding = Expression | Thing | Thunk | PoisonedName


@dataclass(frozen=True, slots=True)
class Env:
    """The surroundings of an expression.

    Attributes:
        names: loop variables and parameters, which hide the module's names.
        in_assert: queries may stand for their answers.
        function: the def that calls itself whose body this is.
        model: the model whose body this is, or "".
        is_guarded: a condition decides whether this is asked for, so that only grounding can tell
            whether a constant that fits nowhere is a mistake.
    """

    module: Module
    names: Mapping[str, Binding]
    in_assert: bool = False
    function: ast.DefDeclaration | None = None
    model: str = ""
    is_guarded: bool = False


def guarded(env: Env) -> Env:
    """Return the same surroundings behind a condition."""
    return env if env.is_guarded else replace(env, is_guarded=True)


def visible_names(env: Env) -> Iterator[str]:
    """Yield every name that could be meant."""
    yield from env.names
    yield from env.module.entries


def enums_with(module: Module, value: str) -> list[Enum]:
    """List the enums that have a value of this name, those of imported modules included."""
    found: list[Enum] = []
    for known in (module, *module.imports):
        found += [enum for enum in known.enums if value in enum.values and enum not in found]
    return found


def written_enums(program: ast.Program) -> tuple[Enum, ...]:
    """List the enums that a module's declarations write out."""
    found: list[Enum] = []
    for statement in program.statements:
        match statement:
            case ast.DomainDeclaration(name=name, values=ast.Braces() as braces):
                found += _enum(name.text, braces)
            case ast.VarDeclaration(type=ast.Braces() as braces):
                found += _enum("", braces)
            case ast.DataDeclaration(type=ast.Braces() as braces):
                found += _enum("", braces)
            case ast.Entity(attributes=attributes):
                for attribute in attributes:
                    match attribute:
                        case ast.AttributeDeclaration(type=ast.Braces() as braces):
                            found += _enum("", braces)
                        case _:
                            pass
            case (
                ast.Model(parameters=parameters)
                | ast.LearnModel(parameters=parameters)
                | ast.LearnDef(parameters=parameters)
            ):
                types = [parameter.type for parameter in parameters]
                types += [statement.type] if isinstance(statement, ast.LearnDef) else []
                for written in types:
                    if isinstance(written, ast.Braces):
                        found += _enum("", written)
            case _:
                pass
    return tuple(dict.fromkeys(found))


def _enum(name: str, braces: ast.Braces) -> list[Enum]:
    values = [item.text for item in braces.items if isinstance(item, ast.Name)]
    return [Enum(name, tuple(values))] if len(values) == len(braces.items) else []
