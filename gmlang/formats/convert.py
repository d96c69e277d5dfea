"""Models and programs read as graphs with names, and written in the formats of other tools."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gmlang.core.program import Query
from gmlang.core.records.reals import is_real_thing
from gmlang.diagnostics import GmError
from gmlang.errors import later
from gmlang.formats.directed import network_of
from gmlang.formats.names import identifier
from gmlang.formats.programs import unnamed
from gmlang.graph.from_core import finite_graph, ground
from gmlang.loading import load
from gmlang.queries.session import check_defined, mentions
from gmruntime.formats.graphs.named import NamedGraph
from gmruntime.formats.graphs.writing import cfn_text, fg_text, wcsp_text
from gmruntime.formats.models import Model, graph_of, read_model
from gmruntime.formats.networks.network import Network, network_graph
from gmruntime.formats.networks.writing import bif_text, xmlbif_text
from gmruntime.formats.text import write_text
from gmruntime.formats.uai import evidence_text, uai_text
from gmruntime.graph import FactorGraph

TARGETS = ("uai", "bif", "xmlbif", "fg", "wcsp", "cfn")
"""The formats that any model can be written in, as far as it is one of theirs."""

Warn = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """What a file holds, with its names.

    Attributes:
        model: the graph; variable i is called variables[i].
        network: where the file is a Bayesian network, that.
        labels: names of variables and states for whoever reads a file without any.
        evidence: what a program observes, state by variable.
    """

    model: NamedGraph
    network: Network | None = None
    labels: dict[str, object] = field(default_factory=dict[str, object])
    evidence: dict[int, int] = field(default_factory=dict[int, int])


def drawn_graph(path: str, values: Mapping[str, object]) -> FactorGraph:
    """Read a graph to be drawn; a program's with the model instances that its queries mention.

    Raises:
        GmError: for mistakes in a `.gm` program.
        FormatError: for mistakes in another format.
    """
    found = read_model(path)
    if found is not None:
        return graph_of(found)
    model = load(path).bind(**values)
    extra = [pair for q in model.questions if isinstance(q, Query) for pair in mentions(q)]
    session = model.session()
    return finite_graph(ground(session.program, session.world, extra))


def read_named(path: str, found: Model | None, values: Mapping[str, object], warn: Warn) -> Named:
    """Return a graph with the names of its variables and states.

    Args:
        path: of the file.
        found: what it holds, None for a program, which is read and grounded here.
        values: data for a program.
        warn: told what looks like a mistake in the numbers.

    Raises:
        GmError: for mistakes in a program.
    """
    match found:
        case Network():
            states = tuple(found.states.values())
            model = NamedGraph(found.name, network_graph(found), tuple(found.states), states)
            return Named(model, found, {v: list(s) for v, s in found.states.items()})
        case NamedGraph():
            has_names = any(found.states) or any(
                name != f"x{k}" for k, name in enumerate(found.variables)
            )
            pairs = zip(found.variables, found.states, strict=True)
            return Named(found, None, {v: list(s) for v, s in pairs} if has_names else {})
        case FactorGraph():
            return Named(unnamed(found, Path(path).stem))
        case None:
            return _program(path, values, warn)


def _program(path: str, values: Mapping[str, object], warn: Warn) -> Named:
    model = load(path).bind(**values)
    grounding = check_defined(model.grounding())
    for diagnostic in grounding.warnings:
        warn(diagnostic.message)
    world = grounding.world
    for entity, name in (*world.hidden_reals, *world.joint_reals):
        span = world.reals[entity][name].span
        shown = name if is_real_thing(entity) else f"{entity}.{name}"
        raise GmError([later.converted_reals(span, shown)])
    graph = grounding.builder.graph()
    evidence = {
        int(v): int(s)
        for variables, states, _ in grounding.builder.observed
        for v, s in zip(variables.reshape(-1), states.reshape(-1), strict=True)
    }
    names = [""] * graph.num_variables
    states: list[tuple[str, ...]] = [()] * graph.num_variables
    labels: dict[str, object] = {}
    for named in model.names():
        own = named.states.all_labels()
        labels[named.name] = {"variables": named.variables.tolist(), "states": own}
        for place in np.ndindex(*named.variables.shape):
            v = int(named.variables[place])
            index = f"[{', '.join(map(str, place))}]" if place else ""
            names[v], states[v] = named.name + index, tuple(own)
    taken = set(names)
    names = [name or identifier(f"aux{k}", taken) for k, name in enumerate(names)]
    title = Path(path).stem
    return Named(NamedGraph(title, graph, tuple(names), tuple(states)), None, labels, evidence)


def write_named(named: Named, kind: str, target: str, warn: Warn) -> None:
    """Write a graph in a format of `TARGETS`; names that UAI cannot hold, and evidence, beside it.

    Raises:
        ValueError: when the graph is none of the format, or a table is too large.
    """
    match kind:
        case "uai":
            write_text(target, uai_text(named.model.graph))
            if named.labels:
                text = json.dumps(named.labels, indent=1)
                Path(target + ".names").write_text(text + "\n", "utf-8")
        case "bif" | "xmlbif":
            network = named.network or network_of(named.model)
            write_text(target, bif_text(network) if kind == "bif" else xmlbif_text(network))
        case "fg":
            write_text(target, fg_text(named.model.graph))
        case "cfn":
            write_text(target, cfn_text(named.model))
        case _:
            text, lost = wcsp_text(named.model)
            write_text(target, text)
            if lost:
                warn(f"{target}: {lost}")
    if named.evidence:
        evidence = np.full(named.model.graph.num_variables, -1, np.int32)
        for variable, state in named.evidence.items():
            evidence[variable] = state
        Path(target + ".evid").write_text(evidence_text(evidence), "utf-8")
        warn(f"{target}: what the program observes is not in this file, but in {target}.evid")
