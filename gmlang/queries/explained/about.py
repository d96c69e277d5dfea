"""The instances of models about a thing: their activations, names and priors."""

from dataclasses import dataclass

import numpy as np

from gmlang.graph.society.calls import calls_some
from gmlang.graph.society.existence import existence_chances
from gmlang.graph.world.names import instance_name
from gmlang.graph.world.world import World


@dataclass(frozen=True, slots=True)
class Instance:
    """A model's instance about a thing.

    Attributes:
        name: as the author would write it.
        prior_log_odds: the log-odds of its prior, nats; NaN without one, as of what is only called.
        values: of its parameters that are no things.
    """

    name: str
    prior_log_odds: float
    values: tuple[int, ...]


def instances_about(world: World, entity: str, number: int) -> dict[int, Instance]:
    """Find the instances about a thing, by their activations.

    Args:
        world: with all instances.
        entity: of the thing.
        number: of the thing within its entity.
    """
    found: dict[int, Instance] = {}
    for table in world.models.values():
        parameters = list(enumerate(table.symbol.parameters))
        columns = [k for k, p in parameters if p.domain is None and p.entity == entity]
        valued = [k for k, p in parameters if p.domain is not None]
        prior = world.priors.get(table.symbol.name, np.zeros(0))
        prior = prior * existence_chances(world, table)
        if calls_some(world, table.symbol):
            prior = np.full(len(table.keys), np.nan)
        with np.errstate(divide="ignore"):
            odds = np.log(prior) - np.log1p(-prior)
        for row in range(len(table.keys)):
            if any(int(table.rows[row, k]) == number for k in columns):
                name = instance_name(world, table, row)
                values = tuple(table.rows[row, valued].tolist())
                found[table.start + row] = Instance(name, float(odds[row]), values)
    return found
