"""Sites that several models cover, against the formula: the part `covers` of `society.py`."""

import numpy as np

import gmlang

PAGE = """
data c[N] : real
data d[N, K] : real
data far[N] : real
data base_[K] : real
entity Page:
    dot : 0..<K base Categorical(base_)
model part(p: Page, k: 0..<N) prior 0.3 depth far[k]:
    cover p.dot ~ Categorical(d[k]) @ c[k]
var page : Page
consider part(page, k) for k in 0..<N
"""


def covers(count: int = 500) -> None:
    """Compare what covers a site with the formula, and covers that are all on with noisy ors."""
    rng = np.random.default_rng(2)
    gap = apart = 0.0
    for _ in range(count):
        parts, values = int(rng.integers(1, 7)), int(rng.integers(2, 5))
        c = rng.choice([1.0, 0.5, *rng.uniform(0.05, 0.95, 3)], parts)
        d, base = rng.dirichlet(np.ones(values), parts), rng.dirichlet(np.ones(values))
        far = rng.integers(0, 3, parts).astype(float)
        model = gmlang.compile(PAGE).bind(c=c, d=d, far=far, base_=base)
        order = np.argsort(far, kind="stable")
        states = np.indices((2,) * parts).reshape(parts, -1).T
        prior = np.where(states > 0, 0.3, 0.7).prod(axis=1)
        still, given = np.ones(len(states)), np.zeros((len(states), values))
        for k in order:
            given += (states[:, k] * still * c[k])[:, None] * d[k]
            still *= 1.0 - states[:, k] * c[k]
        joint = prior[:, None] * (given + still[:, None] * base)
        seen = int(rng.integers(values))
        wanted = joint[states[:, 0] > 0, seen].sum() / joint[:, seen].sum()
        found = model.query(f"P(part(page, 0) | page.dot = {seen})").value
        assert isinstance(found, dict)
        gap = max(gap, abs(found["true"] - wanted))
        noisy = ", ".join(f"x[{k}]: {q:.17g}" for k, q in enumerate(c))
        ors = f"var x[{parts}] : bool base {{true: 0.3, false: 0.7}}\nvar y : bool ~ NoisyOr("
        cause = gmlang.compile(f"{ors}{noisy}, leak={base[0]:.17g})\n")
        on = np.tile([0.0, 1.0], (parts, 1))
        page = gmlang.compile(PAGE).bind(c=c, d=on, far=far, base_=[1.0 - base[0], base[0]])
        one = page.query("P(part(page, 0) | page.dot = 1)").value
        other = cause.query("P(x[0] | y = true)").value
        assert isinstance(one, dict)
        assert isinstance(other, dict)
        apart = max(apart, abs(one["true"] - other["true"]))
    print(f"{count} covers are off by {gap:.1e} at most, {apart:.1e} from a noisy or where on")
