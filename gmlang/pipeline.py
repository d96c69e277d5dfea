"""The phases in order: text, surface AST, core, factor graph.

    parse      gmlang.syntax   text -> what was written
    check      gmlang.core     names resolved, types known, sugar gone
    bind       gmlang.graph    data and sizes
    ground     gmlang.graph    a factor graph, block by block

Each phase either returns its whole result or raises one GmError with every mistake it found.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from gmlang.core.from_syntax import Checked, check
from gmlang.diagnostics import Source
from gmlang.graph.from_core import Grounding, ground
from gmlang.graph.world.bindings import bind
from gmlang.graph.world.world import World
from gmlang.library import find_module
from gmlang.syntax.ast import Program
from gmlang.syntax.parse import parse


def check_source(
    source: Source, folder: Path | None = None, watch: Callable[[str, object], None] | None = None
) -> Checked:
    """Parse and check a source; imports are looked up in `folder` and in the standard library.

    Args:
        source: the program's text.
        folder: where its file lies, None for a text without one.
        watch: called with the name of each phase and its result.

    Raises:
        GmError: with the mistakes of the first phase that found any.
    """
    program: Program = parse(source)
    if watch is not None:
        watch("syntax", program)
    # No lambda: what was checked keeps its loader, and is pickled with it.
    checked = check(program, partial(find_module, beside=folder))
    if watch is not None:
        watch("core", checked.program)
    return checked


def ground_program(checked: Checked, values: Mapping[str, object]) -> tuple[World, Grounding]:
    """Bind data to a checked program and turn it into a factor graph.

    Raises:
        GmError: with the mistakes that the data brings to light.
    """
    world = bind(checked.program, values)
    return world, ground(checked.program, world)
