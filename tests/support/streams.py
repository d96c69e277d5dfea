"""Random programs over time, and what their filters must say: what the program cut there says."""

import numpy as np


def random_chain(rng: np.random.Generator) -> tuple[str, list[str]]:
    """Draw a program that is a chain over T, with questions about the step t."""
    lag = int(rng.integers(1, 3))
    lines = [
        "data y[T] : 0..2",
        "data u[T] : bool",
        "data seen[T, 2] : bool",
        "var z[T] : 0..2",
        "var w[T] : bool",
        "var o[T] : 0..2",
        "var s[T, 2] : bool",
        "var fixed : bool ~ Bernoulli(0.3)",
    ]
    p = [round(float(x), 2) for x in rng.uniform(0.1, 0.9, 6)]
    lines.append(f"for t in 0..<T: o[t] ~ Around(z[t], {0.3 + p[0]})")
    lines.append(f"for t in 0..<T, i in 0..<2: s[t, i] ~ Bernoulli({p[1]} if w[t] else 0.2)")
    row = "[0.2, 0.3, 0.5]"
    turned = "[0.6, 0.1, 0.3]"
    lines += [
        f"for t in 0..<T: z[t] ~ Categorical({row}) if t < {lag} else "
        f"Categorical([0.7, 0.2, 0.1]) if z[t-{lag}] == 0 else Categorical({turned})",
        f"w[0] ~ Bernoulli({p[2]})",
        f"for t in 1..<T: w[t] ~ Bernoulli({p[3]} if w[t-1] else {p[4]})",
    ]
    more = [
        "for t in 0..<T if u[t]: prefer w[t] == (z[t] > 0) weight 0.7",
        f"for t in {lag}..<T: factor 0.3 * (z[t] + z[t-{lag}]) * fixed",
        "for t in 0..<T-1: prefer w[t] == w[t+1] weight -0.4",
        "for t in 2..<T: prefer sum(w[t-k] for k in 0..2) == 2 weight 0.5",
        "for t in 0..<T: prefer fixed == w[t] weight 0.2",
        "constraint z[0] != 1 or w[0]",
        "for t in 0..<T: observe w[t] like {true: 2 if u[t] else 1, false: 1}",
        "for t in 1..<T if u[t-1]: constraint z[t] + z[t-1] < 4",
        "for t in 3..<T: prefer z[t] == z[t-3] weight 0.4",
    ]
    lines += [one for one in more if rng.random() < 0.35]
    lines.append("observe o = y")
    lines.append(
        "observe s = seen"
        if rng.random() < 0.5
        else "for t in 0..<T, i in 0..<2: observe s[t, 1 - i] = seen[t, i]"
    )
    asked = ["P(z[t])", "P(w[t], fixed)", "P(z[t] == z[t-1])", "P(s[t, 0] | w[t] = true)"]
    return "\n".join(lines) + "\n", asked


def random_stream(rng: np.random.Generator, num_steps: int) -> dict[str, np.ndarray]:
    """Draw data for such a program; some of it is missing."""
    y = rng.integers(0, 3, num_steps).astype(float)
    seen = rng.integers(0, 2, (num_steps, 2)).astype(float)
    y[rng.random(num_steps) < 0.2] = np.nan
    seen[rng.random((num_steps, 2)) < 0.3] = np.nan
    return {"y": y, "u": rng.integers(0, 2, num_steps), "seen": seen}
