"""Random societies: activations that predict attributes, each other, and what holds of groups."""

from dataclasses import dataclass

import numpy as np

from gmruntime.factors.kinds import Count, Gated, Or, Table
from gmruntime.graph import Assignment, FactorBlock, FactorGraph, VariableBlock

NUM_MODELS_MAX = 12


@dataclass(frozen=True, slots=True, eq=False)
class Society:
    """A graph with evidence, and which of its variables are activations."""

    graph: FactorGraph
    evidence: Assignment
    activations: np.ndarray


def random_society(rng: np.random.Generator, num_models: int) -> Society:
    """Draw a society.

    Some attributes are hidden; models predict attributes and each other, use each other, apply
    factors of two attributes; some are a group of which exactly one is active; conjunctions are
    made of some, and may be predicted as well.
    """
    num_attributes, states = int(rng.integers(1, 6)), int(rng.integers(2, 4))
    first, count = num_attributes, num_attributes + num_models
    priors = rng.choice([0.2, 0.01, 0.001, 0.5], num_models) * rng.uniform(0.3, 1, num_models)
    models = first + np.arange(num_models)
    blocks = [VariableBlock("a", (num_attributes,), states), VariableBlock("m", (num_models,), 2)]
    factors = [FactorBlock(Table(np.log(np.stack([1 - priors, priors], 1))), _scopes(models))]
    factors += _predictions(rng, models, num_attributes, states)
    factors += _about_models(rng, models, priors)
    factors += _of_two(rng, models, num_attributes, states)
    if num_models >= 3 and rng.random() < 0.5:
        size = int(rng.integers(2, num_models + 1))
        factors.append(_exactly_one(rng, np.sort(rng.choice(models, size, replace=False))))
    pairs = [rng.choice(models, 2, replace=False) for _ in range(int(rng.integers(0, 3)))]
    activations = models
    if pairs:
        blocks.append(VariableBlock("both", (len(pairs),), 2))
        made = count + np.arange(len(pairs))
        negated = np.ones((1, 3), np.bool_)
        factors.append(FactorBlock(Or(negated), _scopes(*np.array(pairs).T, made)))
        if rng.random() < 0.4:
            c, who = rng.uniform(0.3, 0.9), rng.choice(models)
            factors.append(FactorBlock(Gated(np.log([[1 - c, c]])), _scopes([who], [count])))
        if rng.random() < 0.5:
            activations = np.concatenate([models, made])
    evidence = np.full(count + len(pairs), -1, np.int32)
    seen = rng.random(num_attributes) < rng.choice([0, 0.5, 0.8, 1])
    evidence[:first][seen] = rng.integers(0, states, num_attributes)[seen]
    if rng.random() < 0.2:
        evidence[rng.choice(models)] = rng.integers(2)
    return Society(FactorGraph(tuple(blocks), tuple(factors)), evidence, activations)


def _scopes(*columns: object) -> np.ndarray:
    return np.stack([np.asarray(column) for column in columns], axis=1).astype(np.int32)


def prediction(confidence: float, value: int, states: int) -> np.ndarray:
    """Return the log of what a prediction makes of a uniform base."""
    table = np.full(states, np.log((1 - confidence) / (states - 1) * states))
    table[value] = np.log(confidence * states)
    return table


def _predictions(
    rng: np.random.Generator, models: np.ndarray, num_attributes: int, states: int
) -> list[FactorBlock]:
    pairs = [(m, a) for m in models for a in range(num_attributes) if rng.random() < 0.5]
    if not pairs:
        return []
    tables = [prediction(rng.uniform(0.2, 0.97), int(rng.integers(states)), states) for _ in pairs]
    return [FactorBlock(Gated(np.array(tables)), np.array(pairs, np.int32))]


def _about_models(
    rng: np.random.Generator, models: np.ndarray, priors: np.ndarray
) -> list[FactorBlock]:
    """Let models predict, or use, others before them."""
    pairs: list[tuple[int, int]] = []
    tables: list[list[float]] = []
    for k in range(len(models)):
        for j in range(k):
            drawn, prior = rng.random(), priors[j]
            if drawn < 0.12:
                c = rng.uniform(0.05, 0.98)
                tables.append([np.log((1 - c) / (1 - prior)), np.log(c / prior)])
            elif drawn < 0.22:
                tables.append([-np.inf, -np.log(prior)])
            else:
                continue
            pairs.append((models[k], models[j]))
    if not pairs:
        return []
    return [FactorBlock(Gated(np.array(tables)), np.array(pairs, np.int32))]


def _of_two(
    rng: np.random.Generator, models: np.ndarray, num_attributes: int, states: int
) -> list[FactorBlock]:
    scopes = [
        (m, *rng.choice(num_attributes, 2, replace=False))
        for m in models
        if num_attributes > 1 and rng.random() < 0.2
    ]
    if not scopes:
        return []
    tables = rng.normal(0, 1.5, (len(scopes), states, states))
    return [FactorBlock(Gated(tables), np.array(scopes, np.int32))]


def _exactly_one(rng: np.random.Generator, members: np.ndarray) -> FactorBlock:
    size = len(members)
    if rng.random() < 0.5:
        counts = np.where(np.arange(size + 1) == 1, 0.0, -np.inf)
        return FactorBlock(
            Count(counts[None], np.zeros((1, size), np.bool_)), members[None].astype(np.int32)
        )
    number = np.indices((2,) * size).sum(axis=0)
    table = np.where(number == 1, 0.0, -np.inf)
    return FactorBlock(Table(table[None]), members[None].astype(np.int32))
