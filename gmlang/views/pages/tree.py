"""A composite as a tree: its parts, and what each of its predictions costs or wins, in nats."""

from gmlang.views.pages import svg
from gmlang.views.pages.reading import Record, Run, number, record, text

TITLE = "What composites are made of"
LEAD = "Parts of a composite and the attributes that they speak of; red edges are where they fight."
MISSING = "No composite was taken apart: ask for blame(a, b)."

_WIDTH, _ROW, _SITES_MAX = 720.0, 26.0, 40
_PARTS_X, _SITES_X = 230.0, 520.0


def drawn(run: Run) -> str:
    """Draw each `blame`; "" where there is none."""
    return "".join(_tree(answer) for answer in run.answers if answer.get("kind") == "blame")


def parts_of(query: str) -> list[str]:
    """Return the models that a `blame` compares, those of a juxtaposition apart.

    >>> parts_of("blame(purple jar, digit(3, 1))")
    ['purple', 'jar', 'digit(3, 1)']
    """
    inner = query.partition("(")[2].rpartition(")")[0]
    found: list[str] = []
    depth, word = 0, ""
    for sign in inner + ",":
        depth += (sign == "(") - (sign == ")")
        if depth == 0 and sign in ", ":
            found += [word] if word else []
            word = ""
        else:
            word += sign
    return found


def _tree(answer: Record) -> str:
    query = text(answer.get("query"))
    sites = {
        str(name): nats
        for name, value in record(answer.get("answer")).items()
        if (nats := number(value)) is not None
    }
    parts = parts_of(query)
    if not sites or not parts:
        return ""
    strongest = sorted(sites, key=lambda n: -abs(sites[n]))[:_SITES_MAX]
    names = [name for name in sites if name in set(strongest)]
    height = _ROW * max(len(names), 2 * len(parts), 3) + 20
    total = number(answer.get("total"))
    root = (16.0, height / 2)
    spread = svg.linear(0, len(parts), 10, height - 10)
    places = [(_PARTS_X, spread(k + 0.5)) for k in range(len(parts))]
    lines = svg.linear(0, len(names), 10, height - 10)
    edges: list[str] = []
    labels: list[str] = []
    for place in places:
        edges.append(_edge((root[0] + 120, root[1]), (place[0] - 8, place[1]), "edge", 1.2, ""))
    worst = max(abs(v) for v in sites.values()) or 1.0
    for k, name in enumerate(names):
        y, nats = lines(k + 0.5), sites[name]
        css = "edge lost" if nats < -1e-9 else "edge won" if nats > 1e-9 else "edge"
        for part, place in zip(parts, places, strict=True):
            start = place[0] + 12 + 7.2 * min(len(part), 22), place[1]
            width = 0.8 + 3.2 * abs(nats) / worst
            edges.append(_edge(start, (_SITES_X - 8, y), css, width, f"{name}: {nats:.4g} nats"))
        labels.append(svg.words(_SITES_X, y + 4, name, most=16))
        labels.append(svg.words(_WIDTH - 12, y + 4, f"{nats:+.3g}" if nats else "0", "end small"))
    labels += [
        svg.words(x, y + 4, part, "strong", most=22)
        for part, (x, y) in zip(parts, places, strict=True)
    ]
    whole = " ".join(parts)
    labels.append(svg.words(root[0], root[1] + 4, whole, "strong", most=16))
    if total is not None:
        labels.append(svg.words(root[0], root[1] + 22, f"{total:+.3g} nats in all", "small"))
    note = svg.further(len(sites) - len(names), "places")
    drawing = svg.svg(_WIDTH, height, "".join(edges + labels), f"{whole}, taken apart")
    return f"<h3><code>{svg.said(query, 200)}</code></h3>{drawing}{note}"


def _edge(
    start: tuple[float, float], end: tuple[float, float], css: str, width: float, title: str
) -> str:
    middle = (start[0] + end[0]) / 2
    own = f"<title>{svg.said(title, 200)}</title>" if title else ""
    return (
        f'<path d="M{svg.shown(start[0])} {svg.shown(start[1])}C{svg.shown(middle)} '
        f"{svg.shown(start[1])} {svg.shown(middle)} {svg.shown(end[1])} {svg.shown(end[0])} "
        f'{svg.shown(end[1])}" class="{css}" stroke-width="{width:.1f}">{own}</path>'
    )
