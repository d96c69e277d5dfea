"""What a wide sum leaves when divided by a known number: parities, and remainders in any term.

Whatever is asked of `sum(...) % m` depends on m values only. Written as a table it takes all states
of everything that is added up; as a sum whose partial sums are told apart by their remainders it
takes m * m numbers for each summand.
"""

from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import Aggregate, Apply, Constant, Expression, Integer
from gmlang.core.walk import is_random, type_of
from gmlang.graph.lowering.forms.literals import strip_not
from gmlang.graph.lowering.grounder import Grounder, Job, auxiliary, environment
from gmlang.graph.lowering.narrowing import candidates
from gmlang.graph.lowering.sums.linear import SUM_RANGE_MAX, LinearForm, linear_form, realised
from gmlang.graph.lowering.sums.weighted import add_weighted
from gmlang.graph.values import terms
from gmlang.graph.values.environment import Env, NoValue, Slot
from gmlang.graph.values.evaluate import evaluate
from gmlang.graph.values.terms import Condition, Defined, Value
from gmlang.graph.world.places import locate
from gmlang.graph.world.states import BOOL, States
from gmlang.graph.world.world import Frame, select_rows
from gmruntime.factors.kinds import LinearSum, Xor
from gmruntime.graph import repeats_variable

_MODULUS_MAX = 1 << 12
"""A variable that holds a remainder may have this many states."""

_POTENTIALS_MAX = 1 << 24
"""The numbers that say what each sum is worth, all instances together, may be this many."""


@dataclass(frozen=True, slots=True, eq=False)
class _Residue:
    """A part of a term whose value is a weighted sum modulo a known number.

    Attributes:
        part: takes the values 0..modulus - 1, or is true where the remainder is one.
        form: what is divided.
        guards: conditions without which nobody asks for the part.
    """

    part: Expression
    form: LinearForm
    modulus: int
    guards: tuple[Expression, ...]

    def num_entries(self) -> float:
        """Count the entries of a chain that carries the remainder from summand to summand."""
        states, total = 1.0, 0.0
        for source, _ in self.form.terms:
            size = float(source.states.count)
            after = min(states * size, float(self.modulus))
            total += states * size * after
            states = after
        return total


def lower_residues(grounder: Grounder, frame: Frame, job: Job) -> bool:
    """Add a term that asks for a remainder of a wide sum; False where a table is as small.

    A term that asks for nothing else becomes one factor. In any other the remainder becomes a
    variable.
    """
    found = _widest(grounder, frame, job)
    if found is None:
        return _by_modulus(grounder, frame, job)
    if isinstance(job.term, Condition | Value) and not job.gates and not job.guards:
        by_residue = _worth(grounder, frame, job, found)
        if by_residue is not None:
            _add_residue(grounder, job, found.form, by_residue, ())
            return True
    states = BOOL if _is_parity(found.part) else States(0, found.modulus)
    frame, reference = auxiliary(grounder, frame, found.part, states, found.guards)
    grounder.lower(frame, job.replaced(found.part, reference))
    return True


def define_remainder(grounder: Grounder, frame: Frame, job: Job, term: Defined) -> bool:
    """Add target = a weighted sum % a known number, whatever the sum's range is."""
    env = environment(grounder, frame)
    found = _residue(term.value, env, job.guards)
    if found is None or _is_parity(term.value):
        return False
    target, k = locate(term.target, env), found.modulus
    if target.states.first < 0 or target.states.first + target.states.count > k:
        return False
    if not job.is_wide and found.num_entries() * k >= job.num_entries:
        return False
    if target.states.count < k:
        # Where the remainder leaves the domain must be told apart.
        frame, remainder = auxiliary(grounder, frame, term.value, States(0, k), job.guards)
        grounder.lower(frame, replace(job, term=Defined(term.target, remainder)))
        return True
    count = frame.count
    minus = (target, np.full(count, -1, np.int64))
    form = LinearForm(found.form.constant - target.states.first, [*found.form.terms, minus])
    zero = np.where(np.arange(k) == 0, 0.0, -np.inf)[None]
    _add_residue(grounder, job, _replace_modulo(form, k), zero, job.guards)
    return True


def _replace_modulo(form: LinearForm, modulus: int) -> LinearForm:
    """Return the form with its coefficients reduced, without summands that no longer count."""
    reduced = [(source, c % modulus) for source, c in form.terms]
    return LinearForm(form.constant % modulus, [(s, c) for s, c in reduced if c.any()])


def _add_residue(
    grounder: Grounder,
    job: Job,
    form: LinearForm,
    by_residue: np.ndarray,
    guards: tuple[Expression, ...],
) -> None:
    """Add what each remainder of a form is worth.

    Args:
        grounder: grows.
        job: whose factor it is.
        form: its coefficients are reduced already.
        by_residue: the log-factor of each remainder, one row for each instance or for all.
        guards: of parts that become variables.
    """
    k, count = by_residue.shape[1], len(form.constant)
    summands = realised(grounder, form, guards)
    coefficients = np.stack([c for _, c in summands], axis=1)
    variables = np.stack([np.broadcast_to(s.variables, count) for s, _ in summands], axis=1)
    worth = np.broadcast_to(by_residue, (count, k))
    if _is_xor(summands, coefficients, worth) and not repeats_variable(variables).any():
        wanted = (worth[:, 1] == 0.0) ^ (form.constant % 2 == 1)
        grounder.builder.add_factors(Xor(wanted), variables, job.origin)
        return
    most = _most(form)
    remainders = (form.constant[:, None] + np.arange(most + 1)) % k
    potentials = np.take_along_axis(worth, remainders, axis=1)
    kind = LinearSum(coefficients, np.zeros(count, np.int64), potentials)
    add_weighted(grounder.builder, kind, variables, job.origin)


def _most(form: LinearForm) -> int:
    return int(form.bounds()[1].max(initial=0) - form.constant.min(initial=0))


def _is_xor(
    summands: list[tuple[Slot, np.ndarray]], coefficients: np.ndarray, worth: np.ndarray
) -> bool:
    """Say whether a factor requires the parity of booleans, and says nothing else."""
    if worth.shape[1] != 2 or not (coefficients == 1).all():
        return False
    if any(source.states.count != 2 for source, _ in summands):
        return False
    return bool((np.sort(worth, axis=1) == [-np.inf, 0.0]).all())


# --- Which part, and what it is worth ----------------------------------------------------


def _widest(grounder: Grounder, frame: Frame, job: Job) -> _Residue | None:
    """Find the remainder of most summands whose chain is smaller than the table."""
    env, best = environment(grounder, frame), None
    for part, guards in candidates(job):
        found = _residue(part, env, guards)
        if found is None or found.num_entries() >= job.num_entries:
            continue
        if best is None or len(found.form.terms) > len(best.form.terms):
            best = found
    if best is not None and isinstance(job.term, Condition):
        _, inner = strip_not(job.term.condition)
        if inner is best.part:
            # A parity that must hold, or must not, has its own factor already.
            return None if _is_parity(inner) else best
    return best


def _by_modulus(grounder: Grounder, frame: Frame, job: Job) -> bool:
    """Split the instances by the number that a wide sum is divided by, where there are several."""
    env = environment(grounder, frame)
    for part, _ in candidates(job):
        moduli = _moduli(part, env)
        if moduli is None or len(np.unique(moduli)) == 1:
            continue
        groups = [np.flatnonzero(moduli == k) for k in np.unique(moduli)]
        inner = replace(env, frame=select_rows(frame, groups[0]))
        if _residue(part, inner, ()) is None:
            continue
        for rows in groups:
            grounder.lower(select_rows(frame, rows), job)
        return True
    return False


def _moduli(part: Expression, env: Env) -> np.ndarray | None:
    """Return the known number that a part divides by in each instance; None when it does not."""
    if not isinstance(part, Apply) or part.operator != "%" or is_random(part.arguments[1]):
        return None
    inner = env.gathering()
    moduli = np.asarray(evaluate(part.arguments[1], inner))
    return None if inner.holes else np.broadcast_to(moduli.reshape(-1), (env.frame.count,))


def _residue(part: Expression, env: Env, guards: tuple[Expression, ...]) -> _Residue | None:
    """Read a part as a remainder of a form of at least three summands."""
    if _is_parity(part):
        assert isinstance(part, Aggregate)
        inside, k = replace(part, operator="count", type=Integer()), 2
    else:
        moduli = _moduli(part, env)
        if moduli is None or len(moduli) == 0 or (moduli != moduli[0]).any():
            return None
        if moduli[0] < 1 or moduli[0] != int(moduli[0]):
            return None
        assert isinstance(part, Apply)
        inside, k = part.arguments[0], int(moduli[0])
    if k > _MODULUS_MAX:
        return None
    try:
        form = linear_form(inside, env, parts=True)
    except NoValue:
        return None
    if form is None:
        return None
    form = _replace_modulo(form, k)
    most = _most(form) if form.terms else 0
    few = most <= SUM_RANGE_MAX and most * env.frame.count <= _POTENTIALS_MAX
    return _Residue(part, form, k, guards) if len(form.terms) >= 3 and few else None


def _is_parity(part: Expression) -> bool:
    return isinstance(part, Aggregate) and part.operator == "xor"


def _worth(grounder: Grounder, frame: Frame, job: Job, found: _Residue) -> np.ndarray | None:
    """Evaluate a term for each remainder; None where it depends on anything else at random."""
    columns: list[np.ndarray] = []
    parity = _is_parity(found.part)
    for value in range(found.modulus):
        known = Constant(found.part.span, bool(value) if parity else value, type_of(found.part))
        term = job.replaced(found.part, known).term
        if any(is_random(part) for part in terms.expressions(term)):
            return None
        env = environment(grounder, frame).gathering()
        worth = np.asarray(terms.log_values(term, env), np.float64)
        if env.holes:
            return None
        columns.append(np.broadcast_to(worth.reshape(-1), (frame.count,)))
    return np.stack(columns, axis=1)
