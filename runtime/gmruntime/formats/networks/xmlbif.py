"""XMLBIF 0.3, the interchange format of Bayesian networks in XML, as JavaBayes and Weka have it."""

from gmruntime.formats.located import Located
from gmruntime.formats.markup import Element, parse_markup
from gmruntime.formats.networks.network import Gathered, Network
from gmruntime.formats.recognise import XMLBIF, refuse_other

_DECISIONS = ("decision", "utility")


def parse_xmlbif(name: str, text: str) -> Network:
    """Parse the text of a network.

    Raises:
        FormatError: naming the place and what was expected, or what is no chance variable.
    """
    refuse_other(XMLBIF, name, text)
    located, top = parse_markup(name, text)
    _upper(top)
    networks = top.all("NETWORK") if top.tag == "BIF" else [top]
    if top.tag not in ("BIF", "NETWORK") or len(networks) != 1:
        raise located.error("an XMLBIF file holds one <BIF> with one <NETWORK>", top.offset)
    network = networks[0]
    gathered = Gathered(located)
    for element in network.all("VARIABLE"):
        _variable(located, element, gathered)
    for element in network.all("DEFINITION", "PROBABILITY"):
        _definition(located, element, gathered)
    title = next((element.text for element in network.all("NAME")), "") or "unknown"
    return gathered.network(title, "XMLBIF network")


def _upper(element: Element) -> None:
    """Make the names of all elements capitals: files have them either way."""
    stack = [element]
    while stack:
        element = stack.pop()
        element.tag = element.tag.upper()
        stack += element.children


def _variable(located: Located, element: Element, gathered: Gathered) -> None:
    kind = element.attributes.get("TYPE", element.attributes.get("type", "nature")).lower()
    names = [child.text for child in element.all("NAME")]
    if len(names) != 1 or not names[0]:
        raise located.error("a variable needs one <NAME>", element.offset)
    if kind in _DECISIONS:
        raise located.error(
            f"{names[0]} is a {kind} node: only networks of chance variables are read",
            element.offset,
        )
    if kind not in ("nature", "discrete"):
        raise located.error(f"{names[0]} is of the unknown type `{kind}`", element.offset)
    states: list[str] = []
    for child in element.all("OUTCOME", "VALUE"):
        if not child.text:
            raise located.error("an <OUTCOME> has no name", child.offset)
        states.append(child.text)
    gathered.declare(names[0], states, element.offset)


def _definition(located: Located, element: Element, gathered: Gathered) -> None:
    allowed = ("FOR", "GIVEN", "TABLE", "PROPERTY")
    for child in element.children:
        if child.tag not in allowed:
            raise located.error(
                f"<{child.tag}> is not read here: a definition has <FOR>, <GIVEN> and <TABLE>",
                child.offset,
            )
    children, parents = element.all("FOR"), element.all("GIVEN")
    if len(children) != 1:
        raise located.error("a definition needs one <FOR>", element.offset)
    names = [gathered.known(one.text, one.offset) for one in (*children, *parents)]
    found = gathered.define(names, children[0].offset)
    tables = element.all("TABLE")
    if len(tables) != 1:
        raise located.error(f"the definition of {names[0]} needs one <TABLE>", element.offset)
    words = tables[0].words()
    values = [located.probability(word, offset) for word, offset in words]
    found.rows(values, [offset for _, offset in words], tables[0].offset)
