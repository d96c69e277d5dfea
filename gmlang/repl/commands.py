"""What the words of the interactive session do: `:load`, `:save`, `undo`, `more` and the like."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click

from gmlang.cli.options import read_assignments
from gmlang.core.records.covering import is_existence
from gmlang.data import names
from gmlang.diagnostics import GmError
from gmlang.library import read_source
from gmlang.limits import SECONDS, SEED, SEED_MAX, is_seconds
from gmlang.repl.session import ReplSession, ask, model_of
from gmlang.repl.text import HELP, only_asks, read_pieces
from gmruntime.graph import FactorGraph

_WORDS = """
    :load :save :show :reset :models :vars :plan :set :data :budget :seed :time :remember :graph
    :help :quit
"""
NAMES = tuple(_WORDS.split())
"""Every command, for completion."""


def run_command(session: ReplSession, word: str, rest: str) -> tuple[ReplSession, str]:
    """Carry out a command and return the session after it, and what to say.

    Raises:
        GmError: for mistakes in programs and queries.
        ValueError: for commands that are not understood.
        OSError: for files that cannot be read or written.
    """
    match word:
        case ":help" | ":h" | ":?":
            return session, HELP
        case ":quit" | ":q" | ":exit":
            return replace(session, is_over=True), ""
        case ":reset":
            return _begun(session), "forgotten"
        case ":load":
            return load(session, rest)
        case ":save":
            return session, _save(session, rest)
        case ":show" | ":list":
            return session, _show(session, rest)
        case ":models":
            return session, _models(session)
        case ":vars":
            return session, _variables(session)
        case ":plan":
            return session, _plan(session, rest)
        case ":graph":
            return session, _graph(session, rest)
        case _:
            return _set(session, word, rest)


def _set(session: ReplSession, word: str, rest: str) -> tuple[ReplSession, str]:
    match word:
        case ":set":
            return _bind(session, _tight(rest), ())
        case ":data":
            return _bind(session, (), _tight(rest))
        case ":budget":
            seconds = _positive(rest, f":budget takes {SECONDS}, as in :budget 10")
            return replace(session, budget_s=seconds), f"{seconds:g} s for each query"
        case ":seed":
            if not rest.isdecimal() or len(rest) > 20 or int(rest) > SEED_MAX:
                raise ValueError(f":seed takes {SEED}, as in :seed 1")
            return replace(session, seed=int(rest)), f"seed {int(rest)}"
        case ":time":
            timed = rest != "off" if rest else not session.is_timed
            return replace(session, is_timed=timed), f"timing is {'on' if timed else 'off'}"
        case ":remember":
            kept = rest != "off" if rest else not session.remembers
            said = "given again" if kept else "worked out anew each time"
            return replace(session, remembers=kept), f"exact answers are {said}"
        case ":undo":
            return undo(session, rest)
        case _:
            near = [name for name in NAMES if name.startswith(word[:2])]
            raise ValueError(f"there is no {word}; try {' or '.join(near) or ':help'}")


def _begun(session: ReplSession) -> ReplSession:
    """Return a session in which nothing was said, to be answered in the same way."""
    return ReplSession(budget_s=session.budget_s, seed=session.seed, remembers=session.remembers)


def _tight(text: str) -> tuple[str, ...]:
    """Split assignments, which may be written with spaces around `=`."""
    return tuple(re.sub(r"\s*=\s*", "=", text).replace(",", " ").split())


def _positive(text: str, message: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not is_seconds(value):
        raise ValueError(message)
    return value


# --- Files -------------------------------------------------------------------------------


def load(session: ReplSession, text: str) -> tuple[ReplSession, str]:
    """Start anew from a program; its queries are left to the user.

    Raises:
        GmError: with the mistakes in the file.
        ValueError: when no file is named.
        OSError: when it cannot be read.
    """
    words = text.split()
    if not words:
        raise ValueError("which file? :load FILE.gm [NAME=FILE.npz]")
    source = read_source(Path(words[0]))
    pieces = tuple(p for p in read_pieces(source) if not only_asks(p))
    values = {**session.values, **_assignments((), tuple(words[1:]))}
    fresh = replace(_begun(session), pieces=pieces, values=values, folder=Path(words[0]).parent)
    model = model_of(fresh, pieces)
    program = model.checked.program
    counts = {
        "variables": len(program.variables) + len(program.things),
        "models": sum(not is_existence(symbol.name) for symbol in program.models),
        "data": len(program.data),
    }
    shown = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    missing = [
        names.shown(s)
        for s in program.data
        if not s.has_value() and not any(n in values for n in s.outside)
    ]
    hint = f"\nstill to come: {', '.join(missing)} (:data NAME=FILE)" if missing else ""
    return replace(fresh, model=model), f"{words[0]}: {shown or 'nothing declared'}{hint}"


def _save(session: ReplSession, path: str) -> str:
    if not path:
        raise ValueError("which file? :save FILE.gm")
    Path(path).write_text("\n".join(p.text for p in session.pieces) + "\n", "utf-8")
    return f"saved {len(session.pieces)} statements to {path}"


def _summary(graph: FactorGraph) -> str:
    """Describe a graph in a few lines: its variables, and its factors by block."""
    lines: list[str] = []
    names: list[str] = []
    for block in graph.variables:
        shape = f"[{', '.join(map(str, block.shape))}]" if block.shape else ""
        lines.append(f"  {block.name}{shape}   {block.num_states} states")
        names += [block.name] * block.size
    for block in graph.factors:
        touched = dict.fromkeys(names[v] for v in block.scopes[:1000].reshape(-1))
        kind = type(block.kind).__name__
        lines.append(f"  {len(block.scopes)} x {kind} of {', '.join(touched)}")
    total = f"{graph.num_variables} variables, {graph.num_factors} factors"
    return "\n".join([total, *lines, "draw it with :graph FILE.svg"])


def _graph(session: ReplSession, path: str) -> str:
    from gmlang.views.graph import to_dot, to_svg

    graph = model_of(session).graph()
    if not path:
        return _summary(graph)
    Path(path).write_text(to_svg(graph) if path.endswith(".svg") else to_dot(graph), "utf-8")
    return f"drawn in {path}"


# --- Data --------------------------------------------------------------------------------


def _assignments(settings: tuple[str, ...], files: tuple[str, ...]) -> dict[str, object]:
    try:
        return read_assignments(settings, files)
    except click.UsageError as error:
        raise ValueError(error.message) from None


def _bind(
    session: ReplSession, settings: tuple[str, ...], files: tuple[str, ...]
) -> tuple[ReplSession, str]:
    values = _assignments(settings, files)
    core_names = list(names.by_core_name(model_of(session).checked.program, values))
    after = replace(session, values={**session.values, **values}, model=None)
    model = model_of(after)
    known: Mapping[str, object] = {}
    try:
        known = model.session().world.data
    except GmError as error:
        if any(d.code not in ("GM401", "GM402") for d in error.diagnostics):
            raise
    said = [
        f"{name} {_describe(known.get(core_name, value))}"
        for core_name, (name, value) in zip(core_names, values.items(), strict=True)
    ]
    return replace(after, model=model), ", ".join(said)


def _describe(value: object) -> str:
    shape = getattr(value, "shape", ())
    return f"[{', '.join(map(str, shape))}]" if shape else f"= {value}"


# --- What has been said ------------------------------------------------------------------


def _show(session: ReplSession, name: str) -> str:
    chosen = [p.text for p in session.pieces if not name or re.search(rf"\b{name}\b", p.text)]
    return "\n".join(chosen) or "nothing has been said" + (f" about {name}" if name else "")


def undo(session: ReplSession, rest: str) -> tuple[ReplSession, str]:
    """Go back to what had been said before the last statement, or the last few.

    Raises:
        GmError: when what is left has mistakes.
        ValueError: when the number is none.
    """
    count = int(rest) if rest.isdecimal() and len(rest) < 10 else (0 if rest else 1)
    if not count:
        raise ValueError("undo takes a number of statements, as in undo 2")
    if not session.past:
        return session, "nothing has been said"
    index = max(0, len(session.past) - count)
    pieces = session.past[index]
    gone = [p.text for p in session.pieces if p not in pieces]
    after = replace(
        session, pieces=pieces, past=session.past[:index], model=model_of(session, pieces)
    )
    return after, "forgotten: " + "\n".join(gone)


def more(session: ReplSession, rest: str) -> str:
    """Ask the last query again with more time.

    Raises:
        ValueError: when there is none, or the time is not understood.
    """
    if not session.asked:
        raise ValueError("nothing has been asked yet")
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s)?", rest.strip() or f"{2 * session.budget_s}")
    if found is None:
        raise ValueError("more takes a time, as in more 10 s")
    seconds = float(found.group(1)) * (1e-3 if found.group(2) == "ms" else 1.0)
    if not is_seconds(max(seconds, 1e-3)):
        raise ValueError(f"more takes {SECONDS}")
    return ask(session, session.asked, max(seconds, 1e-3))


def _models(session: ReplSession) -> str:
    lines: list[str] = []
    program = model_of(session).checked.program
    for symbol in program.models:
        if is_existence(symbol.name):
            continue
        parameters = ", ".join(
            f"{p.name}: {p.entity}" if p.entity else p.name for p in symbol.parameters
        )
        parts = " = " + " ".join(a.span.text.split("(")[0] for a in symbol.parts)
        prior = f" prior {symbol.prior.span.text}" if symbol.prior is not None else ""
        prior += f" depth {symbol.depth.span.text}" if symbol.depth is not None else ""
        lines.append(f"{symbol.name}({parameters}){prior}{parts if symbol.parts else ''}")
    lines += [f"{member.name} = {' '.join(member.span.text.split())}" for member in program.members]
    return "\n".join(lines) or "no model has been declared"


def _variables(session: ReplSession) -> str:
    lines: list[str] = []
    for named in model_of(session).names():
        shape = f"[{', '.join(map(str, named.variables.shape))}]" if named.variables.shape else ""
        count = named.states.count
        shown = [named.states.label(k) for k in range(min(count, 8))]
        dots = [f"... {count} states"] if count > 8 else []
        lines.append(f"{named.name}{shape} : {', '.join([*shown, *dots])}")
    return "\n".join(lines) or "no variable has been declared"


def _plan(session: ReplSession, text: str) -> str:
    from gmlang.queries.planning import plan_of
    from gmlang.queries.settings import Settings

    if not text:
        raise ValueError("which query? :plan P(x)")
    model = model_of(session)
    settings = Settings(session.budget_s, session.seed)
    return "\n".join(str(plan_of(model.session(), q, settings)) for q in model.ask(text))
