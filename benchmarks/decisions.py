"""Decisions: influence diagrams beside pyAgrum, planning on ice beside value iteration, in one run.

    python -m benchmarks.decisions

Prints what each found and took; values must agree to 1e-6 and 1e-9.
"""

import time
import warnings

import numpy as np

import gmlang

MAZE = """domain Action = {up, down, left, right}
data H = 10
data W = 10
data T = 200
data wall[H, W] : bool
param slip = 0.2
def row(s, a) = min(H-1, max(0, s // W + (1 if a == down else (-1 if a == up else 0))))
def col(s, a) = min(W-1, max(0, s % W + (1 if a == right else (-1 if a == left else 0))))
def step(s, a) = s if wall[row(s, a), col(s, a)] else row(s, a) * W + col(s, a)
var s[T+1] : 0..<H*W
choose a[T] : Action
s[0] := 0
for t in 0..<T:
    s[t+1] ~ {step(s[t], a[t]): 1 - slip, s[t]: slip}
    a[t] knows s[t]
    maximize -0.01 * (s[t] != H*W - 1)
maximize s[T] == H*W - 1
"""

TIGER = """domain Act = {listen, left, right}
data T = 5
var tiger[T] : {left_door, right_door}
var heard[T] : {left_door, right_door}
choose act[T] : Act
tiger[0] ~ Uniform()
for t in 1..<T:
    tiger[t] ~ {tiger[t-1]: 1, rest: 0} if act[t-1] == listen else Uniform()
    heard[t] ~ {tiger[t]: 0.85, rest: 0.15} if act[t-1] == listen else Uniform()
    act[t] knows act[u], heard[u+1] for u in 0..<t
for t in 0..<T:
    maximize -1 if act[t] == listen else 10
    if act[t] != listen and (act[t] == left) == (tiger[t] == left_door): maximize -110
"""


def step_table(wall: np.ndarray, slip: float) -> np.ndarray:
    """Return P(next | state, action), (states, actions, states)."""
    height, width = wall.shape
    table = np.zeros((height * width, 4, height * width))
    for s in range(height * width):
        for a, (down, right) in enumerate(((-1, 0), (1, 0), (0, -1), (0, 1))):
            r = min(height - 1, max(0, s // width + down))
            c = min(width - 1, max(0, s % width + right))
            table[s, a, s if wall[r, c] else r * width + c] += 1 - slip
            table[s, a, s] += slip
    return table


def maze(seed: int) -> None:
    """Plan two hundred steps, and compare with value iteration in NumPy."""
    rng = np.random.default_rng(seed)
    wall = rng.random((10, 10)) < 0.2
    wall[0, 0] = wall[-1, -1] = False
    model = gmlang.compile(MAZE).bind(wall=wall)
    model.grounding()
    begun = time.perf_counter()
    found = model.query("MEU()", budget_s=30.0)
    ours = time.perf_counter() - begun
    begun = time.perf_counter()
    table = step_table(wall, 0.2)
    value = np.eye(100)[99]
    reward = -0.01 * (np.arange(100) != 99)
    for _ in range(200):
        value = (reward[:, None] + table @ value).max(axis=1)
    theirs = time.perf_counter() - begun
    print(
        f"maze {seed}, 200 steps: {found.status} {found.value:.9f} in {ours:.2f} s; "
        f"value iteration {value[0]:.9f} in {theirs:.2f} s"
    )
    assert abs(float(str(found.value)) - value[0]) < 1e-9


def tiger(steps: int) -> None:
    """Plan in a world that is seen in part."""
    model = gmlang.compile(TIGER.replace("T = 5", f"T = {steps}"))
    model.grounding()
    begun = time.perf_counter()
    found = model.query("MEU()", budget_s=30.0)
    print(
        f"tiger, {steps} steps: {found.status} {found.value} in {time.perf_counter() - begun:.2f} s"
    )


def diagrams(count: int) -> None:
    """Solve random influence diagrams, and pyAgrum the same."""
    import gmruntime as gm
    from tests.runtime.test_decisions import agrum_meu
    from tests.support.influence import as_question, random_diagram

    ours = theirs = 0.0
    same = beaten = 0
    for seed in range(count):
        rng = np.random.default_rng(seed)
        diagram = random_diagram(rng, int(rng.integers(1, 4)), recalls=True)
        begun = time.perf_counter()
        found = gm.infer(*as_question(diagram))
        ours += time.perf_counter() - begun
        begun = time.perf_counter()
        told = agrum_meu(diagram)
        theirs += time.perf_counter() - begun
        same += abs(told - found.value) < 1e-6
        beaten += told < found.value - 1e-6
    print(
        f"{count} influence diagrams: {same} alike, {beaten} where pyAgrum's policy is worse; "
        f"{ours:.2f} s beside {theirs:.2f} s"
    )
    assert same + beaten == count


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    maze(0)
    maze(1)
    for length in (3, 5, 6):
        tiger(length)
    diagrams(200)
