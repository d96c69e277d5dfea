"""Which reals depend on each other, or have data depend on them; and which are parameters.

Joint reals are integrated together, as rows. A parameter is one that rows depend on otherwise than
linearly: a standard deviation, or a real with ends or with a base that is not normal. Where data,
or a variable, has another law than a normal one that such a real decides, all reals that have laws
depend on are looked at in panels of nodes. All others are looked at one by one, at nodes.
"""

from collections.abc import Iterable, Iterator

from gmlang.core.ast import Aggregate, Apply, AttributeRef, Cases, Context, Distribution, Expression
from gmlang.core.check.joint.laws import NORMAL
from gmlang.core.check.joint.sites import bad_site, spread_of
from gmlang.core.check.lints import expressions_of
from gmlang.core.print import show
from gmlang.core.program import Draw, Program, Statement
from gmlang.core.records.reals import (
    DefineReal,
    DrawReal,
    JointStatement,
    ObserveDrawn,
    ObserveReal,
    ObserveRealLike,
)
from gmlang.core.walk import is_real_reference, parts, walk

Key = tuple[str, str]
"""An entity, and a real attribute of it."""


def joint_keys(
    program: Program,
    asked: Iterable[tuple[Context, Expression]] = (),
    *,
    relates: bool = False,
) -> set[Key]:
    """Return the reals that a program relates to each other or to data, and those asked for so.

    Args:
        program: checked.
        asked: further expressions; those that compare sums or differences of reals relate them, and
            so do others of several, where nothing is said of these that only nodes understand.
        relates: whether all reals in these are related.
    """
    if not any(entity.reals for entity in program.entities) or grid_keys(program):
        return set()
    found: set[Key] = set()
    for statement in program.statements:
        match statement:
            case DrawReal(target=target, law=said) | DefineReal(target=target, value=said):
                found |= {key_of(target), *keys_outside_intervals(said)}
            case ObserveDrawn(law=law):
                found |= set(keys_outside_intervals(law))
            case _:
                pass
    added_up: set[Key] = set()
    for _, expression in asked:
        keys = set(keys_outside_intervals(expression))
        added_up |= keys
        is_of_several = len({show(p) for p in walk(expression) if is_real_reference(p)}) > 1
        if relates or (is_of_several and keys and _may_be_joint(program, keys)):
            found |= keys
        for part in walk(expression):
            match part:
                case Apply(operator="real_in", arguments=(subject, *_)):
                    if not is_real_reference(subject):
                        found |= set(keys_outside_intervals(subject))
                case _:
                    pass
    if found & added_up and _may_be_joint(program, added_up):
        # The terms of a sum are asked for one by one; one that is joint takes the others along.
        found |= added_up
    return found


def _may_be_joint(program: Program, keys: set[Key]) -> bool:
    """Say whether reals are normal, or flat, and nothing is said of them but what was seen."""
    for entity in program.entities:
        for real in entity.reals:
            is_normal = real.base is None or real.base.family == NORMAL
            is_open = real.low is None and real.high is None
            if (entity.name, real.name) in keys and not (is_normal and is_open):
                return False
    for statement in (*program.statements, *(s for m in program.models for s in m.body)):
        if isinstance(statement, ObserveRealLike | JointStatement | ObserveReal):
            continue
        if real_keys(expressions_of(statement)) & keys:
            return False
    return True


def key_of(target: AttributeRef) -> Key:
    """Return the attribute that a reference names."""
    return target.thing.entity, target.attribute


def real_keys(expressions: Iterable[Expression]) -> set[Key]:
    """Return the reals that expressions mention."""
    return {
        key_of(part)
        for expression in expressions
        for part in walk(expression)
        if isinstance(part, AttributeRef) and is_real_reference(part)
    }


def keys_outside_intervals(expression: Expression) -> Iterator[Key]:
    """Give the reals in an expression that count by their value."""
    if isinstance(expression, AttributeRef) and is_real_reference(expression):
        yield key_of(expression)
    if isinstance(expression, Apply) and expression.operator == "real_in":
        return
    for part in parts(expression):
        yield from keys_outside_intervals(part)


def outer_keys(program: Program) -> set[Key]:
    """Return the reals that rows depend on otherwise than linearly: their parameters."""
    if not any(entity.reals for entity in program.entities) or grid_keys(program):
        return set()
    found: set[Key] = set()
    for statement in program.statements:
        match statement:
            case DrawReal(law=law) | ObserveDrawn(law=law):
                for spread in _spreads(law):
                    found |= set(keys_outside_intervals(spread))
            case _:
                pass
    joint = joint_keys(program)
    for entity in program.entities:
        for real in entity.reals:
            is_normal = real.base is None or real.base.family == NORMAL
            is_open = real.low is None and real.high is None
            if (entity.name, real.name) in joint and not (is_normal and is_open):
                found.add((entity.name, real.name))
    return found


def _spreads(law: Expression) -> Iterator[Expression]:
    match law:
        case Distribution():
            spread = spread_of(law)
            if spread is not None:
                yield spread
        case Apply(operator="if", arguments=(_, *branches)):
            for branch in branches:
                yield from _spreads(branch)
        case Cases(values=values):
            for value in values:
                yield from _spreads(value)
        case _:
            pass


def grid_keys(program: Program) -> dict[Key, int]:
    """Return the reals of a program that are looked at in panels, none where others know better.

    Some law that is not normal depends on a real that is not normal itself, otherwise than a site
    may; or all laws do on one such real each.

    Returns:
        For each, how many reals are together in a law of its, at most.
    """
    found: dict[Key, int] = {}
    is_needed, is_fit = False, True
    for statement in program.statements:
        own = _keys_of_laws(statement)
        if not own:
            continue
        count = together_in(statement)
        found |= {key: max(count, found.get(key, 1)) for key in own}
        is_gaussian = [_is_gaussian(program, key) for key in own]
        is_needed |= not is_normal(statement) and not (all(is_gaussian) or _is_site(statement))
        is_fit &= count == 1 and not any(is_gaussian)
        is_fit &= not isinstance(statement, DefineReal | DrawReal)
    return found if is_needed or is_fit else {}


def together_in(statement: Statement) -> int:
    """Return how many reals a law depends on at once, at most; sums may have any number."""
    match statement:
        case DrawReal(target=target, law=law):
            return max(len(own | {show(target)}) for own in _reals_together(law))
        case ObserveDrawn(law=law) | Draw(distribution=law):
            return max(map(len, _reals_together(law)))
        case _:
            return 1


def _reals_together(expression: Expression) -> set[frozenset[str]]:
    """Return the reals that count together, in each branch of an expression."""
    if is_real_reference(expression):
        return {frozenset((show(expression),))}
    match expression:
        case Apply(operator="if", arguments=(_, *branches)) | Cases(values=branches):
            return set().union(*map(_reals_together, branches))
        case Apply(operator="real_in"):
            return {frozenset()}
        case Aggregate(items=items) if any(i.context and _mentions(i.value) for i in items):
            # How many there are is not known before there is data.
            return {frozenset(f"{show(expression)} {k}" for k in range(1 + TOGETHER_MAX))}
        case _:
            pass
    found: set[frozenset[str]] = {frozenset()}
    for part in parts(expression):
        inner = _reals_together(part)
        if len(found) * len(inner) > _BRANCHES_MAX:
            return {frozenset().union(*found, *inner)}
        found = {one | other for one in found for other in inner}
    return found


def _mentions(expression: Expression) -> bool:
    return any(True for _ in keys_outside_intervals(expression))


_BRANCHES_MAX = 256

TOGETHER_MAX = 3
"""So many reals in panels may be together in a law."""


def is_normal(statement: Statement) -> bool:
    """Say whether a statement draws reals, or data, from normal laws alone."""
    match statement:
        case DrawReal(law=law) | ObserveDrawn(law=law):
            laws = (part for part in walk(law) if isinstance(part, Distribution))
            return all(law.family == NORMAL for law in laws)
        case DefineReal():
            return True
        case _:
            return False


def _is_site(statement: Statement) -> bool:
    """Say whether data has a law that rows, or sites, understand: of a location, or of a link."""
    match statement:
        case ObserveDrawn(law=law):
            laws = (part for part in walk(law) if isinstance(part, Distribution))
            return not any(True for part in laws for _ in bad_site(part))
        case _:
            return False


def _keys_of_laws(statement: Statement) -> set[Key]:
    match statement:
        case DrawReal(target=target, law=law):
            return {key_of(target), *keys_outside_intervals(law)}
        case DefineReal(target=target, value=value):
            return {key_of(target), *keys_outside_intervals(value)}
        case ObserveDrawn(law=law) | Draw(distribution=law):
            return set(keys_outside_intervals(law))
        case _:
            return set()


def _is_gaussian(program: Program, key: Key) -> bool:
    """Say whether a real is normal, or flat, without ends."""
    for entity in program.entities:
        for real in entity.reals:
            if (entity.name, real.name) == key:
                has_ends = real.low is not None or real.high is not None
                return not has_ends and (real.base is None or real.base.family == NORMAL)
    return True
