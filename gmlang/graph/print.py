"""A program with its data as text, bound and grounded, for `gmlang dump`."""

from gmlang.graph.from_core import Grounding
from gmlang.graph.world.world import World


def print_graph(grounding: Grounding) -> str:
    """List the blocks of variables and of factors, and what is observed."""
    builder = grounding.builder
    lines = ["variables"]
    for block in builder.variables:
        shape = f"[{', '.join(map(str, block.shape))}]" if block.shape else ""
        lines.append(f"  {block.name}{shape} : {block.num_states} states")
    lines.append("factors")
    for block, origin in zip(builder.factors, builder.origins, strict=True):
        count, arity = block.scopes.shape
        kind = type(block.kind).__name__
        tables = block.kind.num_tables
        shared = "one for all" if tables == 1 else f"{tables} of their own"
        where = f" in {origin.model}" if origin.model else ""
        lines.append(f"  {count} x {kind} over {arity} ({shared}): {origin.describe()}{where}")
    seen = sum(variables.size for variables, _, _ in builder.observed)
    lines.append(f"observed\n  {seen} variables")
    return "\n".join(lines) + "\n"


def print_world(world: World) -> str:
    """List what data and sizes fix before anything is grounded."""
    lines = ["sizes", *(f"  {name} = {size}" for name, size in sorted(world.sizes.items()))]
    lines.append("data")
    for name, array in sorted(world.data.items()):
        shape = f"[{', '.join(map(str, array.shape))}]" if array.shape else f" = {array[()]}"
        gaps = ", some of it missing" if name in world.missing else ""
        lines.append(f"  {name}{shape} : {array.dtype}{gaps}")
    return "\n".join(lines) + "\n"
