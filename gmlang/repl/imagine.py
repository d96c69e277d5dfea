"""`imagine purple jar`: what a composition predicts about things of its own, nothing else said."""

import numpy as np

from gmlang.api import Model
from gmlang.diagnostics import Source
from gmlang.repl.session import ReplSession, model_of
from gmlang.repl.text import DECLARATIONS, Piece, read_pieces
from gmlang.syntax import ast

_COMPOSITE, THING = "imagined_model", "imagined_"

SHADES = " .:-=+*#%@"
"""From certainly false to certainly true."""

STATES_SHOWN, _ROWS_SHOWN, _SAME = 3, 24, 1e-9


def imagine(session: ReplSession, text: str) -> str:
    """Describe what follows when the models of a composition are active.

    Raises:
        GmError: when the composition has mistakes.
        ValueError: when a model needs a value that is not given.
    """
    said = tuple(p for p in map(_declarations, session.pieces) if p.statements)
    composite = read_pieces(Source("<imagine>", f"model {_COMPOSITE} = {text} soft"))
    model = model_of(session, (*said, *composite))
    symbol = next(s for s in model.checked.program.models if s.name == _COMPOSITE)
    values = [p.name for p in symbol.parameters if not p.entity]
    if values:
        raise ValueError(f"say which {values[0]}, as in: imagine {text.split()[0]}(0)")
    things = [(THING + p.name, p.entity) for p in symbol.parameters]
    lines = [f"var {name} : {entity}" for name, entity in things]
    lines.append(f"observe {_COMPOSITE}({', '.join(name for name, _ in things)})")
    scene = read_pieces(Source("<imagine>", "\n".join(lines)))
    return _describe(model_of(session, (*said, *composite, *scene)), alone=len(things) == 1)


def _declarations(piece: Piece) -> Piece:
    """Keep what a piece declares: variables and evidence are no part of what is imagined."""
    kept = tuple(
        s
        for s in piece.statements
        if isinstance(s, (*DECLARATIONS, ast.Import, ast.FromImport))
        and not isinstance(s, ast.VarDeclaration)
    )
    return Piece(piece.text, kept)


def _describe(model: Model, *, alone: bool) -> str:
    rows: list[tuple[str, list[str]]] = []
    for named in model.names():
        if named.name.startswith(_COMPOSITE):
            continue
        answer = model.query(f"P({named.name})")
        if answer.array is None:
            return f"{answer.status}: these models cannot be active together"
        shown = named.name.replace(THING, "")
        if alone and named.name.startswith(THING):
            shown = shown.split(".", 1)[1]
        labels = named.states.all_labels()
        table = answer.array
        if "(" in named.name:
            # An activation: how likely another model is, which these speak of.
            active = float(table.reshape(-1)[-1])
            rows += [(shown, [f"{active:.3f}"])] if active < 1 - _SAME else []
        else:
            rows.append((shown, _array(table, labels)))
    width = max((len(name) for name, _ in rows), default=0)
    lines: list[str] = []
    for name, shown in rows:
        lines += [f"{name:<{width}}  {shown[0]}", *(" " * (width + 2) + more for more in shown[1:])]
    return "\n".join(lines)


def _array(table: np.ndarray, labels: list[str]) -> list[str]:
    shape = table.shape[:-1]
    if not shape:
        return [_distribution(table, labels)]
    if len(shape) == 2 and labels == ["false", "true"]:
        shades = np.minimum((table[..., 1] * len(SHADES)).astype(int), len(SHADES) - 1)
        return ["".join(SHADES[k] for k in row) for row in shades]
    rows = [
        f"[{', '.join(map(str, place))}] {_distribution(table[place], labels)}"
        for place in list(np.ndindex(*shape))[:_ROWS_SHOWN]
    ]
    left = int(np.prod(shape)) - len(rows)
    return [*rows, f"... and {left} more"] if left else rows


def _distribution(row: np.ndarray, labels: list[str]) -> str:
    if float(row.max() - row.min()) < _SAME and len(labels) > STATES_SHOWN:
        return f"any of {len(labels)}, {float(row[0]):.3f} each"
    order = sorted(range(len(labels)), key=lambda k: -float(row[k]))
    rest = [float(row[k]) for k in order[STATES_SHOWN:]]
    equal = _first_of_tail(row, order)
    shown = order[:equal] if equal else order[:STATES_SHOWN]
    parts = [f"{labels[k]} {float(row[k]):.3f}" for k in shown]
    if equal and len(order) > equal:
        parts.append(f"others {float(row[order[-1]]):.3f} each")
    elif rest and not equal:
        parts.append(f"others {sum(rest):.3f}")
    return "   ".join(parts)


def _first_of_tail(row: np.ndarray, order: list[int]) -> int:
    """Say after how many states at most three all others are equally likely; 0 for none."""
    for count in range(1, min(STATES_SHOWN, len(order) - 2) + 1):
        tail = [float(row[k]) for k in order[count:]]
        if max(tail) - min(tail) < _SAME:
            return count
    return len(order) if len(order) <= STATES_SHOWN else 0
