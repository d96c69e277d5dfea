"""Places for the nodes of a sketch: layers from causes to effects, few crossings.

Source: Sugiyama, Tagawa and Toda (1981), "Methods for visual understanding of hierarchical system
structures": layering, ordering by barycentres, then coordinates.
"""

from collections.abc import Mapping, Sequence

GAP = 26.0
"""Between two nodes of a row."""

NUM_SWEEPS = 24


def layers(
    variables: Sequence[str], factors: Mapping[str, tuple[tuple[str, ...], str]]
) -> dict[str, int]:
    """Give each node a row: variables even ones below their causes, factors odd ones.

    Args:
        variables: keys, in the order of declaration.
        factors: by key, the variables of each and the one it draws or defines, "" for none.
    """
    depth = dict.fromkeys(variables, 0)
    for _ in variables:
        changed = False
        for members, child in factors.values():
            below = 1 + max((depth[v] for v in members if v != child), default=-1)
            # A cycle of causes, which arrays may have among blocks, must not sink for ever.
            if child and len(variables) > below > depth[child]:
                depth[child], changed = below, True
        if not changed:
            break
    rows = {v: 2 * d for v, d in depth.items()}
    for key, (members, child) in factors.items():
        rows[key] = rows[child] - 1 if child else 1 + max((rows[v] for v in members), default=0)
    return rows


def places(
    rows: Mapping[str, int], links: Sequence[tuple[str, str]], widths: Mapping[str, float]
) -> dict[str, float]:
    """Give each node the x of its centre.

    Args:
        rows: of each node.
        links: pairs of nodes.
        widths: of each node.
    """
    near: dict[str, list[str]] = {key: [] for key in rows}
    for one, other in links:
        near[one].append(other)
        near[other].append(one)
    levels: dict[int, list[str]] = {}
    for key, row in rows.items():
        levels.setdefault(row, []).append(key)
    x: dict[str, float] = {}
    for level in levels.values():
        _spread(level, {key: 0.0 for key in level}, widths, x)
    order = sorted(levels)
    for sweep in range(NUM_SWEEPS):
        for row in order if sweep % 2 == 0 else order[::-1]:
            level = levels[row]
            wanted = {
                key: sum(x[n] for n in near[key]) / len(near[key]) if near[key] else x[key]
                for key in level
            }
            level.sort(key=lambda key, wanted=wanted: wanted[key])
            _spread(level, wanted, widths, x)
    left = min((x[key] - widths[key] / 2 for key in x), default=0.0)
    return {key: value - left for key, value in x.items()}


def _spread(
    level: list[str],
    wanted: Mapping[str, float],
    widths: Mapping[str, float],
    x: dict[str, float],
) -> None:
    """Put nodes of a row as near to where they want to be as their widths allow, in order."""
    groups: list[tuple[list[str], float, float]] = []
    for key in level:
        members, width, centre = [key], widths[key] + GAP, wanted[key]
        while groups and groups[-1][2] + groups[-1][1] / 2 > centre - width / 2:
            # Overlapping groups join and settle at the mean of what their members want.
            others, other_width, other_centre = groups.pop()
            total = len(others) + len(members)
            centre = (other_centre * len(others) + centre * len(members)) / total
            members, width = others + members, other_width + width
        groups.append((members, width, centre))
    for members, width, centre in groups:
        left = centre - width / 2
        for key in members:
            x[key] = left + (widths[key] + GAP) / 2
            left += widths[key] + GAP
