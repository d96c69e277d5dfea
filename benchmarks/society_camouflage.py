"""Animals of dots on fields of dots: the part `camouflage` of `society.py`.

    python benchmarks/society_camouflage.py [DELTA [SCENES [SPLIT]]]

Scenes are made here: 96 x 96 dots, each on with probability 0.5, within a silhouette at a random
place with 0.5 + DELTA. There are 70 kinds of silhouettes in ../shared/data; of each kind eight are
known to examples/society/camouflage.gm and four are not, and only those hide in scenes. It is asked
which kind it is and where, after four spans of time, each of which goes on from the last; what is
beside the picture (exemplars bound, turned, resized and laid out) is done before, once for all
scenes: a further one is the same graph with another picture. Which exemplars are known, and the
scenes, are drawn with the seed SPLIT.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

import gmlang
from gmlang.graph.gathering import Gathered
from gmruntime.factors.kinds.match import Match, Progress

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "society" / "camouflage.gm"
SILHOUETTES = Path(__file__).resolve().parents[2] / "shared" / "data" / "silhouettes.npz"

SIDE, SHAPE, NUM_KNOWN, SOFTNESS = 96, 64, 8, 1.5
AFTER_S = (0.05, 0.5, 1.5, 10.0)
"""Seconds after which an answer is wanted, in all."""

NEAR = 6
"""Rows and columns by which what is found may be off, as silhouettes fill their frames unlike."""

Array = np.ndarray


def silhouettes() -> tuple[Array, Array]:
    """Read the silhouettes and their kinds."""
    file = np.load(SILHOUETTES)
    masks = np.unpackbits(file["bits"], axis=-1)[:, : SHAPE * SHAPE]
    return masks.reshape(-1, SHAPE, SHAPE).astype(float), file["label"]


def parted(kinds: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Say which silhouettes of each kind are known, and which may hide."""
    drawn = [rng.permutation(np.flatnonzero(kinds == kind)) for kind in np.unique(kinds)]
    return (
        np.concatenate([some[:NUM_KNOWN] for some in drawn]),
        np.concatenate([some[NUM_KNOWN:] for some in drawn]),
    )


def scenes(
    hiding: Array, masks: Array, delta: float, count: int, rng: np.random.Generator
) -> Iterator[tuple[Array, int, Array]]:
    """Draw fields of dots, each with who hides there, and where its frame begins."""
    for _ in range(count):
        who, at = int(rng.choice(hiding)), rng.integers(0, SIDE - SHAPE + 1, 2)
        chance = np.full((SIDE, SIDE), 0.5)
        chance[at[0] : at[0] + SHAPE, at[1] : at[1] + SHAPE] += delta * masks[who]
        yield rng.random((SIDE, SIDE)) < chance, who, at


def another(scene: gmlang.Model, dots: Array) -> gmlang.Model:
    """Return the model of another scene: the same graph, with another picture."""
    found, base = scene.bind(dots=dots), scene.grounding()
    builder = base.builder.copy()
    for number, block in enumerate(builder.factors):
        if isinstance(block.kind, Match):
            picture = dots.reshape(1, -1).astype(block.kind.picture.dtype)
            kind = replace(block.kind, picture=picture, progress=Progress())
            builder.factors[number] = replace(block, kind=kind)
    for number, (variables, states, span) in enumerate(builder.observed):
        if variables.size == dots.size:
            seen = dots.reshape(states.shape).astype(states.dtype)
            builder.observed[number] = variables, seen, span
    found.session().base = replace(base, builder=builder, gathered=Gathered())
    return found


def camouflage(delta: float = 0.24, count: int = 200, split: int = 0) -> None:
    """Ask for kind and place of what hides, after ever more time."""
    if not SILHOUETTES.exists():
        print("camouflage is left out: there is no ../shared/data/silhouettes.npz")
        return
    masks, kinds = silhouettes()
    rng = np.random.default_rng(split)
    known, hiding = parted(kinds, rng)
    names = np.array(["bird", "fish", "snake", *(f"kind{k}" for k in range(3, kinds.max() + 1))])
    text = EXAMPLE.read_text("utf-8").replace("bird, fish, snake}", f"{', '.join(names)}}}")
    model = gmlang.compile(text).set(delta=delta, softness=SOFTNESS)
    model = model.bind(mask=masks[known], animal_of=names[kinds[known]])
    scene: gmlang.Model | None = None
    right, found, nats, first = (np.zeros((count, len(AFTER_S))) for _ in range(4))
    seen, took = np.zeros((count, len(AFTER_S))), np.zeros((count, 2 + len(AFTER_S)))
    for number, (dots, who, at) in enumerate(scenes(hiding, masks, delta, count, rng)):
        begun = process_time()
        scene = model.bind(dots=dots) if scene is None else another(scene, dots)
        scene.grounding()
        took[number, 0] = process_time() - begun
        before = 0.0
        for k, after in enumerate(AFTER_S):
            begun, start = process_time(), perf_counter()
            kind = scene.query(
                "P(animal_of[scene.exemplar])", budget_s=after - before, remember=False
            )
            took[number, 1 + k] = process_time() - begun
            late = perf_counter() - start - (after - before)
            took[number, -1] = max(took[number, -1], late)
            place = scene.query("MMAP(scene.row, scene.column)", budget_s=1e-3, remember=False)
            before = after
            chances = np.asarray(kind.array)
            order = np.argsort(-chances, kind="stable")
            right[number, k] = order[0] == kinds[who]
            first[number, k] = kinds[who] in order[:10]
            nats[number, k] = -(chances * np.log(np.maximum(chances, 1e-300))).sum()
            seen[number, k] = looked_at(kind.note)
            assert isinstance(place.value, dict)
            there = [int(str(place.value[f"scene.{axis}"])) for axis in ("row", "column")]
            found[number, k] = np.abs(there - at).max() <= NEAR
        if (number + 1) % 20 == 0:
            some = [(100 * a[: number + 1].mean(axis=0)).round(1) for a in (right, found, first)]
            print(f"    {number + 1}: class, located, among ten kinds {some}", flush=True)
    print(f"delta {delta}, {count} scenes, {9 * len(known)} views of {len(known)} exemplars:")
    for k, after in enumerate(AFTER_S):
        whole = np.isnan(seen[:, k])
        others = mean(seen[~whole, k])
        print(
            f"    after {after:g} s: class {100 * right[:, k].mean():.1f} %, "
            f"located {100 * found[:, k].mean():.1f} %, "
            f"among ten kinds {100 * first[:, k].mean():.1f} %, "
            f"entropy {mean(nats[right[:, k] > 0, k]):.2f} nats where right, "
            f"{mean(nats[right[:, k] == 0, k]):.2f} where wrong, "
            f"all looked at in {100 * whole.mean():.0f} %, "
            f"else {others:.0f}, "
            f"{took[:, 1 + k].mean():.2f} s of the processor"
        )
    late = took[:, -1]
    print(f"    ground in {took[0, 0]:.2f} s; at most {late.max():.2f} s late")


def mean(values: Array) -> float:
    """Return the mean; 0 of nothing."""
    return float(values.mean()) if len(values) else 0.0


def looked_at(note: str) -> float:
    """Read how many exemplars were looked at; NaN for all."""
    words = note.split(" exemplars looked at")[0].split()
    return float(words[-3].replace(",", "")) if " exemplars looked at" in note else np.nan


if __name__ == "__main__":
    said = sys.argv[1:]
    camouflage(
        float(said[0]) if said else 0.24,
        int(said[1]) if len(said) > 1 else 200,
        int(said[2]) if len(said) > 2 else 0,
    )
