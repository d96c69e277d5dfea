"""XDSL, the networks of GeNIe and SMILE: tables, functions and noisy maxima."""

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.formats.located import Located, shown
from gmruntime.formats.markup import Element, parse_markup
from gmruntime.formats.networks.network import Distribution, Gathered, Network
from gmruntime.formats.recognise import XDSL, refuse_other

_READ = ("cpt", "deterministic", "noisymax")


def parse_xdsl(name: str, text: str) -> Network:
    """Parse the text of a network.

    Raises:
        FormatError: naming the place and what was expected, or the kind of node that is not read.
    """
    refuse_other(XDSL, name, text)
    located, top = parse_markup(name, text)
    nodes = top.all("nodes")
    if top.tag != "smile" or len(nodes) != 1:
        raise located.error("an XDSL file holds one <smile> with one <nodes>", top.offset)
    for element in top.all("dynamic"):
        raise located.error("dynamic networks (temporal plates) are not read", element.offset)
    gathered = Gathered(located)
    for node in nodes[0].children:
        name = _id(located, node)
        if node.tag not in _READ:
            raise located.error(
                f"{name} is a {node.tag} node: only {', '.join(_READ)} nodes are read", node.offset
            )
        states = [_id(located, state) for state in node.all("state")]
        gathered.declare(name, states, node.offset)
    for node in nodes[0].children:
        parents = [word for element in node.all("parents") for word in element.words()]
        names = [_id(located, node), *(gathered.known(word, at) for word, at in parents)]
        found = gathered.define(names, node.offset)
        if node.tag == "cpt":
            element = _one(located, node, "probabilities")
            values, offsets = _numbers(located, element)
            found.rows(values, offsets, element.offset)
        elif node.tag == "deterministic":
            _function(located, node, found)
        else:
            _read_noisy_max(located, node, found)
    _warn_of_agrum(located, top, gathered)
    return gathered.network(top.attributes.get("id", "") or "unknown", "XDSL network")


def _warn_of_agrum(located: Located, top: Element, gathered: Gathered) -> None:
    """Tell of another tool that orders tables in its own way."""
    apps = [genie.attributes.get("app", "") for e in top.all("extensions") for genie in e.children]
    has_several = any(len(found.parents) > 1 for found in gathered.distributions.values())
    if has_several and any(app.startswith("aGrUM") for app in apps):
        gathered.warnings.append(
            f"{located.file}: this was written by aGrUM, whose XDSL has the first parent change "
            "fastest; it is read as GeNIe reads it, the last one fastest. Save it as BIF instead"
        )


def _noisy_max(
    effects: list[Float64[np.ndarray, "outcomes states"]], leak: Float64[np.ndarray, " states"]
) -> Float64[np.ndarray, "*outcomes states"]:
    """Return the distribution of the strongest of what each cause brings about, and of a leak.

        P(y <= k | x) = P(leak <= k) prod_i P(y_i <= k | x_i)

    States are ordered from the strongest to the weakest, so "at most as strong" is a sum from the
    end.

    Args:
        effects: for each parent, what each of its outcomes brings about.
        leak: what is brought about by nothing.

    Source: Díez (1993), "Parameter adjustment in Bayes networks: the generalized noisy OR-gate".

    >>> _noisy_max([np.array([[0.9, 0.1], [0.0, 1.0]])], np.array([0.5, 0.5])).tolist()
    [[0.95, 0.05], [0.5, 0.5]]
    """
    at_most = np.cumsum(leak[::-1])[::-1]
    for k, effect in enumerate(effects):
        cumulated = np.cumsum(effect[:, ::-1], axis=1)[:, ::-1]
        shape = [1] * len(effects) + [len(leak)]
        shape[k] = len(effect)
        at_most = at_most * cumulated.reshape(shape)
    rows = at_most.copy()
    rows[..., :-1] -= at_most[..., 1:]
    # Differences of sums that are equal but for rounding.
    return np.maximum(rows, 0.0)


def _id(located: Located, element: Element) -> str:
    name = element.attributes.get("id", "")
    if not name:
        raise located.error(f"<{element.tag}> has no id", element.offset)
    return name


def _one(located: Located, node: Element, tag: str) -> Element:
    found = node.all(tag)
    if len(found) != 1:
        raise located.error(f"{_id(located, node)} needs one <{tag}>", node.offset)
    return found[0]


def _numbers(located: Located, element: Element) -> tuple[list[float], list[int]]:
    words = element.words()
    return [located.probability(word, at) for word, at in words], [at for _, at in words]


def _function(located: Located, node: Element, found: Distribution) -> None:
    element = _one(located, node, "resultingstates")
    states = found.states[found.child]
    values: list[float] = []
    offsets: list[int] = []
    words = element.words()
    if len(words) != found.places.size:
        raise located.error(
            f"{found.child} has {found.places.size} resulting states, not {len(words)}",
            element.offset,
        )
    for word, at in words:
        if word not in states:
            raise located.error(f"`{shown(word)}` is no state of {found.child}", at)
        values += [float(word == state) for state in states]
        offsets += [at] * len(states)
    found.rows(values, offsets, element.offset)


def _read_noisy_max(located: Located, node: Element, found: Distribution) -> None:
    size = found.num_states
    counts = [len(found.states[parent]) for parent in found.parents]
    orders = _strengths(located, node, found, counts)
    element = _one(located, node, "parameters")
    values, offsets = _numbers(located, element)
    expected = (sum(counts) + 1) * size
    if len(values) != expected:
        raise located.error(
            f"the noisy maximum {found.child} has {expected} parameters, not {len(values)}",
            element.offset,
        )
    columns = np.array(values).reshape(-1, size)
    # Divided by their sums here: what does not sum to one would not be seen in the differences.
    totals = columns.sum(axis=1, keepdims=True)
    for k in np.flatnonzero(np.abs(totals[:, 0] - 1.0) > 1e-3):
        raise located.error(
            f"this column of {found.child} sums to {totals[k, 0]:.8g}, not to 1",
            offsets[int(k) * size],
        )
    columns = columns / totals
    effects: list[np.ndarray] = []
    start = 0
    for order in orders:
        effect = np.empty((len(order), size))
        effect[order] = columns[start : start + len(order)]
        effects.append(effect)
        start += len(order)
    found.table[...] = _noisy_max(effects, columns[-1])
    found.places[...] = element.offset


def _strengths(
    located: Located, node: Element, found: Distribution, counts: list[int]
) -> list[list[int]]:
    """Return for each parent its outcomes in the order of the columns, the strongest first."""
    elements = node.all("strengths")
    if not elements:
        return [list(range(count)) for count in counts]
    words = elements[0].words()
    if len(words) != sum(counts):
        raise located.error(
            f"the parents of {found.child} have {sum(counts)} strengths, not {len(words)}",
            elements[0].offset,
        )
    orders: list[list[int]] = []
    start = 0
    for parent, count in zip(found.parents, counts, strict=True):
        mine = words[start : start + count]
        known = {str(k): k for k in range(count)}
        if sorted(word for word, _ in mine) != sorted(known):
            raise located.error(
                f"the strengths of {parent} must be 0..{count - 1} in some order", mine[0][1]
            )
        orders.append([known[word] for word, _ in mine])
        start += count
    return orders
