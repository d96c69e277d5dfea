"""A program taken apart, and the model instances that exist in it."""

import contextlib
import itertools
from collections.abc import Iterator

from gmlang.diagnostics import Source, Span
from gmlang.syntax import ast
from gmlang.syntax.parse import parse
from tests.support.chances import weights
from tests.support.interpreter import (
    Env,
    Meaning,
    Place,
    Random,
    applied,
    bound,
    domain,
    evaluate,
    loops,
    parts,
    place_of,
)


def read_text(text: str) -> Meaning:
    """Take a program apart that is given as text."""
    return read(parse(Source("program", text)))


def read(program: ast.Program) -> Meaning:
    """Take a program apart; queries are left aside."""
    m = Meaning()
    for s in program.statements:
        match s:
            case ast.DomainDeclaration():
                m.named[s.name.text] = s.values
            case ast.DataDeclaration() | ast.ParamDeclaration() if s.value is not None:
                value = evaluate(m, s.value, {}, None)
                m.constants[s.name.text] = value
            case ast.Entity():
                m.entities[s.name.text] = s
            case ast.DefDeclaration():
                m.defs[s.name.text] = s
            case ast.Model() | ast.Composite():
                m.models[s.name.text] = s
            case ast.VarDeclaration():
                _declare(m, s)
            case ast.Query() | ast.Assert() | ast.Documentation():
                pass
            case _:
                m.statements.append(s)
    for s in m.statements:
        for found in mentions(m, s, {}):
            exist(m, found)
    return m


def _declare(m: Meaning, s: ast.VarDeclaration) -> None:
    name = s.name.text
    sizes = [int(evaluate(m, e, {}, None)) for e in s.shape]
    if s.prior is not None:
        p, before = float(evaluate(m, s.prior, {}, None)), ""
        m.some[name] = [f"{name}[{k}]" for k in range(sizes[0])]
        for thing in m.some[name]:
            _declare_thing(m, thing, s.type)
            m.domains[("model", "exists", (thing,))] = [False, True]
            m.chances[thing], before = (p, before), thing
        return
    if isinstance(s.type, ast.Name) and s.type.text in m.entities:
        _declare_thing(m, name, s.type)
        return
    _declare_variables(m, s, sizes)


def _declare_thing(m: Meaning, name: str, kind: ast.Expression) -> None:
    if isinstance(kind, ast.Name):
        m.things[name] = kind.text
        for a in m.entities[kind.text].attributes:
            assert isinstance(a, ast.AttributeDeclaration)
            inner = [int(evaluate(m, e, {}, None)) for e in a.shape]
            for index in itertools.product(*map(range, inner)):
                place = ("attr", name, a.name.text, index)
                m.domains[place] = domain(m, a.type)
                if a.base is not None:
                    m.bases[place] = weights(m, a.base, {}, {}, m.domains[place], normal=True)


def _declare_variables(m: Meaning, s: ast.VarDeclaration, sizes: list[int]) -> None:
    name = s.name.text
    m.declared[name] = s
    for index in itertools.product(*map(range, sizes)):
        m.domains[("var", name, index)] = domain(m, s.type)
        if s.base is not None:
            base = weights(m, s.base, {}, {}, domain(m, s.type), normal=True)
            m.bases[("var", name, index)] = base
    if s.value is not None:
        target = ast.Name(s.span, name)
        m.statements.append(ast.Mechanism(s.span, target, s.mechanism, s.value))


def exist(m: Meaning, place: Place) -> None:
    if place in m.domains:
        return
    m.domains[place] = [False, True]
    m.instances.append(place)
    model = m.models[str(place[1])]
    if isinstance(model, ast.Composite):
        for part in parts(m, place):
            exist(m, part)
        return
    for s in model.body:
        for found in mentions(m, s, bound(m, place)):
            exist(m, found)


def mentions(m: Meaning, s: ast.Statement, env: Env) -> Iterator[Place]:
    """List the instances that a statement mentions, whatever its gates."""
    match s:
        case ast.For():
            for inner in loops(m, s.loops, s.condition, env):
                for b in s.body:
                    yield from mentions(m, b, inner)
        case ast.If():
            yield from mentioned(m, s.condition, env)
            branches = (s.then, s.otherwise)
            with contextlib.suppress(Random):
                branches = (s.then,) if evaluate(m, s.condition, env, None) else (s.otherwise,)
            for branch in branches:
                for b in branch:
                    yield from mentions(m, b, env)
        case ast.Match():
            for case in s.cases:
                for b in case.body:
                    yield from mentions(m, b, env)
        case ast.Consider():
            for item in s.items:
                if isinstance(item, ast.AllAbout):
                    yield from _about(m, item, env)
                else:
                    yield from mentioned(m, item, env)
        case ast.Use():
            yield from mentioned(m, s.model, env)
        case ast.Cover():
            yield from mentioned(m, s.value, env)
        case ast.Predict():
            yield from mentioned(m, s.target, env)
        case ast.Factor():
            yield from mentioned(m, s.value, env)
        case ast.Prefer() | ast.Constraint():
            yield from mentioned(m, s.condition, env)
        case ast.Observe():
            yield from mentioned(m, s.target, env)
            if s.operator == "like":
                yield from mentioned(m, s.value, env)
        case _:
            return


def _about(m: Meaning, item: ast.AllAbout, env: Env) -> Iterator[Place]:
    """List the instances of models about one thing, all others of whose parameters are values."""
    assert isinstance(item.thing, ast.Name)
    entity = m.things[item.thing.text]
    for name, model in m.models.items():
        choices = [
            (item.thing,)
            if isinstance(p.type, ast.Name) and p.type.text == entity
            else ()
            if isinstance(p.type, ast.Name) and p.type.text in m.entities
            else tuple(_written(value, item.span) for value in domain(m, p.type))
            for p in _parameters(m, model)
        ]
        is_own = [
            isinstance(p.type, ast.Name) and p.type.text == entity for p in _parameters(m, model)
        ]
        for arguments in itertools.product(*choices) if sum(is_own) == 1 else ():
            yield from mentioned(m, ast.Call(item.span, ast.Name(item.span, name), arguments), env)


def _parameters(m: Meaning, model: ast.Model | ast.Composite) -> tuple[ast.Parameter, ...]:
    """Return a model's parameters; of a composite that writes none, those of its longest part."""
    if model.parameters or isinstance(model, ast.Model):
        return model.parameters
    inner = [m.models[part.text] for part in model.parts if isinstance(part, ast.Name)]
    return max((_parameters(m, part) for part in inner), key=len)


def _written(value: object, span: Span) -> ast.Expression:
    if isinstance(value, bool):
        return ast.Boolean(span, value)
    if isinstance(value, int):
        return ast.Number(span, value)
    return ast.Name(span, str(value))


def mentioned(m: Meaning, e: object, env: Env) -> Iterator[Place]:
    """List the instances that an expression mentions."""
    if isinstance(e, ast.Comprehension):
        for inner in loops(m, e.loops, e.condition, env):
            yield from mentioned(m, e.body, inner)
        return
    if isinstance(e, ast.Is):
        for part in e.models:
            yield from mentioned(m, applied(e.span, e.thing, part), env)
        return
    if isinstance(e, ast.Call):
        place = place_of(m, e, env)
        if place is not None:
            yield place
            return
    for name in getattr(type(e), "__slots__", ()):
        part = getattr(e, name)
        for inner in part if isinstance(part, tuple) else (part,):
            if hasattr(type(inner), "__slots__") and name != "span":
                yield from mentioned(m, inner, env)
