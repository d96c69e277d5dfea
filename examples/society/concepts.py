"""Two thousand made-up concepts, four of which made a thing: who wakes, and who is found."""

from pathlib import Path

import numpy as np

import gmlang

NUM_CONCEPTS, NUM_ATTRIBUTES, NUM_STATES, NUM_CAUSES, NUM_HIDDEN = 2000, 400, 8, 4, 6

rng = np.random.default_rng(0)
counts = rng.integers(12, 25, NUM_CONCEPTS)
width = int(counts.max())
attr = np.stack([rng.permutation(NUM_ATTRIBUTES)[:width] for _ in range(NUM_CONCEPTS)])
value = rng.integers(0, NUM_STATES, attr.shape)
is_said = np.arange(width) < counts[:, None]
conf = np.ma.masked_array(rng.uniform(0.6, 0.95, attr.shape), ~is_said)

# What the causes predict is seen where they predict it; the rest is chance.
causes = rng.choice(NUM_CONCEPTS, NUM_CAUSES, replace=False)
seen = rng.integers(0, NUM_STATES, NUM_ATTRIBUTES)
for cause in causes:
    for place in np.flatnonzero(is_said[cause] & (rng.random(width) < conf[cause])):
        seen[attr[cause, place]] = value[cause, place]
hidden = np.zeros(NUM_ATTRIBUTES, np.bool_)
hidden[[17, *rng.choice(NUM_ATTRIBUTES, NUM_HIDDEN - 1, replace=False)]] = True

model = gmlang.load(Path(__file__).with_name("concepts.gm")).bind(
    prior_=np.full(NUM_CONCEPTS, 0.002),
    attr=attr,
    value=value,
    conf=conf,
    seen=np.ma.masked_array(seen, hidden),
)
answers = list(model.run(budget_s=10))
active, attribute, woke, check = answers
assert isinstance(active.value, dict)
assert isinstance(woke.value, dict)
likely = {m["model"] for m in active.value["models"] if m["probability"] > 0.5}
print(f"{woke.value['awake']} of {NUM_CONCEPTS} awake, ε {woke.value['eps']:.1e}")
print("found:", ", ".join(sorted(likely)))
assert likely == {f"concept(it, {cause})" for cause in causes}
assert check.held
print(model.query("MAP(it.a[17])"))
