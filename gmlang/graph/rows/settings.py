"""Rows whose numbers depend on parameters: made again, for many settings of these at once.

What a statement says is worked out by array arithmetic, with one more axis for the settings; what
rows there are, and of which reals and selectors, is the same for all settings.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gmlang.graph.builder import Builder
from gmlang.graph.lowering.grounder import Grounder
from gmlang.graph.rows.joint import JointReals, placed_pieces
from gmlang.graph.rows.linear import RealRows, has_settings
from gmruntime.arrays import Float64


def at_settings(
    grounder: Grounder, joint: JointReals, values: Float64[np.ndarray, "settings parameters"]
) -> JointReals:
    """Return a program's reals whose rows, as statements say them, and definitions are made anew.

    Args:
        grounder: of the program, or of a question about it.
        joint: the reals.
        values: of all parameters.
    """
    world = replace(
        grounder.world,
        outer_values=values,
        data=dict(grounder.world.data),
        hidden=dict(grounder.world.hidden),
        budget=None,
    )
    raw, definitions = list(joint.raw), list(joint.definitions.items)
    for recipe in joint.recipes:
        own = Grounder(world, Builder(), grounder.lowering, dict(grounder.names))
        recipe.run(own)
        made = [rows for rows in own.builder.real_rows if has_settings(rows.linear)]
        for number, rows in zip(recipe.rows, made, strict=True):
            raw[number] = rows
        defined = [one for one in own.builder.real_definitions if has_settings(one.linear)]
        for number, one in zip(recipe.definitions, defined, strict=True):
            definitions[number] = one
    known = replace(joint.definitions, items=tuple(definitions))
    return replace(joint, raw=tuple(raw), definitions=known)


def rows_at(
    grounder: Grounder, joint: JointReals, values: Float64[np.ndarray, "settings parameters"]
) -> Mapping[int, RealRows]:
    """Return the rows that depend on parameters, by their number, at some settings of these."""
    own = at_settings(grounder, joint, values)
    found: dict[int, RealRows] = {}
    numbers = [k for k, rows in enumerate(joint.rows) if has_settings(rows.linear)]
    for origin in sorted({joint.origins[k] for k in numbers}):
        pieces = placed_pieces(grounder.world, own.definitions, own.raw[origin], joint.places)
        places = [k for k, number in enumerate(joint.origins) if number == origin]
        found.update(zip(places, pieces, strict=True))
    return found
