"""Surface AST to core: every declaration, statement and question of a program checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from gmlang.core.asking.asserts import check_assert
from gmlang.core.asking.misplaced import misplaced_in_question, misplaced_reals
from gmlang.core.asking.queries import check_questions
from gmlang.core.check import covering, evidence, models, statements
from gmlang.core.check.covering import existences
from gmlang.core.check.declarations import elaborate, resolve
from gmlang.core.check.learned.concepts import check_learn_model
from gmlang.core.check.learned.functions import check_learn_def, check_places
from gmlang.core.check.learned.params import check_learn
from gmlang.core.check.learned.places import check_learnable
from gmlang.core.check.lints import check_mechanisms, find_lints
from gmlang.core.checking import Checking, QueryForm, attempt, guarded, report
from gmlang.core.expressions import forms as expressions
from gmlang.core.names.absent import report_absent
from gmlang.core.names.aliases import spread
from gmlang.core.names.documentation import documentation
from gmlang.core.names.modules import open_module
from gmlang.core.names.scope import (
    Declaration,
    Entry,
    Env,
    ModelMeaning,
    Module,
    RealMeaning,
    ThingMeaning,
    VariableMeaning,
)
from gmlang.core.processes.steps import finish_process
from gmlang.core.program import Define, Draw, EntitySymbol, ModelSymbol, Program, Query, Statement
from gmlang.core.records.reals import DefineReal, DrawReal
from gmlang.diagnostics import Diagnostic, GmError, Source
from gmlang.errors.probabilities import rows_normalised
from gmlang.syntax import ast


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """A checked program.

    Attributes:
        program: in core.
        warnings: what looks like an oversight.
        scope: what the program's names mean, for queries that come later.
    """

    program: Program
    warnings: tuple[Diagnostic, ...]
    scope: "Scope" = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """What the names of a checked program mean."""

    checking: Checking
    env: Env


def check(
    program: ast.Program,
    load: Callable[[str], Source | None],
    query_forms: Mapping[str, QueryForm],
) -> Checked:
    """Check a program.

    Args:
        program: as parsed.
        load: finds the source of a module by its dotted name, None when there is none.
        query_forms: the words that ask, by what they are called.

    Raises:
        GmError: with every mistake found, GM2xx, GM3xx, GM6xx.
    """
    return check_opened(open_names(program, load, query_forms))


def open_names(
    program: ast.Program,
    load: Callable[[str], Source | None],
    query_forms: Mapping[str, QueryForm],
) -> Scope:
    """Gather the names of a program and of the modules it imports; nothing is checked yet.

    Raises:
        GmError: with the syntax mistakes of a module.
    """
    state = Checking(load, expressions.check, resolve, query_forms)
    return Scope(state, Env(open_module(state, "", program), {}))


def check_opened(scope: Scope) -> Checked:
    """Check the program whose names have been gathered.

    What its names mean is noted in `scope`, also when mistakes are found.

    Raises:
        GmError: with every mistake found.
    """
    state, env = scope.checking, scope.env
    main, program = env.module, env.module.program
    for entry in list(main.entries.values()):
        guarded(state, entry.span, lambda entry=entry: elaborate(state, entry))
    _offer_imports(state, main)
    _check_statements(state, main, is_main=True)
    _finish_models(state)
    _check_questions(state, env, program)
    _check_used_modules(state)
    check_mechanisms(state)
    if state.diagnostics:
        raise GmError(_in_order(state.diagnostics, program))
    checked = _program(state, program)
    misplaced = [*check_learnable(checked), *check_places(checked), *misplaced_reals(checked)]
    if misplaced:
        raise GmError(misplaced)
    warnings = find_lints(main, checked)
    if state.uneven:
        warnings = (*warnings, rows_normalised(list(state.uneven)))
    return Checked(checked, warnings, scope)


def check_query(checked: Checked, query: ast.Query | tuple[ast.Query, ...]) -> tuple[Query, ...]:
    """Check queries that are asked of a program already checked.

    Raises:
        GmError: with every mistake found.
    """
    scope = checked.scope
    state = replace(scope.checking, diagnostics=[], told=set(), questions=[])
    questions: list[Query] = []
    for one in query if isinstance(query, tuple) else (query,):
        asked = guarded(state, one.span, lambda one=one: check_questions(state, scope.env, one))
        questions += asked or ()
    for question in questions:
        report_absent(state, checked.program, question)
        for one in misplaced_in_question(question) if state.real_names else ():
            report(state, one)
    if state.diagnostics:
        raise GmError(state.diagnostics)
    return tuple(questions)


def _in_order(diagnostics: list[Diagnostic], program: ast.Program) -> list[Diagnostic]:
    """Sort mistakes by place; those of the program itself come before those of modules."""

    def place(diagnostic: Diagnostic) -> tuple[bool, int]:
        span = diagnostic.span
        if span is None:
            return True, 0
        return span.source != program.span.source, span.start

    return sorted(diagnostics, key=place)


# --- Modules -----------------------------------------------------------------------------


def _offer_imports(state: Checking, main: Module) -> None:
    """Check what `import m` offers to later queries: all but variables and data without values."""
    for module in main.imports:
        for entry in list(module.entries.values()):
            match entry.declaration:
                case (
                    ast.Entity()
                    | ast.Model()
                    | ast.Composite()
                    | ast.LearnModel()
                    | ast.DomainDeclaration()
                ):
                    guarded(state, entry.span, lambda entry=entry: elaborate(state, entry))
                case _:
                    pass


def _check_used_modules(state: Checking) -> None:
    """Check the statements of imported modules whose variables or things are used."""
    done: set[str] = {""}
    while True:
        waiting = [
            module
            for name, module in state.modules.items()
            if name not in done and any(_is_variable(entry) for entry in module.entries.values())
        ]
        if not waiting:
            return
        for module in waiting:
            done.add(module.name)
            _check_statements(state, module, is_main=False)
        _finish_models(state)


def _is_variable(entry: Entry) -> bool:
    return isinstance(entry.meaning, VariableMeaning | RealMeaning | ThingMeaning) and entry.is_used


# --- Statements --------------------------------------------------------------------------


def _check_statements(state: Checking, module: Module, *, is_main: bool) -> None:
    env = Env(module, {})
    for statement in module.program.statements:
        match statement:
            case ast.VarDeclaration():
                entry = module.entries[statement.name.text]
                if statement.value is None or entry.declaration is not statement:
                    continue
                if not is_main and not _is_variable(entry):
                    continue
                if entry.progress == "poisoned":
                    continue
                found = guarded(state, statement.span, lambda s=statement: _initial(state, env, s))
                state.statements += found or ()
            case ast.Query() | ast.Assert() | ast.Learn() | ast.Import() | ast.FromImport():
                pass
            case _ if isinstance(statement, Declaration):
                pass
            case _:
                place, each = statements.Place(), spread(module, statement)
                state.statements += (
                    guarded(
                        state,
                        statement.span,
                        lambda s=each, p=place: statements.check_block(state, env, p, [s]),
                    )
                    or ()
                )


def _initial(state: Checking, env: Env, declaration: ast.VarDeclaration) -> tuple[Statement, ...]:
    """Check the mechanism written in a variable's declaration."""
    assert declaration.value is not None
    mechanism = ast.Mechanism(
        declaration.span, declaration.name, declaration.mechanism, declaration.value
    )
    entry = env.module.entries[declaration.name.text]
    match entry.meaning:
        case ThingMeaning() | RealMeaning(is_drawn=False):
            return ()
        case _:
            pass
    statement = evidence.check_mechanism(state, env, mechanism)
    assert isinstance(statement, Draw | Define | DrawReal | DefineReal)
    return (statement,)


def _check_questions(state: Checking, env: Env, program: ast.Program) -> None:
    held = dict(state.held)
    for statement in program.statements:
        match statement:
            case ast.Query():
                asked = guarded(
                    state, statement.span, lambda s=statement: check_questions(state, env, s)
                )
                state.questions += asked or ()
            case ast.Assert():
                checked = guarded(
                    state, statement.span, lambda s=statement: check_assert(state, env, s)
                )
                state.questions += [] if checked is None else [checked]
            case ast.Learn():
                learn = guarded(
                    state, statement.span, lambda s=statement: check_learn(state, env, s)
                )
                state.learns += [] if learn is None else [learn]
            case ast.LearnDef() if _is_declared(env, statement):
                unknown = guarded(
                    state, statement.span, lambda s=statement: check_learn_def(state, env, s)
                )
                state.defs += [] if unknown is None else [unknown]
            case ast.LearnModel() if _is_declared(env, statement):
                concept = guarded(
                    state, statement.span, lambda s=statement: check_learn_model(state, env, s)
                )
                state.concepts += [] if concept is None else [concept]
            case _:
                pass
    # What a question mentions exists for that question.
    state.held = held
    _finish_models(state)


def _is_declared(env: Env, statement: ast.LearnModel | ast.LearnDef) -> bool:
    """Say whether what is learned has its name, and its header no mistake."""
    entry = env.module.entries[statement.name.text]
    return entry.declaration is statement and entry.progress == "done"


# --- Models ------------------------------------------------------------------------------


def _finish_models(state: Checking) -> None:
    """Check the bodies of models whose headers are known; these may need further models."""
    while state.pending:
        entry = state.pending.pop(0)
        declaration = entry.declaration
        assert isinstance(declaration, ast.Model)
        env = Env(entry.module, {})
        meaning = entry.meaning
        if isinstance(meaning, ModelMeaning):
            guarded(
                state,
                entry.span,
                lambda d=declaration, e=env, m=meaning: _finish(state, e, m, d),
            )
    for module in state.modules.values():
        _check_poisoned_bodies(state, module)


def _finish(state: Checking, env: Env, meaning: ModelMeaning, declaration: ast.Model) -> None:
    inner = models.inside(env, meaning)
    prior = attempt(lambda: models.check_prior(state, inner, declaration.prior))
    depth = attempt(lambda: covering.check_depth(state, inner, declaration.depth))
    symbol = ModelSymbol(declaration.span, meaning.name, meaning.parameters, prior, (), depth=depth)
    if meaning.process is not None:
        finish_process(state, symbol, declaration, inner)
        return
    body = statements.check_block(state, inner, statements.Place(), declaration.body)
    state.models[meaning.name] = replace(symbol, body=tuple(body))


def _check_poisoned_bodies(state: Checking, module: Module) -> None:
    """Check the bodies of models whose headers have mistakes, for the mistakes of their own."""
    for entry in module.entries.values():
        if entry.progress == "poisoned" and isinstance(entry.declaration, ast.Model):
            inner = models.poisoned_inside(Env(entry.module, {}), entry.declaration)
            statements.check_block(state, inner, statements.Place(), entry.declaration.body)


# --- The result --------------------------------------------------------------------------


def _entities(state: Checking) -> tuple[EntitySymbol, ...]:
    """Return the entities, with the attributes that stand for processes about them."""

    def of(symbol: EntitySymbol) -> EntitySymbol:
        added = [a for entity, found in state.processes if entity == symbol.name for a in found]
        return replace(symbol, attributes=(*symbol.attributes, *added))

    return tuple(map(of, state.entity_symbols))


def _program(state: Checking, program: ast.Program) -> Program:
    symbols = (*existences(state), *(state.models[e.core_name] for e in state.model_order))
    return Program(
        program.span,
        tuple(state.data),
        tuple(state.variables),
        tuple(state.things),
        _entities(state),
        tuple(state.functions.values()),
        symbols,
        tuple(state.statements),
        tuple(state.questions),
        tuple(dict.fromkeys(state.sizes)),
        documentation(program),
        tuple(state.rows),
        tuple(state.learns),
        tuple(state.concepts),
        tuple(state.defs),
        tuple(state.members),
        tuple(state.held),
    )
